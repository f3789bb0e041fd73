"""For protected pods: who can open each port, by class of source, and which policy and rule decided.

A class stands for everybody who is treated alike: a role (the operator, a declared client, …), the pods that a rule
names, or what nobody names (other pods of the namespace, any other namespace, another mesh cluster, nodes, the API
server, the world). So there are as many cells as there are rules about the pods, and not one for each pair of pods.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from seawall.operators.labels import NAMESPACE_NAME
from seawall.policy.estate.kinds import (
    CILIUM_CLUSTERWIDE_POLICY,
    CILIUM_POLICY,
    CLUSTER,
    DRAGONFLY,
    NETWORK_POLICY,
    POOLER,
)
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.values import CannotEvaluateError
from seawall.policy.reachability.cilium_ports import RefusedError
from seawall.policy.reachability.clauses import Direction, Kind, Peer, Rule
from seawall.policy.reachability.decision import Cell, PolicySet, egress_open, ingress_open
from seawall.policy.reachability.expectations import Protected, Role, protected
from seawall.policy.reachability.networks import Network
from seawall.policy.reachability.parties import Address, Endpoint, Entity, Party
from seawall.policy.reachability.platform import Platform
from seawall.policy.reachability.scope import Scope
from seawall.policy.reachability.selectors import Selector

PROTECTED = (DRAGONFLY, CLUSTER, POOLER)
"""The kinds whose pods hold data, or lead to it."""
ELSEWHERE = "(any other)"
"""Stands for a namespace that no policy and nobody's declaration names."""
ANOTHER_CLUSTER = "(any other)"
"""Stands for a mesh cluster that nobody names."""
_REST = {
    "host": "its own node",
    "remote-node": "other nodes",
    "kube-apiserver": "the API server",
    "world": "the world",
}


@dataclass(frozen=True, eq=False)
class Source:
    """One class of sources."""

    title: str
    party: Party
    """One of them, on whom the cell is decided."""
    role: Role | None = None
    """What it is by declaration; None: nobody declared it."""

    @property
    def local(self) -> bool:
        """Whether its own policies are in the estate as well."""
        return isinstance(self.party, Endpoint) and self.party.cluster is None


@dataclass(frozen=True, eq=False)
class Row:
    """One class of sources and one port."""

    source: Source
    port: int
    into: Cell
    """Whether the pods' own side lets it in."""
    out: Cell | None
    """Whether its own side lets it out, where that is in the estate and its pods are known."""
    expected: bool | None
    """Whether it should be open: True where a role needs it, False where nobody declared it, None where it may be."""

    @property
    def open(self) -> bool | None:
        """Whether the connection can be opened, by both sides."""
        answers = [cell.open for cell in (self.into, self.out) if cell is not None]
        return False if False in answers else None if None in answers else True

    @property
    def deciding(self) -> Cell:
        """The side that decides."""
        return self.out if self.out is not None and self.out.open is False and self.into.open else self.into


