"""What the on-call page says: an `Answer` to each question, the same for the terminal, for JSON and for the report."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

VERSION: Final = 1
"""Of the form that `document` gives; docs/schemas/on-call-v1.schema.json describes it."""


class Verdict(StrEnum):
    """The word that answers a question."""

    YES = "yes"
    CAREFUL = "careful"
    """Yes, and something has to be known or done first."""
    NO = "no"
    UNKNOWN = "unknown"
    """It cannot be seen from here; `because` says why. Never a guess."""
    NONE = "none"
    """There is nothing here that the question is about."""


class Severity(StrEnum):
    """Whether a person has to do something, and when."""

    FINE = "fine"
    INFO = "info"
    """Worth knowing; nobody has to do anything now."""
    WARNING = "warning"
    """Somebody has to look today, or nobody knows whether somebody has to."""
    CRITICAL = "critical"
    """Now."""

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity)[::-1].index(self)


class Topic(StrEnum):
    """The questions of the page, in its order."""

    RUNNING = "running"
    DRAIN = "drain"
    BACKUP = "last backup"
    RESTORE = "last restore"
    CONNECTIONS = "connections"
    SECRETS = "secrets"
    REACH = "cache access"
    PLACE = "this cluster"
    """Whether this is a cluster of ours at all, and what a stack says that is not there."""


QUESTIONS: Final = {
    Topic.RUNNING: "Does {} run as it should?",
    Topic.DRAIN: "Is it safe to drain {}?",
    Topic.BACKUP: "Is there a good backup of {}?",
    Topic.RESTORE: "Was a backup of {} restored, and how long did it take?",
    Topic.CONNECTIONS: "Does every application of {} have connections left?",
    Topic.SECRETS: "Are the secrets in {} synced?",
    Topic.REACH: "Is {} open to those alone who should reach it?",
    Topic.PLACE: "Is this the right cluster ({})?",
}
"""Topic → the question, with what it is about."""


@dataclass(frozen=True)
class Fact:
    """One thing that was seen, as a line for a person; never a secret."""

    text: str
    severity: Severity = Severity.FINE


@dataclass(frozen=True)
class Answer:
    """The answer to one question about one thing."""

    topic: Topic
    about: str
    """The node, `namespace/name` of a resource, or a namespace."""
    verdict: Verdict
    severity: Severity
    summary: str
    """The answer in one line; of an unknown one why it cannot be seen."""
    command: str
    """What a person can run to see the same. Reads only."""
    runbook: str
    """The page to go on with, as a path in this repository, with its part."""
    facts: tuple[Fact, ...] = ()

    @property
    def question(self) -> str:
        """The question, written out."""
        return QUESTIONS[self.topic].format(self.about)

    @property
    def needs_a_person(self) -> bool:
        """Whether somebody has to look: at what is wrong, or at what cannot be seen."""
        return self.severity in (Severity.WARNING, Severity.CRITICAL) or self.verdict is Verdict.UNKNOWN

    def to_plain(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "topic": self.topic.value,
            "about": self.about,
            "question": self.question,
            "verdict": self.verdict.value,
            "severity": self.severity.value,
            "needs_a_person": self.needs_a_person,
            "summary": self.summary,
            "facts": [{"text": fact.text, "severity": fact.severity.value} for fact in self.facts],
            "command": self.command,
            "runbook": self.runbook,
        }


def unknown(
    topic: Topic, about: str, because: str, *, command: str, runbook: str, facts: Iterable[Fact] = ()
) -> Answer:
    """An answer that cannot be given from here."""
    return Answer(
        topic, about, Verdict.UNKNOWN, Severity.WARNING, f"unknown, because {because}", command, runbook, tuple(facts)
    )


def nothing(topic: Topic, about: str, what: str, *, command: str, runbook: str) -> Answer:
    """An answer where there is nothing to ask about."""
    return Answer(topic, about, Verdict.NONE, Severity.FINE, what, command, runbook)


def worst_first(answers: Iterable[Answer]) -> list[Answer]:
    """In the order in which somebody looks at them: the worst, then what is not known, then by topic and name."""
    topics = list(Topic)
    return sorted(
        answers,
        key=lambda it: (
            not it.needs_a_person,
            it.severity.rank,
            it.verdict is Verdict.UNKNOWN,
            topics.index(it.topic),
            it.about,
        ),
    )


@dataclass(frozen=True)
class Page:
    """All answers about one cluster."""

    context: str
    server: str
    """Address of its API server."""
    at: datetime
    """When it was read, by the API server's clock where it says one."""
    answers: Sequence[Answer]
    seconds: float
    """How long the reading took."""
    notes: tuple[str, ...] = ()
    """What the reader of all answers must know: clocks that disagree, metrics that do not answer."""

    @property
    def exit_code(self) -> int:
        """0, or 1 when something needs a person."""
        return int(any(answer.needs_a_person for answer in self.answers))

    def to_plain(self) -> dict[str, Any]:
        """As plain data, by docs/schemas/on-call-v1.schema.json."""
        return {
            "version": VERSION,
            "context": self.context,
            "server": self.server,
            "at": self.at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "seconds": round(self.seconds, 2),
            "exit_code": self.exit_code,
            "notes": list(self.notes),
            "answers": [answer.to_plain() for answer in worst_first(self.answers)],
        }
