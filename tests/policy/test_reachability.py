"""Selectors, peers and ports of both policy dialects, decided as Kubernetes and Cilium decide them."""

from typing import Any

import pytest

from seawall.policy.estate.building import build, kube_object
from seawall.policy.estate.kinds import DEPLOYMENT
from seawall.policy.estate.model import ContainerPort, Estate, KubeObject, Origin, PodSet, pod_sets
from seawall.policy.estate.values import CannotEvaluateError, View
from seawall.policy.reachability.admissions import Admission, Ingress, ingress
from seawall.policy.reachability.peers import PortRange
from seawall.policy.reachability.selectors import read

LABELS = {"app": "web", "tier": "front"}
PORT = ContainerPort(8080, "TCP", "http")


def thing(manifest: dict[str, Any]) -> KubeObject:
    made = kube_object(manifest, Origin(file="x"))
    assert made is not None
    return made


def pods() -> PodSet:
    container = {"ports": [{"containerPort": 8080, "name": "http"}]}
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}}
    (found,) = pod_sets(
        thing(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "web", "namespace": "shop"},
                "spec": {"replicas": 2, "template": template},
            }
        )
    )
    return found


def network_policy(spec: dict[str, Any], namespace: str = "shop") -> dict[str, Any]:
    metadata = {"name": "p", "namespace": namespace}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def cilium(spec: dict[str, Any] | None = None, kind: str = "CiliumNetworkPolicy", **more: Any) -> dict[str, Any]:
    made = {"apiVersion": "cilium.io/v2", "kind": kind, "metadata": {"name": "p", "namespace": "shop"}, **more}
    return made if spec is None else {**made, "spec": spec}


def decide(*manifests: dict[str, Any]) -> Ingress:
    return ingress(pods(), build(thing(manifest) for manifest in manifests))


def rules(*manifests: dict[str, Any]) -> list[Admission]:
    return list(decide(*manifests).admissions)


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        (None, True),
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "web", "tier": "back"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["api", "web"]}]}, True),
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
    assert bool(decide(network_policy({"podSelector": selector or {}})).isolating) is matches
    assert bool(decide(cilium({"endpointSelector": selector or {}, "ingress": [{}]})).isolating) is matches


@pytest.mark.parametrize("operator", ["Like", None, 3])
def test_an_unknown_operator_is_no_verdict(operator: object) -> None:
    policy = network_policy({"podSelector": {"matchExpressions": [{"key": "a", "operator": operator}]}})
    with pytest.raises(CannotEvaluateError) as problem:
        decide(policy)
    assert isinstance(problem.value.subject, KubeObject)
    assert problem.value.subject.kind == "NetworkPolicy"


@pytest.mark.parametrize(
    ("spec", "isolates"),
    [
        ({}, True),
        ({"policyTypes": []}, True),
        ({"policyTypes": ["Ingress", "Egress"]}, True),
        ({"policyTypes": ["Egress"]}, False),
        ({"egress": [{}]}, True),
    ],
)
def test_policy_types(spec: dict[str, Any], isolates: bool) -> None:
    decided = decide(network_policy({"podSelector": {}, **spec}))
    assert bool(decided.isolating) is isolates
    assert not decided.admissions


def test_a_policy_of_another_namespace_does_not_matter() -> None:
    assert not decide(network_policy({"podSelector": {}}, namespace="other")).isolating


@pytest.mark.parametrize(
    ("peer", "title", "everyone", "namespaces"),
    [
        ({"podSelector": {}}, "every pod of namespace shop", False, {"shop"}),
        ({"podSelector": {"matchLabels": {"a": "b"}}}, "pods with a=b of namespace shop", False, {"shop"}),
        ({"namespaceSelector": {}}, "every pod of every namespace", True, None),
        (
            {"namespaceSelector": {}, "podSelector": {"matchLabels": {"a": "b"}}},
            "pods with a=b of every namespace",
            False,
            None,
        ),
        (
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "x"}}},
            "every pod of namespace x",
            False,
            {"x"},
        ),
        (
            {
                "namespaceSelector": {
                    "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["x", "y"]}]
                }
            },
            "every pod of namespace x or y",
            False,
            {"x", "y"},
        ),
        ({"namespaceSelector": {"matchLabels": {"team": "a"}}}, "every pod of namespaces with team=a", False, None),
        ({"ipBlock": {"cidr": "10.0.0.0/8"}}, "ipBlock 10.0.0.0/8", False, None),
        ({"ipBlock": {"cidr": "0.0.0.0/0"}}, "ipBlock 0.0.0.0/0", True, None),
        ({}, "an empty peer", True, None),
    ],
)
def test_kubernetes_peers(peer: dict[str, Any], title: str, everyone: bool, namespaces: set[str] | None) -> None:
    (rule,) = rules(network_policy({"podSelector": {}, "ingress": [{"from": [peer]}]}))
    (found,) = rule.peers
    assert (found.title, found.everyone, found.namespaces) == (title, everyone, namespaces)


