"""The model of what will exist: Kubernetes objects, where each comes from, and the pods that they become."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, TypeVar

from seawall.operators.labels import NAMESPACE_NAME
from seawall.policy.estate.kinds import NAMESPACE, GroupKind
from seawall.policy.estate.label_index import LabelIndex, Selects
from seawall.policy.estate.memo import once
from seawall.policy.estate.objects import UNPLACED, KubeObject, Note, Operator, Origin
from seawall.policy.estate.pods import WORKLOADS, ContainerPort, PodSet, operator_pods, pod_sets
from seawall.policy.estate.values import CannotEvaluateError

__all__ = ["ContainerPort", "Estate", "KubeObject", "Note", "Operator", "Origin", "PodSet", "pod_sets"]

_Made = TypeVar("_Made")


class Estate:
    """Everything that will exist, indexed for the rules. Built once, read by all of them, never changed.

    Every accessor costs what it returns, so that rules over many objects stay linear.
    """

    def __init__(
        self,
        declared: Iterable[KubeObject],
        projections: Mapping[KubeObject, "list[KubeObject] | CannotEvaluateError"],
        *,
        operators: Mapping[KubeObject, Operator] | None = None,
        others: Iterable[KubeObject] = (),
        notes: Iterable[Note] = (),
        sees: Iterable[str] = (),
        duplicates: Iterable[tuple[KubeObject, ...]] = (),
        variants: Iterable["Estate"] = (),
        unjudged: Iterable[KubeObject] = (),
    ) -> None:
        """`projections` has, for each object of an operator, what will be made of it, or why that cannot be said."""
        self.declared = tuple(declared)
        self.others = tuple(others)
        """Resources of a Pulumi stack that are no Kubernetes objects, in group `PULUMI`."""
        self.notes = tuple(notes)
        self.sees = frozenset(sees)
        """What the door can show besides declared Kubernetes objects, as `Sight` has it."""
        self.duplicates = tuple(duplicates)
        """Objects that are declared several times, each with all its declarations in their order. The last one is what
        this estate holds."""
        self.variants = tuple(variants)
        """The same estate with other declarations of what is declared several times, and differs. A finding in one of
        them is a finding. What does not differ is the same object in all of them, projections included."""
        self.unjudged = tuple(unjudged)
        """Declarations that are in no variant, because there would be too many."""
        self._projections = projections
        self._operators = dict(operators or {})
        self._memo: dict[object, Any] = {}
        self._by_kind: dict[GroupKind, list[KubeObject]] = defaultdict(list)
        self._by_kind_and_namespace: dict[tuple[GroupKind, str], list[KubeObject]] = defaultdict(list)
        self._by_name: dict[tuple[GroupKind, str, str], KubeObject] = {}
        self._unknown: dict[tuple[GroupKind, str], CannotEvaluateError] = {}
        for thing in (*self.objects(), *self.others):
            kind = thing.group_kind
            self._by_kind[kind].append(thing)
            self._by_kind_and_namespace[kind, thing.namespace].append(thing)
            self._by_name.setdefault((kind, thing.namespace, thing.name), thing)
            if thing.unknown is not None:
                self._unknown.setdefault((kind, thing.namespace), thing.unknown)

    def objects(self) -> Iterator[KubeObject]:
        """All objects, the declared ones first."""
        yield from self.declared
        for made in self._projections.values():
            if not isinstance(made, CannotEvaluateError):
                yield from made

    def of(self, kind: GroupKind, namespace: str | None = None) -> list[KubeObject]:
        """The objects of a kind, declared and projected, in one namespace or in all.

        Raises `CannotEvaluateError` when there is one whose namespace is not known yet: it may be any neighbour.
        """
        self._all_placed(kind)
        if namespace is None:
            return self._by_kind.get(kind, [])
        return self._by_kind_and_namespace.get((kind, namespace), [])

    def every(self, kind: GroupKind) -> list[KubeObject]:
        """The same, for who looks at each by itself: those too whose namespace is not known yet."""
        return self._by_kind.get(kind, [])

    def find(self, kind: GroupKind, namespace: str, name: str) -> KubeObject | None:
        """The object of this name, a declared one before a projected; `namespace` is empty for what has none.

        Raises `CannotEvaluateError` when none is here, and one whose name or namespace is not known yet may be it.
        """
        found = self._by_name.get((kind, namespace, name))
        if self._unknown and (found is None or found.projected or found.unknown is not None):
            self._all_placed(kind)
            if (kind, namespace) in self._unknown:
                raise self._unknown[kind, namespace].with_traceback(None)
        return found

    def _all_placed(self, kind: GroupKind) -> None:
        if self._unknown and (kind, UNPLACED) in self._unknown:
            raise self._unknown[kind, UNPLACED].with_traceback(None)

    def memo(self, make: Callable[["Estate"], _Made]) -> _Made:
        """What `make` makes of this estate: made once, however often it is asked for, and so is its failure.

        `make` is the key: pass a function of a module, not a lambda.
        """
        return once(self._memo, make, self)

    def made_of(self, owner: KubeObject) -> list[KubeObject]:
        """What the operator makes of an object. Raises `CannotEvaluateError` when that cannot be said."""
        made = self._projections.get(owner, [])
        if isinstance(made, CannotEvaluateError):
            raise made.with_traceback(None)
        return made

    def operator_of(self, owner: KubeObject) -> Operator:
        """The operator that reconciles an object. Raises `CannotEvaluateError` when that cannot be said.

        What it makes of the object may still not be known, as with a version that nobody has looked at.
        """
        if owner not in self._operators:
            self.made_of(owner)
        return self._operators[owner]

    def pods_of(self, owner: KubeObject) -> tuple[PodSet, ...]:
        """The pods of one object, an operator's resource or a workload, by template: of a Cluster its instances first.

        Raises `CannotEvaluateError` when they cannot be said.
        """
        found = self._pods.get(owner, ())
        if isinstance(found, CannotEvaluateError):
            raise found.with_traceback(None)
        return found

    def pods_in(self, namespace: str) -> tuple[PodSet, ...]:
        """The pods of every workload of a namespace, declared and projected; those that cannot be read are not here."""
        return self._pods_by_namespace.get(namespace, ())

    def unreadable_in(self, namespace: str) -> tuple[tuple[KubeObject, CannotEvaluateError], ...]:
        """What becomes pods in a namespace, but cannot be read, with the reason."""
        return self._unreadable.get(namespace, ())

    def selected(self, selector: Selects, namespace: str) -> tuple[PodSet, ...]:
        """The pods of a namespace that a selector may match at some time."""
        index = self._label_indexes.get(namespace)
        if index is None:
            index = self._label_indexes[namespace] = LabelIndex(self.pods_in(namespace))
        return index.matching(selector)

    @cached_property
    def _pods(self) -> dict[KubeObject, tuple[PodSet, ...] | CannotEvaluateError]:
        found: dict[KubeObject, tuple[PodSet, ...] | CannotEvaluateError] = {}
        for thing in self.declared:
            kind = thing.group_kind
            if thing.unknown is not None:
                found[thing] = thing.unknown
                continue
            try:
                if kind in WORKLOADS:
                    found[thing] = tuple(pod_sets(thing))
                elif thing in self._projections:
                    found[thing] = tuple(operator_pods(thing, self.made_of(thing)))
            except CannotEvaluateError as problem:
                found[thing] = problem
        return found

    @cached_property
    def _pods_by_namespace(self) -> dict[str, tuple[PodSet, ...]]:
        by_namespace: dict[str, list[PodSet]] = defaultdict(list)
        for thing, pods in self._pods.items():
            if not isinstance(pods, CannotEvaluateError):
                by_namespace[thing.namespace] += pods
        return {namespace: tuple(pods) for namespace, pods in by_namespace.items()}

    @cached_property
    def _unreadable(self) -> dict[str, tuple[tuple[KubeObject, CannotEvaluateError], ...]]:
        by_namespace: dict[str, list[tuple[KubeObject, CannotEvaluateError]]] = defaultdict(list)
        for thing, problem in self._pods.items():
            if isinstance(problem, CannotEvaluateError):
                by_namespace[thing.namespace].append((thing, problem))
        return {namespace: tuple(found) for namespace, found in by_namespace.items()}

    @cached_property
    def _label_indexes(self) -> dict[str, LabelIndex]:
        return {}

    @cached_property
    def namespaces(self) -> dict[str, KubeObject]:
        """The declared namespaces by name."""
        return {thing.name: thing for thing in self.of(NAMESPACE) if thing.unknown is None}

    def namespace_labels(self, name: str) -> dict[str, str] | None:
        """The labels of a namespace, its name label included; None when the namespace is not declared here."""
        thing = self.namespaces.get(name)
        if thing is None:
            return None
        return {**thing.label_view().texts(), NAMESPACE_NAME: name}
