"""`seawall evidence`: what there is, whether it counts, and signing what is there."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seawall.cli.application import application

if TYPE_CHECKING:
    from seawall.qa.evidence.files import Found
    from seawall.qa.evidence.validity import Sight

app = application(
    no_args_is_help=True,
    help="The evidence of the tests. Nothing here runs a test: `seawall gate` and `seawall verify` do.",
)

Folder = Annotated[
    Path | None, typer.Option("--evidence", metavar="DIR", help="Where evidence is kept, if not docs/qa/evidence.")
]
Files = Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files of evidence.")]


@app.command("list")
def listed(evidence: Folder = None) -> None:
    """Every file of evidence: its test, what came of it, and whether it counts.

    Exit code 0. Example: [bold]seawall evidence list[/]
    """
    from seawall import paths
    from seawall.cli import folders
    from seawall.qa.evidence import files

    folder = folders.chosen(evidence, paths.checkout() / files.FOLDER, "--evidence")
    found = files.read_all(folder)
    if not found:
        typer.echo(f"there is no evidence in {folder}: `seawall gate` and `seawall verify` write it")
        return
    _show(found)


@app.command()
def verify(evidence_files: Files) -> None:
    """Whether files of evidence count. Exit code 0: all of them; 1: one does not; 2: one is not there.

    Example: [bold]seawall evidence verify docs/qa/evidence/*.md[/]
    """
    from seawall.errors import UserError
    from seawall.qa.evidence import files

    for file in evidence_files:
        try:
            there = file.is_file() or file.is_symlink()
        except OSError as error:
            raise UserError(f"{file}: cannot be read ({error.strerror})") from None
        if not there:
            raise UserError(f"{file}: there is no such file")
    raise typer.Exit(0 if _show([files.read(file) for file in evidence_files]) else 1)


@app.command()
def sign(
    evidence_files: Files,
    sign_with: Annotated[Path, typer.Option("--sign-with", metavar="KEY", help="An Ed25519 key of OpenSSH.")],
) -> None:
    """Sign files of evidence that are there: look at them first, a signature says that you stand for them.

    Keys with a passphrase, of an agent or of hardware: `ssh-keygen -Y sign -n seawall-evidence -f KEY FILE`.
    Exit code 0 done, 2 a file that is no evidence, or a key that is not read.
    Example: [bold]seawall evidence sign docs/qa/evidence/*.md --sign-with KEY[/]
    """
    from seawall.qa.evidence import files, sshsig

    signer = sshsig.signer(sign_with)
    for file in evidence_files:
        typer.echo(f"{files.sign(file, signer)}: signed with {signer.public.fingerprint}")


def _show(found: "list[Found]") -> bool:
    """Prints a table; whether all of it counts."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from seawall.policy.report.text import plain
    from seawall.qa.evidence.validity import Counts, weigh

    sight = _sight()
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for name in ("file", "verdict", "counts"):
        table.add_column(name, overflow="fold")
    all_count = True
    for each in found:
        weighed = weigh(each, sight)
        counts = isinstance(weighed, Counts)
        all_count = all_count and counts
        if isinstance(weighed, Counts):
            said = f"yes, signed by {weighed.signer}" if weighed.signer else "yes: a failure needs no signature"
        else:
            said = f"no, {weighed.why}"
        verdict = each.evidence.verdict.value if each.evidence is not None else ""
        table.add_row(Text(plain(each.file)), verdict, Text(plain(said), style="green" if counts else "dim"))
    Console(highlight=False).print(table)
    return all_count


def _sight() -> "Sight":
    from seawall import paths
    from seawall.components.settings import read_stack_file
    from seawall.pages import stacks
    from seawall.qa.gate import evaluating

    checkout, at = paths.checkout(), datetime.now(UTC)
    names = stacks.names(checkout)
    settings = evaluating.read_settings(checkout, names, at)
    consumers = [name for name in names if _producer(read_stack_file(checkout, name)) == settings.stack]
    return evaluating.look(checkout, settings, consumers, at)


def _producer(config: object) -> object:
    """The stack whose services a stack consumes, from its file."""
    consumers = config.get("seawall:consumers") if isinstance(config, dict) else None
    return consumers.get("producer") if isinstance(consumers, dict) else None
