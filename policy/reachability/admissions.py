"""Ingress rules of NetworkPolicy and CiliumNetworkPolicy in one form: who is admitted, to which ports, by which rule.

What a policy denies (`ingressDeny`) is not subtracted, so an admission may be wider than what the network lets through,
never narrower.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from seawall.policy.estate.kinds import CILIUM_CLUSTERWIDE_POLICY, CILIUM_POLICY, NETWORK_POLICY
from seawall.policy.estate.model import ContainerPort, Estate, KubeObject, PodSet
from seawall.policy.estate.values import CannotEvaluateError, View
from seawall.policy.reachability import cilium, kubernetes
from seawall.policy.reachability.peers import Peer, PortRange, Selected


@dataclass(frozen=True)
class Admission:
    """One ingress rule that applies to some pods."""

    policy: KubeObject
    index: int
    """The rule's place in the policy's list, counted from 0."""
    path: tuple[str, ...]
    """The path to the rule inside the policy."""
    peers: tuple[Peer, ...]
    ports: tuple[PortRange, ...] | None
    """None: every port."""

    @property
    def title(self) -> str:
        """The rule for a person: `NetworkPolicy data/cache, ingress rule 2`."""
        return f"{self.policy.title}, ingress rule {self.index + 1}"

    def admits(self, port: ContainerPort) -> bool:
        """Whether the rule is about this port of the target pod."""
        return self.ports is None or any(span.covers(port) for span in self.ports)


@dataclass(frozen=True)
class Ingress:
    """What decides who may open ports of some pods."""

    isolating: tuple[KubeObject, ...]
    """The policies that isolate the pods for ingress. None: everybody may open every port."""
    admissions: tuple[Admission, ...]


def ingress(pods: PodSet, estate: Estate) -> Ingress:
    """The policies that isolate pods for ingress, and every rule that admits somebody.

    Raises `CannotEvaluateError`, with the policy named, when a policy of the namespace cannot be read.
    """
    isolating: list[KubeObject] = []
    admissions: list[Admission] = []
    for policy in _candidates(pods, estate):
        try:
            isolates, rules = _read(policy, pods, estate)
        except CannotEvaluateError as problem:
            problem.about(policy)
            raise
        if isolates:
            isolating.append(policy)
        admissions += rules  # what does not isolate still admits, beside a policy that does
    return Ingress(tuple(isolating), tuple(admissions))


def _candidates(pods: PodSet, estate: Estate) -> Iterator[KubeObject]:
    yield from estate.of(NETWORK_POLICY, pods.namespace)
    yield from estate.of(CILIUM_POLICY, pods.namespace)
    yield from estate.of(CILIUM_CLUSTERWIDE_POLICY)


def _read(policy: KubeObject, pods: PodSet, estate: Estate) -> tuple[bool, list[Admission]]:
    """Whether the policy isolates the pods at every time, and its rules when it selects them at some time."""
    if policy.group_kind == NETWORK_POLICY:
        chosen = kubernetes.selects(policy, pods)
        if chosen is Selected.NEVER:
            return False, []
        rules = kubernetes.rules(policy)
        return chosen is Selected.ALWAYS, [
            _admission(policy, index, view, peers, ports) for index, view, peers, ports in rules
        ]
    isolated = False
    admissions: list[Admission] = []
    for spec in cilium.specs(policy):
        chosen = cilium.selects(policy, spec, pods, estate.namespace_labels(pods.namespace))
        if chosen is not Selected.NEVER:
            isolated = isolated or (chosen is Selected.ALWAYS and cilium.default_deny(spec))
            rules = cilium.rules(policy, spec)
            admissions += [_admission(policy, index, view, peers, ports) for index, view, peers, ports in rules]
    return isolated, admissions


def _admission(
    policy: KubeObject, index: int, rule: View, peers: tuple[Peer, ...], ports: tuple[PortRange, ...] | None
) -> Admission:
    return Admission(policy, index, rule.path, peers, ports)
