"""The names of the fields that a kind of resource has, as small tables, and what was probably meant by another name.

A plain create drops a field that the schema does not declare, without an error; server-side apply refuses the object.
Either way the protection that the field was to be is not there.

A table is a text of field names. What follows a name says what is below it:

- nothing: a value, or a list of values
- `name(a b)`: a mapping with the fields `a` and `b`, or a list of such mappings
- `name:Type`: the same, of a type that has a name
- `name{Type}`: a mapping with any keys, each of that type
- `name*`: whatever the user likes (labels, parameters)
- `+Type`: the fields of that type as well
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

_TOKEN = re.compile(r"\s*(?:([A-Za-z0-9_]+)|([(){}:*+]))")
_MOST_NEAR = 2


@dataclass(frozen=True, eq=False)
class Fields:
    """The fields below one place of a resource."""

    inside: Mapping[str, "Fields"] = field(default_factory=dict)
    """By name; empty for a plain value."""
    each: "Fields | None" = None
    """For a mapping with any keys: what each of its values is."""
    free: bool = False
    """Anything goes below."""

    @property
    def closed(self) -> bool:
        """Whether the names below are known."""
        return bool(self.inside) or self.each is not None

    def child(self, name: str) -> "Fields | None":
        """What a field is, None when there is none of that name."""
        return self.each if self.each is not None else self.inside.get(name)

    @cached_property
    def places(self) -> Mapping[str, tuple[str, ...]]:
        """Last name → the dotted paths that end in it, at most four deep: further down names mean too many things."""
        found: dict[str, list[str]] = {}
        for path in self._paths((), depth=4):
            found.setdefault(path[-1], []).append(".".join(path))
        return {name: tuple(paths) for name, paths in found.items()}

    def _paths(self, above: tuple[str, ...], depth: int) -> Iterator[tuple[str, ...]]:
        if depth:
            for name, below in self.inside.items():
                yield (*above, name)
                yield from below._paths((*above, name), depth - 1)


class Types:
    """Types by name, each written as a text; texts may name each other, and those of the types that they extend."""

    def __init__(self, texts: Mapping[str, str], *, extends: "Types | None" = None) -> None:
        """`texts` are in the notation of this module. A text is read when it is first asked for."""
        self._texts: dict[str, str] = {**(extends._texts if extends is not None else {}), **texts}
        self._read: dict[str, Fields] = {}

    def __getitem__(self, name: str) -> Fields:
        if name not in self._read:
            self._read[name] = self.parse(self._texts[name])
        return self._read[name]

    def parse(self, text: str) -> Fields:
        """The fields that a text lists. Raises `ValueError` when it is not in the notation."""
        tokens = [match[1] or match[2] for match in _TOKEN.finditer(text)]
        if "".join(tokens) != re.sub(r"\s", "", text):
            raise ValueError("not a table of fields")
        made, rest = self._fields(tokens, 0)
        if rest != len(tokens):
            raise ValueError("an unopened bracket in a table of fields")
        return made

    def _fields(self, tokens: list[str], at: int) -> tuple[Fields, int]:
        inside: dict[str, Fields] = {}
        while at < len(tokens) and tokens[at] != ")":
            name, after = tokens[at], tokens[at + 1 : at + 2]
            if name == "+":
                inside.update(self[tokens[at + 1]].inside)
                at += 2
                continue
            if not name.isidentifier() or name in inside:
                raise ValueError(f"{name!r} where a new field was expected")
            if after == ["*"]:
                inside[name], at = Fields(free=True), at + 2
            elif after == [":"]:
                inside[name], at = self[tokens[at + 2]], at + 3
            elif after == ["{"]:
                inside[name], at = Fields(each=self[tokens[at + 2]]), at + 4
            elif after == ["("]:
                inside[name], at = self._fields(tokens, at + 2)
                if at == len(tokens):
                    raise ValueError("an unclosed bracket in a table of fields")
                at += 1
            else:
                inside[name], at = Fields(), at + 1
        return Fields(inside), at


@dataclass(frozen=True)
class KindFields:
    """The fields of one kind, as one version of its operator's CRD has them."""

    version: str
    """The version of the operator or plugin whose CRD this is."""
    spec: Fields
    meant: Mapping[str, str] = field(default_factory=dict)
    """Dotted path of a field that people write and that does not exist (`*.name`: anywhere) → what to do instead."""
    deprecated: Mapping[str, str] = field(default_factory=dict)
    """Dotted path (list places left out) of a field that still exists → what to write instead."""

    def instead(self, path: tuple[str, ...], siblings: Fields) -> str:
        """What to do about an unknown field; `path` leads to it from `spec`, list places left out."""
        told = self.meant.get(".".join(path)) or self.meant.get(f"*.{path[-1]}")
        if told:
            return told
        near = difflib.get_close_matches(path[-1], siblings.inside, n=1, cutoff=0.75)
        elsewhere = [place for place in self.spec.places.get(path[-1], ()) if place != ".".join(path)]
        found = [*(".".join((*path[:-1], name)) for name in near), *elsewhere[:_MOST_NEAR]]
        if not found:
            found = [
                ".".join((*path[:-1], name))
                for name in difflib.get_close_matches(path[-1], siblings.inside, n=1, cutoff=0.6)
            ]
        if found:
            return f"Did you mean {' or '.join(f'spec.{place}' for place in found)}? Otherwise remove it."
        return "Remove it: nothing reads it."
