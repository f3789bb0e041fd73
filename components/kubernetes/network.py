"""Network policies, said once and written in the dialect of the cluster's CNI.

With Cilium everything is a CiliumNetworkPolicy with the mesh cluster of every pod named: up to 1.18 a selector without
it matches the pods of *every* cluster of the mesh, from 1.19 only the local one. The generic dialect is NetworkPolicy;
it knows no clusters. Both deny whatever they do not list, in both directions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Literal

from seawall.components.fields import local_clients, remote_clients
from seawall.components.kubernetes.metadata import Manifest, metadata
from seawall.errors import UserError
from seawall.operators.labels import CILIUM_CLUSTER, CILIUM_NAMESPACE, NAMESPACE_NAME

Cni = Literal["cilium", "generic"]
API_SERVER_PORTS = (443, 6443)
"""Where an API server may listen; only the generic dialect, which cannot name it, needs the numbers."""


@dataclass(frozen=True)
class Pods:
    """The pods with these labels in one namespace of one mesh cluster (`None`: the policy's own cluster).

    Without labels: every pod of the namespace.
    """

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)
    cluster: str | None = None


class Entity(Enum):
    """Ends of a connection that are not pods."""

    API_SERVER = "kube-apiserver"
    """The API server of the policy's own cluster."""
    NODE = "host"
    """The node that the pod itself is on."""
    OTHER_NODES = "remote-node"
    """Every other node, those of the mesh's other clusters included."""
    INTERNET = "world"
    """Everything outside the cluster: object stores and token services."""


@dataclass(frozen=True)
class Hosts:
    """Hosts outside the cluster, by their exact names; only for egress.

    Cilium learns the addresses from the answers to the pods' own look-ups, so the same pods need `DNS_SEEN`. It never
    matches pods or Services of the cluster. The generic dialect cannot name hosts: there it is every address.
    """

    names: tuple[str, ...]


Peer = Pods | Entity | Hosts


@dataclass(frozen=True)
class Rule:
    """One allowed kind of connection: who is at the other end, on which ports.

    `udp` are ports for UDP. `get` allows nothing but `GET` of that path over HTTP, and `lookups` lets the CNI read the
    DNS messages on these ports, where it can (Cilium); for the generic dialect the ports are all that can be said.
    """

    peers: tuple[Peer, ...]
    tcp: tuple[int, ...] = ()
    udp: tuple[int, ...] = ()
    get: str | None = None
    lookups: bool = False


@dataclass(frozen=True)
class Policy:
    """The whole policy of some pods: what is not listed is denied, in both directions."""

    name: str
    namespace: str
    pods: Mapping[str, str]
    ingress: tuple[Rule, ...]
    egress: tuple[Rule, ...]
    labels: Mapping[str, str] = field(default_factory=dict)


def client_pods(clients: Mapping[str, tuple[str, ...]]) -> tuple[Pods, ...]:
    """Every pod of the declared client namespaces, those of the policy's own cluster first."""
    local = [Pods(namespace) for namespace in local_clients(clients)]
    remote = [
        Pods(namespace, cluster=cluster)
        for cluster, namespaces in remote_clients(clients).items()
        for namespace in namespaces
    ]
    return (*local, *remote)


DNS = Rule(peers=(Pods("kube-system", {"k8s-app": "kube-dns"}),), tcp=(53,), udp=(53,))
"""Egress to the cluster's name service."""

DNS_SEEN = replace(DNS, lookups=True)
"""The same, with every look-up read by Cilium, which `Hosts` needs. No name is refused: a resolver asks with the search
domains of its pod and node first, and a refused answer to one of those ends the search."""


def render(policy: Policy, *, cni: Cni, cluster: str) -> Manifest:
    """The policy as an object of the CNI's dialect; `cluster` is the mesh name of the cluster it is for.

    Raises `UserError` when the generic dialect would have to name another cluster, or a host is to come in.
    """
    for peer in (peer for rule in policy.ingress for peer in rule.peers if isinstance(peer, Hosts)):
        raise UserError(f"{', '.join(peer.names)}: host names can only be the target of a connection")
    return _cilium(policy, cluster) if cni == "cilium" else _generic(policy)


def _cilium(policy: Policy, cluster: str) -> Manifest:
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": metadata(policy.name, policy.namespace, labels=policy.labels),
        "spec": {
            "endpointSelector": {"matchLabels": dict(policy.pods)},
            # An empty rule allows nothing and still switches the default deny on; an absent list would not.
            "ingress": [part for rule in policy.ingress for part in _cilium_rule(rule, "from", cluster)] or [{}],
            "egress": [part for rule in policy.egress for part in _cilium_rule(rule, "to", cluster)] or [{}],
        },
    }


