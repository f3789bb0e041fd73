"""Many tenants, for the test that the work grows with them and not with their square."""

from typing import Any

from reach_samples import thing

from seawall.operators import annotations as said
from seawall.policy.estate.building import build
from seawall.policy.estate.model import Estate, KubeObject

_POSTGRES = "postgresql.cnpg.io/v1"
_PLATFORM = said.platform(cluster="infra", cni="cilium", cni_version="1.18")
_CLUSTER, _NAMESPACE = "k8s:io.cilium.k8s.policy.cluster", "k8s:io.kubernetes.pod.namespace"
_OPERATOR = {_NAMESPACE: "cnpg-system", "k8s:app.kubernetes.io/name": "cloudnative-pg"}
_CACHE_OPERATOR = {_NAMESPACE: "dragonfly-operator-system", "k8s:control-plane": "controller-manager"}


def _rule(port: str, *peers: dict[str, str]) -> dict[str, Any]:
    endpoints = [{"matchLabels": {_CLUSTER: "infra", **peer}} for peer in peers]
    return {"fromEndpoints": endpoints, "toPorts": [{"ports": [{"port": port, "protocol": "TCP"}]}]}


def _made(kind: str, api: str, namespace: str, name: str, spec: dict[str, Any], **annotations: str) -> KubeObject:
    marks = {f"seawall.dev/{key}": value for key, value in {"platform": _PLATFORM, **annotations}.items()}
    metadata = {"name": name, "namespace": namespace, "annotations": marks}
    return thing({"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec})


def _policy(namespace: str, name: str, labels: dict[str, str], *ingress: dict[str, Any]) -> KubeObject:
    spec = {"endpointSelector": {"matchLabels": labels}, "ingress": list(ingress)}
    return _made("CiliumNetworkPolicy", "cilium.io/v2", namespace, name, spec)


def _tenant(place: int, namespace: str) -> list[KubeObject]:
    """A cache and a database with a pooler, each with a policy that lets in whom it should."""
    name, pooler = f"t{place}", f"t{place}-pooler"
    clients = said.clients({"this": [f"app-{place}"]})
    app, own = {_NAMESPACE: f"app-{place}"}, {"k8s:cnpg.io/cluster": name}
    cache: dict[str, Any] = {"replicas": 3, "networkPolicyEnabled": False}
    cluster: dict[str, Any] = {"instances": 3, "storage": {"size": "1Gi"}}
    bouncer: dict[str, Any] = {"cluster": {"name": name}, "pgbouncer": {"poolMode": "session"}}
    admin = _rule("9999", _CACHE_OPERATOR, {"k8s:app": name})
    labels = {"app.kubernetes.io/name": "dragonfly", "app": name}
    instances = {"cnpg.io/podRole": "instance", **own}
    return [
        _made("Dragonfly", "dragonflydb.io/v1alpha1", namespace, name, cache, clients=clients),
        _policy(namespace, f"{name}-cache", labels, _rule("6379", app), admin),
        _made("Cluster", _POSTGRES, namespace, name, cluster),
        _policy(namespace, f"{name}-db", instances, _rule("5432", _OPERATOR, own), _rule("8000", _OPERATOR, own)),
        _made("Pooler", _POSTGRES, namespace, pooler, bouncer, clients=clients),
        _policy(namespace, pooler, {"cnpg.io/poolerName": pooler}, _rule("5432", app)),
    ]


def tenants(count: int, *, one_namespace: bool = False) -> Estate:
    """An estate of so many tenants, each in its namespace or all in one; nothing in it is wrong."""
    made: list[KubeObject] = []
    for place in range(count):
        made += _tenant(place, "data" if one_namespace else f"data-{place}")
        egress = [{"toEndpoints": [{"matchLabels": {_NAMESPACE: "data" if one_namespace else f"data-{place}"}}]}]
        spec = {"endpointSelector": {}, "egress": egress}
        made.append(_made("CiliumNetworkPolicy", "cilium.io/v2", f"app-{place}", "out", spec))
    return build(made)


def shared(count: int) -> Estate:
    """One cache with so many clients, each named in its policy by a rule of its own."""
    clients = said.clients({"this": [f"app-{place}" for place in range(count)]})
    spec = {"replicas": 3, "networkPolicyEnabled": False}
    rules = [_rule("6379", {_NAMESPACE: f"app-{place}"}) for place in range(count)]
    return build(
        [
            _made("Dragonfly", "dragonflydb.io/v1alpha1", "data", "cache", spec, clients=clients),
            _policy("data", "cache", {"app": "cache"}, *rules, _rule("9999", _CACHE_OPERATOR, {"k8s:app": "cache"})),
        ]
    )
