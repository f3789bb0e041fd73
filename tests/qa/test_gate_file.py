"""Gate files: BMAD's form and order, one text for one verdict, a history that only grows."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from evidence_samples import CHECKOUT, ago
from gate_table import CASES, P0, P1_OF_HIGH
from gate_world import World, finding, green, waiver
from jsonschema import Draft202012Validator
from test_evidence_repository import Git

from seawall.errors import UserError
from seawall.policy.findings import Severity
from seawall.qa.gate import form, gate_file, gate_folder, settings
from seawall.qa.gate.gate_folder import State
from seawall.qa.gate.model import Outcome
from seawall.qa.gate.settings import GateSettings

KEYS = [
    "schema", "story", "story_title", "gate", "status_reason", "reviewer", "updated", "waiver", "top_issues",
    "risk_summary", "quality_score", "expires", "evidence", "nfr_validation", "history", "recommendations",
    "test_design",
]  # fmt: skip
SCHEMA = Draft202012Validator(json.loads((CHECKOUT / "docs" / "schemas" / "gate-v1.schema.json").read_text()))
TOLD = GateSettings(version=1, reviewer="platform team")


def outcome(world: World, folder: Path) -> Outcome:
    return world.outcome(folder)


def written(world: World, tmp_path: Path, told: GateSettings = TOLD) -> tuple[Path, dict[str, object]]:
    prepared = gate_folder.prepare(tmp_path / "gates", world.outcome(tmp_path / "evidence"), told, checkout=tmp_path)
    gate_folder.write(prepared)
    return prepared.file, yaml.safe_load(prepared.file.read_text())


def yamllint(*files: Path) -> str:
    """What the program yamllint says with its own settings; nothing when it has nothing to say."""
    command = [
        sys.executable,
        "-m",
        "yamllint",
        "--strict",
        "-f",
        "parsable",
        "-d",
        "extends: default",
        *map(str, files),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("case", [it for it in CASES if not it.refused][::5], ids=lambda case: case.words)
def test_every_verdict_has_bmads_form_and_pleases_yamllint(case: object, tmp_path: Path) -> None:
    world = green()
    case.do(world)  # type: ignore[attr-defined]
    file, data = written(world, tmp_path)
    assert list(data) == KEYS
    assert [error.message for error in SCHEMA.iter_errors(data)] == []
    assert yamllint(file) == ""


def test_the_keys_below_are_bmads_too(tmp_path: Path) -> None:
    world = green()
    world.take(P0, P1_OF_HIGH)
    world.findings.append(finding("DFLY-TECH-001", Severity.MEDIUM))
    _, data = written(world, tmp_path)
    shape = json.loads(json.dumps(data))
    assert list(shape["waiver"]) == ["active"]
    assert list(shape["top_issues"][0]) == ["id", "severity", "finding", "suggested_action"]
    assert list(shape["risk_summary"]) == ["totals", "highest", "recommendations"]
    assert list(shape["risk_summary"]["totals"]) == ["critical", "high", "medium", "low"]
    assert list(shape["risk_summary"]["highest"]) == ["id", "score", "title"]
    assert list(shape["risk_summary"]["recommendations"]) == ["must_fix", "monitor"]
    assert list(shape["evidence"]) == ["tests_reviewed", "risks_identified", "trace", "files"]
    assert list(shape["evidence"]["trace"]) == ["ac_covered", "ac_gaps"]
    assert list(shape["nfr_validation"]) == ["security", "performance", "reliability", "maintainability"]
    assert all(list(quality) == ["status", "notes"] for quality in shape["nfr_validation"].values())
    assert list(shape["history"][0]) == ["at", "gate", "note"]
    assert list(shape["recommendations"]) == ["immediate", "future"]
    assert list(shape["recommendations"]["immediate"][0]) == ["action", "refs"]
    assert list(shape["test_design"]) == ["scenarios_total", "by_level", "by_priority", "coverage_gaps"]
    assert shape["test_design"]["by_level"] == {"unit": 3, "integration": 12, "e2e": 6}
    assert shape["test_design"]["by_priority"] == {"p0": 12, "p1": 7, "p2": 2}
    assert shape["risk_summary"]["totals"] == {"critical": 0, "high": 2, "medium": 4, "low": 2}
    assert shape["evidence"]["trace"]["ac_gaps"] == ["DFLY-INT-003", "DFLY-INT-004"]
    assert len(shape["evidence"]["files"]) == shape["evidence"]["tests_reviewed"] == 19


def test_a_waived_gate_says_who_and_why(tmp_path: Path) -> None:
    world = green()
    world.findings.append(finding("DFLY-SEC-001", Severity.HIGH))
    world.waivers.append(waiver("DFLY-SEC-001"))
    _, data = written(world, tmp_path)
    assert data["gate"] == "WAIVED"
    assert data["waiver"] == {
        "active": True,
        "reason": "waived until 2026-12-31 by head of platform: accepted until the migration is through",
        "approved_by": "head of platform",
    }
    assert "waived until" in data["top_issues"][0]["finding"]  # type: ignore[index]


def test_who_reviews(tmp_path: Path) -> None:
    def reviewer(told: GateSettings, given: str | None = None) -> str:
        return gate_file.content(green().outcome(tmp_path / "e"), told, [], reviewer=given).reviewer

    assert reviewer(TOLD) == "platform team"
    assert reviewer(TOLD, "head of data") == "head of data"
    assert reviewer(GateSettings(version=1)) == "nobody yet: docs/qa/gate.yaml names no reviewer"


def later(found: Outcome, **span: float) -> Outcome:
    return replace(found, at=found.at + timedelta(**span))


def test_nothing_is_written_when_only_the_time_has_changed(tmp_path: Path) -> None:
    first = green().outcome(tmp_path / "e")
    made = gate_folder.prepare(tmp_path, first, TOLD, checkout=tmp_path)
    assert made.state is State.NEW
    gate_folder.write(made)
    before = made.file.read_bytes()
    again = gate_folder.prepare(tmp_path, later(first, days=3), TOLD, checkout=tmp_path)
    assert (again.state, again.content) == (State.SAME, made.content)
    gate_folder.write(again)
    assert made.file.read_bytes() == before


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    one, other = (gate_folder.prepare(tmp_path / it, green().outcome(tmp_path / f"{it}e"), TOLD, checkout=tmp_path)
                  for it in "ab")  # fmt: skip
    assert one.text == other.text


def test_a_file_that_has_expired_is_made_again_without_a_new_entry(tmp_path: Path) -> None:
    first = green().outcome(tmp_path / "e")
    gate_folder.write(gate_folder.prepare(tmp_path, first, TOLD, checkout=tmp_path))
    again = gate_folder.prepare(tmp_path, later(first, days=14), TOLD, checkout=tmp_path)
    assert again.state is State.EXPIRED
    assert len(again.content.history) == 1
    assert again.content.updated == "2026-04-14T12:00:00Z"


def test_history_grows_with_every_other_verdict(tmp_path: Path) -> None:
    notes = []
    for hours, change in enumerate((lambda w: None, lambda w: w.take(P0), lambda w: None)):
        world = green()
        change(world)
        found = later(world.outcome(tmp_path / f"e{hours}"), hours=hours)
        prepared = gate_folder.prepare(tmp_path / "gates", found, TOLD, checkout=tmp_path)
        gate_folder.write(prepared)
        notes = [(entry.at, entry.gate) for entry in prepared.content.history]
    assert notes == [
        ("2026-03-31T12:00:00Z", "PASS"),
        ("2026-03-31T13:00:00Z", "CONCERNS"),
        ("2026-03-31T14:00:00Z", "PASS"),
    ]


@pytest.mark.parametrize(
    ("change", "told", "until"),
    [
        (lambda w: None, TOLD, "2026-04-14T12:00:00Z"),
        (lambda w: w.instead(P0, **ago(days=28)), TOLD, "2026-04-02T12:00:00Z"),
        (lambda w: w.waivers.append(waiver("DFLY-SEC-001", expires="2026-04-04")), TOLD, "2026-04-05T00:00:00Z"),
        (lambda w: None, GateSettings(version=1, expires_days=2), "2026-04-02T12:00:00Z"),
    ],
)
def test_it_expires_with_the_first_thing_that_it_rests_on(
    change: object, told: GateSettings, until: str, tmp_path: Path
) -> None:
    world = green()
    change(world)  # type: ignore[operator]
    _, data = written(world, tmp_path, told)
    assert data["expires"] == until


class Story:
    """A gate file in a repository."""

    def __init__(self, tmp_path: Path) -> None:
        self.git = Git(tmp_path / "checkout")
        self.tmp_path = tmp_path
        self.runs = 0

    @property
    def folder(self) -> Path:
        return self.git.folder / "docs" / "qa" / "gates"

    def run(self, *without: str) -> Path:
        self.runs += 1
        world = green()
        world.take(*without)
        found = later(world.outcome(self.tmp_path / f"e{self.runs}"), hours=self.runs)
        prepared = gate_folder.prepare(self.folder, found, TOLD, checkout=self.git.folder)
        gate_folder.write(prepared)
        return prepared.file


@pytest.fixture
def story(tmp_path: Path) -> Story:
    made = Story(tmp_path)
    made.run(P0)
    made.git.commit()
    made.run()
    made.git.commit()
    return made


def rewrite(file: Path, change: object) -> None:
    data = yaml.safe_load(file.read_text())
    change(data["history"])  # type: ignore[operator]
    file.write_text(gate_folder.text(form.GateFile.model_validate(data)))


REWRITES = {
    "first gone": lambda history: history.pop(0),
    "last gone": lambda history: history.pop(),
    "verdict": lambda history: history[0].update(gate="PASS"),
    "note": lambda history: history[1].update(note="all is well"),
    "time": lambda history: history[0].update(at="2026-03-31T12:59:59Z"),
    "reversed": lambda history: history.reverse(),
    "inserted": lambda history: history.insert(1, {"at": "2026-03-31T13:30:00Z", "gate": "PASS", "note": "made up"}),
}


@pytest.mark.parametrize(
    ("name", "committed"),
    # what was put in between and committed is in a commit of its own, for whoever reviews that
    [(name, committed) for name in REWRITES for committed in (False, True) if (name, committed) != ("inserted", True)],
)
def test_a_history_that_was_rewritten_is_refused(story: Story, name: str, committed: bool) -> None:
    file = story.run()
    rewrite(file, REWRITES[name])
    tampered = file.read_bytes()
    if committed:
        story.git.commit()
    with pytest.raises(UserError, match="history"):
        story.run()
    assert file.read_bytes() == tampered, "left as it is, to be looked at"


def test_a_file_that_was_deleted_is_refused_until_it_is_back(story: Story) -> None:
    file = story.run()
    file.unlink()
    with pytest.raises(UserError, match=r"the history was rewritten.*is gone"):
        story.run()
    story.git("checkout", "--", "docs")
    assert story.run() == file


def test_two_branches_that_each_added_can_be_merged(story: Story) -> None:
    file = story.run()
    story.git("switch", "--quiet", "--create", "side")
    story.run(P0)
    story.git.commit()
    theirs = yaml.safe_load(file.read_text())["history"]
    story.git("switch", "--quiet", "main")
    story.run(P1_OF_HIGH)
    story.git.commit()
    ours = yaml.safe_load(file.read_text())["history"]
    subprocess.run(["git", "-C", str(story.git.folder), "merge", "side"], capture_output=True, check=False)
    data = yaml.safe_load(story.git("show", "main:docs/qa/gates/" + file.name))
    data["history"] = sorted([*ours, *theirs[2:]], key=lambda entry: entry["at"])
    file.write_text(gate_folder.text(form.GateFile.model_validate(data)))
    story.git.commit()
    before = len(data["history"])
    assert len(yaml.safe_load(story.run().read_text())["history"]) == before + 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("schema: 1\n", "story"),
        ("- a\n", "no gate file"),
        ("schema: 1\nschema: 2\n", "given twice"),
        ("a: &x 1\nb: *x\n", "aliases"),
        ("", "no gate file"),
    ],
)
def test_what_is_no_gate_file_is_not_overwritten(tmp_path: Path, text: str, why: str) -> None:
    found = green().outcome(tmp_path / "e")
    file = tmp_path / f"{found.story}.yml"
    file.write_text(text)
    with pytest.raises(UserError, match=why):
        gate_folder.prepare(tmp_path, found, TOLD, checkout=tmp_path)
    assert file.read_text() == text


def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    found = green().outcome(tmp_path / "e")
    target = tmp_path / "elsewhere"
    target.write_text("precious")
    (tmp_path / f"{found.story}.yml").symlink_to(target)
    with pytest.raises(UserError, match="a file of its own"):
        gate_folder.prepare(tmp_path, found, TOLD, checkout=tmp_path)


def test_our_own_settings_and_gate_files_please_yamllint_and_are_read() -> None:
    gates = sorted((CHECKOUT / gate_folder.FOLDER).glob("*.yml"))
    assert len(gates) == 2
    assert yamllint(CHECKOUT / settings.FILE, *gates) == ""
    for file in gates:
        gate_folder.parse(file.read_text(), file.name)


def test_yamllint_finds_what_is_not_as_it_likes_it(tmp_path: Path) -> None:
    file = tmp_path / "gate.yml"
    file.write_text(f"story:  {'too long ' * 10}\n")
    told = yamllint(file)
    assert "too many spaces after colon" in told
    assert "line too long" in told
