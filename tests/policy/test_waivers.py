"""Waivers: what they cover, until when, and that whatever is wrong with one waives nothing and is said."""

import json
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from check_samples import BAD, GOOD, RESOURCE

from seawall.cli.check import judge_source
from seawall.policy.acceptance import waiver_file, waivers
from seawall.policy.acceptance.waivers import Waivers
from seawall.policy.checking import Asked
from seawall.policy.estate.model import KubeObject, Origin
from seawall.policy.findings import WAIVERS_POLICY, Finding, Outcome, Severity
from seawall.policy.report.result import Result, Standing
from seawall.policy.rules import load

DAY = date(2027, 1, 31)
SCHEDULE = {rule.id: rule for rule in load()}["CNPG-DATA-001"]


def waiver(**changes: Any) -> dict[str, Any]:
    return {
        "rule": "CNPG-DATA-001",
        "resource": dict(RESOURCE),
        "reason": "Hourly base backups are wanted until the audit is over.",
        "approver": "head of platform",
        "expires": DAY.isoformat(),
        **changes,
    }


def finding(outcome: Outcome = Outcome.VIOLATED, **subject: str) -> Finding:
    given = {"kind": "ScheduledBackup", "namespace": "databases", "name": "daily", **subject}
    thing = KubeObject("postgresql.cnpg.io", given["kind"], given["namespace"], given["name"], {}, Origin())
    return Finding(SCHEDULE, outcome, thing, "five fields", "Give six.")


def parsed(*entries: Any) -> Waivers:
    return waiver_file.parse({"version": 1, "waivers": list(entries)})


def applied(
    given: Waivers, findings: Iterable[Finding] = (), *, day: date = DAY, judged: Iterable[str] | None = None
) -> tuple[list[Finding], list[str]]:
    """The findings that are no complaint about a waiver, and the complaints."""
    made = waivers.apply(
        given, list(findings), today=day, known=[rule.id for rule in load()], judged=judged, cloud=False
    )
    wrong = [each.message for each in made if each.rule.id == WAIVERS_POLICY]
    return [each for each in made if each.rule.id != WAIVERS_POLICY], wrong


def check(folder: Path, entries: Any, source: str | Path = BAD, *, day: date = DAY, **asked: Any) -> Result:
    file = folder / "waivers.yaml"
    file.write_text(entries if isinstance(entries, str) else yaml.safe_dump({"version": 1, "waivers": entries}))
    if isinstance(source, str):
        (folder / "objects").mkdir()
        source, text = folder / "objects", source
        (source / "objects.yaml").write_text(text)
    return judge_source(str(source), Asked(**{"waivers": file, "rules": ("CNPG-DATA-001",), **asked}), day=day)


def complaints(result: Result) -> list[Finding]:
    return [each for each in result.findings if each.rule.id == WAIVERS_POLICY]


def test_a_waived_finding_stays_marked_and_does_not_fail(tmp_path: Path) -> None:
    result = check(tmp_path, [waiver()])
    (found,) = result.findings
    assert found.outcome is Outcome.VIOLATED
    assert found.waived is not None
    assert (found.waived.approver, found.waived.expires) == ("head of platform", DAY)
    assert found.waived.reason.startswith("Hourly base backups")
    assert result.standing(found) is Standing.WAIVED
    assert result.exit_code == 0


@pytest.mark.parametrize(("days", "holds"), [(-1, True), (0, True), (1, False), (2, False)])
def test_it_holds_up_to_and_on_its_last_day(days: int, holds: bool) -> None:
    (found,), wrong = applied(parsed(waiver()), [finding()], day=DAY + timedelta(days=days))
    assert (found.waived is not None) is holds
    assert wrong == ([] if holds else ["it expired after 2027-01-31 and waives nothing any more"])


def test_one_for_longer_than_a_year_waives_nothing() -> None:
    start = DAY - timedelta(days=366)
    assert applied(parsed(waiver()), [finding()], day=start)[0][0].waived is not None
    (found,), (wrong,) = applied(parsed(waiver()), [finding()], day=start - timedelta(days=1))
    assert found.waived is None
    assert "more than 366 days" in wrong


@pytest.mark.parametrize(
    ("changes", "subject", "covered"),
    [
        ({}, {}, True),
        ({}, {"name": "weekly"}, False),
        ({}, {"name": "daily-2"}, False),
        ({}, {"namespace": "other"}, False),
        ({}, {"kind": "Backup"}, False),
        ({"rule": "CNPG-DATA-003"}, {}, False),
        ({"resource": {"kind": "ScheduledBackup", "namespace": "databases", "name": "dai*"}}, {}, True),
        ({"resource": {"kind": "ScheduledBackup", "namespace": "databases", "name": "daily*"}}, {}, True),
        ({"resource": {"kind": "ScheduledBackup", "namespace": "databases", "name": "dai*"}}, {"name": "da"}, False),
        ({"resource": {"kind": "ScheduledBackup", "name": "daily"}}, {}, False),
        ({"resource": {"kind": "ScheduledBackup", "name": "daily"}}, {"namespace": ""}, True),
        ({"outcome": "not evaluated"}, {}, False),
    ],
)
def test_what_it_covers(changes: Mapping[str, Any], subject: Mapping[str, str], covered: bool) -> None:
    (found,), _ = applied(parsed(waiver(**changes)), [finding(**subject)])
    assert (found.waived is not None) is covered


