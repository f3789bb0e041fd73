"""Two builds at once: the second waits, says for what, and uses what the first made."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from toolchain_fakes import MAKES, World, python, recorder

from seawall.tools import lock, toolchain


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World.make(tmp_path, monkeypatch)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_second_waits_says_for_what_and_uses_what_the_first_made(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.3)
    world.go("exit 1")  # whoever builds fails
    console, text = recorder()
    result: dict[str, Path] = {}
    second = threading.Thread(target=lambda: result.update(toolchain.ensure(["etcd"], console=console)))
    ours = world.executable("etcd", "v3.6.5")
    with lock.held(recorder()[0], "building etcd v3.6.5") as announce:
        second.start()
        wait_until(lambda: "which is building etcd v3.6.5" in text.getvalue())
        wait_until(lambda: "still waiting for process" in text.getvalue())
        announce("building kwok v0.8.0")
        wait_until(lambda: "which is building kwok v0.8.0" in text.getvalue())
        ours.parent.mkdir(parents=True)
        ours.write_text("made by the first")
        ours.chmod(0o755)
        assert not result
    second.join(60)
    assert result == {"etcd": ours}
    assert world.asked() == []


def test_a_holder_that_died_holds_nothing(world: World) -> None:
    child = python(
        """
        import os, signal
        from rich.console import Console
        from seawall.tools import lock
        with lock.held(Console(), "building etcd"):
            print("held", flush=True)
            signal.pause()
        """
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    child.kill()
    child.wait()
    child.stdout.close()
    world.go(MAKES)
    console, text = recorder()
    assert "etcd" in toolchain.ensure(["etcd"], console=console)
    assert "waiting" not in text.getvalue()


def test_two_processes_at_once_build_once(world: World) -> None:
    world.go(f"sleep 1; {MAKES}")
    code = """
        from rich.console import Console
        from seawall.tools.toolchain import ensure
        print(ensure(["etcd"], console=Console(stderr=True))["etcd"])
        """
    children = [python(code), python(code)]
    outputs = [child.communicate(timeout=60)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0], outputs
    assert all(str(world.executable("etcd", "v3.6.5")) in output for output in outputs)
    assert len(world.asked()) == 1


def test_a_missing_or_damaged_note_of_the_holder_is_no_problem(world: World) -> None:
    (world.cache / "tools").mkdir(parents=True)
    assert lock._holder() == "another process, which uses the same cache"
    (world.cache / "tools" / ".holder.json").write_text('{"pid": "x"}')
    assert lock._holder() == "another process, which uses the same cache"
