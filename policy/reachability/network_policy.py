"""Reads `networking.k8s.io/v1` NetworkPolicy.

Decided as Kubernetes documents it, and, where the CNI is Cilium, as Cilium 1.18 turns it into its own rules: a section
with rules is enforced whatever `policyTypes` says, and the labels of a peer may name a mesh cluster.
"""

import re
from collections.abc import Iterator

from seawall.operators.labels import CILIUM_CLUSTER, CILIUM_NAMESPACE, NAMESPACE_NAME
from seawall.policy.estate.model import KubeObject
from seawall.policy.estate.values import CannotEvaluateError, View
from seawall.policy.reachability.clauses import Direction, Kind, Peer, Ports, Rule, Subject
from seawall.policy.reachability.networks import networks
from seawall.policy.reachability.parties import NAMESPACE_LABEL
from seawall.policy.reachability.platform import Platform
from seawall.policy.reachability.selectors import Requirement, Selector, read

_PEERS = {Direction.INGRESS: "from", Direction.EGRESS: "to"}


def subject(policy: KubeObject, platform: Platform) -> Subject:
    """What the policy says. Raises `CannotEvaluateError` when even its pods cannot be read."""
    spec = policy.at("spec")
    selector = read(spec.at("podSelector"))
    isolates: dict[Direction, bool | None] = {}
    rules: list[Rule] = []
    for direction in Direction:
        try:
            isolates[direction] = _isolates(spec, direction, platform)
            if isolates[direction]:
                rules += _rules(policy, direction, platform)
        except CannotEvaluateError as problem:
            isolates.setdefault(direction, None)
            rules.append(Rule(policy, direction, problem.path, unread=problem))
    return Subject(policy, policy.namespace, selector, isolates, tuple(rules), {})


def _isolates(spec: View, direction: Direction, platform: Platform) -> bool:
    types = [kind.text() for kind in spec.at("policyTypes").items()]
    given = bool(spec.at(direction.value).items())
    if not types:
        return direction is Direction.INGRESS or given
    return direction.value.capitalize() in types or (given and platform.cilium)


def _rules(policy: KubeObject, direction: Direction, platform: Platform) -> Iterator[Rule]:
    for rule in policy.at("spec", direction.value).items():
        try:
            given = rule.at(_PEERS[direction]).items()
            peers = [_peer(policy, peer, platform) for peer in given] or [_anybody(rule, direction, platform)]
            ports = tuple(_port(port) for port in rule.at("ports").items())
        except CannotEvaluateError as problem:
            yield Rule(policy, direction, rule.path, unread=problem)
        else:
            yield Rule(policy, direction, rule.path, peers=tuple(peers), ports=ports or None)


def _anybody(rule: View, direction: Direction, platform: Platform) -> Peer:
    # to Cilium it is a selector without conditions, which `fromRequires` of other policies narrow
    kind = Kind.ANY_LABELS if platform.cilium else Kind.EVERYBODY
    return Peer(kind, f"everybody (no `{_PEERS[direction]}`)", rule.path)


def _peer(policy: KubeObject, peer: View, platform: Platform) -> Peer:
    block, spaces, pods = peer.at("ipBlock"), peer.at("namespaceSelector"), peer.at("podSelector")
    if block.present and (spaces.present or pods.present):
        raise CannotEvaluateError("ipBlock beside a selector is refused by the API server", peer.path)
    if block.present:
        given = networks([block.at("cidr")])
        title = f"ipBlock {block.at('cidr').text()}"
        return Peer(Kind.ADDRESSES, title, peer.path, networks=given, except_=networks(block.at("except").items()))
    if not spaces.present and not pods.present:
        raise CannotEvaluateError("a peer without a selector or an ipBlock is refused by the API server", peer.path)
    asked = list(read(pods).requirements)
    names_cluster = platform.cilium and any(requirement.key == CILIUM_CLUSTER for requirement in asked)
    if spaces.present:
        conditions = read(spaces, key=lambda key: NAMESPACE_LABEL + key).requirements
        # on Cilium what is in no namespace has no such labels either, and only pods are meant
        asked += conditions or ([Requirement(CILIUM_NAMESPACE, "Exists")] if platform.cilium else [])
    else:
        asked.append(Requirement(NAMESPACE_LABEL + NAMESPACE_NAME, "In", frozenset({policy.namespace})))
    selector = Selector(tuple(asked))
    local = False if names_cluster else platform.local_unless_named
    return Peer(Kind.PODS, "", peer.path, selector, local=local)


def number_of(port: View) -> int | str | None:
    """The number or the name of a port; a number in quotes is a number (Kubernetes' own policies refuse it)."""
    given = port.at("port").number_or_text()
    return int(given) if isinstance(given, str) and re.fullmatch("[0-9]{1,5}", given) else given


def _port(port: View) -> Ports:
    number = number_of(port)
    return Ports(port.at("protocol").text() or "TCP", number, port.at("endPort").integer())
