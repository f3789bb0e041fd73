"""Scraping and alerts of a Dragonfly instance."""

import pytest
from dragonfly_samples import args
from promql import metrics, parsed

from seawall.components.dragonfly.monitoring import alerts, rules, scrape

NINE = {
    "DragonflyDown",
    "DragonflyNoPrimary",
    "DragonflyReplicaCountLow",
    "DragonflyMemoryHigh",
    "DragonflyMemoryCritical",
    "DragonflyDiskNearFull",
    "DragonflyCommandRateHigh",
    "DragonflyReplicationLagHigh",
    "DragonflyReplicationBroken",
}
OURS = {"DragonflySnapshotFailed", "DragonflySecretNotSynced", "DragonflyWritesRefused"}

IN_EVERY_VERSION = {
    "dragonfly_master",
    "dragonfly_memory_used_bytes",
    "dragonfly_memory_max_bytes",
    "dragonfly_used_memory_rss_bytes",
    "dragonfly_oom_errors_total",
    "dragonfly_commands_processed_total",
    "dragonfly_failed_backups_total",
    "dragonfly_connected_replica_lag_records",
}
"""Read in the sources of Dragonfly 1.34.2 and 1.39.0; `dragonfly_master_link_status` is in 1.39 and newer only."""


def expressions(**settings: object) -> dict[str, str]:
    return {alert.name: alert.expression for alert in alerts(args(**settings))}


def test_the_nine_alerts_and_ours_are_there() -> None:
    names = [alert.name for alert in alerts(args())]
    assert set(names) == NINE | OURS
    assert len(names) == len(set(names))


def test_each_alert_says_what_it_means_and_where_its_runbook_is() -> None:
    [group] = rules(args())["spec"]["groups"]
    for rule in group["rules"]:
        noted = rule["annotations"]
        assert noted["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"
        assert noted["summary"]
        assert noted["description"].endswith(".")
        assert rule["labels"]["severity"] in {"critical", "warning"}


def test_alerts_of_two_instances_are_never_one() -> None:
    found = {}
    for name in ("dragonfly", "queue"):
        [group] = rules(args(name, global_service={"name": f"{name}-global", "exported_from": "infra"}))["spec"][
            "groups"
        ]
        found[name] = {tuple(sorted(rule["labels"].items())) for rule in group["rules"]}
    assert not found["dragonfly"] & found["queue"]


@pytest.mark.parametrize("purpose", ["cache", "queue"])
def test_every_expression_parses_and_reads_what_every_version_serves(purpose: str) -> None:
    for expression in expressions(purpose=purpose).values():
        parsed(expression)
        assert {name for name in metrics(expression) if name.startswith("dragonfly_")} <= IN_EVERY_VERSION


def test_every_expression_is_about_this_instance() -> None:
    found = expressions()
    for name in NINE - {"DragonflyDiskNearFull"}:
        assert '{namespace="dragonfly-system",app="dragonfly"' in found[name]
    assert 'persistentvolumeclaim=~"df-dragonfly-[0-9]+"' in found["DragonflyDiskNearFull"]
    assert 'name=~"dragonfly-auth"' in found["DragonflySecretNotSynced"]


def test_no_master_at_all_fires_too() -> None:
    assert "or absent(dragonfly_master" in expressions()["DragonflyNoPrimary"]


def test_broken_replication_counts_zero_and_leaves_missing_pods_to_another_alert() -> None:
    expression = expressions()["DragonflyReplicationBroken"]
    assert 'replica_state=~"stable_sync|online"' in expression
    assert "* 0)" in expression, "a count over nothing is no series"
    assert "(up{" in expression
    assert expression.endswith("== 1) - 1"), "the master follows nobody"


def test_a_secret_is_found_however_the_scraper_names_its_namespace() -> None:
    expression = expressions()["DragonflySecretNotSynced"]
    assert 'exported_namespace="dragonfly-system"' in expression
    assert ',namespace="dragonfly-system"' in expression
    assert " or absent(" in expression, "nobody reports it: that is an alert as well"


def test_a_full_cache_is_normal_and_a_full_queue_is_not() -> None:
    assert "dragonfly_memory_max_bytes" not in expressions()["DragonflyMemoryHigh"]
    queue = expressions(purpose="queue")
    assert queue["DragonflyMemoryHigh"].endswith(
        "dragonfly_memory_max_bytes" + '{namespace="dragonfly-system",app="dragonfly"} > 0.7'
    )
    assert "> 0.85 or " in queue["DragonflyMemoryCritical"]


def test_the_rate_is_a_pods_and_not_a_listeners() -> None:
    assert expressions()["DragonflyCommandRateHigh"].startswith("sum by (namespace, app, pod) (rate(")


def test_without_a_volume_there_is_no_alert_about_it() -> None:
    assert not {"DragonflyDiskNearFull", "DragonflySnapshotFailed"} & expressions(snapshot=None).keys()


def test_metrics_are_read_from_the_admin_port_by_the_pods_own_labels() -> None:
    spec = scrape(args())["spec"]
    assert spec["selector"]["matchLabels"]["app"] == "dragonfly"
    assert "role" not in spec["selector"]["matchLabels"]
    assert spec["podTargetLabels"] == ["app"]
    [endpoint] = spec["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("admin", "/metrics")
