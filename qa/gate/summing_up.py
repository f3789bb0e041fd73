"""The verdict in a sentence or two."""

from collections.abc import Iterable, Sequence

from seawall.policy.report.text import count
from seawall.qa.gate.model import Gate, Reason, RiskStanding, State, Step, TestStanding

_MOST = 3
"""So many ids are named, more are counted."""


def status_reason(
    gate: str, steps: Sequence[Step], tests: Sequence[TestStanding], risks: Sequence[RiskStanding]
) -> str:
    """Why the gate says what it says."""
    if gate == "PASS":
        passed = sum(test.state is State.PASSED for test in tests)
        return f"{passed} of {len(tests)} tests have passed with evidence that counts, and no high risk is left."
    if gate == "WAIVED":
        return f"What would make it FAIL is accepted: {_named(_accepted(steps))}."
    if gate == "FAIL":
        failing = [it for step in steps for it in step.reasons if it.gate is Gate.FAIL and it.waived is None]
        return f"Because of {_named(failing)}."
    parts = []
    p0 = [test for test in tests if test.priority == "P0"]
    if not_run := [test for test in p0 if test.state is State.NOT_RUN]:
        have = "has" if len(not_run) == 1 else "have"
        parts.append(f"{len(not_run)} of {count(len(p0), 'P0 test')} {have} not been run where it counts")
    if left := [risk for risk in risks if not risk.lowered and risk.score >= 6]:
        parts.append(f"{count(len(left), 'risk')} of score 6 or more {_be(left)} not lowered by evidence")
    told = {*(test.test for test in not_run), *(risk.risk for risk in left)}
    others = [it for step in steps for it in step.reasons if it.waived is None and it.about not in told]
    if not parts or any(reason.about not in _QUALITIES for reason in others):
        parts.append(f"there are concerns about {_named(others)}")
    said = "; ".join(parts)
    return f"{said[0].upper()}{said[1:]}."


_QUALITIES = ("security", "performance", "reliability", "maintainability")


def _accepted(steps: Iterable[Step]) -> list[Reason]:
    return [reason for step in steps for reason in step.reasons if reason.waived]


def _named(reasons: Iterable[Reason]) -> str:
    ids = list(dict.fromkeys(reason.about for reason in reasons))
    more = f" and {len(ids) - _MOST} more" if len(ids) > _MOST else ""
    return ", ".join(ids[:_MOST]) + more


def _be(items: Sequence[object]) -> str:
    return "is" if len(items) == 1 else "are"
