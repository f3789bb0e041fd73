"""Whom a CiliumNetworkPolicy is about, as Cilium decides it; and what Cilium makes of Kubernetes' own policies."""

from typing import Any

import pytest
from reach_samples import cilium, enters, leaves, network_policy, pod

from seawall.policy.reachability.decision import Address, Endpoint, Entity, Name
from seawall.policy.reachability.parties import Party

OTHER = pod("other", namespace_labels={"team": "b"})
PEER = pod(labels={"a": "b"})
FROM = {"fromEndpoints": [{"matchLabels": {"a": "b"}}]}
TO = {"toEndpoints": [{"matchLabels": {"a": "b"}}]}
REMOTE = pod("other", cluster="apps")
CLUSTER = "k8s:io.cilium.k8s.policy.cluster"
NAMESPACE = "k8s:io.kubernetes.pod.namespace"
ANY_NAMESPACE = {"matchExpressions": [{"key": NAMESPACE, "operator": "Exists"}]}


@pytest.mark.parametrize(
    ("spec", "peer", "other"),
    [
        ({"ingress": [{}]}, False, False),
        ({"ingress": [None]}, False, False),
        ({"ingress": [FROM]}, True, False),
        ({"ingress": [{}, FROM]}, True, False),
        ({"ingress": [{"toPorts": [{"ports": [{"port": "8080"}]}]}]}, True, True),
        ({"ingress": [{"fromEndpoints": []}]}, False, False),
        ({"ingress": [{"fromEndpoints": [], "toPorts": [{"ports": [{"port": "8080"}]}]}]}, False, False),
        ({"ingress": [{"fromCIDR": [], "toPorts": [{"ports": [{"port": "8080"}]}]}]}, False, False),
        ({"ingress": [{**FROM, "icmps": [{"fields": [{"type": 8}]}]}]}, False, False),
        ({"ingress": [{"icmps": [{"fields": [{"type": 8}]}]}]}, False, False),
        ({"ingress": [{**FROM, "toPorts": [{"ports": []}]}]}, False, False),
        ({"ingress": [{**FROM, "toPorts": []}]}, True, False),
        ({"ingress": [{"fromEntities": ["none"]}]}, False, False),
        ({"ingressDeny": [FROM]}, False, False),
        ({"egress": [{}]}, True, True),
        ({"ingress": [FROM], "enableDefaultDeny": {"ingress": False}}, True, True),
        ({"ingressDeny": [FROM], "enableDefaultDeny": {"ingress": False}}, False, True),
        ({"ingress": [FROM], "enableDefaultDeny": {"egress": False}}, True, False),
        ({"egress": [{}], "enableDefaultDeny": {"ingress": True}}, True, True),
        ({"ingress": [], "egress": [{}]}, True, True),
    ],
)
def test_sections(spec: dict[str, Any], peer: bool, other: bool) -> None:
    policy = cilium({"endpointSelector": {}, **spec})
    assert enters(PEER, policy).open is peer
    assert enters(OTHER, policy).open is other


@pytest.mark.parametrize(
    ("spec", "peer", "other"),
    [
        ({"egress": [{}]}, False, False),
        ({"egress": [TO]}, True, False),
        ({"egress": [{"toPorts": [{"ports": [{"port": "8080", "protocol": "TCP"}]}]}]}, True, True),
        ({"egressDeny": [TO]}, False, False),
        ({"egressDeny": [TO], "egress": [{"toEntities": ["all"]}]}, False, True),
        ({"egressDeny": [TO], "enableDefaultDeny": {"egress": False}}, False, True),
        ({"ingress": [{}]}, True, True),
        ({"egress": [{"toEndpoints": []}]}, False, False),
    ],
)
def test_egress_sections(spec: dict[str, Any], peer: bool, other: bool) -> None:
    policy = cilium({"endpointSelector": {}, **spec})
    assert leaves(PEER, policy).open is peer
    assert leaves(OTHER, policy).open is other


