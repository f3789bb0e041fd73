"""Where pods are and where they may go: nodes, volumes that hold a pod to a node, and budgets over pods."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from seawall.operators import cnpg, dragonfly
from seawall.operators.labels import HOSTNAME
from seawall.policy.estate.kinds import BUDGET, NODE, POD
from seawall.policy.reachability.selectors import OPERATORS, Requirement, Selector
from seawall.qa.oncall.kinds import CLAIM, VOLUME
from seawall.qa.oncall.reading import Seen
from seawall.qa.oncall.things import Thing, dig, mappings

_MIRROR = "kubernetes.io/config.mirror"
"""The annotation of a static pod, which no drain ends."""
_KEEPS_OUT = ("NoSchedule", "NoExecute")
_UNSCHEDULABLE = "node.kubernetes.io/unschedulable"


@dataclass(frozen=True, eq=False)
class Node:
    """A node of the cluster."""

    thing: Thing

    @property
    def name(self) -> str:
        """Its name."""
        return self.thing.name

    @property
    def ready(self) -> bool:
        """Whether its kubelet says that it is ready."""
        return self.thing.condition("Ready") == "True"

    @property
    def cordoned(self) -> bool:
        """Whether nothing new is put on it, because somebody said so."""
        return self.thing.at("spec", "unschedulable") is True or any(it[0] == _UNSCHEDULABLE for it in self.taints)

    @cached_property
    def taints(self) -> list[tuple[str, str, str]]:
        """Key, value and effect of what keeps pods out."""
        found = self.thing.items("spec", "taints")
        return [(str(it.get("key")), str(it.get("value") or ""), str(it.get("effect"))) for it in found]

    @property
    def open(self) -> bool:
        """Whether new pods may come."""
        return self.ready and not self.cordoned

    def takes(self, pod: Thing) -> bool:
        """Whether a pod may be put here, by readiness, taints and node selector. Affinity to nodes is not looked at."""
        tolerated = pod.items("spec", "tolerations")
        kept_out = [
            it for it in self.taints if it[2] in _KEEPS_OUT and not any(_tolerates(one, it) for one in tolerated)
        ]
        wanted = pod.texts("spec", "nodeSelector")
        return self.open and not kept_out and wanted.items() <= self.thing.labels.items()

    def fits(self, terms: Iterable[Mapping[str, Any]]) -> bool:
        """Whether one of these terms of a volume's node affinity is about it."""
        return any(self._meets(term) for term in terms)

    def _meets(self, term: Mapping[str, Any]) -> bool:
        expressions, fields = mappings(term.get("matchExpressions")), mappings(term.get("matchFields"))
        labels = {HOSTNAME: self.name, **self.thing.labels}
        met = [_requirement(it).holds(labels) for it in expressions]
        met += [_requirement(it).holds({"metadata.name": self.name}) for it in fields]
        return bool(met) and all(met)


def _requirement(expression: Mapping[str, Any]) -> Requirement:
    operator, values = expression.get("operator"), expression.get("values")
    known = operator if operator in OPERATORS else "Exists"  # greater and less: taken as met where the label is there
    given = values if isinstance(values, list) else []
    return Requirement(str(expression.get("key")), str(known), frozenset(it for it in given if isinstance(it, str)))


def _tolerates(toleration: Mapping[str, Any], taint: tuple[str, str, str]) -> bool:
    key, value, effect = taint
    if toleration.get("effect") not in (None, "", effect):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", key)
    return toleration.get("key") == key and (toleration.get("value") or "") == value


@dataclass(frozen=True, eq=False)
class Budget:
    """A PodDisruptionBudget."""

    thing: Thing
    selector: Selector | None

    @property
    def allowed(self) -> int | None:
        """How many pods it lets go now; None when the controller has not counted since it was last changed."""
        generation = self.thing.number("metadata", "generation")
        seen = self.thing.number("status", "observedGeneration")
        if generation is not None and seen is not None and seen < generation:
            return None
        return self.thing.number("status", "disruptionsAllowed")

    @property
    def counted(self) -> str:
        """How many are healthy, and how many must be."""
        healthy, wanted = (self.thing.number("status", key) for key in ("currentHealthy", "desiredHealthy"))
        return f"{healthy} healthy, {wanted} must stay"

    def over(self, pod: Thing) -> bool:
        """Whether it is about a pod."""
        return pod.namespace == self.thing.namespace and self.selector is not None and self.selector.matches(pod.labels)


