"""The content of the report from everything that was judged: one pure function."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from seawall import __version__
from seawall.policy.estate.model import Estate
from seawall.policy.report.result import Result
from seawall.policy.report.text import plain
from seawall.policy.secrecy import secret_texts
from seawall.qa.gate.model import Outcome
from seawall.qa.oncall.model import Answer, worst_first
from seawall.qa.report import standings
from seawall.qa.report.access import access
from seawall.qa.report.content import Answered, Content, Fact, Note, Tally
from seawall.qa.report.entrances import entrances
from seawall.qa.report.reach import reach
from seawall.qa.report.walls import walled


def compose(
    result: Result,
    estate: Estate,
    *,
    at: datetime,
    outcomes: Sequence[Outcome] = (),
    answers: Iterable[Answer] = (),
    extra: Mapping[str, str] | None = None,
) -> Content:
    """The content, without anything secret that the estate holds. `extra` are lines under the title, by name."""
    reached, entered = reach(estate), entrances(estate)
    made = Content(
        source=result.source,
        at=standings.minute(at),
        tool=f"seawall {__version__}",
        tally=_tally(result),
        verdicts=tuple(standings.verdict(outcome) for outcome in outcomes),
        risks=standings.risks(outcomes),
        tests=standings.tests(outcomes),
        reach=reached,
        access=access(reached, entered),
        entrances=entered,
        findings=standings.findings(result),
        decisions=standings.decisions(outcomes),
        answers=tuple(_answered(answer) for answer in worst_first(answers)),
        set_aside=standings.set_aside(outcomes),
        notes=tuple(Note(note.text, note.where) for note in result.notes),
        extra=dict(extra or {}),
    )
    return walled(made, secret_texts([*estate.declared, *estate.others]))


def _tally(result: Result) -> Tally:
    unreadable = tuple(Note(f"cannot be read: {plain(each.why)}", each.place) for each in result.unreadable)
    off = tuple(f"{rule.id} {rule.title}" for rule in result.off)
    return Tally(
        result.objects, result.projected, result.files, len(result.judged), result.not_kubernetes, unreadable, off
    )


def _answered(answer: Answer) -> Answered:
    return Answered(
        answer.topic.value,
        answer.about,
        answer.question,
        answer.verdict.value,
        answer.severity.value,
        answer.summary,
        tuple(Fact(fact.text, fact.severity.value) for fact in answer.facts),
        answer.command,
        answer.runbook,
    )
