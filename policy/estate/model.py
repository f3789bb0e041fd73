"""The model of what will exist: Kubernetes objects, where each comes from, and the pods that they become."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from seawall.operators import cnpg, dragonfly
from seawall.operators.labels import NAMESPACE_NAME, POD_INDEX, POD_NAME
from seawall.policy.estate.kinds import (
    CLUSTER,
    DEPLOYMENT,
    DRAGONFLY,
    NAMESPACE,
    POD,
    STATEFUL_SET,
    GroupKind,
)
from seawall.policy.estate.values import CannotEvaluateError, View

_MOST_PLACES = 100
"""Pods of a StatefulSet that are told apart by name."""
LATER_LABELS: Mapping[GroupKind, Mapping[str, frozenset[str]]] = {
    DRAGONFLY: {dragonfly.ROLE_LABEL: frozenset(dragonfly.ROLES)},
    CLUSTER: {cnpg.INSTANCE_ROLE_LABEL: frozenset(cnpg.INSTANCE_ROLES)},
}
"""Labels that an operator puts on the pods of its resources once they run."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an object was read: a file and line, or the URN of a Pulumi resource."""

    file: str | None = None
    line: int | None = None
    """The line of the object's first character, counted from 1."""
    urn: str | None = None
    made_by: str | None = None
    """For a projected object: the operator that will make it, and of what."""
    locate: Callable[[tuple[str, ...]], int | None] | None = field(default=None, compare=False, repr=False)
    """Finds the line of a field, given the path to it inside the object."""
    awaits: frozenset[str] = frozenset()
    """Top-level properties that depend on other resources of the same Pulumi stack."""

    def line_of(self, path: tuple[str, ...]) -> int | None:
        """The line of a field, or of the object when the field's own cannot be told."""
        found = self.locate(path) if self.locate is not None and path else None
        return found or self.line

    def text(self, path: tuple[str, ...] = ()) -> str:
        """The place for a person: `file:line`, or the URN, or who will make the object."""
        if self.file is not None:
            line = self.line_of(path)
            return f"{self.file}:{line}" if line else self.file
        return self.urn or self.made_by or ""


@dataclass(frozen=True, eq=False)
class KubeObject:
    """One Kubernetes object, declared or projected. Compared by identity."""

    group: str
    kind: str
    namespace: str
    """The namespace, `default` when none is given; empty for what has none."""
    name: str
    manifest: Mapping[str, Any]
    """Plain values, some possibly `UNKNOWN`. Rules read it through `at`."""
    origin: Origin
    projected: bool = False

    @property
    def group_kind(self) -> GroupKind:
        """What the object is, whatever its API version."""
        return self.group, self.kind

    @property
    def title(self) -> str:
        """The object for a person: `Dragonfly dragonfly-system/cache`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    def at(self, *keys: str) -> View:
        """The value under these keys."""
        return View(self.manifest).at(*keys)

    def label_view(self) -> View:
        """The object's own labels."""
        return self.at("metadata", "labels")

    def annotation(self, key: str) -> str | None:
        """The text of an annotation, None when it is absent."""
        return self.at("metadata", "annotations", key).text()


@dataclass(frozen=True)
class ContainerPort:
    """A port that a pod's container declares; `name` is what a policy may call it by."""

    number: int
    protocol: str
    name: str | None


@dataclass(frozen=True, eq=False)
class PodSet:
    """Pods that are all alike: made from one template, in one namespace."""

    namespace: str
    labels: Mapping[str, str]
    """Labels that every pod has from birth; those that come later are in `later`."""
    count: int
    ports: tuple[ContainerPort, ...]
    spec: View
    workload: KubeObject
    """The workload object that makes them (or the pod itself)."""
    later: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Labels that a controller puts on the pods one by one, with the values that it gives."""


@dataclass(frozen=True)
class Note:
    """Something that a reader of the result must know: not seen, assumed, or skipped. Never a verdict."""

    text: str
    where: str = ""


@dataclass(frozen=True)
class Operator:
    """The operator that reconciles a resource, and how it is known."""

    version: str
    namespace: str
    known_from: str
    """For a person: the annotation, the operator's own Deployment, or that it is assumed."""
    assumed: bool = False
    """Whether nothing in the estate names it: its namespace may be another one."""


