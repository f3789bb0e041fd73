"""Versions of tools: read from what a program prints, and held against the catalogue."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from seawall.tools import layout
from seawall.tools.catalog import Match, Tool

PATIENCE_SECONDS = 30.0
"""How long a program of ours, or Go, may take to say its version on a busy machine."""
_PROBE_SECONDS = 5.0
_NUMBER = re.compile(r"(?<![\d.])v?(\d+)\.(\d+)(?:\.(\d+))?(?![\d])(-(?:alpha|beta|rc)[.\d]*)?")


class Version(NamedTuple):
    """A released version; ordered as versions are."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}"


def parse(text: str) -> Version | None:
    """The first released version in a text, such as `etcd Version: 3.6.5`; None without one or for a pre-release."""
    match = _NUMBER.search(text)
    if match is None or match[4]:
        return None
    return Version(int(match[1]), int(match[2]), int(match[3] or 0))


def good_enough(tool: Tool, found: Version) -> bool:
    """Whether a version found on PATH may be used instead of the pinned one."""
    minimum = parse(tool.minimum)
    pinned = parse(tool.version)
    if minimum is None or pinned is None or tool.match is Match.NEVER:
        return False
    if tool.match is Match.SAME_MINOR:
        return (found.major, found.minor) == (pinned.major, pinned.minor)
    return found >= minimum and found.major == pinned.major


def ask(binary: Path, arguments: Sequence[str], *, seconds: float = PATIENCE_SECONDS) -> Version | None:
    """The version that a program prints; None when it prints none, fails, or takes longer than so many seconds."""
    scratch = str(layout.partial())
    # Some programs write into their home or look for updates when they are asked anything at all.
    quiet = {
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_HOME": scratch,
        "KWOK_WORKDIR": scratch,
        "GOTOOLCHAIN": "local",
        "TEST_TELEMETRY_DIR": str(layout.go() / "telemetry"),
    }
    try:
        answer = subprocess.run(
            [str(binary), *arguments],
            env={**os.environ, **quiet},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse(answer.stdout + answer.stderr) if answer.returncode == 0 else None


def on_path(name: str, arguments: Sequence[str], *, seconds: float | None = None) -> tuple[Path, Version | None] | None:
    """The program of this name on PATH and its version; what it answers is remembered for this state of the file.

    A program that gives no answer within `seconds` (default: a few) counts as one without a version.
    """
    found = shutil.which(name)
    if found is None:
        return None
    binary = Path(found).absolute()
    key = str(binary)
    try:
        stamp = binary.stat().st_mtime_ns
    except OSError:
        return None
    known = _remembered()
    entry = known.get(key)
    if entry is not None and entry[0] == stamp:
        return binary, parse(entry[1])
    version = ask(binary, arguments, seconds=_PROBE_SECONDS if seconds is None else seconds)
    if version is not None:  # else it may just have been slow
        _remember(key, stamp, str(version))
    return binary, version


def _remembered() -> dict[str, tuple[int, str]]:
    try:
        known = json.loads(layout.probes().read_text())
        return {str(key): (int(stamp), str(version)) for key, (stamp, version) in known.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # a cache: absent, damaged or from another release of ours, it is asked anew


def _remember(key: str, stamp: int, version: str) -> None:
    known = {**_remembered(), key: (stamp, version)}
    file = layout.probes()
    fresh = file.with_suffix(f".{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(known))
        fresh.replace(file)
    except OSError:
        fresh.unlink(missing_ok=True)  # asked again next time
