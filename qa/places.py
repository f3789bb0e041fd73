"""Paths into settings and manifests, as the register writes them.

`spec.pdb.minAvailable` names keys; `[0]` an element; `[*]` every element or value; `[alert=DragonflyDown]` the elements
whose `alert` is that; `[seawall.dev/clients]` a key with dots in it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from seawall.components.problems import RefusedError

EVERY = "*"
_PART = re.compile(r"\.?(?P<key>[^.\[\]]+)|\[(?P<inner>[^\[\]]+)\]")


def parts(path: str) -> list[str]:
    """The steps of a path. Raises `RefusedError` when it is none."""
    found = list(_PART.finditer(path))
    if not found or "".join(match[0] for match in found) != path or path.startswith("."):
        raise RefusedError("must be a path like spec.groups[0].rules[alert=DragonflyDown].expr")
    return [match["key"] or match["inner"] for match in found]


def find(value: Any, path: str) -> list[Any]:
    """Every value at a path, in order; empty when there is none. Reads mappings, lists and settings."""
    found = [value]
    for part in parts(path):
        found = [item for holder in found for item in _step(holder, part)]
    return found


def _step(value: Any, part: str) -> Iterator[Any]:
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        if part == EVERY:
            yield from value.values()
        elif part in value:
            yield value[part]
    elif isinstance(value, list | tuple):
        key, equals, wanted = part.partition("=")
        if part == EVERY:
            yield from value
        elif equals:
            yield from (item for item in value if isinstance(item, Mapping) and str(item.get(key)) == wanted)
        elif part.isdecimal() and int(part) < len(value):
            yield value[int(part)]


def holds(actual: Any, wanted: Any) -> bool:
    """Whether a value contains another: a text a part of it, a mapping these keys, a list such an element (or, given a
    list, such an element for each of them)."""
    if isinstance(wanted, Mapping):
        return (
            isinstance(actual, Mapping)
            and all(key in actual and _matches(actual[key], item) for key, item in wanted.items())
        ) or (isinstance(actual, list) and any(holds(item, wanted) for item in actual))
    if isinstance(actual, list):
        each = wanted if isinstance(wanted, list) else [wanted]
        return all(any(_matches(item, part) for item in actual) for part in each)
    return isinstance(actual, str) and isinstance(wanted, str) and wanted in actual


def _matches(actual: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping | list):
        return holds(actual, wanted)
    return bool(actual == wanted)
