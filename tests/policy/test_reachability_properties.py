"""What holds of every set of policies, whatever is in them."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from reach_samples import cilium, network_policy, platform

from seawall.policy.estate.model import ContainerPort, KubeObject
from seawall.policy.estate.values import UNKNOWN
from seawall.policy.reachability.decision import (
    Address,
    Cell,
    Endpoint,
    Entity,
    Port,
    decide,
    egress_open,
    ingress_open,
)
from seawall.policy.reachability.parties import Party

KEYS, VALUES = ["app", "tier"], ["a", "b"]
SPACES = ["shop", "other"]
LATER = {"tier": frozenset(VALUES)}
TARGET = Endpoint("shop", {"app": "a"}, {"team": "a"}, ports=(ContainerPort(80, "TCP", "http"),), later=LATER)
PARTIES: list[Party] = [
    *(Endpoint(space, {"app": app}, {"team": team}) for space in SPACES for app in VALUES for team in VALUES),
    Endpoint("other", None),
    Endpoint("other", {"app": "a"}, {"team": "a"}, cluster="apps"),
    Address("10.0.0.1"),
    Entity("world"),
    Entity("remote-node"),
    Entity("host"),
    Entity("kube-apiserver"),
]
PORTS = [Port(80), Port(81), Port(80, "UDP")]

labels = st.dictionaries(st.sampled_from(KEYS), st.sampled_from([*VALUES, UNKNOWN]), max_size=2)
expressions = st.lists(
    st.builds(
        lambda key, operator: {"key": key, "operator": operator, "values": ["a"] if "In" in operator else []},
        st.sampled_from(KEYS),
        st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]),
    ),
    max_size=1,
)
selectors = st.builds(lambda one, two: {"matchLabels": one, "matchExpressions": two}, labels, expressions)
namespaces = st.sampled_from(
    [{}, {"matchLabels": {"team": "a"}}, {"matchLabels": {"kubernetes.io/metadata.name": "other"}}]
)
peers = st.one_of(
    st.builds(lambda pods: {"podSelector": pods}, selectors),
    st.builds(lambda spaces, pods: {"namespaceSelector": spaces, "podSelector": pods}, namespaces, selectors),
    st.sampled_from([{"ipBlock": {"cidr": cidr}} for cidr in ("10.0.0.0/8", "0.0.0.0/0", "192.0.2.0/24")]),
)
ports = st.lists(
    st.sampled_from([{"port": 80}, {"port": 80, "endPort": 90}, {"port": "http"}, {"protocol": "UDP"}, {"port": 81}]),
    max_size=2,
)
rules = st.builds(lambda who, which: {"from": who, "ports": which}, st.lists(peers, max_size=2), ports)
plain = st.builds(
    lambda pods, ingress: {"podSelector": pods, "ingress": ingress}, selectors, st.lists(rules, max_size=3)
)

_ENDPOINTS = [{}, {"k8s:io.kubernetes.pod.namespace": "other"}, {"k8s:io.cilium.k8s.policy.cluster": "apps"}]
endpoints = st.builds(lambda base, more: {"matchLabels": {**base, **more}}, st.sampled_from(_ENDPOINTS), labels)
sources = st.one_of(
    st.just({}),
    st.builds(lambda who: {"fromEndpoints": who}, st.lists(endpoints, max_size=2)),
    st.builds(lambda who: {"fromEntities": [who]}, st.sampled_from(["all", "cluster", "world", "remote-node", "none"])),
    st.builds(lambda who: {"fromCIDR": [who]}, st.sampled_from(["10.0.0.0/8", "0.0.0.0/0", "192.0.2.0/24"])),
)
numbers = st.lists(
    st.sampled_from([{"port": "80", "protocol": "TCP"}, {"port": "81"}, {"port": "http"}, {"port": "0"}]), max_size=2
)
http = st.sampled_from([{}, {"rules": {"http": [{"path": "/a"}]}}])
_NONE: dict[str, Any] = {}


@st.composite
def cilium_rules(draw: st.DrawFn, *, denies: bool = False) -> dict[str, Any]:
    rule: dict[str, Any] = dict(draw(sources))
    given_ports = draw(numbers)
    if given_ports:
        asked = _NONE if denies or any(port.get("protocol") != "TCP" for port in given_ports) else draw(http)
        rule["toPorts"] = [{"ports": given_ports, **asked}]
    return rule


@st.composite
def cilium_specs(draw: st.DrawFn) -> dict[str, Any]:
    spec = {"endpointSelector": draw(selectors), "ingress": draw(st.lists(cilium_rules(), min_size=1, max_size=3))}
    if draw(st.booleans()):
        spec["ingressDeny"] = draw(st.lists(cilium_rules(denies=True), min_size=1, max_size=2))
    if draw(st.booleans()):
        spec["enableDefaultDeny"] = {"ingress": draw(st.booleans())}
    return spec


@st.composite
def policy_sets(draw: st.DrawFn) -> list[KubeObject]:
    some = [network_policy(spec, name=f"n{place}") for place, spec in enumerate(draw(st.lists(plain, max_size=3)))]
    return some + [
        cilium(spec, name=f"c{place}") for place, spec in enumerate(draw(st.lists(cilium_specs(), max_size=3)))
    ]


def cells(policies: list[KubeObject], **options: Any) -> list[Cell]:
    made = platform(*policies, **options)
    return [ingress_open(made, party, TARGET, port) for party in PARTIES for port in PORTS]


def truth(cell: Cell) -> int:
    """How open: closed, undecided, open."""
    return {False: 0, None: 1, True: 2}[cell.open]


def at_most(first: list[Cell], second: list[Cell]) -> bool:
    return all(truth(one) <= truth(two) for one, two in zip(first, second, strict=True))


def with_rule(policy: KubeObject, section: str, rule: dict[str, Any]) -> KubeObject:
    spec = dict(policy.manifest["spec"])
    spec[section] = [*spec.get(section, []), rule]
    return (
        cilium(spec, name=policy.name) if policy.kind.startswith("Cilium") else network_policy(spec, name=policy.name)
    )


@settings(deadline=None, max_examples=60)
@given(policy_sets(), st.data())
def test_one_more_rule_that_allows_never_closes(policies: list[KubeObject], data: st.DataObject) -> None:
    if not policies:
        return
    place = data.draw(st.integers(0, len(policies) - 1))
    made = policies[place]
    rule = data.draw(cilium_rules() if made.kind.startswith("Cilium") else rules)
    more = [*policies[:place], with_rule(made, "ingress", rule), *policies[place + 1 :]]
    assert at_most(cells(policies), cells(more))


@settings(deadline=None, max_examples=60)
@given(policy_sets(), cilium_specs(), cilium_rules(denies=True))
def test_what_denies_never_opens(policies: list[KubeObject], spec: dict[str, Any], rule: dict[str, Any]) -> None:
    made = cilium(spec, name="denying")
    assert at_most(cells([*policies, with_rule(made, "ingressDeny", rule)]), cells([*policies, made]))


@settings(deadline=None, max_examples=60)
@given(policy_sets(), st.data())
def test_the_order_of_policies_does_not_matter(policies: list[KubeObject], data: st.DataObject) -> None:
    def told(them: list[KubeObject]) -> list[tuple[object, ...]]:
        return [
            (
                cell.open,
                frozenset(cell.requests.split(" or ")),
                frozenset((g.policy, g.effect, g.path) for g in cell.by),
            )
            for cell in cells(them, cni="cilium", cni_version="1.18", cluster="infra")
        ]

    assert told(policies) == told(data.draw(st.permutations(policies)))


@settings(deadline=None, max_examples=60)
@given(st.lists(plain, min_size=1, max_size=4))
def test_policies_add_up(specs: list[dict[str, Any]]) -> None:
    """Where all of them isolate, together they admit whom one of them admits."""
    policies = [network_policy({**spec, "podSelector": {}}, name=f"p{place}") for place, spec in enumerate(specs)]
    apart = [cells([policy]) for policy in policies]
    assert [truth(cell) for cell in cells(policies)] == [max(map(truth, column)) for column in zip(*apart, strict=True)]


@settings(deadline=None, max_examples=60)
@given(policy_sets())
def test_every_cell_says_why(policies: list[KubeObject]) -> None:
    for cell in cells(policies):
        assert cell.why
        if cell.open is False or cell.open is None:
            assert cell.by, "what is not open names a policy"
        assert not (cell.requests and cell.open is not True)


@settings(deadline=None, max_examples=60)
@given(policy_sets(), policy_sets())
def test_an_edge_is_open_when_both_halves_are(into: list[KubeObject], out: list[KubeObject]) -> None:
    """Whatever the policies are; the source here is a pod like the target, so both are isolated at times."""
    made = platform(*into, *out)
    for port in PORTS:
        for party in PARTIES:
            if isinstance(party, Endpoint) and party.cluster is not None:
                continue
            one, two = egress_open(made, party, TARGET, port), ingress_open(made, party, TARGET, port)
            assert truth(decide(made, party, TARGET, port)) == min(truth(one), truth(two))
