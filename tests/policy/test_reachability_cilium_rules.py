"""Rules of a CiliumNetworkPolicy as Cilium decides them: ports, requests, denies, requirements, refusals."""

from typing import Any

import pytest
from reach_samples import CCNP, CNP, HTTP, PORT, WEB, cilium, enters, leaves, network_policy, platform, pod

from seawall.policy.estate.model import ContainerPort
from seawall.policy.estate.values import UNKNOWN
from seawall.policy.reachability.decision import Address, Endpoint, Entity, Port, decide
from seawall.policy.reachability.parties import Party

OTHER = pod("other", namespace_labels={"team": "b"})
PEER = pod(labels={"a": "b"})
FROM = {"fromEndpoints": [{"matchLabels": {"a": "b"}}]}
TO = {"toEndpoints": [{"matchLabels": {"a": "b"}}]}
NAMESPACE = "k8s:io.kubernetes.pod.namespace"


PORTS: list[tuple[list[dict[str, Any]], Port, bool]] = [
    ([{"port": "8080", "protocol": "TCP"}], PORT, True),
    ([{"port": "8080"}], PORT, True),
    ([{"port": "8080"}], Port(8080, "SCTP"), True),
    ([{"port": "8080", "protocol": "ANY"}], PORT, True),
    ([{"port": "8080", "protocol": "tcp"}], PORT, True),
    ([{"port": "8080", "protocol": "UDP"}], PORT, False),
    ([{"port": "8000", "endPort": 8100}], PORT, True),
    ([{"port": "8000", "endPort": 8079}], PORT, False),
    ([{"port": "http"}], PORT, True),
    ([{"port": "HTTP"}], PORT, True),
    ([{"port": "http", "endPort": 9000}], Port(8081), False),
    ([{"port": "metrics"}], PORT, False),
    ([{"port": "0"}], PORT, True),
    ([{"port": "0", "protocol": "UDP"}], PORT, False),
    ([{"port": 8080}], PORT, True),
]


@pytest.mark.parametrize(("ports", "port", "opened"), PORTS)
def test_ports(ports: list[dict[str, Any]], port: Port, opened: bool) -> None:
    policy = cilium({"endpointSelector": {}, "ingress": [{**FROM, "toPorts": [{"ports": ports}]}]})
    assert enters(PEER, policy, port=port).open is opened


def test_a_named_port_on_the_way_out_is_what_any_pod_calls_by_it() -> None:
    out = cilium({"endpointSelector": {}, "egress": [{"toPorts": [{"ports": [{"port": "http"}]}]}]})
    assert leaves(pod("other", ports=(HTTP,)), out).open is True
    assert leaves(pod("other", ports=()), out).open is None
    assert leaves(Address("192.0.2.1"), out).open is None


REQUESTS: list[tuple[dict[str, Any], str]] = [
    ({"rules": {"http": [{"method": "GET", "path": "/metrics"}]}}, "HTTP GET /metrics"),
    ({"rules": {"http": [{"path": "/a"}, {"path": "/b"}]}}, "HTTP /a or HTTP /b"),
    ({"rules": {"http": [{}]}}, "HTTP"),
    ({"rules": {"http": []}}, ""),
    ({"rules": {}}, ""),
    ({"rules": {"kafka": [{"topic": "x"}]}}, "some Kafka requests"),
    ({"rules": {"l7proto": "x", "l7": [{}]}}, "what its x rules let through"),
    ({"serverNames": ["a.example.org"]}, "TLS for a.example.org"),
]


@pytest.mark.parametrize(("extra", "requests"), REQUESTS)
def test_an_l7_rule_admits_the_port_for_some_requests_only(extra: dict[str, Any], requests: str) -> None:
    ports = {"ports": [{"port": "8080", "protocol": "TCP"}], **extra}
    policy = cilium({"endpointSelector": {}, "ingress": [{**FROM, "toPorts": [ports]}]})
    cell = enters(PEER, policy)
    assert (cell.open, cell.requests) == (True, requests)
    plain = cilium({"endpointSelector": {}, "ingress": [FROM]}, name="plain")
    assert enters(PEER, policy, plain).requests == "", "another rule that lets all through wins"


