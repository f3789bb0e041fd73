"""A real Redis: on PATH, or of this machine's Debian, unpacked into our cache."""

import shutil
from pathlib import Path

import debian_packages
from rich.console import Console

_NEEDS = rf"{debian_packages.LIBRARIES}|redis-tools"


def command(console: Console) -> tuple[str, ...]:
    """How it is started. Raises `EnvironmentFailure` with the reason when it cannot be had."""
    found = shutil.which("redis-server")
    if found is not None:
        return (found,)
    got = debian_packages.unpacked("redis-server", debian_packages.mirror().release, console, needs=_NEEDS)
    return got.command("usr/bin/redis-server")


def settings(port: int, address: str, folder: Path, *more: str) -> list[str]:
    """Arguments of a server that keeps nothing."""
    given = ["--port", str(port), "--bind", address, "--dir", str(folder), "--save", "", "--appendonly", "no"]
    at_once = ["--repl-diskless-sync-delay", "0"]  # by itself a master waits 5 s for further replicas
    return [*given, *at_once, *more]
