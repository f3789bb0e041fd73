"""Who opens a connection and who receives it: pods, addresses, host names, and the entities that Cilium names."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from seawall.operators.labels import (
    CILIUM_CLUSTER,
    CILIUM_NAMESPACE,
    CILIUM_NAMESPACE_LABELS,
    CILIUM_SERVICE_ACCOUNT,
    NAMESPACE_NAME,
)
from seawall.policy.estate.model import ContainerPort
from seawall.policy.reachability.selectors import Requirement

NAMESPACE_LABEL = f"{CILIUM_NAMESPACE_LABELS}."
"""What a label of a pod's namespace begins with among the labels that a peer is asked for."""
ENTITIES = frozenset(
    {
        "all",
        "cluster",
        "health",
        "host",
        "ingress",
        "init",
        "kube-apiserver",
        "none",
        "remote-node",
        "unmanaged",
        "world",
        "world-ipv4",
        "world-ipv6",
    }
)
"""The entities that a CiliumNetworkPolicy may name."""

_UNSEEN_BY_CILIUM = re.compile(
    r"io\.kubernetes|kubernetes\.io|statefulset\.kubernetes\.io/pod-name|apps\.kubernetes\.io/pod-index"
    r"|batch\.kubernetes\.io/job-completion-index|batch\.kubernetes\.io/controller-uid|.*beta\.kubernetes\.io|k8s\.io"
    r"|pod-template-generation|pod-template-hash|controller-revision-hash|controller-uid|annotation|etcd_node"
)
"""Labels of pods that Cilium leaves out of a pod's identity by default: no selector ever matches them."""


@dataclass(frozen=True)
class Port:
    """The port that a connection is opened to."""

    number: int
    protocol: str = "TCP"
    """`TCP`, `UDP` or `SCTP`."""


@dataclass(frozen=True, eq=False)
class Endpoint:
    """A pod, or pods that are all alike."""

    namespace: str
    labels: Mapping[str, str] | None = None
    """The pod's labels; None: any at all, as whoever may create a pod there chooses them."""
    namespace_labels: Mapping[str, str] | None = None
    """The labels of its namespace, None when they are not known; the label with its name is always known."""
    cluster: str | None = None
    """The mesh cluster that it is in; None: the cluster that the policies are in."""
    service_account: str | None = None
    """None: not known."""
    ports: tuple[ContainerPort, ...] | None = None
    """What its containers declare, for ports that a policy calls by name; None: not known."""
    later: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Labels that it has at some times only, with the values that they can take."""
    address: str | None = None
    """Its address, None when not known. Policies by address see it on a generic CNI; on Cilium they never do."""

    @property
    def title(self) -> str:
        """For a person."""
        where = f"of namespace {self.namespace}" + (f" in cluster {self.cluster}" if self.cluster is not None else "")
        if self.labels is None:
            return f"any pod {where}"
        labels = ", ".join(f"{key}={value}" for key, value in sorted(self.labels.items()))
        return f"pods with {labels} {where}" if labels else f"pods without labels {where}"

    def names_of(self, port: Port) -> frozenset[str] | None:
        """What the pod calls a port, None when that is not known."""
        if self.ports is None:
            return None
        return frozenset(
            it.name
            for it in self.ports
            if it.number == port.number and it.protocol.upper() == port.protocol and it.name is not None
        )

    @cached_property
    def network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
        """Its address as a network of one."""
        return None if self.address is None else ipaddress.ip_network(self.address)


@dataclass(frozen=True)
class Address:
    """An address outside of every cluster."""

    ip: str

    @property
    def title(self) -> str:
        """For a person."""
        return f"address {self.ip}"

    @cached_property
    def network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        """The address as a network of one. Raises `ValueError` when it is none."""
        return ipaddress.ip_network(self.ip)


@dataclass(frozen=True)
class Entity:
    """Something that has no labels of its own: `host` (the pod's own node), `remote-node` (another node, none that
    runs the API server), `kube-apiserver` (wherever it runs), `world` (an address outside that no policy names),
    `health`, `ingress`, `init`, `unmanaged`."""

    name: str

    @property
    def title(self) -> str:
        """For a person."""
        return f"entity {self.name}"


@dataclass(frozen=True)
class Name:
    """A host outside of every cluster, by its DNS name: only ever the target of a connection."""

    host: str

    @property
    def title(self) -> str:
        """For a person."""
        return f"host {self.host}"


@dataclass(frozen=True)
class Placed(Entity):
    """An entity, or what is at an address outside, taken to be in one of the places where it can be."""

    names: frozenset[str] = frozenset()
    """The entities that it then is; Cilium's reserved labels."""
    ip: str | None = None
    """Its address, where policies by address see it."""

    @cached_property
    def network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
        """Its address as a network of one."""
        return None if self.ip is None else ipaddress.ip_network(self.ip)