def test_both_sides_may_ask_for_something_of_the_requests() -> None:
    http = {"ports": [{"port": "8080", "protocol": "TCP"}], "rules": {"http": [{"path": "/a"}]}}
    into = cilium({"endpointSelector": {"matchLabels": {"app": "web"}}, "ingress": [{**FROM, "toPorts": [http]}]})
    out = cilium(
        {
            "endpointSelector": {"matchLabels": {"a": "b"}},
            "egress": [{"toEntities": ["all"], "authentication": {"mode": "required"}}],
        }
    )
    cell = decide(platform(into, out), PEER, WEB, PORT)
    assert (cell.open, cell.requests) == (True, "after mutual authentication and HTTP /a")


DENIES: list[tuple[dict[str, Any], Party, bool | None]] = [
    ({"ingressDeny": [FROM]}, PEER, False),
    ({"ingressDeny": [FROM]}, pod(), True),
    ({"ingressDeny": [{**FROM, "toPorts": [{"ports": [{"port": "1"}]}]}]}, PEER, True),
    ({"ingressDeny": [{**FROM, "toPorts": [{"ports": [{"port": "8080"}]}]}]}, PEER, False),
    ({"ingressDeny": [{"toPorts": [{"ports": [{"port": "8080"}]}]}]}, PEER, False),
    ({"ingressDeny": [{}]}, PEER, True),
    ({"ingressDeny": [{"fromEntities": ["cluster"]}]}, PEER, False),
    ({"ingressDeny": [{"fromEntities": ["cluster"]}]}, Address("192.0.2.1"), True),
    ({"ingressDeny": [{"fromCIDR": ["10.0.0.0/8"]}]}, Address("10.0.0.1"), False),
    ({"ingressDeny": [{"fromCIDR": ["10.0.0.0/8"]}]}, Entity("world"), None),
    ({"ingressDeny": [{"fromEndpoints": [{"matchLabels": {"a": "b"}}]}]}, Endpoint("shop"), None),
]


@pytest.mark.parametrize(("deny", "party", "opened"), DENIES)
def test_what_is_denied_is_denied_whoever_allows_it(deny: dict[str, Any], party: Party, opened: bool | None) -> None:
    denying = cilium({"endpointSelector": {}, **deny, "enableDefaultDeny": {"ingress": False}}, name="deny")
    everybody: dict[str, Any] = {"podSelector": {}, "ingress": [{}]}
    assert (
        enters(party, denying, cilium({"endpointSelector": {}, "ingress": [{"fromEntities": ["all"]}]})).open is opened
    )
    assert enters(party, denying, network_policy(everybody)).open is opened, "over Kubernetes' own policies as well"
    assert enters(party, denying).open is opened, "and where nothing isolates"


def test_a_denied_cell_names_the_rule() -> None:
    cell = enters(PEER, cilium({"endpointSelector": {}, "ingress": [FROM], "ingressDeny": [{}, FROM]}))
    (ground,) = cell.by
    assert ground.path == ("spec", "ingressDeny", "[1]", "fromEndpoints", "[0]")
    assert cell.why == "CiliumNetworkPolicy shop/p, ingress deny rule 2 denies it"


