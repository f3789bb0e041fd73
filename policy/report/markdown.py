"""The result as Markdown, for the summary of a CI step or a comment."""

import re
from itertools import groupby

from seawall.policy.findings import Finding, Outcome
from seawall.policy.report.result import Result, Standing, risks
from seawall.policy.report.text import count, labelled, marked, plain

_SIGNIFICANT = re.compile(r"([\\`*_{}\[\]<>#|~@!&])")
_MARKS = {
    Standing.FAILS: "❌",
    Standing.TOLD: "⚠️",
    Standing.WAIVED: "⏸️ waived",
    Standing.KNOWN: "⏸️ baseline",
    Standing.DEFERRED: "⏳",
}


def to_markdown(result: Result) -> str:
    """The result as Markdown text."""
    lines = [f"## seawall check: {_headline(result)}", ""]
    lines += [f"- ❌ {coded(problem.place)} cannot be read: {escaped(problem.why)}" for problem in result.unreadable]
    if result.findings:
        lines += ["", "| | resource | finding | where |", "|---|---|---|---|"]
    for rule, group in groupby(result.findings, key=lambda finding: finding.rule):
        lines.append(f"| | **{rule.id}** {rule.severity.value} | **{escaped(rule.title)}** | {coded(rule.page)} |")
        lines += [_row(finding, result) for finding in group]
    lines += ["", "<details><summary>Risks</summary>", "", "| risk | severity | about | verdict |", "|---|---|---|---|"]
    lines += [f"| {row.risk} | {row.severity.value} | {escaped(row.title)} | {row.verdict} |" for row in risks(result)]
    lines += [f"| {rule.id} | {rule.severity.value} | {escaped(rule.title)} | disabled |" for rule in result.off]
    lines += ["", "</details>", ""]
    if result.fixed:
        lines += ["In the baseline, and there no more:", ""]
        lines += [f"- {entry.rule} {coded(entry.resource)}" for entry in result.fixed]
        lines.append("")
    if result.notes:
        lines += ["<details><summary>Not seen, or assumed</summary>", ""]
        lines += [f"- {escaped(note.text)}{f' ({coded(note.where)})' if note.where else ''}" for note in result.notes]
        lines += ["", "</details>", ""]
    return "\n".join(lines)


def _headline(result: Result) -> str:
    parts = [count(result.count(Outcome.VIOLATED), "finding")]
    parts += [
        f"{number} {what}"
        for number, what in (
            (result.count(Outcome.NOT_EVALUATED), Outcome.NOT_EVALUATED.value),
            (result.count(Outcome.DEFERRED), Outcome.DEFERRED.value),
            (result.counted(Standing.WAIVED), Standing.WAIVED.value),
            (result.counted(Standing.KNOWN), Standing.KNOWN.value),
            (len(result.unreadable), "unreadable"),
        )
        if number
    ]
    where = count(result.files, "file") if result.files else escaped(result.source)
    looked = f"{count(result.objects, 'object')} in {where}, {len(result.judged)} rules"
    return f"{'failed' if result.exit_code else 'passed'}, {', '.join(parts)} ({looked})"


def _row(finding: Finding, result: Result) -> str:
    said = escaped(labelled(finding))
    after = marked(finding) or f"Mend: {plain(finding.mend)}"
    mark = _MARKS[result.standing(finding)]
    return f"| {mark} | {coded(finding.subject.title)} | {said}<br>{escaped(after)} | {coded(finding.place)} |"


def escaped(text: str) -> str:
    """Text that stays text: nothing of anybody's files becomes markup, a link or a mention."""
    return _SIGNIFICANT.sub(lambda found: f"&#{ord(found[1])};", plain(text))


def coded(text: str) -> str:
    """The same, as code."""
    return f"<code>{escaped(text)}</code>"
