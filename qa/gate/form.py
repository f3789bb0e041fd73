"""The form of a gate file: BMAD's schema 1, its keys in its order, and what its optional parts hold here.

Facts from BMAD-METHOD's template `qa-gate-tmpl.yaml` and its tasks risk-profile, test-design and nfr-assess.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

SCHEMA: Final = 1
Word = Literal["PASS", "CONCERNS", "FAIL", "WAIVED"]
Status = Literal["PASS", "CONCERNS", "FAIL"]
Time = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")]
_Number = Annotated[int, Field(ge=0)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class WaiverForm(_Form):
    """Whether what would make the gate FAIL is accepted."""

    active: bool
    """Whether somebody accepts it; true for `gate: WAIVED` only."""
    reason: str | None = None
    """Why, when it is active."""
    approved_by: str | None = None
    """Who accepts it, when it is active."""


class IssueForm(_Form):
    """Something to be mended."""

    id: str
    """Id of a rule of the policy pack, or of a test."""
    severity: Literal["low", "medium", "high"]
    """Critical findings are `high`: the form knows no more."""
    finding: str
    """What is wrong."""
    suggested_action: str
    """What to do."""


class SeverityTotals(_Form):
    """Risks by severity."""

    critical: _Number
    """Score 9."""
    high: _Number
    """Score 6 to 8."""
    medium: _Number
    """Score 4 and 5."""
    low: _Number
    """Score 1 to 3."""


class HighestForm(_Form):
    """The highest risk."""

    id: str
    """Its id."""
    score: Annotated[int, Field(ge=1, le=9)]
    """Its score."""
    title: str
    """What goes wrong."""


class RiskAdviceForm(_Form):
    """What has to be done about the risks."""

    must_fix: list[str]
    """Risks of score 6 or more that evidence has not lowered."""
    monitor: list[str]
    """Smaller ones that evidence has not lowered."""


class RiskSummaryForm(_Form):
    """The risks."""

    totals: SeverityTotals
    """All risks of the story."""
    highest: HighestForm | None = None
    """The highest that evidence has not lowered; left out when there is none."""
    recommendations: RiskAdviceForm
    """What has to be done."""


class TraceForm(_Form):
    """Which tests have a verdict."""

    ac_covered: list[str]
    """Ids of the tests that have passed with evidence that counts. The stories number no acceptance criteria: the
    register's tests stand for them."""
    ac_gaps: list[str]
    """Ids of the others."""


class EvidenceForm(_Form):
    """What the gate has looked at."""

    tests_reviewed: _Number
    """Tests that have a verdict."""
    risks_identified: _Number
    """Risks of the story."""
    trace: TraceForm
    """Which tests they are."""
    files: list[str]
    """The files in docs/qa/evidence that decide; an addition to BMAD's schema."""


class QualityForm(_Form):
    """A non-functional quality."""

    status: Status
    """What is said of it."""
    notes: str
    """Why."""


class QualitiesForm(_Form):
    """The non-functional qualities."""

    security: QualityForm
    """Risks with SEC in their id."""
    performance: QualityForm
    """Risks with PERF in their id."""
    reliability: QualityForm
    """Risks with OPS or DATA in their id."""
    maintainability: QualityForm
    """Risks with TECH or MON in their id."""


class HistoryEntry(_Form):
    """What the gate said at a time."""

    at: Time
    """When, in UTC."""
    gate: Word
    """What it said."""
    note: str
    """Why."""


class ActionForm(_Form):
    """Something to do."""

    action: str
    """What."""
    refs: list[str]
    """Ids of the tests, risks, rules and decisions that it is about."""


class RecommendationsForm(_Form):
    """What to do."""

    immediate: list[ActionForm]
    """Before anything is called done."""
    future: list[ActionForm]
    """Later."""


class LevelTotals(_Form):
    """Tests by what they need."""

    unit: _Number
    """The repository alone."""
    integration: _Number
    """An API server or an operator."""
    e2e: _Number
    """Containers that run, a metrics store."""


class PriorityTotals(_Form):
    """Tests by priority."""

    p0: _Number
    """Must pass."""
    p1: _Number
    """Should pass."""
    p2: _Number
    """Good to have."""


class TestDesignForm(_Form):
    """The tests of the story."""

    scenarios_total: _Number
    """How many."""
    by_level: LevelTotals
    """By what they need."""
    by_priority: PriorityTotals
    """By priority."""
    coverage_gaps: list[str]
    """Risks without any test."""


class GateFile(_Form):
    """The quality gate of a story."""

    model_config = ConfigDict(populate_by_name=True)

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    """Version of BMAD's schema."""
    story: str
    """Id of the story."""
    story_title: str
    """What it is about."""
    gate: Word
    """The verdict."""
    status_reason: str
    """Why, in a sentence or two."""
    reviewer: str
    """Who answers for it: a person or a role."""
    updated: Time
    """When anything but the time has last changed, in UTC."""
    waiver: WaiverForm
    """Whether it is accepted."""
    top_issues: list[IssueForm]
    """What has to be mended, worst first; what is accepted says so."""
    risk_summary: RiskSummaryForm
    """The risks."""
    quality_score: Annotated[int, Field(ge=0, le=100)]
    """100 − 20 for each FAIL − 10 for each CONCERNS, what is waived included."""
    expires: Time
    """From when on it has to be made again: after `expires_days` of docs/qa/gate.yaml, or as soon as evidence that it
    rests on is too old, or a waiver ends."""
    evidence: EvidenceForm
    """What it has looked at."""
    nfr_validation: QualitiesForm
    """The non-functional qualities."""
    history: Annotated[list[HistoryEntry], Field(min_length=1)]
    """What it said before, oldest first. Only ever appended to."""
    recommendations: RecommendationsForm
    """What to do."""
    test_design: TestDesignForm
    """The tests."""


def schema() -> dict[str, Any]:
    """The JSON schema of a gate file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **GateFile.model_json_schema(by_alias=True)}
