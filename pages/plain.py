"""The types of settings in plain words: what a person may write there."""

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import ModuleType, NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import AfterValidator
from pydantic.fields import FieldInfo

from seawall.components import fields
from seawall.components.base import Settings
from seawall.components.problems import RefusedError
from seawall.pages import sources
from seawall.pages.markdown import anchor, code

_LARGEST = 2**53
"""A bound that only says what the engine can hand on; not worth showing."""
_PROBES = ("\x00 ", "a" * 500)
"""What hardly any text field takes: the refusal says what is allowed."""
_BARE: Mapping[object, str] = {str: "text", int: "a whole number", float: "a number", bool: "`true` or `false`"}


def words(annotation: Any) -> str:
    """The type in words; a model of ours is a link to its heading on the same page."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _annotated(annotation)
    if origin in (Union, UnionType):
        return " or ".join(words(part) for part in get_args(annotation) if part is not NoneType)
    if origin is Literal:
        return " or ".join(code(value) for value in get_args(annotation))
    if origin is tuple or origin is list or origin is frozenset:
        return f"list of: {words(get_args(annotation)[0])}"
    if origin is dict:
        key, value = get_args(annotation)
        return f"mapping: {words(key)} → {words(value)}"
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return f"[{annotation.__name__}](#{anchor(annotation.__name__)})"
    return _BARE.get(annotation, code(getattr(annotation, "__name__", annotation)))


def _annotated(annotation: Any) -> str:
    base, *metadata = get_args(annotation)
    bounds = _bounds(metadata)
    if base is int:
        return _joined(_BARE[int], bounds)
    known, rest = _alias(base, metadata)
    if known:
        return _joined(known, *_refusals(rest), bounds if rest else "")
    if get_origin(base) is not None or (isinstance(base, type) and issubclass(base, Settings)):
        return _joined(words(base), bounds)
    return _joined(*(_refusals(metadata) or [words(base)]), bounds)


def _joined(*parts: str) -> str:
    text = ", ".join(part.rstrip(".") for part in parts if part)
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _alias(base: Any, metadata: list[Any]) -> tuple[str, list[Any]]:
    """The described alias that an annotation starts with: its text, and what follows after it.

    Python flattens an alias inside another one, so the longest one whose parts come first is meant.
    """
    best, length = "", 0
    for text, alias in _aliases():
        parts = list(alias.__metadata__)
        same = len(parts) <= len(metadata) and all(mine is its for mine, its in zip(metadata, parts, strict=False))
        if alias.__origin__ == base and same and len(parts) > length:
            best, length = text.partition("\n\n")[0], len(parts)
    return best, metadata[length:]


@cache
def _aliases() -> tuple[tuple[str, Any], ...]:
    return tuple(found for module in [fields, *_settings_modules()] for found in _described(module))


def _settings_modules() -> Iterator[ModuleType]:
    """The modules that settings come from, in order of their names; those of this project that are imported."""
    models = {model.__module__ for model in _models(Settings)}
    return (sys.modules[name] for name in sorted(models) if name.startswith("seawall."))


def _models(base: type[Settings]) -> Iterator[type[Settings]]:
    for model in base.__subclasses__():
        yield model
        yield from _models(model)


def _described(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name, text in sources.texts(module).items():
        alias = getattr(module, name, None)
        if get_origin(alias) is Annotated:
            yield text, alias


def _refusals(metadata: list[Any]) -> list[str]:
    """What the checks of a text allow, in the words with which they refuse something else."""
    found = []
    for check in metadata:
        function = getattr(check, "func", None)
        if isinstance(check, AfterValidator) and function is not None:
            found.append(next((text for probe in _PROBES if (text := _refusal(function, probe))), ""))
    return [text for text in found if text]


def _refusal(check: Callable[[str], object], probe: str) -> str:
    try:
        check(probe)
    except RefusedError as error:
        return str(error).removeprefix("must be ").partition(": ")[0] if str(error).startswith("must ") else ""
    except Exception:  # a later check may rely on what an earlier one has let through
        return ""
    return ""


def _bounds(metadata: list[Any]) -> str:
    """The narrowest bounds among an annotation's parts: `1 to 50`, `at least 2`."""
    parts = [part for item in metadata for part in (item.metadata if isinstance(item, FieldInfo) else [item])]
    least = max((part.ge for part in parts if isinstance(part, annotated_types.Ge)), default=None, key=_number)
    most = min((part.le for part in parts if isinstance(part, annotated_types.Le)), default=None, key=_number)
    count = max((part.min_length for part in parts if isinstance(part, annotated_types.MinLen)), default=0)
    longest = most if most is not None and _number(most) < _LARGEST else None
    if least is not None and longest is not None:
        return f"{least} to {longest}"
    if longest is not None:
        return f"at most {longest}"
    if least is not None:
        return f"at least {least}"
    return f"at least {count}" if count else ""


def _number(bound: Any) -> float:
    return float(bound)