Party = Endpoint | Address | Entity | Name

NODES = frozenset({"host", "remote-node", "kube-apiserver"})
"""Entities that are nodes, or may be."""

_IDENTITIES: Mapping[str, tuple[frozenset[str], ...]] = {
    # the API server may run on this node, on another one, or outside; what it is labelled with differs
    "kube-apiserver": (
        frozenset({"kube-apiserver", "remote-node"}),
        frozenset({"kube-apiserver", "host"}),
        frozenset({"kube-apiserver", "world"}),
    ),
    # in a cluster with addresses of one family, or of both
    "world": (frozenset({"world"}), frozenset({"world-ipv4"}), frozenset({"world-ipv6"})),
}


def identities(party: Party) -> tuple[frozenset[str], ...]:
    """The sets of Cilium's reserved labels (`reserved:<name>`) that a party without other labels may carry."""
    match party:
        case Placed():
            return (party.names,)
        case Address():
            return frozenset({"world"}), frozenset({f"world-ipv{party.network.version}"})
        case Entity(name):
            return _IDENTITIES.get(name, (frozenset({name}),))
        case Name():
            return _IDENTITIES["world"]
        case _:
            return ()


class Labels:
    """The labels of a pod as selectors see them: its own, those of its namespace, and what Cilium adds.

    A label of the namespace is `io.cilium.k8s.namespace.labels.<key>`, with a generic CNI as well; with Cilium the
    namespace is also `io.kubernetes.pod.namespace` and the cluster `io.cilium.k8s.policy.cluster`.
    """

    __slots__ = ("_any", "_given", "_known", "_later", "_namespace_known")

    def __init__(self, endpoint: Endpoint, *, cluster: str | None, cilium: bool) -> None:
        """`cluster` is the own cluster's name, None when not known."""
        given = endpoint.labels or {}
        self._any = endpoint.labels is None
        self._namespace_known = endpoint.namespace_labels is not None
        self._given = frozenset({CILIUM_CLUSTER, CILIUM_SERVICE_ACCOUNT} if cilium else ())
        self._known: dict[str, str] = {}
        self._later: dict[str, tuple[str | None, ...]] = {}
        for key, value in given.items():
            if not cilium or seen_by_cilium(key):
                self._known[key] = value
        for key, values in endpoint.later.items():
            if not cilium or seen_by_cilium(key):
                self._later[key] = (self._known.pop(key, None), *values)
        for key, value in (endpoint.namespace_labels or {}).items():
            self._known[NAMESPACE_LABEL + key] = value
        self._known[NAMESPACE_LABEL + NAMESPACE_NAME] = endpoint.namespace
        if cilium:
            self._known[CILIUM_NAMESPACE] = endpoint.namespace
            named = endpoint.cluster or cluster
            if named is not None:
                self._known[CILIUM_CLUSTER] = named
            if endpoint.service_account is not None:
                self._known[CILIUM_SERVICE_ACCOUNT] = endpoint.service_account

    def meet(self, requirement: Requirement) -> bool | None:
        """Whether they meet a condition at every time; None when that depends."""
        key = requirement.key
        known = self._known.get(key)
        if known is not None:
            return requirement.meets(known)
        if key in self._later:
            answers = {requirement.meets(value) for value in self._later[key]}
            return answers.pop() if len(answers) == 1 else None
        if key in self._given:  # every pod has one, and it is not known which
            return requirement.operator == "Exists" if requirement.operator in ("Exists", "DoesNotExist") else None
        unknown = not self._namespace_known if key.startswith(NAMESPACE_LABEL) else self._any and ":" not in key
        return None if unknown else requirement.meets(None)

    def certain(self) -> Mapping[str, str]:
        """The labels that it has at every time, with their values."""
        return self._known

    def may_have(self, key: str) -> bool:
        """Whether it may have a label that is not among the certain ones."""
        if key in self._later or key in self._given:
            return True
        return not self._namespace_known if key.startswith(NAMESPACE_LABEL) else self._any


def seen_by_cilium(key: str) -> bool:
    """Whether a pod's label is part of its identity under Cilium's default filter of labels."""
    return key.startswith("app.kubernetes.io") or _UNSEEN_BY_CILIUM.match(key) is None