@pytest.mark.parametrize("rule", [{}, {"from": []}, {"ports": [{"port": 8080}]}])
def test_a_rule_without_from_admits_everybody(rule: dict[str, Any]) -> None:
    (found,) = rules(network_policy({"podSelector": {}, "ingress": [rule]}))
    assert [peer.everyone for peer in found.peers] == [True]
    assert found.admits(PORT)


@pytest.mark.parametrize(
    ("span", "covered"),
    [
        (PortRange(None, None), True),
        (PortRange("TCP", None), True),
        (PortRange("UDP", None), False),
        (PortRange("TCP", 8080), True),
        (PortRange("TCP", 8081), False),
        (PortRange("TCP", 8000, 8080), True),
        (PortRange("TCP", 8000, 8079), False),
        (PortRange("TCP", "http"), True),
        (PortRange("TCP", "metrics"), False),
    ],
)
def test_ports(span: PortRange, covered: bool) -> None:
    assert span.covers(PORT) is covered


ENDPOINTS = {"fromEndpoints": [{"matchLabels": {"a": "b"}}]}


@pytest.mark.parametrize(
    ("spec", "isolates", "admits"),
    [
        ({"ingress": []}, False, 0),
        ({"ingress": [{}]}, True, 0),
        ({"ingress": [ENDPOINTS]}, True, 1),
        ({"ingress": [{"toPorts": [{"ports": [{"port": "8080"}]}]}]}, True, 1),
        ({"ingress": [{"fromEndpoints": []}]}, True, 0),
        ({"ingress": [{**ENDPOINTS, "icmps": [{"fields": []}]}]}, True, 0),
        ({"ingress": [{"fromEntities": ["none"]}]}, True, 0),
        ({"ingressDeny": [ENDPOINTS]}, True, 0),
        ({"ingress": [ENDPOINTS], "enableDefaultDeny": {"ingress": False}}, False, 1),
        ({"egress": [{}]}, False, 0),
    ],
)
def test_cilium_sections(spec: dict[str, Any], isolates: bool, admits: int) -> None:
    decided = decide(cilium({"endpointSelector": {}, **spec}))
    assert bool(decided.isolating) is isolates
    assert len(decided.admissions) == admits


@pytest.mark.parametrize(
    ("labels", "title", "clusters"),
    [
        ({}, "every pod of namespace shop", None),
        ({"a": "b"}, "pods with a=b of namespace shop", None),
        ({"k8s:a": "b", "k8s:io.kubernetes.pod.namespace": "x"}, "pods with a=b of namespace x", None),
        (
            {"io.kubernetes.pod.namespace": "x", "io.cilium.k8s.policy.cluster": "apps"},
            "every pod of namespace x in cluster apps",
            {"apps"},
        ),
        ({"k8s:io.cilium.k8s.namespace.labels.team": "a"}, "every pod of namespaces with team=a", None),
        ({"k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name": "x"}, "every pod of namespace x", None),
    ],
)
def test_cilium_endpoints(labels: dict[str, str], title: str, clusters: set[str] | None) -> None:
    (rule,) = rules(cilium({"endpointSelector": {}, "ingress": [{"fromEndpoints": [{"matchLabels": labels}]}]}))
    (found,) = rule.peers
    assert (found.title, found.clusters, found.everyone) == (title, clusters, False)


def test_any_namespace_in_cilium() -> None:
    every = {"matchExpressions": [{"key": "k8s:io.kubernetes.pod.namespace", "operator": "Exists"}]}
    (rule,) = rules(cilium({"endpointSelector": {}, "ingress": [{"fromEndpoints": [every]}]}))
    assert rule.peers[0].everyone
    (other,) = rules(
        cilium({"endpointSelector": {}, "ingress": [{"fromEndpoints": [{**every, "matchLabels": {"a": "b"}}]}]})
    )
    assert other.peers[0].every_namespace
    assert not other.peers[0].everyone


