"""Monitors and alerts beside what they are about: which of them count, and what cannot be read."""

import pytest
from test_surroundings import dragonfly, found, manifest, objects, said

from seawall.policy.findings import Outcome

MONITOR_API = "monitoring.coreos.com/v1"


def test_a_monitor_that_cannot_be_read_is_neither_a_pass_nor_the_end() -> None:
    broken = manifest("PodMonitor", "broken", {"selector": {"matchLabels": ["a"]}}, MONITOR_API)
    findings = found("DFLY-MON-001", objects(dragonfly(), broken))
    assert {finding.outcome for finding in findings} == {Outcome.NOT_EVALUATED}
    assert {finding.blamed.title for finding in findings} == {"PodMonitor data/broken"}


@pytest.mark.parametrize(
    ("anywhere", "broken_in", "outcomes"),
    [
        (False, None, []),
        (True, None, []),
        (False, "elsewhere", []),
        (False, "data", [Outcome.NOT_EVALUATED]),
        (True, "elsewhere", [Outcome.NOT_EVALUATED]),
    ],
)
def test_a_service_that_cannot_be_read_may_be_meant_where_a_monitor_looks(
    anywhere: bool, broken_in: str | None, outcomes: list[Outcome]
) -> None:
    ports = [{"name": "admin", "port": 9999}]
    service = manifest("Service", "metrics", {"selector": {"app": "cache"}, "ports": ports})
    service["metadata"]["labels"] = {"app": "metrics"}
    spec = {
        "selector": {"matchLabels": {"app": "metrics"}},
        "endpoints": [{"port": "admin"}],
        "namespaceSelector": {"any": anywhere},
    }
    made = [dragonfly(), service, manifest("ServiceMonitor", "metrics", spec, MONITOR_API)]
    if broken_in is not None:
        broken = manifest("Service", "broken", {})
        broken["metadata"] |= {"namespace": broken_in, "labels": 3}
        made.append(broken)
    assert [it.outcome for it in found("DFLY-MON-001", objects(*made))] == outcomes


@pytest.mark.parametrize(("operator", "reads"), [("In", False), ("NotIn", True), ("Exists", True)])
def test_services_are_found_by_whatever_a_monitor_asks_of_their_labels(operator: str, reads: bool) -> None:
    service = manifest("Service", "metrics", {"selector": {"app": "cache"}, "ports": [{"name": "admin", "port": 9999}]})
    service["metadata"]["labels"] = {"app": "metrics"}
    asked = {"key": "app", "operator": operator, "values": [] if operator == "Exists" else ["other"]}
    spec = {"selector": {"matchExpressions": [asked]}, "endpoints": [{"port": "admin"}]}
    estate = objects(dragonfly(), service, manifest("ServiceMonitor", "metrics", spec, MONITOR_API))
    assert (not [it for it in said("DFLY-MON-001", estate) if "nothing reads" in it]) is reads


@pytest.mark.parametrize(("selects", "idle"), [("queue-misspelt", True), ("cache", False)])
def test_a_monitor_that_finds_pods_is_not_said_to_find_none(selects: str, idle: bool) -> None:
    queue = dragonfly()
    queue["metadata"] = {"name": "queue", "namespace": "data"}
    spec = {"selector": {"matchLabels": {"app": selects}}, "podMetricsEndpoints": [{"port": "admin"}]}
    own = {**spec, "selector": {"matchLabels": {"app": "cache"}}}
    monitors = [manifest("PodMonitor", name, it, MONITOR_API) for name, it in (("queue", spec), ("cache", own))]
    [message] = [it for it in said("DFLY-MON-001", objects(dragonfly(), queue, *monitors)) if "nothing reads" in it]
    assert ("PodMonitor data/queue selects no pods at all" in message) is idle


@pytest.mark.parametrize("pattern", ["(a+)+$", "(?:(?:a|a)*)*b", "[", "a" * 500, ".*.*.*.*.*.*.*.*x"])
def test_a_hostile_pattern_in_an_alert_is_taken_to_match(pattern: str) -> None:
    metric = "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp"
    alert = {"alert": "Old", "expr": f'time() - {metric}{{namespace=~"{pattern}"}} > 1'}
    rule = manifest("PrometheusRule", "alerts", {"groups": [{"name": "a", "rules": [alert]}]}, MONITOR_API)
    plugin = [{"name": "barman-cloud.cloudnative-pg.io"}]
    cluster = manifest("Cluster", "a" * 40, {"instances": 1, "plugins": plugin}, "postgresql.cnpg.io/v1")
    assert said("CNPG-MON-001", objects(cluster, rule)) == []


@pytest.mark.parametrize(
    ("matchers", "covered"),
    [
        ('namespace="data",pod=~"pg-[0-9]+"', True),
        ('pod=~"pg-[0-9]+"', True),
        ('namespace="data"', True),
        ('cluster="x"', True),
        ('namespace="data",pod=~"crm-[0-9]+"', False),
        ('namespace="other",pod=~"pg-[0-9]+"', False),
        ('pod=~"crm-[0-9]+"', False),
        ('namespace!="data"', False),
        ('podname="crm-1"', True),
    ],
)
def test_which_cluster_an_alert_is_about(matchers: str, covered: bool) -> None:
    metric = "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp"
    alert = {"alert": "Old", "expr": f"time() - {metric}{{{matchers}}} > 1"}
    rule = manifest("PrometheusRule", "alerts", {"groups": [{"name": "a", "rules": [alert]}]}, MONITOR_API)
    plugins = [{"name": "barman-cloud.cloudnative-pg.io"}]
    cluster = manifest("Cluster", "pg", {"instances": 1, "plugins": plugins}, "postgresql.cnpg.io/v1")
    assert (not [it for it in said("CNPG-MON-001", objects(cluster, rule)) if "no alert fires" in it]) is covered


def test_a_cluster_that_cannot_be_read_hides_no_lying_alert_of_another() -> None:
    alert = {"alert": "Old", "expr": "time() - cnpg_collector_last_available_backup_timestamp > 1"}
    rule = manifest("PrometheusRule", "alerts", {"groups": [{"name": "a", "rules": [alert]}]}, MONITOR_API)
    broken = manifest("Cluster", "broken", {"instances": 1, "plugins": ["barman"]}, "postgresql.cnpg.io/v1")
    plugins = [{"name": "barman-cloud.cloudnative-pg.io"}]
    cluster = manifest("Cluster", "pg", {"instances": 1, "plugins": plugins}, "postgresql.cnpg.io/v1")
    assert [it for it in said("CNPG-MON-001", objects(broken, cluster, rule)) if "as for Cluster data/pg" in it]


def test_an_alert_file_that_cannot_be_read_hides_no_missing_alert() -> None:
    rule = manifest("PrometheusRule", "alerts", {"groups": "none"}, MONITOR_API)
    cluster = manifest(
        "Cluster",
        "pg",
        {"instances": 1, "plugins": [{"name": "barman-cloud.cloudnative-pg.io"}]},
        "postgresql.cnpg.io/v1",
    )
    findings = found("CNPG-MON-001", objects(cluster, rule))
    assert {finding.outcome for finding in findings} == {Outcome.NOT_EVALUATED}
    assert {finding.subject.kind for finding in findings} == {"Cluster", "PrometheusRule"}
