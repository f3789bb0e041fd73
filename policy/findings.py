"""What a rule is, and what comes of judging by it."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property

from seawall.policy.estate.kinds import GroupKind
from seawall.policy.estate.model import Estate, KubeObject

PACK = "seawall"
"""The pack's name, as the engine says it with every verdict."""
DEFERRED_POLICY = "SEAWALL-DEFERRED"
"""The policy under which a verdict that waits for another resource is reported in a preview; advisory."""
NOT_EVALUATED_POLICY = "SEAWALL-NOT-EVALUATED"
"""The policy under which a rule that came to no verdict is reported; mandatory."""
WAIVERS_POLICY = "SEAWALL-WAIVERS"
"""The rule, and in the engine the policy, about the waivers themselves; always mandatory."""


class Severity(StrEnum):
    """How bad it is; follows the score of the risk."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return _RANKS[self]

    @staticmethod
    def of_score(score: int) -> "Severity":
        """9 is critical, 6 high, 4 medium, 3 and less low."""
        if score >= 9:
            return Severity.CRITICAL
        if score >= 6:
            return Severity.HIGH
        return Severity.MEDIUM if score >= 4 else Severity.LOW


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Level(StrEnum):
    """How a stack enforces a rule, in the words of Pulumi's policy configuration."""

    MANDATORY = "mandatory"
    ADVISORY = "advisory"
    DISABLED = "disabled"


class Outcome(StrEnum):
    """What a finding says. None of them is a pass."""

    VIOLATED = "violated"
    DEFERRED = "deferred"
    """The verdict waits for a value that another resource of the same stack will make: shown in a preview."""
    NOT_EVALUATED = "not evaluated"
    """The rule could not come to a verdict."""


@dataclass(frozen=True)
class Violation:
    """What a rule found wrong with the object that it looked at."""

    message: str
    """About this object, with numbers and decoded values; never with the value of a secret."""
    mend: str
    """What to do, for this object."""
    path: tuple[str, ...] = ()
    """The field to blame, inside `about`."""
    about: KubeObject | None = None
    """The object to blame when it is not the one that the rule looked at."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Numbers and decoded values by name, for machines."""
    key: str = ""
    """Tells violations of one rule at one field apart, whatever the message says today: a name, a port. Not needed
    where the words of the message do."""


Alone = Callable[[KubeObject], Iterator[Violation]]
Together = Callable[[KubeObject, Estate], Iterator[Violation]]


@dataclass(frozen=True)
class Rule:
    """One rule, with everything that a person whose deployment it blocks wants to know."""

    id: str
    """Stable, with the service's prefix: `DFLY-SEC-001`."""
    risks: tuple[str, ...]
    """The QA risks that it answers."""
    title: str
    score: int
    """The risk's score, 1 to 9; the severity follows."""
    why: str
    mend: str
    """What to do in general; each violation says it for its object."""
    kinds: tuple[GroupKind, ...]
    """The kinds of objects that it looks at, one after the other."""
    alone: tuple[Alone, ...] = ()
    """What can be judged from the object itself: also judged before it is created."""
    together: tuple[Together, ...] = ()
    """What needs the whole estate. Each check is contained by itself: an unknown value in one hides no other."""
    reaches: bool = False
    """Whether it asks who can open what, the costliest of what rules share: of two processes one works that out."""

    @property
    def severity(self) -> Severity:
        """By the risk's score."""
        return Severity.of_score(self.score)

    @property
    def mandatory(self) -> bool:
        """Whether it blocks by default: critical and high do."""
        return self.severity.rank <= Severity.HIGH.rank

    @property
    def page(self) -> str:
        """The rule's page, from the root of the repository."""
        return f"docs/rules/{self.id}.md"


WAIVED = "waived until "
"""How the mark of a waived finding begins, in every report."""


@dataclass(frozen=True)
class Waived:
    """Why a finding does not fail."""

    reason: str
    approver: str
    expires: date
    """The last day on which it holds."""

    @property
    def text(self) -> str:
        """For a person: until when, by whom and why."""
        return f"{WAIVED}{self.expires.isoformat()} by {self.approver}: {self.reason}"


@dataclass(frozen=True)
class Finding:
    """One verdict on one object, with everything that a report prints."""

    rule: Rule
    outcome: Outcome
    subject: KubeObject
    message: str
    mend: str
    path: tuple[str, ...] = ()
    about: KubeObject | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    """See `Violation.key`."""
    ordinal: int = 0
    """The place among findings that are alike but for numbers, counted from 0."""
    waived: Waived | None = None
    known: bool = False
    """Whether the baseline holds it. That is no waiver: nobody has accepted it."""

    @property
    def blamed(self) -> KubeObject:
        """The object that holds the mistake."""
        return self.about or self.subject

    @property
    def place(self) -> str:
        """Where to look: `file:line`, or a URN."""
        return self.blamed.origin.text(self.path)

    @property
    def likeness(self) -> tuple[str, ...]:
        """What makes it the same finding at another time, at another place and behind another door."""
        said = self.key or _lasting(self.message)
        return self.rule.id, self.outcome, self.subject.title, self.blamed.title, ".".join(self.path), said

    @cached_property
    def fingerprint(self) -> str:
        """The same for the same finding: whichever door it came through, wherever the file lies, whatever the day."""
        return hashlib.sha256("\n".join((*self.likeness, str(self.ordinal))).encode()).hexdigest()[:16]


_ASIDE = re.compile(r"\([^()]*\)")
_DAY_OR_MONTH = re.compile(r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b")
_DIGIT = re.compile("[0-9]")
_WORD = re.compile(r"[^\W\d_]+")


def _lasting(message: str) -> str:
    """The words of a message that stay when its numbers change: no asides, days, months, and nothing with a digit."""
    kept = (part for part in _ASIDE.sub(" ", message).split() if not _DIGIT.search(part))
    return " ".join(_WORD.findall(_DAY_OR_MONTH.sub(" ", " ".join(kept))))
