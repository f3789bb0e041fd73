"""The content as Markdown, for a comment or a file beside the code: the same things in the same order, shorter."""

from collections.abc import Iterable, Iterator, Sequence

from seawall.policy.report.markdown import coded, escaped
from seawall.policy.report.text import count, sentence
from seawall.qa.report.content import Access, Content, Guest, Verdict
from seawall.qa.report.standings import WHAT_A_RISK_IS, WHAT_COUNTS

MOST = 100
"""Entries of a list; the others are counted."""
_MARKS = {"PASS": "✅", "CONCERNS": "⚠️", "FAIL": "❌", "WAIVED": "⏸️"}
_STATES = {"passed": "✅", "failed": "❌", "not run": "◌"}
_STANDINGS = {"fails": "❌", "told": "⚠️", "waived": "⏸️", "in the baseline": "⏸️", "deferred": "⏳"}
_TITLES = {"dragonfly": "Cache, Dragonfly", "cnpg": "Databases, PostgreSQL"}


def markdown(content: Content) -> str:
    """The Markdown text. Nothing of anybody's files becomes markup, a link or a mention."""
    lines = [f"# Seawall report: {escaped(content.source)}", ""]
    extra = "".join(f", {escaped(name)} {coded(value)}" for name, value in content.extra.items())
    lines += [f"Made by {content.tool} on {content.at}{extra}.", ""]
    for section in (
        _verdicts,
        _access,
        _answers,
        _risks,
        _tests,
        _findings,
        _matrix,
        _databases,
        _decisions,
        _unseen,
    ):
        found = list(section(content))
        lines += [*found, ""] if found else []
    return "\n".join(lines)


def _said(words: str) -> str:
    """A sentence of ours, its `commands` set as code."""
    parts = words.split("`")
    if len(parts) % 2 == 0:
        return escaped(words)
    return "".join(coded(part) if place % 2 else escaped(part) for place, part in enumerate(parts))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _table(head: Sequence[str], rows: Sequence[str]) -> Iterator[str]:
    yield _row(*head)
    yield f"|{'---|' * len(head)}"
    yield from rows[:MOST]
    if len(rows) > MOST:
        yield _row(f"… {len(rows) - MOST:,} more", *[""] * (len(head) - 1))


def _folded(title: str, body: Iterable[str]) -> Iterator[str]:
    """Lines that a reader unfolds; nothing where there are none."""
    lines = list(body)
    if lines:
        yield from (f"<details><summary>{title}</summary>", "", *lines, "", "</details>", "")


def _verdicts(content: Content) -> Iterator[str]:
    if content.verdicts:
        yield from (WHAT_COUNTS, "")
    for verdict in content.verdicts:
        yield from _verdict(verdict)


def _verdict(verdict: Verdict) -> Iterator[str]:
    yield f"## {_MARKS[verdict.gate]} {_TITLES[verdict.service]}: {verdict.gate} ({verdict.score}/100)"
    yield ""
    yield sentence(_said(verdict.status_reason))
    yield ""
    if verdict.next:
        yield "Do next:"
        yield ""
        for number, todo in enumerate(verdict.next, 1):
            settles = ", ".join(todo.about) if len(todo.about) <= 3 else count(len(todo.about), "point")
            yield f"{number}. {_said(todo.mend)} (settles {escaped(settles)})"
        yield ""
    rows = []
    for step in verdict.steps:
        for reason in step.reasons:
            mark = _MARKS["WAIVED"] if reason.waived else _MARKS[reason.gate]
            accepted = f"<br>accepted: {escaped(reason.waived)}" if reason.waived else ""
            name = f"{step.number}. {escaped(step.name)}"
            rows.append(_row(mark, name, coded(reason.about), _said(reason.text) + accepted))
    yield from _folded("Reasons", _table(("", "step", "about", "why"), rows) if rows else ())
    for waiver in verdict.waivers:
        yield f"- {_MARKS['WAIVED']} {coded(waiver.where)} accepted {escaped(waiver.text)}"


def _access(content: Content) -> Iterator[str]:
    yield "## Who can reach what"
    yield ""
    if not content.access:
        yield "Nothing here holds data: no Dragonfly, no Cluster and no Pooler."
        return
    rows = [_reached(access, content) for access in content.access]
    yield from _table(("", "store", "port", "reached by", "should not be so"), rows)


def _reached(access: Access, content: Content) -> str:
    store = content.reach.stores[access.store]
    bad = [*access.strangers, *access.missing]
    guests = ", ".join(map(_guest, access.guests[:MOST])) or "nobody"
    wrong = "<br>".join(f"{_guest(guest)}: {guest.state}, {escaped(guest.wrong)}" for guest in bad[:MOST])
    return _row("❌" if bad else "✅", escaped(store.key), ", ".join(map(str, access.ports)), guests, wrong)


