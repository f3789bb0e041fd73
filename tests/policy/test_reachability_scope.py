"""What a peer is about, and what is said when it cannot be told."""

from reach_samples import enters, network_policy, pod

from seawall.operators.labels import CILIUM_CLUSTER, CILIUM_NAMESPACE, NAMESPACE_NAME
from seawall.policy.reachability.parties import NAMESPACE_LABEL
from seawall.policy.reachability.scope import scope
from seawall.policy.reachability.selectors import Requirement, Selector


def one_of(key: str, *values: str) -> Requirement:
    return Requirement(key, "In", frozenset(values))


def test_what_is_said_twice_must_hold_twice() -> None:
    told = scope(
        Selector(
            (
                one_of(CILIUM_NAMESPACE, "a", "b"),
                one_of(NAMESPACE_LABEL + NAMESPACE_NAME, "b", "c"),
                one_of(CILIUM_CLUSTER, "here", "there"),
                one_of(CILIUM_CLUSTER, "there"),
            )
        )
    )
    assert (told.namespaces, told.clusters) == ({"b"}, {"there"})


def test_a_label_that_comes_later_does_not_always_hold() -> None:
    primary, later = one_of("role", "primary"), {"role": frozenset({"primary"})}
    assert primary.may_hold({"role": "replica"}, later)
    assert not primary.always_holds({"role": "replica"}, later)
    assert primary.always_holds({"role": "primary"}, later)
    assert not primary.always_holds({"role": "primary"}, {"role": frozenset({"replica"})})


def test_the_peer_that_cannot_be_told_is_named() -> None:
    policy = network_policy(
        {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"team": "a"}}}]}]}
    )
    cell = enters(pod("other", namespace_labels=None), policy)
    assert cell.open is None
    assert "NetworkPolicy shop/p, ingress rule 1 (every pod of namespaces with team=a)" in cell.why
