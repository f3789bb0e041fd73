"""The result for a person: by risk, the worst first, then what passed, what was not seen, and the tally."""

from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from seawall.policy.findings import Finding, Outcome, Severity
from seawall.policy.report.result import Result, fails

_COLOURS = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
}
_MARKS = {Outcome.VIOLATED: ("✗", "red"), Outcome.DEFERRED: ("…", "blue"), Outcome.NOT_EVALUATED: ("?", "magenta")}


def show(result: Result, console: Console, *, fail_on: Severity | None) -> None:
    """Prints a result."""
    for rule, group in groupby(result.findings, key=lambda finding: finding.rule):
        console.print(
            Text.assemble(
                (rule.id, "bold"), "  ", (rule.severity.value, _COLOURS[rule.severity]), "  ", (rule.title, "bold")
            )
        )
        console.print(Padding(Text(rule.why, style="dim"), (0, 0, 1, 2)))
        for finding in group:
            _show_finding(finding, console)
    for problem in result.unreadable:
        console.print(Text.assemble(("✗ ", "red"), (_plain(problem.place), "bold"), "  ", _plain(problem.why)))
    _show_passed(result, console)
    _show_unseen(result, console)
    _show_tally(result, console, fail_on)


def _show_finding(finding: Finding, console: Console) -> None:
    mark, colour = _MARKS[finding.outcome]
    label = "" if finding.outcome is Outcome.VIOLATED else f"{finding.outcome.value}: "
    console.print(
        Padding(
            Text.assemble(
                (f"{mark} ", colour),
                (_plain(finding.subject.title), "bold"),
                "  ",
                (_plain(finding.place), "dim underline"),
            ),
            (0, 0, 0, 2),
        )
    )
    console.print(Padding(Text(label + _sentence(_plain(finding.message))), (0, 0, 0, 4)))
    console.print(Padding(Text.assemble(("→ ", "green"), (_plain(finding.mend), "green")), (0, 0, 1, 4)))


def _show_passed(result: Result, console: Console) -> None:
    complained = {finding.rule.id for finding in result.findings}
    for judged in result.judged:
        if judged.rule.id in complained:
            continue
        mark, style = ("✓", "green") if judged.objects else ("–", "dim")
        said = f"{_count(judged.objects, 'object')} judged" if judged.objects else "nothing to judge"
        console.print(
            Text.assemble((f"{mark} ", style), (judged.rule.id, style), f"  {judged.rule.title}  ", (said, "dim"))
        )


def _show_unseen(result: Result, console: Console) -> None:
    if result.notes:
        console.print()
        console.print(Text("Not seen, or assumed:", style="bold"))
        for note in result.notes:
            said = _plain(f"{note.text}{f' ({note.where})' if note.where else ''}")
            console.print(Padding(Text(f"· {said}"), (0, 0, 0, 2)))
    console.print()


def _show_tally(result: Result, console: Console, fail_on: Severity | None) -> None:
    failing = sum(fails(finding, fail_on) for finding in result.findings)
    parts = [_count(result.count(Outcome.VIOLATED), "finding")]
    for outcome in (Outcome.NOT_EVALUATED, Outcome.DEFERRED):
        if result.count(outcome):
            parts.append(f"{result.count(outcome)} {outcome.value}")
    if result.unreadable:
        parts.append(f"{len(result.unreadable)} unreadable")
    looked = f"{_count(result.objects, 'object')} in {_count(result.files, 'file')}"
    looked += f", {result.projected} more that operators will make of them"
    if result.not_kubernetes:
        looked += f", {_count(result.not_kubernetes, 'document')} of other tools left out"
    bad = failing or result.unreadable
    console.print(
        Text.assemble(
            (", ".join(parts), "bold red" if bad else "bold green"),
            f" · {len(result.judged)} rules · {looked} · {result.seconds:.2f} s",
        )
    )


def _plain(text: str) -> str:
    """Text of anybody's files without what moves a terminal's cursor, colours it, or begins a line of a log."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
