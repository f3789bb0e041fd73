"""Summaries and rendered manifests, from event logs."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from seawall.errors import UserError
from seawall.policy.estate.values import PLACEHOLDER
from seawall.policy.findings import DEFERRED_POLICY, PACK
from seawall.policy.rules import load
from seawall.sandbox.engine import events, render, summary
from seawall.sandbox.engine.plugins import Plugin

URN = "urn:pulumi:dev::seawall::seawall:data:Cache$kubernetes:core/v1:Namespace::cache-namespace"
STACK = "urn:pulumi:dev::seawall::pulumi:pulumi:Stack::seawall-dev"


def recorded(folder: Path, *found: dict[str, Any]) -> events.Recorder:
    recorder = events.Recorder(folder / "events.jsonl")
    for event in found:
        recorder(event)
    return recorder


def policy(name: str, level: str = "mandatory", **more: str) -> dict[str, Any]:
    return {
        "policyEvent": {"policyName": name, "enforcementLevel": level, "message": "<{%fg 1%}>bad<{%reset%}>\n", **more}
    }


def diagnostic(severity: str, message: str, **more: Any) -> dict[str, Any]:
    return {"diagnosticEvent": {"severity": severity, "message": message, **more}}


def done(folder: Path, recorder: events.Recorder, **changes: Any) -> summary.RunSummary:
    given: dict[str, Any] = {
        "operation": "up",
        "stack": "dev",
        "changes": {"create": 2, "same": 5},
        "policies": summary.verdicts(recorder),
        "violations": summary.violations(recorder),
        "warnings": tuple(recorder.warnings()),
        "errors": tuple(recorder.errors()),
        "duration_s": 1.5,
        "plugins": (Plugin("aws", "7.0.0", True, "here"),),
        "notes": (),
        "target": summary.Target("https://127.0.0.1:1", folder / "kubeconfig", "dev", "http://127.0.0.1:2"),
        "recovered": (),
        "events": recorder.file,
        **changes,
    }
    return summary.RunSummary(**given)


def shown(made: summary.RunSummary) -> str:
    screen = io.StringIO()
    summary.show(made, Console(file=screen, width=60))
    return screen.getvalue()


def test_verdicts_count_resources_and_stack(tmp_path: Path) -> None:
    recorder = recorded(
        tmp_path,
        {"policyAnalyzeSummaryEvent": {"resourceUrn": URN, "passed": ["A", "B"]}},
        {"policyAnalyzeSummaryEvent": {"resourceUrn": STACK, "passed": ["A"], "failed": ["B"]}},
        {"policyAnalyzeStackSummaryEvent": {"passed": ["C"], "failed": ["D"]}},
        policy("B", resourceUrn=URN, severity="high"),
        policy("B", resourceUrn=STACK),
        policy("D", "warning"),
        policy(DEFERRED_POLICY, "warning"),
    )
    assert [(v.policy, v.passed, v.violations, v.deferred) for v in summary.verdicts(recorder)] == [
        ("A", 2, 0, 0),
        ("B", 1, 2, 0),
        ("C", 1, 0, 0),
        ("D", 0, 1, 0),
        (DEFERRED_POLICY, 0, 0, 1),
    ]


def test_rules_of_ours_without_a_verdict_are_told(tmp_path: Path) -> None:
    first, second, *others = sorted(rule.id for rule in load())
    waits = policy(DEFERRED_POLICY, "warning")
    waits["policyEvent"]["message"] = f"{first} deferred: the value is not known yet"
    judged = {"policyAnalyzeStackSummaryEvent": {"policyPackName": PACK, "passed": [second], "failed": []}}
    made = done(tmp_path, recorded(tmp_path, waits, judged))
    lines = [line.removeprefix("policies").strip() for line in shown(made).splitlines()]
    assert f"{first}: no verdict yet, see {DEFERRED_POLICY}" in lines
    assert f"{second}: 1 passed" in lines
    assert {f"{other}: not applicable, nothing in this stack to judge" for other in others} <= set(lines)


def test_another_packs_policies_are_those_that_it_reports(tmp_path: Path) -> None:
    judged = {"policyAnalyzeStackSummaryEvent": {"policyPackName": "another", "passed": ["A"]}}
    assert [verdict.policy for verdict in summary.verdicts(recorded(tmp_path, judged))] == ["A"]


def test_a_violation_is_read_without_colours(tmp_path: Path) -> None:
    found = summary.violations(recorded(tmp_path, policy("A", resourceUrn=URN, severity="high")))
    assert found == (summary.Violation("A", "mandatory", "high", URN, "bad"),)
    assert found[0].mandatory


def test_only_a_mandatory_violation_refuses(tmp_path: Path) -> None:
    assert not done(tmp_path, recorded(tmp_path, policy("A", "warning"))).refused
    assert done(tmp_path, recorded(tmp_path, policy("A"))).refused


def test_warnings_and_errors_are_told_once_each_with_their_resource(tmp_path: Path) -> None:
    recorder = recorded(
        tmp_path,
        diagnostic("warning", "schedule has five fields", urn=URN),
        diagnostic("warning", "schedule has five fields", urn=URN),
        diagnostic("warning", "passing", ephemeral=True),
        diagnostic("error", "preview failed", urn=STACK),
        diagnostic("info", "nothing"),
    )
    assert recorder.warnings() == ["Namespace/cache-namespace: schedule has five fields"]
    assert recorder.errors() == ["preview failed"]


def test_events_are_kept_in_a_file_as_well(tmp_path: Path) -> None:
    recorder = recorded(tmp_path, diagnostic("info", "ä"), {"summaryEvent": {"resourceChanges": {"same": 2}}})
    assert [json.loads(line) for line in recorder.file.read_text().splitlines()] == recorder.events
    assert recorder.changes() == {"same": 2}


def test_notes_are_grouped_and_a_torn_line_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "notes.jsonl"
    lines = [
        {"plugin": "kubernetes", "kind": "simulated", "text": f"thing {n} is not awaited", "urn": URN} for n in (1, 2)
    ]
    file.write_text("\n".join(json.dumps(line) for line in [*lines, lines[0]]) + '\n{"plugin": "kub')
    found = summary.notes(file)
    assert len(found) == 2
    text = shown(done(tmp_path, recorded(tmp_path), notes=found))
    assert "kubernetes, simulated: thing 1 is not awaited (Namespace/cache-namespace); 1 more of this kind" in text
    assert summary.notes(tmp_path / "none") == ()


def test_the_summary_says_what_a_person_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = recorded(tmp_path, diagnostic("warning", "careful [now]"), policy("A", "warning"))
    monkeypatch.setenv("PATH", str(tmp_path))
    lines = shown(done(tmp_path, recorder)).splitlines()
    text = "\n".join(lines)
    assert "Stack dev: up, 2 changes" in lines
    assert "resources     changed 2 (2 create, 5 same)" in lines
    assert "policies      A: 0 passed, 1 violated" in lines
    assert "- careful [now]" in text
    assert "API server    https://127.0.0.1:1, context dev" in lines
    assert f"kubectl       export KUBECONFIG={tmp_path / 'kubeconfig'}" in lines, "whole, however narrow the screen"
    assert "stand-in for 7.0.0" in text
    assert "`seawall tools get kubectl` has one" in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"operation": "preview"}, "Stack dev: previewed, 2 changes"),
        ({"operation": "destroy", "changes": {"delete": 7}}, "Stack dev: destroyed, 7 changes"),
        ({"errors": ("x",)}, "Stack dev: failed"),
    ],
)
def test_the_headline_says_how_it_ended(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    assert said in shown(done(tmp_path, recorded(tmp_path), **changes)).splitlines()


def step(op: str, name: str, inputs: dict[str, Any], kind: str = "kubernetes:core/v1:Namespace") -> dict[str, Any]:
    metadata = {"op": op, "urn": f"urn:pulumi:dev::p::{kind}::{name}", "type": kind, "new": {"inputs": inputs}}
    return {"resourcePreEvent": {"metadata": metadata}}


def manifest(name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, **more}


def test_manifests_are_what_the_program_registers(tmp_path: Path) -> None:
    recorder = recorded(
        tmp_path,
        step("refresh", "a", manifest("drifted")),
        step("same", "a", manifest("a", __internal="x")),
        step("delete", "old", manifest("old")),
        step("create", "b", manifest("b", spec={"bucket": events.UNKNOWN, "list": [events.UNKNOWN, 1]})),
        step("create", "bucket", {"bucket": "b"}, kind="aws:s3/bucket:Bucket"),
        step("create", "provider", {"context": "x"}, kind="pulumi:providers:kubernetes"),
    )
    assert render.manifests(recorder.file) == [
        manifest("a"),
        manifest("b", spec={"bucket": PLACEHOLDER, "list": [PLACEHOLDER, 1]}),
    ]


def test_a_rendering_replaces_the_one_before(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    render.write([manifest("a"), manifest("b")], folder)
    files = render.write([manifest("a"), {**manifest("a"), "apiVersion": "other/v1"}, manifest("c/d")], folder)
    assert sorted(file.name for file in folder.glob("*.yaml")) == ["namespace-a.yaml", "namespace-c_d.yaml"]
    assert len(list(yaml.safe_load_all((folder / "namespace-a.yaml").read_text()))) == 2
    assert not any(render.has_unknown(file) for file in files)


def test_a_folder_of_somebody_elses_files_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("a: 1\n")
    with pytest.raises(UserError, match="was not written by `seawall render`"):
        render.write([manifest("a")], tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.yaml"]
    with pytest.raises(UserError, match="is a file"):
        render.check_folder(tmp_path / "mine.yaml")


@pytest.mark.parametrize(
    ("urn", "name"),
    [(URN, "Namespace/cache-namespace"), (STACK, ""), ("", ""), ("urn:pulumi:d::p::a:b:C::x::y", "C/x::y")],
)
def test_names_of_resources(urn: str, name: str) -> None:
    assert events.resource_name(urn) == name
