"""Our decisions about network policies are those of independent programs, cell by cell, on generated policy sets.

`make test-oracles` does the same with 2,000 sets each and writes docs/oracles.md.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from rich.console import Console
from runs import RUNS, Run

SETS = 100


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_our_decision_is_the_oracles(run: Run, available: Callable[[], AbstractContextManager[Console]]) -> None:
    with available() as console:
        tally = run.hold(SETS, console)
    assert tally.sets >= SETS
    assert tally.mismatches == 0
    assert 0.3 < tally.open / tally.cells < 0.7, "the sets say little when nearly all is open, or closed"
    assert tally.partly > tally.sides / 4, "the sets say little when sides are all open or all closed"
    assert tally.undecided < tally.cells / 50, "what is left undecided is not compared"
    assert sum(tally.explained.values()) < tally.cells / 10, "an oracle that is excused that often is none"
