"""`seawall bench-policy`."""

import datetime
import os
import signal
import subprocess
import sys
import textwrap
import time
from itertools import islice
from pathlib import Path

import psutil
import pytest

from seawall.bench import engine as bench_engine
from seawall.bench import folders
from seawall.bench.engine import Cost
from seawall.bench.folders import RIVAL, Row, Run, Shares, Tool
from seawall.cli import bench_folders, bench_policy
from seawall.errors import EnvironmentFailure, UserError

COST = Cost(1000, 6.0, 7.5, 4.0, 5.0)
SHARES = Shares(1.0, 0.5, 1.25)
OURS = folders.ours()
OTHER = Tool(RIVAL, "1.20.0", lambda folder: [str(folder)], fails_from=2)
DAY = datetime.date(2026, 1, 31)


def row(tool: Tool, tenants: int, seconds: float, cpu_s: float = 1.0) -> Row:
    return Row(tool, tenants, 12 * tenants, tuple(Run(seconds + more, cpu_s, 90.4) for more in (0.1, -0.25, 0.0)))


def stub(folder: Path, name: str, script: str) -> str:
    """A program that stands for another tool."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_the_page_says_what_was_measured_where_and_when() -> None:
    missing = {"checkov": "not installed"}
    page = bench_policy.markdown(COST, ([row(OURS, 100, 0.5)], SHARES), missing, DAY, "2 cores")
    assert "on 2026-01-31" in page
    assert "2 cores" in page
    assert "1000 resources" in page
    lines = page.splitlines()
    assert "| one empty rule | 6.0 | 4.0 |" in lines
    assert "| the whole pack | 7.5 | 5.0 |" in lines
    assert "| factor (target: at most 1.3) | 1.25 | 1.25 |" in lines
    assert f"| 100 | 1,200 | seawall check {OURS.version} | 0.25 | 0.50 | 1.00 | 90 | – |" in lines
    assert "|  |  | checkov | not installed |  |  |  |  |" in lines
    assert f"| seawall check {OURS.version} | {OURS.checks} | `seawall check FOLDER` |" in lines
    assert "reachability included" in OURS.checks


def test_it_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def measure(resources: int) -> Cost:
        asked.append(resources)
        return COST

    monkeypatch.setattr(bench_engine, "measure", measure)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    rival = stub(tmp_path, RIVAL, 'test "$1" = version && echo "kube-score version: 1.20.0" || exit 1')
    out = tmp_path / "docs" / "costs.md"
    bench_policy.start(out, sizes=(1,), programs=[f"{RIVAL}={rival}"])
    page = out.read_text()
    assert asked == [1000]
    assert page.startswith("# What the policy pack costs\n")
    measured = [line.split(" | ")[:3] for line in page.splitlines() if line.startswith("| 1 ")]
    assert measured == [["| 1", "22", f"seawall check {OURS.version}"], ["| 1", "22", f"{RIVAL} 1.20.0"]]
    assert "|  |  | kyverno | not installed |" in page
    assert "At 1 tenants seawall check takes " in page


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (2.0, "takes 0.67 times what kube-score takes: target met"),
        (3.0, "takes 1.00 times what kube-score takes: required (less than 3 times kube-score) met, target"),
        (9.0, "takes 3.00 times what kube-score takes: required (less than 3 times kube-score) missed"),
    ],
)
def test_the_verdict_is_of_the_largest_folder(seconds: float, said: str) -> None:
    rows = [row(OURS, 100, 99.0), row(OTHER, 100, 1.0), row(OURS, 1000, seconds), row(OTHER, 1000, 3.0)]
    verdict = bench_folders.verdicts(rows, SHARES)[0]
    assert said in verdict
    assert "reading the YAML takes 1.00 s" in verdict


def test_without_the_other_tool_nothing_is_claimed() -> None:
    verdict = bench_folders.verdicts([row(OURS, 1000, 2.0)], SHARES)[0]
    assert verdict.startswith("kube-score is not installed: whether the targets are met is not known.")


def test_growth_is_told_by_cpu_time_of_a_tenant() -> None:
    rows = [row(OURS, 100, 1.0, cpu_s=0.5), row(OURS, 1000, 1.0, cpu_s=10.0)]
    assert "changes by a factor of 2.00" in bench_folders.verdicts(rows, SHARES)[2]


def test_the_line_through_what_was_measured() -> None:
    rows = [row(OURS, tenants, 9.0, cpu_s=0.4 + tenants / 400) for tenants in (1000, 100, 500)]
    said = bench_folders.verdicts(rows, SHARES)[1]
    assert "0.40 s and 2.50 ms a tenant, none further off than 0%" in said
    assert "90 MiB and 0 KiB a tenant" in said
    assert folders.line({1: 1.0, 2: 2.0, 3: 4.0}).furthest == pytest.approx(1 / 6)


def test_the_tools_take_turns_and_slow_ones_do_less(tmp_path: Path) -> None:
    log = tmp_path / "log"

    def tool(name: str, *, slow: bool = False) -> Tool:
        return Tool(name, "1", lambda _: ["sh", "-c", f"echo {name} >> {log}"], fails_from=2, slow=slow)

    rows, _ = folders.measure([tool("one"), tool("two"), tool("slow", slow=True)], (1, 2), rounds=3, slow_rounds=2)
    assert log.read_text().split() == ["one", "two"] * 3 + ["one", "two", "slow"] * 2 + ["one", "two"]
    measured = [(it.tool.name, it.tenants, len(it.runs)) for it in rows]
    assert measured == [("one", 1, 3), ("two", 1, 3), ("one", 2, 3), ("two", 2, 3), ("slow", 2, 2)]
    assert all(it.fastest_s > 0 and it.run.peak_mib > 0 for it in rows)


def test_the_fastest_and_the_median_of_the_runs() -> None:
    it = Row(OURS, 1, 22, tuple(Run(seconds, seconds, seconds) for seconds in (5.0, 1.0, 2.0)))
    assert it.fastest_s == 1.0
    assert it.run == Run(2.0, 2.0, 2.0)


def test_memory_is_the_tool_s_own() -> None:
    ballast = bytearray(os.urandom(1024)) * 200_000
    tool = Tool("small", "1", lambda _: ["true"], fails_from=2)
    rows, _ = folders.measure([tool], (1,), rounds=1)
    assert rows[0].run.peak_mib < len(ballast) / 2**20


def test_a_version_that_only_the_go_toolchain_has_noted(tmp_path: Path) -> None:
    program = stub(tmp_path, RIVAL, "echo version: development\nexit\nmod\texample.org/score\tv1.20.0\th1:abc=")
    (tool,) = folders.others({RIVAL: program})[0]
    assert tool.version == "1.20.0"


def test_what_a_tool_has_started_ends_with_an_interruption(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    os.mkfifo(pids)
    script = f"sleep 600 & echo $$ $! > {pids}; wait"
    program = f"""
        from pathlib import Path
        from seawall.bench.folders import Tool, measure
        from seawall.cli.failures import guarded
        tool = Tool("slow", "1", lambda _: ["sh", "-c", {script!r}], fails_from=2)
        guarded(lambda: measure([tool], (1,), rounds=1))
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as process:
        started = [int(pid) for pid in pids.read_text().split()]
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate()
    assert process.returncode == 130
    assert said.splitlines() == ["interrupted"]
    assert list(tmp_path.glob("seawall-bench-*")) == []
    for pid in started:
        assert gone(pid)


