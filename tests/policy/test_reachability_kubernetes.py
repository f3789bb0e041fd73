"""NetworkPolicy as Kubernetes decides it, point by point: the specification of that half of the decision."""

from typing import Any

import pytest
from reach_samples import HTTP, PORT, WEB, enters, leaves, network_policy, platform, pod

from seawall.policy.estate.model import KubeObject
from seawall.policy.estate.values import UNKNOWN, CannotEvaluateError, View
from seawall.policy.reachability.decision import Address, Endpoint, Entity, Name, Port, decide, ingress_open
from seawall.policy.reachability.parties import Party
from seawall.policy.reachability.selectors import read

LABELS = {"app": "web", "tier": "front"}
OTHER = pod("other", namespace_labels={"team": "b"})


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        (None, True),
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "web", "tier": "back"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["api", "web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": []}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}, True),
        ({"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "zone", "operator": "DoesNotExist"}]}, True),
    ],
)
def test_selectors(selector: dict[str, Any] | None, matches: bool) -> None:
    assert read(View(selector)).matches(LABELS) is matches
    assert enters(OTHER, network_policy({"podSelector": selector or {}})).open is not matches


@pytest.mark.parametrize("operator", ["Like", None, 3])
def test_an_unknown_operator_is_no_verdict(operator: object) -> None:
    policy = network_policy({"podSelector": {"matchExpressions": [{"key": "a", "operator": operator}]}})
    cell = enters(OTHER, policy)
    assert cell.open is None
    assert cell.unread is not None
    assert cell.unread.subject is policy
    assert "NetworkPolicy shop/p" in cell.why


@pytest.mark.parametrize(
    ("spec", "ingress", "egress"),
    [
        ({}, False, True),
        ({"policyTypes": []}, False, True),
        ({"policyTypes": ["Ingress"]}, False, True),
        ({"policyTypes": ["Egress"]}, True, False),
        ({"policyTypes": ["Ingress", "Egress"]}, False, False),
        ({"egress": []}, False, True),
        ({"egress": [{"ports": [{"port": 1}]}]}, False, False),
        ({"policyTypes": ["Ingress"], "egress": [{"ports": [{"port": 1}]}]}, False, True),
        ({"policyTypes": ["Egress"], "ingress": [{"ports": [{"port": 1}]}]}, True, False),
    ],
)
def test_policy_types(spec: dict[str, Any], ingress: bool, egress: bool) -> None:
    policy = network_policy({"podSelector": {}, **spec})
    assert enters(OTHER, policy).open is ingress
    assert leaves(OTHER, policy).open is egress


def test_without_policies_everything_is_open() -> None:
    cell = enters(OTHER)
    assert (cell.open, cell.by, cell.why) == (True, (), "nothing isolates the pods for ingress")


def test_a_policy_of_another_namespace_does_not_matter() -> None:
    assert enters(OTHER, network_policy({"podSelector": {}}, namespace="other")).open is True


def test_a_closed_cell_names_what_isolates() -> None:
    first, second = network_policy({}, name="first"), network_policy({"podSelector": {}}, name="second")
    cell = enters(OTHER, first, second)
    assert [ground.policy for ground in cell.by] == [first, second]
    assert cell.why == (
        "NetworkPolicy shop/first, NetworkPolicy shop/second: isolated for ingress, and no rule admits it"
    )


PEERS: list[tuple[dict[str, Any], Endpoint, bool | None]] = [
    ({"podSelector": {}}, pod(), True),
    ({"podSelector": {}}, OTHER, False),
    ({"podSelector": {"matchLabels": {"a": "b"}}}, pod(labels={"a": "b"}), True),
    ({"podSelector": {"matchLabels": {"a": "b"}}}, pod(labels={"a": "c"}), False),
    ({"namespaceSelector": {}}, OTHER, True),
    ({"namespaceSelector": {}, "podSelector": {"matchLabels": {"a": "b"}}}, pod("other", {"a": "b"}), True),
    ({"namespaceSelector": {}, "podSelector": {"matchLabels": {"a": "b"}}}, OTHER, False),
    ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}, OTHER, True),
    ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}, pod(), False),
    ({"namespaceSelector": {"matchLabels": {"team": "b"}}}, OTHER, True),
    ({"namespaceSelector": {"matchLabels": {"team": "a"}}}, OTHER, False),
    ({"namespaceSelector": {"matchLabels": {"team": "a"}}}, pod("x", namespace_labels=None), None),
    ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "x"}}}, Endpoint("x", {}), True),
    ({"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}}, OTHER, False),
    ({"podSelector": {"matchLabels": {"a": "b"}}}, Endpoint("shop"), None),
    ({"podSelector": {}}, Endpoint("shop"), True),
    ({"podSelector": {"matchLabels": {"a": "b"}}}, Endpoint("other"), False),
    ({"namespaceSelector": {}}, pod("other", cluster="apps"), False),
]


@pytest.mark.parametrize(("peer", "source", "opened"), PEERS)
def test_peers(peer: dict[str, Any], source: Endpoint, opened: bool | None) -> None:
    policy = network_policy({"podSelector": {}, "ingress": [{"from": [peer]}]})
    assert enters(source, policy).open is opened
    out = network_policy({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [peer]}]})
    assert leaves(source, out).open is opened