class Estate:
    """Everything that will exist, indexed for the rules. Built once, read by all of them, never changed."""

    def __init__(
        self,
        declared: Iterable[KubeObject],
        projections: Mapping[KubeObject, "list[KubeObject] | CannotEvaluateError"],
        *,
        operators: Mapping[KubeObject, Operator] | None = None,
        others: Iterable[KubeObject] = (),
        notes: Iterable[Note] = (),
    ) -> None:
        """`projections` has, for each object of an operator, what will be made of it, or why that cannot be said."""
        self.declared = tuple(declared)
        self.others = tuple(others)
        """Resources of a Pulumi stack that are no Kubernetes objects, in group `PULUMI`."""
        self.notes = tuple(notes)
        self._projections = projections
        self._operators = dict(operators or {})
        self._by_kind: dict[GroupKind, list[KubeObject]] = defaultdict(list)
        self._by_kind_and_namespace: dict[tuple[GroupKind, str], list[KubeObject]] = defaultdict(list)
        for thing in (*self.objects(), *self.others):
            self._by_kind[thing.group_kind].append(thing)
            self._by_kind_and_namespace[thing.group_kind, thing.namespace].append(thing)

    def objects(self) -> Iterator[KubeObject]:
        """All objects, the declared ones first."""
        yield from self.declared
        for made in self._projections.values():
            if not isinstance(made, CannotEvaluateError):
                yield from made

    def of(self, kind: GroupKind, namespace: str | None = None) -> list[KubeObject]:
        """The objects of a kind, declared and projected, in one namespace or in all."""
        if namespace is None:
            return self._by_kind.get(kind, [])
        return self._by_kind_and_namespace.get((kind, namespace), [])

    def made_of(self, owner: KubeObject) -> list[KubeObject]:
        """What the operator makes of an object. Raises `CannotEvaluateError` when that cannot be said."""
        made = self._projections.get(owner, [])
        if isinstance(made, CannotEvaluateError):
            raise made
        return made

    def operator_of(self, owner: KubeObject) -> Operator:
        """The operator that reconciles an object. Raises `CannotEvaluateError` when that cannot be said."""
        self.made_of(owner)
        return self._operators[owner]

    def pods_of(self, owner: KubeObject) -> list[PodSet]:
        """The pods that an operator makes of an object, by template."""
        later = LATER_LABELS.get(owner.group_kind, {})
        return [replace(pods, later={**pods.later, **later}) for made in self.made_of(owner) for pods in pod_sets(made)]

    @cached_property
    def namespaces(self) -> dict[str, KubeObject]:
        """The declared namespaces by name."""
        return {thing.name: thing for thing in self.of(NAMESPACE)}

    def namespace_labels(self, name: str) -> dict[str, str] | None:
        """The labels of a namespace, its name label included; None when the namespace is not declared here."""
        thing = self.namespaces.get(name)
        if thing is None:
            return None
        return {**thing.label_view().texts(), NAMESPACE_NAME: name}


def pod_sets(workload: KubeObject) -> list[PodSet]:
    """The pods of a built-in workload (Pod, Deployment, StatefulSet), empty for everything else."""
    if workload.group_kind == POD:
        return [_pods(workload, workload.at(), 1)]
    if workload.group_kind in (DEPLOYMENT, STATEFUL_SET):
        count = workload.at("spec", "replicas").integer()
        return [_pods(workload, workload.at("spec", "template"), 1 if count is None else count)]
    return []


def _pods(workload: KubeObject, template: View, count: int) -> PodSet:
    ports = []
    for container in template.at("spec", "containers").items():
        for port in container.at("ports").items():
            number = port.at("containerPort").integer()
            if number is not None:
                ports.append(ContainerPort(number, port.at("protocol").text() or "TCP", port.at("name").text()))
    labels = template.at("metadata", "labels").texts()
    later = {}
    if workload.group_kind == STATEFUL_SET:
        places = [str(index) for index in range(min(count, _MOST_PLACES))]
        later = {POD_INDEX: frozenset(places), POD_NAME: frozenset(f"{workload.name}-{place}" for place in places)}
    return PodSet(workload.namespace, labels, count, tuple(ports), template.at("spec"), workload, later)
