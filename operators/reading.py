"""Reading the few fields of a resource on which a projection depends, without trusting their types.

A resource may come from anybody's YAML, or from a preview in which a value is not known yet. Values that are only
copied are not looked at; those that decide something are read here, and one that cannot be used ends the projection.
"""

from collections.abc import Mapping, Sequence
from typing import Any

LARGEST = 2**63 - 1
"""The largest whole number that Kubernetes holds."""


class UnprojectableError(Exception):
    """A field on which a projection depends is not what it must be (wrong type, or not known yet)."""

    def __init__(self, path: tuple[str, ...], expected: str, resource: Mapping[str, Any] | None = None) -> None:
        """`path` leads from the resource's root to the field; `expected` says what it must be.

        `resource` is the one that has the field, when several decide a projection; None for the one that is projected.
        """
        super().__init__(f"{'.'.join(path)} is not {expected}")
        self.path = path
        self.expected = expected
        self.resource = resource


def _walk(resource: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = resource
    for depth, key in enumerate(path):
        if type(value) is not dict:  # far faster than to ask for a Mapping, and nearly all are plain
            if value is None:
                return None
            if not isinstance(value, Mapping):
                raise UnprojectableError(path[:depth], "a mapping", resource)
        value = value.get(key)
    return value


def mapping(resource: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The mapping at a path; an empty one when it is absent."""
    value = _walk(resource, path)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UnprojectableError(path, "a mapping", resource)
    return value


def sequence(resource: Mapping[str, Any], *path: str) -> list[Any]:
    """The list at a path; an empty one when it is absent."""
    value = _walk(resource, path)
    if value is None:
        return []
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise UnprojectableError(path, "a list", resource)
    return list(value)


def text(resource: Mapping[str, Any], *path: str) -> str | None:
    """The text at a path, None when it is absent."""
    value = _walk(resource, path)
    if value is not None and not isinstance(value, str):
        raise UnprojectableError(path, "a text", resource)
    return value


def integer(resource: Mapping[str, Any], *path: str, default: int) -> int:
    """The whole number at a path, or the default when it is absent."""
    value = _walk(resource, path)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST:
        raise UnprojectableError(path, "a whole number (of at most 64 bits)", resource)
    return value


def boolean(resource: Mapping[str, Any], *path: str, default: bool) -> bool:
    """The boolean at a path, or the default when it is absent."""
    value = _walk(resource, path)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise UnprojectableError(path, "true or false", resource)
    return value


def name(resource: Mapping[str, Any]) -> str:
    """The resource's name, which every projection needs."""
    value = text(resource, "metadata", "name")
    if not value:
        raise UnprojectableError(("metadata", "name"), "a name", resource)
    return value


def joined(own: list[Any], given: Any) -> Any:
    """An operator's entries of a list, then the user's; what is no list is passed on, so that readers meet it."""
    if given is None:
        return own
    return [*own, *given] if isinstance(given, list) else given
