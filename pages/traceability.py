"""The page that maps every risk, decision and test to setting, object and field."""

from collections.abc import Mapping, Sequence

from seawall.pages import markdown
from seawall.policy.findings import Rule
from seawall.qa.checks import Check, Creates
from seawall.qa.evidence.files import FOLDER
from seawall.qa.register import Decision, Register, Trace

SOURCE = "qa/register.yaml"
_WHERE = ("id", "setting", "object", "field", "what stands there", "note")


def page(register: Register, rules: Sequence[Rule], checks: Mapping[str, Check]) -> str:
    """The page; `rules` are those of the policy pack, `checks` how each test is run."""
    return markdown.page(
        SOURCE,
        "Traceability",
        "Where every risk, decision and test of QA shows in what the stacks deploy. A test of the repository evaluates "
        "each line against the rendered stacks. That a line holds says that the thing is built, not that it was tried: "
        "a test that needs a live system is run there, and its line is what makes it testable. The rules are those of "
        "the policy pack that judge anybody's resources for the risk.",
        _numbers(register),
        "## Risks",
        _risks(register, rules),
        "### Where the risks show",
        _traces({name: risk.trace for name, risk in register.risks.items()}),
        "## Decisions",
        decisions(register.decisions),
        "### Where the decisions show",
        _traces({name: decision.trace for name, decision in register.decisions.items()}),
        "## Tests",
        "How each is run is the same in the sandbox and on a real cluster. A run leaves a file "
        f"`{FOLDER}/<TEST-ID>-<end of the run>-<cluster>.md`, so that `{FOLDER}/<TEST-ID>-*.md` are all of a test's; "
        "[the gate](gate.md) tells which of them count.",
        _tests(register, checks),
        "### Where the tests look",
        _traces({name: test.trace for name, test in register.tests.items()}),
        "## Gate",
        register.gate.rule,
    )


def link(name: str, base: str = "") -> str:
    """A link to an id on this page; `base` is the page as seen from another one."""
    return f"[{name}]({base}#{markdown.anchor(name)})"


def decisions(found: Mapping[str, Decision], base: str | None = None) -> str:
    """The decisions; the page itself (`base` is None) carries the anchors, other pages link to them."""
    rows = [
        (
            markdown.anchored(name) if base is None else link(name, base),
            listed(decision.chosen),
            "; ".join(
                [
                    *(f"asked for as well: {text}" for text in decision.asked_also),
                    *(f"selectable: {text}" for text in decision.selectable),
                ]
            ),
            decision.why or "",
            decision.approved or "**open**",
        )
        for name, decision in found.items()
    ]
    return markdown.table(("decision", "chosen", "not chosen", "why", "approved"), rows)


def listed(chosen: str | Sequence[str]) -> str:
    """What was chosen, in one line."""
    return chosen if isinstance(chosen, str) else ", ".join(f"`{text}`" for text in chosen)


def _numbers(register: Register) -> str:
    totals = register.totals
    severities = ", ".join(f"{count} {name}" for name, count in totals.by_severity.items())
    priorities = ", ".join(f"{count} {name}" for name, count in totals.by_priority.items())
    return (
        f"{totals.risks} risks (scores together {totals.score}; {severities}), {totals.decisions} decisions "
        f"({totals.open_decisions} open), {totals.tests} tests ({priorities})."
    )


def answering(risk: str, rules: Sequence[Rule]) -> list[Rule]:
    """The rules that answer a risk, the risk's own first."""
    return sorted((rule for rule in rules if risk in rule.risks), key=lambda rule: (rule.id != risk, rule.id))


def _risks(register: Register, rules: Sequence[Rule]) -> str:
    rows = [
        (
            markdown.anchored(name),
            f"{risk.score} ({risk.severity})",
            risk.title,
            ", ".join(link(test) for test in risk.tests),
            ", ".join(f"[{rule.id}](rules/{rule.id}.md)" for rule in answering(name, rules)),
            f"{risk.instead}: {risk.why_instead}" if risk.instead else "",
        )
        for name, risk in register.risks.items()
    ]
    head = ("risk", "score", "what goes wrong", "tests", "rules", "built instead of what was proposed")
    return markdown.table(head, rows)


def _tests(register: Register, checks: Mapping[str, Check]) -> str:
    rows = [
        (
            markdown.anchored(name),
            test.priority,
            ", ".join(test.needs),
            test.expect,
            _run(checks[name]),
            ", ".join(link(risk) for risk in register.risks_of(name)) or f"none: {test.without_risk}",
        )
        for name, test in register.tests.items()
    ]
    return markdown.table(("test", "priority", "needs", "what must be seen", "how it is run", "risks"), rows)


def _run(check: Check) -> str:
    """What a check does, and what it takes to be allowed to."""
    asked = {Creates.NOTHING: "", Creates.PROBES: "`--probe`", Creates.DISRUPTIVE: "`--disruptive`"}[check.creates]
    return f"{check.plan} ({asked})" if asked else check.plan


def _traces(groups: Mapping[str, Sequence[Trace]]) -> str:
    rows = [
        (
            link(name),
            _settings(trace),
            markdown.code(f"{trace.stack}: {trace.object}") + (f" in `{trace.namespace}`" if trace.namespace else ""),
            markdown.code(trace.field) if trace.field else "the object",
            _stands(trace),
            trace.note or "",
        )
        for name, traces in groups.items()
        for trace in traces
    ]
    return markdown.table(_WHERE, rows)


def _settings(trace: Trace) -> str:
    return ", ".join(_setting(path) for path in trace.settings) or "always so"


def _setting(path: str) -> str:
    """The setting, linked to the section of the reference that it is in."""
    return f"[`{path}`](reference/{path.partition('.')[0]}.md)"


def _stands(trace: Trace) -> str:
    if trace.predicate == "equals":
        return markdown.code(markdown.flow(trace.equals))
    if trace.predicate == "contains":
        return f"contains {markdown.code(markdown.flow(trace.contains))}"
    return {"as_setting": "what the setting says", "present": "is there", "absent": "is not there"}[trace.predicate]
