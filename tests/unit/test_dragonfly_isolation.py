"""A cache and a queue side by side: nothing of the one leads into the other, and both know their clients' clusters."""

import copy
from typing import Any

import pytest
from dragonfly_samples import args
from stack_samples import GONE, changed, refusal

from seawall.components.dragonfly import manifests, network
from seawall.components.dragonfly.args import DragonflyClusterArgs
from seawall.components.settings import load
from seawall.operators.dragonfly import ADMIN_PORT, CLIENT_PORT
from seawall.policy.estate.building import build, kube_object
from seawall.policy.estate.kinds import DRAGONFLY
from seawall.policy.estate.model import Estate, Origin, PodSet
from seawall.policy.findings import Finding
from seawall.policy.judging import judge
from seawall.policy.reachability.expectations import endpoint
from seawall.policy.reachability.matrix import matrix

CACHE, QUEUE = "dragonfly.clusters.dragonfly", "dragonfly.clusters.dragonfly-queue"
CLUSTER, NAMESPACE = "k8s:io.cilium.k8s.policy.cluster", "k8s:io.kubernetes.pod.namespace"


def both(**platform: Any) -> dict[str, DragonflyClusterArgs]:
    """A cache and a queue of the same two clients."""
    return {
        name: args(
            name, platform=platform, purpose=name, global_service={"name": f"{name}-all", "exported_from": "infra"}
        )
        for name in ("cache", "queue")
    }


def estate(made: dict[str, DragonflyClusterArgs], *instead: dict[str, Any]) -> Estate:
    """What the instances' objects make; `instead` replaces those of the same kind and name."""
    replaced = {(one["kind"], one["metadata"]["name"]): one for one in instead}
    objects = []
    for one in made.values():
        for manifest in (manifests.dragonfly(one), network.network_policy(one)):
            found = kube_object(replaced.get((manifest["kind"], manifest["metadata"]["name"]), manifest), Origin())
            assert found is not None
            objects.append(found)
    return build(objects)


def findings(made: dict[str, DragonflyClusterArgs], *instead: dict[str, Any]) -> list[Finding]:
    """What DFLY-SEC-001, who can open the cache, finds."""
    return [one for one in judge(estate(made, *instead)) if one.rule.id == "DFLY-SEC-001"]


def pods(of: Estate, name: str) -> PodSet:
    [dragonfly] = [thing for thing in of.of(DRAGONFLY) if thing.name == name]
    [found] = of.pods_of(dragonfly)
    return found


def opens(of: Estate, source: str, target: str, port: int) -> bool:
    """Whether pods of one instance are admitted to a port of another's."""
    [dragonfly] = [thing for thing in of.of(DRAGONFLY) if thing.name == target]
    return matrix(dragonfly, of).into(endpoint(pods(of, source), None), port).open is not False


@pytest.mark.parametrize("port", [CLIENT_PORT, ADMIN_PORT])
@pytest.mark.parametrize(("source", "target"), [("cache", "queue"), ("queue", "cache")])
def test_no_pod_of_the_one_reaches_the_other(source: str, target: str, port: int) -> None:
    made = estate(both())
    assert not opens(made, source, target, port)


@pytest.mark.parametrize("name", ["cache", "queue"])
def test_replication_goes_on(name: str) -> None:
    """What the test above says is not said of everything: the pods of one instance do reach each other."""
    made = estate(both())
    assert opens(made, name, name, ADMIN_PORT)
    assert not opens(made, name, name, CLIENT_PORT)


def test_a_policy_that_forgets_the_instances_name_is_seen() -> None:
    made = both()
    wide = network.network_policy(made["queue"])
    for rule in wide["spec"]["ingress"]:
        for peer in rule["fromEndpoints"]:
            peer["matchLabels"].pop("k8s:app", None)
    assert opens(estate(made, wide), "cache", "queue", ADMIN_PORT)


