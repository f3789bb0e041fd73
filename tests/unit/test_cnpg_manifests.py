"""The objects of a Postgres cluster: what they say, and that every one fits its CRD."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from cnpg_samples import ALONE, AWS_TARGET, GONE, KEY, ROLES, args, generic, on_own_store
from schemas import has_crd, validate

from seawall.components.cnpg import (
    backup,
    certificates,
    isolation,
    manifests,
    monitoring,
    network,
    pooler,
    secrets,
    validation,
)
from seawall.components.cnpg.args import BackupTarget, CnpgSharedClusterArgs
from seawall.operators import annotations

SUPERUSER = (
    ("superuser_access", True),
    ("superuser_reason", "a test"),
    ("secrets.superuser", "db/superuser"),
)

VARIANTS: dict[str, Callable[[], CnpgSharedClusterArgs]] = {
    "keys": args,
    "roles": lambda: args(target=ROLES),
    "own store": on_own_store,
    "zones": lambda: args(platform={"nodes": {"count": 4, "zones": ["a", "b", "c"]}}),
    "generic": generic,
    "one instance": lambda: args(*ALONE, ("applications.shop.instances", 1)),
    "superuser": lambda: args(*SUPERUSER),
    "asynchronous": lambda: args(("asynchronous_reason", "a test")),
    "older operator": lambda: args(version="1.29.1"),
}


def objects(made: CnpgSharedClusterArgs) -> list[dict[str, Any]]:
    found = [
        manifests.cluster(made),
        backup.object_store(made),
        backup.scheduled_backup(made),
        validation.config_map(made),
        validation.service_account(made),
        validation.cron_job(made),
        monitoring.rules(made),
        *monitoring.scrapes(made).values(),
        *network.network_policies(made).values(),
        *isolation.jobs(made).values(),
        *certificates.manifests(made).values(),
        *secrets.role_secrets(made).values(),
        *secrets.other_secrets(made).values(),
    ]
    for application in made.applications:
        found += [manifests.database_role(application), manifests.database(application), pooler.pooler(application)]
        found += [budget] if (budget := pooler.budget(application)) else []
    return found


def spec(made: CnpgSharedClusterArgs) -> dict[str, Any]:
    return dict(manifests.cluster(made)["spec"])


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_fits_its_schema(variant: str) -> None:
    found = objects(VARIANTS[variant]())
    assert sum(map(has_crd, found)) >= 15
    for manifest in found:
        validate(manifest)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_is_ours_in_the_namespace_and_named_once(variant: str) -> None:
    found = objects(VARIANTS[variant]())
    for manifest in found:
        assert manifest["metadata"]["labels"][annotations.MANAGED_BY_LABEL] == annotations.MANAGED_BY
        assert manifest["metadata"]["namespace"] == "databases"
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in found]
    assert len(set(names)) == len(names)


# ── the Cluster ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_superuser_access_is_off_and_nothing_refers_to_its_secret() -> None:
    made = spec(args())
    assert made["enableSuperuserAccess"] is False
    assert "superuserSecret" not in made
    assert set(secrets.other_secrets(args())) == {"backup-writer", "backup-reader"}


def test_break_glass_opens_exactly_the_superusers_door_and_is_seen() -> None:
    closed = manifests.cluster(args())["metadata"]
    assert annotations.SUPERUSER not in {**closed["labels"], **closed["annotations"]}
    made = args(*SUPERUSER)
    shown = manifests.cluster(made)["metadata"]
    assert shown["labels"][annotations.SUPERUSER] == "on"
    assert shown["annotations"][annotations.SUPERUSER] == "a test"
    assert spec(made)["superuserSecret"] == {"name": "main-break-glass"}
    rules = spec(made)["postgresql"]["pg_hba"]
    assert rules[-2:] == ["hostssl all postgres all scram-sha-256", "host all all all reject"]
    assert secrets.other_secrets(made)["break-glass"]["spec"]["data"][0]["remoteRef"]["key"] == "db/superuser"


def test_a_single_instance_says_why_and_several_say_nothing() -> None:
    assert annotations.SINGLE_INSTANCE not in manifests.cluster(args())["metadata"]["annotations"]
    alone = args(*ALONE)
    assert alone.settings.single_instance_reason
    shown = manifests.cluster(alone)["metadata"]["annotations"]
    assert shown[annotations.SINGLE_INSTANCE] == alone.settings.single_instance_reason


def test_a_cluster_that_nobody_drills_says_how_else_it_is_known() -> None:
    undrilled = args()
    assert undrilled.settings.undrilled_reason
    shown = manifests.cluster(undrilled)["metadata"]["annotations"]
    assert shown[annotations.UNDRILLED] == undrilled.settings.undrilled_reason
    drilled = args(
        ("restore_drill", {"namespace": "drills", "schedule": "0 4 * * 0", "max_age": "8d"}), ("undrilled_reason", GONE)
    )
    assert annotations.UNDRILLED not in manifests.cluster(drilled)["metadata"]["annotations"]


def test_each_role_enters_its_own_database_over_tls_and_nobody_anything_else() -> None:
    assert spec(args())["postgresql"]["pg_hba"] == [
        "hostssl shop shop all scram-sha-256",
        "hostssl single_sign_on single_sign_on all scram-sha-256",
        "host all all all reject",
    ]


def test_the_budget_is_the_operators_and_none_for_a_single_instance() -> None:
    assert spec(args())["enablePDB"] is True
    assert spec(args(*ALONE))["enablePDB"] is False
    budgets = [manifest for manifest in objects(args()) if manifest["kind"] == "PodDisruptionBudget"]
    for made in budgets:
        assert set(made["spec"]["selector"]["matchLabels"]) == {"cnpg.io/poolerName"}


def test_no_two_instances_share_a_node_and_zones_only_where_there_are_zones() -> None:
    assert spec(args())["affinity"] == {
        "enablePodAntiAffinity": True,
        "podAntiAffinityType": "required",
        "topologyKey": "kubernetes.io/hostname",
    }
    assert "topologySpreadConstraints" not in spec(args())
    [spread] = spec(VARIANTS["zones"]())["topologySpreadConstraints"]
    # the cluster's label alone would count poolers and jobs as well
    assert spread["labelSelector"]["matchLabels"] == {"cnpg.io/cluster": "main", "cnpg.io/podRole": "instance"}


def test_every_parameter_is_text_and_sorted() -> None:
    parameters = spec(args())["postgresql"]["parameters"]
    assert parameters == {
        "max_connections": "200",
        "shared_buffers": "256MB",
        "ssl_min_protocol_version": "TLSv1.3",  # said, and not left to the operator's default
    }
    assert list(parameters) == sorted(parameters)
    older = spec(args(("parameters.ssl_min_protocol_version", "TLSv1.2")))["postgresql"]["parameters"]
    assert older["ssl_min_protocol_version"] == "TLSv1.2"


def test_synchronous_replication_follows_the_instances() -> None:
    assert spec(args())["postgresql"]["synchronous"] == {
        "method": "any",
        "number": 1,
        "maxStandbyNamesFromCluster": 2,
        "dataDurability": "preferred",
    }
    assert "synchronous" not in spec(args(*ALONE))["postgresql"]
    assert "synchronous" not in spec(VARIANTS["asynchronous"]())["postgresql"]


def test_the_certificate_has_every_pooler_in_all_forms_and_the_former_hosts() -> None:
    names = spec(args(("names", {"old_hosts": ["{app}-pooler.cnpg-system"]})))["certificates"]["serverAltDNSNames"]
    for service in ("shop-pooler", "single-sign-on-pooler"):
        for namespace in ("databases", "cnpg-system"):
            forms = {
                service,
                f"{service}.{namespace}",
                f"{service}.{namespace}.svc",
                f"{service}.{namespace}.svc.cluster.local",
            }
            assert forms <= set(names)
    assert len(names) == len(set(names)) == 14


def test_the_plugin_archives_into_the_object_store() -> None:
    assert spec(args())["plugins"] == [
        {
            "name": "barman-cloud.cloudnative-pg.io",
            "isWALArchiver": True,
            "parameters": {"barmanObjectName": "main", "serverName": "main"},
        }
    ]
    assert backup.object_store(args())["metadata"]["name"] == "main"
    assert "backup" not in spec(args())


def test_nothing_goes_round_the_operator() -> None:
    forbidden = {"cnpg.io/validation", "cnpg.io/podPatch", "cnpg.io/reconciliationLoop", "cnpg.io/skipWalArchiving"}
    for manifest in objects(args()):
        assert not forbidden & set(manifest["metadata"].get("annotations", {}))


# ── roles and databases ──────────────────────────────────────────────────────────────────────────────────────────────


def test_roles_are_objects_where_the_operator_has_them_and_in_the_cluster_before() -> None:
    assert "managed" not in spec(args())
    older = spec(VARIANTS["older operator"]())["managed"]["roles"]
    assert [role["name"] for role in older] == ["shop", "single_sign_on"]
    newer = [manifests.database_role(application)["spec"] for application in args().applications]
    for old, new in zip(older, newer, strict=True):
        assert old.items() <= new.items()


def test_roles_are_nothing_but_owners_and_stay_when_their_object_goes() -> None:
    for application in args().applications:
        role = manifests.database_role(application)["spec"]
        assert not any(role[right] for right in ("superuser", "createdb", "createrole", "replication", "bypassrls"))
        assert role["databaseRoleReclaimPolicy"] == "retain"
        owned = manifests.database(application)["spec"]
        assert owned["owner"] == role["name"]
        assert owned["databaseReclaimPolicy"] == "retain"
        assert role["passwordSecret"]["name"] in {
            made["metadata"]["name"] for made in secrets.role_secrets(args()).values()
        }


def test_role_secrets_have_the_type_keys_and_label_that_the_operator_needs() -> None:
    made = secrets.role_secrets(args())["shop"]["spec"]
    assert made["target"]["template"] == {
        "type": "kubernetes.io/basic-auth",
        "metadata": {"labels": {"cnpg.io/reload": "true"}},
    }
    assert [(item["secretKey"], item["remoteRef"]) for item in made["data"]] == [
        ("username", {"key": "db/shop", "property": "username"}),
        ("password", {"key": "db/shop", "property": "password"}),
    ]


# ── poolers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def poolers(made: CnpgSharedClusterArgs) -> dict[str, dict[str, Any]]:
    return {application.name: pooler.pooler(application)["spec"] for application in made.applications}


def test_a_pooler_lets_its_role_into_its_database_over_tls_and_nobody_anything_else() -> None:
    rules = poolers(args())["shop"]["pgbouncer"]["pg_hba"]
    assert rules == [
        "hostssl shop shop 0.0.0.0/0 scram-sha-256",
        "hostssl shop shop ::/0 scram-sha-256",
        "host all all 0.0.0.0/0 reject",
        "host all all ::/0 reject",
    ]


def test_pgbouncers_parameters_are_text_and_bound_the_server_connections() -> None:
    transaction, session = (made["pgbouncer"]["parameters"] for made in poolers(args()).values())
    assert transaction == {
        "max_client_conn": "300",
        "default_pool_size": "5",
        "min_pool_size": "2",
        "reserve_pool_size": "1",
        "max_db_connections": "6",
        "max_prepared_statements": "200",
        "client_tls_sslmode": "require",
        "server_tls_sslmode": "verify-ca",
    }
    assert session["max_db_connections"] == "10"
    assert "max_prepared_statements" not in session


def test_a_rollout_never_needs_a_further_node() -> None:
    for application, made in poolers(args()).items():
        assert made["deploymentStrategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
        template = made["template"]["spec"]
        [term] = template["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert term["labelSelector"]["matchLabels"] == {"cnpg.io/poolerName": f"{application}-pooler"}
        [container] = template["containers"]
        assert container["name"] == "pgbouncer"
        assert set(container["resources"]) == {"requests", "limits"}


def test_only_a_pooler_with_remote_clients_has_a_global_service() -> None:
    made = poolers(args())
    assert made["shop"]["serviceTemplate"]["metadata"]["annotations"] == {
        "service.cilium.io/global": "true",
        "service.cilium.io/shared": "true",
    }
    assert "serviceTemplate" not in made["single-sign-on"]


def test_a_pooler_says_whom_it_is_for() -> None:
    [shop, _] = (pooler.pooler(application)["metadata"] for application in args().applications)
    assert json.loads(shop["annotations"][annotations.CLIENTS]) == {"this": ["shop"], "apps": ["web"]}
    assert json.loads(shop["annotations"][annotations.OPERATOR]) == {"namespace": "cnpg-system", "version": "1.30.0"}


def test_a_pooler_is_deleted_before_its_deployment() -> None:
    for application in args().applications:
        made = pooler.pooler(application)["metadata"]["annotations"]
        assert made["pulumi.com/deletionPropagationPolicy"] == "background"


def test_every_pooler_has_a_budget_unless_it_is_alone() -> None:
    shop, sso = args(("applications.shop.instances", 1)).applications
    assert pooler.budget(shop) is None
    made = pooler.budget(sso)
    assert made is not None
    assert made["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": {"cnpg.io/poolerName": "single-sign-on-pooler"}},
    }


# ── monitoring, what comes from elsewhere ─────────────────────────────────────────────────────────────────────────────


def test_scrapes_select_instances_and_poolers_apart() -> None:
    selectors = {
        purpose: made["spec"]["selector"]["matchLabels"] for purpose, made in monitoring.scrapes(args()).items()
    }
    assert selectors == {
        "instances": {"cnpg.io/cluster": "main", "cnpg.io/podRole": "instance"},
        "poolers": {"cnpg.io/cluster": "main", "cnpg.io/podRole": "pooler"},
    }


def test_backup_alerts_ask_the_plugin_and_follow_the_settings() -> None:
    rules = monitoring.rules(args(("validation.max_backup_age", "30h")))["spec"]["groups"][0]["rules"]
    alerts = {rule["alert"]: rule["expr"] for rule in rules}
    assert "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp" in alerts["CnpgBackupTooOld"]
    assert alerts["CnpgBackupTooOld"].endswith(f"> {30 * 3600}")
    assert not any("cnpg_collector_last_available_backup" in expression for expression in alerts.values())
    assert alerts["CnpgConnectionsHigh"].endswith("> 180")
    assert (
        'absent(kube_cronjob_status_last_successful_time{namespace="databases",cronjob="main-validation"})'
        in (alerts["CnpgBackupNotValidated"])
    )
    assert f"> {25 * 3600} or" in alerts["CnpgBackupNotValidated"]
    for name in ("main-role-shop", "main-role-single-sign-on", "main-backup-writer", "main-backup-reader"):
        assert name in alerts["CnpgSecretNotSynced"]
    assert len(alerts) == len(rules) > 15


@pytest.mark.parametrize(
    ("schedule", "longest"), [("0 3 * * 0,5-6", 5 * 24), ("0 3 * * MON", 7 * 24), ("0 3 * * sat,sun", 6 * 24)]
)
def test_a_validation_is_overdue_an_hour_after_its_longest_gap(schedule: str, longest: int) -> None:
    rules = monitoring.rules(args(("validation.schedule", schedule)))["spec"]["groups"][0]["rules"]
    overdue = next(rule["expr"] for rule in rules if rule["alert"] == "CnpgBackupNotValidated")
    assert f"> {(longest + 1) * 3600} or" in overdue


def test_the_key_is_a_field_of_its_own_wherever_it_appears() -> None:
    class Unknown(str):
        """Stands for an output of the engine: it must never be part of another text."""

        def __format__(self, spec: str) -> str:
            raise AssertionError("an output was put into a text")

        def __str__(self) -> str:
            raise AssertionError("an output was put into a text")

    target = BackupTarget("eu-central-1", Unknown("key"), Unknown("argument"))
    assert objects(args(target=target))
    assert AWS_TARGET.key == KEY


@pytest.mark.parametrize("simulated", [False, True])
def test_readiness_is_awaited_unless_nothing_really_runs(simulated: bool) -> None:
    awaited = {
        made["kind"]
        for made in objects(args(platform={"simulated": simulated}))
        if "pulumi.com/waitFor" in made["metadata"].get("annotations", {})
    }
    assert awaited == (set() if simulated else {"Cluster", "Database", "DatabaseRole"})
