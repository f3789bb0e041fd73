"""The objects of a Dragonfly instance: what the CR says, and that every object fits its CRD."""

import json
from typing import Any

import pytest
from dragonfly_samples import (
    ACL,
    BUCKET_SNAPSHOT,
    CLIENT_CA,
    OWN_BUCKET_SNAPSHOT,
    ROLE_SNAPSHOT,
    TLS,
    WORLD_SNAPSHOT,
    args,
    generic,
)
from schemas import validate

from seawall.components.dragonfly import manifests, monitoring, network, secrets
from seawall.components.dragonfly.args import DragonflyClusterArgs
from seawall.errors import UserError
from seawall.operators import annotations
from seawall.operators.dragonfly import forbidden_arg

VARIANTS = {
    "cache": lambda: args(),
    "queue": lambda: args("queue", purpose="queue", global_service=None, clients={"this": ["gitlab"]}),
    "no snapshot": lambda: args(snapshot=None),
    "zones": lambda: args(platform={"nodes": {"count": 4, "zones": ["a", "b", "c"]}}),
    "no flags": lambda: args(flags={"default_lua_flags": None, "cluster_mode": None}),
    "generic": generic,
    "preferred": lambda: args(placement={"strategy": "preferred_anti_affinity", "reason": "a test"}, replicas=5),
    "topology spread": lambda: args(placement={"strategy": "topology_spread", "reason": "a test"}),
    "aliases": lambda: args(aliases=["dragonfly", "redis"]),
    "secrets": lambda: args(acl=ACL, tls={**TLS, "client_ca": CLIENT_CA}),
    "existing secrets": lambda: args(
        acl={"secret": "acl", "default_user_has_password": True},
        tls={"secret": "tls", "client_ca": {"secret": "authority"}},
    ),
    "bucket": lambda: args(snapshot=BUCKET_SNAPSHOT),
    "bucket of one's own": lambda: args(snapshot=OWN_BUCKET_SNAPSHOT),
    "bucket by role": lambda: args(snapshot=ROLE_SNAPSHOT),
    "bucket, generic": lambda: generic(snapshot=WORLD_SNAPSHOT),
}


def objects(made: DragonflyClusterArgs) -> list[dict[str, Any]]:
    return [
        manifests.dragonfly(made),
        *secrets.external_secrets(made).values(),
        *manifests.aliases(made).values(),
        network.network_policy(made),
        monitoring.scrape(made),
        monitoring.rules(made),
    ]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_fits_its_schema(variant: str) -> None:
    for manifest in objects(VARIANTS[variant]()):
        validate(manifest)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_is_ours_and_in_the_namespace(variant: str) -> None:
    for manifest in objects(VARIANTS[variant]()):
        assert manifest["metadata"]["labels"][annotations.MANAGED_BY_LABEL] == annotations.MANAGED_BY
        assert manifest["metadata"]["namespace"] == "dragonfly-system"


def test_the_budget_is_in_the_resource() -> None:
    spec = manifests.dragonfly(args())["spec"]
    assert spec["pdb"] == {"minAvailable": 2}
    assert spec["enableReplicationReadinessGate"] is True
    assert manifests.dragonfly(args(replicas=2))["spec"]["pdb"] == {"minAvailable": 1}
    assert manifests.dragonfly(args(replicas=5, min_available=3))["spec"]["pdb"] == {"minAvailable": 3}


def test_the_operators_own_policy_is_off() -> None:
    assert manifests.dragonfly(args())["spec"]["networkPolicyEnabled"] is False


@pytest.mark.parametrize("version", ["1.1.11", "1.4.0", "9.9.9"])
def test_an_operator_that_cannot_take_the_budget_is_refused(version: str) -> None:
    with pytest.raises(UserError, match=version):
        manifests.dragonfly(args(version=version))


def test_the_pods_are_hardened() -> None:
    spec = manifests.dragonfly(args())["spec"]
    assert spec["podSecurityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 999,
        "runAsGroup": 999,
        "fsGroup": 999,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = spec["containerSecurityContext"]
    assert container["allowPrivilegeEscalation"] is False
    assert container["readOnlyRootFilesystem"] is True
    assert container["capabilities"] == {"drop": ["ALL"]}
    assert (container["runAsUser"], container["runAsGroup"]) == (999, 999)


def test_the_arguments() -> None:
    made = manifests.arguments(args())
    assert made == [
        "--maxmemory=1610612736",
        "--proactor_threads=2",
        "--cache_mode=true",
        "--version_check=false",
        "--dbfilename=dump",
        "--default_lua_flags=allow-undeclared-keys",
        "--cluster_mode=emulated",
    ]
    assert [argument for argument in made if forbidden_arg(argument) is not None] == []


def test_what_clients_rely_on_can_be_taken_away() -> None:
    made = manifests.arguments(VARIANTS["no flags"]())
    assert not [argument for argument in made if argument.startswith(("--default_lua_flags", "--cluster_mode"))]


def test_a_queue_never_evicts_and_a_cache_does() -> None:
    assert "--cache_mode=false" in manifests.arguments(VARIANTS["queue"]())
    assert "--cache_mode=true" in manifests.arguments(args())


def test_without_a_volume_nothing_is_written() -> None:
    made = VARIANTS["no snapshot"]()
    assert "--dbfilename=" in manifests.arguments(made)
    assert "snapshot" not in manifests.dragonfly(made)["spec"]


def test_further_arguments_come_last() -> None:
    assert manifests.arguments(args(args=["--hz=50"]))[-1] == "--hz=50"


def test_threads_follow_the_cpu_limit() -> None:
    resources = {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"cpu": "500m", "memory": "2Gi"}}
    assert "--proactor_threads=1" in manifests.arguments(args(resources=resources))
    assert "--proactor_threads=1" in manifests.arguments(args(threads=1))


def test_the_service_is_global_where_other_clusters_use_it() -> None:
    service = manifests.dragonfly(args())["spec"]["serviceSpec"]
    assert service["name"] == "dragonfly-global"
    assert service["annotations"]["service.cilium.io/global"] == "true"
    assert "serviceSpec" not in manifests.dragonfly(VARIANTS["queue"]())["spec"]
    assert args().host == "dragonfly-global.dragonfly-system.svc.cluster.local"
    assert VARIANTS["queue"]().host == "queue.dragonfly-system.svc.cluster.local"


def test_the_intention_is_written_on_the_resource() -> None:
    noted = manifests.dragonfly(args())["metadata"]["annotations"]
    assert noted[annotations.CLIENTS] == '{"apps":["gitlab-system"],"this":["harbor"]}'
    assert json.loads(noted[annotations.PLATFORM]) == {"cluster": "infra", "cni": "cilium", "cni_version": "1.18"}
    assert json.loads(noted[annotations.OPERATOR]) == {"namespace": "dragonfly-operator-system", "version": "1.6.1"}
    assert json.loads(noted[annotations.SCRAPER])["namespace"] == "observability"
    assert noted["pulumi.com/waitFor"] == "jsonpath={.status.phase}=Ready"


def test_readiness_is_not_awaited_where_nothing_really_runs() -> None:
    noted = manifests.dragonfly(args(platform={"simulated": True}))["metadata"]["annotations"]
    assert "pulumi.com/waitFor" not in noted
    assert annotations.CLIENTS in noted
