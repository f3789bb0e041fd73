"""The pieces that an answer is made of, and how they are weighed: the worst piece is the answer."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from seawall.qa.evidence import wall
from seawall.qa.oncall.model import Answer, Fact, Severity, Topic, Verdict

PAGE: Final = "docs/on-call.md"
RANK: Final = (Verdict.NO, Verdict.UNKNOWN, Verdict.CAREFUL, Verdict.YES, Verdict.NONE)
"""The worst first."""


@dataclass(frozen=True)
class Remark:
    """One thing that was seen, and what it means for the question."""

    verdict: Verdict
    text: str
    severity: Severity = Severity.FINE
    runbook: str = PAGE


def fine(text: str) -> Remark:
    """It is as it should be."""
    return Remark(Verdict.YES, text)


def told(text: str) -> Remark:
    """It is worth knowing, and changes no verdict."""
    return Remark(Verdict.YES, text, Severity.INFO)


def careful(text: str, runbook: str = PAGE) -> Remark:
    """It is well, at a price that has to be known."""
    return Remark(Verdict.CAREFUL, text, Severity.INFO, runbook)


def watch(text: str, runbook: str = PAGE) -> Remark:
    """It is well now, and somebody has to look."""
    return Remark(Verdict.CAREFUL, text, Severity.WARNING, runbook)


def never(text: str, runbook: str = PAGE) -> Remark:
    """No, by design: nothing is broken."""
    return Remark(Verdict.NO, text, Severity.INFO, runbook)


def broken(text: str, runbook: str = PAGE) -> Remark:
    """No, because something is not as it should be."""
    return Remark(Verdict.NO, text, Severity.WARNING, runbook)


def grave(text: str, runbook: str = PAGE) -> Remark:
    """No, and somebody has to do something now."""
    return Remark(Verdict.NO, text, Severity.CRITICAL, runbook)


def unseen(text: str, runbook: str = PAGE) -> Remark:
    """It cannot be seen from here; `text` says why."""
    return Remark(Verdict.UNKNOWN, text, Severity.WARNING, runbook)


def page(alert: str) -> str:
    """The page of an alert or a procedure."""
    return f"docs/runbooks/{alert}.md"


def weighed(
    topic: Topic, about: str, remarks: Iterable[Remark], *, command: str, summary: str = "", runbook: str = PAGE
) -> Answer:
    """The answer that these remarks make: the worst verdict, the worst severity, all of them as facts.

    `summary` is for an answer that has nothing to complain about, else the worst remark is it; `runbook` likewise.
    """
    # what an operator or a person wrote into an object may quote an address with its password
    cleaned = [replace(it, text=wall.blotted(it.text)) for it in remarks]
    found = sorted(cleaned, key=lambda it: (RANK.index(it.verdict), it.severity.rank))
    facts = tuple(Fact(it.text, it.severity) for it in found)
    if not found or found[0].verdict is Verdict.YES:
        severity = min((it.severity for it in found), key=lambda it: it.rank, default=Severity.FINE)
        text = summary or "; ".join(it.text for it in found) or "yes"
        return Answer(topic, about, Verdict.YES, severity, text, command, runbook, facts)
    worst = found[0]
    alike = sum(it.verdict is worst.verdict for it in found) - 1
    text = f"{worst.text} (and {alike} more)" if alike else worst.text
    return Answer(
        topic,
        about,
        worst.verdict,
        min((it.severity for it in found), key=lambda it: it.rank),
        f"unknown, because {text}" if worst.verdict is Verdict.UNKNOWN else text,
        command,
        worst.runbook if worst.runbook != PAGE else runbook,
        facts,
    )