def test_a_rule_without_a_verdict_is_waived_by_name_only() -> None:
    undecided = finding(Outcome.NOT_EVALUATED)
    assert applied(parsed(waiver()), [undecided])[0][0].waived is None
    assert applied(parsed(waiver(outcome="not evaluated")), [undecided])[0][0].waived is not None


def test_what_waits_is_never_waived() -> None:
    deferred = finding(Outcome.DEFERRED)
    (found,), wrong = applied(parsed(waiver()), [deferred], judged=["CNPG-DATA-001"])
    assert found.waived is None
    assert wrong == [], "it may be needed once the value is known"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reason": ""}, "reason must have at least 10 characters"),
        ({"reason": "short"}, "reason must have at least 10 characters"),
        ({"reason": "         x"}, "reason must have at least 10 characters"),
        ({"reason": "TODO: write the reason down"}, "reason is a placeholder"),
        ({"reason": "- tbd until next week"}, "reason is a placeholder"),
        ({"reason": "----------------"}, "reason holds no words"),
        ({"reason": "aaaaaaaaaaaaaaaa"}, "reason holds no words"),
        ({"reason": None}, "reason must be a text"),
        ({"approver": ""}, "approver must have at least 2 characters"),
        ({"approver": "todo"}, "approver is a placeholder"),
        ({"expires": "next year"}, "expires must be a day like 2027-01-31"),
        ({"expires": "2027-02-30"}, "expires is no day of the calendar"),
        ({"expires": "2027-1-3"}, "expires must be a day"),
        ({"expires": "2027-01-31T10:00:00Z"}, "expires must be a day"),
        ({"expires": 1798761600}, "expires must be a day"),
        ({"expires": None}, "expires must be a day"),
        ({"resource": "daily"}, "resource must be a mapping"),
        ({"resource": {"kind": "ScheduledBackup", "name": "*"}}, "resource.name must be a name, or at least 3"),
        ({"resource": {"kind": "ScheduledBackup", "name": "da*"}}, "resource.name must be a name, or at least 3"),
        ({"resource": {"kind": "ScheduledBackup", "name": "d*ily"}}, "resource.name must be a name, or at least 3"),
        ({"resource": {"name": "daily"}}, "resource.kind is missing"),
        ({"resource": {"kind": "X", "name": "daily", "nmespace": "a"}}, "Did you mean namespace?"),
        ({"outcome": "all"}, "outcome must be 'violated' or 'not evaluated'"),
        ({"rule": 3}, "rule must be a text"),
        ({"expiry": "2027-01-31"}, "expiry is no key of it. Did you mean expires?"),
    ],
)
def test_a_malformed_waiver_waives_nothing_and_the_others_hold(changes: Mapping[str, Any], said: str) -> None:
    weekly = waiver(resource={"kind": "ScheduledBackup", "namespace": "databases", "name": "weekly"})
    given = parsed(waiver(**changes), weekly)
    found, wrong = applied(given, [finding(), finding(name="weekly")])
    assert {each.subject.name: each.waived is not None for each in found} == {"daily": False, "weekly": True}
    assert any(said in each for each in wrong), wrong


@pytest.mark.parametrize("key", ["rule", "resource", "reason", "approver", "expires"])
def test_every_part_is_needed(key: str) -> None:
    entry = waiver()
    del entry[key]
    (found,), wrong = applied(parsed(entry), [finding()])
    assert found.waived is None
    assert wrong == [f"{key} is missing"]


@pytest.mark.parametrize("entry", [None, 3, "CNPG-DATA-001", [], [["a"]]])
def test_what_is_no_waiver_at_all(entry: Any) -> None:
    (found,), wrong = applied(parsed(entry), [finding()])
    assert found.waived is None
    assert wrong == ["the waiver must be a mapping"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be a mapping with version and waivers"),
        ("- a\n", "must be a mapping with version and waivers"),
        ("waivers: []\n", "version is missing"),
        ("version: 2\nwaivers: []\n", "version must be 1"),
        ("version: 1\n", "waivers must be a list"),
        ("version: 1\nwaivers: {}\n", "waivers must be a list"),
        ("version: 1\nwaiver: []\n", "waiver is no key of it. Did you mean waivers?"),
        ("version: 1\nversion: 1\nwaivers: []\n", "version is given twice"),
        ("version: 1\nwaivers: [&a {}, *a]\n", "aliases are not read here"),
        ("version: 1\nwaivers: [\n", "not valid YAML"),
        ("version: 1\nwaivers: []\n---\nversion: 1\n", "not valid YAML"),
        ("version: !!python/object/apply:os.getcwd []\n", "not valid YAML"),
        ("version: " + "[" * 5000, "not valid YAML"),
        ("a" * (waiver_file.MAX_BYTES + 1), "larger than 1024 KiB"),
        ("\x00", "not valid YAML"),
    ],
)
def test_a_malformed_file_waives_nothing_and_fails_whatever_the_limit(tmp_path: Path, text: str, said: str) -> None:
    result = check(tmp_path, text, GOOD, fail_on=Severity.CRITICAL)
    assert any(said in each.message or "cannot be read" in each.message for each in complaints(result)), result.findings
    assert result.exit_code == 1


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    gone = check(tmp_path, [], GOOD, waivers=tmp_path / "none.yaml")
    assert [each.message for each in complaints(gone)] == ["the file cannot be read: No such file or directory"]
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    odd = check(tmp_path, [], tmp_path / "objects", waivers=tmp_path / "bytes.yaml")
    assert [each.message for each in complaints(odd)] == ["the file is not UTF-8 text"]


