"""A copy of the process takes some of the work, and nothing of it shows: neither in results nor in their order."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from pickle import PicklingError

import pytest
from two_cores_folder import folder, mistaken

from seawall.bench import tenants
from seawall.policy import second_core
from seawall.policy.carrying import Carrier
from seawall.policy.estate.building import build
from seawall.policy.estate.doors import ahead
from seawall.policy.estate.doors.folder import read_folder
from seawall.policy.findings import Finding, Rule
from seawall.policy.judging import judge
from seawall.policy.reachability.matrix import policy_sets
from seawall.policy.rules import load

HERE = Path(__file__).parent


@pytest.mark.skipif(sys.platform != "linux", reason="there is no copy elsewhere")
def test_in_a_process_of_its_own() -> None:
    """What forks: other tests have left threads in this process, with which nobody may."""
    file = HERE / "two_cores_alone.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=", str(file)],
        cwd=HERE.parents[1],
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def parsing_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are parsed ahead, however few, and by this process."""
    monkeypatch.setattr(ahead, "LEAST_BYTES", 0)
    monkeypatch.setattr(ahead, "available", lambda: True)
    monkeypatch.setattr(second_core, "available", lambda: False)


@pytest.mark.usefixtures("parsing_ahead")
def test_only_plain_files_are_parsed_ahead(tmp_path: Path) -> None:
    source = folder(tmp_path)
    paths = sorted(path for path in source.iterdir() if not path.is_dir())
    known = {path.name for path in ahead.parsed(paths)}
    assert "defaults.yaml" in known
    assert not known & {"aliases.yaml", "broken.yaml", "list.yaml", "gone.yaml", "pipe.yaml"}


@pytest.mark.usefixtures("parsing_ahead")
def test_what_is_little_or_too_much_is_not_parsed_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "one.yaml"
    file.write_text("a: 1\n")
    assert ahead.parsed([file]) == {file: [({"a": 1}, 0)]}
    monkeypatch.setattr(ahead, "MOST_BYTES", 5)
    assert ahead.parsed([file]) == {}
    monkeypatch.setattr(ahead, "MOST_BYTES", 6)
    monkeypatch.setattr(ahead, "LEAST_BYTES", 5)
    assert ahead.parsed([file]) == {}


def test_a_rule_says_whether_it_reaches(tmp_path: Path) -> None:
    tenants.write(tmp_path, 1)
    objects = read_folder(tmp_path).objects

    def asks(rule: Rule) -> bool:
        estate = build(objects)
        judge(estate, [rule])
        return policy_sets in estate._memo

    assert [rule.id for rule in load() if asks(rule)] == [rule.id for rule in load() if rule.reaches]


def test_results_cut_short_are_left_out() -> None:
    whole = b"".join(second_core._HEAD.pack(number, 3) + b"abc" for number in (4, 7))
    assert list(second_core._parts(whole)) == [(4, b"abc"), (7, b"abc")]
    for length in range(len(whole) // 2, len(whole)):
        assert list(second_core._parts(whole[:length])) == [(4, b"abc")]


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
