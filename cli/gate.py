"""`seawall gate`: run the tests that can honestly run here, keep the evidence, say what the gates say."""

import contextlib
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from seawall.cli.application import application

if TYPE_CHECKING:
    from seawall.qa.evidence.sshsig import Signer
    from seawall.qa.gate.gate_folder import Prepared
    from seawall.qa.gate.model import Outcome
    from seawall.qa.gate.settings import GateSettings
    from seawall.qa.verify import Place

SANDBOX_STACK = "sandbox"
"""The stack that `--up` deploys."""


class Form(StrEnum):
    """How the verdicts are written."""

    TERMINAL = "terminal"
    JSON = "json"


class FailOn(StrEnum):
    """From which verdict on the command fails."""

    CONCERNS = "concerns"
    FAIL = "fail"
    NEVER = "never"


_FAILING: Mapping[FailOn, tuple[str, ...]] = {
    FailOn.CONCERNS: ("FAIL", "CONCERNS"),
    FailOn.FAIL: ("FAIL",),
    FailOn.NEVER: (),
}

app = application()


@app.command(
    epilog=(
        "Exit codes: 0 no gate fails, 1 one does (--fail-on) or with --check a gate file is not up to date, 2 a "
        "mistake in the arguments, docs/qa/gate.yaml or docs/qa/signers, or a history that was rewritten, 3 the "
        "environment failed, 130 interrupted."
    )
)
def gate(
    evidence: Annotated[
        Path | None, typer.Option("--evidence", metavar="DIR", help="Where evidence is kept, if not docs/qa/evidence.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the gate files are, if not docs/qa/gates.")
    ] = None,
    no_run: Annotated[bool, typer.Option("--no-run", help="Run nothing: judge by the evidence that is there.")] = False,
    up: Annotated[
        bool, typer.Option("--up", help="First start the sandbox and deploy its stack, as `seawall up` does.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write no gate file; fail (1) when one is not what it has to be.")
    ] = False,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="The verdict that makes the command fail (1).")
    ] = FailOn.FAIL,
    form: Annotated[Form, typer.Option("--format", help="For a person or a machine.")] = Form.TERMINAL,
    reviewer: Annotated[
        str | None, typer.Option("--reviewer", metavar="WHO", help="Who answers for it, before docs/qa/gate.yaml.")
    ] = None,
    sign_with: Annotated[
        Path | None,
        typer.Option("--sign-with", metavar="KEY", help="Sign new evidence with this Ed25519 key."),
    ] = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="With --up: fail when another seawall command holds the sandbox.")
    ] = False,
) -> None:
    """Say whether the stories pass their quality gates, and why not.

    Runs the tests of the repository, and in a running sandbox those whose needs it meets. Keeps their evidence.

    What takes a real cluster is "not run": `seawall verify` runs it there. docs/gate.md has the rules.

    Example: [bold]seawall gate --up[/]
    """
    from seawall import paths
    from seawall.cli import folders
    from seawall.errors import UserError
    from seawall.pages import stacks
    from seawall.qa.evidence import files, sshsig
    from seawall.qa.gate import evaluating, gate_folder
    from seawall.qa.gate import settings as settings_file
    from seawall.qa.gate.stories import STORIES

    if up and no_run:
        raise UserError("--up and --no-run exclude each other: the sandbox is started to run tests in it")
    checkout = paths.checkout()
    kept = folders.chosen(evidence, checkout / files.FOLDER, "--evidence")
    gates = folders.chosen(out, checkout / gate_folder.FOLDER, "--out")
    if reviewer is not None and not settings_file.is_reviewer(reviewer):
        raise UserError(f"--reviewer {reviewer!a}: must be a person or a role, in one line of words")
    # mistakes are found before anything is run
    signer = sshsig.signer(sign_with) if sign_with is not None else None
    settings = evaluating.read_settings(checkout, stacks.names(checkout), datetime.now(UTC))
    for story in STORIES.values():
        gate_folder.history(gates, story.id, checkout)
    told = Console(stderr=True, highlight=False)
    if up:
        _start(form, wait=not no_wait)
    not_run = {} if no_run else _run(checkout, kept, settings, signer, told)
    outcomes = _verdicts(checkout, kept, settings, not_run, told)
    prepared = [gate_folder.prepare(gates, it, settings, checkout=checkout, reviewer=reviewer) for it in outcomes]
    if not check:
        for each in prepared:
            gate_folder.write(each)
    _say(outcomes, prepared, form, checkout, wrote=not check)
    stale = check and any(each.state is not gate_folder.State.SAME for each in prepared)
    raise typer.Exit(int(stale or any(outcome.gate in _FAILING[fail_on] for outcome in outcomes)))


