"""What no text of the report may hold: secrets, and signs that change how other signs are read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar, cast

from seawall.policy.report.text import plain
from seawall.qa.evidence import wall

_Content = TypeVar("_Content")


def walled(content: _Content, secrets: Sequence[str]) -> _Content:
    """The same content with everything secret blotted out of every text, and with control signs written out.

    `secrets` are known ones; whatever has the form of a secret is blotted as well.
    """
    written = tuple(dict.fromkeys(_texts(content)))
    cleaned = wall.clean(written, secrets)
    known = {text: "\n".join(map(plain, made.split("\n"))) for text, made in zip(written, cleaned, strict=True)}
    return cast(_Content, _mapped(content, known))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if not isinstance(value, Enum):
            yield value
    elif isinstance(value, tuple):
        if not (value and type(value[0]) is int):
            for item in value:
                yield from _texts(item)
    elif isinstance(value, Mapping):
        yield from value
        yield from _texts(tuple(value.values()))
    elif is_dataclass(value):
        for field in fields(value):
            yield from _texts(getattr(value, field.name))


def _mapped(value: Any, known: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return value if isinstance(value, Enum) else known[value]
    if isinstance(value, tuple):
        return value if value and type(value[0]) is int else tuple(_mapped(item, known) for item in value)
    if isinstance(value, Mapping):
        return {known[key]: _mapped(item, known) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        named = ((field.name, getattr(value, field.name)) for field in fields(value))
        changed = {name: made for name, old in named if (made := _mapped(old, known)) != old}
        return replace(value, **changed) if changed else value
    return value