def test_requirements_narrow_every_rule_about_endpoints() -> None:
    """Up to 1.18; they admit nobody by themselves, and a rule by entity or without peers is not narrowed."""
    needs = cilium(
        {"endpointSelector": {}, "ingress": [{"fromRequires": [{"matchLabels": {"tier": "x"}}]}]}, name="needs"
    )
    allow = cilium({"endpointSelector": {}, "ingress": [FROM]}, name="allow")
    both = pod(labels={"a": "b", "tier": "x"})
    assert enters(pod(labels={"tier": "x"}), needs).open is False
    assert enters(PEER, needs, allow).open is False
    assert enters(both, needs, allow).open is True
    entity = cilium({"endpointSelector": {}, "ingress": [{"fromEntities": ["cluster"]}]})
    assert enters(PEER, needs, entity).open is True
    kubernetes = network_policy({"podSelector": {}, "ingress": [{}]})
    assert enters(PEER, needs, kubernetes).open is False
    assert enters(both, needs, kubernetes).open is True
    assert enters(Entity("world"), needs, kubernetes).open is False
    ports = {"fromRequires": [{"matchLabels": {"tier": "x"}}], "toPorts": [{"ports": [{"port": "8080"}]}]}
    assert enters(PEER, cilium({"endpointSelector": {}, "ingress": [ports]})).open is True
    cell = enters(both, needs, allow, cni_version="1.19")
    assert cell.open is None
    assert "refuses fromRequires" in cell.why


def test_several_specs() -> None:
    specs = [
        {"endpointSelector": {}, "ingress": [FROM]},
        {"endpointSelector": {"matchLabels": {"app": "x"}}, "ingress": [{}]},
    ]
    policy = cilium(specs=specs)
    assert enters(PEER, policy).open is True
    assert enters(OTHER, policy).open is False
    assert enters(OTHER, cilium(specs=specs[1:])).open is True
    (ground,) = enters(PEER, policy).by
    assert ground.path == ("specs", "[0]", "ingress", "[0]", "fromEndpoints", "[0]")
    assert enters(PEER, cilium({"endpointSelector": {}, "ingress": [{}]}, specs=specs)).open is True


@pytest.mark.parametrize(
    ("kind", "selector", "selects"),
    [
        (CNP, {}, True),
        (CNP, {"matchLabels": {"k8s:app": "web"}}, True),
        (CNP, {"matchLabels": {NAMESPACE: "other"}}, True),  # Cilium puts its own namespace in its place
        (CNP, {"matchLabels": {"io.kubernetes.pod.namespace": "other"}}, False),
        (CCNP, {}, True),
        (CCNP, {"matchLabels": {NAMESPACE: "shop"}}, True),
        (CCNP, {"matchLabels": {NAMESPACE: "other"}}, False),
        (CCNP, {"matchExpressions": [{"key": NAMESPACE, "operator": "NotIn", "values": ["a"]}]}, True),
        (CCNP, {"matchExpressions": [{"key": NAMESPACE, "operator": "NotIn", "values": ["shop"]}]}, False),
        (CCNP, {"matchLabels": {"io.cilium.k8s.policy.serviceaccount": "web"}}, True),
        (CCNP, {"matchLabels": {"io.cilium.k8s.policy.serviceaccount": "other"}}, False),
        (CCNP, {"matchLabels": {"io.cilium.k8s.namespace.labels.team": "a"}}, True),
        (CCNP, {"matchLabels": {"io.cilium.k8s.namespace.labels.team": "b"}}, False),
        (CCNP, {"matchLabels": {"reserved:init": ""}}, False),
    ],
)
def test_which_pods_a_policy_is_about(kind: str, selector: dict[str, Any], selects: bool) -> None:
    assert enters(OTHER, cilium({"endpointSelector": selector, "ingress": [{}]}, kind)).open is not selects


def test_a_clusterwide_policy_means_every_namespace() -> None:
    policy = cilium({"endpointSelector": {}, "ingress": [{"fromEndpoints": [{}]}]}, CCNP)
    assert enters(OTHER, policy).open is True
    assert enters(Entity("world"), policy).open is False
    init = {"endpointSelector": {"matchExpressions": [{"key": "reserved:init", "operator": "DoesNotExist"}]}}
    for_init = cilium({**init, "ingress": [{"fromEndpoints": [{}]}]}, CCNP)
    assert enters(Entity("world"), for_init).open is True, "no namespace is asked for where starting pods are meant"


