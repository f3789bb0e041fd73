"""The difference of two property trees, as the engine wants it: one entry per changed path."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from seawall.sandbox.plugins.properties import UNKNOWN, Path, render

Kind = Literal["add", "delete", "update"]


@dataclass(frozen=True)
class Change:
    """One changed path. `replace` says that this change cannot be made to the existing object."""

    path: Path
    kind: Kind
    replace: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {render(self.path)}"


@dataclass(frozen=True)
class Difference:
    """What `Diff` answers: the changes (none: nothing to do) and whether a replacement deletes the old object first."""

    changes: list[Change] = field(default_factory=list)
    delete_before_replace: bool = False


def compare(old: object, new: object, path: Path = ()) -> list[Change]:
    """The changes from `old` to `new`. Lists are compared by index; an unknown counts as a change."""
    if isinstance(old, dict) and isinstance(new, dict):
        changes: list[Change] = []
        for key in [*old, *(k for k in new if k not in old)]:
            if key not in new:
                changes.append(Change((*path, key), "delete"))
            elif key not in old:
                changes.append(Change((*path, key), "add"))
            else:
                changes += compare(old[key], new[key], (*path, key))
        return changes
    if isinstance(old, list) and isinstance(new, list):
        changes = []
        for i in range(max(len(old), len(new))):
            if i >= len(new):
                changes.append(Change((*path, i), "delete"))
            elif i >= len(old):
                changes.append(Change((*path, i), "add"))
            else:
                changes += compare(old[i], new[i], (*path, i))
        return changes
    if new is UNKNOWN or not same(old, new):
        return [Change(path, "update")]
    return []


def same(old: object, new: object) -> bool:
    """Whether two values are equal, with `True` and `1` kept apart."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(same(old[k], new[k]) for k in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(same(a, b) for a, b in zip(old, new, strict=True))
    return isinstance(old, bool) == isinstance(new, bool) and old == new


def within(path: Path, roots: Iterable[Path]) -> bool:
    """Whether `path` is one of `roots` or under one of them."""
    return any(path[: len(root)] == root for root in roots)


def related(path: Path, other: Path) -> bool:
    """Whether one of the two paths is the other or holds it."""
    shorter = min(len(path), len(other))
    return path[:shorter] == other[:shorter]
