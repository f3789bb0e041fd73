"""`seawall check`: exit codes and what it prints."""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import typer
from check_samples import BAD, GOOD, RULE
from rule_fixtures import DATA
from typer.testing import CliRunner

from seawall.cli.check import app, judge_source
from seawall.errors import UserError
from seawall.policy.checking import Asked
from seawall.policy.report.machine import to_data
from seawall.policy.rules import load


def run(*args: object, stdin: str | None = None, rule: str = RULE) -> tuple[int, str]:
    """One rule is asked: what others say of the same object is their tests' matter."""
    given = [str(arg) for arg in args]
    done = CliRunner(env={"COLUMNS": "120"}).invoke(app, [*given, "--rule", rule], input=stdin)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, " ".join(done.output.split())


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / "five-fields.yaml"
    file.write_text(BAD)
    return file


def test_nothing_found(bad: Path) -> None:
    bad.write_text(GOOD)
    code, output = run(bad)
    assert code == 0
    assert "✓ CNPG-DATA-001" in output
    assert "0 findings" in output
    assert "– DFLY-OPS-001" in run(bad, rule="DFLY-OPS-001")[1], "a rule without objects is no pass"


def test_all_rules_are_asked(bad: Path) -> None:
    assert [judged.rule for judged in judge_source(str(bad)).judged] == list(load())


def test_a_finding_with_place_decoded_schedule_and_mend(bad: Path) -> None:
    code, output = run(bad)
    assert code == 1
    assert "CNPG-DATA-001 high" in output
    assert "five-fields.yaml:5" in output
    assert "at minute 2 of every hour" in output
    assert '→ Put the seconds in front: "0 0 2 * * *" fires at 02:00:00 every day.' in output
    assert "Not seen, or assumed:" in output
    assert "1 finding · 1 rules · 1 object in 1 file" in output


@pytest.mark.parametrize(("fail_on", "code"), [("critical", 0), ("high", 1), ("low", 1), ("never", 0)])
def test_fail_on(bad: Path, fail_on: str, code: int) -> None:
    assert run(bad, "--fail-on", fail_on)[0] == code


def test_standard_input() -> None:
    code, output = run("-", stdin=BAD)
    assert code == 1
    assert "<stdin>:5" in output


def test_a_broken_file_fails_and_the_rest_is_judged(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("apiVersion: [1,\n")
    (tmp_path / "b.yaml").write_text(BAD)
    code, output = run(tmp_path)
    assert code == 2
    assert "a.yaml:2 not valid YAML" in output
    assert "CNPG-DATA-001 high" in output
    assert "1 unreadable" in output


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ({}, "holds no .yaml, .yml, .json files"),
        ({"values.yaml": "a: 1"}, "holds no Kubernetes objects (1 file read, 1 document of other tools)"),
    ],
)
def test_nothing_to_judge_is_a_mistake(tmp_path: Path, files: dict[str, str], text: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=re.escape(text)):
        judge_source(str(tmp_path))


def test_no_such_folder() -> None:
    with pytest.raises(UserError, match="no such folder or file"):
        judge_source("does/not/exist")


def test_a_rule_without_a_verdict_fails_whatever_the_limit() -> None:
    unknown = """{apiVersion: dragonflydb.io/v1alpha1, kind: Dragonfly, metadata: {name: a,
        annotations: {seawall.dev/operator: '{"version":"9.9.9"}'}}, spec: {replicas: 3}}"""
    code, output = run("-", "--fail-on", "critical", stdin=unknown, rule="DFLY-OPS-001")
    assert code == 1
    assert "not evaluated: what Dragonfly operator 9.9.9 makes of it is not known" in output
    assert "0 findings, 1 not evaluated" in output


def test_json(bad: Path) -> None:
    code, _ = run(bad, "--format", "json")
    done = CliRunner().invoke(app, [str(bad), "--format", "json", "--rule", RULE])
    data = json.loads(done.output)
    assert code == data["exit_code"] == 1
    (finding,) = data["findings"]
    assert finding["rule"] == "CNPG-DATA-001"
    assert finding["resource"]["name"] == "daily"
    assert (finding["line"], finding["path"]) == (5, "spec.schedule")
    assert finding["facts"]["meaning"] == "at minute 2 of every hour"
    assert data["tally"]["violated"] == 1


def test_fingerprints_do_not_depend_on_where_the_file_lies(tmp_path: Path) -> None:
    second_budget = (DATA / "DFLY-OPS-001" / "failure.second-budget.yaml").read_text()
    (tmp_path / "moved.yaml").write_text(f"# pushed down\n\n{second_budget}")
    there = to_data(judge_source(str(tmp_path)))["findings"]
    here = to_data(judge_source(str(DATA / "DFLY-OPS-001" / "failure.second-budget.yaml")))["findings"]
    assert [f["fingerprint"] for f in there] == [f["fingerprint"] for f in here]
    assert [f["line"] for f in there] != [f["line"] for f in here]


def test_nothing_in_a_name_reaches_the_terminal_as_a_command() -> None:
    evil = BAD.replace("name: daily", 'name: "x\\e[2J\\n::error::y"')
    assert "x\\x1b[2J\\n::error::y" in run("-", stdin=evil)[1]


@pytest.mark.parametrize("form", ["terminal", "json"])
def test_a_terminal_without_utf_8(bad: Path, form: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "seawall.cli", "check", str(bad), "--format", form],
        capture_output=True,
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.isascii()


@pytest.mark.parametrize("source", ["", "x" * 5000])
def test_a_name_that_no_file_can_have(source: str) -> None:
    with pytest.raises(UserError):
        judge_source(source)


def test_a_pipe(tmp_path: Path) -> None:
    """As in `check <(helm template …)`."""
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=(BAD,))
    writer.start()
    assert len(judge_source(str(tmp_path / "pipe"), Asked(rules=(RULE,))).findings) == 1
    writer.join()


def test_the_command_imports_no_pulumi(bad: Path) -> None:
    program = (
        "import sys; from seawall.cli.check import judge_source; judge_source(sys.argv[1]);"
        "print([m for m in sys.modules if m.split('.')[0] in ('pulumi', 'pulumi_policy', 'pydantic', 'grpc', 'boto3')])"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program, str(bad)], capture_output=True, text=True, cwd=root, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_app_is_a_typer_app() -> None:
    assert isinstance(app, typer.Typer)
