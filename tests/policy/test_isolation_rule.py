"""CNPG-DATA-003 where fixtures cannot go: previews, updates, and what our own component makes, through the folder."""

from typing import Any

import pytest
import yaml
from cnpg_samples import args, generic
from engine_doubles import UNKNOWN_TEXT, analyze_stack
from pulumi.runtime.proto import analyzer_pb2 as proto
from test_cnpg_manifests import objects

from seawall.components.cnpg.args import CnpgSharedClusterArgs
from seawall.policy.estate.building import build
from seawall.policy.estate.doors.folder import read_text
from seawall.policy.judging import judge

RULE = "CNPG-DATA-003"
DATABASE: dict[str, Any] = {
    "apiVersion": "postgresql.cnpg.io/v1",
    "kind": "Database",
    "metadata": {"name": "main-shop", "namespace": "databases"},
    "spec": {"cluster": {"name": "main"}, "name": "shop", "owner": "shop"},
}


def job(**more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "main-isolation-shop",
            "namespace": "databases",
            "annotations": {"seawall.dev/revokes-connect": "main/shop"},
        },
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": []}}},
        **more,
    }


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("status", [{}, {"status": {}}, {"status": UNKNOWN_TEXT}], ids=["absent", "empty", "unknown"])
def test_a_declared_job_whose_fate_is_not_to_be_seen_is_no_finding(status: dict[str, Any], preview: bool) -> None:
    assert analyze_stack([DATABASE, job(**status)], preview=preview) == []


def test_a_job_that_has_not_run_is_advisory_and_blames_the_job() -> None:
    [found] = analyze_stack([DATABASE, job(status={"active": 1})])
    assert found.policyName == RULE
    assert found.enforcementLevel == proto.ADVISORY
    assert found.urn.endswith("::main-isolation-shop")
    assert "has not succeeded yet" in found.message


def test_an_unreadable_status_is_no_pass() -> None:
    [found] = analyze_stack([DATABASE, job(status={"succeeded": "once"})])
    assert "SEAWALL-NOT-EVALUATED" in found.policyName


@pytest.mark.parametrize("made", [args(), generic()], ids=["cilium", "generic"])
def test_what_the_component_makes_passes_every_rule_as_yaml(made: CnpgSharedClusterArgs) -> None:
    """With egress by host names, which no rule about ingress may stumble over."""
    text = yaml.safe_dump_all(objects(made))
    assert ("toFQDNs" in text) is (made.platform.cni == "cilium")
    reading = read_text(text, "main.yaml")
    assert not reading.unreadable
    assert [finding.message for finding in judge(build(reading.objects))] == []


def test_without_the_jobs_both_databases_are_found() -> None:
    text = yaml.safe_dump_all([made for made in objects(args()) if made["kind"] != "Job"])
    findings = judge(build(read_text(text, "main.yaml").objects))
    assert [(finding.rule.id, finding.subject.name) for finding in findings] == [
        (RULE, "main-shop"),
        (RULE, "main-single-sign-on"),
    ]
