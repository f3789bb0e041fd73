"""Give back the disk space that builds needed: the tools and the manifests that we read stay."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from seawall.tools import build, catalog, layout, lock

_READ = ("cnpg-manager", "barman-plugin", "cilium")


def clean(console: Console) -> int:
    """Remove compiled packages, modules that nothing reads, logs and other versions of the tools; returns bytes freed.

    Waits for a build that is under way. A later build of another version starts from the beginning.
    """
    with lock.held(console, "removing what builds left"):
        build.sweep()
        before = _size(layout.tools()) + _size(layout.go())
        for folder in (layout.go() / "build", layout.go() / "path", layout.tools() / "logs"):
            shutil.rmtree(folder, ignore_errors=True)
        _modules()
        _versions()
        return before - _size(layout.tools()) - _size(layout.go())


def _modules() -> None:
    """Empty the module cache but for the modules whose manifests are read."""
    kept = {layout.unpacked(catalog.module(name)) for name in _READ}
    way = {parent for folder in kept for parent in folder.parents}

    def remove(folder: Path) -> None:
        for child in folder.iterdir() if folder.is_dir() else ():
            if child in way:
                remove(child)
            elif child not in kept:
                if child.is_dir() and not child.is_symlink():
                    shutil.rmtree(child, ignore_errors=True)
                else:
                    child.unlink(missing_ok=True)

    remove(layout.module_cache())


def _versions() -> None:
    """Remove every version of a tool that is not the pinned one."""
    for tool in catalog.TOOLS:
        for folder in (layout.tools() / tool.name).glob("*"):
            if folder != layout.version_folder(tool):
                shutil.rmtree(folder, ignore_errors=True)


def _size(folder: Path) -> int:
    def sizes() -> Iterator[int]:
        for file in folder.rglob("*"):
            if file.is_file() and not file.is_symlink():
                yield file.stat().st_size

    return sum(sizes())
