"""Peers and ports of a network policy, whichever dialect they were written in."""

from dataclasses import dataclass
from enum import Enum, auto

from seawall.operators.labels import NAMESPACE_NAME
from seawall.policy.estate.model import ContainerPort, PodSet
from seawall.policy.reachability.selectors import EVERYTHING, Requirement, Selector


@dataclass(frozen=True)
class Peer:
    """Those whom a rule admits. All given conditions hold together."""

    title: str
    """For a person: as the policy says it."""
    path: tuple[str, ...]
    """The path to the peer inside the policy."""
    everyone: bool = False
    """Anybody at all: no peer given, the whole cluster, or the world."""
    address: str | None = None
    """An address range or a Cilium entity, when the peer is not pods."""
    namespaces: frozenset[str] | None = None
    """The exact namespaces, None when they are not limited by name."""
    namespace_selector: Selector = EVERYTHING
    """What else is demanded of the namespace's labels."""
    pods: Selector = EVERYTHING
    """What is demanded of the pod's labels; everything: all pods of the namespaces."""
    clusters: frozenset[str] | None = None
    """The mesh clusters named, None when none is named."""
    every_cluster: bool = False
    """Whether the mesh cluster is asked for in a way that many can meet (`Exists`, `NotIn`)."""

    @property
    def every_namespace(self) -> bool:
        """Whether pods of any namespace are admitted, or of any but some: a new namespace is in."""
        return self.address is None and self.namespaces is None and not self.namespace_selector.limited

    def only_namespace(self, name: str) -> bool:
        """Whether pods of this one namespace are admitted, and of no other."""
        return self.namespaces is not None and self.namespaces == frozenset({name})


class Selected(Enum):
    """Whether a policy selects pods whose labels change during their life."""

    NEVER = auto()
    SOMETIMES = auto()
    """Some of them, or not from birth on: its rules admit, but nobody may rely on its isolation."""
    ALWAYS = auto()


def selected(selector: Selector, pods: PodSet) -> Selected:
    """Whether a selector over pod labels selects pods."""
    if not selector.may_match(pods.labels, pods.later):
        return Selected.NEVER
    return Selected.ALWAYS if selector.always_matches(pods.labels, pods.later) else Selected.SOMETIMES


@dataclass(frozen=True)
class PortRange:
    """Ports that a rule is about."""

    protocol: str | None
    """None: every protocol."""
    port: int | str | None
    """A number, a port name of the target pod, or None for every port."""
    last: int | None = None
    """The last port of a range, inclusive."""

    def covers(self, port: ContainerPort) -> bool:
        """Whether a port of the target pod is among them."""
        if self.protocol is not None and self.protocol.upper() != port.protocol.upper():
            return False
        if self.port is None:
            return True
        if isinstance(self.port, str):
            return self.port == port.name
        return self.port <= port.number <= (self.last or self.port)


def split_namespaces(selector: Selector, name_key: str = NAMESPACE_NAME) -> tuple[frozenset[str] | None, Selector]:
    """A selector over namespaces as the exact names that it admits (None: not limited by name) and the rest of it."""
    names: frozenset[str] | None = None
    rest: list[Requirement] = []
    for requirement in selector.requirements:
        if requirement.key == name_key and requirement.operator == "In":
            names = requirement.values if names is None else names & requirement.values
        elif requirement.key == name_key and requirement.operator == "Exists":
            continue  # every namespace has it
        else:
            rest.append(requirement)
    return names, Selector(tuple(rest))
