"""What to do about errors of the engine that a person meets: sentences that go after the errors themselves."""

from collections.abc import Iterable, Iterator, Mapping

_CANCELLED = "context canceled"
"""How the error of a resource ends that was given up because another had failed."""
_PROTECTED = "because it is protected"
_TAKEN = "exists already and was not made by this stack"


def causes(errors: Iterable[str]) -> list[str]:
    """The errors without those that only follow from another."""
    found = list(errors)
    return [error for error in found if not error.endswith(_CANCELLED)] or found


def advice(errors: Iterable[str], others: Mapping[str, int]) -> Iterator[str]:
    """What to do, a sentence each; `others` are the other stacks of the sandbox → how many resources each has in it."""
    found = list(errors)
    if any(_PROTECTED in error for error in found):
        yield "docs/runbooks/unprotect.md says how protection is given up, and what stays then"
    there = [f"{stack} ({count} resources)" for stack, count in others.items() if count]
    if there and any(_TAKEN in error for error in found):
        yield (
            f"this sandbox also holds stack {', '.join(there)}, and two clusters of one mesh have namespaces of the "
            "same names: `make down` before, or a SEAWALL_STATE for each"
        )
