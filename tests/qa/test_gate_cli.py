"""`seawall gate` and `seawall evidence` as a person calls them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from evidence_samples import CHECKOUT, GOOD, cluster, evidence
from pages_samples import all_stacks
from typer.testing import CliRunner

from seawall.cli import deploy
from seawall.cli import evidence as evidence_command
from seawall.cli import gate as gate_command
from seawall.errors import UserError
from seawall.pages import stacks
from seawall.qa import register, verify
from seawall.qa.evidence import files, repository
from seawall.qa.evidence.model import Evidence, NotRun
from seawall.qa.gate import evaluating, gate_file, gate_folder
from seawall.qa.gate.stories import STORIES

Ask = Callable[..., Result]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Calls the command on this checkout, with folders of the test's own; the stacks are rendered once for all."""
    rendered = all_stacks()
    monkeypatch.setattr(stacks, "read", lambda checkout: rendered)
    monkeypatch.setenv("SEAWALL_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "160")

    def call(*arguments: str) -> Result:
        folders = ["--evidence", str(tmp_path / "evidence"), "--out", str(tmp_path / "gates")]
        return CliRunner().invoke(gate_command.app, [*folders, *arguments])

    return call


def run_now(ok: bool = True, **changes: Any) -> Evidence:
    now = datetime.now(UTC)
    head = repository.head(CHECKOUT)
    return evidence(ok=ok, started=now, finished=now, commit=head.commit, **changes)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, Evidence | NotRun]:
    """What a run finds, in the place of one: every test that is not in it could not be run."""
    results: dict[str, Evidence | NotRun] = {
        name: NotRun(test=name, reason="needs kubelet: nothing runs here") for name in register.load().tests
    }
    monkeypatch.setattr(verify, "here", lambda *_, **__: results)
    return results


def gates(tmp_path: Path) -> dict[str, Any]:
    return {file.stem: yaml.safe_load(file.read_text()) for file in (tmp_path / "gates").glob("*.yml")}


def test_without_evidence_both_gates_say_concerns_and_why(ask: Ask, tmp_path: Path) -> None:
    done = ask("--no-run")
    assert done.exit_code == 0, done.output
    made = gates(tmp_path)
    assert {story: data["gate"] for story, data in made.items()} == {it.id: "CONCERNS" for it in STORIES.values()}
    for word in (
        "12 of 12 P0 tests have not been run where it counts",
        "14 of 14 P0 tests",
        "21 tests: 21 not run where it counts",
    ):
        assert word in done.output
    for step in ("1 risks and P0 tests", "2 coverage", "3 top issues", "4 qualities"):
        assert done.output.count(step) == 2
    assert all(test in done.output for test in register.load().tests), "a test that was not run is not told"
    assert "seawall verify --context NAME" in done.output
    for said in done.output.split("STORY-")[1:3]:
        first, *_, last = [line for line in said.splitlines() if line.startswith("→ ")]
        assert "`seawall" in first, "what a command does comes first"
        assert last.endswith("pass with evidence that counts.")


def test_a_second_run_changes_no_byte(ask: Ask, tmp_path: Path) -> None:
    ask("--no-run")
    before = {file.name: file.read_bytes() for file in (tmp_path / "gates").iterdir()}
    assert "unchanged" in ask("--no-run").output
    assert {file.name: file.read_bytes() for file in (tmp_path / "gates").iterdir()} == before
    assert ask("--no-run", "--check").exit_code == 0


def test_check_writes_nothing_and_fails_when_something_is_missing(ask: Ask, tmp_path: Path) -> None:
    done = ask("--no-run", "--check")
    assert done.exit_code == 1
    assert "new, not written" in done.output
    assert not (tmp_path / "gates").exists()


@pytest.mark.parametrize(("fail_on", "code"), [("concerns", 1), ("fail", 0), ("never", 0)])
def test_what_fails_the_command(ask: Ask, fail_on: str, code: int) -> None:
    assert ask("--no-run", "--fail-on", fail_on).exit_code == code


def test_a_p0_that_fails_here_fails_the_gate(ask: Ask, found: dict[str, Evidence | NotRun], tmp_path: Path) -> None:
    found["DFLY-INT-004"] = run_now(ok=False, environment="simulated", cluster=cluster(simulated=3))
    done = ask()
    assert done.exit_code == 1
    assert "DFLY-INT-004  P0, failed on the simulated cluster" in done.output
    assert "expected 3, found 2" in done.output
    assert {story: data["gate"] for story, data in gates(tmp_path).items()} == {
        STORIES["dragonfly"].id: "FAIL",
        STORIES["cnpg"].id: "CONCERNS",
    }
    assert ask("--fail-on", "never", "--no-run").exit_code == 0


