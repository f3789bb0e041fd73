"""Start and stop under everything that can happen between them: kills, ^C, reboots, taken ports, damaged files."""

import contextlib
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console
from sandbox_helpers import pids, processes, start_elsewhere, until

from seawall.errors import UserError
from seawall.sandbox.cluster import Sandbox
from seawall.sandbox.crds.sources import VENDORS
from seawall.sandbox.parts import PORTS_OF
from seawall.sandbox.record import Store

pytestmark = pytest.mark.timeout(300, func_only=True)

ALL = set(PORTS_OF)


@pytest.fixture(scope="module")
def lasting(toolchain: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox for tests that leave a running one behind."""
    own = Sandbox(tmp_path_factory.mktemp("lasting") / "s")
    yield own
    own.stop()
    assert not processes(own)


def test_a_start_from_nothing_and_a_stop_that_leaves_nothing(spare: Sandbox, console: Console) -> None:
    spare = Sandbox(spare.state, shared_crds=False)  # as on a machine without the shared folder
    first = spare.start(console)
    assert set(first.started) == ALL
    assert first.notes == ()
    assert set(pids(spare)) == ALL
    generated = {part.name for part in spare.status() if part.detail == "generated from the typed models of seawall"}
    assert generated == {vendor.name for vendor in VENDORS}

    stopped = spare.stop()

    assert (stopped.ended, stopped.removed) == (len(ALL), True)
    assert processes(spare) == {}
    assert not spare.state.exists()
    again = spare.stop()
    assert (again.ended, again.removed) == (0, False)


def test_killed_parts_are_started_again_and_the_others_are_left_alone(lasting: Sandbox, console: Console) -> None:
    lasting.start(console)
    lasting.ensure_namespaces(["kept"])
    before = pids(lasting)
    _kill(lasting, "etcd", "moto", "kwok")
    assert {part.name for part in lasting.status() if part.state == "stopped"} >= {"etcd", "moto", "kwok"}

    again = lasting.start(console)

    after = pids(lasting)
    assert set(again.started) == {"etcd", "moto", "kwok"}
    assert {name for name in ALL if before[name] == after[name]} == ALL - {"etcd", "moto", "kwok"}
    assert again.notes[0] == "etcd, moto, kwok had ended (killed?): started again"
    assert again.notes[1].startswith("S3, KMS and IAM were started again: what they held (in memory only) is gone")
    assert all(part.running for part in lasting.status())
    assert _has_namespace(lasting, "kept")

    # A plugin that is new needs an operator that has seen it.
    _kill(lasting, "barman-plugin")
    assert set(lasting.start(console).started) == {"barman-plugin", "cnpg-manager"}

    # A part that hangs is started again as well.
    os.kill(pids(lasting)["kube-scheduler"], signal.SIGSTOP)
    hung = lasting.start(console)
    assert hung.started == ("kube-scheduler",)
    assert hung.notes == ("kube-scheduler did not answer and is started again",)
    assert all(part.running for part in lasting.status())


def test_when_everything_was_killed_or_the_machine_restarted_it_comes_back(lasting: Sandbox, console: Console) -> None:
    lasting.start(console)
    lasting.ensure_namespaces(["kept"])
    _kill_everything(lasting)

    killed = lasting.start(console)

    assert set(killed.started) == ALL
    assert killed.notes[0] == "all parts had ended (killed?): started again"
    assert _has_namespace(lasting, "kept")

    _kill_everything(lasting)
    _edit_record(lasting, boot="the boot before")
    rebooted = lasting.start(console)

    assert set(rebooted.started) == ALL
    assert rebooted.notes[0] == "the machine was restarted since: all parts are started again"
    assert _has_namespace(lasting, "kept")


def test_a_taken_port_is_given_up_for_another_one(lasting: Sandbox, console: Console) -> None:
    lasting.start(console)
    lasting.ensure_namespaces(["kept"])
    old = lasting.endpoints
    _kill_everything(lasting)
    with contextlib.ExitStack() as thieves:
        for url in (old.api_server, old.s3):
            thief = thieves.enter_context(socket.socket())
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            thief.bind(("127.0.0.1", int(url.rpartition(":")[2])))
            thief.listen()

        moved = lasting.start(console)

        assert moved.endpoints.api_server != old.api_server
        assert moved.endpoints.s3 != old.s3
        assert any("another program took a port of kube-apiserver" in note for note in moved.notes)
        assert moved.endpoints.api_server in lasting.endpoints.kubeconfig.read_text()
        assert all(part.running for part in lasting.status())
        assert _has_namespace(lasting, "kept")
        assert set(pids(lasting)) == ALL


def test_a_record_that_cannot_be_read_is_mended(lasting: Sandbox, console: Console) -> None:
    lasting.start(console)
    before = pids(lasting)
    (lasting.state / "sandbox.json").write_text("{ this is not")
    (lasting.state / "backend").mkdir(exist_ok=True)  # somebody else's: the engine's

    again = lasting.start(console)

    assert set(again.started) == ALL
    assert f"is damaged: ended {len(ALL)} processes of that sandbox and made a new one" in again.notes[0]
    assert not set(before.values()) & set(pids(lasting).values())
    assert set(pids(lasting)) == ALL
    assert (lasting.state / "backend").is_dir()


def test_two_starts_at_once_make_one_sandbox(spare: Sandbox) -> None:
    both = [start_elsewhere(spare), start_elsewhere(spare)]
    told = [process.communicate(timeout=240) for process in both]

    assert [process.returncode for process in both] == [0, 0], told
    assert told[0][0] == told[1][0] == f"{spare.endpoints}\n"
    assert sum("waiting for it" in errors for _, errors in told) == 1
    assert set(pids(spare)) == ALL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_start_that_is_interrupted_leaves_nothing_unknown(
    spare: Sandbox, console: Console, number: signal.Signals
) -> None:
    started = start_elsewhere(spare)
    until(lambda: len(processes(spare)) >= 4, "a start in the middle")
    started.send_signal(number)
    _, errors = started.communicate(timeout=60)
    assert started.returncode != 0
    if number == signal.SIGINT:
        assert "KeyboardInterrupt" in errors
        store = Store(spare.state)
        assert store.load()
        assert {name: process.pid for name, process in store.record.processes.items()} == pids(spare)

    spare.start(console)

    assert set(pids(spare)) == ALL
    assert all(part.running for part in spare.status())


def test_processes_are_found_when_the_state_folder_was_removed_by_hand(spare: Sandbox, console: Console) -> None:
    spare.start(console)
    until(lambda: _removed(spare.state), "the removal of the folder")
    (spare.state / "home" / "flex").mkdir(parents=True, exist_ok=True)  # as the controller manager does sooner or later
    left = len(processes(spare))  # a part may end by itself when its files go

    stopped = spare.stop()

    assert 0 < stopped.ended <= left <= len(ALL)
    assert not spare.state.exists()
    assert processes(spare) == {}


def test_a_folder_of_somebody_else_is_neither_used_nor_removed(
    tmp_path: Path, console: Console, toolchain: Any
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    theirs = Sandbox(tmp_path)

    with pytest.raises(UserError, match="is not empty and was not made by seawall"):
        theirs.start(console)
    with pytest.raises(UserError, match="was not made by seawall: nothing is removed"):
        theirs.stop()

    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_path_that_is_too_long_for_a_socket_is_refused_before_anything_is_started(
    tmp_path: Path, console: Console
) -> None:
    deep = tmp_path / ("d" * 100)

    with pytest.raises(UserError, match="characters too long for a Unix socket below it"):
        Sandbox(deep).start(console)

    assert not deep.exists()


def _kill(sandbox: Sandbox, *names: str) -> None:
    """Kill parts, and wait until the kernel has let go of them and of their ports."""
    found = processes(sandbox)
    killed = [process for name in names for process in found[name]]
    for process in killed:
        process.kill()
    assert not psutil.wait_procs(killed, timeout=60)[1]


def _kill_everything(sandbox: Sandbox) -> None:
    _kill(sandbox, *processes(sandbox))


def _edit_record(sandbox: Sandbox, **changes: Any) -> None:
    file = sandbox.state / "sandbox.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def _has_namespace(sandbox: Sandbox, name: str) -> bool:
    from seawall.sandbox.api import Api
    from seawall.sandbox.pki import Pki

    return Api(sandbox.endpoints.api_server, Pki(sandbox.state / "pki")).exists(f"/api/v1/namespaces/{name}")


def _removed(folder: Path) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    time.sleep(0.2)
    return not folder.exists()
