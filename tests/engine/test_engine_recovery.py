"""What killed and interrupted runs leave behind, and two runs at once."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from engine_trial import Trial

from seawall.errors import EnvironmentFailure, UserError
from seawall.sandbox.engine import environment, lock, recovery

HERE = Path(__file__).resolve().parent
SLOW = """
    import pathlib, time
    import pulumi
    from pulumi.runtime.settings import is_dry_run

    class Thing(pulumi.ComponentResource):
        def __init__(self, name):
            super().__init__("trial:index:Thing", name)
            self.register_outputs({})

    Thing("early")
    if not is_dry_run():
        gate = pathlib.Path(__file__).with_name("gate")
        if not gate.exists():
            gate.with_name("reached").touch()
            while not gate.exists():
                time.sleep(0.05)
    Thing("late")
"""


@contextlib.contextmanager
def update_in_another_process(trial: Trial) -> Iterator[subprocess.Popen[str]]:
    """A driver of its own that updates the trial, once its program waits in the middle of the update."""
    trial.program(SLOW)
    code = f"""
        import sys
        sys.path[:0] = [{str(HERE)!r}, {str(HERE.parents[1])!r}]
        from pathlib import Path
        from engine_trial import PretendedSandbox, Trial
        from seawall.cli.failures import guarded
        trial = Trial(Path({str(trial.folder)!r}), PretendedSandbox(Path({str(trial.state)!r})), sys.stdout)
        guarded(trial.engine().up)
    """
    log = trial.folder.parent / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)], stdout=out, stderr=subprocess.STDOUT, text=True
        )
        try:
            wait_for(lambda: (trial.folder / "reached").exists(), process, log)
            yield process
        finally:
            (trial.folder / "gate").touch()
            process.kill()
            process.wait()


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str], log: Path) -> None:
    for _ in range(1200):
        if condition():
            return
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def of_this(state: Path) -> list[psutil.Process]:
    return list(recovery._survivors(state))


def test_after_the_engine_and_its_driver_were_killed_the_next_update_succeeds(trial: Trial) -> None:
    with update_in_another_process(trial) as driver:
        cli = next(child for child in psutil.Process(driver.pid).children() if "pulumi" in child.name())
        driver.kill()
        cli.kill()
        driver.wait()
    assert list((trial.state / "backend").rglob("locks/**/*.json")), "the lock of the killed update"
    done = trial.engine().up()
    assert trial.resources() == ["early", "late"]
    assert len(done.recovered) >= 1
    assert trial.printed.count("an earlier run on this sandbox was killed") == 1
    assert of_this(trial.state) == []


def test_after_only_the_driver_was_killed_its_engine_is_ended(trial: Trial) -> None:
    with update_in_another_process(trial) as driver:
        driver.kill()
        driver.wait()
        (trial.folder / "gate").touch()
        # At once, while its engine may still be running.
        trial.engine().up()
    assert trial.resources() == ["early", "late"]
    assert of_this(trial.state) == []


def test_after_only_the_engine_was_killed_the_driver_says_so(trial: Trial) -> None:
    with update_in_another_process(trial) as driver:
        next(child for child in psutil.Process(driver.pid).children() if "pulumi" in child.name()).kill()
        (trial.folder / "gate").touch()
        assert driver.wait(timeout=120) == 3
    said = (trial.folder.parent / "log").read_text()
    assert "error: the Pulumi engine was ended by SIGKILL" in said
    assert "Traceback" not in said
    assert of_this(trial.state) == [], "the policy pack of the killed engine"
    trial.engine().up()
    assert trial.resources() == ["early", "late"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_update_ends_with_130_and_the_next_succeeds(trial: Trial, number: signal.Signals) -> None:
    with update_in_another_process(trial) as driver:
        driver.send_signal(number)
        assert driver.wait(timeout=120) == 130
    said = (trial.folder.parent / "log").read_text()
    assert said.count("interrupted: the engine finishes what it has begun") == 1
    assert "Traceback" not in said
    assert not list((trial.state / "backend").rglob("locks/**/*.json")), "the engine let its lock go"
    trial.engine().up()
    assert trial.resources() == ["early", "late"]


def test_operations_that_were_never_recorded_as_done_are_cleared(trial: Trial) -> None:
    trial.engine().up()
    content = json.loads(trial.checkpoint.read_text())
    latest = content["checkpoint"]["latest"]
    lost = {"type": "trial:index:Thing", "urn": "urn:pulumi:dev::trial::trial:index:Thing::lost", "custom": False}
    latest["pending_operations"] = [{"type": "creating", "resource": lost}]
    trial.checkpoint.write_text(json.dumps(content))
    done = trial.engine().up()
    assert done.recovered == ("an earlier update was cut short in 1 operation: what it made is adopted now",)
    assert recovery.pending_operations(trial.state, "trial", "dev") == []
    assert done.changed == 0


@pytest.mark.parametrize("content", ["", "null", '{"version": 3, "che'])
def test_a_damaged_state_of_the_engine_is_said_before_anything_is_started(trial: Trial, content: str) -> None:
    trial.checkpoint.parent.mkdir(parents=True)
    trial.checkpoint.write_text(content)
    with pytest.raises(EnvironmentFailure, match=r"dev\.json, the engine's state of stack dev, is damaged"):
        trial.engine().up()
    assert trial.sandbox.starts == 0


def test_a_stack_file_that_the_killed_engine_wrote_half_is_made_anew(trial: Trial) -> None:
    trial.engine().up()
    (trial.state / "engine" / "work" / "dev" / "Pulumi.dev.yaml").write_text("")
    assert trial.engine().up().changed == 0


def lock_file(state: Path, **changes: object) -> Path:
    file = state / "backend" / ".pulumi" / "locks" / "organization" / "trial" / "dev" / "some.json"
    file.parent.mkdir(parents=True)
    content = {
        "pid": os.getpid(),
        "username": "somebody",
        "hostname": socket.gethostname(),
        "timestamp": "2999-01-01T00:00:00Z",
        **changes,
    }
    file.write_text(json.dumps(content))
    return file


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_lock_whose_owner_is_dead_is_removed(tmp_path: Path) -> None:
    file = lock_file(tmp_path, pid=ended_process())
    assert recovery.clean(tmp_path).locks == 1
    assert not file.exists()


def test_a_lock_whose_owners_number_was_given_to_another_process_is_removed(tmp_path: Path) -> None:
    file = lock_file(tmp_path, timestamp="2001-01-01T00:00:00.123456789+02:00")
    assert recovery.clean(tmp_path).locks == 1
    assert not file.exists()


def test_a_lock_that_is_only_half_written_is_removed(tmp_path: Path) -> None:
    file = lock_file(tmp_path)
    file.write_text('{"pid": 1')
    assert recovery.clean(tmp_path).locks == 1


@pytest.mark.parametrize("changes", [{}, {"hostname": "another-machine", "pid": 1}])
def test_a_lock_whose_owner_may_be_alive_is_kept(tmp_path: Path, changes: dict[str, object]) -> None:
    file = lock_file(tmp_path, **changes)
    with pytest.raises(EnvironmentFailure, match="the stack is locked by process"):
        recovery.clean(tmp_path)
    assert file.exists()


def test_only_processes_of_this_sandboxs_engine_are_ended(tmp_path: Path) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    marks = (str(tmp_path), str(tmp_path / "other"), None)
    started = [
        subprocess.Popen(sleep, env={**os.environ, **({environment.MARKER: mark} if mark else {})}) for mark in marks
    ]
    try:
        assert recovery.clean(tmp_path).processes == (started[0].pid,)
        assert [process.poll() for process in started[1:]] == [None, None]
        assert not psutil.pid_exists(started[0].pid)
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_a_process_that_is_started_while_others_are_ended_is_ended_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    marked = {**os.environ, environment.MARKER: str(tmp_path)}
    started = [subprocess.Popen(sleep, env=marked)]
    look = recovery._survivors

    def late(state: Path) -> list[psutil.Process]:
        found = list(look(state))
        if len(started) == 1:
            started.append(subprocess.Popen(sleep, env=marked))
        return found

    monkeypatch.setattr(recovery, "_survivors", late)
    try:
        assert recovery.clean(tmp_path).processes == tuple(process.pid for process in started)
        assert not any(psutil.pid_exists(process.pid) for process in started)
    finally:
        for process in started:
            process.kill()
            process.wait()


@contextlib.contextmanager
def another_holder(state: Path) -> Iterator[int]:
    """Another process that holds the lock of the sandbox."""
    code = f"""
        import sys
        sys.path.insert(0, {str(HERE.parents[1])!r})
        from pathlib import Path
        from seawall.sandbox.engine import lock
        with lock.exclusive(Path({str(state)!r}), print):
            print("held", flush=True)
            sys.stdin.read()
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield process.pid
    finally:
        process.communicate()


def test_the_second_of_two_waits_and_names_the_first(tmp_path: Path) -> None:
    said: list[str] = []
    with contextlib.ExitStack() as first:
        pid = first.enter_context(another_holder(tmp_path))

        def say(sentence: str) -> None:
            said.append(sentence)
            first.close()  # the first one ends

        with lock.exclusive(tmp_path, say):
            assert said == [
                f"another seawall command (process {pid}) is working on this sandbox: waiting until it has ended"
            ]


def test_the_second_of_two_fails_when_it_must_not_wait(trial: Trial) -> None:
    with another_holder(trial.state) as pid, pytest.raises(EnvironmentFailure, match=f"process {pid}"):
        trial.engine(wait=False).preview()
    assert trial.sandbox.starts == 0


def test_the_lock_can_be_taken_again_inside(tmp_path: Path) -> None:
    with lock.exclusive(tmp_path, print), lock.exclusive(tmp_path, print, wait=False):
        pass
    with another_holder(tmp_path):
        pass


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEAWALL_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match="set SEAWALL_CACHE to one that can"), lock.exclusive(tmp_path, print):
        pass