def _cilium_rule(rule: Rule, direction: Literal["from", "to"], cluster: str) -> Iterable[Manifest]:
    """One Cilium rule each for the pods, the entities and the hosts: a Cilium rule can hold only one of them."""
    ports: Manifest = {
        "ports": [{"port": str(port), "protocol": "TCP"} for port in rule.tcp]
        + [{"port": str(port), "protocol": "UDP"} for port in rule.udp]
    }
    if rule.get is not None:
        ports["rules"] = {"http": [{"method": "GET", "path": rule.get}]}
    if rule.lookups:
        ports["rules"] = {"dns": [{"matchPattern": "*"}]}
    pods = [peer for peer in rule.peers if isinstance(peer, Pods)]
    entities = [peer for peer in rule.peers if isinstance(peer, Entity)]
    if pods:
        yield {f"{direction}Endpoints": [_endpoint(peer, cluster) for peer in pods], "toPorts": [ports]}
    if entities:
        named = {f"{direction}Entities": [entity.value for entity in entities]}
        # Its own port depends on the platform, and the entity alone says exactly who is meant. A webhook's is known.
        yield named if entities == [Entity.API_SERVER] and not rule.tcp else {**named, "toPorts": [ports]}
    hosts = [name for peer in rule.peers if isinstance(peer, Hosts) for name in peer.names]
    if hosts:
        yield {"toFQDNs": [{"matchName": name} for name in hosts], "toPorts": [ports]}


def _endpoint(pods: Pods, cluster: str) -> Manifest:
    return {
        "matchLabels": {
            f"k8s:{CILIUM_CLUSTER}": pods.cluster or cluster,
            f"k8s:{CILIUM_NAMESPACE}": pods.namespace,
            **{f"k8s:{key}": value for key, value in pods.labels.items()},
        }
    }


def _generic(policy: Policy) -> Manifest:
    """A rule without peers is about nobody, but an empty `from` or `to` means everybody: it is left out."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(policy.name, policy.namespace, labels=policy.labels),
        "spec": {
            "podSelector": {"matchLabels": dict(policy.pods)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [_generic_rule(rule, "from") for rule in policy.ingress if rule.peers],
            "egress": [_generic_rule(rule, "to") for rule in policy.egress if rule.peers],
        },
    }


def _generic_rule(rule: Rule, direction: Literal["from", "to"]) -> Manifest:
    tcp: Sequence[int] = rule.tcp
    if rule.peers == (Entity.API_SERVER,):
        tcp = tcp or API_SERVER_PORTS
    return {
        direction: [part for peer in _nameable(rule.peers) for part in _generic_peer(peer)],
        "ports": [{"protocol": "TCP", "port": port} for port in tcp]
        + [{"protocol": "UDP", "port": port} for port in rule.udp],
    }


def _nameable(peers: Sequence[Peer]) -> Iterable[Peer]:
    """The peers with at most one that is no pods: each of those is written as every address."""
    pods = [peer for peer in peers if isinstance(peer, Pods)]
    return (*pods, *[peer for peer in peers if not isinstance(peer, Pods)][:1])


def _generic_peer(peer: Peer) -> list[Manifest]:
    if isinstance(peer, Entity | Hosts):
        # A NetworkPolicy cannot name the API server or a host; their ports are all that can be said.
        return [{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}]
    if peer.cluster is not None:
        raise UserError(f"pods of cluster {peer.cluster} cannot be named with cni: generic; use cni: cilium")
    made: Manifest = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: peer.namespace}}}
    if peer.labels:
        # Both selectors in one peer: these pods of this namespace. Two peers would mean either.
        made["podSelector"] = {"matchLabels": dict(peer.labels)}
    return [made]
