"""What no Dragonfly can show: properties of the pods of built-in workloads, and amounts."""

from decimal import Decimal
from typing import Any

import pytest

from seawall.policy.checks.hardening import RESTRICTED, memory_limits, over_pods, writable_root
from seawall.policy.estate.building import build, kube_object
from seawall.policy.estate.model import Origin
from seawall.policy.estate.quantities import amount, quantity
from seawall.policy.estate.values import CannotEvaluateError, View

SAFE: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def found(spec: dict[str, Any]) -> dict[str, str]:
    """Path → message of everything that is found in a Deployment with this pod spec."""
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "web"},
        "spec": {"template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}},
    }
    thing = kube_object(manifest, Origin())
    assert thing is not None
    estate = build([thing])
    checks = [over_pods(judge) for judge in (*RESTRICTED, writable_root, memory_limits)]
    return {".".join(it.path): it.message for check in checks for it in check(thing, estate)}


def container(**changes: Any) -> dict[str, Any]:
    return {
        "name": "main",
        "image": "registry.example.org/web:v1",
        "resources": {"limits": {"memory": "64Mi"}},
        "securityContext": {key: value for key, value in {**SAFE, **changes}.items() if value is not None},
    }


def test_a_hardened_pod_has_nothing() -> None:
    assert found({"containers": [container()]}) == {}


@pytest.mark.parametrize("field", ["hostNetwork", "hostPID", "hostIPC"])
def test_namespaces_of_the_node(field: str) -> None:
    assert found({"containers": [container()], field: True}) == {
        f"spec.template.spec.{field}": f"{field} is true: the pods share it with the node"
    }
    assert found({"containers": [container()], field: False}) == {}


def test_what_the_pod_says_holds_for_its_containers_until_they_say_otherwise() -> None:
    general = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    silent = container(runAsNonRoot=None, seccompProfile=None)
    assert found({"containers": [silent], "securityContext": general}) == {}
    assert len(found({"containers": [silent]})) == 2
    assert list(found({"containers": [container(runAsNonRoot=False)], "securityContext": general})) == [
        "spec.template.spec.containers.[0].securityContext.runAsNonRoot"
    ]


def test_every_list_of_containers_counts() -> None:
    bad = {**container(), "securityContext": {**SAFE, "privileged": True}}
    made = found({"containers": [container()], "initContainers": [bad], "ephemeralContainers": [bad]})
    assert sorted(made.values()) == [
        "ephemeral container main is privileged: it is root on its node",
        "init container main is privileged: it is root on its node",
    ]


VOLUMES = ("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret")
SYSCTLS = (
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
)


def test_all_that_the_level_restricted_admits() -> None:
    """As the Pod Security Standards list it."""
    volumes = [{"name": kind.lower(), kind: {}} for kind in VOLUMES]
    context = {"sysctls": [{"name": name, "value": "1"} for name in SYSCTLS]}
    types = ("container_t", "container_init_t", "container_kvm_t", "container_engine_t", "")
    several = [container(seLinuxOptions={"type": kind}) for kind in types]
    assert found({"containers": several, "volumes": volumes, "securityContext": context}) == {}


@pytest.mark.parametrize("kind", ["hostPath", "nfs", "iscsi", "gitRepo", "awsElasticBlockStore"])
def test_other_volumes(kind: str) -> None:
    made = found({"containers": [container()], "volumes": [{"name": "it", kind: {}}]})
    assert list(made) == [f"spec.template.spec.volumes.[0].{kind}"]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("500m", "0.5"),
        ("1536Mi", "1610612736"),
        ("2Gi", "2147483648"),
        ("2G", "2000000000"),
        ("2e3", "2000"),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("100n", "1E-7"),
        ("1P", "1000000000000000"),
        ("2E", "2000000000000000000"),
        (3, "3"),
    ],
)
def test_quantities(value: object, number: str) -> None:
    assert quantity(View(value)) == Decimal(number)


def test_what_is_no_quantity() -> None:
    assert quantity(View(None)) is None
    for value in ("much", "1 Gi", "2GB", "", "1.5.2", True, ["1Gi"], "-1", -1, "1e999", "9Ei"):
        with pytest.raises(CannotEvaluateError):
            quantity(View(value))


def test_amounts_for_a_person() -> None:
    sizes = (1610612736, 268435456, 1000, 2**50, 1024)
    assert [amount(size) for size in sizes] == ["1.5 GiB", "256 MiB", "1000 bytes", "1 PiB", "1 KiB"]
