"""CnpgSharedCluster: which resources, whose children, after what, protected how, with which outputs."""

import pulumi
import pulumi_aws
import pulumi_kubernetes
import pytest
from cnpg_samples import POSTGRES, args, aws, changed
from recorder import Recorder, run

from seawall.components.aws.backup_bucket import BackupBucket
from seawall.components.cnpg.buckets import backup_target, bucket_args
from seawall.components.cnpg.cnpg_shared_cluster import CnpgSharedCluster, CnpgSharedClusterArgs
from seawall.components.cnpg.settings import CnpgSettings
from seawall.components.kubernetes.namespace import namespace
from seawall.components.kubernetes.register import register

TOKEN = "seawall:data:CnpgSharedCluster"


def deploy(
    *changes: tuple[str, object], aws_changes: tuple[tuple[str, object], ...] = (), preview: bool = False
) -> Recorder:
    account = aws(*aws_changes)
    settings = CnpgSettings.model_validate(
        {"namespace": "databases", "clusters": {"main": changed(POSTGRES, *changes)}}
    )

    def program() -> None:
        cluster = pulumi_kubernetes.Provider("cluster", context="infra")
        store = pulumi_aws.Provider("store", region="eu-central-1")
        opts = pulumi.ResourceOptions(providers=[cluster, store], protect=False)
        made = register("namespace", namespace("databases"), pulumi.ResourceOptions(provider=cluster))
        buckets = {name: BackupBucket(name, given, opts) for name, given in bucket_args(account, settings).items()}
        sample = args()
        CnpgSharedCluster(
            "main",
            CnpgSharedClusterArgs(
                name="main",
                namespace="databases",
                settings=settings.clusters["main"],
                platform=sample.platform,
                operator=sample.operator,
                target=backup_target(account, settings.clusters["main"], buckets),
                after=(made,),
            ),
            opts,
        )

    return run(program, preview=preview)


@pytest.fixture(scope="module")
def recorded() -> Recorder:
    return deploy()


def test_every_object_is_a_child_named_after_the_component(recorded: Recorder) -> None:
    assert recorded.of_type(TOKEN) == {"main"}
    children = {name for name in recorded.requests if recorded.parent(name) == "main"}
    assert all(name.startswith("main-") for name in children)
    per_application = {"secret", "role", "database", "isolation", "pooler", "budget"}
    assert children == {
        "main-cluster",
        "main-object-store",
        "main-scheduled-backup",
        "main-backup-writer",
        "main-backup-reader",
        "main-validation",
        "main-validation-script",
        "main-validation-account",
        "main-scrape-instances",
        "main-scrape-poolers",
        "main-alerts",
        "main-network-common",
        "main-network-instances",
        "main-network-validation",
        "main-network-isolation",
        "main-certificates",
        *(f"main-certificates-{part}" for part in ("account", "ca", "network", "rules", "scrape", "script")),
        "main-network-shop-pooler",
        "main-network-single-sign-on-pooler",
        *(f"main-{kind}-{name}" for kind in per_application for name in ("shop", "single-sign-on")),
    }


def test_built_in_kinds_are_typed_and_the_rest_custom(recorded: Recorder) -> None:
    types = {name: recorded.requests[name].type for name in recorded.requests}
    assert types["main-validation"] == "kubernetes:batch/v1:CronJob"
    assert types["main-isolation-shop"] == "kubernetes:batch/v1:Job"
    assert types["main-budget-shop"] == "kubernetes:policy/v1:PodDisruptionBudget"
    assert types["main-cluster"] == "kubernetes:postgresql.cnpg.io/v1:Cluster"


def test_every_child_uses_the_explicit_provider_and_waits_for_the_namespace(recorded: Recorder) -> None:
    for name in recorded.requests:
        if recorded.parent(name) == "main":
            assert recorded.requests[name].provider.endswith("pulumi:providers:kubernetes::cluster::cluster-id")
            assert "namespace" in recorded.needs(name)


def test_the_cluster_waits_for_its_secrets_its_store_and_its_walls(recorded: Recorder) -> None:
    assert {
        "main-object-store",
        "main-backup-writer",
        "main-secret-shop",
        "main-secret-single-sign-on",
        "main-network-common",
        "main-network-instances",
        "main-network-shop-pooler",
    } <= recorded.needs("main-cluster")
    assert {"main-backup-writer", "main-backup-reader"} <= recorded.needs("main-object-store")