def gone(pid: int) -> bool:
    """Whether a process that was killed has ended, at last; whoever inherited it may not have looked yet."""
    for _ in range(600):
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("code", [2, 3])
def test_a_tool_without_a_verdict_is_no_measurement(code: int) -> None:
    broken = Tool("broken", "1", lambda _: ["sh", "-c", f"echo no licence >&2; exit {code}"], fails_from=2)
    with pytest.raises(EnvironmentFailure, match=f"broken ended with {code}: no licence"):
        folders.measure([broken], (1,), rounds=1)


def test_tools_are_found_on_the_path_or_where_they_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    stub(tmp_path, RIVAL, "echo kube-score version: development")
    stub(tmp_path, "kyverno", "echo Version: 1.15.0")
    checkov = stub(elsewhere, "checkov", "echo 3.2.1")

    def found(named: dict[str, str], policies: Path | None = None) -> list[tuple[str, str]]:
        return [(tool.name, tool.version) for tool in folders.others(named, policies)[0]]

    assert found({}) == [(RIVAL, "(unnumbered build)")]
    assert folders.others({})[1] == {
        "kyverno": "no policies given (--kyverno-policies)",
        "checkov": "not installed",
    }
    assert found({"checkov": checkov}, tmp_path) == [
        (RIVAL, "(unnumbered build)"),
        ("kyverno", "1.15.0"),
        ("checkov", "3.2.1"),
    ]
    with pytest.raises(EnvironmentFailure, match="checkov: /nowhere is no program"):
        found({"checkov": "/nowhere"})


def test_each_tool_is_given_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("b.yaml", "a.yaml"):
        (folder / name).touch()
    named = {name: stub(tmp_path, name, "echo 1.0") for name in folders.KNOWN}
    policies = tmp_path / "pod-security"
    policies.mkdir()
    (policies / "one.yaml").touch()
    score, kyverno, checkov = folders.others(named, policies)[0]
    assert score.command(folder) == [named[RIVAL], "score", str(folder / "a.yaml"), str(folder / "b.yaml")]
    assert kyverno.command(folder) == [named["kyverno"], "apply", str(policies), "--resource", str(folder)]
    assert checkov.command(folder)[:3] == [named["checkov"], "-d", str(folder)]
    assert kyverno.checks == "1 file of policies (pod-security)"
    assert [tool.slow for tool in (score, kyverno, checkov)] == [False, True, True]


@pytest.mark.parametrize("given", ["kube-score", "pylint=/usr/bin/pylint"])
def test_a_tool_is_given_as_name_and_path(given: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give NAME=PATH, NAME one of kube-score, kyverno, checkov"):
        bench_policy.start(tmp_path / "page.md", programs=[given])


def test_the_previewed_objects_are_those_of_tenants_and_none_twice() -> None:
    objects = list(islice(bench_engine._objects(), 300))
    names = {(it["kind"], it["metadata"].get("namespace"), it["metadata"]["name"]) for it in objects}
    assert len(names) == 300
    assert {"Dragonfly", "Cluster", "Pooler", "NetworkPolicy", "ExternalSecret"} <= {it["kind"] for it in objects}
