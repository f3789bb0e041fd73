"""The top issues: what the pack found and which tests failed, the worst first. Pure."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final, Literal

from seawall.policy.findings import Severity
from seawall.qa.gate.mending import again
from seawall.qa.gate.model import Issue, State, TestStanding
from seawall.qa.gate.pack import PackFinding

Level = Literal["high", "medium", "low"]
_OF_TEST: Final[dict[str, Level]] = {"P0": "high", "P1": "medium", "P2": "low"}
_ORDER: Final[tuple[Level, ...]] = ("high", "medium", "low")


def issues(tests: Iterable[TestStanding], findings: Iterable[PackFinding]) -> tuple[Issue, ...]:
    """Everything that has to be mended, one for each rule and each test."""
    found = [*_of_tests(tests), *_of_findings(findings)]
    return tuple(sorted(found, key=lambda issue: _ORDER.index(issue.severity)))


def level(finding: PackFinding) -> Level:
    """How severe a finding is in the words of a gate file, which knows no `critical`; medium without a verdict."""
    if finding.undecided:
        return "medium"
    if finding.severity.rank <= Severity.HIGH.rank:
        return "high"
    return "medium" if finding.severity is Severity.MEDIUM else "low"


def _of_tests(tests: Iterable[TestStanding]) -> Iterator[Issue]:
    for test in tests:
        if test.state is State.FAILED:
            yield Issue(test.test, _OF_TEST[test.priority], test.reason, again(test))


def _of_findings(findings: Iterable[PackFinding]) -> Iterator[Issue]:
    def kind(found: PackFinding) -> tuple[str, bool, str]:
        return found.rule, found.undecided, found.waived or ""

    for (rule, undecided, waived), group in groupby(sorted(findings, key=kind), key=kind):
        first, *others = list(group)
        said = f"{'no verdict on ' if undecided else ''}{first.where}: {first.text}"
        more = f" (and {len(others)} more)" if others else ""
        yield Issue(rule, level(first), said + more, first.mend, waived or None)
