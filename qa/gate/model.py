"""What the gate weighs and what it says."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Literal

from seawall.qa.evidence.model import Environment
from seawall.qa.register import Decision, Priority, Service


class Gate(IntEnum):
    """The verdicts, the worst highest. `WAIVED` is none of them: it is what a FAIL becomes that somebody accepts."""

    PASS = 0
    CONCERNS = 1
    FAIL = 2


class State(StrEnum):
    """How a test stands."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class SetAside:
    """Evidence that does not count, and why: `stale: …`, `simulated: …`, `another cluster: …`, `not signed: …`."""

    file: str
    why: str


@dataclass(frozen=True)
class TestStanding:
    """How a test of the register stands, by the evidence that counts for it."""

    test: str
    priority: Priority
    needs: tuple[str, ...]
    expect: str
    risks: tuple[str, ...]
    state: State
    reason: str
    """In one sentence: what was seen, or what it needs to be run."""
    evidence: str | None = None
    """The file that counts."""
    environment: Environment | None = None
    when: datetime | None = None
    set_aside: tuple[SetAside, ...] = ()


@dataclass(frozen=True)
class RiskStanding:
    """How a risk stands. Only evidence of a real run lowers one."""

    risk: str
    title: str
    score: int
    severity: str
    tests: tuple[str, ...]
    lowered: bool
    reason: str
    findings: int
    """What the policy pack found of it, waived ones not counted."""


@dataclass(frozen=True)
class Reason:
    """Why a step is not PASS."""

    gate: Gate
    about: str
    """Id of a test, risk, rule or quality."""
    text: str
    mend: str
    waived: str | None = None
    """By whom and why, when somebody accepts it."""


@dataclass(frozen=True)
class Step:
    """One of the four steps of the decision."""

    number: int
    name: str
    reasons: tuple[Reason, ...] = ()

    @property
    def gate(self) -> Gate:
        """The worst of its reasons that nobody accepts."""
        return max((reason.gate for reason in self.reasons if reason.waived is None), default=Gate.PASS)


@dataclass(frozen=True)
class Issue:
    """What has to be mended, worst first."""

    id: str
    severity: Literal["high", "medium", "low"]
    finding: str
    suggested_action: str
    waived: str | None = None


@dataclass(frozen=True)
class Quality:
    """One of the four non-functional qualities: security, performance, reliability, maintainability."""

    name: str
    gate: Gate
    notes: str


@dataclass(frozen=True)
class Waiver:
    """What somebody accepts, until a day (inclusive): a risk, a test or a finding's rule by id."""

    about: str
    reason: str
    approver: str
    expires: date


@dataclass(frozen=True)
class Outcome:
    """What the gate says of one story."""

    service: Service
    story: str
    title: str
    gate: Literal["PASS", "CONCERNS", "FAIL", "WAIVED"]
    status_reason: str
    score: int
    """100 − 20 for each FAIL − 10 for each CONCERNS among the reasons, at least 0."""
    at: datetime
    steps: tuple[Step, ...]
    tests: tuple[TestStanding, ...]
    risks: tuple[RiskStanding, ...]
    issues: tuple[Issue, ...]
    qualities: tuple[Quality, ...]
    open_decisions: dict[str, Decision] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()
    """Those that are in force for this story, whether anything needs them or not."""
    set_aside: tuple[SetAside, ...] = ()
    """Files that are no test's evidence; what does not count for a test is in its standing."""
