"""The four non-functional qualities: security, performance, reliability, maintainability. Pure.

A quality is judged by the tests of its risks and by what the pack finds of them, never by what the other steps say:

- FAIL: a test failed that shows a risk of score 6 or more mended, or a critical or high finding stands;
- CONCERNS: any other test of it failed or was not run, whatever its priority; a medium finding stands, or one without
  a verdict; a service level objective has not been observed;
- PASS: every test of it has passed with evidence that counts, and the pack finds nothing above low.

A risk's id says its quality: SEC security; PERF performance; OPS and DATA reliability, as both are about whether the
service and what it holds are there when they are needed; TECH and MON maintainability, as both are about whether people
can change it and see what it does.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from seawall.policy.findings import Severity
from seawall.qa.gate.model import Gate, Reason, RiskStanding, State, TestStanding
from seawall.qa.gate.pack import PackFinding
from seawall.qa.gate.waiving import Waivers

WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "security": ("SEC",),
    "performance": ("PERF",),
    "reliability": ("OPS", "DATA"),
    "maintainability": ("TECH", "MON"),
}
_HIGH_SCORE = 6


@dataclass(frozen=True)
class Judged:
    """A quality, and why it is not PASS."""

    name: str
    gate: Gate
    notes: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class _Cause:
    gate: Gate
    text: str
    waived: str | None = None


def of_risk(risk: str) -> str | None:
    """The quality that a risk's id names; None when it names none."""
    return next((name for name, words in WORDS.items() if set(words) & set(risk.split("-"))), None)


def judge(
    tests: Sequence[TestStanding],
    risks: Sequence[RiskStanding],
    findings: Sequence[PackFinding],
    slos: Mapping[str, str],
    waivers: Waivers,
) -> Iterator[Judged]:
    """Every quality, in the order in which a gate file has them."""
    scores = {risk.risk: risk.score for risk in risks}
    for name in WORDS:
        mine = [test for test in tests if name in {of_risk(risk) for risk in test.risks}]
        causes = [
            *_of_tests(name, mine, scores, waivers),
            *_of_findings([found for found in findings if name in {of_risk(risk) for risk in found.risks}]),
            *_of_slos(name, mine, slos),
        ]
        yield _judged(name, mine, causes)


def _of_tests(
    name: str, tests: Iterable[TestStanding], scores: Mapping[str, int], waivers: Waivers
) -> Iterator[_Cause]:
    not_run = []
    for test in tests:
        grave = any(scores.get(risk, 0) >= _HIGH_SCORE for risk in test.risks if of_risk(risk) == name)
        if test.state is State.FAILED:
            accepted = waivers.text(test.test) if grave and test.priority != "P0" else None
            yield _Cause(Gate.FAIL if grave else Gate.CONCERNS, f"{test.test} failed", accepted)
        elif test.state is State.NOT_RUN:
            not_run.append(test.test)
    if not_run:
        yield _Cause(Gate.CONCERNS, f"not run: {', '.join(not_run)}")


def _of_findings(findings: Iterable[PackFinding]) -> Iterator[_Cause]:
    for found in dict.fromkeys((it.rule, it.severity, it.undecided, it.waived) for it in findings):
        rule, severity, undecided, waived = found
        if undecided:
            yield _Cause(Gate.CONCERNS, f"{rule} has no verdict", waived)
        elif severity.rank <= Severity.HIGH.rank:
            yield _Cause(Gate.FAIL, f"{rule} is violated", waived)
        elif severity is Severity.MEDIUM:
            yield _Cause(Gate.CONCERNS, f"{rule} is violated", waived)


def _of_slos(name: str, tests: Iterable[TestStanding], slos: Mapping[str, str]) -> Iterator[_Cause]:
    passed = {risk for test in tests if test.state is State.PASSED for risk in test.risks}
    for risk, objective in slos.items():
        if of_risk(risk) == name and risk not in passed:
            yield _Cause(Gate.CONCERNS, f"not observed: {objective}")


def _judged(name: str, tests: Sequence[TestStanding], causes: Sequence[_Cause]) -> Judged:
    standing = [cause for cause in causes if cause.waived is None]
    accepted = [cause for cause in causes if cause.waived is not None]
    worst = max((cause.gate for cause in standing), default=Gate.PASS)
    reasons = []
    mend = "Mend what failed or is found, and run what was not run."
    if worst is not Gate.PASS:
        reasons.append(Reason(worst, name, _listed(standing), mend))
    for waived in dict.fromkeys(cause.waived for cause in accepted):
        group = [cause for cause in accepted if cause.waived == waived]
        reasons.append(Reason(max(cause.gate for cause in group), name, _listed(group), mend, waived))
    passed = sum(test.state is State.PASSED for test in tests)
    tally = f"{passed} of {len(tests)} tests have passed" if tests else "no test is about it"
    notes = "; ".join([tally, *(cause.text for cause in standing), *(f"{it.text} ({it.waived})" for it in accepted)])
    return Judged(name, worst, notes, tuple(reasons))


def _listed(causes: Iterable[_Cause]) -> str:
    return "; ".join(cause.text for cause in sorted(causes, key=lambda cause: -cause.gate))
