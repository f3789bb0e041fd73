"""Objects as an API server gives them, read without trust: whatever a field holds, an answer or None comes of it."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from seawall.policy.estate.values import CannotEvaluateError, View
from seawall.policy.reachability import selectors
from seawall.policy.reachability.selectors import Selector

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,252}", re.ASCII)


@dataclass(frozen=True, eq=False)
class Thing:
    """One object. Compared by identity."""

    raw: Mapping[str, Any] = field(repr=False)

    def at(self, *keys: str) -> Any:
        """The value under these keys, None where there is none."""
        return dig(self.raw, *keys)

    def text(self, *keys: str) -> str:
        """The text there, empty where there is none."""
        found = self.at(*keys)
        return found if isinstance(found, str) else ""

    def number(self, *keys: str) -> int | None:
        """The whole number there."""
        return whole(self.at(*keys))

    def items(self, *keys: str) -> list[Mapping[str, Any]]:
        """The mappings of the list there."""
        return mappings(self.at(*keys))

    def texts(self, *keys: str) -> dict[str, str]:
        """The mapping there, its texts."""
        return texts(self.at(*keys))

    def moment(self, *keys: str) -> datetime | None:
        """The moment there, which may be RFC 3339 text."""
        return moment(self.at(*keys))

    @cached_property
    def name(self) -> str:
        """`metadata.name`."""
        return name_of(self.at("metadata", "name"))

    @cached_property
    def namespace(self) -> str:
        """`metadata.namespace`, empty for what has none."""
        return name_of(self.at("metadata", "namespace"))

    @cached_property
    def full_name(self) -> str:
        """`namespace/name`, or the name of what has no namespace."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @cached_property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return self.texts("metadata", "labels")

    @cached_property
    def annotations(self) -> dict[str, str]:
        """Its annotations."""
        return self.texts("metadata", "annotations")

    @cached_property
    def created(self) -> datetime | None:
        """When it was created."""
        return self.moment("metadata", "creationTimestamp")

    @property
    def going(self) -> bool:
        """Whether it is being deleted."""
        return self.at("metadata", "deletionTimestamp") is not None

    @cached_property
    def controller(self) -> tuple[str, str]:
        """Kind and name of the owner that looks after it; both empty where there is none."""
        for owner in self.items("metadata", "ownerReferences"):
            if owner.get("controller") is True:
                return str(owner.get("kind", "")), str(owner.get("name", ""))
        return "", ""

    @cached_property
    def conditions(self) -> dict[str, Mapping[str, Any]]:
        """`status.conditions` by type."""
        return {str(it.get("type")): it for it in self.items("status", "conditions")}

    def condition(self, kind: str) -> str:
        """The status of a condition: `True`, `False`, `Unknown`, or empty where it is not there."""
        found = self.conditions.get(kind, {}).get("status")
        return found if isinstance(found, str) else ""

    def selector(self, *keys: str) -> Selector | None:
        """The label selector there; None where there is none, or none that can be read."""
        if not isinstance(self.at(*keys), Mapping):
            return None
        try:
            return selectors.read(View(self.at(*keys), keys))
        except CannotEvaluateError:
            return None


def dig(value: Any, *keys: str) -> Any:
    """The value under these keys of nested mappings, None where there is none."""
    for key in keys:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def name_of(value: Any) -> str:
    """A name as Kubernetes gives them, empty for anything else: names go into commands that a person copies."""
    return value if isinstance(value, str) and _NAME.fullmatch(value) else ""


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """The mappings of a list."""
    return [it for it in value if isinstance(it, Mapping)] if isinstance(value, list) else []


def texts(value: Any) -> dict[str, str]:
    """The entries of a mapping whose values are texts."""
    given = value.items() if isinstance(value, Mapping) else ()
    return {str(key): it for key, it in given if isinstance(it, str)}


def whole(value: Any) -> int | None:
    """A whole number, also as text or as a float; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value.is_integer() else None
    try:
        return int(value)
    except ValueError:  # no number, or one of thousands of digits
        return None


def seconds(value: Any) -> float | None:
    """A length of time in seconds, 0 or more; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    return float(value)


def moment(value: Any) -> datetime | None:
    """An RFC 3339 time with a zone; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.astimezone(UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def span(length: timedelta | float) -> str:
    """A length of time for a person, two units at most: `3 d 4 h`, `25 min`, `40 s`."""
    total = int(length.total_seconds() if isinstance(length, timedelta) else length)
    days, rest = divmod(max(total, 0), 86400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h" if hours and days < 10 else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes and hours < 10 else f"{hours} h"
    if minutes:
        return f"{minutes} min {left} s" if left and minutes < 10 else f"{minutes} min"
    return f"{left} s"


def clock(when: datetime) -> str:
    """A moment for a person: `2026-03-01 04:00 UTC`."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