@pytest.mark.parametrize("name", ["cache", "queue"])
def test_what_goes_out_is_for_the_name_service_and_the_instances_own_pods(name: str) -> None:
    for rule in network.network_policy(both()[name])["spec"]["egress"]:
        assert rule.keys() == {"toEndpoints", "toPorts"}
        for peer in rule["toEndpoints"]:
            labels = peer["matchLabels"]
            assert labels[NAMESPACE] == "kube-system" or labels["k8s:app"] == name


def test_in_the_stack_the_two_share_nothing_but_a_client() -> None:
    settings = load(changed()).dragonfly
    assert settings is not None
    cache, queue = settings.clusters["dragonfly"], settings.clusters["dragonfly-queue"]
    assert cache.evicts
    assert not queue.evicts
    assert set(cache.clients["apps"]) & set(queue.clients["apps"]) == {"gitlab-system"}
    for one, other in (
        (cache.auth_secret.name, queue.auth_secret.name),
        (cache.auth_secret.path, queue.auth_secret.path),
        (cache.global_service, queue.global_service),
    ):
        assert one != other
    assert queue.protected
    assert not cache.protected


@pytest.mark.parametrize(
    ("key", "same", "message"),
    [
        ("auth_secret.name", "dragonfly-auth", "is already the Secret of `dragonfly.auth_secret.name`"),
        ("auth_secret.path", "kubernetes/infra/dragonfly/auth", "is already the password of `dragonfly`"),
        ("global_service.name", "dragonfly-global", "is already the Service of `dragonfly`"),
    ],
)
def test_what_the_two_share_is_refused(key: str, same: str, message: str) -> None:
    error = str(refusal((f"{QUEUE}.{key}", same)))
    assert f"seawall:{QUEUE}.{key}" in error
    assert message in error


def test_two_instances_may_take_two_fields_of_one_entry() -> None:
    load(
        changed(
            (f"{QUEUE}.auth_secret.path", "kubernetes/infra/dragonfly/auth"),
            (f"{QUEUE}.auth_secret.property", "queue-password"),
        )
    )


def test_two_instances_do_not_write_the_same_snapshot() -> None:
    bucket = {
        "name": "snapshots",
        "prefix": "dragonfly",
        "region": "eu-central-1",
        "keys": {"secret": "bucket-a", "path": "kubernetes/bucket"},
    }
    other = {**bucket, "keys": {"secret": "bucket-b", "path": "kubernetes/bucket"}}
    snapshots = [
        (f"{CACHE}.snapshot", {"cron": "0 * * * *", "bucket": bucket}),
        (f"{QUEUE}.snapshot", {"cron": "0 * * * *", "bucket": other}),
    ]
    assert "is already where `dragonfly` writes" in str(refusal(*snapshots))
    other["prefix"] = "dragonfly-queue"
    load(changed(*snapshots))


@pytest.mark.parametrize("version", ["1.16", "1.18", "1.18.4", "1.19", "1.20"])
def test_every_end_has_its_cluster_named_whatever_the_version(version: str) -> None:
    """Up to 1.18 a selector without cluster means every cluster, from 1.19 on the local one alone."""
    made = both(cni_version=version)
    for one in made.values():
        spec = network.network_policy(one)["spec"]
        ends = [end for rule in spec["ingress"] for end in rule["fromEndpoints"]]
        ends += [end for rule in spec["egress"] for end in rule["toEndpoints"]]
        named = {end["matchLabels"][NAMESPACE]: end["matchLabels"][CLUSTER] for end in ends}
        assert named.pop("gitlab-system") == "apps"
        assert set(named.values()) == {"infra"}
    assert findings(made) == []


@pytest.mark.parametrize("version", ["1.18", "1.19"])
def test_a_cluster_that_is_not_named_is_found(version: str) -> None:
    made = both(cni_version=version)
    policy = copy.deepcopy(network.network_policy(made["cache"]))
    for end in policy["spec"]["ingress"][0]["fromEndpoints"]:
        del end["matchLabels"][CLUSTER]
    assert findings(made, policy)


def test_a_remote_client_needs_a_service_to_find() -> None:
    assert "global_service: is missing" in str(refusal((f"{QUEUE}.global_service", GONE)))
