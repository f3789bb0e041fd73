"""However the validator and the drill are rendered, the pack has nothing against them."""

import feature_matrix
import pytest
from backup_job_rows import ROWS
from engine_doubles import servicer
from google.protobuf import json_format
from our_stacks import Resources, registered_by
from pulumi.runtime.proto import analyzer_pb2 as proto

from seawall.operators.annotations import RESTORES, VALIDATES

ELSEWHERE = "Declare an ExternalSecret with the target minio-ca."
"""The authority of a store of one's own is in a Secret that was there before: the stack does not make it."""


def said(resources: Resources) -> dict[str, list[str]]:
    """URN → what is found there."""
    response = servicer(preview=True).AnalyzeStack(proto.AnalyzeStackRequest(resources=resources), None)
    found: dict[str, list[str]] = {}
    for it in response.diagnostics:
        found.setdefault(it.urn, []).append(f"{it.policyName}: {it.message}")
    return found


def jobs(resources: Resources) -> list[proto.AnalyzerResource]:
    """The CronJobs about backups."""
    return [it for it in resources if it.type.endswith(":CronJob") and {VALIDATES, RESTORES} & {*annotations(it)}]


def annotations(resource: proto.AnalyzerResource) -> dict[str, str]:
    found: dict[str, str] = json_format.MessageToDict(resource.properties)["metadata"].get("annotations", {})
    return found


@pytest.mark.parametrize("row", ROWS)
def test_nothing_is_found(row: str) -> None:
    resources = list(registered_by(feature_matrix.config_of(ROWS[row]), "row"))
    found = said(resources)
    assert len(jobs(resources)) == 2
    assert [found[it.urn] for it in jobs(resources) if it.urn in found] == []
    assert [text for texts in found.values() for text in texts if not text.endswith(ELSEWHERE)] == []


@pytest.mark.parametrize(("annotation", "rule"), [(VALIDATES, "CNPG-SEC-001"), (RESTORES, "CNPG-OPS-002")])
def test_what_is_wrong_with_them_is(annotation: str, rule: str) -> None:
    resources = list(registered_by(feature_matrix.config_of(ROWS["our validator"]), "row"))
    [job] = [it for it in jobs(resources) if annotation in annotations(it)]
    manifest = json_format.MessageToDict(job.properties)
    [container] = manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    container["securityContext"]["privileged"] = True
    json_format.ParseDict(manifest, job.properties)
    assert any(text.startswith(f"{rule}: ") and "privileged" in text for text in said(resources)[job.urn])
