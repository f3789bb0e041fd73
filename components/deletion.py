"""Giving deletion protection up is a weakening, so that it is never said without its reason."""

from collections.abc import Iterator

from pydantic import Field

from seawall.components.base import Problem
from seawall.components.fields import Text

UnprotectedReason = Text | None


def unprotected_reason() -> UnprotectedReason:
    """The field beside `deletion_protection`."""
    reason: UnprotectedReason = Field(
        default=None, description="Needed for, and only for, taking the protection away: why nobody will miss the data"
    )
    return reason


def unprotected_problems(*, unprotected: bool, reason: UnprotectedReason) -> Iterator[Problem]:
    """`unprotected` is whether a protection that is on by default was taken away."""
    if unprotected and reason is None:
        yield Problem(
            ("deletion_protection",),
            "must be true; where the data may go with the stack, say why nobody will miss it in `unprotected_reason`",
            False,
        )
    if not unprotected and reason is not None:
        yield Problem(
            ("unprotected_reason",), "is read only where `deletion_protection: false` takes a protection away"
        )