def test_one_that_nothing_needs_is_said(tmp_path: Path) -> None:
    result = check(tmp_path, [waiver()], GOOD)
    (found,) = result.findings
    assert "finds nothing on ScheduledBackup databases/daily that it would waive" in found.message
    assert result.exit_code == 1


def test_unneeded_is_not_said_of_what_was_not_judged(tmp_path: Path) -> None:
    entries = [waiver()]
    assert not complaints(check(tmp_path, entries, GOOD, rules=("CNPG-DATA-003",)))
    folder = tmp_path / "objects"
    bucket = waiver(resource={"kind": "aws:s3/bucket:Bucket", "name": "backups"})
    assert not complaints(check(tmp_path, [bucket], folder)), "a folder shows no buckets"
    (folder / "broken.yaml").write_text("apiVersion: [")
    assert not complaints(check(tmp_path, entries, folder)), "the resource may be in what could not be read"


def test_an_expired_one_is_not_also_unneeded() -> None:
    _, wrong = applied(parsed(waiver()), day=DAY + timedelta(days=1), judged=["CNPG-DATA-001"])
    assert len(wrong) == 1


def test_a_duplicate_is_said_and_the_first_counts() -> None:
    old, new = waiver(expires="2027-01-30"), waiver(reason="The second text, which nobody looks at.")
    (found,), wrong = applied(parsed(old, new), [finding()])
    assert found.waived is None, "the first has expired, and the second is not looked at"
    assert any("the same is waived until 2027-01-30 by head of platform; only that one counts" in w for w in wrong)
    assert len(wrong) == 2


def test_an_unknown_rule_suggests_the_nearest() -> None:
    _, wrong = applied(parsed(waiver(rule="CNPG-DATA-01")), judged=[rule.id for rule in load()])
    (said,) = wrong
    assert said.startswith("there is no rule CNPG-DATA-01. Did you mean CNPG-DATA-0")


def test_the_rule_about_waivers_cannot_be_waived() -> None:
    broken = waiver(reason="")
    kind, name = "Waiver", "number 1 (CNPG-DATA-001)"
    cover = waiver(rule=WAIVERS_POLICY, resource={"kind": kind, "name": name.replace(" ", "*")[:6] + "*"})
    made, wrong = applied(parsed(broken, cover, waiver(rule=WAIVERS_POLICY)), [finding()])
    assert f"{WAIVERS_POLICY} cannot be waived" in wrong
    assert all(each.waived is None for each in made)
    every = waivers.apply(parsed(broken, cover), [], today=DAY, known=[], judged=None, cloud=True)
    assert all(each.waived is None for each in every)


def test_a_complaint_says_where(tmp_path: Path) -> None:
    text = yaml.safe_dump({"version": 1, "waivers": [waiver(), waiver(expires="2020-01-01", rule="DFLY-SEC-001")]})
    (found,) = complaints(check(tmp_path, text, GOOD, rules=("DFLY-SEC-001",)))
    line = next(number for number, written in enumerate(text.splitlines(), 1) if "2020-01-01" in written)
    assert found.place == f"{tmp_path / 'waivers.yaml'}:{line}"


def test_json_is_read_as_well(tmp_path: Path) -> None:
    result = check(tmp_path, json.dumps({"version": 1, "waivers": [waiver()]}, indent=2))
    assert [each.waived is not None for each in result.findings] == [True]


def test_the_published_schema_agrees_with_what_is_read() -> None:
    published = json.loads((Path(__file__).parents[2] / "docs" / "schemas" / "waivers.schema.json").read_text())
    checker = jsonschema.Draft202012Validator(published)
    good = {"version": 1, "waivers": [waiver()]}
    assert checker.is_valid(good)
    for changes in ({"reason": "short"}, {"expires": 3}, {"outcome": "all"}, {"expiry": "x"}, {"resource": "x"}):
        assert not checker.is_valid({"version": 1, "waivers": [waiver(**changes)]})
        assert parsed(waiver(**changes)).problems


def test_the_rule_about_waivers_has_a_page() -> None:
    page = Path(__file__).parents[2] / waivers.RULE.page
    assert page.read_text().startswith(f"# {WAIVERS_POLICY}: ")
