"""Which properties a resource type takes, and what is wrong with a program's. Pure functions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from seawall.sandbox.plugins.errors import Refusal
from seawall.sandbox.plugins.properties import UNKNOWN, Path, render


@dataclass(frozen=True)
class Choice:
    """One of some texts."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Between:
    """A whole number within bounds, both included."""

    least: int
    most: int


@dataclass(frozen=True)
class Document:
    """A policy document: JSON text, compared by meaning."""


@dataclass(frozen=True)
class Tags:
    """A map of texts."""


Schema = type[str] | type[bool] | type[int] | Choice | Between | Document | Tags | list["Schema"] | dict[str, "Schema"]
"""A property's shape: a plain type, one of the classes above, a list of one shape, or an object."""

_NAMES: Final = {str: "a text", bool: "true or false", int: "a whole number"}


def problems(values: Mapping[str, object], schema: Mapping[str, Schema]) -> list[Refusal]:
    """What is wrong with the inputs `values` of a resource: unknown properties, wrong types, values out of range."""
    return [Refusal(render(path), reason) for path, reason in _object(values, schema, ())]


def _object(values: Mapping[str, object], schema: Mapping[str, Schema], path: Path) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = []
    for name, value in values.items():
        here = (*path, name)
        if name not in schema:
            known = ", ".join(sorted(schema))
            found.append((here, f"{render(here)} is not implemented by the aws stand-in, which takes: {known}"))
        elif value is not None and value is not UNKNOWN:
            found += _value(value, schema[name], here)
    return found


def _value(value: object, schema: Schema, path: Path) -> list[tuple[Path, str]]:
    wrong = ""
    if isinstance(schema, dict):
        if isinstance(value, dict):
            return _object(value, schema, path)
        wrong = "an object"
    elif isinstance(schema, list):
        if isinstance(value, list):
            return [p for i, v in enumerate(value) if v is not UNKNOWN for p in _value(v, schema[0], (*path, i))]
        wrong = "a list"
    elif isinstance(schema, Choice):
        wrong = "" if value in schema.values else f"one of {', '.join(schema.values)}"
    elif isinstance(schema, Between):
        good = isinstance(value, int) and not isinstance(value, bool) and schema.least <= value <= schema.most
        wrong = "" if good else f"a whole number from {schema.least} to {schema.most}"
    elif isinstance(schema, Document):
        wrong = "" if isinstance(value, str) and parsed(value) is not None else "a policy document as JSON text"
    elif isinstance(schema, Tags):
        good = isinstance(value, dict) and all(isinstance(v, str) or v is UNKNOWN for v in value.values())
        wrong = "" if good else "a map of texts"
    elif not isinstance(value, schema) or (schema is int and isinstance(value, bool)):
        wrong = _NAMES[schema]
    return [(path, f"{render(path)} is {json.dumps(value, default=repr)}, but must be {wrong}")] if wrong else []


def parsed(document: str) -> object:
    """The meaning of a policy document; `None` when it is not a JSON object."""
    try:
        value = json.loads(document)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def equivalent(schema: Schema, old: object, new: object) -> bool:
    """Whether two values of a property mean the same."""
    if isinstance(schema, Document) and isinstance(old, str) and isinstance(new, str):
        return parsed(old) == parsed(new) and parsed(old) is not None
    return old == new
