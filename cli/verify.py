"""`seawall verify`: the register's tests against real clusters. The plan first; then evidence for each test."""

import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seawall.cli.application import application
from seawall.cli.failures import GOES_ON, if_interrupted
from seawall.errors import EnvironmentFailure, UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from seawall.qa.evidence.model import Evidence
    from seawall.qa.verify.verification import Verification

EXIT_CODES = (
    "Exit codes: 0 no test failed (those that were not run are listed), 1 a test failed, 2 a mistake in the arguments, "
    "3 the cluster does not answer or something could not be removed, 130 interrupted."
)
MOST_JOBS = 16

app = application()


@app.command(epilog=EXIT_CODES)
def verify(
    context: Annotated[str, typer.Option("--context", metavar="NAME", help="The cluster of the services.")],
    peer: Annotated[
        str | None, typer.Option("--peer", metavar="NAME", help="The other cluster of the mesh, where clients are.")
    ] = None,
    kubeconfig: Annotated[
        Path | None,
        typer.Option("--kubeconfig", metavar="FILE", help="Where both contexts are, if not in the usual file."),
    ] = None,
    metrics: Annotated[
        str | None, typer.Option("--metrics", metavar="URL", help="A Prometheus or VictoriaMetrics that scrapes them.")
    ] = None,
    metrics_token: Annotated[
        Path | None, typer.Option("--metrics-token", metavar="FILE", help="A file with a bearer token for it.")
    ] = None,
    s3_endpoint: Annotated[
        str | None,
        typer.Option("--s3-endpoint", metavar="URL", help="Where the buckets are, if not where the stack says."),
    ] = None,
    stack: Annotated[str, typer.Option("--stack", "-s", metavar="NAME", help="The stack of --context.")] = "infra",
    peer_stack: Annotated[str, typer.Option("--peer-stack", metavar="NAME", help="The stack of --peer.")] = "apps",
    test: Annotated[
        list[str] | None, typer.Option("--test", metavar="ID", help="Only this test; may be given several times.")
    ] = None,
    probe: Annotated[bool, typer.Option("--probe", help="Also tests that make short-lived probe pods.")] = False,
    disruptive: Annotated[
        bool,
        typer.Option("--disruptive", help="Also tests that change what runs, on a cluster labelled as no production."),
    ] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Show what would be done, and stop.")] = False,
    cleanup: Annotated[
        bool, typer.Option("--cleanup", help="Instead: list what runs have left, put it back and remove it.")
    ] = False,
    run: Annotated[str | None, typer.Option("--run", metavar="ID", help="With --cleanup: of this run alone.")] = None,
    evidence: Annotated[
        Path | None,
        typer.Option("--evidence", metavar="DIR", help="Where evidence is kept; docs/qa/evidence if not said."),
    ] = None,
    sign_with: Annotated[
        Path | None, typer.Option("--sign-with", metavar="KEY", help="An Ed25519 key in OpenSSH's form, not encrypted.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=MOST_JOBS, help="How many tests at once.")] = 4,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before it begins.")] = False,
) -> None:
    """Run the register's tests against real clusters and keep evidence of each. Nothing is created unless asked.

    Everything that is created is labelled, and removed at the end, on ^C, and by --cleanup after a kill.

    What rights it takes and what it costs is in docs/verify.md.

    Example: [bold]seawall verify --context infra --peer apps --probe --metrics https://metrics.example.org[/]
    """
    from rich.console import Console
    from rich.markup import escape

    if run is not None and not cleanup:
        raise UserError("--run says what --cleanup is about: give --cleanup as well")
    if metrics_token is not None and metrics is None:
        raise UserError("--metrics-token is for --metrics: give that as well")
    if cleanup:
        contexts = [name for name in (context, peer) if name is not None]
        _cleanup(contexts, kubeconfig, run, Console(highlight=False), only_list=plan, yes=yes)
        return
    from seawall import paths
    from seawall.cli import folders
    from seawall.qa.checks import UndecidedError
    from seawall.qa.evidence import files
    from seawall.qa.evidence.repository import head
    from seawall.qa.evidence.sshsig import signer
    from seawall.qa.verify.asking import Asked, chosen, command, look
    from seawall.qa.verify.plan import show_plan
    from seawall.qa.verify.verification import Allowed, Verification

    folder = folders.chosen(evidence, paths.checkout() / files.FOLDER, "--evidence")
    checks = chosen(test)
    key = signer(sign_with) if sign_with is not None else None
    asked = Asked(context, peer, kubeconfig, stack, peer_stack, metrics, metrics_token, s3_endpoint)
    screen = Console(highlight=False)
    with screen.status("looking") as status:
        try:
            around, refused = look(asked, lambda text: status.update(escape(text)))
        except UndecidedError as error:
            raise EnvironmentFailure(str(error)) from None
        verification = Verification(
            checks,
            around,
            Allowed(probe=probe, disrupt=disruptive, undisruptable=refused, jobs=jobs),
            head=head(around.checkout),
            command=command(sys.argv[1:]),
        )
    show_plan(verification, around, screen)
    if plan:
        return
    _confirm(verification, screen, yes=yes)
    if_interrupted(f"if anything was left, `{_cleaning(context, peer, kubeconfig)}` finds and removes it")
    kept: list[Path] = []
    failed = _run(verification, screen, lambda it: kept.append(files.write(folder, it, signer=key)))
    if kept:
        screen.print(f"evidence in {folder}", markup=False, soft_wrap=True)
    if failed:
        raise typer.Exit(1)


