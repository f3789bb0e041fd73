"""The page at a terminal: all answers on the first screen, the worst first, one line each; then what is behind them."""

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from seawall.policy.report.text import count, plain
from seawall.qa.oncall.model import Answer, Page, Severity, Topic, Verdict, worst_first
from seawall.qa.oncall.things import clock

LINES = 24
"""Of the smallest terminal that the first screen is made for; it has 80 columns."""
_AROUND = 6
"""Lines of the first screen that are no answers, the shell's prompt among them."""
_MARKS = {
    Verdict.YES: ("✓", "green"),
    Verdict.NONE: ("–", "dim"),
    Verdict.CAREFUL: ("!", "yellow"),
    Verdict.UNKNOWN: ("?", "magenta"),
    Verdict.NO: ("✗", "red"),
}
_LOUD = {Severity.CRITICAL: "bold white on red", Severity.WARNING: "bold"}
_FACTS = {Severity.CRITICAL: "red", Severity.WARNING: "yellow", Severity.INFO: "", Severity.FINE: "dim"}


def show(page: Page, console: Console) -> None:
    """Prints the page."""
    answers = worst_first(page.answers)
    console.print(_head(page), overflow="ellipsis", no_wrap=True)
    console.print(_tally(answers), overflow="ellipsis", no_wrap=True)
    console.print()
    rows = _rows(answers, max(console.height, LINES) - _AROUND)
    console.print(_table(rows))
    for note in page.notes:
        console.print(Text(plain(note), style="yellow"))
    console.print()
    for answer in answers:
        _show_details(answer, console)


def _head(page: Page) -> Text:
    return Text.assemble(
        (plain(page.context), "bold"),
        (f"  {clock(page.at)}  read in {page.seconds:.1f} s  {plain(page.server)}", "dim"),
    )


def _tally(answers: Sequence[Answer]) -> Text:
    found = Counter(
        "unknown" if it.verdict is Verdict.UNKNOWN else "person" if it.needs_a_person else "fine" for it in answers
    )
    person, unseen, fine = found["person"], found["unknown"], found["fine"]
    needs = (
        f"{count(person, 'answer')} need{'s' if person == 1 else ''} a person" if person else "nothing needs a person"
    )
    return Text.assemble(
        (needs, "bold red" if person else "bold green"),
        (f", {unseen} cannot be seen", "magenta") if unseen else "",
        (f", {fine} {'is' if fine == 1 else 'are'} fine", "dim"),
    )


class _Row:
    """One line of the first screen: an answer, or several that are alike."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.answers = answers
        self.first = answers[0]

    @property
    def summary(self) -> str:
        """What stands at its end."""
        if len(self.answers) == 1:
            return self.first.summary.removeprefix("unknown, because ")
        return ", ".join(it.about.rpartition("/")[2] for it in self.answers)

    def about(self, short: bool) -> str:
        """What it is about."""
        if len(self.answers) > 1:
            return f"{len(self.answers)} others"
        return self.first.about.rpartition("/")[2] if short else self.first.about


def _rows(answers: Sequence[Answer], most: int) -> list[_Row]:
    """The lines; those that are fine share one for each question when there are too many."""
    if len(answers) <= most:
        return [_Row([it]) for it in answers]
    rows = [_Row([it]) for it in answers if it.needs_a_person]
    for topic in Topic:
        for verdict in (Verdict.NO, Verdict.CAREFUL, Verdict.YES, Verdict.NONE):
            alike = [it for it in answers if not it.needs_a_person and (it.topic, it.verdict) == (topic, verdict)]
            rows += [_Row(alike)] if alike else []
    return rows


def _table(rows: Iterable[_Row]) -> Table:
    found = list(rows)
    names = Counter((row.first.topic, row.first.about.rpartition("/")[2]) for row in found)
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, max_width=20, overflow="ellipsis")
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.expand = True
    for row in found:
        mark, colour = _MARKS[row.first.verdict]
        loud = _LOUD.get(row.first.severity, "")
        short = names[row.first.topic, row.first.about.rpartition("/")[2]] == 1
        table.add_row(
            Text(
                f"{mark} {row.first.verdict}",
                style=f"{colour} {loud}".strip() if loud != _LOUD[Severity.CRITICAL] else loud,
            ),
            Text(row.first.topic.value),
            Text(plain(row.about(short)), style="bold" if loud else ""),
            Text(plain(row.summary), style="" if row.first.needs_a_person else "dim"),
        )
    return table


def _show_details(answer: Answer, console: Console) -> None:
    mark, colour = _MARKS[answer.verdict]
    console.print(
        Text.assemble((f"{mark} ", colour), (plain(answer.question), "bold"), "  ", (answer.verdict.value, colour))
    )
    facts = Table.grid(padding=(0, 1, 0, 0))
    if not any(answer.summary.startswith((fact.text, f"unknown, because {fact.text}")) for fact in answer.facts):
        facts.add_row(" ", "", Text(plain(answer.summary)))
    for fact in answer.facts:
        facts.add_row(" ", "·", Text(plain(fact.text), style=_FACTS[fact.severity]))
    console.print(facts)
    # to be copied: never broken into lines of ours
    console.print(Text(f"  $ {plain(answer.command)}", style="cyan"), soft_wrap=True)
    console.print(Text(f"  → {answer.runbook}\n", style="green"), soft_wrap=True)
