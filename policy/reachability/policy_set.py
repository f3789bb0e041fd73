"""The policies of one cluster, read once, and found by the pods that they select."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from seawall.policy.estate.kinds import CILIUM_CLUSTERWIDE_POLICY, CILIUM_POLICY, NETWORK_POLICY
from seawall.policy.estate.model import ContainerPort, KubeObject
from seawall.policy.estate.values import CannotEvaluateError
from seawall.policy.reachability import cilium_policy, network_policy
from seawall.policy.reachability.cilium_ports import RefusedError
from seawall.policy.reachability.clauses import Direction, Kind, Peer, PortNames, Reader, Rule, Subject, every
from seawall.policy.reachability.index import SelectorIndex
from seawall.policy.reachability.network_index import NetworkIndex
from seawall.policy.reachability.networks import Network
from seawall.policy.reachability.parties import Address, Endpoint, Party, Placed, Port
from seawall.policy.reachability.platform import Platform
from seawall.policy.reachability.selectors import EVERYTHING, Selector


class Effect(Enum):
    """What a policy does in a cell."""

    ALLOWS = "allows"
    DENIES = "denies"
    ISOLATES = "isolates"
    UNDECIDED = "may decide"
    """Whether it does one of these is not known."""


@dataclass(frozen=True)
class Ground:
    """A policy that a cell rests on."""

    policy: KubeObject
    direction: Direction
    effect: Effect
    path: tuple[str, ...] = ()
    """The path to the rule, and to the peer where there is one, inside the policy; empty for isolation."""
    peer: Peer | None = None
    """The peer that the party is among."""
    rule: Rule | None = None

    @property
    def text(self) -> str:
        """For a person: `NetworkPolicy data/cache, ingress rule 2 allows`."""
        return f"{self.rule.title if self.rule is not None else self.policy.title} {self.effect.value}"

    @property
    def doubt(self) -> str:
        """For a person: what is not known about it."""
        if self.rule is None:
            return f"whether {self.policy.title} selects the pods"
        if self.rule.unread is not None:
            return f"{self.rule.title} ({self.rule.unread.why})"
        return f"{self.rule.title} ({self.peer.title})" if self.peer is not None else self.rule.title


class PolicySet:
    """The policies of one cluster, read once."""

    def __init__(
        self,
        policies: Iterable[KubeObject],
        *,
        cni: str = "generic",
        cni_version: str | None = None,
        cluster: str | None = None,
        port_names: Iterable[ContainerPort] | None = None,
    ) -> None:
        """`policies`: NetworkPolicies, CiliumNetworkPolicies and CiliumClusterwideNetworkPolicies; others are left out.

        `cni`: `generic` (Cilium's own policies then have no effect) or `cilium`, whose version decides what a selector
        without a cluster means; `cluster`: the name that this cluster has in its mesh; `port_names`: the ports that all
        pods of the mesh declare, None when they are not all known.
        """
        self.port_names = PortNames(port_names)
        self.platform = Platform(cni, cni_version, cluster)
        self.reader = Reader(cluster=cluster, cilium=self.platform.cilium)
        self.subjects: list[Subject] = []
        self._clusterwide: list[KubeObject] = []
        for policy in policies:
            if policy.group_kind == CILIUM_CLUSTERWIDE_POLICY and self.platform.cilium:
                self._clusterwide.append(policy)
            self.subjects += self._read(policy)
        by_namespace: dict[str, list[Subject]] = defaultdict(list)
        for subject in self.subjects:
            by_namespace[subject.namespace].append(subject)
        self._index = {
            namespace: SelectorIndex((subject, subject.selector) for subject in them)
            for namespace, them in by_namespace.items()
        }
        self.guarding_nodes = [policy for policy in self._clusterwide if cilium_policy.guards_nodes(policy)]
        """The policies about nodes themselves, which are not decided here."""
        self._of: dict[tuple[Endpoint, Direction], Side] = {}
        self._entries: dict[tuple[Subject, Direction], _Entries] = {}

    def _read(self, policy: KubeObject) -> list[Subject]:
        cilium = policy.group_kind in (CILIUM_POLICY, CILIUM_CLUSTERWIDE_POLICY)
        if policy.group_kind != NETWORK_POLICY and not (cilium and self.platform.cilium):
            return []
        try:
            found = (
                cilium_policy.subjects(policy, self.platform)
                if cilium
                else [network_policy.subject(policy, self.platform)]
            )
        except CannotEvaluateError as problem:
            problem.about(policy)
            rules = tuple(
                Rule(policy, direction, problem.path, denies, unread=problem)
                for direction in Direction
                for denies in ((False, True) if cilium else (False,))
            )
            refused = isinstance(problem, RefusedError)
            pods = cilium_policy.pods_of(policy, self.platform) if refused else [EVERYTHING]
            return [
                Subject(policy, policy.namespace, selector, dict.fromkeys(Direction), rules, {}, unread=problem)
                for selector in pods
            ]
        for rule in (rule for subject in found for rule in subject.rules):
            if rule.unread is not None:
                rule.unread.about(policy)
        return found

    def side(self, pods: Endpoint, direction: Direction) -> "Side":
        """What decides one direction of some pods of this cluster."""
        found = self._of.get((pods, direction))
        if found is None:
            found = self._of[pods, direction] = Side(self, pods, direction)
        return found

    def selecting(self, pods: Endpoint) -> Iterator[tuple[Subject, bool | None]]:
        """The policies that select pods, at every time (True) or perhaps (None)."""
        labels = self.reader.labels(pods)
        for namespace in dict.fromkeys((pods.namespace, "")):
            index = self._index.get(namespace)
            for subject in index.candidates(labels) if index is not None else ():
                self.reader.steps += 1
                chosen = self.reader.selects(subject.selector, pods)
                if chosen is not False:
                    yield subject, chosen

    def entries(self, subject: Subject, direction: Direction) -> "_Entries":
        """The rules and peers of a policy for one direction."""
        found = self._entries.get((subject, direction))
        if found is None:
            found = self._entries[subject, direction] = _Entries(subject, direction)
        return found


@dataclass(frozen=True)
class Match:
    """A rule that is about a party and a port, or may be."""

    rule: Rule
    peer: Peer | None
    answer: bool | None
    requests: str = ""
    """What it demands of requests; empty: nothing."""

    @property
    def ground(self) -> Ground:
        """The rule as what a cell rests on."""
        effect = (Effect.DENIES if self.rule.denies else Effect.ALLOWS) if self.answer else Effect.UNDECIDED
        path = self.peer.path if self.peer is not None else self.rule.path
        return Ground(self.rule.policy, self.rule.direction, effect, path, self.peer, self.rule)


class _Entries:
    """Rules with their peers, found by the labels that a peer asks for, or by its ranges of addresses."""

    def __init__(self, subject: Subject, direction: Direction) -> None:
        rules = [rule for rule in subject.rules if rule.direction is direction]
        self.unread = [rule for rule in rules if rule.unread is not None]
        peers = [(rule, peer) for rule in rules for peer in rule.peers]
        ranges = [(entry, entry[1].networks) for entry in peers if entry[1].kind is Kind.ADDRESSES]
        self._ranges = NetworkIndex[tuple[Rule, Peer]](ranges)
        self._index = SelectorIndex[tuple[Rule, Peer]](
            ((rule, peer), peer.selector if peer.kind is Kind.PODS else EVERYTHING)
            for rule, peer in peers
            if peer.kind is not Kind.ADDRESSES
        )

    def about(self, party: Party, reader: Reader) -> Iterator[tuple[Rule, Peer | None]]:
        """The rules that may be about a party."""
        for rule in self.unread:
            yield rule, None
        yield from self._index.candidates(reader.labels(party) if isinstance(party, Endpoint) else None)
        network = party.network if isinstance(party, Endpoint | Address | Placed) else None
        yield from self._ranges.all if network is None else self._ranges.holding(network)


class Side:
    """What decides one direction of some pods."""

    def __init__(self, policies: PolicySet, pods: Endpoint, direction: Direction) -> None:
        self.policies = policies
        self.direction = direction
        self.selecting = list(policies.selecting(pods))
        self.isolating: list[Ground] = []
        self.perhaps_isolating: list[Ground] = []
        requires: dict[bool, list[Selector]] = {False: [], True: []}
        for subject, chosen in self.selecting:
            isolates = every((chosen, subject.isolates[direction]))
            if isolates is not False:
                ground = Ground(subject.policy, direction, Effect.ISOLATES if isolates else Effect.UNDECIDED)
                (self.isolating if isolates else self.perhaps_isolating).append(ground)
            for denies in (False, True) if subject.requires else ():
                requires[denies] += [s for s in (subject.requires.get((direction, denies)),) if s and s.requirements]
        self._requires = {
            denies: Selector(tuple(r for selector in them for r in selector.requirements)) if them else EVERYTHING
            for denies, them in requires.items()
        }
        self._without_rules = not any(rule.direction is direction for it, _ in self.selecting for rule in it.rules)

    @property
    def isolated(self) -> bool | None:
        """Whether what no rule allows is closed."""
        if self.isolating:
            return True
        return None if self.perhaps_isolating else False

    @property
    def unread(self) -> list[CannotEvaluateError]:
        """The parts of policies about the pods that could not be read."""
        rules = (rule for subject, _ in self.selecting for rule in subject.rules if rule.direction is self.direction)
        return [rule.unread for rule in rules if rule.unread is not None]

    @property
    def networks(self) -> Iterator[Network]:
        """The ranges of addresses that rules about the pods name, those that they leave out included."""
        for subject, _ in self.selecting:
            for rule in subject.rules:
                if rule.direction is self.direction:
                    for peer in rule.peers:
                        yield from (*peer.networks, *peer.except_)

    def rules(self, party: Party, port: Port, target: Party) -> Iterator["Match"]:
        """The rules that are, or may be, about a party and a port."""
        if self._without_rules:
            return
        reader = self.policies.reader
        outward = self.direction is Direction.EGRESS and self.policies.platform.cilium
        names = self.policies.port_names if outward else None
        for subject, chosen in self.selecting:
            for rule, peer in self.policies.entries(subject, self.direction).about(party, reader):
                reader.steps += 1
                if peer is None:
                    yield Match(rule, None, None)
                    continue
                covered, requests = _covered(rule, port, target, names)
                if covered is False:
                    continue
                admitted = reader.admits(peer, party, self._requires[rule.denies])
                answer = every((chosen, covered, admitted))
                if answer is not False:
                    yield Match(rule, peer, answer, requests)


def _covered(rule: Rule, port: Port, target: Party, names: PortNames | None) -> tuple[bool | None, str]:
    """Whether a rule is about a port, and what it then demands of requests."""
    if rule.ports is None:
        return True, rule.requests
    result: bool | None = False
    asked: list[str] = []
    for ports in rule.ports:
        answer = ports.cover(port, target, names)
        if answer and not ports.requests:
            return True, rule.requests
        if answer is not False:
            result = True if answer or result else None
            asked += [ports.requests] if answer else []
    return result, " or ".join(dict.fromkeys((*asked, *([rule.requests] if rule.requests else []))))