class Matrix:
    """Everything about who can open the ports of protected pods."""

    def __init__(self, protected: Protected, policies: PolicySet) -> None:
        self.protected = protected
        self.policies = policies
        self.side = policies.side(protected.target, Direction.INGRESS)

    @property
    def isolated(self) -> bool | None:
        """Whether what no rule admits is closed. None: only some of the pods, at some times, or not to be told."""
        return self.side.isolated

    @property
    def unread(self) -> CannotEvaluateError | None:
        """The first part of a policy about these pods that could not be read; what Cilium refuses can."""
        return next((problem for problem in self.side.unread if not isinstance(problem, RefusedError)), None)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The ingress rules that are about the pods."""
        return tuple(
            rule
            for subject, _ in self.side.selecting
            for rule in subject.rules
            if rule.direction is Direction.INGRESS and rule.unread is None
        )

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """The classes of sources: roles, whom rules name, and what nobody names."""
        found: dict[tuple[object, ...], Source] = {}
        for source in (*self._roles(), *self._named, *self._unnamed()):
            found.setdefault(_key(source), source)
        return tuple(found.values())

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The cells."""
        return tuple(self._row(source, port.number) for source in self.sources for port in self.protected.ports)

    def is_about(self, rule: Rule, port: int) -> bool:
        """Whether a rule is, or may be, about a port of the pods."""
        wanted, target = self.protected.port(port), self.protected.target
        return rule.ports is None or any(ports.cover(wanted, target) is not False for ports in rule.ports)

    def opened_by(self, rule: Rule, peer: Peer, port: int) -> bool:
        """Whether somebody gets in, or may, because of one peer of a rule."""
        return (rule, peer, port) in self._openings

    @cached_property
    def _openings(self) -> frozenset[tuple[Rule, Peer, int]]:
        return frozenset(
            (ground.rule, ground.peer, row.port)
            for row in self.rows
            if row.into.open is not False
            for ground in (*row.into.by, *row.into.besides)
            if ground.rule is not None and ground.peer is not None and _stands_for(row.source.party, ground.peer)
        )

    def sources_of(self, role: Role) -> tuple[Source, ...]:
        """The classes of sources that a role is, at least one."""
        return self._by_role[role]

    @cached_property
    def _by_role(self) -> dict[Role, tuple[Source, ...]]:
        found: dict[Role, list[Source]] = {role: [] for role in self.protected.roles}
        for source in (*self._roles(), *self._named):
            if source.role is not None:
                found[source.role].append(source)
        for role in found:
            if role.any_one_namespace:
                found[role] += [Source(role.title, role.endpoint(namespace), role) for namespace in self._strangers]
        return {role: tuple(sources) for role, sources in found.items()}

    @cached_property
    def _strangers(self) -> tuple[str, ...]:
        """The namespaces that a rule names and that are no declared client's: where one who is sought may be."""
        parties = (source.party for source in self._named)
        names = {it.namespace for it in parties if isinstance(it, Endpoint) and it.cluster is None}
        return tuple(sorted(names - {ELSEWHERE} - (self.protected.clients or {}).get(None, frozenset())))

    def into(self, party: Party, port: int) -> Cell:
        """Whether the pods' own side lets a party in."""
        return ingress_open(self.policies, party, self.protected.target, self.protected.port(port))

    def _row(self, source: Source, port: int) -> Row:
        out = None
        if source.role is not None and source.local and port in source.role.may:
            out = egress_open(self.policies, source.party, self.protected.target, self.protected.port(port))
        return Row(source, port, self.into(source.party, port), out, self._expected(source, port))

    def _expected(self, source: Source, port: int) -> bool | None:
        role = source.role
        if role is not None and port in role.may:
            return True if port in role.must else None
        if source.party == Entity("host"):
            return None  # its own node gets in whatever a policy says
        case = self.protected
        if case.clients is None and (port not in case.judged or port in case.client_ports):
            return None  # nobody declared whom it is for
        return False

    def _roles(self) -> Iterator[Source]:
        named = {source.role for source in self._named}
        for role in self.protected.roles:
            if (role.labels is not None and not role.among) or role not in named:
                yield Source(role.title, role.endpoint(), role)

    @cached_property
    def _named(self) -> tuple[Source, ...]:
        peers = (peer for rule in self.rules if not rule.denies for peer in rule.peers)
        return tuple(source for peer in peers for source in self._of_peer(peer))

    def _of_peer(self, peer: Peer) -> Iterator[Source]:
        if peer.kind is Kind.ADDRESSES and not peer.everywhere:
            for network in peer.networks:
                yield Source(peer.title, Address(_some_address(network, peer.except_)))
        elif peer.kind is Kind.ENTITY and peer.entity not in ("all", "none", "cluster"):
            yield Source(peer.title, Entity(peer.entity))
        elif peer.kind is Kind.PODS:
            found = peer.scope
            if found.reserved:
                yield Source(peer.title, Entity(found.reserved))
                return
            clusters = _clusters(found, self.protected)
            if found.clusters is None and peer.local is not True:
                clusters.append(ANOTHER_CLUSTER)
            for cluster in clusters:
                for namespace in sorted({ELSEWHERE} if found.namespaces is None else found.namespaces):
                    yield self._pods(found, namespace, cluster)

    def _pods(self, found: Scope, namespace: str, cluster: str | None) -> Source:
        """Some of the pods of one namespace and cluster that a peer is about."""
        role = self.protected.role_of(found, namespace, cluster)
        if role is not None and role.labels is not None and not role.among:
            return Source(role.title, role.endpoint(namespace if role.any_one_namespace else None), role)
        labels = {**_witness(found.namespace_selector), NAMESPACE_NAME: namespace}
        spaces = None if found.namespaces is None else frozenset({namespace})
        clusters = frozenset({cluster}) if cluster is not None else None
        title = Scope(spaces, found.namespace_selector, found.pods, clusters).title
        return Source(title, Endpoint(namespace, _witness(found.pods), labels, cluster), role)

    def _unnamed(self) -> Iterator[Source]:
        own = self.protected.pods.namespace
        yield Source(f"other pods of namespace {own}", Endpoint(own, {}, self.protected.namespace_labels))
        yield Source("pods of any other namespace", Endpoint(ELSEWHERE, {}, {}))
        if self.policies.platform.cilium:
            declared = (cluster for cluster in self.protected.clients or {} if cluster is not None)
            for cluster in (*declared, ANOTHER_CLUSTER):
                title = "any other mesh cluster" if cluster == ANOTHER_CLUSTER else f"mesh cluster {cluster}"
                yield Source(f"pods of {title}", Endpoint(ELSEWHERE, {}, {}, cluster))
                yield Source(f"pods of namespace {own} in {title}", Endpoint(own, {}, {}, cluster))
        for name, title in _REST.items():
            yield Source(title, Entity(name))