SELECTORS: list[tuple[dict[str, str], Endpoint, bool | None]] = [
    ({}, pod(), True),
    ({}, OTHER, False),
    ({"a": "b"}, PEER, True),
    ({"k8s:a": "b"}, PEER, True),
    ({"any:a": "b"}, PEER, True),
    ({"container:a": "b"}, PEER, False),
    ({"a": "b"}, pod("other", {"a": "b"}), False),
    ({NAMESPACE: "other"}, OTHER, True),
    ({"io.kubernetes.pod.namespace": "other", "a": "b"}, pod("other", {"a": "b"}), True),
    ({NAMESPACE: "other"}, pod(), False),
    ({"k8s:io.cilium.k8s.namespace.labels.team": "b"}, OTHER, True),
    ({"io.cilium.k8s.namespace.labels.team": "b"}, pod("x", namespace_labels={"team": "a"}), False),
    ({"k8s:io.cilium.k8s.namespace.labels.team": "b"}, Endpoint("x", {}), None),
    ({"k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name": "other"}, OTHER, True),
    ({"io.cilium.k8s.policy.serviceaccount": "robot"}, pod(service_account="robot"), True),
    ({"io.cilium.k8s.policy.serviceaccount": "robot"}, pod(service_account="other"), False),
    ({"io.cilium.k8s.policy.serviceaccount": "robot"}, pod(), None),
    ({CLUSTER: "infra"}, pod(), True),
    ({CLUSTER: "apps"}, pod(), False),
    ({CLUSTER: "apps", NAMESPACE: "other"}, REMOTE, True),
    ({CLUSTER: "infra", NAMESPACE: "other"}, REMOTE, False),
    ({"pod-template-hash": "x"}, pod(labels={"pod-template-hash": "x"}), False),
    ({"statefulset.kubernetes.io/pod-name": "x"}, pod(labels={"statefulset.kubernetes.io/pod-name": "x"}), False),
    ({"app.kubernetes.io/name": "x"}, pod(labels={"app.kubernetes.io/name": "x"}), True),
    ({"a": "b"}, Endpoint("shop"), None),
    ({"container:a": "b"}, Endpoint("shop"), False),
]


@pytest.mark.parametrize(("labels", "source", "opened"), SELECTORS)
def test_endpoints(labels: dict[str, str], source: Endpoint, opened: bool | None) -> None:
    assert (
        enters(source, cilium({"endpointSelector": {}, "ingress": [{"fromEndpoints": [{"matchLabels": labels}]}]})).open
        is opened
    )
    assert (
        leaves(source, cilium({"endpointSelector": {}, "egress": [{"toEndpoints": [{"matchLabels": labels}]}]})).open
        is opened
    )


@pytest.mark.parametrize(
    ("version", "cluster", "labels", "opened"),
    [
        ("1.18", "infra", {NAMESPACE: "other"}, True),
        ("1.18.3", "infra", {NAMESPACE: "other"}, True),
        ("1.19", "infra", {NAMESPACE: "other"}, False),
        (None, "infra", {NAMESPACE: "other"}, None),
        ("1.19", "infra", {NAMESPACE: "other", CLUSTER: "apps"}, True),
        ("1.19", "infra", {NAMESPACE: "other", "any:io.cilium.k8s.policy.cluster": "apps"}, True),
        ("1.18", None, {NAMESPACE: "other", CLUSTER: "apps"}, True),
        ("1.18", None, {NAMESPACE: "other", CLUSTER: "infra"}, False),
    ],
)
def test_pods_of_other_clusters(
    version: str | None, cluster: str | None, labels: dict[str, str], opened: bool | None
) -> None:
    policy = cilium({"endpointSelector": {}, "ingress": [{"fromEndpoints": [{"matchLabels": labels}]}]})
    assert enters(REMOTE, policy, cni_version=version, cluster=cluster).open is opened


def test_the_own_clusters_name_may_not_be_known() -> None:
    named = cilium({"endpointSelector": {}, "ingress": [{"fromEndpoints": [{"matchLabels": {CLUSTER: "infra"}}]}]})
    assert enters(pod(), named, cluster=None).open is None
    every = {"matchExpressions": [{"key": CLUSTER, "operator": "Exists"}]}
    assert enters(pod(), cilium({"endpointSelector": {}, "ingress": [{"fromEndpoints": [every]}]}), cluster=None).open


def test_any_cluster_asked_for() -> None:
    every = {"matchLabels": {NAMESPACE: "other"}, "matchExpressions": [{"key": CLUSTER, "operator": "Exists"}]}
    policy = cilium({"endpointSelector": {}, "ingress": [{"fromEndpoints": [every]}]})
    assert enters(REMOTE, policy, cni_version="1.19").open is True


@pytest.mark.parametrize(("version", "opened"), [("1.18", True), ("1.19", False)])
def test_kubernetes_policies_and_other_clusters(version: str, opened: bool) -> None:
    peer: dict[str, Any] = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}
    options: dict[str, Any] = {"cni": "cilium", "cni_version": version, "cluster": "infra"}
    policy = network_policy({"podSelector": {}, "ingress": [{"from": [peer]}]})
    assert enters(REMOTE, policy, **options).open is opened
    assert enters(OTHER, policy, **options).open is True
    peer["podSelector"] = {"matchLabels": {"io.cilium.k8s.policy.cluster": "apps"}}
    named = network_policy({"podSelector": {}, "ingress": [{"from": [peer]}]})
    assert enters(REMOTE, named, **options).open is True
    assert enters(OTHER, named, **options).open is False


