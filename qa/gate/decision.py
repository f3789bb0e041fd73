"""The decision: four steps, each evaluated, the worst counts. Pure.

1. Risks and P0 tests. FAIL: a P0 failed; a risk of 9 is not lowered *. CONCERNS: a risk of 6 or more is not lowered.
2. Coverage. FAIL: a security or data-loss risk without any test. CONCERNS: a P0 was not run; nothing was tried on a
   real cluster.
3. Top issues. FAIL: a critical or high finding *; a P0 failed. CONCERNS: a medium finding; one without a verdict; a P1
   failed; a waiver that has expired.
4. Qualities: see `qualities` *.

What is marked * can be waived: it is accepted, stays listed and stays in the score; the gate is at best WAIVED.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Final, Literal

from seawall.policy.findings import Severity
from seawall.qa.evidence.model import Environment
from seawall.qa.gate import mending, qualities
from seawall.qa.gate.issues import issues
from seawall.qa.gate.model import (
    Gate,
    Issue,
    Outcome,
    Quality,
    Reason,
    RiskStanding,
    SetAside,
    State,
    Step,
    TestStanding,
    Waiver,
)
from seawall.qa.gate.pack import PackFinding
from seawall.qa.gate.summing_up import status_reason
from seawall.qa.gate.waiving import Waivers
from seawall.qa.register import Decision, Service

CRITICAL_SCORE: Final = 9
HIGH_SCORE: Final = 6
POINTS: Final = {Gate.FAIL: 20, Gate.CONCERNS: 10, Gate.PASS: 0}
"""What a reason takes from the score of 100."""
NAMES: Final = ("risks and P0 tests", "coverage", "top issues", "qualities")
_GRAVE = ("SEC", "DATA")
"""Words in the ids of security and data-loss risks."""


@dataclass(frozen=True)
class Inputs:
    """Everything that the decision on one story depends on."""

    service: Service
    story: str
    title: str
    at: datetime
    tests: tuple[TestStanding, ...]
    risks: tuple[RiskStanding, ...]
    findings: tuple[PackFinding, ...] = ()
    """What the pack found, marked where somebody accepts it (`Waivers.mark`)."""
    waivers: tuple[Waiver, ...] = ()
    slos: Mapping[str, str] = field(default_factory=dict)
    """Risk → its service level objective, for a person."""
    open_decisions: Mapping[str, Decision] = field(default_factory=dict)
    set_aside: tuple[SetAside, ...] = ()

    @property
    def day(self) -> date:
        """The day, in UTC."""
        return self.at.astimezone(UTC).date()


def decide(inputs: Inputs) -> Outcome:
    """What the gate says."""
    waivers = Waivers(inputs.waivers, inputs.day)
    judged = tuple(qualities.judge(inputs.tests, inputs.risks, inputs.findings, inputs.slos, waivers))
    reasons = (
        _risks_and_p0(inputs, waivers),
        _coverage(inputs),
        _top_issues(inputs, waivers),
        (reason for quality in judged for reason in quality.reasons),
    )
    steps = tuple(Step(at, name, tuple(each)) for at, (name, each) in enumerate(zip(NAMES, reasons, strict=True), 1))
    verdict = gate_of(steps)
    return Outcome(
        service=inputs.service,
        story=inputs.story,
        title=inputs.title,
        gate=verdict,
        status_reason=status_reason(verdict, steps, inputs.tests, inputs.risks),
        score=max(0, 100 - sum(POINTS[reason.gate] for step in steps for reason in step.reasons)),
        at=inputs.at,
        steps=steps,
        tests=inputs.tests,
        risks=inputs.risks,
        issues=(*issues(inputs.tests, inputs.findings), *_unneeded(steps, waivers)),
        qualities=tuple(Quality(it.name, it.gate, it.notes) for it in judged),
        open_decisions=dict(inputs.open_decisions),
        waivers=waivers.in_force,
        set_aside=inputs.set_aside,
    )


def gate_of(steps: tuple[Step, ...]) -> Literal["PASS", "CONCERNS", "FAIL", "WAIVED"]:
    """The worst of the steps. WAIVED is what is left when somebody accepts all that would be worse than PASS."""
    worst = max(step.gate for step in steps)
    if worst is Gate.FAIL:
        return "FAIL"
    if worst is Gate.CONCERNS:
        return "CONCERNS"
    return "WAIVED" if any(reason.waived for step in steps for reason in step.reasons) else "PASS"


def _risks_and_p0(inputs: Inputs, waivers: Waivers) -> Iterator[Reason]:
    for test in inputs.tests:
        if test.priority == "P0" and test.state is State.FAILED:
            yield Reason(Gate.FAIL, test.test, f"P0, {test.reason}", mending.again(test))
    high = [risk for risk in inputs.risks if risk.score >= HIGH_SCORE and not risk.lowered]
    mends = mending.lower(high, inputs.tests)
    for risk in high:
        critical = risk.score >= CRITICAL_SCORE
        yield Reason(
            Gate.FAIL if critical else Gate.CONCERNS,
            risk.risk,
            f"the risk that {risk.title} (score {risk.score}): {risk.reason}",
            mends[risk.risk],
            waivers.text(risk.risk) if critical else None,
        )


def _coverage(inputs: Inputs) -> Iterator[Reason]:
    not_run = [test for test in inputs.tests if test.priority == "P0" and test.state is State.NOT_RUN]
    mends = mending.run(not_run)
    for test in not_run:
        yield Reason(Gate.CONCERNS, test.test, f"P0, not run: {test.reason}", mends[test.test])
    for risk in inputs.risks:
        if not risk.tests and any(word in risk.risk.split("-") for word in _GRAVE):
            yield Reason(
                Gate.FAIL,
                risk.risk,
                f"{risk.title}: security or data is at risk, and no test looks",
                mending.WRITE_TEST,
            )
    tried = any(test.state is State.PASSED and test.environment is Environment.REAL for test in inputs.tests)
    if not tried and not not_run:
        yield Reason(Gate.CONCERNS, "evidence", "nothing has been tried on a real cluster", mending.TRY_LIVE)


def _top_issues(inputs: Inputs, waivers: Waivers) -> Iterator[Reason]:
    def kind(found: PackFinding) -> tuple[int, str, bool, str]:
        return found.severity.rank, found.rule, found.undecided, found.waived or ""

    for _, group in groupby(sorted(inputs.findings, key=kind), key=kind):
        yield from _of_rule(list(group))
    for test in inputs.tests:
        if test.state is State.FAILED and test.priority != "P2":
            gate = Gate.FAIL if test.priority == "P0" else Gate.CONCERNS
            yield Reason(gate, test.test, f"{test.priority}, {test.reason}", mending.again(test))
    for waiver in waivers.expired:
        yield Reason(
            Gate.CONCERNS,
            waiver.about,
            f"a waiver expired after {waiver.expires.isoformat()}: {waiver.reason}",
            f"Mend it and delete the waiver, or let {waiver.approver} renew it.",
        )


def _of_rule(alike: list[PackFinding]) -> Iterator[Reason]:
    """Findings of one rule, with one verdict, accepted by the same waiver or by none."""
    first = alike[0]
    more = f" (and {len(alike) - 1} more)" if len(alike) > 1 else ""
    text = f"{first.where}: {first.text}{more}"
    if first.undecided:
        yield Reason(Gate.CONCERNS, first.rule, f"no verdict on {text}", first.mend, first.waived)
    elif first.severity.rank <= Severity.HIGH.rank:
        yield Reason(Gate.FAIL, first.rule, text, first.mend, first.waived)
    elif first.severity is Severity.MEDIUM:
        yield Reason(Gate.CONCERNS, first.rule, text, first.mend, first.waived)


def _unneeded(steps: tuple[Step, ...], waivers: Waivers) -> Iterator[Issue]:
    used = {reason.waived for step in steps for reason in step.reasons}
    for waiver in waivers.in_force:
        if waivers.text(waiver.about) not in used:
            yield Issue(
                waiver.about,
                "low",
                "a waiver accepts nothing that makes the gate FAIL",
                "Delete it from docs/qa/gate.yaml.",
            )
