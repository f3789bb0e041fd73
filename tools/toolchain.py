"""Where the sandbox's tools come from: our cache, PATH, their vendor (on request), or a build from their Go modules.

Two functions for everybody else: `ensure` and `module_dir`.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from seawall import paths
from seawall.errors import EnvironmentFailure
from seawall.tools import build, catalog, golang, layout, lock, progress, versions
from seawall.tools.catalog import Download, Match, Module, Tool
from seawall.tools.download import DownloadError, fetch

# Fetching a ready-made tool, in seconds: tens of megabytes over an ordinary line.
_DOWNLOAD_SECONDS = 15
_MODULE_SECONDS = 20
_UNWRITABLE = (PermissionError, NotADirectoryError, FileExistsError)


@dataclass(frozen=True, slots=True)
class Found:
    """A tool that is here already."""

    path: Path
    """Its executable."""
    source: str
    """`cache` or `PATH`."""
    version: str
    """Its version, with a leading `v`."""


def find(tool: Tool) -> Found | None:
    """The tool in our cache in its pinned version, else on PATH in a version that is recent enough, else None."""
    ours = layout.executable(tool)
    if ours.is_file() and os.access(ours, os.X_OK):
        return Found(ours, "cache", tool.version)
    if tool.match is Match.NEVER:
        return None
    theirs = versions.on_path(tool.name, tool.probe)
    if theirs is None or theirs[1] is None or not versions.good_enough(tool, theirs[1]):
        return None
    return Found(theirs[0], "PATH", str(theirs[1]))


def ensure(names: Sequence[str], *, console: Console, download: bool = False) -> dict[str, Path]:
    """The executables of these tools, by name; fetched or built first where they are missing.

    With `download` a missing tool is asked of its vendor before it is built. A second process that needs a build waits
    for the first. Interrupted builds leave no executable and resume where the compiler was.
    Raises `UserError` for an unknown name, `EnvironmentFailure` when a tool cannot be had: module, reason, mend.
    """
    asked = {catalog.tool(name).name for name in names}
    wanted = [tool for tool in catalog.TOOLS if tool.name in asked]
    found = {tool.name: here.path for tool in wanted if (here := find(tool)) is not None}
    if len(found) < len(wanted):
        with _writable(), lock.held(console, "looking for tools") as announce:
            build.sweep()
            if download:
                _download([tool for tool in wanted if find(tool) is None], console, announce)
            _build([tool for tool in wanted if find(tool) is None], console, announce, download=download)
        found = {tool.name: here.path for tool in wanted if (here := find(tool)) is not None}
    return {name: found[name] for name in names}


def module_dir(name: str, *, console: Console | None = None) -> Path:
    """The unpacked, read-only folder of a tool's Go module, or of a module that is only read (`cilium`).

    Fetched once when it is missing. Raises `UserError` for an unknown name, `EnvironmentFailure` when it cannot be had.
    """
    wanted = catalog.module(name)
    if not _complete(wanted):
        shown = console or Console(stderr=True)
        what = f"{wanted.name} {wanted.version}"
        with _writable(), lock.held(shown, f"fetching the manifests of {what}"):
            build.sweep()
            go = golang.find(shown)
            with progress.step(
                shown, f"fetching the manifests of {what}", f"fetched the manifests of {what}", _MODULE_SECONDS
            ) as detail:
                build.fetch_module(wanted, go, detail)
    return layout.unpacked(wanted)


def _complete(wanted: Module) -> bool:
    return layout.unpacked(wanted).is_dir() and not layout.unpacking(wanted).exists()


def _download(missing: Sequence[Tool], console: Console, announce: lock.Announce) -> None:
    """Ask the vendors for what is missing; what they do not give is said, and left to be built."""
    wanted = [tool for tool in missing if tool.download is not Download.NONE]
    if any(tool.download is Download.KWOKCTL for tool in wanted):
        kwokctl = catalog.tool("kwokctl")
        if find(kwokctl) is None and kwokctl not in wanted:
            wanted.insert(0, kwokctl)
    unreachable: set[str] = set()
    # kwokctl first: it knows where the others are.
    for tool in sorted(wanted, key=lambda tool: tool.download is not Download.KWOK_RELEASE):
        what = f"{tool.name} {tool.version}"
        announce(f"downloading {what}")
        known = find(catalog.tool("kwokctl"))
        try:
            with (
                build.scratch(tool.name) as folder,
                progress.step(console, f"downloading {what}", f"downloaded {what}", _DOWNLOAD_SECONDS) as detail,
            ):
                if tool.download is Download.KWOKCTL and known is None:
                    raise DownloadError("kwokctl, which knows where to find it, is missing")
                path = known.path if known else None
                fetch(tool, folder / tool.name, kwokctl=path, unreachable=unreachable, detail=detail)
                build.install(tool, folder / tool.name)
        except DownloadError as error:
            unreachable.add(error.unreachable)
            instead = "; it is built instead" if tool in missing else ""
            progress.say(console, f"{what} was not downloaded: {error}{instead}")


def _build(missing: Sequence[Tool], console: Console, announce: lock.Announce, *, download: bool) -> None:
    if not missing:
        return
    go = golang.find(console)
    groups: dict[str, list[Tool]] = {}
    for tool in missing:
        groups.setdefault(tool.folder, []).append(tool)
    _say_plan(console, list(groups.values()), download=download)
    with build.fetching(list(groups.values())[1:], go):
        for tools in groups.values():
            what = _called(tools)
            seconds = sum(tool.seconds for tool in tools)
            announce(f"building {what}")
            with progress.step(console, f"building {what}", f"built {what}", seconds) as detail:
                build.build(tools, go, detail)
    progress.say(console, "`seawall tools clean` gives back the disk space that only builds need.")


def _called(tools: Sequence[Tool]) -> str:
    """A short name for what one build makes; the plan has listed every tool of it."""
    first = tools[0]
    return f"{first.name if len(tools) == 1 else f'{len(tools)} tools of {first.folder}'} {first.version}"


def _say_plan(console: Console, groups: Sequence[Sequence[Tool]], *, download: bool) -> None:
    """Say, before anything is built, what will be and roughly how long it takes."""
    tools = [tool for group in groups for tool in group]
    total = progress.about(sum(tool.seconds for tool in tools))
    table = Table(box=None, pad_edge=False)
    for heading in ("build once", "version", "from Go module"):
        table.add_column(heading, overflow="fold")
    table.add_column("roughly", justify="right")
    for tool in tools:
        table.add_row(tool.name, tool.version, tool.module, progress.about(tool.seconds))
    console.print(table, highlight=False)
    progress.say(console, f"Together {total} on 2 cores, once; kept in {layout.tools()}. When interrupted, it resumes.")
    if not download and any(tool.download is not Download.NONE for tool in tools):
        progress.say(console, "Quicker where the network is open: DOWNLOAD=1 fetches most of them from their vendors.")


@contextmanager
def _writable() -> Iterator[None]:
    """Say in one sentence that the cache cannot be written."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise EnvironmentFailure(
                f"the disk of {paths.cache()} is full: free some space, or set SEAWALL_CACHE to another disk"
            ) from error
        if isinstance(error, _UNWRITABLE) or error.errno == errno.EROFS:
            raise EnvironmentFailure(
                f"{error.filename or paths.cache()} cannot be written: set SEAWALL_CACHE to a folder of yours"
            ) from error
        raise
