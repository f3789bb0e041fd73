"""What network policies say, whichever dialect they were written in: peers, ports, and rules made of them.

Answers are true, false, or None for what cannot be decided from what is known (Kleene's three values).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property

from seawall.operators.labels import CILIUM_RESERVED
from seawall.policy.estate.model import ContainerPort, KubeObject
from seawall.policy.estate.values import CannotEvaluateError
from seawall.policy.reachability.networks import Network
from seawall.policy.reachability.parties import (
    Address,
    Endpoint,
    Entity,
    Labels,
    Name,
    Party,
    Placed,
    Port,
    identities,
)
from seawall.policy.reachability.scope import Scope, scope
from seawall.policy.reachability.selectors import EVERYTHING, Requirement, Selector

EVERYWHERE = frozenset({"0.0.0.0/0", "::/0"})


class Direction(Enum):
    """The side of a connection that a rule is about."""

    INGRESS = "ingress"
    EGRESS = "egress"


class Kind(Enum):
    """What a peer is made of."""

    EVERYBODY = auto()
    """No peer given: anybody at all."""
    ANY_LABELS = auto()
    """The same on Cilium, for a Kubernetes policy: a selector without conditions, which others may narrow."""
    PODS = auto()
    """Whatever carries labels: pods, and on Cilium entities by their reserved labels."""
    ADDRESSES = auto()
    """A range of addresses."""
    ENTITY = auto()
    NODES = auto()
    """Nodes by their labels, which are not known here."""
    NAMES = auto()
    """Hosts outside by DNS name."""
    UNKNOWN_ADDRESSES = auto()
    """Addresses that something else provides: a group of a cloud provider, a CiliumCIDRGroup."""
    SERVICE = auto()
    """What is behind a Service, where the Service is not known."""


@dataclass(frozen=True)
class Peer:
    """Those whom a rule is about."""

    kind: Kind
    called: str
    """For a person: as the policy says it; empty where the selector says it."""
    path: tuple[str, ...]
    """The path to the peer inside the policy."""
    selector: Selector = EVERYTHING
    """For pods: conditions on labels, those of the namespace and of the cluster among them."""
    networks: tuple[Network, ...] = ()
    except_: tuple[Network, ...] = ()
    entity: str = ""
    names: tuple[str, ...] = ()
    local: bool | None = False
    """Whether pods of other clusters of the mesh are left out although they carry the labels."""

    @property
    def anyone(self) -> bool:
        """Whether it leaves nobody out: neither pods of any namespace nor the world."""
        return self.kind in (Kind.EVERYBODY, Kind.ANY_LABELS) or (self.kind is Kind.ENTITY and self.entity == "all")

    @cached_property
    def title(self) -> str:
        """For a person."""
        return self.called or self.scope.title

    @cached_property
    def scope(self) -> Scope:
        """The pods that it is about, taken apart; everything where it is about something else."""
        return scope(self.selector)

    @property
    def only_host(self) -> bool:
        """Whether Cilium knows it as the own node itself, not as something that the node is among."""
        if self.kind is Kind.ENTITY:
            return self.entity in ("host", "cluster")
        asked = self.selector.requirements
        return self.kind is Kind.PODS and asked == (Requirement(f"{CILIUM_RESERVED}host", "In", frozenset({""})),)

    @property
    def everywhere(self) -> bool:
        """Whether it is every address of a family."""
        return not self.except_ and any(str(network) in EVERYWHERE for network in self.networks)


class Reader:
    """Decides peers for parties; keeps what it has worked out of a party's labels."""

    def __init__(self, *, cluster: str | None, cilium: bool) -> None:
        """`cluster` is the own cluster's name, None when not known."""
        self.cluster = cluster
        self.cilium = cilium
        self._labels: dict[Endpoint, Labels] = {}
        self.steps = 0
        """How many conditions, peers and policies were looked at; what the work is measured by."""

    def labels(self, endpoint: Endpoint) -> Labels:
        """The labels of a pod as selectors see them."""
        found = self._labels.get(endpoint)
        if found is None:
            found = self._labels[endpoint] = Labels(endpoint, cluster=self.cluster, cilium=self.cilium)
        return found

    def is_local(self, endpoint: Endpoint) -> bool:
        """Whether a pod is in the cluster that the policies are in."""
        return endpoint.cluster is None or endpoint.cluster == self.cluster

    def selects(self, selector: Selector, party: Party) -> bool | None:
        """Whether a party carries the labels that a selector asks for."""
        if isinstance(party, Endpoint):
            labels = self.labels(party)
            result: bool | None = True
            for requirement in selector.requirements:
                self.steps += 1
                answer = labels.meet(requirement)
                if answer is False:
                    return False
                if answer is None:
                    result = None
            return result
        answers = {
            all(_reserved_holds(requirement, names) for requirement in selector.requirements)
            for names in identities(party)
        }
        return answers.pop() if len(answers) == 1 else None

    def admits(self, peer: Peer, party: Party, requires: Selector = EVERYTHING) -> bool | None:
        """Whether a party is among a peer's; `requires` is demanded of pods in addition."""
        self.steps += 1
        match peer.kind:
            case Kind.EVERYBODY:
                return True
            case Kind.PODS | Kind.ANY_LABELS:
                return self._carries(peer, party, requires)
            case Kind.ENTITY:
                return self._is_entity(peer.entity, party)
            case Kind.ADDRESSES:
                return self._in_networks(peer, party)
            case Kind.NODES:
                return None if _may_be_another_node(party) else False
            case Kind.UNKNOWN_ADDRESSES:
                return None if _may_have_address(party) else False
            case Kind.NAMES:
                return _is_named(peer.names, party)
            case Kind.SERVICE:
                return every((self.selects(peer.selector, party), None)) if isinstance(party, Endpoint) else None

    def _carries(self, peer: Peer, party: Party, requires: Selector) -> bool | None:
        if isinstance(party, Endpoint):
            if not self.is_local(party) and (peer.local or not self.cilium):
                return False
            answer = self.selects(peer.selector, party)
            if requires.requirements and answer is not False:
                answer = every((answer, self.selects(requires, party)))
            unsure = peer.local is None and not self.is_local(party)
            return None if answer and unsure else answer
        if not self.cilium or peer.local:  # the cluster is a label, which nothing but a pod has
            return False
        answer = self.selects(Selector((*peer.selector.requirements, *requires.requirements)), party)
        return None if answer and peer.local is None else answer

    def _is_entity(self, entity: str, party: Party) -> bool | None:
        if entity in ("all", "none"):
            return entity == "all"
        if isinstance(party, Endpoint):
            return entity == "cluster" and self.is_local(party)
        wanted = {"world", "world-ipv4", "world-ipv6"} if entity == "world" else {entity}
        if entity == "cluster":
            wanted = {"host", "remote-node", "init", "ingress", "health", "unmanaged", "kube-apiserver"}
        answers = {bool(wanted & names) for names in identities(party)}
        return answers.pop() if len(answers) == 1 else None

    def _in_networks(self, peer: Peer, party: Party) -> bool | None:
        if isinstance(party, Endpoint):
            if self.cilium:
                return False
            if party.network is None:
                return True if peer.everywhere else None
            return _contains(peer, party.network)
        if isinstance(party, Address | Placed):
            return party.network is not None and _contains(peer, party.network)
        if isinstance(party, Entity) and self.cilium and party.name not in ("kube-apiserver", "world"):
            return False
        if self.cilium and party == Entity("kube-apiserver"):
            return None
        return True if peer.everywhere else None