def _guest(guest: Guest) -> str:
    return f"**{escaped(guest.name)}**{f' through {escaped(guest.way)}' if guest.way else ''}"


def _answers(content: Content) -> Iterator[str]:
    if content.answers:
        yield "## On call"
        yield ""
        rows = [
            _row(it.verdict, escaped(it.question), escaped(it.summary), coded(it.command), coded(it.runbook))
            for it in content.answers
        ]
        yield from _table(("", "question", "answer", "see for yourself", "runbook"), rows)


def _risks(content: Content) -> Iterator[str]:
    if content.risks:
        yield from ("## Risks", "", WHAT_A_RISK_IS, "")
        rows = []
        for risk in content.risks:
            lowered = "✅ lowered" if risk.lowered else "⚠️ not lowered"
            score = f"{risk.score} {risk.severity}"
            rows.append(_row(lowered, score, coded(risk.id), escaped(risk.title), _said(risk.reason)))
        yield from _table(("", "score", "risk", "what", "why"), rows)


def _tests(content: Content) -> Iterator[str]:
    if content.tests:
        yield "## Tests and their evidence"
        yield ""
        rows = []
        for test in content.tests:
            aside = (f"set aside: {coded(it.file)} {escaped(it.why)}" for it in test.set_aside)
            why = "<br>".join([_said(test.reason), *aside])
            evidence = f"{coded(test.evidence)} {test.environment}" if test.evidence else ""
            state = f"{_STATES[test.state]} {test.state}"
            rows.append(_row(state, test.priority, coded(test.id), why, evidence))
        yield from _table(("", "", "test", "why", "evidence"), rows)
        if content.set_aside:
            yield ""
        for it in content.set_aside:
            yield f"- no test's evidence: {coded(it.file)} {escaped(it.why)}"


def _findings(content: Content) -> Iterator[str]:
    yield "## Findings of the policy pack"
    yield ""
    if not content.findings:
        yield f"{count(content.tally.rules, 'rule')} looked at {content.tally.objects:,} objects and found nothing."
        return
    rows = []
    for it in content.findings:
        after = escaped(it.accepted) if it.accepted else f"Mend: {_said(it.mend)}"
        standing = f"{_STANDINGS[it.standing]} {it.standing}"
        said = f"{_said(it.message)}<br>{after}"
        rows.append(_row(standing, it.severity, coded(it.rule), coded(it.resource), said, coded(it.place)))
    yield from _table(("", "severity", "rule", "resource", "finding", "where"), rows)


def _matrix(content: Content) -> Iterator[str]:
    rows = []
    for store in content.reach.stores:
        name = escaped(store.key)
        if store.unreadable:
            rows.append(_row(name, "", f"cannot be said: {escaped(store.unreadable)}", ""))
        for row in store.rows:
            for port, number in zip(store.ports, row.cells, strict=True):
                cell = content.reach.cells[number]
                if cell.state != "closed" or cell.wrong:
                    wrong = f" **!** {escaped(cell.wrong)}" if cell.wrong else ""
                    said = f"{escaped(row.source)}: {cell.state}{wrong}"
                    rows.append(_row(name, str(port.number), said, escaped(cell.why)))
    body = ["What is not listed is closed.", "", *_table(("store", "port", "who", "decided by"), rows)] if rows else []
    yield from _folded("Who can open which port", body)


def _databases(content: Content) -> Iterator[str]:
    rows = []
    for entrance in content.entrances:
        name = escaped(f"{entrance.namespace}/{entrance.name}")
        rows += [_row(name, "", "", f"cannot be said: {escaped(why)}", "") for why in entrance.unknown]
        for way in entrance.ways:
            for how, mark in (("with TLS", way.tls), ("without TLS", way.plain)):
                if mark is not None and mark.enters:
                    wrong = f" **!** {escaped(mark.wrong)}" if mark.wrong else ""
                    said = f"{escaped(way.way)} {how}{wrong}"
                    rows.append(_row(name, escaped(way.role), escaped(way.database), said, coded(mark.line)))
    head = ("cluster", "role", "database", "way", "decided by")
    yield from _folded("Which role enters which database", _table(head, rows) if rows else ())


def _decisions(content: Content) -> Iterator[str]:
    if content.decisions:
        yield "## Decisions that nobody has signed"
        yield ""
        for decision in content.decisions:
            yield f"- {coded(decision.id)} {_said(decision.chosen)}"


def _unseen(content: Content) -> Iterator[str]:
    notes = [*content.tally.unreadable, *content.notes]
    if notes or content.tally.off:
        yield "## Not seen, or assumed"
        yield ""
        for note in notes[:MOST]:
            yield f"- {escaped(note.text)}{f' ({coded(note.where)})' if note.where else ''}"
        for rule in content.tally.off:
            yield f"- {escaped(rule)}: disabled by the configuration"
