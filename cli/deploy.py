"""`seawall up`, `preview` and `render`."""

from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from seawall import paths
from seawall.cli import failures
from seawall.policy.estate.values import PLACEHOLDER
from seawall.sandbox.cluster import Sandbox
from seawall.sandbox.engine import render as manifests
from seawall.sandbox.engine import summary
from seawall.sandbox.engine.driver import Engine
from seawall.sandbox.engine.summary import EngineFailure, PolicyRefusal, RunSummary


def up(stack: str, *, download: bool, wait: bool) -> None:
    """Deploy a stack into the sandbox and say what runs where."""
    console = Console()
    engine = _engine(stack, console, download=download, wait=wait)
    _shown(engine.up, console)


def preview(stack: str, *, download: bool, wait: bool) -> None:
    """Preview a stack in the sandbox."""
    console = Console()
    engine = _engine(stack, console, download=download, wait=wait)
    _shown(engine.preview, console)


def render(stack: str, out: Path, *, download: bool, wait: bool) -> None:
    """Write the manifests of a stack as YAML files into `out`."""
    console = Console()
    folder = out.expanduser().absolute()
    manifests.check_folder(folder)
    engine = _engine(stack, console, download=download, wait=wait)
    done = engine.preview(policies=False)
    written = manifests.write(manifests.manifests(done.events), folder)
    console.print(f"{len(written)} manifests of stack {stack} in {folder}", soft_wrap=True, markup=False)
    unknown = [file.name for file in written if manifests.has_unknown(file)]
    if unknown:
        console.print(
            f"known only after an update, written as {PLACEHOLDER}: fields in {', '.join(unknown)}",
            soft_wrap=True,
            markup=False,
        )


def _engine(stack: str, console: Console, *, download: bool, wait: bool) -> Engine:
    failures.if_interrupted(failures.GOES_ON)
    return Engine(paths.checkout(), stack, Sandbox(paths.state()), console, download=download, wait=wait)


def _shown(run: Callable[[], RunSummary], console: Console) -> None:
    try:
        done = run()
    except (PolicyRefusal, EngineFailure) as error:
        summary.show(error.summary, console)
        raise
    summary.show(done, console)
