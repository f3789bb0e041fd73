"""Decides who can open which port: `decide(policies, source, target, port)`.

An edge needs egress at the source and ingress at the target. Each half can be asked by itself, because the policies of
one of the two sides are often not to be seen.
"""

from dataclasses import dataclass

from seawall.policy.estate.values import CannotEvaluateError
from seawall.policy.reachability.cilium_ports import RefusedError
from seawall.policy.reachability.clauses import Direction, every
from seawall.policy.reachability.parties import NODES, Address, Endpoint, Entity, Name, Party, Placed, Port
from seawall.policy.reachability.places import places
from seawall.policy.reachability.platform import Platform
from seawall.policy.reachability.policy_set import Effect, Ground, Match, PolicySet, Side

__all__ = [
    "Address",
    "Cell",
    "Direction",
    "Effect",
    "Endpoint",
    "Entity",
    "Ground",
    "Name",
    "Platform",
    "PolicySet",
    "Port",
    "decide",
    "egress_open",
    "ingress_open",
]

_HOST = Entity("host")


@dataclass(frozen=True)
class Cell:
    """Whether a connection can be opened, and what decided it."""

    open: bool | None
    """None: it cannot be decided; `why` says what it depends on."""
    by: tuple[Ground, ...] = ()
    """Open: the rules that allow it (none: nothing isolates). Closed: what isolates or denies. Undecided: what may."""
    why: str = ""
    requests: str = ""
    """Where only some requests are let through: which (`HTTP GET /metrics`)."""
    besides: tuple[Ground, ...] = ()
    """Open on one side: the other rules there that may allow it, or allow some requests of it."""
    unread: CannotEvaluateError | None = None
    """The first part of a policy that could not be read and may decide; `unread.subject` is the policy."""

    @property
    def doubt(self) -> CannotEvaluateError | None:
        """The same, without what Cilium refuses: that can be read, and is said of the policy itself."""
        return None if isinstance(self.unread, RefusedError) else self.unread


def ingress_open(policies: PolicySet, source: Party, target: Party, port: Port) -> Cell:
    """Whether the target's side lets the connection in; its policies must be in the set."""
    if isinstance(target, Name):
        return Cell(True, why="what a host outside lets in is not to be seen")
    if not isinstance(target, Endpoint):
        return _node_side(policies, target, Direction.INGRESS)
    if not policies.reader.is_local(target):
        return Cell(None, why=f"the policies of cluster {target.cluster} are not to be seen")
    return _half(policies, target, Direction.INGRESS, source, port, target)


def egress_open(policies: PolicySet, source: Party, target: Party, port: Port) -> Cell:
    """Whether the source's side lets the connection out; its policies must be in the set."""
    if not isinstance(source, Endpoint):
        return _node_side(policies, source, Direction.EGRESS)
    if not policies.reader.is_local(source):
        return Cell(None, why=f"the policies of cluster {source.cluster} are not to be seen")
    return _half(policies, source, Direction.EGRESS, target, port, target)


def decide(policies: PolicySet, source: Party, target: Party, port: Port) -> Cell:
    """Whether the source can open a port of the target.

    A side whose policies are not to be seen (a pod of another cluster of the mesh) counts as open, and `why` says so.
    """
    halves: list[Cell] = []
    unseen: list[str] = []
    for half, party in ((egress_open, source), (ingress_open, target)):
        if isinstance(party, Endpoint) and not policies.reader.is_local(party):
            unseen.append(f"the policies of cluster {party.cluster} are not to be seen")
        else:
            halves.append(half(policies, source, target, port))
    return _both(halves, unseen)


def _both(halves: list[Cell], unseen: list[str]) -> Cell:
    answer = every(half.open for half in halves)
    deciding = [half for half in halves if half.open is answer]
    return Cell(
        answer,
        tuple(ground for half in deciding for ground in half.by),
        "; ".join([*(half.why for half in deciding), *unseen]),
        " and ".join(dict.fromkeys(half.requests for half in halves if half.requests)) if answer else "",
        unread=next((half.unread for half in deciding if half.unread is not None), None),
    )


def _node_side(policies: PolicySet, party: Party, direction: Direction) -> Cell:
    if isinstance(party, Entity) and party.name in NODES and policies.guarding_nodes:
        return Cell(None, why=f"policies with a nodeSelector guard nodes: {policies.guarding_nodes[0].title}")
    return Cell(True, why=f"no policy here is about {direction.value} of {party.title}")


def _half(policies: PolicySet, pods: Endpoint, direction: Direction, party: Party, port: Port, target: Party) -> Cell:
    side = policies.side(pods, direction)
    cell = _cell(policies, side, party, port, target)
    if policies.platform.cilium and (cell.open is None or cell.requests):
        there = [_cell(policies, side, place, port, target) for place in places(party, side.networks)]
        if there and len({(it.open, it.requests) for it in there}) == 1:
            return there[0]
    return cell


def _cell(policies: PolicySet, side: Side, party: Party, port: Port, target: Party) -> Cell:
    direction = side.direction
    rules = list(side.rules(party, port, target))
    denying = [match for match in rules if match.rule.denies]
    if any(match.answer for match in denying):
        grounds = tuple(match.ground for match in denying if match.answer)
        return Cell(False, grounds, f"{grounds[0].text} it")
    allowing = [match for match in rules if not match.rule.denies]
    # Kubernetes never closes a pod to its own node; Cilium lets the node in, and asks the policies on the way out
    there = party == _HOST or (isinstance(party, Placed) and "host" in party.names)
    own_node = there and (direction is Direction.INGRESS or not policies.platform.cilium)
    isolated = False if own_node else side.isolated
    allowed = [match for match in allowing if match.answer]
    doubts = [match.ground for match in denying]
    if isolated is False or allowed:
        if doubts:
            return _undecided(doubts)
        if isolated is False and not (own_node and policies.platform.cilium and _about_requests_of_host(allowed)):
            allowed = []
        return _open(side, allowed, allowing, own_node=own_node)
    perhaps = [match.ground for match in allowing]
    if isolated and not perhaps:
        names = ", ".join(dict.fromkeys(ground.policy.title for ground in side.isolating))
        return Cell(False, tuple(side.isolating), f"{names}: isolated for {direction.value}, and no rule admits it")
    return _undecided([*doubts, *perhaps, *([] if isolated else side.perhaps_isolating)])


def _about_requests_of_host(allowed: list[Match]) -> bool:
    """Whether rules are about requests of the own node and about nobody else's: Cilium then asks even of it."""
    return all(match.requests and match.peer is not None and match.peer.only_host for match in allowed)


def _open(side: Side, allowed: list[Match], allowing: list[Match], *, own_node: bool) -> Cell:
    if not allowed:
        reason = "its own node always gets in" if own_node else f"nothing isolates the pods for {side.direction.value}"
        return Cell(True, why=reason)
    free = [match for match in allowed if not match.requests]
    asked = [] if free else [match.requests for match in allowed]
    deciding = free or allowed
    grounds = tuple(match.ground for match in deciding)
    besides = tuple(match.ground for match in allowing if all(match is not other for other in deciding))
    return Cell(True, grounds, f"{grounds[0].text} it", " or ".join(dict.fromkeys(asked)), besides)


def _undecided(doubts: list[Ground]) -> Cell:
    unread = next((ground.rule.unread for ground in doubts if ground.rule is not None and ground.rule.unread), None)
    reasons = dict.fromkeys(ground.doubt for ground in doubts)
    return Cell(None, tuple(doubts), f"it depends on {'; '.join(reasons)}", unread=unread)
