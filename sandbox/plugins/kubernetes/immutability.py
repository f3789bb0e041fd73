"""Reads in a refused update whether the object must be replaced. Nothing else ever leads to a replacement."""

import re

from seawall.sandbox.plugins.difference import Change, related
from seawall.sandbox.plugins.kubernetes.client import ApiError
from seawall.sandbox.plugins.properties import Path, parse

# How the API server's own validation, CEL transition rules of CRDs and admission webhooks say it.
_IMMUTABLE = re.compile(
    r"immutable|may not (?:be )?change|(?:cannot|can't|must not|can not) (?:be )?(?:change|modif|update)"
    r"|updates? (?:to|of) .* forbidden|forbidden: updates? to|is not allowed to (?:be )?change",
    re.IGNORECASE,
)


def immutable_fields(error: ApiError) -> list[Path] | None:
    """The fields that cannot be changed, when that is all that the server refuses; `None` when it is not.

    An empty path stands for the whole object.
    """
    if error.status not in (403, 422):
        return None
    if not error.causes:
        return [()] if _IMMUTABLE.search(error.message) else None
    if not all(_IMMUTABLE.search(cause.message) for cause in error.causes):
        return None
    return [() if cause.field in ("", "<nil>") else parse(cause.field) for cause in error.causes]


def fixed_fields(kind: str, changes: list[Change]) -> list[Path]:
    """The changed fields that are immutable although the server's refusal speaks of others.

    A Service that turns from headless to a fixed address is refused for its IP families.
    """
    return [change.path for change in changes if kind == "Service" and change.path == ("spec", "clusterIP")]


def replacing(changes: list[Change], fields: list[Path]) -> list[Change]:
    """`changes` with those that touch an immutable field as replacements; a field that none touches is added."""
    result = [
        Change(change.path, change.kind, replace=any(related(change.path, field) for field in fields))
        for change in changes
    ]
    untouched = [f for f in fields if f and not any(related(c.path, f) for c in changes)]
    result += [Change(field, "update", replace=True) for field in untouched]
    if not any(change.replace for change in result):
        result.append(Change(("metadata", "name"), "update", replace=True))
    return result
