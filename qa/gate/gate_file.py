"""What a gate file says, from what the gate says. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final

from seawall.qa.gate import form
from seawall.qa.gate.model import Gate, Issue, Outcome, Reason, RiskStanding, State, TestStanding
from seawall.qa.gate.settings import GateSettings

NO_REVIEWER: Final = "nobody yet: docs/qa/gate.yaml names no reviewer"
_LEVELS: Final = {"UNIT": "unit", "INT": "integration", "E2E": "e2e"}
_RUNS: Final = frozenset({"kubelet", "scrape", "dns"})
"""Needs that make a test one of the whole, from end to end."""
_DECIDE: Final = "Decide, and sign in qa/register.yaml."


def content(
    outcome: Outcome, settings: GateSettings, history: Sequence[form.HistoryEntry], *, reviewer: str | None = None
) -> form.GateFile:
    """The file. `history` is what it said before; an entry is added when the verdict or its reason is another one."""
    at = _time(outcome.at)
    said = form.HistoryEntry(at=at, gate=outcome.gate, note=outcome.status_reason)
    last = history[-1] if history else None
    same = last is not None and (last.gate, last.note) == (said.gate, said.note)
    return form.GateFile(
        schema_version=form.SCHEMA,
        story=outcome.story,
        story_title=outcome.title,
        gate=outcome.gate,
        status_reason=outcome.status_reason,
        reviewer=reviewer or settings.reviewer or NO_REVIEWER,
        updated=at,
        waiver=_waiver(outcome),
        top_issues=[_issue(issue) for issue in outcome.issues],
        risk_summary=_risks(outcome.risks),
        quality_score=outcome.score,
        expires=_time(expiry(outcome, settings)),
        evidence=_evidence(outcome),
        nfr_validation=form.QualitiesForm.model_validate(
            {it.name: {"status": it.gate.name, "notes": it.notes} for it in outcome.qualities}
        ),
        history=[*history] if same else [*history, said],
        recommendations=_recommendations(outcome),
        test_design=_design(outcome),
    )


def expiry(outcome: Outcome, settings: GateSettings) -> datetime:
    """When the gate has to be asked again, at the latest."""
    ends = [outcome.at + timedelta(days=settings.expires_days)]
    ends += [test.when + settings.max_age for test in outcome.tests if test.when is not None]
    ends += [datetime.combine(it.expires + timedelta(days=1), time(), UTC) for it in outcome.waivers]
    return min(ends)


def same(one: form.GateFile, other: form.GateFile) -> bool:
    """Whether two files say the same, the times aside at which they were made."""
    return _timeless(one) == _timeless(other)


def moment(text: str) -> datetime:
    """A time of a gate file."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _timeless(file: form.GateFile) -> dict[str, object]:
    return file.model_dump(exclude={"updated", "expires"})


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _waiver(outcome: Outcome) -> form.WaiverForm:
    if outcome.gate != "WAIVED":
        return form.WaiverForm(active=False)
    accepted = dict.fromkeys(it.waived for step in outcome.steps for it in step.reasons if it.waived)
    used = [it for it in outcome.waivers if any(text and it.reason in text for text in accepted)]
    approvers = dict.fromkeys(it.approver for it in used)
    return form.WaiverForm(
        active=True,
        reason="; ".join(text for text in accepted if text),
        approved_by=", ".join(approvers) or "the approvers of the policy pack's waivers",
    )


def _issue(issue: Issue) -> form.IssueForm:
    accepted = f" ({issue.waived})" if issue.waived else ""
    return form.IssueForm(
        id=issue.id,
        severity=issue.severity,
        finding=issue.finding + accepted,
        suggested_action=issue.suggested_action,
    )


def _risks(risks: Sequence[RiskStanding]) -> form.RiskSummaryForm:
    left = [risk for risk in risks if not risk.lowered]
    highest = max(left, key=lambda risk: risk.score, default=None)
    totals = Counter(risk.severity for risk in risks)
    names = [(f"{risk.risk}: {risk.title}", risk.score >= 6) for risk in left]
    return form.RiskSummaryForm(
        totals=form.SeverityTotals(**{name: totals[name] for name in form.SeverityTotals.model_fields}),
        highest=highest and form.HighestForm(id=highest.risk, score=highest.score, title=highest.title),
        recommendations=form.RiskAdviceForm(
            must_fix=[name for name, high in names if high], monitor=[name for name, high in names if not high]
        ),
    )


def _evidence(outcome: Outcome) -> form.EvidenceForm:
    tests = outcome.tests
    return form.EvidenceForm(
        tests_reviewed=sum(test.state is not State.NOT_RUN for test in tests),
        risks_identified=len(outcome.risks),
        trace=form.TraceForm(
            ac_covered=[test.test for test in tests if test.state is State.PASSED],
            ac_gaps=[test.test for test in tests if test.state is not State.PASSED],
        ),
        files=[test.evidence for test in tests if test.evidence is not None],
    )


def _recommendations(outcome: Outcome) -> form.RecommendationsForm:
    immediate: dict[str, list[str]] = {}
    future: dict[str, list[str]] = {}
    for step in outcome.steps:
        for reason in sorted(step.reasons, key=lambda it: -it.gate):
            _put(immediate if _at_once(reason) else future, reason.mend, reason.about)
    for issue in outcome.issues:
        if issue.severity == "low":
            _put(future, issue.suggested_action, issue.id)
    for decision in outcome.open_decisions:
        _put(future, _DECIDE, decision)
    return form.RecommendationsForm(immediate=_actions(immediate), future=_actions(future))


def _at_once(reason: Reason) -> bool:
    """What stands between the story and its end. What somebody accepts for a while does not, and qualities follow."""
    return reason.waived is None and (reason.gate is Gate.FAIL or reason.about not in form.QualitiesForm.model_fields)


def _put(found: dict[str, list[str]], action: str, ref: str) -> None:
    refs = found.setdefault(action, [])
    if ref not in refs:
        refs.append(ref)


def _actions(found: dict[str, list[str]]) -> list[form.ActionForm]:
    return [form.ActionForm(action=action, refs=refs) for action, refs in found.items()]


def _design(outcome: Outcome) -> form.TestDesignForm:
    levels = Counter(_level(test) for test in outcome.tests)
    priorities = Counter(test.priority.lower() for test in outcome.tests)
    return form.TestDesignForm(
        scenarios_total=len(outcome.tests),
        by_level=form.LevelTotals(**_counted(levels, form.LevelTotals.model_fields)),
        by_priority=form.PriorityTotals(**_counted(priorities, form.PriorityTotals.model_fields)),
        coverage_gaps=[risk.risk for risk in outcome.risks if not risk.tests],
    )


def _counted(found: Counter[str], names: Iterable[str]) -> dict[str, int]:
    return {name: found[name] for name in names}


def _level(test: TestStanding) -> str:
    """By the word in its id; our own tests have none and are placed by what they need."""
    named = next((level for word, level in _LEVELS.items() if word in test.test.split("-")), None)
    if named is not None:
        return named
    return "unit" if test.needs == ("repo",) else "e2e" if _RUNS & set(test.needs) else "integration"
