"""What a running sandbox offers: health, loopback only, nodes, claims, namespaces, object store."""

import stat
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
import yaml
from kubernetes.dynamic.exceptions import ForbiddenError
from rich.console import Console
from sandbox_helpers import pids, processes, until

from seawall.errors import EnvironmentFailure
from seawall.sandbox.cluster import ACCOUNT, Sandbox
from seawall.sandbox.objects import NODES, OPERATOR_NAMESPACES
from seawall.sandbox.parts import PORTS_OF

pytestmark = pytest.mark.timeout(180, func_only=True)


def test_status_names_every_part_and_the_source_of_every_crd(sandbox: Sandbox) -> None:
    parts = {part.name: part for part in sandbox.status() if part.kind == "process"}
    crds = {part.name: part for part in sandbox.status() if part.kind == "crd"}

    assert tuple(parts) == tuple(PORTS_OF)
    assert all(part.running and part.log and part.log.is_file() for part in parts.values()), parts
    assert {name: part.pid for name, part in parts.items()} == pids(sandbox)
    assert "simulated" in parts["moto"].detail
    assert "real" in parts["cnpg-manager"].detail
    assert crds["clusters.postgresql.cnpg.io"].detail == "Go module cloudnative-pg v1.30.0"
    assert crds["objectstores.barmancloud.cnpg.io"].detail == "Go module plugin-barman-cloud v0.14.0"
    assert crds["ciliumnetworkpolicies.cilium.io"].detail == "Go module cilium v1.18.0"
    assert {"dragonflies.dragonflydb.io", "externalsecrets.external-secrets.io"} <= set(crds)
    assert {f"{kind}.monitoring.coreos.com" for kind in ("podmonitors", "servicemonitors", "prometheusrules")} <= set(
        crds
    )
    assert all(crd.running for crd in crds.values())


def test_a_second_start_changes_nothing(sandbox: Sandbox, console: Console) -> None:
    before = pids(sandbox)

    again = sandbox.start(console)

    assert again.started == ()
    assert again.notes == ()
    assert pids(sandbox) == before
    assert again.endpoints == sandbox.endpoints


def test_everything_listens_on_the_loopback_interface_only(sandbox: Sandbox) -> None:
    listening = {
        (name, connection.laddr.ip)
        for name, several in processes(sandbox).items()
        for process in several
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }

    assert {name for name, _ in listening} == set(PORTS_OF)
    assert {address for _, address in listening} <= {"127.0.0.1", "::ffff:127.0.0.1"}, listening


def test_the_kubeconfig_is_private_and_knows_nothing_but_the_sandbox(sandbox: Sandbox) -> None:
    file = sandbox.endpoints.kubeconfig
    content = yaml.safe_load(file.read_text())

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(sandbox.state.stat().st_mode) == 0o700
    assert content["current-context"] == sandbox.endpoints.context == "seawall-sandbox"
    assert [cluster["cluster"]["server"] for cluster in content["clusters"]] == [sandbox.endpoints.api_server]


def test_parts_see_nothing_of_the_users_environment(sandbox: Sandbox) -> None:
    # The session was started from an environment with a PATH, a HOME and whatever else the user has.
    for name, several in processes(sandbox).items():
        environment = several[0].environ()
        assert environment["HOME"] == str(sandbox.state / "home"), name
        assert not [key for key in environment if key.startswith(("AWS_", "PULUMI_")) or key.lower().endswith("_proxy")]
        assert environment.get("KUBECONFIG", str(sandbox.state)).startswith(str(sandbox.state)), name


def test_four_ready_nodes_in_three_zones(kube: Any) -> None:
    nodes = kube.resources.get(api_version="v1", kind="Node")

    def ready() -> dict[str, str]:
        return {
            node.metadata.name: node.metadata.labels["topology.kubernetes.io/zone"]
            for node in nodes.get().items
            if any(c.type == "Ready" and c.status == "True" for c in node.status.conditions or [])
        }

    until(lambda: ready() == dict(NODES), "four ready nodes")
    assert len(set(NODES.values())) == 3
    assert all(node.metadata.labels["kubernetes.io/hostname"] == node.metadata.name for node in nodes.get().items)


