"""The result for a person: what was found by rule, the worst first, then each risk's verdict, and the tally."""

from itertools import groupby

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from seawall.policy.findings import Finding, Outcome, Rule, Severity
from seawall.policy.report.result import Result, RiskVerdict, Standing, risks
from seawall.policy.report.text import count, labelled, marked, plain

_COLOURS = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
}
_MARKS = {Outcome.VIOLATED: ("✗", "red"), Outcome.DEFERRED: ("…", "blue"), Outcome.NOT_EVALUATED: ("?", "magenta")}
_MARK_OF_LAID_ASIDE = ("~", "dim")
_QUIET = (Standing.WAIVED.value, Standing.KNOWN.value, Outcome.DEFERRED.value)
"""What a risk's verdict may say and still hold nothing to mend now."""


def show(result: Result, console: Console) -> None:
    """Prints a result."""
    for rule, group in groupby(result.findings, key=lambda finding: finding.rule):
        _show_heading(rule, console)
        for _, same in groupby(group, key=_heading):
            _show_findings(list(same), console)
    for problem in result.unreadable:
        console.print(Text.assemble(("✗ ", "red"), (plain(problem.place), "bold"), "  ", plain(problem.why)))
    _show_risks(result, console)
    _show_matrices(result, console)
    _show_unseen(result, console)
    _show_tally(result, console)


def _show_heading(rule: Rule, console: Console) -> None:
    others = [risk for risk in rule.risks if risk != rule.id]
    console.print(
        Text.assemble(
            (rule.id, "bold"),
            "  ",
            (rule.severity.value, _COLOURS[rule.severity]),
            "  ",
            (rule.title, "bold"),
            (f"  answers {', '.join(others)}" if others else "", "dim"),
        )
    )
    console.print(Padding(Text(rule.why, style="dim"), (0, 0, 1, 2)))


def _heading(finding: Finding) -> tuple[object, ...]:
    """Findings of a rule that are alike in this follow each other under one line."""
    return finding.subject, finding.place, finding.outcome, finding.waived, finding.known


def _show_findings(findings: list[Finding], console: Console) -> None:
    """What one rule found at one place of one object."""
    quiet = marked(findings[0])
    head, *_ = findings
    mark, colour = _MARK_OF_LAID_ASIDE if quiet else _MARKS[head.outcome]
    console.print(
        Padding(
            Text.assemble(
                (f"{mark} ", colour),
                (plain(head.subject.title), "dim" if quiet else "bold"),
                "  ",
                (plain(head.place), "dim underline"),
            ),
            (0, 0, 0, 2),
        )
    )
    for finding in findings:
        console.print(Padding(Text(labelled(finding), style="dim" if quiet else ""), (0, 0, 0, 4)))
        if not quiet:
            console.print(Padding(Text(f"→ {plain(finding.mend)}", style="green"), (0, 0, 0, 4)))
    if quiet:
        console.print(Padding(Text(f"→ {quiet}", style="cyan"), (0, 0, 0, 4)))
    console.print()


def _show_risks(result: Result, console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("")
    table.add_column("risk", no_wrap=True)
    table.add_column("severity")
    table.add_column("what it is about", overflow="fold")
    table.add_column("verdict", overflow="fold")
    for row in risks(result):
        mark, style = _verdict_mark(row)
        rules = f" ({len(row.rules)} rules)" if len(row.rules) > 1 else ""
        judged = f", {count(row.objects, 'object')} judged" if row.objects and not row.said else ""
        table.add_row(
            Text(mark, style=style),
            Text(row.risk, style=style),
            Text(row.severity.value, style=_COLOURS[row.severity] if style == "red" else "dim"),
            Text.assemble(row.title, (rules, "dim")),
            Text(row.verdict + judged, style=style),
        )
    console.print(table)
    for rule in result.off:
        console.print(Text(f"– {rule.id}  {rule.title}: disabled by the configuration", style="dim"))


def _verdict_mark(row: RiskVerdict) -> tuple[str, str]:
    if not row.said:
        return ("✓", "green") if row.objects else ("–", "dim")
    return ("~", "cyan") if set(row.said) <= set(_QUIET) else ("✗", "red")


def _show_matrices(result: Result, console: Console) -> None:
    if result.matrices is None:
        return
    for title, said in (
        ("Who can open what (! marks what should not be so)", result.matrices.reach),
        ("Which role enters which database", result.matrices.entries),
    ):
        console.print(Text(title, style="bold"))
        for line in said.splitlines() or ["nothing of that kind here"]:
            console.print(Text(plain(line)), soft_wrap=True)
        console.print()


def _show_unseen(result: Result, console: Console) -> None:
    if result.notes:
        console.print(Text("Not seen, or assumed:", style="bold"))
        for note in result.notes:
            said = plain(f"{note.text}{f' ({note.where})' if note.where else ''}")
            console.print(Padding(Text(f"· {said}"), (0, 0, 0, 2)))
        console.print()
    if result.fixed:
        console.print(Text("In the baseline, and there no more (write it anew to keep them out):", style="bold"))
        for entry in result.fixed:
            console.print(Padding(Text(plain(f"✓ {entry.rule}  {entry.resource}"), style="green"), (0, 0, 0, 2)))
        console.print()


def _show_tally(result: Result, console: Console) -> None:
    parts = [count(result.count(Outcome.VIOLATED), "finding")]
    for outcome in (Outcome.NOT_EVALUATED, Outcome.DEFERRED):
        if result.count(outcome):
            parts.append(f"{result.count(outcome)} {outcome.value}")
    for standing in (Standing.WAIVED, Standing.KNOWN):
        if result.counted(standing):
            parts.append(f"{result.counted(standing)} {standing.value}")
    if result.unreadable:
        parts.append(f"{len(result.unreadable)} unreadable")
    where = count(result.files, "file") if result.files else result.source
    looked = f"{count(result.objects, 'object')} in {plain(where)}"
    looked += f", {result.projected} more that operators will make of them"
    if result.not_kubernetes:
        looked += f", {count(result.not_kubernetes, 'document')} of other tools left out"
    console.print(
        Text.assemble(
            (", ".join(parts), "bold red" if result.exit_code else "bold green"),
            f" · {len(result.judged)} rules · {looked} · {result.seconds:.2f} s",
        )
    )
