"""Fake programs and a fake cache for the tests of the toolchain: no network, no Go."""

import io
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

import seawall
from seawall.tools import catalog, golang, layout

GO_ENV = "https://modules.example,direct"


@dataclass(frozen=True)
class World:
    """An empty cache and a PATH of our own."""

    cache: Path
    bin: Path

    @classmethod
    def make(cls, folder: Path, monkeypatch: pytest.MonkeyPatch) -> "World":
        """The world of one test; there is no Go in it, not even by a package installer, until a test adds one."""
        made = cls(folder / "cache", folder / "bin")
        monkeypatch.setenv("SEAWALL_CACHE", str(made.cache))
        monkeypatch.setenv("PATH", str(made.bin))
        refuses = script(folder / "installer", "echo No matching distribution found; exit 1")
        monkeypatch.setattr(golang, "_installer", lambda: [str(refuses)])
        made.bin.mkdir()
        return made

    def program(self, name: str, body: str) -> Path:
        """Put a shell script on PATH."""
        return script(self.bin / name, body)

    def go(self, build: str, *, version: str = "go1.26.8", mod: str = "exit 0", listing: str = "exit 0") -> Path:
        """Put a fake `go` on PATH; `build` runs with $out and $packages, the arguments after -o."""
        return self.program(
            "go",
            f"""
            case "$1" in
            version) echo "go version {version} linux/amd64";;
            env) echo "{GO_ENV}"; echo sums.example;;
            list) shift; echo "$PWD $*" >> "{self.cache}.listed"; {listing};;
            mod) shift; echo "$PWD mod $*" >> "{self.cache}.asked"; {mod};;
            build)
                echo "$PWD $*" >> "{self.cache}.asked"
                while [ "$1" != -o ]; do shift; done
                out=$2; shift 2; packages=$*
                {textwrap.indent(textwrap.dedent(build), " " * 16).strip()}
                ;;
            esac
            """,
        )

    def asked(self) -> list[str]:
        """What the fake `go` was asked to do, one line per call: its folder and arguments."""
        file = Path(f"{self.cache}.asked")
        return file.read_text().splitlines() if file.exists() else []

    def built(self) -> list[str]:
        """The builds among `asked`."""
        return [line for line in self.asked() if line.split()[1] == "build"]

    def listed(self) -> list[str]:
        """The packages whose modules the fake `go` was asked to fetch, one line per call."""
        file = Path(f"{self.cache}.listed")
        return file.read_text().splitlines() if file.exists() else []

    def executable(self, name: str, edition: str, binary: str = "") -> Path:
        """Where a tool belongs in the cache."""
        return self.cache / "tools" / name / edition / (binary or name)

    def module(self, name: str, text: str) -> Path:
        """Put the module of a tool whose source is amended into the cache, read-only as Go keeps it."""
        tool = catalog.tool(name)
        assert tool.amendment is not None
        folder = layout.unpacked(tool)
        source = folder / tool.amendment.file
        source.parent.mkdir(parents=True)
        source.write_text(text)
        source.chmod(0o444)
        source.parent.chmod(0o555)
        return folder

    def unfinished(self) -> list[Path]:
        """Files in the folder of what is not finished."""
        return list((self.cache / "tools" / ".partial").rglob("*"))


# A build that makes every executable that was asked for.
MAKES = 'for p in $packages; do echo "built $p" > "$out${p##*/}"; chmod +x "$out${p##*/}"; done'


def script(path: Path, body: str) -> Path:
    """Write an executable shell script that finds the system's own programs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\nPATH=/usr/bin:/bin\n" + textwrap.dedent(body).strip() + "\n")
    path.chmod(0o755)
    return path


def recorder() -> tuple[Console, io.StringIO]:
    """A console that is no terminal, and what was written to it."""
    text = io.StringIO()
    return Console(file=text, width=200), text


def python(code: str) -> "subprocess.Popen[str]":
    """Start a Python process with our package; its output can be read."""
    root = Path(seawall.__file__).parent.parent
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=os.environ | {"PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def alive(pid: int) -> bool:
    """Whether a process is there and is not a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
