"""What takes memory and time without end, through each door of the command line: in a process that may not take more.

The limits are of the process: one that needs more ends otherwise than with a sentence and an exit code.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
MEMORY = 2 * 1024**3
"""Bytes of address space; about a tenth of it is taken by the interpreter and its libraries."""
SECONDS = 60
"""Of computing: ten times what the slowest takes, and less than what grows with the square needs."""

DRAGONFLY = "apiVersion: dragonflydb.io/v1alpha1\nkind: Dragonfly\nmetadata: {name: cache, namespace: data}\n"
CLUSTER = "apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {name: main, namespace: data}\n"
POLICY = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n, namespace: data}\n"
SCHEDULED = "apiVersion: postgresql.cnpg.io/v1\nkind: ScheduledBackup\nmetadata: {name: b, namespace: data}\n"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: data}\n"
SIZE = 10_000_000
"""Bytes of a large file."""


def bomb(of: str) -> str:
    return "\n".join(f"l{n}: &l{n} {of.format(','.join([f'*l{n - 1}'] * 10))}" for n in range(1, 13))


def ranges(count: int) -> str:
    return ",".join(f"{{ipBlock: {{cidr: 10.{i >> 16}.{i >> 8 & 255}.{i & 255}/32}}}}" for i in range(count))


@dataclass(frozen=True)
class Junk:
    """A text, and how the check of it must end."""

    name: str
    content: Callable[[], str | bytes]
    code: int
    said: str

    def __str__(self) -> str:
        return self.name


FILES = (
    Junk("a bomb of lists", lambda: f"{DRAGONFLY}l0: &l0 [x]\n{bomb('[{}]')}\n", 2, "its aliases expand"),
    Junk(
        "a bomb of merged keys", lambda: f"{DRAGONFLY}l0: &l0 {{}}\n{bomb('{{<<: [{}]}}')}\n", 2, "its aliases expand"
    ),
    Junk("a cycle", lambda: f"{DRAGONFLY}spec: &a {{args: [*a]}}\n", 2, "its aliases expand"),
    Junk("brackets", lambda: f"{DRAGONFLY}spec: {'[' * 100_000}", 2, "nested deeper than 200 levels"),
    Junk("a long text", lambda: f"{DRAGONFLY}spec: {{args: ['--{'x' * SIZE}']}}\n", 1, "DFLY-OPS-001"),
    Junk("a long name", lambda: f"{DRAGONFLY.replace('cache', 'x' * 100_000)}spec: {{}}\n", 1, "DFLY-OPS-001"),
    Junk("values", lambda: f"{DRAGONFLY}spec: [{'x,' * (SIZE // 2)}]\n", 2, "more than 2,000,000 values"),
    Junk("aliases", lambda: f"{DRAGONFLY}spec: {{args: [&a x{',*a' * 300_000}]}}\n", 1, "more than 1000 mistakes"),
    Junk("documents", lambda: "---\n{}\n" * (SIZE // 100) + f"---\n{DRAGONFLY}spec: {{}}\n", 1, "DFLY-OPS-001"),
    Junk("digits", lambda: f"{DRAGONFLY}spec: {{replicas: {'9' * SIZE}}}\n", 2, "a value cannot be read"),
    Junk("hexadecimal digits", lambda: f"{DRAGONFLY}spec: {{replicas: 0x{'f' * SIZE}}}\n", 1, "of at most 64 bits"),
    Junk("numbers to the base 60", lambda: f"{DRAGONFLY}spec: {{replicas: 1{':59' * 1_000_000}}}\n", 1, "not a text"),
    Junk(
        "a quantity", lambda: f"{DRAGONFLY}spec: {{resources: {{limits: {{memory: {'9' * SIZE}Gi}}}}}}\n", 1, "limits"
    ),
    Junk("no number", lambda: f"{DRAGONFLY}spec: {{replicas: .nan, resources: .inf}}\n", 1, "not a number"),
    Junk("keys that are there twice", lambda: f"{DRAGONFLY}spec: {{replicas: x, replicas: 1}}\n", 1, "DFLY-OPS-001"),
    Junk("bytes that are no text", lambda: f"{DRAGONFLY}spec: {{args: [é]}}\n".encode("latin-1"), 2, "not valid YAML"),
    Junk("variables", lambda: f"{DRAGONFLY}spec: {{args: [{'${x:=' * 200_000}]}}\n", 2, "not valid YAML"),
    Junk(
        "lines of pg_hba", lambda: f"{CLUSTER}spec: {{postgresql: {{pg_hba: [{'host all,' * 50_000}]}}}}\n", 1, "CNPG"
    ),
    Junk(
        "a schedule", lambda: f"{SCHEDULED}spec: {{schedule: '0 0 0 {'1,' * (SIZE // 20)}1 * *'}}\n", 1, "CNPG-DATA-001"
    ),
    Junk(
        "ranges of addresses",
        lambda: f"{POLICY}spec: {{podSelector: {{}}, ingress: [{{from: [{ranges(5_000)}]}}]}}\n---\n{DRAGONFLY}",
        1,
        "more than 1000 mistakes",
    ),
    Junk(
        "parts of a Secret",
        lambda: "---\n".join(
            [
                f"{SECRET}stringData: {{a: '{' '.join(f'part-{i:06}' for i in range(200_000))}'}}\n",
                *(DRAGONFLY.replace("cache", f"cache-{i}") for i in range(150)),
            ]
        ),
        1,
        "DFLY-OPS-001",
    ),
)


def exported(*properties: Any) -> str:
    kind = "kubernetes:dragonflydb.io/v1alpha1:Dragonfly"
    held = [{"urn": f"urn:pulumi:dev::x::{kind}::r{i}", "type": kind, "outputs": it} for i, it in enumerate(properties)]
    return json.dumps({"version": 3, "deployment": {"resources": held}})


def cache(**spec: Any) -> dict[str, Any]:
    metadata = {"name": "cache", "namespace": "data"}
    return {"apiVersion": "dragonflydb.io/v1alpha1", "kind": "Dragonfly", "metadata": metadata, "spec": spec}


def nested(depth: int) -> str:
    return exported(cache(replicas="deep")).replace('"deep"', f"{'[' * depth}{']' * depth}")


STATES = (
    Junk("a long text", lambda: exported(cache(args=["x" * SIZE])), 1, "DFLY-OPS-001"),
    Junk("values", lambda: exported(cache(args=["x"] * 500_000)), 1, "more than 1000 mistakes"),
    Junk("nested beyond the parser", lambda: nested(100_000), 2, "is no JSON"),
    Junk("nested within the parser", lambda: nested(900), 1, "not known yet"),
    Junk("digits", lambda: exported(cache(replicas="d")).replace('"d"', "9" * SIZE), 2, "is no JSON"),
    Junk("no number", lambda: exported(cache(replicas=float("nan"))), 1, "not a number"),
    Junk("cut off", lambda: exported(*[cache()] * 10_000)[:-1000], 2, "is no JSON"),
    Junk("empty properties", lambda: exported({}, None, [], "x"), 1, "Dragonfly default/r3"),
)


def limits() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def ended(*arguments: object, **given: Any) -> tuple[int, str]:
    """Exit code, and all that was said."""
    done = subprocess.run(
        [sys.executable, "-m", "seawall.cli", "check", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "160", "TERM": "dumb"},
        capture_output=True,
        preexec_fn=limits,
        check=False,
        **given,
    )
    said = f"{done.stdout.decode()} {done.stderr.decode()}"
    assert "Traceback" not in said
    assert "failed with" not in said, "a defect of a rule"
    assert "unexpected" not in said
    return done.returncode, " ".join(said.split())


def holds(junk: Junk, *, option: tuple[str, ...], folder: Path) -> None:
    content = junk.content()
    file = folder / "junk.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    code, said = ended(*option, file)
    assert (code, junk.said in said) == (junk.code, True), said[-2000:]
    assert len(said) < 20 * len(content) + 200_000


@pytest.mark.parametrize("junk", FILES, ids=str)
def test_a_file(junk: Junk, tmp_path: Path) -> None:
    holds(junk, option=(), folder=tmp_path)


@pytest.mark.parametrize("junk", STATES, ids=str)
def test_a_state(junk: Junk, tmp_path: Path) -> None:
    holds(junk, option=("--state",), folder=tmp_path)


def test_more_than_is_read() -> None:
    """Neither a file nor a pipe is taken into memory whole to see that it is too large."""
    with Path("/dev/zero").open("rb") as endless:
        code, said = ended("-", stdin=endless)
        assert (code, "more than the 32 MiB that are read" in said) == (2, True), said
        code, said = ended("--state", "-", stdin=endless)
        assert (code, "more than the 512 MiB that are read" in said) == (2, True), said
    assert "is more than the 512 MiB" in ended("--state", "/dev/zero")[1]
    assert ended("/dev/zero")[0] == 2


def test_what_is_no_file(tmp_path: Path) -> None:
    """Each is named, and what is good beside it is judged; nobody waits for a pipe that nobody writes into."""
    (tmp_path / "good.yaml").write_text(f"{DRAGONFLY}spec: {{}}\n")
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "nowhere.yaml").symlink_to("missing")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "self").symlink_to(".")
    (tmp_path / "round").symlink_to("round")
    code, said = ended(tmp_path, timeout=SECONDS)
    assert code == 2
    assert "DFLY-OPS-001" in said
    for name in ("pipe.yaml", "loop.yaml", "nowhere.yaml"):
        assert f"{name} not a regular file" in said
    code, said = ended(tmp_path / "round")
    assert (code, "no such folder or file" in said) == (2, True), said
    (tmp_path / "empty").mkdir()
    code, said = ended(tmp_path / "empty")
    assert (code, "there is nothing to check" in said) == (2, True), said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    (tmp_path / "good.yaml").write_text(f"{DRAGONFLY}spec: {{}}\n")
    for source in (tmp_path, closed):
        code, said = ended(source)
        assert (code, "Permission denied" in said) == (2, True), said
