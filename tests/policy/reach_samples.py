"""Short ways to write policies and parties for the tests of reachability."""

from typing import Any

from seawall.policy.estate.building import kube_object
from seawall.policy.estate.model import ContainerPort, KubeObject, Origin
from seawall.policy.reachability.decision import Cell, Endpoint, PolicySet, Port, egress_open, ingress_open
from seawall.policy.reachability.parties import Party

HTTP = ContainerPort(8080, "TCP", "http")
WEB = Endpoint("shop", {"app": "web", "tier": "front"}, {"team": "a"}, service_account="web", ports=(HTTP,))
"""The pods that the policies of these tests are about."""
PORT = Port(8080)
CNP = "CiliumNetworkPolicy"
CCNP = "CiliumClusterwideNetworkPolicy"


def pod(namespace: str = "shop", labels: dict[str, str] | None = None, **more: Any) -> Endpoint:
    """A pod without labels unless they are given."""
    return Endpoint(namespace, labels or {}, **{"namespace_labels": {}, **more})


def thing(manifest: dict[str, Any]) -> KubeObject:
    made = kube_object(manifest, Origin(file="x"))
    assert made is not None
    return made


def network_policy(spec: Any, *, name: str = "p", namespace: str = "shop") -> KubeObject:
    metadata = {"name": name, "namespace": namespace}
    return thing({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec})


def cilium(spec: Any = None, kind: str = CNP, *, name: str = "p", **more: Any) -> KubeObject:
    metadata = {"name": name} if kind == CCNP else {"name": name, "namespace": "shop"}
    made = {"apiVersion": "cilium.io/v2", "kind": kind, "metadata": metadata, **more}
    return thing(made if spec is None else {**made, "spec": spec})


def platform(*policies: KubeObject, **options: Any) -> PolicySet:
    """On Cilium 1.18 in cluster `infra` where a Cilium policy is among them, unless the options say otherwise."""
    if any(policy.group == "cilium.io" for policy in policies):
        options = {"cni": "cilium", "cni_version": "1.18", "cluster": "infra", **options}
    return PolicySet(policies, **options)


def enters(source: Party, *policies: KubeObject, port: Port = PORT, target: Party = WEB, **options: Any) -> Cell:
    return ingress_open(platform(*policies, **options), source, target, port)


def leaves(target: Party, *policies: KubeObject, port: Port = PORT, source: Party = WEB, **options: Any) -> Cell:
    return egress_open(platform(*policies, **options), source, target, port)