def test_a_clusterwide_policy_by_labels_of_a_namespace_that_is_not_known() -> None:
    target = Endpoint("shop", {"app": "web"})
    selector = {"matchLabels": {"io.cilium.k8s.namespace.labels.team": "a"}}
    assert enters(OTHER, cilium({"endpointSelector": selector, "ingress": [{}]}, CCNP), target=target).open is None


def test_a_policy_for_nodes_is_about_no_pods_and_leaves_nodes_undecided() -> None:
    nodes = cilium({"nodeSelector": {}, "ingress": [{"fromEntities": ["cluster"]}]}, CCNP)
    assert enters(OTHER, nodes).open is True
    assert enters(OTHER, nodes, target=Entity("remote-node")).open is None
    assert enters(OTHER, target=Entity("remote-node")).open is True


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"endpointSelector": {}}, "without any rule"),
    ({"endpointSelector": {}, "ingress": []}, "without any rule"),
    ({"ingress": [FROM]}, "endpointSelector and nodeSelector"),
    ({"endpointSelector": {}, "nodeSelector": {}, "ingress": [FROM]}, "endpointSelector and nodeSelector"),
    ({"endpointSelector": {}, "ingress": [{**FROM, "fromEntities": ["host"]}]}, "fromEndpoints and fromEntities"),
    ({"endpointSelector": {}, "egress": [{**TO, "toFQDNs": [{"matchName": "a"}]}]}, "toEndpoints and toFQDNs"),
    ({"endpointSelector": {}, "ingress": [{"fromEntities": ["hosts"]}]}, "knows no entity"),
    ({"endpointSelector": {}, "ingress": [{"fromCIDR": ["10.0.0.0/99"]}]}, "no range of addresses"),
    ({"endpointSelector": {}, "ingress": [{**FROM, "toPorts": [{"ports": [{"port": "99999"}]}]}]}, "no port"),
    ({"endpointSelector": {}, "ingress": [{**FROM, "toPorts": [{"ports": [{}]}]}]}, "no port"),
    ({"endpointSelector": {}, "ingress": [{**FROM, "toPorts": [{"ports": [{"port": "1"}] * 41}]}]}, "41 ports"),
    (
        {"endpointSelector": {}, "ingress": [{**FROM, "toPorts": [{"ports": [{"port": "1", "protocol": "X"}]}]}]},
        "this protocol",
    ),
    (
        {"endpointSelector": {}, "ingress": [{"toPorts": [{"ports": [{"port": "53"}], "rules": {"dns": [{}]}}]}]},
        "rules.dns",
    ),
    (
        {"endpointSelector": {}, "ingress": [{"toPorts": [{"ports": [{"port": "1"}]}], "icmps": [{"fields": []}]}]},
        "icmps and toPorts",
    ),
]


@pytest.mark.parametrize(("spec", "why"), REFUSED)
def test_what_cilium_refuses_is_no_verdict(spec: dict[str, Any], why: str) -> None:
    """The agent enforces nothing of such a policy, or what it had before."""
    policy = cilium(spec)
    isolating = network_policy({"podSelector": {}})
    cell = enters(OTHER, policy, isolating)
    assert cell.open is None
    assert cell.unread is not None
    assert why in cell.unread.why
    assert cell.unread.subject is policy


UNKNOWNS: list[dict[str, Any]] = [
    {"endpointSelector": UNKNOWN, "ingress": [FROM]},
    {"endpointSelector": {}, "ingress": UNKNOWN},
    {"endpointSelector": {}, "ingress": [{}], "ingressDeny": UNKNOWN, "enableDefaultDeny": UNKNOWN},
    {"endpointSelector": {}, "ingress": [UNKNOWN]},
    {"endpointSelector": {}, "ingress": [{"fromEndpoints": [{"matchLabels": {"a": UNKNOWN}}]}]},
    {"endpointSelector": {}, "ingress": [{"fromEntities": UNKNOWN}]},
    {"endpointSelector": {}, "ingress": [{"fromEntities": ["all"], "toPorts": UNKNOWN}]},
    {"endpointSelector": {}, "ingress": [{"fromEntities": ["all"], "toPorts": [{"ports": [{"port": UNKNOWN}]}]}]},
]