def _stands_for(party: Party, peer: Peer) -> bool:
    """Whether a party tells of a peer: a range of addresses has one of its own, and is not the whole world."""
    return peer.kind is not Kind.ADDRESSES or peer.everywhere or isinstance(party, Address)


def _clusters(found: Scope, protected: Protected) -> list[str | None]:
    if found.clusters is None:
        return [None]
    return [protected.cluster_key(cluster) for cluster in sorted(found.clusters)]


def _some_address(network: Network, left_out: Iterable[Network]) -> str:
    """An address of a range that is not left out of it, if its ends are not both."""
    ends = (network.network_address, network.broadcast_address)
    free = (end for end in ends if not any(end in other for other in left_out))
    return str(next(free, ends[0]))


def _witness(selector: Selector) -> dict[str, str]:
    """Labels that a selector matches, the fewest."""
    labels: dict[str, str] = {}
    for requirement in selector.requirements:
        if requirement.operator == "In" and requirement.values:
            labels[requirement.key] = min(requirement.values)
        elif requirement.operator == "Exists":
            labels.setdefault(requirement.key, "any")
    return labels


def _key(source: Source) -> tuple[object, ...]:
    party = source.party
    if isinstance(party, Endpoint):
        labels = frozenset((party.labels or {}).items())
        spaces = frozenset((party.namespace_labels or {}).items())
        return party.namespace, party.cluster, labels, spaces if source.role is None else source.role
    return (party,)


def policy_sets(estate: Estate) -> dict[Platform, PolicySet]:
    """The policies of the estate by what enforces them, filled as they are asked for; use through `estate.memo`."""
    return {}


def policies_for(platform: Platform, estate: Estate) -> PolicySet:
    """The policies of the estate as this platform enforces them, read once."""
    sets = estate.memo(policy_sets)
    found = sets.get(platform)
    if found is None:
        kinds = (NETWORK_POLICY, CILIUM_POLICY, CILIUM_CLUSTERWIDE_POLICY)
        policies = (policy for kind in kinds for policy in estate.of(kind))
        found = sets[platform] = PolicySet(
            policies, cni=platform.cni, cni_version=platform.version, cluster=platform.cluster
        )
    return found


def matrices(estate: Estate) -> dict[KubeObject, Matrix]:
    """What has been worked out already; use through `estate.memo`."""
    return {}


def matrix(thing: KubeObject, estate: Estate) -> Matrix:
    """The matrix of a Dragonfly, of a Cluster's instances or of a Pooler.

    Raises `CannotEvaluateError` when the pods or what is declared cannot be read.
    """
    made = estate.memo(matrices)
    found = made.get(thing)
    if found is None:
        case = protected(thing, estate)
        found = made[thing] = Matrix(case, policies_for(case.platform, estate))
    return found
