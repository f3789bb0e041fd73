"""`seawall rules` and `seawall explain`: what the pack knows, at the terminal."""

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from seawall import paths
from seawall.errors import UserError
from seawall.policy.acceptance import waivers
from seawall.policy.findings import Rule
from seawall.policy.rules import load

_LONGEST_EXAMPLE = 40
"""Lines of an example that are shown."""


class Form(StrEnum):
    """How the rules are listed."""

    TERMINAL = "terminal"
    JSON = "json"


def form(name: str) -> Form:
    """The form of this name. Raises `UserError` when there is none."""
    if name not in list(Form):
        raise UserError(f"--format {name}: must be one of {', '.join(Form)}")
    return Form(name)


def listed(form: Form, console: Console) -> None:
    """Prints every rule."""
    rules = [*load(), waivers.RULE]
    if form is Form.JSON:
        console.file.write(json.dumps([as_data(rule) for rule in rules], indent=2) + "\n")
        return
    table = Table("rule", "severity", "level", "what it demands", "looks at", box=None, padding=(0, 2, 0, 0))
    for rule in rules:
        table.add_row(
            Text(rule.id, style="bold"),
            rule.severity.value,
            _level(rule),
            rule.title,
            Text(_kinds(rule), style="dim"),
        )
    console.print(table)
    console.print(f"\n{len(rules)} rules; `seawall explain ID` has the page of each.", markup=False)


def as_data(rule: Rule) -> dict[str, object]:
    """A rule as plain data."""
    return {
        "id": rule.id,
        "risks": list(rule.risks),
        "title": rule.title,
        "severity": rule.severity.value,
        "score": rule.score,
        "level": _level(rule),
        "kinds": [{"group": group, "kind": kind} for group, kind in rule.kinds],
        "why": rule.why,
        "mend": rule.mend,
        "page": rule.page,
    }


def explain(wanted: str, console: Console) -> None:
    """Prints the page of a rule, with a short example of each kind; of a risk, the pages of its rules.

    Raises `UserError` for an id that there is not, with the nearest.
    """
    own, answering = _meant(wanted)
    for rule in own or answering:
        _show(rule, console)
    if answering:
        told = ", ".join(f"{rule.id} ({rule.title})" for rule in answering)
        console.print(f"The risk {wanted.upper()} is {'also ' if own else ''}answered by {told}.", markup=False)


def _meant(wanted: str) -> tuple[list[Rule], list[Rule]]:
    """The rule of this id, and the others that answer the risk of this id."""
    rules = [*load(), waivers.RULE]
    name = wanted.upper()
    own = [rule for rule in rules if rule.id == name]
    answering = [rule for rule in rules if name in rule.risks and rule not in own]
    if not own and not answering:
        known = [known for rule in rules for known in (rule.id, *rule.risks)]
        near = waivers.nearest(wanted, known)
        raise UserError(f"there is no rule or risk {wanted}.{near} `seawall rules` lists the rules.")
    return own, answering


def _show(rule: Rule, console: Console) -> None:
    console.print(Markdown(_page(rule)))
    risks = f", answers {', '.join(rule.risks)}" if rule.risks else ""
    said = f"\nSeverity {rule.severity.value} (score {rule.score}), {_level(rule)} by default{risks}."
    console.print(Text(said, style="dim"))
    for what, file in _examples(rule):
        console.print(Text(f"\n{what}", style="bold"))
        lines = file.read_text(encoding="utf-8").splitlines()
        more = [f"# … {len(lines) - _LONGEST_EXAMPLE} lines more"] if len(lines) > _LONGEST_EXAMPLE else []
        console.print(Syntax("\n".join([*lines[:_LONGEST_EXAMPLE], *more]), "yaml", background_color="default"))
    console.print()


def _page(rule: Rule) -> str:
    """The rule's page; where it is not at hand (in an installed wheel), what the rule itself says."""
    try:
        return (paths.checkout() / rule.page).read_text(encoding="utf-8")
    except (UserError, OSError):
        return f"# {rule.id}: {rule.title}\n\n{rule.why}\n\n## Mend\n{rule.mend}\n"


def _examples(rule: Rule) -> Iterator[tuple[str, Path]]:
    """The shortest fixture that the rule finds something in, and the shortest that it passes."""
    try:
        folder = paths.checkout() / "tests" / "policy" / "data" / rule.id
    except UserError:
        return
    for what, pattern in (("An example that fails:", "failure.*.yaml"), ("One that passes:", "success.*.yaml")):
        files = sorted(folder.glob(pattern), key=lambda file: (file.stat().st_size, file.name))
        if files:
            yield what, files[0]


def _kinds(rule: Rule) -> str:
    """The first of the kinds, and how many more there are."""
    kinds = list(dict.fromkeys(kind.rpartition(":")[2] for _, kind in rule.kinds))
    return ", ".join(kinds[:2]) + (f", {len(kinds) - 2} more" if len(kinds) > 2 else "")


def _level(rule: Rule) -> str:
    return "mandatory" if rule.mandatory else "advisory"