@pytest.mark.parametrize("spec", UNKNOWNS)
def test_what_is_not_known_yet_neither_opens_nor_closes(spec: dict[str, Any]) -> None:
    policy = cilium(spec)
    cell = enters(OTHER, policy, network_policy({"podSelector": {}}))
    assert cell.open is None
    assert cell.unread is not None
    assert cell.unread.subject is policy


def test_an_unknown_deny_may_close_what_is_open() -> None:
    policy = cilium({"endpointSelector": {}, "ingressDeny": [UNKNOWN], "enableDefaultDeny": {"ingress": False}})
    assert enters(OTHER, policy).open is None


@pytest.mark.parametrize(
    ("sources", "requests"),
    [
        ({"fromEntities": ["host"]}, "HTTP /a"),
        ({"fromEntities": ["cluster"]}, "HTTP /a"),
        ({"fromEndpoints": [{"matchLabels": {"reserved:host": ""}}]}, "HTTP /a"),
        ({"fromEntities": ["all"]}, ""),
        ({"fromEndpoints": [{"matchExpressions": [{"key": "reserved:init", "operator": "DoesNotExist"}]}]}, ""),
        ({"fromEntities": ["world"]}, ""),
    ],
)
def test_requests_of_the_own_node_are_looked_into_where_a_rule_names_it(sources: dict[str, Any], requests: str) -> None:
    ports = {"ports": [{"port": "8080", "protocol": "TCP"}], "rules": {"http": [{"path": "/a"}]}}
    policy = cilium({"endpointSelector": {}, "ingress": [{**sources, "toPorts": [ports]}]})
    cell = enters(Entity("host"), policy)
    assert (cell.open, cell.requests) == (True, requests)
    named = cilium({"endpointSelector": {}, "ingress": [{"fromEntities": ["host"]}]}, name="named")
    assert enters(Entity("host"), policy, named).requests == ""


def test_a_name_that_pods_use_for_two_numbers_is_no_port_on_the_way_out() -> None:
    out = cilium({"endpointSelector": {}, "egress": [{"toPorts": [{"ports": [{"port": "http"}]}]}]})
    other = ContainerPort(80, "TCP", "http")
    assert leaves(OTHER, out, port_names=[HTTP]).open is True, "although the target does not call it so"
    assert leaves(OTHER, out, port_names=[HTTP, HTTP]).open is True
    assert leaves(OTHER, out, port_names=[HTTP, other]).open is False
    assert leaves(OTHER, out, port_names=[other]).open is False
    assert leaves(OTHER, out, port_names=[]).open is False


def test_a_selector_for_the_own_cluster_is_met_by_pods_alone() -> None:
    """From 1.19 on: what is no pod has no label of a cluster."""
    init = {"endpointSelector": {"matchExpressions": [{"key": "reserved:init", "operator": "DoesNotExist"}]}}
    policy = cilium({**init, "ingress": [{"fromEndpoints": [{}]}]}, CCNP)
    assert enters(Entity("world"), policy, cni_version="1.19").open is False
    assert enters(OTHER, policy, cni_version="1.19").open is True
    assert enters(Entity("world"), policy, cni_version=None).open is None


def test_a_policy_that_cilium_refuses_is_about_its_own_pods_only() -> None:
    policy = cilium(
        {"endpointSelector": {"matchLabels": {"app": "api"}}, "ingress": [{**FROM, "fromEntities": ["host"]}]}
    )
    assert enters(OTHER, policy).open is True
    nowhere = cilium({"ingress": [FROM]})
    assert enters(OTHER, nowhere).open is None