def _start(form: Form, *, wait: bool) -> None:
    from seawall.cli import deploy

    # what a machine reads from standard output is the verdict alone
    aside = contextlib.redirect_stdout(sys.stderr) if form is Form.JSON else contextlib.nullcontext()
    with aside:
        deploy.up(SANDBOX_STACK, download=False, wait=wait)


def _run(
    checkout: Path, kept: Path, settings: "GateSettings", signer: "Signer | None", told: Console
) -> Mapping[str, str]:
    """Runs what can run here and keeps its evidence; test → why it was not run."""
    from seawall.qa import verify
    from seawall.qa.evidence import files
    from seawall.qa.evidence.model import NotRun
    from seawall.qa.verify.asking import command

    place = _place()
    if place is None:
        told.print("no sandbox runs with a stack in it: only tests of the repository are run (make gate starts one)")
    with told.status("running the tests") as line:
        found = verify.here(
            checkout,
            place,
            command=command(sys.argv[1:]),
            repository_stack=settings.stack,
            told=lambda what: line.update(Text(f"running the tests: {what}")),
        )
    reasons: dict[str, str] = {}
    written = []
    for test, result in found.items():
        if isinstance(result, NotRun):
            reasons[test] = result.reason
        else:
            written.append(files.write(kept, result, signer=signer))
    dropped = files.drop_superseded(kept, [file.name for file in written])
    less = f", {len(dropped)} of earlier simulated runs removed" if dropped else ""
    told.print(f"{len(written)} tests run, {len(reasons)} not; evidence in {_short(kept, checkout)}{less}")
    return reasons


def _place() -> "Place | None":
    """The running sandbox with the stack that is deployed in it; None when there is none."""
    from seawall import paths
    from seawall.qa.verify import Place
    from seawall.sandbox.cluster import Sandbox
    from seawall.sandbox.engine import layout, recovery

    sandbox = Sandbox(paths.state())
    if not any(part.name == "kube-apiserver" and part.running for part in sandbox.status()):
        return None
    works = layout.stacks(sandbox.state)
    deployed = [work for work in works if recovery.deployed(sandbox.state, work.project, work.stack)]
    if not deployed:
        return None
    import boto3

    where = sandbox.endpoints
    # the sandbox's object store takes any key; without one boto3 would look for real ones
    session = boto3.Session(aws_access_key_id="sandbox", aws_secret_access_key="sandbox")  # noqa: S106
    return Place(where.kubeconfig, where.context, deployed[0].stack, where.s3, session)


def _verdicts(
    checkout: Path, kept: Path, settings: "GateSettings", not_run: Mapping[str, str], told: Console
) -> "tuple[Outcome, ...]":
    from seawall.pages import stacks
    from seawall.qa.gate import evaluating

    with told.status("rendering the stacks"):
        rendered = stacks.read(checkout)
    with told.status("judging them, and weighing the evidence"):
        at = datetime.now(UTC).replace(microsecond=0)
        return evaluating.ask(checkout, settings, rendered, kept, at, not_run)


def _say(
    outcomes: "Sequence[Outcome]", prepared: "Sequence[Prepared]", form: Form, checkout: Path, *, wrote: bool
) -> None:
    from seawall.qa.gate import machine, terminal

    states = {_short(each.file, checkout): each.state.value for each in prepared}
    if form is Form.JSON:
        typer.echo(machine.to_json(outcomes, states))
        return
    console = Console(highlight=False)
    terminal.show(outcomes, console)
    for file, state in states.items():
        console.print(Text(f"{file}: {state}{'' if wrote or state == 'unchanged' else ', not written'}"))


def _short(path: Path, checkout: Path) -> str:
    try:
        return path.absolute().relative_to(checkout).as_posix()
    except ValueError:
        return str(path)
