"""Junk through every door: a finding, no verdict with a reason, or a clear error; never an exception or a defect.

`make test-junk` does the same with 10,000 examples and writes docs/junk.md.
"""

import pytest
from junk_doors import RUNS, Run

EXAMPLES = 50


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_junk_is_judged_or_refused(run: Run) -> None:
    tally = run.hold(EXAMPLES)
    assert tally.examples >= EXAMPLES
    assert tally.outcomes["a finding"] > EXAMPLES / 4, "junk that nothing is found in does not get far"
    assert tally.outcomes["no verdict, with the reason"] > EXAMPLES / 10
