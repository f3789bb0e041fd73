"""What holding our decisions against Cilium's own engine showed to be wrong, each as the smallest case that did."""

import pytest
from reach_samples import CCNP, cilium, enters, leaves, network_policy, pod

from seawall.policy.estate.model import ContainerPort
from seawall.policy.reachability.decision import Address, Entity, Port

ON_CILIUM = {"cni": "cilium", "cni_version": "1.18", "cluster": "infra"}
OUTSIDE = Address("198.51.100.7")
HTTP_OUT = {"endpointSelector": {}, "egress": [{"toPorts": [{"ports": [{"port": "http", "protocol": "TCP"}]}]}]}
GET = {"ports": [{"port": "8080", "protocol": "TCP"}], "rules": {"http": [{"method": "GET"}]}}


def test_every_namespace_of_a_kubernetes_policy_is_nobody_outside() -> None:
    policy = network_policy({"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}}]}]})
    assert enters(OUTSIDE, policy, **ON_CILIUM).open is False
    assert enters(Entity("host"), policy, **ON_CILIUM).open is True
    assert enters(Entity("remote-node"), policy, **ON_CILIUM).open is False
    assert enters(pod("lab", cluster="infra"), policy, **ON_CILIUM).open is True


def test_a_selector_without_a_cluster_means_nothing_outside_once_it_means_the_local_one() -> None:
    asked = {"key": "k8s:io.kubernetes.pod.namespace", "operator": "NotIn", "values": ["data"]}
    policy = cilium({"endpointSelector": {}, "ingress": [{"fromEndpoints": [{"matchExpressions": [asked]}]}]})
    assert enters(OUTSIDE, policy, cni_version="1.18").open is True
    assert enters(OUTSIDE, policy, cni_version="1.19").open is False
    assert enters(OUTSIDE, policy, cni_version=None).open is None


@pytest.mark.parametrize(
    ("numbers", "opened"), [((8080,), True), ((8080, 8080), True), ((8080, 80), False), ((80,), False), ((), False)]
)
def test_a_named_port_on_the_way_out_is_no_port_when_pods_mean_different_ones(
    numbers: tuple[int, ...], opened: bool
) -> None:
    names = [ContainerPort(number, "TCP", "HTTP") for number in numbers]  # names are compared without case
    for target in (pod("other", ports=()), OUTSIDE, Entity("world")):
        assert leaves(target, cilium(HTTP_OUT), port_names=names).open is opened


def test_a_named_port_on_the_way_out_cannot_be_what_the_target_calls_otherwise() -> None:
    other = pod("other", ports=(ContainerPort(80, "TCP", "http"),))
    assert leaves(other, cilium(HTTP_OUT), port=Port(8080)).open is False
    assert leaves(OUTSIDE, cilium(HTTP_OUT)).open is None


def test_the_namespace_is_written_over_a_label_of_the_own_selector_not_over_an_expression() -> None:
    key = "k8s:io.kubernetes.pod.namespace"
    rules = {"ingress": [{"fromEndpoints": []}]}
    label = cilium({"endpointSelector": {"matchLabels": {key: "other"}}, **rules})
    asked = {"key": key, "operator": "In", "values": ["other"]}
    expression = cilium({"endpointSelector": {"matchExpressions": [asked]}, **rules})
    assert enters(pod("lab"), label).open is False
    assert enters(pod("lab"), expression).open is True


@pytest.mark.parametrize(
    ("peers", "requests"),
    [
        ({"fromEntities": ["host"]}, "HTTP GET"),
        ({"fromEntities": ["cluster"]}, "HTTP GET"),
        ({"fromEndpoints": [{"matchLabels": {"reserved:host": ""}}]}, "HTTP GET"),
        ({"fromEntities": ["all"]}, ""),
        ({}, ""),
    ],
)
def test_requests_of_the_own_node_are_looked_at_only_by_rules_that_name_it(peers: object, requests: str) -> None:
    assert isinstance(peers, dict)
    policy = cilium({"endpointSelector": {}, "ingress": [{**peers, "toPorts": [GET]}]})
    cell = enters(Entity("host"), policy)
    assert (cell.open, cell.requests) == (True, requests)
    free = cilium({"endpointSelector": {}, "ingress": [{"fromEntities": ["all"]}]}, name="free")
    assert enters(Entity("host"), policy, free).requests == ""


def test_what_is_the_same_wherever_the_api_server_is_is_decided() -> None:
    host = {"toEntities": ["host"]}
    both = cilium({"endpointSelector": {}, "egress": [host], "egressDeny": [host]})
    assert leaves(Entity("kube-apiserver"), both).open is False
    assert leaves(Entity("kube-apiserver"), cilium({"endpointSelector": {}, "egress": [host]})).open is None


def test_requests_of_the_api_server_are_free_when_they_are_wherever_it_is() -> None:
    asked = cilium({"endpointSelector": {}, "ingress": [{"toPorts": [GET]}]})
    free = cilium({"endpointSelector": {}, "ingress": [{"fromEntities": ["remote-node", "world"]}]}, name="free")
    cell = enters(Entity("kube-apiserver"), asked, free)
    assert (cell.open, cell.requests) == (True, "")
    assert enters(Entity("kube-apiserver"), asked).requests == "HTTP GET"


def test_what_is_the_same_at_every_address_outside_is_decided() -> None:
    ten = {"toCIDR": ["10.0.0.0/8"]}
    inside = {"toCIDR": ["10.1.0.0/16"]}
    everywhere = {"toCIDR": ["0.0.0.0/0", "::/0"]}
    world = Entity("world")
    assert leaves(world, cilium({"endpointSelector": {}, "egress": [inside], "egressDeny": [ten]})).open is False
    assert leaves(world, cilium({"endpointSelector": {}, "egress": [ten], "egressDeny": [inside]})).open is None
    assert leaves(world, cilium({"endpointSelector": {}, "egress": [everywhere], "egressDeny": [inside]})).open is None
    assert leaves(world, cilium({"endpointSelector": {}, "egress": [everywhere]}, CCNP)).open is True
    family = {"toEntities": ["world-ipv6"]}
    assert leaves(OUTSIDE, cilium({"endpointSelector": {}, "egress": [family]})).open is False
