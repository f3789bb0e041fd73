"""One question for an oracle and for us: a small cluster with its policies, and who might open what."""

import ipaddress
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from seawall.operators.labels import NAMESPACE_NAME

Policy = dict[str, Any]
"""A policy as the API would store it."""


@dataclass(frozen=True)
class Port:
    """A port that a connection is opened to."""

    protocol: str
    number: int


@dataclass(frozen=True)
class NamedPort:
    """A port that a pod's container declares."""

    name: str
    number: int
    protocol: str


@dataclass(frozen=True)
class Pod:
    """One pod; its namespace's labels are those of the case."""

    namespace: str
    labels: Mapping[str, str]
    ports: tuple[NamedPort, ...] = ()
    cluster: str = "east"
    service_account: str = "default"
    address: str = "2001:db8:f::1"
    """On a generic CNI policies by address see it; Cilium knows its pods and never looks."""


@dataclass(frozen=True)
class Case:
    """A cluster, its policies, and the parties of the cells: pods, addresses outside, Cilium's entities."""

    pods: tuple[Pod, ...]
    policies: tuple[Policy, ...]
    ports: tuple[Port, ...]
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Namespace → its labels without its name's; in every cluster the same."""
    addresses: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    cluster: str = "east"
    """The cluster that the policies are in; pods of others are peers only."""
    local_selectors: bool = False
    """Whether a selector that names no cluster means the local one: Cilium 1.19 and newer."""
    dual_stack: bool = False
    """Whether the cluster has addresses of both families."""

    def namespace_labels(self, name: str) -> dict[str, str]:
        """The labels of a namespace, its name's included."""
        return {**self.namespaces.get(name, {}), NAMESPACE_NAME: name}

    def cells(self) -> Iterator["Where"]:
        """Every cell, in the order of an oracle's letters. A pod and itself is none: nothing filters that."""
        peers = len(self.pods) + len(self.addresses) + len(self.entities)
        for direction in ("ingress", "egress"):
            for subject, pod in enumerate(self.pods):
                if pod.cluster != self.cluster:
                    continue
                for place, (peer, port) in enumerate(itertools.product(range(peers), self.ports)):
                    if peer != subject:
                        yield Where(direction, subject, peer, port, place)

    def document(self) -> dict[str, Any]:
        """The case as the programs read it."""
        return {
            "cluster": self.cluster,
            "defaultLocal": self.local_selectors,
            "dualStack": self.dual_stack,
            "policies": list(self.policies),
            "pods": [
                {
                    "namespace": pod.namespace,
                    "namespaceLabels": self.namespace_labels(pod.namespace),
                    "labels": dict(pod.labels),
                    "cluster": pod.cluster,
                    "serviceAccount": pod.service_account,
                    "address": pod.address,
                    "ports": [{"name": p.name, "port": p.number, "protocol": p.protocol} for p in pod.ports],
                }
                for pod in self.pods
            ],
            "addresses": list(self.addresses),
            "entities": list(self.entities),
            "ports": [{"protocol": port.protocol, "port": port.number} for port in self.ports],
        }

    def with_policies(self, policies: tuple[Policy, ...]) -> "Case":
        """The same cluster with other policies."""
        return replace(self, policies=policies)


@dataclass(frozen=True)
class Where:
    """A cell: what one pod's policies say of one peer and port in one direction."""

    direction: str
    """`ingress`: may the peer open the pod's port; `egress`: may the pod open the peer's."""
    subject: int
    """Place of the pod in the case."""
    peer: int
    """Place of the peer among pods, addresses and entities, counted through."""
    port: Port
    place: int
    """Place of the letter in the text of this pod and direction."""

    def text(self, case: Case) -> str:
        """For a person."""
        arrow = "from" if self.direction == "ingress" else "to"
        pod = _pod_text(case.pods[self.subject])
        port = f"{self.port.number}/{self.port.protocol}"
        return f"{self.direction} of {pod} {arrow} {self.peer_text(case)}, port {port}"

    def peer_text(self, case: Case) -> str:
        """The peer for a person."""
        if self.peer < len(case.pods):
            return _pod_text(case.pods[self.peer])
        other = self.peer - len(case.pods)
        return (*(f"address {a}" for a in case.addresses), *(f"entity {e}" for e in case.entities))[other]


def _pod_text(pod: Pod) -> str:
    labels = ",".join(f"{key}={value}" for key, value in pod.labels.items()) or "(no labels)"
    return f"pod {pod.cluster}/{pod.namespace} {labels}"


def in_network(address: str, network: str) -> bool:
    """Whether an address is in a range; host bits of the range do not count."""
    block = ipaddress.ip_network(network, strict=False)
    return ipaddress.ip_address(address) in block