def test_two_peers_are_either_and_two_rules_too() -> None:
    one, two = {"podSelector": {"matchLabels": {"a": "1"}}}, {"podSelector": {"matchLabels": {"a": "2"}}}
    for ingress in ([{"from": [one, two]}], [{"from": [one]}, {"from": [two]}]):
        policy = network_policy({"podSelector": {}, "ingress": ingress})
        assert [enters(pod(labels={"a": value}), policy).open for value in "123"] == [True, True, False]
    cell = enters(pod(labels={"a": "2"}), policy)
    (ground,) = cell.by
    assert (ground.policy, ground.path) == (policy, ("spec", "ingress", "[1]", "from", "[0]"))
    assert cell.why == "NetworkPolicy shop/p, ingress rule 2 allows it"


@pytest.mark.parametrize("rule", [{}, {"from": []}, {"ports": [{"port": 8080}]}, {"from": [], "ports": []}])
@pytest.mark.parametrize("source", [OTHER, pod(), Address("192.0.2.1"), Entity("world"), pod("x", cluster="apps")])
def test_a_rule_without_from_admits_everybody(rule: dict[str, Any], source: Party) -> None:
    assert enters(source, network_policy({"podSelector": {}, "ingress": [rule]})).open is True


@pytest.mark.parametrize("peer", [{}, {"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}, {"ipBlock": {}}])
def test_a_peer_that_the_api_server_refuses_is_no_verdict(peer: dict[str, Any]) -> None:
    policy = network_policy({"podSelector": {}, "ingress": [{"from": [peer]}, {"ports": [{"port": 1}]}]})
    cell = enters(OTHER, policy)
    assert cell.open is None
    assert isinstance(cell.unread, CannotEvaluateError)
    assert enters(OTHER, policy, port=Port(1)).open is True, "the rule beside it is read all the same"


BLOCK = {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}
BLOCKS: list[tuple[dict[str, Any], Party, bool | None]] = [
    (BLOCK, Address("10.2.0.1"), True),
    (BLOCK, Address("10.1.0.1"), False),
    (BLOCK, Address("11.0.0.1"), False),
    (BLOCK, Address("2001:db8::1"), False),
    (BLOCK, Entity("world"), None),
    (BLOCK, Entity("remote-node"), None),
    (BLOCK, OTHER, None),
    (BLOCK, pod("other", address="10.2.0.1"), True),
    (BLOCK, pod("other", address="10.1.0.1"), False),
    ({"cidr": "0.0.0.0/0"}, OTHER, True),
    ({"cidr": "0.0.0.0/0"}, Entity("world"), True),
    ({"cidr": "::/0"}, Entity("kube-apiserver"), True),
    ({"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}, OTHER, None),
    ({"cidr": "192.0.2.7/24"}, Address("192.0.2.1"), True),
]


@pytest.mark.parametrize(("block", "party", "opened"), BLOCKS)
def test_blocks_of_addresses(block: dict[str, Any], party: Party, opened: bool | None) -> None:
    policy = network_policy({"podSelector": {}, "ingress": [{"from": [{"ipBlock": block}]}]})
    assert enters(party, policy).open is opened
    out = network_policy({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": block}]}]})
    assert leaves(party, out).open is opened


def test_a_host_by_name_is_somewhere_in_the_world() -> None:
    def allowed(*rules: dict[str, Any]) -> bool | None:
        spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": list(rules)}
        return leaves(Name("store.example.org"), network_policy(spec)).open

    assert allowed() is False
    assert allowed({"to": [{"podSelector": {}}]}) is False
    assert allowed({"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}) is None
    assert allowed({"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}) is True


PORTS: list[tuple[list[dict[str, Any]], Port, bool]] = [
    ([], PORT, True),
    ([{}], PORT, True),
    ([{}], Port(8080, "UDP"), False),
    ([{"protocol": "UDP"}], Port(8080, "UDP"), True),
    ([{"protocol": "SCTP", "port": 8080}], Port(8080, "SCTP"), True),
    ([{"protocol": "SCTP", "port": 8080}], PORT, False),
    ([{"port": 8080}], PORT, True),
    ([{"port": 8081}], PORT, False),
    ([{"port": 8081}, {"port": 8080}], PORT, True),
    ([{"port": 8000, "endPort": 8080}], PORT, True),
    ([{"port": 8000, "endPort": 8079}], PORT, False),
    ([{"port": "http"}], PORT, True),
    ([{"port": "http", "protocol": "UDP"}], Port(8080, "UDP"), False),
    ([{"port": "metrics"}], PORT, False),
    ([{"port": "8080"}], PORT, True),
]


@pytest.mark.parametrize(("ports", "port", "opened"), PORTS)
def test_ports(ports: list[dict[str, Any]], port: Port, opened: bool) -> None:
    policy = network_policy({"podSelector": {}, "ingress": [{"ports": ports}]})
    assert enters(OTHER, policy, port=port).open is opened


def test_a_named_port_is_the_targets_name() -> None:
    """Two pods may call different ports by one name; each is decided by its own."""
    out = network_policy({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"ports": [{"port": "http"}]}]})
    assert leaves(pod("other", ports=(HTTP,)), out).open is True
    assert leaves(pod("other", ports=()), out).open is False
    assert leaves(pod("other", ports=None), out).open is None
    assert leaves(Address("192.0.2.1"), out).open is False


def test_the_own_node_always_gets_in_and_is_reached() -> None:
    spec = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert enters(Entity("host"), network_policy(spec)).open is True
    assert leaves(Entity("host"), network_policy(spec)).open is True
    assert enters(Entity("remote-node"), network_policy(spec)).open is False


ROLES = {"role": frozenset({"master", "replica"})}


@pytest.mark.parametrize(
    ("labels", "opened"),
    [({"role": "master"}, None), ({"role": "other"}, True), ({"app": "web"}, False), ({"app": "api"}, True)],
)
def test_labels_that_come_later_close_nothing_for_certain(labels: dict[str, str], opened: bool | None) -> None:
    target = Endpoint("shop", {"app": "web"}, {}, later=ROLES)
    assert enters(OTHER, network_policy({"podSelector": {"matchLabels": labels}}), target=target).open is opened


def test_rules_for_labels_that_come_later() -> None:
    target = Endpoint("shop", {"app": "web"}, {}, later=ROLES)
    closed = network_policy({"podSelector": {}}, name="closed")
    opening = network_policy({"podSelector": {"matchLabels": {"role": "master"}}, "ingress": [{}]})
    cell = enters(OTHER, closed, opening, target=target)
    assert cell.open is None
    assert "ingress rule 1" in cell.why


UNKNOWN_SPECS: list[dict[str, Any]] = [
    {"podSelector": UNKNOWN},
    {"podSelector": {"matchLabels": {"app": UNKNOWN}}},
    {"podSelector": {}, "policyTypes": UNKNOWN},
    {"podSelector": {}, "ingress": UNKNOWN},
    {"podSelector": {}, "ingress": [UNKNOWN]},
    {"podSelector": {}, "ingress": [{"from": UNKNOWN}]},
    {"podSelector": {}, "ingress": [{"ports": [{"port": UNKNOWN}]}]},
    {"podSelector": {}, "ingress": [{"from": [{"podSelector": {"matchLabels": UNKNOWN}}]}]},
]


@pytest.mark.parametrize("spec", UNKNOWN_SPECS)
def test_what_is_not_known_yet_neither_opens_nor_closes(spec: dict[str, Any]) -> None:
    policy = network_policy(spec)
    cell = enters(OTHER, policy)
    assert cell.open is None
    assert cell.unread is not None
    assert cell.unread.subject is policy


def test_an_edge_needs_both_sides() -> None:
    out = network_policy({"podSelector": {}, "policyTypes": ["Egress"]}, namespace="other", name="out")
    into = network_policy({"podSelector": {}}, name="in")
    open_in = network_policy({"podSelector": {}, "ingress": [{}]}, name="open")
    for policies, opened, by in (((out, into), False, [out, into]), ((into,), False, [into]), ((out,), False, [out])):
        cell = decide(platform(*policies), OTHER, WEB, PORT)
        assert cell.open is opened
        assert [ground.policy for ground in cell.by] == by
    assert decide(platform(open_in), OTHER, WEB, PORT).open is True
    assert decide(platform(out, open_in), OTHER, WEB, PORT).open is False


def test_a_side_in_another_cluster_is_not_to_be_seen() -> None:
    source = pod("other", cluster="apps")
    policies = platform(network_policy({"podSelector": {}, "ingress": [{}]}))
    assert ingress_open(policies, WEB, source, PORT).open is None
    cell = decide(policies, source, WEB, PORT)
    assert cell.open is True
    assert "the policies of cluster apps are not to be seen" in cell.why


def test_ciliums_policies_mean_nothing_elsewhere() -> None:
    from reach_samples import cilium

    policy: KubeObject = cilium({"endpointSelector": {}, "ingress": [{}]})
    assert enters(OTHER, policy, cni="generic").open is True
    assert enters(OTHER, policy).open is False
