"""A real object beside its projection: every field is compared but what a table leaves out, with a reason.

So a field that nobody compares is visible: it is in the table, or it fails. An entry that matches nothing fails too.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from seawall.policy.estate.values import UNKNOWN

Manifest = dict[str, Any]
Key = tuple[str, str]
"""Kind and name."""


@dataclass(frozen=True)
class Field:
    """A field with everything below it; `*` in `kind` and in `path` stands for anything."""

    kind: str
    path: str
    reason: str

    def covers(self, kind: str, path: str) -> bool:
        """Whether the field of this kind is left out."""
        return _like(self.kind, kind) and _like(self.path, path)


@dataclass(frozen=True)
class Object:
    """Objects of a kind; `*` in `name` stands for anything."""

    kind: str
    name: str
    reason: str

    def matches(self, key: Key) -> bool:
        """Whether the object, by kind and name, is meant."""
        return _like(self.kind, key[0]) and _like(self.name, key[1])


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text) is not None


@dataclass
class Comparison:
    """The differences so far, and which entries of the tables were needed."""

    not_compared: tuple[Field, ...]
    """Fields that are not compared."""
    not_projected: tuple[Object, ...] = ()
    """Objects that are made, and not projected."""
    not_made: tuple[Object, ...] = ()
    """Objects that are projected, and that nobody could see being made."""
    differences: list[str] = field(default_factory=list)
    compared: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Kind → the paths of fields that were compared."""
    _used: set[Field | Object] = field(default_factory=set)

    def objects(self, where: str, real: Mapping[Key, Manifest], projected: Mapping[Key, Manifest]) -> None:
        """Compares all objects of one case."""
        for key in sorted(projected.keys() | real.keys()):
            here = f"{where}: {key[0]} {key[1]}"
            if key not in real:
                self._excuse(self.not_made, key, f"{here} is projected and not made")
            elif key not in projected:
                self._excuse(self.not_projected, key, f"{here} is made and not projected")
            else:
                self._walk(key[0], "", real[key], projected[key], here)

    def unused(self) -> list[Field | Object]:
        """The entries of the tables that nothing needed."""
        tables: Iterable[Field | Object] = (*self.not_compared, *self.not_projected, *self.not_made)
        return [entry for entry in tables if entry not in self._used]

    def _excuse(self, table: Iterable[Object], key: Key, problem: str) -> None:
        excuses = [entry for entry in table if entry.matches(key)]
        self._used.update(excuses)
        if not excuses:
            self.differences.append(problem)

    def _walk(self, kind: str, path: str, real: Any, projected: Any, here: str) -> None:
        excuses = [entry for entry in self.not_compared if entry.covers(kind, path)]
        if excuses:
            self._used.update(excuses)
            return
        left, right = real or {}, projected or {}
        if (isinstance(real, Mapping) or isinstance(projected, Mapping)) and (
            isinstance(left, Mapping) and isinstance(right, Mapping)
        ):
            for name in sorted(left.keys() | right.keys()):
                inside = f"{path}.{name}" if path else name
                self._walk(kind, inside, left.get(name), right.get(name), here)
            return
        if isinstance(real, list) and isinstance(projected, list) and len(real) == len(projected):
            for one, other in zip(real, projected, strict=True):
                self._walk(kind, f"{path}[]", one, other, here)
            return
        self.compared[kind].add(path)
        if projected is UNKNOWN:
            return  # another object decides it
        absent = (None, {}, [], "")
        if real != projected and not (real in absent and projected in absent):
            self.differences.append(f"{here}: {path}: real {real!r}, projected {projected!r}")


def pruned(manifest: Manifest, not_compared: Iterable[Field]) -> Manifest:
    """An object without what is not compared."""
    kind = manifest["kind"]

    def keep(value: Any, path: str) -> Any:
        if isinstance(value, Mapping):
            kept = {}
            for name, content in value.items():
                inside = f"{path}.{name}" if path else name
                if not any(entry.covers(kind, inside) for entry in not_compared):
                    kept[name] = keep(content, inside)
            return kept
        if isinstance(value, list):
            return [keep(content, f"{path}[]") for content in value]
        return value

    made: Manifest = keep(manifest, "")
    return made
