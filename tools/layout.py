"""Where the tools, their Go modules and Go's own files lie in the user's cache. Pure: nothing is made or read here."""

from pathlib import Path

from seawall import paths
from seawall.tools.catalog import Module, Tool


def tools() -> Path:
    """The folder of every built or downloaded tool."""
    return paths.cache() / "tools"


def version_folder(tool: Tool) -> Path:
    """The folder of one version of one tool; it appears complete, by a rename, or not at all."""
    return tools() / tool.name / tool.edition


def executable(tool: Tool) -> Path:
    """The tool's executable in our cache, whether it is there or not."""
    return version_folder(tool) / tool.executable


def partial() -> Path:
    """What is not finished; only the holder of the lock writes here, so anything found there was left by a kill."""
    return tools() / ".partial"


def lock() -> Path:
    """The file lock that one build at a time holds."""
    return tools() / ".lock"


def holder() -> Path:
    """Who holds the lock and what it does, for those who wait."""
    return tools() / ".holder.json"


def probes() -> Path:
    """The versions that executables on PATH gave, by path and modification time."""
    return tools() / ".path-versions.json"


def log(folder: str) -> Path:
    """The complete output of the last build of a Go module of ours."""
    return tools() / "logs" / f"{folder}.log"


def go_module(folder: str) -> Path:
    """Our Go module that pins a tool: part of this package, never written."""
    return Path(__file__).resolve().parent / "go" / folder


def go() -> Path:
    """Everything that Go writes: modules, compiled packages, temporary files, its own configuration."""
    return paths.cache() / "go"


def module_cache() -> Path:
    """GOMODCACHE."""
    return go() / "mod"


def _escaped(text: str) -> str:
    # Go writes a capital letter as `!` and its small one, for file systems that do not tell them apart.
    return "".join(f"!{c.lower()}" if c.isupper() else c for c in text)


def unpacked(module: Module) -> Path:
    """The folder of an unpacked Go module, whether it is there or not."""
    return module_cache() / f"{_escaped(module.module)}@{_escaped(module.version)}"


def unpacking(module: Module) -> Path:
    """The marker that Go keeps while it unpacks a module; a folder with this marker beside it is not complete."""
    download = module_cache() / "cache" / "download" / _escaped(module.module) / "@v"
    return download / f"{_escaped(module.version)}.partial"