@pytest.mark.parametrize(
    ("spec", "ingress", "egress"),
    [
        ({"policyTypes": ["Ingress"], "egress": [{"ports": [{"port": 1}]}]}, False, False),
        ({"policyTypes": ["Egress"], "ingress": [{"ports": [{"port": 1}]}]}, False, False),
        ({"policyTypes": ["Ingress"], "egress": []}, False, True),
    ],
)
def test_cilium_enforces_sections_with_rules_whatever_policy_types_says(
    spec: dict[str, Any], ingress: bool, egress: bool
) -> None:
    policy = network_policy({"podSelector": {}, **spec})
    assert enters(OTHER, policy, cni="cilium").open is ingress
    assert leaves(OTHER, policy, cni="cilium").open is egress


ENTITIES: list[tuple[str, Party, bool | None]] = [
    ("all", OTHER, True),
    ("all", REMOTE, True),
    ("all", Entity("world"), True),
    ("all", Address("192.0.2.1"), True),
    ("all", Entity("remote-node"), True),
    ("cluster", OTHER, True),
    ("cluster", REMOTE, False),
    ("cluster", Entity("remote-node"), True),
    ("cluster", Entity("health"), True),
    ("cluster", Entity("kube-apiserver"), True),
    ("cluster", Entity("world"), False),
    ("cluster", Address("192.0.2.1"), False),
    ("world", Entity("world"), True),
    ("world", Address("192.0.2.1"), True),
    ("world", OTHER, False),
    ("world", Entity("remote-node"), False),
    ("world", Entity("kube-apiserver"), None),
    ("world-ipv4", Entity("world"), None),
    ("remote-node", Entity("remote-node"), True),
    ("remote-node", Entity("kube-apiserver"), None),
    ("remote-node", OTHER, False),
    ("kube-apiserver", Entity("kube-apiserver"), True),
    ("kube-apiserver", Entity("remote-node"), False),
    ("health", Entity("health"), True),
    ("init", Entity("init"), True),
    ("ingress", Entity("ingress"), True),
    ("unmanaged", Entity("unmanaged"), True),
    ("unmanaged", OTHER, False),
    ("none", OTHER, False),
]


@pytest.mark.parametrize(("entity", "party", "opened"), ENTITIES)
def test_entities(entity: str, party: Party, opened: bool | None) -> None:
    assert enters(party, cilium({"endpointSelector": {}, "ingress": [{"fromEntities": [entity]}]})).open is opened
    assert leaves(party, cilium({"endpointSelector": {}, "egress": [{"toEntities": [entity]}]})).open is opened


def test_the_own_node_gets_in_unless_denied_and_is_reached_only_when_allowed() -> None:
    nobody = cilium({"endpointSelector": {}, "ingress": [{}], "egress": [{}]})
    host = Entity("host")
    assert enters(host, nobody).open is True
    assert leaves(host, nobody).open is False
    assert leaves(host, cilium({"endpointSelector": {}, "egress": [{"toEntities": ["host"]}]})).open is True
    assert enters(host, cilium({"endpointSelector": {}, "ingressDeny": [{"fromEntities": ["host"]}]})).open is False


RESERVED: list[tuple[dict[str, Any], Party, bool | None]] = [
    ({"matchLabels": {"reserved:host": ""}}, Entity("remote-node"), False),
    ({"matchLabels": {"reserved:remote-node": ""}}, Entity("remote-node"), True),
    ({"matchLabels": {"reserved:remote-node": ""}}, OTHER, False),
    ({"matchLabels": {"reserved:world": ""}}, OTHER, False),
    ({"matchExpressions": [{"key": "reserved:init", "operator": "DoesNotExist"}]}, OTHER, True),
    ({"matchExpressions": [{"key": "reserved:init", "operator": "DoesNotExist"}]}, REMOTE, True),
    ({"matchExpressions": [{"key": "reserved:init", "operator": "DoesNotExist"}]}, Entity("health"), True),
    ({"matchExpressions": [{"key": "reserved:init", "operator": "DoesNotExist"}]}, Entity("init"), False),
    ({}, Entity("world"), False),
    (ANY_NAMESPACE, Entity("remote-node"), False),
    (ANY_NAMESPACE, OTHER, True),
]


@pytest.mark.parametrize(("selector", "party", "opened"), RESERVED)
def test_reserved_labels(selector: dict[str, Any], party: Party, opened: bool | None) -> None:
    policy = cilium({"endpointSelector": {}, "ingress": [{"fromEndpoints": [selector]}]})
    assert enters(party, policy, cni_version="1.19").open is opened