def _cleaning(context: str, peer: str | None, kubeconfig: Path | None) -> str:
    """The command that removes what a run on these clusters has left."""
    words = ["seawall", "verify", "--cleanup", "--context", context]
    words += ["--peer", peer] if peer is not None else []
    words += ["--kubeconfig", str(kubeconfig)] if kubeconfig is not None else []
    return shlex.join(words)


def _confirm(verification: "Verification", screen: "Console", *, yes: bool) -> None:
    """Asks whoever sits at the terminal. Raises `UserError` where nobody does and something would be changed."""
    from seawall.qa.checks import Creates

    changing = [it for it in verification.plan if it.why_not is None and it.check.creates is Creates.DISRUPTIVE]
    if yes:
        return
    if sys.stdin.isatty() and screen.is_terminal:
        _agreed("Begin?")
    elif changing:
        raise UserError("it would change what runs, and nobody is there to agree: give --yes")


def _agreed(question: str) -> None:
    """Returns when the answer is yes. Raises `KeyboardInterrupt` for a no, or ^C: nothing has happened yet."""
    try:
        if typer.confirm(question):
            return
    except typer.Abort:
        pass
    raise KeyboardInterrupt


def _run(verification: "Verification", screen: "Console", keep: "Callable[[Evidence], None]") -> bool:
    """Runs and keeps the evidence; whether a test failed. Raises `EnvironmentFailure` when something was left."""
    from rich.markup import escape

    from seawall.qa.evidence.model import NotRun, Verdict
    from seawall.qa.verify.signals import shielded

    counts = {"passed": 0, "failed": 0, "not run": 0}
    left: list[str] = []
    with screen.status("begins") as status:
        verification.told = lambda text: status.update(escape(text))
        try:
            for test, outcome in verification.outcomes():
                if isinstance(outcome, NotRun):
                    counts["not run"] += 1
                    screen.print(f"[dim]– {test}: not run: {escape(outcome.reason)}[/]", soft_wrap=True)
                    continue
                keep(outcome)
                counts[outcome.verdict] += 1
                good = outcome.verdict is Verdict.PASSED
                mark = "[green]✓[/]" if good else "[red]✗[/]"
                screen.print(f"{mark} {test}: {outcome.verdict} ({outcome.environment})")
                for it in () if good else (each for each in outcome.observed if not each.ok):
                    screen.print(
                        f"    {escape(it.what)}: {escape(it.found)}; wanted: {escape(it.expected)}", soft_wrap=True
                    )
        finally:
            with shielded(lambda text: screen.print(text)):
                left = verification.finish()
                for line in left:  # here, for an interrupt ends what is below
                    screen.print(f"[red]stays:[/] {escape(line)}", soft_wrap=True)
    screen.print(", ".join(f"{count} {what}" for what, count in counts.items()))
    if left:
        raise EnvironmentFailure(
            "not everything could be put back and removed; seawall verify --cleanup with the same contexts tries again"
        )
    return counts["failed"] > 0


def _cleanup(
    contexts: list[str], kubeconfig: Path | None, run: str | None, screen: "Console", *, only_list: bool, yes: bool
) -> None:
    """Lists what runs have left, asks, removes. Raises `EnvironmentFailure` when something stays."""
    from rich.markup import escape

    from seawall.policy.report.text import plain
    from seawall.qa.checks import UndecidedError
    from seawall.qa.verify import leftovers
    from seawall.qa.verify.api import KubeCluster

    if run is not None and not re.fullmatch(r"[0-9a-f]{12}", run):
        raise UserError(f"--run {run!a}: must be the id of a run, twelve of 0-9 and a-f; --plan lists them")
    found = []
    for name in contexts:
        cluster = KubeCluster(name, kubeconfig)
        try:
            left = leftovers.find(cluster, run)
        except UndecidedError as error:
            raise EnvironmentFailure(str(error)) from None
        for it in left.changed:
            said = f"{name}: run {leftovers.run_of(it)} changed {leftovers.named(it)}"
            screen.print(plain(said), markup=False, soft_wrap=True)
        for it in left.created:
            said = f"{name}: run {leftovers.run_of(it)} made {leftovers.named(it)}"
            screen.print(plain(said), markup=False, soft_wrap=True)
        if left:
            found.append(cluster)
    if not found:
        screen.print("nothing is left")
    if not found or only_list:
        return
    if not yes:
        if not (sys.stdin.isatty() and screen.is_terminal):
            raise UserError(
                "nobody is there to agree: give --yes (a run that still goes on loses its objects; --run ID)"
            )
        _agreed("Put back and remove all of it? A run that still goes on loses its objects.")
    if_interrupted(GOES_ON)
    with screen.status("puts back and removes") as status:
        stays = leftovers.remove(found, run, told=lambda text: status.update(escape(text)))
    if stays:
        raise EnvironmentFailure("could not be put back or removed:\n  " + "\n  ".join(stays))
    screen.print("put back and removed")