def test_what_lives_in_the_cluster_waits_for_it(recorded: Recorder) -> None:
    for name in ("main-scheduled-backup", "main-role-shop", "main-database-shop", "main-pooler-shop"):
        assert "main-cluster" in recorded.needs(name)
    assert "main-role-shop" in recorded.needs("main-database-shop")
    assert {"main-database-shop", "main-network-isolation"} <= recorded.needs("main-isolation-shop")
    assert "main-isolation-shop" not in recorded.needs("main-pooler-shop"), "a Job that fails keeps nobody out"
    assert {"main-certificates-script", "main-certificates-account", "main-certificates-network"} <= recorded.needs(
        "main-certificates"
    )
    assert {"main-validation-script", "main-validation-account", "main-backup-reader"} <= recorded.needs(
        "main-validation"
    )


def test_what_holds_data_is_protected_and_the_rest_is_not(recorded: Recorder) -> None:
    mine = {name: request for name, request in recorded.requests.items() if name.startswith("main")}
    protected = {name for name, request in mine.items() if request.protect}
    assert protected == {name for name, request in mine.items() if request.retainOnDelete}
    assert protected == {
        "main-cluster",
        "main-object-store",
        "main-role-shop",
        "main-role-single-sign-on",
        "main-database-shop",
        "main-database-single-sign-on",
    }


def test_a_stack_that_nobody_will_miss_is_not_protected() -> None:
    loose = deploy(
        ("deletion_protection", False),
        ("unprotected_reason", "a test"),
        aws_changes=(("buckets.backups", {"deletion_protection": False, "unprotected_reason": "a test"}),),
    )
    assert not [name for name, request in loose.requests.items() if request.protect or request.retainOnDelete]


def test_outputs_are_registered_once_and_are_the_contract(recorded: Recorder) -> None:
    [outputs] = [values for urn, values in recorded.outputs if urn.endswith("::main")]
    assert set(outputs) == {"contract"}
    assert outputs["contract"]["shop"]["host"] == "shop-pooler.databases.svc.cluster.local"
    assert outputs["contract"]["shop"]["secretPath"] == "db/shop"


def test_the_key_arrives_in_store_and_validator(recorded: Recorder) -> None:
    key = "arn:aws:test:::backups-key"
    configuration = recorded.inputs("main-object-store")["spec"]["configuration"]
    assert configuration["data"]["additionalCommandArgs"] == [f"--sse-kms-key-id={key}"]
    assert configuration["wal"]["archiveAdditionalCommandArgs"] == [f"--sse-kms-key-id={key}"]
    job = recorded.inputs("main-validation")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    values = {item["name"]: item.get("value") for item in job["containers"][0]["env"]}
    assert values["EXPECTED_KMS_KEY"] == key


def test_with_roles_writer_and_reader_are_named_by_service_account() -> None:
    irsa = (("credentials", "irsa"), ("irsa", {"issuer": "https://oidc.example.org/id/1"}))
    made = deploy(("secrets.backup_writer", None), ("secrets.backup_reader", None), aws_changes=irsa)
    trust = made.inputs("backups-writer")["assumeRolePolicy"]
    assert "system:serviceaccount:databases:main" in trust
    assert "system:serviceaccount:databases:main-validation" in made.inputs("backups-reader")["assumeRolePolicy"]
    annotations = made.inputs("main-cluster")["spec"]["serviceAccountTemplate"]["metadata"]["annotations"]
    assert annotations == {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/seawall/backups-writer"}
    assert "main-backup-writer" not in made.requests


def test_former_host_names_are_served_only_where_that_is_asked_for() -> None:
    hosts = ["{app}-pooler.cnpg-system", "{app}-db.old"]
    silent = deploy(("names.old_hosts", hosts))
    assert not silent.of_type("kubernetes:core/v1:Service")
    served = deploy(("names.old_hosts", hosts), ("names.serve_old_hosts", True))
    made = {name: served.inputs(name) for name in served.of_type("kubernetes:core/v1:Service")}
    assert set(made) == {
        "main-old-host-shop-pooler.cnpg-system",
        "main-old-host-shop-db.old",
        "main-old-host-single-sign-on-pooler.cnpg-system",
        "main-old-host-single-sign-on-db.old",
    }
    names = served.inputs("main-cluster")["spec"]["certificates"]["serverAltDNSNames"]
    for manifest in made.values():
        name, namespace = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
        application = name.removesuffix("-pooler").removesuffix("-db")
        assert manifest["spec"] == {
            "type": "ExternalName",
            "externalName": f"{application}-pooler.databases.svc.cluster.local",
        }
        assert {name, f"{name}.{namespace}", f"{name}.{namespace}.svc"} <= set(names)


def test_an_own_store_needs_no_aws() -> None:
    made = deploy(
        ("backup.endpoint", "https://minio.example.org"),
        ("backup.encryption", "AES256"),
    )
    assert not [name for name, request in made.requests.items() if request.type.startswith("aws:")]
