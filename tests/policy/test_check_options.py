"""`seawall check`: outputs, levels, baselines, chosen rules; `rules` and `explain`."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from check_samples import BAD, DAY, GOOD, RULE, WAIVERS, WEEKLY
from typer.testing import CliRunner

from seawall.bench import tenants
from seawall.cli.app import app as whole
from seawall.cli.check import app, judge_source
from seawall.errors import UserError
from seawall.policy import checking
from seawall.policy.acceptance import baseline, configuration
from seawall.policy.checking import Asked
from seawall.policy.findings import Level
from seawall.policy.report.result import Result, Standing
from seawall.policy.rules import load

ONLY = ("--rule", RULE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "objects"
    made.mkdir()
    (made / "bad.yaml").write_text(BAD)
    return made


def run(*args: object, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    done = CliRunner(env={"COLUMNS": "120", "GITHUB_STEP_SUMMARY": "", **(env or {})}).invoke(
        app, [str(arg) for arg in args]
    )
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def judged(folder: Path, **asked: Any) -> Result:
    return judge_source(str(folder), Asked(**{"rules": (RULE,), **asked}), day=DAY)


def standings(result: Result) -> dict[str, str]:
    return {finding.subject.name: result.standing(finding).value for finding in result.findings}


def test_an_output_takes_the_format_away_from_the_screen(folder: Path, tmp_path: Path) -> None:
    code, shown, _ = run(folder, *ONLY, "--format", "json", "--output", tmp_path / "out.json")
    assert (code, shown) == (1, "")
    assert json.loads((tmp_path / "out.json").read_text())["exit_code"] == 1


def test_several_outputs_beside_the_screen(folder: Path, tmp_path: Path) -> None:
    names = {"sarif": "a.sarif", "junit": "a.xml", "json": "a.json", "markdown": "a.md", "terminal": "a.txt"}
    given = [part for form, name in names.items() for part in ("--output", f"{form}={tmp_path / name}")]
    code, shown, _ = run(folder, *ONLY, *given)
    assert code == 1
    assert "✗ ScheduledBackup databases/daily" in shown
    starts = {name: (tmp_path / name).read_text()[:1] for name in names.values()}
    assert starts == {"a.sarif": "{", "a.xml": "<", "a.json": "{", "a.md": "#", "a.txt": "C"}


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        (["sarf=x"], "sarf is no format; there are terminal, json"),
        (["json="], "names no file"),
        (["json=x", "sarif=x"], "written twice"),
        (["json=no/such/folder/x"], "cannot be written: No such file or directory"),
    ],
)
def test_outputs_that_cannot_be(folder: Path, outputs: list[str], text: str) -> None:
    with pytest.raises(UserError, match=text):
        run(folder, *(part for each in outputs for part in ("--output", each)))


def test_the_step_summary_is_written_where_github_asks(folder: Path, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    code, shown, _ = run(folder, *ONLY, "--format", "github", env={"GITHUB_STEP_SUMMARY": str(summary)})
    assert code == 1
    assert shown.startswith("::error file=")
    assert "databases/daily" in summary.read_text()
    summary.unlink()
    run(folder, *ONLY, env={"GITHUB_STEP_SUMMARY": str(summary)})
    assert not summary.exists(), "only with --format github"


def test_only_the_chosen_rules(folder: Path) -> None:
    result = judged(folder, rules=("DFLY-OPS-001", RULE))
    assert [each.rule.id for each in result.judged] == [RULE, "DFLY-OPS-001"]
    with pytest.raises(UserError, match=r"there is no rule CNPG-DATA-01\. Did you mean CNPG-DATA-0"):
        judged(folder, rules=("CNPG-DATA-01",))


def test_a_risk_without_a_rule_of_its_id_chooses_those_that_answer_it(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third, *_ = load()
    answering = [replace(first, risks=("X-1",)), replace(second, risks=("X-2", "X-1")), replace(third, id="X-2")]
    monkeypatch.setattr(checking, "load", lambda: tuple(answering))
    assert [rule.id for rule in checking.choose(["X-1"])] == [first.id, second.id]
    assert [rule.id for rule in checking.choose(["X-2"])] == ["X-2"]
    assert checking.choose([]) == tuple(answering)


def write_config(folder: Path, content: Any) -> Path:
    file = folder / "policy.dev.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


WAIVER = {
    "rule": RULE,
    "resource": {"kind": "ScheduledBackup", "namespace": "databases", "name": "daily"},
    "reason": "Hourly base backups are wanted until the audit is over.",
    "approver": "head of platform",
    "expires": "2027-01-31",
}


@pytest.mark.parametrize(
    ("levels", "code", "standing"),
    [
        ({RULE: "advisory"}, 0, "told"),
        ({RULE: {"enforcementLevel": "advisory"}}, 0, "told"),
        ({"all": "advisory"}, 0, "told"),
        ({"all": "advisory", RULE: "mandatory"}, 1, "fails"),
        ({"all": "disabled", RULE: "mandatory"}, 1, "fails"),
        ({"DFLY-OPS-001": "advisory"}, 1, "fails"),
    ],
)
def test_levels(folder: Path, tmp_path: Path, levels: dict[str, Any], code: int, standing: str) -> None:
    result = judged(folder, config=write_config(tmp_path, levels))
    assert result.exit_code == code
    assert standings(result) == {"daily": standing}


def test_a_mandatory_rule_fails_whatever_its_severity(folder: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path, {RULE: "mandatory"})
    assert run(folder, *ONLY, "--fail-on", "critical")[0] == 0
    assert run(folder, *ONLY, "--fail-on", "critical", "--config", config)[0] == 1
    assert run(folder, *ONLY, "--fail-on", "never", "--config", config)[0] == 0


def test_a_disabled_rule_is_not_asked_and_that_is_said(folder: Path, tmp_path: Path) -> None:
    result = judged(
        folder,
        config=write_config(tmp_path, {RULE: "disabled", "SEAWALL-WAIVERS": {"version": 1, "waivers": [WAIVER]}}),
    )
    assert not result.findings, "and its waiver is no longer called needless"
    assert [rule.id for rule in result.off] == [RULE]
    _, shown, _ = run(folder, *ONLY, "--config", tmp_path / "policy.dev.json")
    assert f"– {RULE}  Backup schedule means what it says: disabled by the configuration" in shown


def test_the_stacks_file_holds_waivers_too(folder: Path, tmp_path: Path) -> None:
    (folder / "weekly.yaml").write_text(WEEKLY)
    (tmp_path / "waivers.yaml").write_text(WAIVERS)
    config = write_config(tmp_path, {"SEAWALL-WAIVERS": {"version": 1, "waivers": [WAIVER]}})
    result = judged(folder, config=config, waivers=tmp_path / "waivers.yaml")
    assert standings(result) == {"daily": "waived", "weekly": "waived"}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{", r"policy\.dev\.json:1:2: not valid JSON"),
        ("[]", "must be a JSON object"),
        ('{"all": "advisory", "all": "disabled"}', "all is given twice"),
        ("[" * 100_000, "not valid JSON"),
        ({"CNPG-DATA-01": "advisory"}, r"no such policy\. Did you mean CNPG-DATA-0"),
        ({RULE: "off"}, "the level must be one of mandatory, advisory, disabled"),
        ({RULE: {"enforcementLevel": 3}}, "the level must be one of"),
        ({RULE: None}, "must be a level"),
        ({RULE: {"enforcmentLevel": "advisory"}}, "nothing reads enforcmentLevel"),
        ({"SEAWALL-WAIVERS": "advisory"}, "is always mandatory"),
        ({"SEAWALL-WAIVERS": {"enforcementLevel": "disabled", "version": 1, "waivers": []}}, "is always mandatory"),
        ({"SEAWALL-WAIVERS": {"waivers": []}}, "version is missing"),
        ({"SEAWALL-WAIVERS": {"version": 1, "waivers": [{**WAIVER, "reason": ""}]}}, "reason must have at least 10"),
    ],
)
def test_a_wrong_configuration_is_refused_at_once(folder: Path, tmp_path: Path, content: Any, text: str) -> None:
    with pytest.raises(UserError, match=text):
        judged(folder, config=write_config(tmp_path, content))


def test_every_mistake_of_a_configuration_is_named(tmp_path: Path) -> None:
    file = write_config(tmp_path, {"X": "advisory", RULE: "off", "SEAWALL-WAIVERS": {"version": 2, "waivers": []}})
    with pytest.raises(UserError) as refused:
        configuration.read(file)
    assert "3 mistakes" in str(refused.value)
    assert all(part in str(refused.value) for part in ("X: ", f"{RULE}: ", "SEAWALL-WAIVERS: "))


def test_the_form_alone_is_checked_for_another_pack(tmp_path: Path) -> None:
    file = write_config(tmp_path, {"TRIAL-001": {"enforcementLevel": "advisory", "limit": 3}})
    assert configuration.read(file, ours=False).levels == {"TRIAL-001": Level.ADVISORY}
    with pytest.raises(UserError, match="the level must be"):
        configuration.read(write_config(tmp_path, {"TRIAL-001": "off"}), ours=False)


def test_only_what_is_not_in_the_baseline_fails(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    code, shown, told = run(folder, *ONLY, "--write-baseline", file)
    assert code == 0
    assert "1 findings written to" in told
    assert "in the baseline: known, accepted by nobody" in shown
    assert "Nobody has accepted them" in file.read_text()
    (folder / "bad.yaml").rename(folder / "moved.yaml")
    (folder / "moved.yaml").write_text(f"# pushed down\n\n{BAD}")
    (folder / "weekly.yaml").write_text(WEEKLY)
    result = judged(folder, baseline=file)
    assert standings(result) == {"daily": "in the baseline", "weekly": "fails"}
    assert result.exit_code == 1
    assert all(finding.waived is None for finding in result.findings)


def test_what_is_mended_is_said_and_then_left_out(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    run(folder, *ONLY, "--write-baseline", file)
    (folder / "bad.yaml").write_text(GOOD)
    code, shown, _ = run(folder, *ONLY, "--baseline", file)
    assert code == 0
    assert f"✓ {RULE}  ScheduledBackup databases/daily" in shown
    assert not judged(folder, rules=("DFLY-OPS-001",), baseline=file).fixed, "nobody asked that rule"
    run(folder, *ONLY, "--baseline", file, "--write-baseline", file)
    assert baseline.read(file) == ()


def test_a_baseline_is_stable_and_holds_no_waived_finding(folder: Path, tmp_path: Path) -> None:
    (folder / "weekly.yaml").write_text(WEEKLY)
    (tmp_path / "waivers.yaml").write_text(WAIVERS)
    file = tmp_path / "baseline.json"
    assert baseline.write(file, judged(folder, waivers=tmp_path / "waivers.yaml").findings) == 1
    first = file.read_text()
    baseline.write(file, judged(folder, waivers=tmp_path / "waivers.yaml").findings)
    assert file.read_text() == first


def test_what_is_wrong_with_a_waiver_is_in_no_baseline(folder: Path, tmp_path: Path) -> None:
    (folder / "bad.yaml").write_text(GOOD)
    (tmp_path / "waivers.yaml").write_text(WAIVERS)
    file = tmp_path / "baseline.json"
    result = judged(folder, waivers=tmp_path / "waivers.yaml")
    assert baseline.write(file, result.findings) == 0
    entry = baseline.Entry(result.findings[0].fingerprint, "SEAWALL-WAIVERS", "violated", "x")
    assert not baseline.mark(result.findings, [entry])[0].known


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 2, "findings": []}', '{"version": 1}', '{"version": 1, "findings": [{}]}']
)
def test_a_damaged_baseline_is_refused(folder: Path, tmp_path: Path, text: str) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(text)
    with pytest.raises(UserError, match="--write-baseline"):
        judged(folder, baseline=file)


def test_a_baseline_that_cannot_be_read_or_written(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        judged(folder, baseline=tmp_path / "none.json")
    with pytest.raises(UserError, match="cannot be written"):
        baseline.write(tmp_path / "no" / "folder.json", ())


def test_a_known_finding_is_suppressed_in_sarif_and_not_accepted(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    run(folder, *ONLY, "--write-baseline", file)
    (folder / "weekly.yaml").write_text(WEEKLY)
    _, shown, _ = run(folder, *ONLY, "--baseline", file, "--format", "sarif")
    results = json.loads(shown)["runs"][0]["results"]
    told = [(r["baselineState"], [s["status"] for s in r.get("suppressions", [])]) for r in results]
    assert sorted(told) == [("new", []), ("unchanged", ["underReview"])]


def command(*args: str, columns: int = 120) -> str:
    done = CliRunner(env={"COLUMNS": str(columns)}).invoke(whole, list(args))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0
    return done.output


def test_rules_lists_all() -> None:
    shown = command("rules")
    listed = json.loads(command("rules", "--format", "json"))
    assert [rule["id"] for rule in listed] == [*(rule.id for rule in load()), "SEAWALL-WAIVERS"]
    for rule, known in zip(listed, load(), strict=False):
        assert rule["id"] in shown
        assert (rule["severity"], rule["page"], rule["risks"]) == (known.severity.value, known.page, list(known.risks))
        assert rule["level"] == ("mandatory" if known.mandatory else "advisory")
        assert len(rule["kinds"]) == len(known.kinds)
    with pytest.raises(UserError, match="must be one of terminal, json"):
        command("rules", "--format", "xml")


def test_explain_shows_page_and_examples() -> None:
    shown = command("explain", "cnpg-data-001")
    assert "backup schedule means what it says" in shown
    assert "What goes wrong" in shown
    assert "An example that fails:" in shown
    assert "One that passes:" in shown
    assert "kind: ScheduledBackup" in shown


def test_explain_a_risk_names_its_rules() -> None:
    rule, risk = next((rule, risk) for rule in load() for risk in rule.risks if risk != rule.id)
    assert f"answered by {rule.id} (" in " ".join(command("explain", risk, columns=300).split()) or any(
        other.id != rule.id and risk in other.risks for other in load()
    )


def test_explain_every_rule() -> None:
    for rule in load():
        assert rule.id in command("explain", rule.id)


def test_explain_without_a_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from seawall import paths

    def none() -> Path:
        raise UserError("an installed wheel")

    monkeypatch.setattr(paths, "checkout", none)
    assert "seconds first" in " ".join(command("explain", RULE).split())


def test_explain_an_unknown_id_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no rule or risk CNPG-DATE-001\. Did you mean CNPG-DATA-001\?"):
        command("explain", "CNPG-DATE-001")


def test_standings_are_the_words_of_the_schema() -> None:
    from seawall.policy.report.form import FindingForm

    assert set(FindingForm.model_json_schema()["properties"]["standing"]["enum"]) == {each.value for each in Standing}


def test_the_matrices_are_shown_when_asked_for(tmp_path: Path) -> None:
    tenants.write(tmp_path, 1)
    _, shown, _ = run(tmp_path, *ONLY, "--matrix")
    assert "Dragonfly t0000/cache: pods of Dragonfly t0000/cache, isolated" in shown
    assert "Cluster pg-0000/pg: t0000 enters t0000 directly with TLS (hostssl t0000 t0000 all scram-sha-256)" in shown
    _, shown, _ = run(tmp_path, *ONLY, "--matrix", "--format", "json")
    data = json.loads(shown)
    assert data["matrices"]["reach"][0]["resource"] == "Dragonfly t0000/cache"
    assert [each["cluster"] for each in data["matrices"]["entries"]] == ["Cluster pg-0000/pg"]
    schema = Path(__file__).parents[2] / "docs" / "schemas" / "check.schema.json"
    jsonschema.Draft202012Validator(json.loads(schema.read_text())).validate(data)
    assert "matrices" not in json.loads(run(tmp_path, *ONLY, "--format", "json")[1])
