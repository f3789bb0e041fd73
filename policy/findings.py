"""What a rule is, and what comes of judging by it."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from seawall.policy.estate.kinds import GroupKind
from seawall.policy.estate.model import Estate, KubeObject

PACK = "seawall"
"""The pack's name, as the engine says it with every verdict."""
DEFERRED_POLICY = "SEAWALL-DEFERRED"
"""The policy under which a verdict that waits for another resource is reported in a preview; advisory."""


class Severity(StrEnum):
    """How bad it is; follows the score of the risk."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)

    @staticmethod
    def of_score(score: int) -> "Severity":
        """9 is critical, 6 high, 4 medium, 3 and less low."""
        if score >= 9:
            return Severity.CRITICAL
        if score >= 6:
            return Severity.HIGH
        return Severity.MEDIUM if score >= 4 else Severity.LOW


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

    @property
    def blamed(self) -> KubeObject:
        """The object that holds the mistake."""
        return self.about or self.subject

    @property
    def place(self) -> str:
        """Where to look: `file:line`, or a URN."""
        return self.blamed.origin.text(self.path)

    @property
    def fingerprint(self) -> str:
        """The same for the same finding, whichever door it came through and wherever the file lies."""
        parts = (self.rule.id, self.outcome, self.subject.title, self.blamed.title, ".".join(self.path), self.message)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
