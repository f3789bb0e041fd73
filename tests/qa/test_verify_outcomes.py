"""What a test comes to when its check does not come to its end."""

from collections.abc import Callable, Iterator

import pytest
from evidence_samples import CHECKOUT

from seawall.errors import EnvironmentFailure
from seawall.qa.checks import Check, UndecidedError
from seawall.qa.checks.context import Context, RefusedQueryError
from seawall.qa.checks.model import seen
from seawall.qa.evidence.model import Evidence, NotRun, Observation, Verdict
from seawall.qa.evidence.repository import head
from seawall.qa.verify.asking import declared
from seawall.qa.verify.run import StoppedError
from seawall.qa.verify.verification import Allowed, Surroundings, Verification

TEST = "DFLY-UNIT-001"
GOOD, BAD = seen("a", 1, 1, True), seen("b", 1, 2, False)
ENDS: list[Callable[[], Exception]] = [
    lambda: UndecidedError("no answer"),
    lambda: RefusedQueryError("no answer"),
    lambda: EnvironmentFailure("no answer"),
    lambda: KeyError("no answer"),
]


def outcome(*observed: Observation, end: Callable[[], Exception] | None = None) -> Evidence | NotRun:
    """What a test comes to whose check observes this, and then ends so."""

    def run(_: Context) -> Iterator[Observation]:
        yield from observed
        if end is not None:
            raise end()

    around = Surroundings(CHECKOUT, declared(CHECKOUT, "infra"))
    [(_, found)] = Verification(
        [Check(id=TEST, plan="looks", run=run)], around, Allowed(), head=head(CHECKOUT), command="seawall verify"
    ).outcomes()
    return found


@pytest.mark.parametrize("end", ENDS)
def test_what_was_seen_to_fail_has_failed_whatever_came_after(end: Callable[[], Exception]) -> None:
    found = outcome(GOOD, BAD, end=end)

    assert isinstance(found, Evidence)
    assert found.verdict is Verdict.FAILED
    assert found.observed[:2] == (GOOD, BAD)
    assert "no answer" in found.observed[2].found


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("observed", [(), (GOOD,)])
def test_what_was_not_seen_to_its_end_was_not_run(
    observed: tuple[Observation, ...], end: Callable[[], Exception]
) -> None:
    found = outcome(*observed, end=end)

    assert isinstance(found, NotRun)
    assert "no answer" in found.reason


def test_an_interruption_decides_nothing() -> None:
    assert outcome(BAD, end=StoppedError) == NotRun(test=TEST, reason="interrupted")


def test_what_came_to_its_end_is_what_was_seen() -> None:
    passed, failed = outcome(GOOD), outcome(GOOD, BAD)

    assert isinstance(passed, Evidence)
    assert isinstance(failed, Evidence)
    assert (passed.verdict, failed.verdict) == (Verdict.PASSED, Verdict.FAILED)
    assert outcome() == NotRun(test=TEST, reason="nothing was observed")
