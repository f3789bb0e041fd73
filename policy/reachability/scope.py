"""Which namespaces, pods and clusters a peer is about, taken apart from its conditions on labels."""

from dataclasses import dataclass

from seawall.operators.labels import CILIUM_CLUSTER, CILIUM_NAMESPACE, CILIUM_RESERVED, NAMESPACE_NAME
from seawall.policy.reachability.parties import NAMESPACE_LABEL
from seawall.policy.reachability.selectors import EVERYTHING, Requirement, Selector


@dataclass(frozen=True)
class Scope:
    """The pods that a selector of a peer is about."""

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
    reserved: str = ""
    """The entity that a `reserved:` label stands for."""

    @property
    def every_namespace(self) -> bool:
        """Whether pods of any namespace are meant, or of any but some: a new namespace is in."""
        return not self.reserved and self.namespaces is None and not self.namespace_selector.limited

    @property
    def title(self) -> str:
        """The pods for a person: `pods with app=web of namespace shop in cluster apps`."""
        if self.reserved:
            return f"entity {self.reserved}"
        which = "every pod" if self.pods.everything else f"pods with {self.pods.text}"
        if self.namespaces is not None:
            where = f"of namespace {' or '.join(sorted(self.namespaces)) or '(none)'}"
            where += "" if self.namespace_selector.everything else f" with {self.namespace_selector.text}"
        else:
            rest = self.namespace_selector
            where = "of every namespace" if rest.everything else f"of namespaces with {rest.text}"
        clusters = f" in cluster {' or '.join(sorted(self.clusters))}" if self.clusters is not None else ""
        return f"{which} {where}{clusters}"


def scope(selector: Selector) -> Scope:
    """What a selector over the labels of pods, namespaces and clusters is about."""
    names: frozenset[str] | None = None
    clusters: frozenset[str] | None = None
    every_cluster, reserved = False, ""
    rest: list[Requirement] = []
    pods: list[Requirement] = []
    for requirement in selector.requirements:
        key = requirement.key
        if key.startswith(CILIUM_RESERVED):
            if requirement.operator in ("In", "Exists"):
                reserved = key.removeprefix(CILIUM_RESERVED)
            continue  # `reserved:host does not exist`: every pod meets it
        if key == CILIUM_CLUSTER:
            if requirement.operator == "In":
                clusters = requirement.values if clusters is None else clusters & requirement.values
            else:
                every_cluster = True
        elif key == CILIUM_NAMESPACE or key.startswith(NAMESPACE_LABEL):
            label = NAMESPACE_NAME if key == CILIUM_NAMESPACE else key.removeprefix(NAMESPACE_LABEL)
            if label == NAMESPACE_NAME and requirement.operator == "In":
                names = requirement.values if names is None else names & requirement.values
            elif not (label == NAMESPACE_NAME and requirement.operator == "Exists"):  # every namespace has it
                rest.append(Requirement(label, requirement.operator, requirement.values))
        else:
            pods.append(requirement)
    return Scope(
        names, Selector(tuple(rest)), Selector(tuple(pods)), clusters, every_cluster and clusters is None, reserved
    )
