"""The verdicts for a person: what each gate says, why, and what to do, in as few lines as that takes."""

from collections import Counter
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from seawall.policy.report.text import count, plain
from seawall.qa.evidence.model import Environment
from seawall.qa.gate.mending import order
from seawall.qa.gate.model import Gate, Outcome, Reason, State, Step, TestStanding

COLOURS = {"PASS": "bold green", "CONCERNS": "bold yellow", "FAIL": "bold white on red", "WAIVED": "bold cyan"}
_MARKS = {Gate.FAIL: ("✗", "red"), Gate.CONCERNS: ("!", "yellow")}


def show(outcomes: Sequence[Outcome], console: Console) -> None:
    """Prints the verdicts."""
    for outcome in outcomes:
        _head(outcome, console)
        console.print(_steps(outcome))
        _reasons([reason for step in outcome.steps[:3] for reason in step.reasons], console)
        _accepted(outcome, console)
        _tests(outcome, console)
        console.print()


def _head(outcome: Outcome, console: Console) -> None:
    console.print(
        Text.assemble((outcome.story, "bold"), "  ", (f" {outcome.gate} ", COLOURS[outcome.gate]), f"  {outcome.title}")
    )
    console.print(Text(plain(outcome.status_reason)))


def _steps(outcome: Outcome) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for name in ("step", "says", "because of"):
        table.add_column(name, overflow="fold")
    for step in outcome.steps:
        because = _qualities(outcome) if step.number == len(outcome.steps) else _because(step)
        table.add_row(f"{step.number} {step.name}", Text(step.gate.name, style=COLOURS[step.gate.name]), because)
    table.add_row("", "", Text(f"score {outcome.score} of 100", style="dim"))
    return table


def _because(step: Step) -> Text:
    standing = [reason for reason in step.reasons if reason.waived is None]
    ids = list(dict.fromkeys(reason.about for reason in standing))
    return Text(count(len(ids), "reason") if len(ids) > 3 else ", ".join(ids))


def _qualities(outcome: Outcome) -> Text:
    """A line for each that is not PASS; which tests have not been run is told below."""
    lines = []
    for quality in outcome.qualities:
        tally, *causes = plain(quality.notes).split("; ")
        told = [tally, *(cause for cause in causes if not cause.startswith("not run: "))]
        if quality.gate is not Gate.PASS:
            lines.append(f"{quality.name}: {'; '.join(told)}")
    return Text("\n".join(lines))


def _reasons(reasons: Iterable[Reason], console: Console) -> None:
    """What nobody accepts, under what to do about it; what is said of several things is said once."""
    standing = sorted((it for it in reasons if it.waived is None), key=lambda it: order(it.gate, it.mend))
    for mend in dict.fromkeys(reason.mend for reason in standing):
        console.print(Text(f"→ {plain(mend)}", style="green"))
        mine = [reason for reason in standing if reason.mend == mend]
        for gate, text in dict.fromkeys((reason.gate, reason.text) for reason in mine):
            ids = [reason.about for reason in mine if (reason.gate, reason.text) == (gate, text)]
            mark, colour = _MARKS[gate]
            line = Text.assemble((f"{mark} ", colour), (", ".join(ids), "bold"), f"  {plain(text)}")
            console.print(Padding(line, (0, 0, 0, 2)))


def _accepted(outcome: Outcome, console: Console) -> None:
    waived = [(it.about, it.text, it.waived) for step in outcome.steps for it in step.reasons if it.waived]
    for about, text, by in dict.fromkeys(waived):
        console.print(Text.assemble(("~ ", "cyan"), (about, "bold"), f"  {plain(text)}"))
        console.print(Padding(Text(f"→ {plain(by or '')}", style="cyan"), (0, 0, 0, 2)))


def _tests(outcome: Outcome, console: Console) -> None:
    tests = outcome.tests
    states = Counter(test.state for test in tests)
    words = {State.PASSED: "passed", State.FAILED: "failed", State.NOT_RUN: "not run where it counts"}
    told = ", ".join(f"{states[state]} {word}" for state, word in words.items() if states[state])
    console.print(Text(f"{count(len(tests), 'test')}: {told}", style="bold"))
    others = [test.test for test in tests if test.state is State.NOT_RUN and test.priority != "P0"]
    if others:
        console.print(Padding(Text(f"of P1 and P2 not run: {', '.join(others)}", style="dim"), (0, 0, 0, 2)))
    elsewhere = [test.test for test in tests if test.state is State.NOT_RUN and _simulated(test)]
    if elsewhere:
        said = f"{count(len(elsewhere), 'test')} passed in the sandbox, which does not count for a cluster"
        console.print(Padding(Text(said, style="dim"), (0, 0, 0, 2)))
    aside = [it for test in tests for it in test.set_aside] + list(outcome.set_aside)
    kinds = Counter(it.why.partition(":")[0] for it in aside)
    if kinds:
        said = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
        line = f"{count(len(aside), 'file')} set aside ({plain(said)}); seawall evidence list tells of each"
        console.print(Padding(Text(line, style="dim"), (0, 0, 0, 2)))


def _simulated(test: TestStanding) -> bool:
    return any(it.why.startswith(Environment.SIMULATED) for it in test.set_aside)
