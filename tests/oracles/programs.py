"""The oracles' programs: started once, asked many cases one after the other over a pipe."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cases import Case
from filelock import FileLock
from rich.console import Console

from seawall import paths
from seawall.errors import EnvironmentFailure
from seawall.tools.failures import without_addresses
from seawall.tools.toolchain import ensure

_HERE = Path(__file__).resolve().parent


class Program:
    """A running oracle. Use as a context manager: it ends with the block."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name.removesuffix("-oracle")
        self._command = command

    def __enter__(self) -> Self:
        self._complaints = tempfile.TemporaryFile(mode="w+")  # a pipe that nobody reads would fill, and all would wait
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints, text=True
        )
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()
        self._complaints.close()

    def ask(self, case: Case) -> dict[str, Any]:
        """What the oracle says to a case. Raises `AssertionError` with its complaint when it died of it."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(json.dumps(case.document()) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            self._complaints.seek(0)
            raise AssertionError(f"{self.name} ended: {self._complaints.read()[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def cilium(console: Console) -> Program:
    """Cilium's own policy engine."""
    return _built("cilium-oracle", console)


def cyclonus(console: Console) -> Program:
    """The simulator of cyclonus."""
    return _built("cyclonus-oracle", console)


def analyzer(console: Console) -> Program:
    """network-config-analyzer. It demands exact old versions of packages that we use too: an environment of its own."""
    return Program("network-config-analyzer", (str(_environment(console)), str(_HERE / "analyzer.py")))


def _built(name: str, console: Console) -> Program:
    return Program(name, (str(ensure((name,), console=console)[name]),))


def _environment(console: Console) -> Path:
    """The Python that has the analyzer, made once in our cache from the pinned list beside this file."""
    pins = _HERE / "requirements-analyzer.txt"
    version = pins.read_text().partition("network-config-analyzer==")[2].split()[0]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = paths.cache() / "oracles" / f"analyzer-{version}-python{python}"
    found = folder / "bin" / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "complete").is_file():
            console.print(f"installing network-config-analyzer {version} into {folder}")
            uv = str(Path(sys.executable).parent / "uv")
            _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
            _run(uv, "pip", "install", "--quiet", "--python", str(found), "--require-hashes", "-r", str(pins))
            (folder / "complete").touch()
    return found


def _run(*command: str) -> None:
    environment = os.environ | {"UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(paths.cache() / "uv"))}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise EnvironmentFailure(
            f"network-config-analyzer could not be installed: {without_addresses(done.stderr).strip()[-500:]}; "
            "connect this machine, or use the cache of one that has it (SEAWALL_CACHE)"
        )