def test_what_passed_in_the_sandbox_counts_for_nothing(ask: Ask, found: dict[str, Evidence | NotRun]) -> None:
    found["DFLY-INT-004"] = run_now(environment="simulated", cluster=cluster(simulated=3))
    done = ask()
    assert "1 test passed in the sandbox, which does not count for a cluster" in done.output
    assert "1 file set aside (1 simulated)" in done.output
    assert "12 of 12 P0 tests have not been run" in done.output


def test_evidence_is_signed_when_a_key_is_given(
    ask: Ask, found: dict[str, Evidence | NotRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seawall.qa.evidence.sshsig.signer", lambda file: GOOD)
    found["DFLY-UNIT-001"] = run_now(test="DFLY-UNIT-001", environment="repository", cluster=None)
    ask("--sign-with", "key")
    [read] = files.read_all(tmp_path / "evidence")
    assert read.evidence is not None
    assert read.signature == GOOD.sign(read.content)


def test_json_is_whole(ask: Ask) -> None:
    done = ask("--no-run", "--format", "json")
    said = json.loads(done.stdout)
    assert said["version"] == 1
    assert [outcome["gate"] for outcome in said["outcomes"]] == ["CONCERNS", "CONCERNS"]
    first = said["outcomes"][0]
    assert [step["name"] for step in first["steps"]] == ["risks and P0 tests", "coverage", "top issues", "qualities"]
    assert {reason["gate"] for step in first["steps"] for reason in step["reasons"]} == {"CONCERNS"}
    assert len(first["tests"]) == 21
    assert set(said["gate_files"].values()) == {"new"}


def test_mistakes_are_found_before_anything_is_run(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "here", lambda *_, **__: pytest.fail("it ran"))
    for arguments, why in (
        (["--up", "--no-run"], "exclude each other"),
        (["--sign-with", str(tmp_path / "no-key")], "cannot be read"),
    ):
        done = ask(*arguments)
        assert isinstance(done.exception, UserError)
        assert why in str(done.exception)
    (tmp_path / "gates").mkdir()
    (tmp_path / "gates" / f"{STORIES['cnpg'].id}.yml").write_text("mine\n")
    done = ask()
    assert isinstance(done.exception, UserError)
    assert "no gate file" in str(done.exception)


@pytest.mark.usefixtures("found")
def test_up_deploys_the_sandbox_first_and_keeps_json_clean(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "up", lambda stack, **how: print(f"deployed {stack}"))
    done = ask("--up", "--format", "json")
    assert json.loads(done.stdout)["version"] == 1
    assert "deployed sandbox" in done.stderr


def test_the_real_thing_runs_the_tests_of_the_repository(ask: Ask, tmp_path: Path) -> None:
    """No double: without a sandbox the tests of the repository are run, and only they."""
    done = ask()
    assert "only tests of the repository are run" in done.stderr.replace("\n", " ")
    run = {found.evidence.test for found in files.read_all(tmp_path / "evidence") if found.evidence is not None}
    assert run == {name for name, test in register.load().tests.items() if test.needs == ("repo",)}
    assert all(found.problem == "" for found in files.read_all(tmp_path / "evidence"))


def test_our_own_gate_files_say_what_the_gate_says() -> None:
    """At the time at which each was made, so that no test fails because time has passed."""
    there = sorted((CHECKOUT / gate_folder.FOLDER).glob("*.yml"))
    assert [file.stem for file in there] == sorted(story.id for story in STORIES.values())
    for file in there:
        kept = gate_folder.parse(file.read_text(), file.name)
        at = gate_file.moment(kept.updated)
        settings = evaluating.read_settings(CHECKOUT, all_stacks(), at)
        said = evaluating.ask(CHECKOUT, settings, all_stacks(), CHECKOUT / files.FOLDER, at)
        [outcome] = [it for it in said if it.story == kept.story]
        made = gate_file.content(outcome, settings, kept.history, reviewer=kept.reviewer)
        assert gate_file.same(kept, made), f"{file.name} is out of date: run `seawall gate --no-run`"


def test_evidence_is_listed_verified_and_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("seawall.qa.evidence.sshsig.signer", lambda file: GOOD)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(evidence_command.app, list(arguments))

    folder = tmp_path / "evidence"
    assert "there is no evidence" in call("list", "--evidence", str(folder)).output
    file = files.write(folder, run_now(ok=False))
    (folder / "x.md").write_text("x")
    done = call("list", "--evidence", str(folder))
    assert done.exit_code == 0
    assert "yes: a failure needs no signature" in done.output
    assert "without front matter" in done.output
    assert call("verify", str(file)).exit_code == 0
    assert call("verify", str(file), str(folder / "x.md")).exit_code == 1
    assert isinstance(call("verify", str(folder / "none.md")).exception, UserError)
    assert GOOD.public.fingerprint in call("sign", str(file), "--sign-with", "key").output.replace("\n", "")
    assert file.with_name(f"{file.name}.sig").read_bytes() == GOOD.sign(file.read_bytes())
    assert isinstance(call("sign", str(folder / "x.md"), "--sign-with", "key").exception, UserError)
