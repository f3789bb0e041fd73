"""Alerts of a Postgres cluster: what they read, what they must not read, and what they are silent about."""

import re
from typing import Any

import pytest
from cnpg_samples import args
from promql import metrics, parsed

from seawall.components.cnpg.certificates import target
from seawall.components.cnpg.isolation import job_names
from seawall.components.cnpg.monitoring import rules

EXPECTED = {
    "CnpgBackupTooOld",
    "CnpgBackupUnknown",
    "CnpgBackupFailed",
    "CnpgBackupNotValidated",
    "CnpgWalArchivingFailing",
    "CnpgWalArchiveBacklog",
    "CnpgInstancesMissing",
    "CnpgNoPrimary",
    "CnpgReplicationLag",
    "CnpgReplicaNotStreaming",
    "CnpgVolumeAlmostFull",
    "CnpgConnectionsHigh",
    "CnpgPoolerClientsWaiting",
    "CnpgPoolersMissing",
    "CnpgTenantIsolationNotApplied",
    "CnpgSecretNotSynced",
}
BREAK_GLASS = (
    ("superuser_access", True),
    ("superuser_reason", "The extension needs a superuser once."),
    ("secrets.superuser", "db/superuser"),
)

ZERO_WITH_THE_PLUGIN = {
    "cnpg_collector_last_available_backup_timestamp",
    "cnpg_collector_last_failed_backup_timestamp",
    "cnpg_collector_first_recoverability_point",
}
"""The operator's own backup metrics: 0 for ever when the plugin makes the backups."""


def alerts(*changes: tuple[str, Any]) -> dict[str, dict[str, Any]]:
    [group] = rules(args(*changes))["spec"]["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def expressions(*changes: tuple[str, Any]) -> dict[str, str]:
    return {name: rule["expr"] for name, rule in alerts(*changes).items()}


def test_all_alerts_are_there() -> None:
    assert alerts().keys() == EXPECTED


@pytest.mark.parametrize("changes", [(), BREAK_GLASS], ids=["usual", "break-glass"])
def test_every_expression_parses_and_reads_no_metric_that_lies(changes: tuple[tuple[str, Any], ...]) -> None:
    for name, expression in expressions(*changes).items():
        parsed(expression)
        assert not metrics(expression) & ZERO_WITH_THE_PLUGIN, name


def test_every_alert_says_which_cluster_it_is_about() -> None:
    for rule in alerts().values():
        assert rule["labels"]["data_target"] == "databases/main"
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"
        assert rule["annotations"]["description"].endswith(".")


def test_the_published_address_of_the_pages_is_used() -> None:
    made = args(
        platform={
            "observability": {
                "namespace": "observability",
                "scraper_labels": {"app": "vmagent"},
                "runbooks": "https://docs.example.org/runbooks",
            }
        }
    )
    [group] = rules(made)["spec"]["groups"]
    links = {rule["annotations"]["runbook_url"] for rule in group["rules"]}
    assert "https://docs.example.org/runbooks/CnpgNoPrimary.md" in links
    assert len(links) == len(EXPECTED)


def test_silence_about_backups_and_instances_is_an_alert() -> None:
    found = expressions()
    assert found["CnpgBackupUnknown"].startswith("absent(barman_cloud_")
    for name in ("CnpgBackupNotValidated", "CnpgInstancesMissing", "CnpgPoolersMissing"):
        assert " or absent(" in found[name], name
    assert "or vector(0)" in found["CnpgNoPrimary"]


def test_one_secret_that_nobody_reports_is_not_covered_by_the_others() -> None:
    expression = expressions()["CnpgSecretNotSynced"]
    assert ") < 4 or absent(" in expression, "two roles, writer and reader"


@pytest.mark.parametrize("name", ["CnpgPoolersMissing", "CnpgPoolerClientsWaiting"])
def test_only_the_clusters_own_poolers_are_counted(name: str) -> None:
    [pattern] = set(re.findall(r'pod=~"([^"]+)"', expressions()[name]))
    assert re.fullmatch(pattern, "shop-pooler-5d9c7b8f6d-x2x4q")
    assert not re.fullmatch(pattern, "shop-pooler-copy-5d9c7b8f6d-x2x4q"), "a pooler of another cluster"


def test_no_primary_and_two_of_them_both_fire() -> None:
    assert expressions()["CnpgNoPrimary"].endswith("!= 1")


def test_isolation_is_watched_for_each_application_by_its_jobs_present_name() -> None:
    made = args()
    expression = expressions()["CnpgTenantIsolationNotApplied"]
    for application, job in job_names(made).items():
        assert f'job_name="{job}"' in expression
        assert f'"application", "{application}"' in expression
    assert expression.count("absent(") == len(job_names(made)) == 2


def test_superuser_access_is_an_alert_for_as_long_as_it_is_declared() -> None:
    assert "CnpgSuperuserAccessOn" not in alerts()
    found = alerts(*BREAK_GLASS)["CnpgSuperuserAccessOn"]
    assert found["expr"] == "vector(1)"
    assert found["for"] == "0m"


# ── the certificate probe ────────────────────────────────────────────────────────────────────────────────────────────

RW = "main-rw.databases.svc.cluster.local"
SHOP = "shop-pooler.databases.svc.cluster.local"
OLD = ("names.old_hosts", ["{app}-db.old"])


def test_every_name_in_the_certificate_is_verified_at_its_pooler() -> None:
    made = args(OLD)
    found = target(made)
    assert found.hosts.keys() == {RW, SHOP, "single-sign-on-pooler.databases.svc.cluster.local"}
    assert found.hosts[SHOP][:4] == ("shop-pooler", "shop-pooler.databases", "shop-pooler.databases.svc", SHOP)
    assert "shop-db.old" in found.hosts[SHOP]
    verified = {name for host, names in found.hosts.items() if host != RW for name in names}
    assert verified == set(made.server_names)


def test_served_former_names_are_connected_to_as_well() -> None:
    former = "shop-db.old.svc.cluster.local"
    assert former not in target(args(OLD)).hosts
    assert target(args(OLD, ("names.serve_old_hosts", True))).hosts[former][1] == "shop-db.old"


def test_instances_and_poolers_are_reached_and_jobs_are_not() -> None:
    found = target(args())
    assert found.authority_secret == "main-ca"
    assert found.stored_authority == args().settings.secrets.ca
    for pods in found.pods:
        assert pods.namespace == "databases"
        assert {"cnpg.io/podRole", "cnpg.io/poolerName"} & pods.labels.keys(), "every pod of the cluster, jobs included"
    assert len(found.pods) == 3
