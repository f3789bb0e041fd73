"""`seawall report`: everything that is known of an estate and of its gates, on one page."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from seawall.cli.application import application
from seawall.cli.doors import door
from seawall.errors import EnvironmentFailure, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seawall.pages.stacks import Stacks
    from seawall.policy.checking import Opened
    from seawall.policy.report.result import Result
    from seawall.qa.gate.model import Outcome
    from seawall.qa.oncall.model import Answer
    from seawall.qa.report.content import Content

HTML = Path("seawall-report.html")
"""What is written when nobody says where."""
_FORMS = (".html", ".md")

app = application()


@app.command(
    epilog=(
        "Exit codes: 0 written, whatever it says, 2 a mistake in the arguments, 3 the cluster does not answer, "
        "130 interrupted."
    )
)
def report(
    folder: Annotated[
        str | None, typer.Argument(metavar="[DIR]", help="A folder of YAML or JSON, one file, or - for standard input.")
    ] = None,
    stack: Annotated[
        str | None, typer.Option("--stack", "-s", metavar="NAME", help="The stack that is rendered, if not the gate's.")
    ] = None,
    state: Annotated[
        str | None, typer.Option("--state", metavar="FILE", help="Instead: what `pulumi stack export` wrote.")
    ] = None,
    context: Annotated[
        str | None,
        typer.Option("--context", metavar="NAME", help="Instead: a running cluster, with the answers for on call."),
    ] = None,
    kubeconfig: Annotated[
        Path | None,
        typer.Option("--kubeconfig", metavar="FILE", help="Where the context is, if not in the usual file."),
    ] = None,
    metrics: Annotated[
        str | None, typer.Option("--metrics", metavar="URL", help="With --context: a Prometheus, for live numbers.")
    ] = None,
    metrics_token: Annotated[
        Path | None, typer.Option("--metrics-token", metavar="FILE", help="A file with a bearer token for it.")
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option("--out", "-o", metavar="FILE", help="FILE.html or FILE.md; may be given several times."),
    ] = None,
    evidence: Annotated[
        Path | None, typer.Option("--evidence", metavar="DIR", help="Where evidence is kept, if not docs/qa/evidence.")
    ] = None,
    gates: Annotated[
        bool | None,
        typer.Option("--gates/--no-gates", help="With the gates or not; by default not for DIR and --state."),
    ] = None,
    waivers: Annotated[Path | None, typer.Option("--waivers", metavar="FILE", help="Accepted findings (YAML).")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="A stack's levels and waivers (policy.STACK.json).")
    ] = None,
) -> None:
    """Write one page about an estate: why the gates are not green, who can reach what, tests, evidence, findings.

    Without a source the rendered stack of this checkout is taken; no engine and no cluster are needed.

    Tests are not run: `seawall gate` and `seawall verify` do that. docs/report.md says what is on the page.

    Example: [bold]seawall report --context infra --out report.html --out report.md[/]
    """
    from seawall.policy.collector import collector_off
    from seawall.qa.report.compose import compose

    at = datetime.now(UTC)
    files = _files(out)
    if metrics is not None and context is None:
        raise UserError("--metrics is about a cluster: say which with --context NAME")
    elsewhere = any(source is not None for source in (folder, state, context))
    if elsewhere and stack is not None:
        raise UserError("--stack names what is rendered: leave it out with DIR, --state and --context")
    if not elsewhere and (waivers is not None or config is not None):
        raise UserError("--waivers and --config are for DIR, --state and --context: a stack has policy.STACK.json")
    told = Console(stderr=True, highlight=False)
    opening = door(folder, state=state, context=context, kubeconfig=kubeconfig) if elsewhere else None
    with_gates = gates if gates is not None else folder is None and state is None
    with collector_off():
        stacks = _stacks(told) if opening is None or with_gates else {}
        opened, result = (
            _rendered(stack, stacks, at) if opening is None else _judged(opening, waivers, config, at, told)
        )
        content = compose(
            result,
            opened.estate,
            at=at,
            outcomes=_outcomes(stacks, evidence, at, told) if with_gates else (),
            answers=_answers(context, kubeconfig, metrics, metrics_token, told) if context is not None else (),
            extra=_commit() if with_gates else {},
        )
        for file in files:
            _write(file, content, told)
    _say(content, told)


def _files(out: list[Path] | None) -> list[Path]:
    files = out or [HTML]
    for file in files:
        if file.suffix not in _FORMS:
            raise UserError(f"--out {file}: the name has to end with {' or '.join(_FORMS)}")
        if files.count(file) > 1:
            raise UserError(f"--out {file}: this file is written twice")
    return files


def _stacks(told: Console) -> "Stacks":
    from seawall import paths
    from seawall.pages import stacks

    with told.status("rendering the stacks"):
        return stacks.read(paths.checkout())


def _rendered(name: str | None, stacks: "Stacks", at: datetime) -> "tuple[Opened, Result]":
    """A stack of this checkout, as the gate judges it."""
    from seawall import paths
    from seawall.qa.gate import evaluating

    checkout = paths.checkout()
    which = name or evaluating.read_settings(checkout, stacks, at).stack
    if which not in stacks:
        raise UserError(f"there is no stack {which}; there are {', '.join(stacks)}")
    opened = evaluating.opened(which, stacks[which].recording.resources)
    return opened, evaluating.judge_opened(opened, which, checkout, at)


def _judged(
    opening: "Callable[[], Opened]", waivers: Path | None, config: Path | None, at: datetime, told: Console
) -> "tuple[Opened, Result]":
    """What comes through a door, by the whole pack."""
    from seawall.policy import checking

    asked = checking.Asked(waivers=waivers, config=config)
    prepared = checking.prepare(asked)
    opened = opening()
    with told.status("judging it by the policy pack"):
        return opened, checking.check(opened, asked, prepared, day=at.date())


def _outcomes(stacks: "Stacks", evidence: Path | None, at: datetime, told: Console) -> "Sequence[Outcome]":
    """What the gates say by the evidence that is there; no test is run."""
    from seawall import paths
    from seawall.cli import folders
    from seawall.qa.evidence import files
    from seawall.qa.gate import evaluating

    checkout = paths.checkout()
    kept = folders.chosen(evidence, checkout / files.FOLDER, "--evidence")
    settings = evaluating.read_settings(checkout, stacks, at)
    with told.status("weighing the evidence"):
        return evaluating.ask(checkout, settings, stacks, kept, at)


def _commit() -> Mapping[str, str]:
    """The commit that the gates are about; nothing where git cannot tell."""
    from seawall import paths
    from seawall.qa.evidence import repository

    try:
        head = repository.head(paths.checkout())
    except EnvironmentFailure:
        return {}
    return {"commit": head.commit[:12] + (", changed since" if head.dirty else "")}


def _answers(
    context: str, kubeconfig: Path | None, metrics: str | None, metrics_token: Path | None, told: Console
) -> "Sequence[Answer]":
    from seawall.qa.oncall.asking import ask

    with told.status(f"asking {escape(context)}"):
        return ask(context, kubeconfig, metrics=metrics, metrics_token=metrics_token).answers


def _write(file: Path, content: "Content", told: Console) -> None:
    if file.suffix == ".html":
        from seawall.qa.report.page import page

        made = page(content)
    else:
        from seawall.qa.report.markdown import markdown

        made = markdown(content)
    try:
        file.write_text(made, encoding="utf-8")
    except OSError as problem:
        raise UserError(f"{file} cannot be written: {problem.strerror or type(problem).__name__}") from None
    told.print(f"{file}: {len(made.encode()) / 1000:,.0f} kB", soft_wrap=True, markup=False)


def _say(content: "Content", told: Console) -> None:
    for verdict in content.verdicts:
        told.print(f"{verdict.story}: {verdict.gate}", soft_wrap=True, markup=False)
    if content.tally.unreadable:
        told.print(f"{len(content.tally.unreadable)} could not be read: the page lists them", markup=False)