CIDRS: list[tuple[dict[str, Any], Party, bool | None]] = [
    ({"fromCIDR": ["10.0.0.0/8"]}, Address("10.0.0.1"), True),
    ({"fromCIDR": ["10.0.0.1"]}, Address("10.0.0.1"), True),
    ({"fromCIDR": ["10.0.0.0/8"]}, Address("11.0.0.1"), False),
    ({"fromCIDR": ["10.0.0.0/8"]}, pod("other", address="10.0.0.1"), False),
    ({"fromCIDR": ["0.0.0.0/0"]}, OTHER, False),
    ({"fromCIDR": ["0.0.0.0/0"]}, Entity("world"), True),
    ({"fromCIDR": ["0.0.0.0/0"]}, Entity("remote-node"), False),
    ({"fromCIDR": ["0.0.0.0/0"]}, Entity("kube-apiserver"), None),
    ({"fromCIDR": ["10.0.0.0/8"]}, Entity("world"), None),
    ({"fromCIDRSet": [{"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}]}, Address("10.1.0.1"), False),
    ({"fromCIDRSet": [{"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}]}, Address("10.2.0.1"), True),
    ({"fromCIDRSet": [{"cidrGroupRef": "partners"}]}, Address("10.2.0.1"), None),
    ({"fromCIDRSet": [{"cidrGroupRef": "partners"}]}, OTHER, False),
    ({"fromGroups": [{"aws": {"securityGroupsNames": ["x"]}}]}, Address("10.2.0.1"), None),
    ({"fromGroups": [{"aws": {"securityGroupsNames": ["x"]}}]}, OTHER, False),
    ({"fromNodes": [{"matchLabels": {"zone": "a"}}]}, OTHER, False),
    ({"fromNodes": [{"matchLabels": {"zone": "a"}}]}, Entity("remote-node"), None),
    ({"fromNodes": [{"matchLabels": {"zone": "a"}}]}, Entity("world"), False),
]


@pytest.mark.parametrize(("rule", "party", "opened"), CIDRS)
def test_addresses_and_nodes(rule: dict[str, Any], party: Party, opened: bool | None) -> None:
    assert enters(party, cilium({"endpointSelector": {}, "ingress": [rule]})).open is opened


def test_blocks_of_kubernetes_policies_are_never_pods_under_cilium() -> None:
    policy = network_policy({"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]})
    assert enters(OTHER, policy, cni="cilium").open is False
    assert enters(OTHER, policy).open is True
    assert enters(Entity("world"), policy, cni="cilium").open is True


NAMES: list[tuple[dict[str, Any], Party, bool | None]] = [
    ({"toFQDNs": [{"matchName": "store.example.org"}]}, Name("store.example.org"), True),
    ({"toFQDNs": [{"matchName": "store.example.org."}]}, Name("STORE.example.org"), True),
    ({"toFQDNs": [{"matchName": "other.example.org"}]}, Name("store.example.org"), False),
    ({"toFQDNs": [{"matchPattern": "*.example.org"}]}, Name("store.example.org"), True),
    ({"toFQDNs": [{"matchPattern": "*.example.org"}]}, Name("a.store.example.org"), False),
    ({"toFQDNs": [{"matchPattern": "st*e.example.org"}]}, Name("store.example.org"), True),
    ({"toFQDNs": [{"matchPattern": "*or*.example.org"}]}, Name("store.example.org"), True),
    ({"toFQDNs": [{"matchPattern": "*ox*.example.org"}]}, Name("store.example.org"), False),
    ({"toFQDNs": [{"matchPattern": "*"}]}, Name("store.example.org"), True),
    ({"toFQDNs": [{"matchName": "store.example.org"}]}, OTHER, False),
    ({"toFQDNs": [{"matchName": "store.example.org"}]}, Address("192.0.2.1"), None),
    ({"toFQDNs": [{"matchName": "store.example.org"}]}, Entity("world"), None),
    ({"toEntities": ["world"]}, Name("store.example.org"), True),
    ({"toCIDR": ["192.0.2.0/24"]}, Name("store.example.org"), None),
    ({"toServices": [{"k8sService": {"serviceName": "x", "namespace": "other"}}]}, OTHER, None),
    ({"toServices": [{"k8sService": {"serviceName": "x", "namespace": "other"}}]}, pod(), False),
    ({"toServices": [{"k8sServiceSelector": {"selector": {}}}]}, OTHER, None),
]


@pytest.mark.parametrize(("rule", "party", "opened"), NAMES)
def test_names_and_services(rule: dict[str, Any], party: Party, opened: bool | None) -> None:
    assert leaves(party, cilium({"endpointSelector": {}, "egress": [rule]})).open is opened