def _reserved_holds(requirement: Requirement, names: frozenset[str]) -> bool:
    name = requirement.key.removeprefix(CILIUM_RESERVED)
    carried = requirement.key.startswith(CILIUM_RESERVED) and name in names
    return requirement.meets("" if carried else None)


def _may_be_another_node(party: Party) -> bool:
    if isinstance(party, Placed):
        return "remote-node" in party.names
    return party in (Entity("remote-node"), Entity("kube-apiserver"))


def _may_have_address(party: Party) -> bool:
    if isinstance(party, Placed):
        return party.network is not None
    return isinstance(party, Address | Name) or party in (Entity("kube-apiserver"), Entity("world"))


def _contains(peer: Peer, address: Network) -> bool:
    def within(network: Network) -> bool:
        return network.version == address.version and network.supernet_of(address)  # type: ignore[arg-type]

    return any(within(network) for network in peer.networks) and not any(within(network) for network in peer.except_)


def _is_named(patterns: Iterable[str], party: Party) -> bool | None:
    """Names lead to addresses when somebody looks them up, which nobody knows here; pods are never reached by one."""
    if isinstance(party, Name):
        return any(matches_name(pattern, party.host) for pattern in patterns)
    return None if _may_have_address(party) else False


def matches_name(pattern: str, host: str) -> bool:
    """Whether a pattern of `toFQDNs` matches a host name: `*` stands for part of one label, alone for everything."""
    pattern, host = pattern.lower().rstrip("."), host.lower().rstrip(".")
    if pattern == "*":
        return True
    wanted, given = pattern.split("."), host.split(".")
    return len(wanted) == len(given) and all(_fits(part, label) for part, label in zip(wanted, given, strict=True))