def test_a_claim_of_the_default_class_binds_and_its_volume_goes_with_it(kube: Any, namespace: str) -> None:
    claims = kube.resources.get(api_version="v1", kind="PersistentVolumeClaim")
    volumes = kube.resources.get(api_version="v1", kind="PersistentVolume")
    claims.create(_claim("data"), namespace=namespace)

    def bound() -> Any:
        claim = claims.get(name="data", namespace=namespace)
        return claim if claim.status.phase == "Bound" else None

    claim = until(bound, "a bound claim")
    volume = volumes.get(name=claim.spec.volumeName)
    assert claim.spec.storageClassName == "standard"
    assert volume.spec.capacity.storage == "3Gi"

    claims.delete(name="data", namespace=namespace)
    until(lambda: claim.spec.volumeName not in {v.metadata.name for v in volumes.get().items}, "the volume's end")


def test_a_claim_of_a_local_class_binds_on_the_node_of_its_pod(kube: Any, namespace: str, sandbox: Sandbox) -> None:
    sandbox.ensure_storage_classes(["local-disks"])
    claims = kube.resources.get(api_version="v1", kind="PersistentVolumeClaim")
    volumes = kube.resources.get(api_version="v1", kind="PersistentVolume")
    pods = kube.resources.get(api_version="v1", kind="Pod")
    for class_name in ("openebs-local-nvme", "local-disks"):
        claims.create(_claim(class_name, class_name), namespace=namespace)
        assert claims.get(name=class_name, namespace=namespace).status.phase == "Pending"
        pods.create(_pod(class_name, claim=class_name), namespace=namespace)

        def running(name: str = class_name) -> Any:
            pod = pods.get(name=name, namespace=namespace)
            return pod if pod.status.phase == "Running" else None

        pod = until(running, "a running pod")
        claim = claims.get(name=class_name, namespace=namespace)
        assert claim.status.phase == "Bound"
        (term,) = volumes.get(name=claim.spec.volumeName).spec.nodeAffinity.required.nodeSelectorTerms
        assert term.matchExpressions[0]["values"] == [pod.spec.nodeName]


@pytest.mark.parametrize("namespace_of_an_operator", OPERATOR_NAMESPACES)
def test_operators_live_under_pod_security_restricted(kube: Any, namespace_of_an_operator: str) -> None:
    pods = kube.resources.get(api_version="v1", kind="Pod")

    with pytest.raises(ForbiddenError, match=r"violates PodSecurity .{1,3}restricted:latest"):
        pods.create(_pod("careless"), namespace=namespace_of_an_operator, dry_run="All")


def test_namespaces_are_made_where_they_are_missing_and_left_alone_where_not(sandbox: Sandbox, kube: Any) -> None:
    namespaces = kube.resources.get(api_version="v1", kind="Namespace")
    namespaces.create({"metadata": {"name": "made-before", "labels": {"owner": "somebody"}}})

    sandbox.ensure_namespaces(["harbor", "made-before", "harbor"])
    sandbox.ensure_namespaces(["harbor", "made-before"])

    assert namespaces.get(name="harbor").metadata.labels["app.kubernetes.io/managed-by"] == "seawall-sandbox"
    labels = namespaces.get(name="made-before").metadata.labels.to_dict()
    assert labels == {"owner": "somebody", "kubernetes.io/metadata.name": "made-before"}


def test_s3_kms_iam_and_sts_answer(sandbox: Sandbox) -> None:
    session = boto3.Session("any", "any", region_name="eu-central-1")

    def client(name: str) -> Any:
        return session.client(name, endpoint_url=sandbox.endpoints.s3)  # type: ignore[call-overload]

    key = client("kms").create_key()["KeyMetadata"]["Arn"]
    client("s3").create_bucket(Bucket="backups", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    client("s3").put_object(Bucket="backups", Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)

    assert client("s3").head_object(Bucket="backups", Key="k")["SSEKMSKeyId"] == key
    assert client("sts").get_caller_identity()["Account"] == ACCOUNT
    assert client("iam").create_user(UserName="u")["User"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/u"


def test_a_sandbox_that_was_never_started_says_so(tmp_path: Path) -> None:
    never = Sandbox(tmp_path / "never")

    assert never.status() == []
    with pytest.raises(EnvironmentFailure, match=r"there is no sandbox in .*never: `seawall up` starts one"):
        _ = never.endpoints
    assert not (tmp_path / "never").exists()


def _claim(name: str, class_name: str | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "3Gi"}}}
    if class_name:
        spec["storageClassName"] = class_name
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def _pod(name: str, claim: str | None = None) -> dict[str, Any]:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}] if claim else []
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "main", "image": "none"}], "volumes": volumes},
    }
