"""The stacks of this repository, as the program registers them, judged by the pack; and broken on purpose."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from engine_doubles import servicer
from google.protobuf import json_format, struct_pb2
from our_stacks import Resources, registered
from pulumi.runtime.proto import analyzer_pb2 as proto

from seawall.policy import rules


@pytest.fixture(scope="module")
def infra() -> Resources:
    return list(registered("infra"))


@pytest.fixture(scope="module")
def sandbox() -> Resources:
    return list(registered("sandbox"))


@pytest.fixture(scope="module")
def apps() -> Resources:
    return list(registered("apps"))


@pytest.mark.parametrize("stack", ["infra", "sandbox"])
def test_every_rule_judges_it_and_finds_nothing(stack: str, request: pytest.FixtureRequest) -> None:
    resources: Resources = request.getfixturevalue(stack)
    response = servicer(preview=True).AnalyzeStack(proto.AnalyzeStackRequest(resources=resources), None)
    assert [diagnostic.message for diagnostic in response.diagnostics] == []
    assert not response.not_applicable, "every rule has something to judge"


def test_the_consumer_side_has_no_data_and_no_finding(apps: Resources) -> None:
    """Rules about Dragonfly or PostgreSQL themselves have nothing to judge there; each says so instead of passing."""
    response = servicer(preview=True).AnalyzeStack(proto.AnalyzeStackRequest(resources=apps), None)
    assert [diagnostic.message for diagnostic in response.diagnostics] == []
    kinds = {resource.type.rpartition(":")[2] for resource in apps}
    idle = {rule.id for rule in rules.load() if not kinds & {kind for _, kind in rule.kinds}}
    assert {"DFLY-SEC-001", "DFLY-OPS-001", "CNPG-PERF-001", "CNPG-DATA-001"} <= idle
    assert {it.policy_name for it in response.not_applicable} == idle
    assert all(it.reason for it in response.not_applicable)


def schedule(kind: str, manifest: dict[str, Any]) -> None:
    if kind == "ScheduledBackup":
        manifest["spec"]["schedule"] = "0 2 * * *"


def budget(kind: str, manifest: dict[str, Any]) -> None:
    if kind == "Dragonfly":
        manifest["spec"]["pdb"] = {"minAvailable": manifest["spec"]["replicas"]}


def _ingress(manifest: dict[str, Any], rule: int) -> dict[str, Any]:
    found: dict[str, Any] = manifest["spec"]["ingress"][rule]
    return found


def _entity(rule: dict[str, Any], name: str) -> None:
    """Cilium refuses both kinds of peers in one rule."""
    rule.pop("fromEndpoints")
    rule["fromEntities"] = [name]


def dragonfly_policy(change: Callable[[dict[str, Any]], None]) -> Callable[[str, dict[str, Any]], None]:
    def apply(kind: str, manifest: dict[str, Any]) -> None:
        selected = str(manifest.get("spec", {}).get("endpointSelector"))
        if kind == "CiliumNetworkPolicy" and "app.kubernetes.io/part-of" in selected:  # its pods, not the probe's
            change(manifest)

    return apply


def _own_policy(kind: str, manifest: dict[str, Any]) -> None:
    if kind == "Dragonfly":
        manifest["spec"].pop("networkPolicyEnabled")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (schedule, "CNPG-DATA-001"),
        (budget, "DFLY-OPS-001"),
        (_own_policy, "DFLY-SEC-001"),
        (dragonfly_policy(lambda m: _ingress(m, 0).pop("fromEndpoints")), "DFLY-SEC-001"),
        (dragonfly_policy(lambda m: _entity(_ingress(m, 0), "cluster")), "DFLY-SEC-001"),
        (dragonfly_policy(lambda m: m["spec"]["ingress"].pop(0)), "DFLY-SEC-001"),
        (dragonfly_policy(lambda m: m["spec"]["ingress"].pop(1)), "DFLY-SEC-001"),
        (dragonfly_policy(lambda m: _ingress(m, 0).pop("toPorts")), "DFLY-SEC-001"),
        (dragonfly_policy(lambda m: m["spec"].update(endpointSelector={"matchLabels": {"app": "x"}})), "DFLY-SEC-001"),
        (dragonfly_policy(lambda m: m["spec"].update(enableDefaultDeny={"ingress": False})), "DFLY-SEC-001"),
        (
            dragonfly_policy(
                lambda m: [e["matchLabels"].clear() for rule in m["spec"]["ingress"][:2] for e in rule["fromEndpoints"]]
            ),
            "DFLY-SEC-001",
        ),
    ],
)
def test_one_change_is_caught_by_its_rule_alone(
    infra: Resources, change: Callable[[str, dict[str, Any]], None], rule: str
) -> None:
    resources = []
    for resource in infra:
        manifest = json_format.MessageToDict(resource.properties)
        changed = copy.deepcopy(manifest)
        if resource.type.startswith("kubernetes:"):
            change(resource.type.rpartition(":")[2], changed)
        made = proto.AnalyzerResource()
        made.CopyFrom(resource)
        if changed != manifest:
            message = struct_pb2.Struct()
            json_format.ParseDict(changed, message)
            made.properties.CopyFrom(message)
        resources.append(made)
    response = servicer(preview=True).AnalyzeStack(proto.AnalyzeStackRequest(resources=resources), None)
    assert {diagnostic.policyName for diagnostic in response.diagnostics} == {rule}
    assert {diagnostic.enforcementLevel for diagnostic in response.diagnostics} == {proto.MANDATORY}
