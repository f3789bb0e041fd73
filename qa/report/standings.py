"""What the gates say of risks, tests and decisions, and what the pack found, as content."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from seawall.policy.findings import Finding as Found
from seawall.policy.report.result import Result
from seawall.policy.report.text import labelled, marked
from seawall.qa import register
from seawall.qa.evidence.model import Environment
from seawall.qa.gate import mending
from seawall.qa.gate.model import Gate, Outcome, RiskStanding, TestStanding
from seawall.qa.gate.model import Step as Decided
from seawall.qa.report.content import (
    Decision,
    Finding,
    GateWord,
    Note,
    Quality,
    Reason,
    Risk,
    Service,
    SetAside,
    Severity,
    Step,
    Test,
    Todo,
    Verdict,
)

WHAT_COUNTS = (
    "P0 tests have to pass. A pass counts when it is signed and comes from a real cluster, or a clean checkout."
)
"""What somebody has to know who has never seen a gate."""
WHAT_A_RISK_IS = "A risk is what could be wrong, not what is: its tests show that it is not."
"""The same of a risk, whose title says it as if it were so."""


def minute(at: datetime) -> str:
    """A time for a person, in UTC: `2026-03-01 04:05 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def verdict(outcome: Outcome) -> Verdict:
    """What the gate says of one story, with what to do next."""
    steps = tuple(_step(step) for step in outcome.steps)
    return Verdict(
        outcome.service,
        outcome.story,
        outcome.title,
        outcome.gate,
        outcome.status_reason,
        outcome.score,
        steps,
        tuple(_todos(steps)),
        tuple(Quality(quality.name, _word(quality.gate), quality.notes) for quality in outcome.qualities),
        tuple(
            Note(f"until {waiver.expires.isoformat()}, by {waiver.approver}: {waiver.reason}", waiver.about)
            for waiver in outcome.waivers
        ),
    )


def _word(gate: Gate) -> GateWord:
    return cast(GateWord, gate.name)


def _step(step: Decided) -> Step:
    ordered = sorted(step.reasons, key=lambda reason: (reason.waived is not None, -reason.gate))
    return Step(
        step.number,
        step.name,
        _word(step.gate),
        tuple(
            Reason(_word(reason.gate), reason.about, reason.text, reason.mend, reason.waived or "")
            for reason in ordered
        ),
    )


def _todos(steps: Iterable[Step]) -> list[Todo]:
    """One for each mend, in the gate's order, then by the steps'."""
    found: dict[str, list[Reason]] = {}
    for step in steps:
        for reason in step.reasons:
            if not reason.waived:
                found.setdefault(reason.mend, []).append(reason)
    made = [
        Todo(
            mend,
            max((reason.gate for reason in reasons), key=lambda word: Gate[word]),
            tuple(dict.fromkeys(reason.about for reason in reasons)),
        )
        for mend, reasons in found.items()
    ]
    return sorted(made, key=lambda todo: mending.order(Gate[todo.gate], todo.mend))


def risks(outcomes: Iterable[Outcome]) -> tuple[Risk, ...]:
    """Every risk once, the highest score first."""
    found: Mapping[str, RiskStanding] = {risk.risk: risk for outcome in outcomes for risk in outcome.risks}
    return tuple(
        Risk(
            risk.risk,
            risk.title,
            _service(risk.risk),
            risk.score,
            cast(Severity, risk.severity),
            risk.tests,
            risk.lowered,
            risk.reason,
            risk.findings,
        )
        for risk in sorted(found.values(), key=lambda risk: (-risk.score, risk.risk))
    )


def tests(outcomes: Iterable[Outcome]) -> tuple[Test, ...]:
    """Every test once: by priority, what failed first, then what was not run."""
    found: Mapping[str, TestStanding] = {test.test: test for outcome in outcomes for test in outcome.tests}
    order = ("failed", "not run", "passed")
    return tuple(
        Test(
            test.test,
            _service(test.test),
            test.priority,
            test.needs,
            test.expect,
            test.risks,
            test.state.value,
            test.reason,
            test.evidence or "",
            _where(test.environment),
            minute(test.when) if test.when is not None else "",
            tuple(SetAside(aside.file, aside.why) for aside in test.set_aside),
        )
        for test in sorted(found.values(), key=lambda test: (test.priority, order.index(test.state), test.test))
    )


def _where(environment: Environment | None) -> str:
    return environment.value if environment is not None else ""


def set_aside(outcomes: Iterable[Outcome]) -> tuple[SetAside, ...]:
    """Files that are no test's evidence, each once."""
    return tuple({SetAside(aside.file, aside.why): None for outcome in outcomes for aside in outcome.set_aside})


def decisions(outcomes: Sequence[Outcome]) -> tuple[Decision, ...]:
    """What nobody has signed, by id."""
    found = {name: decision for outcome in outcomes for name, decision in outcome.open_decisions.items()}
    return tuple(
        Decision(
            name,
            decision.services,
            decision.chosen if isinstance(decision.chosen, str) else ", ".join(decision.chosen),
            decision.selectable,
            decision.why or "",
        )
        for name, decision in sorted(found.items())
    )


def findings(result: Result) -> tuple[Finding, ...]:
    """What the pack found, the worst first, as the result has it."""
    return tuple(_findings(result))


def _findings(result: Result) -> Iterator[Finding]:
    for found in result.findings:
        rule = found.rule
        yield Finding(
            rule.id,
            rule.title,
            rule.severity.value,
            _service(rule.id),
            rule.risks,
            found.outcome.value,
            result.standing(found).value,
            found.subject.title,
            _namespace(found),
            labelled(found),
            found.mend,
            found.place,
            marked(found),
        )


def _namespace(found: Found) -> str:
    return found.subject.namespace or (found.subject.name if found.subject.kind == "Namespace" else "")


def _service(name: str) -> Service:
    return register.service(name) or "platform"
