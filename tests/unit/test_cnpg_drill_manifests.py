"""The restore drill's objects: where they are, what they may, what they run, and when somebody hears of it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import promql
import pytest
from cnpg_samples import GONE, POSTGRES, args, aws, changed, on_own_store

from seawall.components.cnpg.args import BackupTarget, CnpgSharedClusterArgs
from seawall.components.cnpg.buckets import bucket_args
from seawall.components.cnpg.drill import access, manifests, monitoring, network, recovery
from seawall.components.cnpg.drill.names import drill_name, report_name, restored_name
from seawall.components.cnpg.drill.runner import plan
from seawall.components.cnpg.drill_settings import RestoreDrill
from seawall.components.cnpg.settings import CnpgSettings
from seawall.components.kubernetes.service_account import ROLE_ANNOTATION
from seawall.operators import annotations
from seawall.operators.cnpg.names import LONGEST_CLUSTER

WEEKLY: dict[str, Any] = {"namespace": "drills", "schedule": "0 4 * * 0", "max_age": "8d"}
ROLES = BackupTarget(
    region="eu-central-1",
    key="arn:aws:kms:eu-central-1:123456789012:key/x",
    key_argument="--sse-kms-key-id=x",
    writer_role="arn:aws:iam::123456789012:role/writer",
    reader_role="arn:aws:iam::123456789012:role/reader",
)


def drilled(*changes: tuple[str, Any], **more: Any) -> tuple[CnpgSharedClusterArgs, RestoreDrill]:
    made = args(("restore_drill", WEEKLY), ("undrilled_reason", GONE), *changes, **more)
    assert made.settings.restore_drill is not None
    return made, made.settings.restore_drill


def own_store() -> tuple[CnpgSharedClusterArgs, RestoreDrill]:
    store = on_own_store().settings.backup.model_dump(exclude_unset=True)
    return drilled(
        ("secrets.endpoint_ca", "store/authority"), *((f"backup.{key}", value) for key, value in store.items()),
        target=BackupTarget(),
    )  # fmt: skip


def container(made: dict[str, Any]) -> dict[str, Any]:
    [found] = made["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return dict(found)


def documents(given: CnpgSharedClusterArgs, drill: RestoreDrill) -> tuple[dict[str, Any], dict[str, Any]]:
    data = manifests.config_map(given, drill)["data"]
    return json.loads(data["drill.json"]), json.loads(data["cluster.json"])


def everything(given: CnpgSharedClusterArgs, drill: RestoreDrill) -> list[dict[str, Any]]:
    return [
        manifests.config_map(given, drill),
        manifests.report(given, drill),
        manifests.object_store(given, drill),
        manifests.service_account(given, drill),
        manifests.cron_job(given, drill),
        monitoring.rules(given, drill, ("main-drill-reader",)),
        *manifests.secrets(given, drill).values(),
        *access.manifests(given, drill).values(),
        *network.network_policies(given, drill).values(),
    ]


def test_everything_is_in_the_drills_namespace_and_nothing_in_the_clusters() -> None:
    for given in (drilled(), own_store(), drilled(target=ROLES)):
        assert {it["metadata"]["namespace"] for it in everything(*given)} == {"drills"}


def test_the_recovery_cluster_reads_the_sources_archive_and_writes_nowhere() -> None:
    made = recovery.cluster(*drilled(("backup.server_name", "old")))
    spec = made["spec"]
    assert not {"plugins", "backup", "replica", "superuserSecret"} & spec.keys()
    assert (spec["instances"], spec["enablePDB"], spec["enableSuperuserAccess"]) == (1, False, False)
    [origin] = spec["externalClusters"]
    assert spec["bootstrap"]["recovery"]["source"] == origin["name"]
    assert origin["plugin"]["parameters"] == {"barmanObjectName": "main-drill", "serverName": "old"}
    assert made["metadata"]["annotations"][annotations.RESTORES] == "databases/main"
    assert annotations.SINGLE_INSTANCE in made["metadata"]["annotations"]
    assert made["metadata"]["name"] != "main"


def test_the_recovery_cluster_can_replay_what_the_source_wrote() -> None:
    given, drill = drilled(("parameters.max_connections", "300"))
    spec = recovery.cluster(given, drill)["spec"]
    assert spec["imageName"] == POSTGRES["image"]
    assert given.settings.parameters.items() <= spec["postgresql"]["parameters"].items()
    assert "synchronous" not in spec["postgresql"]
    assert spec["storage"] == {"storageClass": "local", "size": "10Gi"}
    assert spec["walStorage"] == {"storageClass": "local", "size": "5Gi"}
    smaller = {"storage": {"data": "20Gi", "storage_class": "slow"}, "resources": POSTGRES["resources"]}
    spec = recovery.cluster(*drilled(("restore_drill", {**WEEKLY, **smaller})))["spec"]
    assert spec["storage"] == {"storageClass": "slow", "size": "20Gi"}
    assert spec["walStorage"] == {"storageClass": "slow", "size": "5Gi"}


def test_the_drills_role_reads_everything_and_nobody_else_comes_in() -> None:
    spec = recovery.cluster(*drilled())["spec"]
    [role] = spec["managed"]["roles"]
    assert role["inRoles"] == ["pg_read_all_data", "pg_monitor", "shop", "single_sign_on"]
    assert not any(role[right] for right in ("superuser", "createdb", "createrole", "replication"))
    assert "passwordSecret" not in role
    bootstrap = spec["bootstrap"]["recovery"]
    # The operator makes a password for the owner of the application's database, and for nobody else.
    assert (bootstrap["owner"], bootstrap["database"]) == (role["name"], role["name"])
    assert "secret" not in bootstrap
    assert spec["postgresql"]["pg_hba"] == [
        f"hostssl all {role['name']} all scram-sha-256",
        "host all all all reject",
    ]


def test_the_runner_is_hardened_ends_and_leaves_time_to_clean_up() -> None:
    given, drill = drilled()
    made = manifests.cron_job(given, drill)
    spec, job = made["spec"], made["spec"]["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"]) == ("0 4 * * 0", "Etc/UTC", "Forbid")
    assert made["metadata"]["annotations"] == {annotations.RESTORES: "databases/main"}
    variables = {it["name"]: it.get("value") for it in container(made)["env"]}
    working = float(variables["DRILL_TIMEOUT_SECONDS"] or 0) + float(variables["DRILL_CLEANUP_SECONDS"] or 0)
    assert job["activeDeadlineSeconds"] > working
    assert pod["terminationGracePeriodSeconds"] > float(variables["DRILL_GRACE_SECONDS"] or 0)
    assert job["backoffLimit"] == 0
    assert container(made)["securityContext"]["readOnlyRootFilesystem"] is True
    assert container(made)["image"].startswith("ghcr.io/cloudnative-pg/plugin-barman-cloud-sidecar:")
    assert pod["serviceAccountName"] == drill_name("main") != restored_name("main")


def test_the_archive_is_read_with_the_readers_identity_alone() -> None:
    given, drill = drilled()
    text = json.dumps([*everything(given, drill), recovery.cluster(given, drill)])
    assert '"key": "db/reader"' in text
    assert given.writer_secret not in text
    assert "db/writer" not in text
    store = manifests.object_store(given, drill)
    assert store["spec"]["configuration"]["destinationPath"] == given.destination
    assert "retentionPolicy" not in store["spec"]
    assert store["metadata"]["annotations"][annotations.RESTORES] == "databases/main"
    assert set(manifests.secrets(given, drill)) == {"backup-reader"}


def test_with_iam_roles_runner_and_recovery_take_on_the_readers_and_there_are_no_keys() -> None:
    given, drill = drilled(target=ROLES)
    text = json.dumps(everything(given, drill))
    assert "role/reader" in text
    assert "role/writer" not in text
    assert manifests.secrets(given, drill) == {}
    assert manifests.object_store(given, drill)["spec"]["configuration"]["s3Credentials"] == {
        "inheritFromIAMRole": True
    }
    assert manifests.service_account(given, drill)["metadata"]["annotations"][ROLE_ANNOTATION] == ROLES.reader_role
    assert not [it for it in container(manifests.cron_job(given, drill))["env"] if it["name"].startswith("AWS_ACCESS")]
    account = aws(("credentials", "irsa"), ("irsa", {"issuer": "https://oidc.example.org/id"}))
    settings = CnpgSettings.model_validate(
        {
            "namespace": "databases",
            "clusters": {"main": changed(POSTGRES, ("restore_drill", WEEKLY), ("undrilled_reason", GONE))},
        }
    )
    assert set(bucket_args(account, settings)["backups"].reader_service_accounts) == {
        "databases:main-validation",
        "drills:main-drill",
        "drills:main-restored",
    }


def test_a_store_of_ones_own_is_trusted_by_its_authority_in_the_drills_namespace() -> None:
    given, drill = own_store()
    secrets = manifests.secrets(given, drill)
    assert secrets["endpoint-ca"]["spec"]["data"] == [
        {"secretKey": "ca.crt", "remoteRef": {"key": "store/authority", "property": "ca.crt"}}
    ]
    assert manifests.object_store(given, drill)["spec"]["configuration"]["endpointCA"] == {
        "name": "minio-ca",
        "key": "ca.crt",
    }
    made = manifests.cron_job(given, drill)
    [bundle] = [it["value"] for it in container(made)["env"] if it["name"] == "AWS_CA_BUNDLE"]
    [mount] = [it["mountPath"] for it in container(made)["volumeMounts"] if it["name"] == "ca"]
    assert bundle == f"{mount}/ca.crt"


def test_the_rights_name_what_can_be_named_and_write_no_secret() -> None:
    given, drill = drilled()
    made = access.manifests(given, drill)
    for rule in made["role"]["rules"]:
        unnamed = set(rule["verbs"]) & {"get", "delete", "patch", "update"} if "resourceNames" not in rule else set()
        assert not unnamed or rule["resources"] in (["pods/log"], ["jobs"]), rule
        assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]
        assert "secrets" not in rule["resources"] or rule["verbs"] == ["get"]
    assert made["role-binding"]["subjects"] == [
        {"kind": "ServiceAccount", "name": drill_name("main"), "namespace": "drills"}
    ]


def test_runner_and_recovery_reach_what_they_need_and_are_reached_by_whom_they_need() -> None:
    given, drill = drilled()
    runner, restored = network.policies(given, drill)
    assert runner.ingress == ()
    assert {port for rule in runner.egress for port in rule.tcp} == {53, 443, 5432}
    assert [sorted(rule.tcp) for rule in restored.ingress] == [[5432, 8000], [5432]]
    [operator], [own] = (rule.peers for rule in restored.ingress)
    assert getattr(operator, "namespace", "") == "cnpg-system"
    assert getattr(own, "labels", {}) == dict(runner.pods)
    assert "cnpg.io/cluster" not in runner.pods
    rendered = network.network_policies(given, drill)[runner.name]
    hosts = [it["matchName"] for rule in rendered["spec"]["egress"] for it in rule.get("toFQDNs", [])]
    assert hosts == ["s3.eu-central-1.amazonaws.com", "backups.s3.eu-central-1.amazonaws.com"]
    assert {"toEntities": ["kube-apiserver"]} in rendered["spec"]["egress"]


def test_assertions_reach_the_runner_with_their_databases() -> None:
    assertions = {
        "single-sign-on": [{"name": "one", "query": "SELECT 1", "equals": "1", "show": True}],
        "shop": [
            {"name": "fresh", "query": "SELECT max(at) FROM t", "newer_than": "90m"},
            {"name": "sum", "table": "public.t", "checksum": "a" * 64},
        ],
    }
    settings, _ = documents(*drilled(("restore_drill", {**WEEKLY, "assertions": assertions})))
    assert settings["databases"] == ["shop", "single_sign_on"]
    checks = [plan.Check(**check) for check in settings["checks"]]
    assert [(it.database, it.name) for it in checks] == [
        ("shop", "fresh"),
        ("shop", "sum"),
        ("single_sign_on", "one"),
    ]
    assert (checks[0].newer_than, checks[1].checksum, checks[2].show) == (5400, "a" * 64, True)


def test_the_alerts_hear_of_a_drill_that_is_too_old_and_of_one_that_failed() -> None:
    given, drill = drilled()
    [group] = monitoring.rules(given, drill, ("main-drill-reader",))["spec"]["groups"]
    alerts = {it["alert"]: it for it in group["rules"]}
    assert set(alerts) == {"CnpgRestoreDrillTooOld", "CnpgRestoreDrillFailed", "CnpgRestoreDrillSecretNotSynced"}
    for alert in alerts.values():
        promql.parsed(alert["expr"])
        assert alert["labels"]["data_target"] == "databases/main"
    old = alerts["CnpgRestoreDrillTooOld"]["expr"]
    assert f"> {8 * 86400}" in old and "absent(" in old
    assert promql.metrics(old) == {"kube_cronjob_status_last_successful_time"}
    without = monitoring.rules(given, drill, ())["spec"]["groups"][0]["rules"]
    assert len(without) == 2


def test_the_longest_cluster_name_still_gives_valid_names() -> None:
    longest = "c" * 40
    assert len(drill_name(longest)) <= 52
    assert len(restored_name(longest)) <= LONGEST_CLUSTER
    assert len({drill_name("a"), restored_name("a"), report_name("a"), "a"}) == 4


@pytest.mark.parametrize("given", [drilled(), own_store(), drilled(target=ROLES)], ids=["aws", "own store", "roles"])
def test_what_is_rendered_starts_in_a_process_of_its_own(
    given: tuple[CnpgSharedClusterArgs, RestoreDrill], tmp_path: Path
) -> None:
    """The ConfigMap's own content, where the volume has it; without a service account it says so and what to do."""
    made = manifests.cron_job(*given)
    volumes = made["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"]
    [items] = [it["configMap"]["items"] for it in volumes if "configMap" in it]
    data = manifests.config_map(*given)["data"]
    assert {item["key"] for item in items} == set(data)
    for item in items:
        file = tmp_path / item["path"]
        file.parent.mkdir(exist_ok=True)
        file.write_text(data[item["key"]])
    fields = {"DRILL_POD": "pod", "DRILL_JOB": "job", "DRILL_JOB_UID": "uid"}
    variables = {it["name"]: str(it["value"]) for it in container(made)["env"] if "value" in it}
    done = subprocess.run(
        [sys.executable, *container(made)["command"][1:]],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            **fields,
            **variables,
            "KUBERNETES_SERVICE_HOST": "::1",
            "KUBERNETES_SERVICE_PORT": "1",
            "DRILL_ACCOUNT": str(tmp_path / "nothing"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(done.stdout)
    assert done.returncode == 2, done.stderr
    assert "the service account cannot be read" in report["failure"]["message"]
    assert not list(tmp_path.rglob("__pycache__"))
