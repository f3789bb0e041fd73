"""Processes and records without any tool: what is started, recognised and ended."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from seawall.errors import EnvironmentFailure, UserError
from seawall.sandbox import ports, record
from seawall.sandbox.cluster import Sandbox
from seawall.sandbox.processes import MARKER, Part, PartFailedError, Supervisor, end, marked, tail
from seawall.sandbox.record import ProcessRecord, Store, UnreadableRecordError

pytestmark = pytest.mark.timeout(60, func_only=True)


@pytest.fixture
def supervisor(tmp_path: Path) -> Supervisor:
    record.claim(tmp_path)
    return Supervisor(tmp_path, Store(tmp_path))


def _part(supervisor: Supervisor, *program: str, healthy: bool = True, **fields: object) -> Part:
    return Part(
        name="part",
        argv=program or (sys.executable, "-c", "import time; time.sleep(300)"),
        probe=lambda: None if healthy else "it says nothing",
        cwd=supervisor.state,
        **fields,  # type: ignore[arg-type]
    )


def test_a_part_is_started_once_and_anew_when_its_arguments_change(supervisor: Supervisor) -> None:
    part = _part(supervisor)
    assert supervisor.launch(part)
    first = supervisor.find("part")
    assert first is not None
    assert os.getsid(first.pid) != os.getsid(0)  # the user's ^C does not reach it

    assert not supervisor.launch(part)
    assert supervisor.launch(_part(supervisor, depends=("another port",)))

    second = supervisor.find("part")
    assert second is not None
    assert second.pid != first.pid
    assert not first.is_running()
    assert [process.pid for process, _ in marked(supervisor.state)] == [second.pid]
    assert end([second]) == 1
    assert supervisor.find("part") is None


def test_another_supervisor_finds_it_by_its_record(supervisor: Supervisor) -> None:
    supervisor.launch(_part(supervisor))
    later = Store(supervisor.state)
    assert later.load()

    found = Supervisor(supervisor.state, later).find("part")

    assert found is not None
    assert supervisor.strays() == []
    end([found])


def test_a_process_without_a_record_is_a_stray(supervisor: Supervisor) -> None:
    supervisor.launch(_part(supervisor))
    supervisor.store.forget(["part"])

    strays = supervisor.strays(["part"])

    assert len(strays) == 1
    assert supervisor.strays(["another part"]) == []
    assert end(strays) == 1


def test_another_start_time_or_marker_is_another_process(supervisor: Supervisor) -> None:
    own = psutil.Process()
    supervisor.store.remember(
        "part", ProcessRecord(pid=own.pid, started=own.create_time(), fingerprint="any")
    )  # the right id and time, without our marker
    assert supervisor.find("part") is None

    supervisor.launch(_part(supervisor))
    recorded = supervisor.store.record.processes["part"]
    supervisor.store.remember("part", recorded.model_copy(update={"started": recorded.started - 60}))
    assert supervisor.find("part") is None
    end(process for process, _ in marked(supervisor.state))


def test_a_shell_that_exports_the_state_folder_is_not_ours(supervisor: Supervisor) -> None:
    supervisor.launch(_part(supervisor))
    strangers = [
        subprocess.Popen(["sleep", "300"], env={**os.environ, name: value})
        for name, value in (("SEAWALL_STATE", str(supervisor.state)), (MARKER, f"{supervisor.state}-2#part"))
    ]
    try:
        found = [process for process, _ in marked(supervisor.state)]
        assert len(found) == 1
        assert end(found) == 1
        assert [stranger.poll() for stranger in strangers] == [None, None]
    finally:
        for stranger in strangers:
            stranger.kill()
            stranger.wait()


def test_a_part_that_ends_tells_its_last_lines(supervisor: Supervisor) -> None:
    part = _part(supervisor, sys.executable, "-c", "print('one'); print('bind: address already in use'); exit(3)")
    supervisor.launch(part)
    with pytest.raises(PartFailedError) as failed:
        # Nobody can tell a part that is about to end from a healthy one, so the probe never passes here.
        supervisor.wait(_part(supervisor, *part.argv, healthy=False), 30)

    assert "part ended right after its start; log " in str(failed.value)
    assert str(failed.value).endswith("\n  one\n  bind: address already in use")
    assert failed.value.port_taken


def test_a_part_that_is_never_healthy_runs_into_its_time_limit(supervisor: Supervisor) -> None:
    part = _part(supervisor, healthy=False)
    supervisor.launch(part)

    with pytest.raises(PartFailedError, match=r"part was not healthy after 0 s \(it says nothing\); log .*is empty"):
        supervisor.wait(part, 0.1)

    end(process for process, _ in marked(supervisor.state))


def test_a_program_that_is_not_there_is_named(supervisor: Supervisor) -> None:
    with pytest.raises(EnvironmentFailure, match="part cannot be started: /nowhere/tool: No such file"):
        supervisor.launch(_part(supervisor, "/nowhere/tool"))


def test_the_tail_of_a_log_is_that_of_the_latest_start(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    log.write_text("--- seawall starts part at t\nold\n--- seawall starts part at t\n\nnew\n")

    assert tail(log) == ["new"]
    assert tail(tmp_path / "none.log") == []


def test_the_record_is_written_whole_and_read_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert not store.load()
    store.update(ports={"etcd": 1234})
    store.remember("etcd", ProcessRecord(pid=7, started=1.5, fingerprint="f"))

    again = Store(tmp_path)

    assert again.load()
    assert again.record == store.record
    assert [entry.name for entry in tmp_path.iterdir()] == ["sandbox.json"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is damaged"),
        ('{"format": 1}', "is damaged"),
        ('{"format": 2, "boot": "b"}', "was written by another version"),
        ('{"format": 1, "boot": "b", "surprise": 1}', "is damaged"),
        (
            '{"format": 1, "boot": "b", "processes": {"etcd": {"pid": -1, "started": 1, "fingerprint": ""}}}',
            "is damaged",
        ),
    ],
)
def test_a_damaged_record_is_recognised(tmp_path: Path, content: str, told: str) -> None:
    store = Store(tmp_path)
    store.path.write_text(content)

    with pytest.raises(UnreadableRecordError, match=told):
        store.load()


def test_a_state_folder_is_claimed_and_removed_whole(tmp_path: Path) -> None:
    state = tmp_path / "a" / "b"
    record.claim(state)
    record.claim(state)
    (state / "etcd" / "member").mkdir(parents=True)
    (state / "kubeconfig").touch()
    (state / "link").symlink_to(tmp_path)

    record.remove(state)

    assert not state.exists()
    assert tmp_path.is_dir()
    record.remove(state)


def test_a_file_is_no_state_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(UserError, match="file is a file"):
        record.claim(tmp_path / "file")
    with pytest.raises(UserError, match="file is a file"):
        Sandbox(tmp_path / "file").status()
    with pytest.raises(UserError, match="file is a file"):
        Sandbox(tmp_path / "file").stop()


@pytest.mark.parametrize(("content", "nothing"), [("home/flex", True), ("mine", False), ("home/flex/file.txt", False)])
def test_a_folder_that_only_a_part_made_again_holds_nothing(tmp_path: Path, content: str, nothing: bool) -> None:
    made = tmp_path / content
    made.parent.mkdir(parents=True, exist_ok=True)
    _ = made.touch() if made.suffix else made.mkdir()

    assert record.holds_nothing(tmp_path) is nothing


def test_ports_are_different_and_free() -> None:
    chosen = ports.choose(f"port-{number}" for number in range(40))

    assert len(set(chosen.values())) == 40
    assert all(ports.is_free(port) for port in chosen.values())