def _fits(part: str, label: str) -> bool:
    first, *middle = part.split("*")
    if not middle:
        return first == label
    last = middle.pop()
    if len(label) < len(first) + len(last) or not label.startswith(first) or not label.endswith(last):
        return False
    rest = label[len(first) : len(label) - len(last)]
    for piece in middle:
        _, found, rest = rest.partition(piece)
        if piece and not found:
            return False
    return True


@dataclass(frozen=True)
class Ports:
    """Ports that a rule is about: one, a range, or a name."""

    protocol: str | None
    """None: TCP, UDP and SCTP."""
    port: int | str | None
    """A number, a port's name, or None for every port."""
    last: int | None = None
    """The last port of a range, inclusive."""
    requests: str = ""
    """What a request must be beyond its port (`HTTP GET /metrics`); empty: nothing."""

    def cover(self, port: Port, target: Party, names: "PortNames | None" = None) -> bool | None:
        """Whether a port of the target is among them. `names`: where a name is looked up instead of at the target."""
        if self.protocol is not None and self.protocol != port.protocol:
            return False
        if self.port is None:
            return True
        if isinstance(self.port, int):
            return self.port <= port.number <= (self.last or self.port)
        if names is not None:
            return names.stands_for(self.port, port, target)
        if not isinstance(target, Endpoint):
            return False
        called = target.names_of(port)
        return None if called is None else self.port in called


class PortNames:
    """What the pods of a mesh call their ports. Cilium looks a name up here on the way out, whoever the target is, and
    takes it for no port at all when pods mean different numbers by it."""

    def __init__(self, ports: Iterable[ContainerPort] | None) -> None:
        """`ports`: those of all pods; None: not known."""
        self._numbers: dict[tuple[str, str], set[int]] | None = None if ports is None else {}
        for port in ports or ():
            if self._numbers is not None and port.name is not None:
                key = port.name.lower(), port.protocol.upper()
                self._numbers.setdefault(key, set()).add(port.number)

    def stands_for(self, name: str, port: Port, target: Party) -> bool | None:
        """Whether a name means a port."""
        if self._numbers is not None:
            return self._numbers.get((name, port.protocol)) == {port.number}
        for it in (target.ports if isinstance(target, Endpoint) else None) or ():
            if it.name is not None and it.name.lower() == name and it.protocol.upper() == port.protocol:
                return it.number == port.number  # as far as can be seen, nobody calls another number so
        return None


@dataclass(frozen=True, eq=False)
class Rule:
    """One rule of a policy, about one direction of its pods."""

    policy: KubeObject
    direction: Direction
    path: tuple[str, ...]
    """The path to the rule inside the policy."""
    denies: bool = False
    peers: tuple[Peer, ...] = ()
    ports: tuple[Ports, ...] | None = None
    """None: every port."""
    requests: str = ""
    """What is demanded beyond ports, of all of them."""
    unread: CannotEvaluateError | None = None
    """Why it could not be read: it may then be about anybody and any port."""

    @cached_property
    def title(self) -> str:
        """For a person: `NetworkPolicy data/cache, ingress rule 2`."""
        place = self.path[-1].strip("[]") if self.path else ""
        number = f" {int(place) + 1}" if place.isdigit() else ""
        deny = " deny" if self.denies else ""
        return f"{self.policy.title}, {self.direction.value}{deny} rule{number}"


@dataclass(frozen=True, eq=False)
class Subject:
    """Some pods and what one policy, or one `spec` of it, says of them."""

    policy: KubeObject
    namespace: str
    """The namespace of the pods; empty: of any."""
    selector: Selector
    isolates: Mapping[Direction, bool | None]
    """Whether, for a direction, what no rule admits is closed."""
    rules: tuple[Rule, ...]
    requires: Mapping[tuple[Direction, bool], Selector]
    """What `fromRequires`/`toRequires` add to pods in every rule of these pods, by direction and whether it denies."""
    unread: CannotEvaluateError | None = None
    """Why nothing else of it could be read, or why Cilium refuses it; its pods are then those of `selector` at most."""


def every(answers: Iterable[bool | None]) -> bool | None:
    """Whether all are true; None when that depends on one that is not known."""
    result: bool | None = True
    for answer in answers:
        if answer is False:
            return False
        if answer is None:
            result = None
    return result