class Places:
    """What is where in a cluster."""

    def __init__(self, seen: Seen) -> None:
        self.nodes = {it.name: Node(it) for it in seen.of(NODE)}
        self.pods = [pod for pod in seen.of(POD) if pod.text("status", "phase") not in ("Succeeded", "Failed")]
        """The pods that run, or are to run."""
        self._by_node: dict[str, list[Thing]] = defaultdict(list)
        for pod in self.pods:
            self._by_node[pod.text("spec", "nodeName")].append(pod)
        self._claims = {(it.namespace, it.name): it for it in seen.of(CLAIM)}
        self._volumes = {it.name: it for it in seen.of(VOLUME)}
        self._budgets: dict[str, list[Budget]] = defaultdict(list)
        for budget in seen.of(BUDGET):
            self._budgets[budget.namespace].append(Budget(budget, budget.selector("spec", "selector")))

    def leaving(self, node: Node) -> list[Thing]:
        """The pods that a drain takes from a node: all but those of DaemonSets and static ones."""
        return [
            pod
            for pod in self._by_node[node.name]
            if pod.controller[0] != "DaemonSet" and _MIRROR not in pod.annotations
        ]

    def pooler_pods(self, pooler: Thing) -> list[Thing]:
        """The pods of a Pooler."""
        return [
            pod
            for pod in self.pods
            if pod.namespace == pooler.namespace and pod.labels.get(cnpg.POOLER_LABEL) == pooler.name
        ]

    def dragonfly_pods(self, resource: Thing) -> list[Thing]:
        """The pods of a Dragonfly."""
        wanted = dragonfly.pod_labels(resource.name).items()
        return [pod for pod in self.pods if pod.namespace == resource.namespace and wanted <= pod.labels.items()]

    def budgets(self, pod: Thing) -> list[Budget]:
        """The budgets over a pod."""
        return [budget for budget in self._budgets[pod.namespace] if budget.over(pod)]

    def node_of(self, pod: Thing) -> Node | None:
        """Where a pod is."""
        return self.nodes.get(pod.text("spec", "nodeName"))

    def pinned(self, pod: Thing, node: Node) -> list[str]:
        """The claims of a pod whose volumes are on this node alone: it can be started nowhere else."""
        others = [it for it in self.nodes.values() if it is not node]
        found = []
        for volume in pod.items("spec", "volumes"):
            claim = dig(volume, "persistentVolumeClaim", "claimName")
            bound = self._claims.get((pod.namespace, claim)) if isinstance(claim, str) else None
            disk = self._volumes.get(bound.text("spec", "volumeName")) if bound is not None else None
            terms = mappings(disk.at("spec", "nodeAffinity", "required", "nodeSelectorTerms")) if disk else []
            if terms and not any(other.fits(terms) for other in others):
                found.append(str(claim))
        return found

    def free(self, pod: Thing, node: Node, siblings: Iterable[Thing]) -> list[str]:
        """The other nodes that may take a pod, by name; without those of its siblings where it shuns them."""
        taken = {it.text("spec", "nodeName") for it in siblings if it is not pod} if _alone(pod) else set()
        return [it.name for it in self.nodes.values() if it is not node and it.takes(pod) and it.name not in taken]


def _alone(pod: Thing) -> bool:
    """Whether a pod must not share a node with those that carry its own labels."""
    terms = mappings(pod.at("spec", "affinity", "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution"))
    for term in terms:
        given = term.get("labelSelector")
        if term.get("topologyKey") == HOSTNAME and isinstance(given, Mapping):
            selector = Thing({"selector": given}).selector("selector")
            if selector is not None and selector.matches(pod.labels):
                return True
    return False


def ready(pod: Thing) -> bool:
    """Whether a pod is ready and stays."""
    return pod.condition("Ready") == "True" and not pod.going
