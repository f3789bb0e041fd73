"""`seawall tools`: the programs that the sandbox runs, where they come from, and the disk space that they take."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from seawall.cli import failures
from seawall.cli.application import application
from seawall.tools import catalog, housekeeping, layout, licences, progress, toolchain

app = application(
    name="tools",
    help="The programs that the sandbox runs: which versions, from where, and getting them.",
    no_args_is_help=True,
)

Names = Annotated[
    list[str] | None,
    typer.Argument(
        help=f"Tools; all but those for tests when none is named. Known: {', '.join(catalog.NAMES)}.",
        show_default=False,
    ),
]
Downloaded = Annotated[
    bool,
    typer.Option(
        "--download",
        envvar=["DOWNLOAD", "SEAWALL_DOWNLOAD"],
        help="Ask each missing tool's vendor for a ready-made binary before building it from its Go module.",
    ),
]


@app.command("list")
def list_() -> None:
    """Say for each tool which version is used and where it comes from. Changes nothing."""
    table = Table(box=None, pad_edge=False)
    for heading in ("tool", "pinned", "used", "from", "licence"):
        table.add_column(heading, overflow="fold")
    for tool in catalog.TOOLS:
        found = toolchain.find(tool)
        used = found.version if found else "-"
        source = _source(found) if found else f"not here: {progress.about(tool.seconds)} to build"
        table.add_row(tool.name, tool.version, used, source, tool.licence)
    Console().print(table, highlight=False)


def _source(found: toolchain.Found) -> str:
    return f"PATH: {found.path}" if found.source == "PATH" else "our cache"


@app.command()
def get(names: Names = None, download: Downloaded = False) -> None:
    """Have tools ready: from the cache, from PATH, from their vendors (when asked), or built from their Go modules."""
    failures.if_interrupted(failures.GOES_ON)
    console = Console(stderr=True)
    for name, path in toolchain.ensure(names or catalog.FOR_USE, console=console, download=download).items():
        progress.say(Console(), f"{name}: {path}")


@app.command()
def clean() -> None:
    """Remove what only builds need (compiled packages, Go modules, other versions); the tools stay."""
    failures.if_interrupted(failures.GOES_ON)
    freed = housekeeping.clean(Console(stderr=True))
    progress.say(Console(), f"{freed / 1e9:.1f} GB freed in {layout.tools().parent}")


@app.command("licences")
def licences_(
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("docs/licences.md"),
) -> None:
    """Write the page with the licence of every Python package and Go module that this project is built on."""
    text = licences.page()
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text)
    progress.say(Console(), str(out))
