"""What a check came to, ready for any report."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from seawall.policy.acceptance.baseline import Entry
from seawall.policy.estate.doors.folder import Unreadable
from seawall.policy.estate.model import Estate, KubeObject, Note
from seawall.policy.findings import NOT_EVALUATED_POLICY, WAIVERS_POLICY, Finding, Level, Outcome, Rule, Severity


@dataclass(frozen=True)
class Judged:
    """A rule and what it looked at."""

    rule: Rule
    subjects: tuple[KubeObject, ...]

    @property
    def objects(self) -> int:
        """How many objects it looked at."""
        return len(self.subjects)


@dataclass(frozen=True)
class Matrices:
    """Who can open what, and which role enters which database: for a person, and as plain data."""

    reach: str
    entries: str
    reach_data: Sequence[Mapping[str, Any]]
    entries_data: Sequence[Mapping[str, Any]]


class Standing(StrEnum):
    """What a finding means for the check."""

    FAILS = "fails"
    TOLD = "told"
    """Not severe enough to fail, or advisory by the stack's configuration."""
    WAIVED = "waived"
    KNOWN = "in the baseline"
    DEFERRED = "deferred"


@dataclass(frozen=True)
class Result:
    """Everything that a report prints."""

    source: str
    """What was checked: a folder, a file, standard input."""
    findings: tuple[Finding, ...]
    judged: tuple[Judged, ...]
    objects: int
    """Declared objects."""
    projected: int
    """Objects that operators will make of them."""
    files: int
    not_kubernetes: int
    unreadable: tuple[Unreadable, ...]
    notes: tuple[Note, ...]
    """What was not seen, or assumed."""
    seconds: float
    fail_on: Severity | None = Severity.HIGH
    """The least severity that fails; None never fails on findings."""
    levels: Mapping[str, Level] = field(default_factory=dict)
    """Rules whose level the stack sets; the limit of `fail_on` holds for the others."""
    off: tuple[Rule, ...] = ()
    """Rules that the stack has disabled: nobody asked them."""
    fixed: tuple[Entry, ...] = ()
    """What the baseline holds and is there no more."""
    baseline: bool = False
    """Whether there is a baseline."""
    matrices: Matrices | None = None
    """Only when they were asked for."""

    @property
    def exit_code(self) -> int:
        """0, 1 when a finding fails, 2 when input was unreadable."""
        if self.unreadable:
            return 2
        return 1 if any(self.standing(finding) is Standing.FAILS for finding in self.findings) else 0

    def count(self, outcome: Outcome) -> int:
        """How many findings have an outcome and are neither waived nor in the baseline."""
        return sum(
            finding.outcome is outcome and finding.waived is None and not finding.known for finding in self.findings
        )

    def counted(self, standing: Standing) -> int:
        """How many findings stand so."""
        return sum(self.standing(finding) is standing for finding in self.findings)

    def standing(self, finding: Finding) -> Standing:
        """What a finding means for the check.

        A rule that could not be evaluated, and a waiver that is not in order, fail whatever their severity.
        """
        if finding.waived is not None:
            return Standing.WAIVED
        if finding.known:
            return Standing.KNOWN
        if finding.outcome is Outcome.DEFERRED:
            return Standing.DEFERRED
        if self.fail_on is None:
            return Standing.TOLD
        if finding.rule.id == WAIVERS_POLICY:
            return Standing.FAILS
        undecided = finding.outcome is Outcome.NOT_EVALUATED
        level = self.levels.get(NOT_EVALUATED_POLICY if undecided else finding.rule.id)
        if level is not None:
            return Standing.FAILS if level is Level.MANDATORY else Standing.TOLD
        severe = finding.rule.severity.rank <= self.fail_on.rank
        return Standing.FAILS if undecided or severe else Standing.TOLD


@dataclass(frozen=True)
class RiskVerdict:
    """What the rules that answer a risk came to."""

    risk: str
    """A QA risk's id; the rule's own id where it answers none."""
    title: str
    severity: Severity
    """Of the rule that has the risk's id, else of the first that answers it."""
    rules: tuple[str, ...]
    objects: int
    """How many objects its rules looked at, an object counted once per rule."""
    said: Mapping[str, int]
    """How many findings by what they say: an outcome, or that it is waived or in the baseline."""

    @property
    def verdict(self) -> str:
        """For a person: what was found, that it passed, or that there was nothing to judge."""
        if self.said:
            return ", ".join(f"{count} {what}" for what, count in self.said.items())
        return "passed" if self.objects else "nothing to judge"


def risks(result: Result) -> list[RiskVerdict]:
    """The verdict on each risk, by id; rules that answer no QA risk stand for themselves."""
    by_risk: dict[str, list[Judged]] = {}
    for judged in result.judged:
        for risk in judged.rule.risks or (judged.rule.id,):
            by_risk.setdefault(risk, []).append(judged)
    by_rule: dict[str, list[Finding]] = {}
    for finding in result.findings:
        by_rule.setdefault(finding.rule.id, []).append(finding)
    found = []
    for risk, members in sorted(by_risk.items()):
        own = next((member.rule for member in members if member.rule.id == risk), members[0].rule)
        findings = [finding for judged in members for finding in by_rule.get(judged.rule.id, ())]
        found.append(
            RiskVerdict(
                risk,
                own.title,
                own.severity,
                tuple(judged.rule.id for judged in members),
                sum(judged.objects for judged in members),
                _said(findings),
            )
        )
    return found


def _said(findings: Iterable[Finding]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for finding in findings:
        what = finding.outcome.value
        if finding.waived is not None:
            what = Standing.WAIVED.value
        elif finding.known:
            what = Standing.KNOWN.value
        counts[what] = counts.get(what, 0) + 1
    order = [*(outcome.value for outcome in Outcome), *(standing.value for standing in Standing)]
    return {what: counts[what] for what in order if what in counts}


def judged(estate: Estate, rules: Sequence[Rule]) -> tuple[Judged, ...]:
    """What each rule looks at in an estate."""
    return tuple(Judged(rule, tuple(_subjects(estate, rule))) for rule in rules)


def _subjects(estate: Estate, rule: Rule) -> Iterator[KubeObject]:
    for kind in rule.kinds:
        yield from estate.every(kind)
