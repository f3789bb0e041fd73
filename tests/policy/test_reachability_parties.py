"""What is at either end of a connection: how it is called, and which labels it may have."""

import pytest
from reach_samples import cilium, leaves, pod

from seawall.policy.reachability.parties import Address, Endpoint, Entity, Labels, Name, Party, Placed

NAMESPACE = "io.cilium.k8s.namespace.labels."


@pytest.mark.parametrize(
    ("party", "title"),
    [
        (Address("192.0.2.1"), "address 192.0.2.1"),
        (Entity("host"), "entity host"),
        (Placed("world", ip="192.0.2.1"), "entity world"),
        (Name("s3.example.org"), "host s3.example.org"),
        (Endpoint("shop"), "any pod of namespace shop"),
        (pod("shop"), "pods without labels of namespace shop"),
        (pod("shop", {"b": "2", "a": "1"}, cluster="apps"), "pods with a=1, b=2 of namespace shop in cluster apps"),
    ],
)
def test_titles(party: Party, title: str) -> None:
    assert party.title == title


def labels(endpoint: Endpoint, *, cilium: bool = True) -> Labels:
    return Labels(endpoint, cluster="infra", cilium=cilium)


@pytest.mark.parametrize(
    ("endpoint", "key", "may"),
    [
        (pod(labels={"app": "web"}), "tier", False),
        (pod(later={"role": frozenset({"primary"})}), "role", True),
        (pod(later={"role": frozenset({"primary"})}), "tier", False),
        (pod(later={"pod-template-hash": frozenset({"5d4f"})}), "pod-template-hash", False),
        (Endpoint("shop"), "tier", True),
        (Endpoint("shop", namespace_labels={"team": "a"}), f"{NAMESPACE}tier", False),
        (pod(namespace_labels=None), f"{NAMESPACE}tier", True),
        (pod(namespace_labels=None), "tier", False),
        (pod(), "io.cilium.k8s.policy.serviceaccount", True),
        (pod(), "io.cilium.k8s.policy.cluster", True),
    ],
)
def test_labels_that_a_pod_may_have(endpoint: Endpoint, key: str, may: bool) -> None:
    assert labels(endpoint).may_have(key) is may


def test_only_cilium_gives_labels_of_its_own() -> None:
    assert not labels(pod(), cilium=False).may_have("io.cilium.k8s.policy.serviceaccount")


@pytest.mark.parametrize(("value", "opened"), [("primary", None), ("elsewhere", True)])
def test_a_policy_by_a_label_that_comes_later_is_found(value: str, opened: bool | None) -> None:
    """A pod that is the primary at times is isolated by a policy for primaries, at times."""
    policy = cilium({"endpointSelector": {"matchLabels": {"role": value}}, "egress": [{}]})
    source = pod(labels={"role": "replica"}, later={"role": frozenset({"primary"})})
    assert leaves(pod("other"), policy, source=source).open is opened