@pytest.mark.parametrize(
    ("rule", "everyone"),
    [
        ({"fromEntities": ["all"]}, True),
        ({"fromEntities": ["cluster"]}, True),
        ({"fromEntities": ["kube-apiserver"]}, False),
        ({"fromCIDR": ["10.0.0.0/8"]}, False),
        ({"fromCIDRSet": [{"cidr": "0.0.0.0/0"}]}, True),
        ({"fromNodes": [{"matchLabels": {"a": "b"}}]}, False),
    ],
)
def test_cilium_sources_that_are_no_pods(rule: dict[str, Any], everyone: bool) -> None:
    (found,) = rules(cilium({"endpointSelector": {}, "ingress": [rule]}))
    assert [peer.everyone for peer in found.peers] == [everyone]
    assert found.peers[0].address


@pytest.mark.parametrize(
    ("ports", "admits"),
    [
        ([{"port": "8080", "protocol": "TCP"}], True),
        ([{"port": "8080"}], True),
        ([{"port": "8080", "protocol": "ANY"}], True),
        ([{"port": "8080", "protocol": "UDP"}], False),
        ([{"port": "8000", "endPort": 8100}], True),
        ([{"port": "http"}], True),
        ([{"port": "0"}], True),
        ([{"port": "9" * 5000}], False),
        ([], True),
    ],
)
def test_cilium_ports(ports: list[dict[str, Any]], admits: bool) -> None:
    (rule,) = rules(cilium({"endpointSelector": {}, "ingress": [{**ENDPOINTS, "toPorts": [{"ports": ports}]}]}))
    assert rule.admits(PORT) is admits


def test_several_specs() -> None:
    specs = [
        {"endpointSelector": {}, "ingress": [ENDPOINTS]},
        {"endpointSelector": {"matchLabels": {"app": "x"}}, "ingress": [{}]},
    ]
    assert len(rules(cilium(specs=specs))) == 1


@pytest.mark.parametrize(
    ("selector", "selects"),
    [
        ({}, True),
        ({"matchLabels": {"k8s:io.kubernetes.pod.namespace": "shop"}}, True),
        ({"matchLabels": {"k8s:io.kubernetes.pod.namespace": "other"}}, False),
        ({"matchExpressions": [{"key": "io.kubernetes.pod.namespace", "operator": "NotIn", "values": ["a"]}]}, True),
        (
            {"matchExpressions": [{"key": "io.kubernetes.pod.namespace", "operator": "NotIn", "values": ["shop"]}]},
            False,
        ),
        ({"matchLabels": {"io.cilium.k8s.policy.serviceaccount": "default"}}, True),
        ({"matchLabels": {"io.cilium.k8s.policy.serviceaccount": "other"}}, False),
    ],
)
def test_clusterwide(selector: dict[str, Any], selects: bool) -> None:
    policy = cilium(
        {"endpointSelector": selector, "ingress": [{"fromEndpoints": [{}]}]}, "CiliumClusterwideNetworkPolicy"
    )
    decided = decide(policy)
    assert bool(decided.isolating) is selects
    if selects:
        assert decided.admissions[0].peers[0].everyone, "without a namespace it means every one"


@pytest.mark.parametrize(
    ("labels", "isolates", "admits"), [(None, False, 1), ({"team": "a"}, True, 1), ({"team": "b"}, False, 0)]
)
def test_a_clusterwide_policy_by_labels_of_the_namespace(
    labels: dict[str, str] | None, isolates: bool, admits: int
) -> None:
    """Nobody relies on it when the labels are not known; what it admits counts all the same."""
    policy = cilium(
        {
            "endpointSelector": {"matchLabels": {"io.cilium.k8s.namespace.labels.team": "a"}},
            "ingress": [{"fromEntities": ["all"]}],
        },
        "CiliumClusterwideNetworkPolicy",
    )
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}
    decided = decide(policy, *([namespace] if labels else []))
    assert (bool(decided.isolating), len(decided.admissions)) == (isolates, admits)


def test_a_port_number_in_quotes() -> None:
    (rule,) = rules(network_policy({"podSelector": {}, "ingress": [{"ports": [{"port": "8080"}]}]}))
    assert rule.admits(PORT)


def test_a_policy_for_nodes_selects_no_pods() -> None:
    policy = cilium({"nodeSelector": {}, "ingress": [{}]}, "CiliumClusterwideNetworkPolicy")
    assert not decide(policy).isolating


def test_pods_of_a_workload() -> None:
    found = pods()
    assert (found.namespace, found.labels, found.count, found.ports) == ("shop", LABELS, 2, (PORT,))
    assert found.workload.group_kind == DEPLOYMENT
    assert isinstance(build([found.workload]), Estate)
