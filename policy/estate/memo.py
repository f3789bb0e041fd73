"""What is worked out once of a thing, however often it is asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from seawall.policy.estate.values import CannotEvaluateError

_Of = TypeVar("_Of")
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class _Failed:
    problem: CannotEvaluateError


_NOT_YET = object()


def once(known: dict[object, Any], make: Callable[[_Of], _Made], of: _Of) -> _Made:
    """What `make` makes of a thing, kept in `known`; so is its failure, which is raised again each time.

    `make` is the key: pass a function of a module, not a lambda.
    """
    found = known.get(make, _NOT_YET)
    if found is _NOT_YET:
        try:
            found = make(of)
        except CannotEvaluateError as problem:
            found = _Failed(problem)
        known[make] = found
    if type(found) is _Failed:
        raise found.problem.with_traceback(None)
    made: _Made = found
    return made
