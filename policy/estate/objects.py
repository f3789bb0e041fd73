"""What the estate consists of: objects and where each was read, operators, and notes about the reading."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from seawall.policy.estate.kinds import GroupKind
from seawall.policy.estate.memo import once
from seawall.policy.estate.values import UnknownValueError, View

UNPLACED = "(not known yet)"
"""Stands for the namespace of an object that another resource will name: it may be any."""

_Made = TypeVar("_Made")


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
    unseen: frozenset[str] = frozenset()
    """Top-level properties that the door does not ask for: `UNKNOWN`, and no update will make them known here."""
    hidden: frozenset[str] = field(default=frozenset(), repr=False)
    """Texts in the object that Pulumi keeps secret: judged, and never printed."""

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
    """The namespace, `default` when none is given; empty for what has none; `UNPLACED` when it is not known."""
    name: str
    manifest: Mapping[str, Any]
    """Plain values, some possibly `UNKNOWN`. Rules read it through `at`."""
    origin: Origin
    projected: bool = False
    unknown: UnknownValueError | None = None
    """Why its name or its namespace is not known, None when both are. `UNPLACED` is the namespace that is not."""

    group_kind: GroupKind = field(init=False, repr=False)
    """What the object is, whatever its API version."""
    _root: View = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Sets what every rule asks for."""
        object.__setattr__(self, "group_kind", (self.group, self.kind))
        object.__setattr__(self, "_root", View(self.manifest, (), self))

    @cached_property
    def _memo(self) -> dict[object, Any]:
        return {}

    @cached_property
    def title(self) -> str:
        """The object for a person: `Dragonfly dragonfly-system/cache`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    def at(self, *keys: str) -> View:
        """The value under these keys."""
        return self._root.at(*keys)

    def label_view(self) -> View:
        """The object's own labels."""
        return self.at("metadata", "labels")

    def owners(self) -> Iterator[tuple[str, str]]:
        """Kind (without group) and name of each object that this one belongs to, by `metadata.ownerReferences`."""
        metadata = self.manifest.get("metadata")
        references = metadata.get("ownerReferences") if isinstance(metadata, Mapping) else None
        for reference in references if isinstance(references, list) else ():
            if isinstance(reference, Mapping):
                yield str(reference.get("kind")), str(reference.get("name"))

    def belongs_to(self, owner: "KubeObject") -> bool:
        """Whether `metadata.ownerReferences` names this owner. Raises `CannotEvaluateError` where it may."""
        if (owner.kind, owner.name) in set(self.owners()):
            return True
        for reference in self.at("metadata", "ownerReferences").items():
            views = (reference.at("kind"), owner.kind), (reference.at("name"), owner.name)
            for view, _ in views if all(not view.known or view.text() == wanted for view, wanted in views) else ():
                view.present  # noqa: B018 (raises: it may be this owner)
        return False

    def memo(self, make: Callable[["KubeObject"], _Made]) -> _Made:
        """What `make` makes of this object alone: made once, and so is its failure.

        `make` is the key: pass a function of a module, not a lambda.
        """
        return once(self._memo, make, self)

    def annotation(self, key: str) -> str | None:
        """The text of an annotation, None when it is absent."""
        return self.at("metadata", "annotations", key).text()


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
    image: str | None = None
    """Its own image, when its Deployment was seen."""
