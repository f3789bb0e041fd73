"""Who may reach a Dragonfly instance, in both dialects."""

from typing import Any

import pytest
from dragonfly_samples import args, generic

from seawall.components.dragonfly import network
from seawall.components.kubernetes.network import Pods, Policy, Rule, render
from seawall.errors import UserError

CLUSTER = "k8s:io.cilium.k8s.policy.cluster"
NAMESPACE = "k8s:io.kubernetes.pod.namespace"
PODS = {"app": "dragonfly", "app.kubernetes.io/name": "dragonfly", "app.kubernetes.io/part-of": "dragonfly"}
PEERS = {CLUSTER: "infra", NAMESPACE: "dragonfly-system", **{f"k8s:{key}": value for key, value in PODS.items()}}


def sources(rules: list[dict[str, Any]], port: str) -> list[dict[str, str]]:
    """The labels of everybody whom a Cilium policy admits to a port."""
    return [
        endpoint["matchLabels"]
        for rule in rules
        for endpoint in rule["fromEndpoints"]
        if any(part["port"] == port for ports in rule["toPorts"] for part in ports["ports"])
    ]


def test_cilium_admits_clients_to_6379_with_their_cluster_named() -> None:
    spec = network.network_policy(args())["spec"]
    assert spec["endpointSelector"] == {"matchLabels": PODS}
    assert sources(spec["ingress"], "6379") == [
        {CLUSTER: "infra", NAMESPACE: "harbor"},
        {CLUSTER: "apps", NAMESPACE: "gitlab-system"},
    ]


def test_cilium_admits_operator_peers_and_exact_scraper_to_9999() -> None:
    spec = network.network_policy(args())["spec"]
    assert sources(spec["ingress"], "9999") == [
        {CLUSTER: "infra", NAMESPACE: "dragonfly-operator-system", "k8s:control-plane": "controller-manager"},
        PEERS,
        {CLUSTER: "infra", NAMESPACE: "observability", "k8s:app.kubernetes.io/name": "vmagent"},
    ]


def test_cilium_lets_the_scraper_only_read_metrics() -> None:
    limited = {
        rule["fromEndpoints"][0]["matchLabels"][NAMESPACE]: rule["toPorts"][0]["rules"]
        for rule in network.network_policy(args())["spec"]["ingress"]
        if "rules" in rule["toPorts"][0]
    }
    assert limited == {"observability": {"http": [{"method": "GET", "path": "/metrics"}]}}


def test_cilium_egress_is_dns_and_peers() -> None:
    dns, peers = network.network_policy(args())["spec"]["egress"]
    assert dns["toEndpoints"] == [
        {"matchLabels": {CLUSTER: "infra", NAMESPACE: "kube-system", "k8s:k8s-app": "kube-dns"}}
    ]
    assert dns["toPorts"] == [{"ports": [{"port": "53", "protocol": "TCP"}, {"port": "53", "protocol": "UDP"}]}]
    assert peers == {
        "toEndpoints": [{"matchLabels": PEERS}],
        "toPorts": [{"ports": [{"port": "9999", "protocol": "TCP"}]}],
    }


def test_no_rule_of_either_dialect_is_open_to_everybody() -> None:
    for made, key in ((args(), "fromEndpoints"), (generic(), "from")):
        for rule in network.network_policy(made)["spec"]["ingress"]:
            assert rule[key], "an ingress rule without a source admits everybody"


def test_generic_says_the_same_without_clusters() -> None:
    spec = network.network_policy(generic())["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["podSelector"] == {"matchLabels": PODS}
    clients, inner, scraper = spec["ingress"]
    assert clients == {
        "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "harbor"}}}],
        "ports": [{"protocol": "TCP", "port": 6379}],
    }
    assert [peer["podSelector"]["matchLabels"] for peer in inner["from"]] == [
        {"control-plane": "controller-manager"},
        PODS,
    ]
    assert scraper["from"] == [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "observability"}},
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": "vmagent"}},
        }
    ]


def test_generic_cannot_name_another_cluster() -> None:
    remote = Policy("p", "n", {}, ingress=(Rule(peers=(Pods("web", cluster="apps"),), tcp=(1,)),), egress=())
    with pytest.raises(UserError, match="apps"):
        render(remote, cni="generic", cluster="infra")
