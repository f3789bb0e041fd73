"""The doors of `seawall check`: a folder of YAML, an exported state, or a running cluster, opened into an estate.

Each door says what it cannot see, and whether a verdict may wait for what an update will make.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from seawall.errors import UserError

if TYPE_CHECKING:
    from seawall.policy.checking import Opened
    from seawall.policy.estate.doors.folder import Reading

STDIN = "-"


def door(
    folder: str | None, *, state: str | None = None, context: str | None = None, kubeconfig: Path | None = None
) -> "Callable[[], Opened]":
    """What opens the one source that is given. Nothing is read yet.

    Raises `UserError` unless exactly one of folder, state and context is given.
    """
    given = {"DIR": folder, "--state": state, "--context": context}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise UserError(f"{' and '.join(named)} exclude each other: one check has one source")
    if kubeconfig is not None and context is None:
        raise UserError("--kubeconfig says where --context is: give --context NAME as well")
    if folder is not None:
        return lambda: open_folder(folder)
    if state is not None:
        return lambda: open_state(state)
    if context is not None:
        return lambda: open_cluster(context, kubeconfig)
    raise UserError(
        "nothing to check: give a folder of Kubernetes YAML, a file or -, or --state FILE, or --context NAME"
    )


def open_folder(source: str) -> "Opened":
    """What a folder, a file or standard input (`-`) holds. Raises `UserError` when there is nothing to judge.

    Only what `seawall render` wrote has values that a verdict may wait for.
    """
    from seawall.policy.checking import Opened
    from seawall.policy.estate.building import build
    from seawall.policy.estate.objects import Note
    from seawall.policy.estate.sight import FOLDER

    reading = _read(source)
    if not reading.objects and not reading.unreadable:
        raise UserError(_nothing(source, reading))
    states = (Note("an exported state: give it with --state", file) for file in reading.states)
    notes = [*FOLDER.notes, *reading.notes, *states]
    return Opened(
        source,
        build(reading.objects, notes=notes, sees=FOLDER.sees),
        reading.files,
        reading.not_kubernetes,
        tuple(reading.unreadable),
        may_wait=True,
    )


def open_state(source: str) -> "Opened":
    """What an exported state holds, from a file or standard input (`-`).

    Raises `UserError` when it is no state, or holds nothing to judge.
    """
    from seawall.policy.checking import Opened
    from seawall.policy.estate.doors import engine
    from seawall.policy.estate.doors.state import MAX_BYTES, read_state
    from seawall.policy.estate.sight import STATE

    name = "<stdin>" if source == STDIN else source
    state = read_state(_bytes(source, MAX_BYTES), name)
    estate = engine.estate(state.resources, STATE, state.notes)
    if not estate.declared and not estate.others:
        raise UserError(f"{name}: the state of stack {state.stack or '(none)'} holds no resources to judge")
    return Opened(f"stack {state.stack} in {name}", estate, files=1)


def open_cluster(context: str, kubeconfig: Path | None = None) -> "Opened":
    """What a running cluster holds; a line on standard error shows how far the reading is.

    Raises `UserError` when there is no such context, and `EnvironmentFailure` when the cluster does not answer.
    """
    from rich.console import Console
    from rich.markup import escape

    from seawall.policy.checking import Opened
    from seawall.policy.estate.building import build
    from seawall.policy.estate.doors.cluster_api import ClusterApi
    from seawall.policy.estate.doors.folder import Unreadable
    from seawall.policy.estate.doors.live import read_cluster
    from seawall.policy.estate.sight import LIVE

    api = ClusterApi(context, kubeconfig)
    screen = Console(stderr=True)
    with screen.status(f"reading {escape(context)}") as line:
        seen = read_cluster(api, told=lambda what: line.update(f"reading {escape(context)}: {escape(what)}"))
    estate = build(seen.objects, notes=[*LIVE.notes, *seen.notes], sees=seen.sees)
    refused = tuple(Unreadable(path, None, why) for path, why in seen.refused)
    return Opened(f"context {context}", estate, unreadable=refused)


def _read(source: str) -> "Reading":
    from seawall.policy.estate.doors.folder import MAX_BYTES, read_file, read_folder, read_text

    if source == STDIN:
        return read_text(_bytes(source, MAX_BYTES), "<stdin>")
    path = Path(source)
    try:
        if source and path.is_dir():
            return read_folder(path)
        if path.is_fifo():  # `check <(helm template …)`
            return read_text(_bytes(source, MAX_BYTES), source)
        if source and path.exists():
            return read_file(path)
    except OSError as problem:
        raise UserError(f"{source[:80]}: {problem.strerror or type(problem).__name__}") from None
    raise UserError(
        f"{source}: no such folder or file. Give a folder of Kubernetes YAML, one file, or - for standard input."
    )


def _bytes(source: str, most: int) -> bytes:
    """A file, a pipe or standard input, one byte beyond the limit at most. Raises `UserError`."""
    if source == STDIN:
        return typer.get_binary_stream("stdin").read(most + 1)
    try:
        with Path(source).open("rb") as stream:
            return stream.read(most + 1)
    except (OSError, ValueError) as problem:  # ValueError: a NUL in the name
        why = problem.strerror if isinstance(problem, OSError) else None
        raise UserError(f"{source[:80]}: {why or 'no such file'}") from None


def _nothing(source: str, reading: "Reading") -> str:
    from seawall.policy.estate.doors.folder import SUFFIXES
    from seawall.policy.report.text import count

    if reading.states:
        return f"{reading.states[0]} is the exported state of a stack: check it with --state {source}"
    source = "standard input" if source == STDIN else source
    if not reading.files:
        return f"{source} holds no {', '.join(SUFFIXES)} files: there is nothing to check."
    return (
        f"{source} holds no Kubernetes objects ({count(reading.files, 'file')} read, "
        f"{count(reading.not_kubernetes, 'document')} of other tools). Render charts and kustomizations first."
    )
