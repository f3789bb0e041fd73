"""Few and cheap ways to draw: a case takes hundreds of draws, and every new strategy object costs more than its draw.

Everything shrinks towards the first option and the smallest number.
"""

from collections.abc import Sequence
from functools import cache
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

T = TypeVar("T")


def count(draw: DrawFn, least: int, most: int) -> int:
    """A number in this range, its ends included."""
    return draw(_between(least, most))


def pick(draw: DrawFn, options: Sequence[T]) -> T:
    """One of the options."""
    return options[draw(_between(0, len(options) - 1))]


def chance(draw: DrawFn, times: int, of: int) -> bool:
    """True so many times of so many; shrinks to False."""
    return draw(_between(0, of - 1)) >= of - times


def some(draw: DrawFn, options: Sequence[T], least: int, most: int) -> list[T]:
    """Some of the options, each at most once."""
    left = list(options)
    wanted = count(draw, min(least, len(left)), min(most, len(left)))
    return [left.pop(draw(_between(0, len(left) - 1))) for _ in range(wanted)]


@cache
def _between(least: int, most: int) -> SearchStrategy[int]:
    return st.integers(least, most)
