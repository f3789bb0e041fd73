"""A copy of the process takes some of the work, and nothing of it shows: neither in results nor in their order."""

import marshal
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from pickle import PicklingError

import pytest

from seawall.bench import tenants
from seawall.cli.check import judge_source
from seawall.policy import judging, second_core
from seawall.policy.carrying import Carrier
from seawall.policy.checking import Asked
from seawall.policy.estate import ahead
from seawall.policy.estate.building import build
from seawall.policy.estate.doors.folder import read_folder
from seawall.policy.findings import Finding
from seawall.policy.judging import judge
from seawall.policy.report import machine
from seawall.policy.rules import load
from seawall.policy.second_core import spread

DATA = Path(__file__).parent / "data"
TWICE = [0, 2, 4, 6, 8, 10, 12, 14]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no copy elsewhere")


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cores whatever the machine has, and nothing is too small for them."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(ahead, "LEAST_BYTES", 0)
    monkeypatch.setattr(judging, "LARGE", 0)


@pytest.fixture
def one_core(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(second_core, "available", lambda: False)
        patch.setattr(ahead, "available", lambda: False)
        yield


def doubled(work: "Work") -> list[int]:
    return spread(len(TWICE), work, pack=marshal.dumps, unpack=marshal.loads)


class Work:
    """Doubles a number; knows in which process it was done, and can fail in one of them."""

    def __init__(self, *, slow_here: bool = True) -> None:
        self.here = os.getpid()
        self.done_here: list[int] = []
        self._slow_here = slow_here

    @property
    def copied(self) -> bool:
        return os.getpid() != self.here

    def __call__(self, number: int) -> int:
        self.done_here.append(number)
        if self._slow_here and not self.copied:
            time.sleep(0.02)  # the copy gets its share, however busy the machine is
        return 2 * number


def test_both_take_tasks_and_the_results_are_in_order() -> None:
    work = Work()
    assert doubled(work) == TWICE
    assert 0 < len(work.done_here) < len(TWICE), "the copy did the others"
    assert work.done_here == list(range(len(work.done_here))), "this process begins with the first task"


def test_what_the_copy_could_not_do_is_done_here() -> None:
    class Ends(Work):
        def __call__(self, number: int) -> int:
            if self.copied:
                os._exit(1)
            return super().__call__(number)

    class Fails(Work):
        def __call__(self, number: int) -> int:
            if self.copied:
                raise MemoryError
            return super().__call__(number)

    class Unsayable(Work):
        def __call__(self, number: int) -> int:
            return super().__call__(number) if not self.copied else object()  # type: ignore[return-value]

    for work in (Ends(), Fails(), Unsayable()):
        assert doubled(work) == TWICE
        assert sorted(work.done_here) == list(range(len(TWICE)))


def test_what_fails_in_both_is_raised_here() -> None:
    def work(number: int) -> int:
        if number == 5:
            raise ValueError("five")
        return number

    with pytest.raises(ValueError, match="five"):
        doubled(work)  # type: ignore[arg-type]


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_copy_is_not_left_behind_when_this_process_is_interrupted() -> None:
    class Interrupted(Work):
        def __call__(self, number: int) -> int:
            if self.copied:
                time.sleep(60)
            raise KeyboardInterrupt

    began = time.monotonic()
    files = open_files()
    with pytest.raises(KeyboardInterrupt):
        doubled(Interrupted())
    assert time.monotonic() - began < 30
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    assert open_files() == files


def test_where_no_further_process_is_allowed_all_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refused)
    files, work = open_files(), Work()
    assert doubled(work) == TWICE
    assert work.done_here == list(range(len(TWICE)))
    assert open_files() == files


def test_results_cut_short_are_left_out() -> None:
    whole = b"".join(second_core._HEAD.pack(number, 3) + b"abc" for number in (4, 7))
    assert list(second_core._heard(whole)) == [(4, b"abc"), (7, b"abc")]
    for length in range(len(whole) // 2, len(whole)):
        assert list(second_core._heard(whole[:length])) == [(4, b"abc")]


def test_with_another_thread_or_one_core_there_is_no_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        assert not second_core.available()
        work = Work()
        assert doubled(work) == TWICE
        assert work.done_here == list(range(len(TWICE)))
    finally:
        ended.set()
        thread.join()
    assert second_core.available()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert not second_core.available()


def mistaken(root: Path) -> Path:
    """Tenants with mistakes."""
    tenants.write(root, 3)
    for file in root.glob("tenant-*.yaml"):
        text = file.read_text().replace("podAntiAffinity", "podAffinity")
        file.write_text(text.replace("metadata.name: observability", "metadata.name: elsewhere"))
    return root


def folder(root: Path) -> Path:
    """The same, many fixtures, and what the reading has to be patient with."""
    mistaken(root / "tenants")
    for number, path in enumerate(sorted(DATA.glob("*/*.yaml"))[::7]):
        if not path.name.endswith(".stack.yaml"):
            (root / f"{number}.yaml").write_bytes(path.read_bytes())
    (root / "aliases.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: &m {name: a}\nagain: *m\n")
    (root / "broken.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: one}\n---\n{]\n")
    (root / "list.yaml").write_text(
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: listed}\n"
    )
    (root / "pairs.json").write_text(
        '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "\\ud83d\\ude00"}}'
    )
    (root / "defaults.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ${NAME:=given}\n")
    (root / "gone.yaml").symlink_to("nowhere")
    os.mkfifo(root / "pipe.yaml")
    return root


def test_a_check_says_the_same_with_one_core_and_with_two(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    source = folder(tmp_path)

    def said() -> str:
        result = judge_source(str(source), Asked(matrices=True), day=date(2026, 1, 31))
        return machine.to_json(replace(result, seconds=0.0))

    with_two = said()
    request.getfixturevalue("one_core")
    assert with_two == said()
    assert '"outcome": "violated"' in with_two
    assert '"outcome": "not evaluated"' in with_two


def test_only_plain_files_are_parsed_ahead(tmp_path: Path) -> None:
    source = folder(tmp_path)
    paths = sorted(path for path in source.iterdir() if not path.is_dir())
    known = {path.name for path in ahead.parsed(paths)}
    assert "defaults.yaml" in known
    assert not known & {"aliases.yaml", "broken.yaml", "list.yaml", "gone.yaml", "pipe.yaml"}


def test_what_is_little_or_too_much_is_not_parsed_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "one.yaml"
    file.write_text("a: 1\n")
    assert ahead.parsed([file]) == {file: [({"a": 1}, 0)]}
    monkeypatch.setattr(ahead, "MOST_BYTES", 5)
    assert ahead.parsed([file]) == {}
    monkeypatch.setattr(ahead, "MOST_BYTES", 6)
    monkeypatch.setattr(ahead, "LEAST_BYTES", 5)
    assert ahead.parsed([file]) == {}


def test_findings_come_back_with_the_same_objects(tmp_path: Path) -> None:
    estate = build(read_folder(mistaken(tmp_path)).objects)
    findings = judge(estate)
    carrier = Carrier((estate,), load())
    assert carrier.unpack(carrier.pack(findings)) == findings, "objects are compared by identity"
    assert any(finding.about is not None for finding in findings)


def test_a_finding_about_an_object_of_no_estate_is_not_carried(tmp_path: Path) -> None:
    estate = build(read_folder(mistaken(tmp_path)).objects)
    finding: Finding = judge(estate)[0]
    stranger = replace(finding, about=replace(finding.subject))
    with pytest.raises(PicklingError, match="it is in no estate"):
        Carrier((estate,), load()).pack([stranger])
