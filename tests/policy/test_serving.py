"""The pack as the engine meets it: levels, unknown and secret values, one report per finding."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from check_samples import SCHEDULE
from engine_doubles import UNKNOWN_NUMBER, UNKNOWN_TEXT, analyze_stack, request, secret, servicer, stack_request
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2 as proto
from pulumi.runtime.proto import analyzer_pb2_grpc
from pulumi_policy import StackValidationPolicy

from seawall.policy import serving
from seawall.policy.estate.kinds import DRAGONFLY
from seawall.policy.estate.model import KubeObject
from seawall.policy.findings import DEFERRED_POLICY, NOT_EVALUATED_POLICY, Rule, Violation
from seawall.policy.rules import load

FIVE_FIELDS: dict[str, Any] = {
    "apiVersion": "postgresql.cnpg.io/v1",
    "kind": "ScheduledBackup",
    "metadata": {"name": "daily", "namespace": "databases"},
    "spec": {"schedule": "0 2 * * *", "cluster": {"name": "shared"}},
}
DRAGONFLY_RULES = ("DFLY-OPS-001", "DFLY-SEC-001")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules, and of each only the check, whose verdicts the test knows; the others have tests of their own."""
    monkeypatch.setattr(serving, "load", lambda: (SCHEDULE, *(rule for rule in load() if rule.id in DRAGONFLY_RULES)))


def dragonfly(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "dragonflydb.io/v1alpha1",
        "kind": "Dragonfly",
        "metadata": {"name": "cache", "namespace": "data"},
        "spec": {"replicas": 3, **spec},
    }


@pytest.mark.usefixtures("few")
def test_a_high_rule_is_mandatory_and_names_resource_and_mend() -> None:
    (found,) = analyze_stack([FIVE_FIELDS])
    assert found.policyName == "CNPG-DATA-001"
    assert found.enforcementLevel == proto.MANDATORY
    assert found.severity == proto.POLICY_SEVERITY_HIGH
    assert found.urn.endswith("::daily")
    assert "ScheduledBackup databases/daily" in found.message
    assert "Mend: " in found.message


@pytest.mark.usefixtures("few")
def test_a_stack_sets_each_rule_to_its_own_level() -> None:
    both = [FIVE_FIELDS, dragonfly(pdb={"minAvailable": 3})]
    advised = servicer(levels={"CNPG-DATA-001": proto.ADVISORY, "DFLY-OPS-001": proto.DISABLED})
    response = advised.AnalyzeStack(stack_request(both), None)
    assert [(d.policyName, d.enforcementLevel) for d in response.diagnostics] == [("CNPG-DATA-001", proto.ADVISORY)]
    assert not advised.Analyze(request(dragonfly(pdb={"minAvailable": 3})), None).diagnostics


@pytest.mark.usefixtures("few")
def test_before_creation_and_not_twice() -> None:
    pack = servicer()
    (early,) = pack.Analyze(request(FIVE_FIELDS), None).diagnostics
    assert (early.policyName, early.enforcementLevel) == ("CNPG-DATA-001", proto.MANDATORY)
    whole = pack.AnalyzeStack(stack_request([FIVE_FIELDS]), None)
    assert not whole.diagnostics, "the resource's own analysis has reported it"
    assert "CNPG-DATA-001" in {skipped.policy_name for skipped in whole.not_applicable}, (
        "and it does not count as passed"
    )
    assert len(pack.AnalyzeStack(stack_request([FIVE_FIELDS]), None).diagnostics) == 1, "a later analysis starts afresh"


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    "manifest",
    [
        {**FIVE_FIELDS, "spec": {"schedule": UNKNOWN_TEXT}},
        {**FIVE_FIELDS, "spec": UNKNOWN_TEXT},
        dragonfly(replicas=UNKNOWN_NUMBER, networkPolicyEnabled=True),
        dragonfly(pdb=UNKNOWN_TEXT),
    ],
)
def test_unknown_values(manifest: dict[str, Any]) -> None:
    """Deferred in a preview when another resource will make the value, else a finding of its own; never a pass."""
    waiting = analyze_stack([manifest], preview=True, awaits=["spec"])
    assert waiting
    assert {(d.policyName, d.enforcementLevel) for d in waiting} == {(DEFERRED_POLICY, proto.ADVISORY)}
    for blocked in (
        analyze_stack([manifest], preview=True),
        analyze_stack([manifest], awaits=["spec"]),
        analyze_stack([manifest]),
    ):
        assert {(d.policyName, d.enforcementLevel) for d in blocked} == {(NOT_EVALUATED_POLICY, proto.MANDATORY)}
        assert all("not known yet" in d.message for d in blocked)
    assert not servicer(preview=True).Analyze(request(manifest), None).diagnostics, "left to the stack's analysis"


@pytest.mark.usefixtures("few")
def test_an_unknown_that_decides_nothing_does_not_matter() -> None:
    manifest = dragonfly(image=UNKNOWN_TEXT, resources={"limits": {"memory": UNKNOWN_TEXT}})
    assert not analyze_stack([manifest])


@pytest.mark.usefixtures("few")
def test_an_unknown_policy_of_the_namespace_is_named() -> None:
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "late", "namespace": "data"},
        "spec": {"podSelector": {}, "ingress": UNKNOWN_TEXT},
    }
    (found,) = analyze_stack([dragonfly(), policy])
    assert found.policyName == NOT_EVALUATED_POLICY
    assert "NetworkPolicy data/late: spec.ingress is not known yet" in found.message
    assert found.urn.endswith("::late")


@pytest.mark.usefixtures("few")
def test_secrets_are_judged_and_never_printed() -> None:
    schedule = {**FIVE_FIELDS, "spec": secret({"schedule": "0 2 * * *"})}
    assert [d.policyName for d in analyze_stack([schedule])] == ["CNPG-DATA-001"]
    loud = dragonfly(
        args=[secret("--requirepass=hunter2-password")],
        env=[{"name": "X", "value": secret("hunter2-password")}],
        pdb={"minAvailable": 3},
        networkPolicyEnabled=False,
    )
    printed = str(analyze_stack([loud]))
    assert "DFLY-OPS-001" in printed
    assert "hunter2" not in printed


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("where", ["spec", "replicas", "pdb"])
def test_wrong_types_are_findings_without_their_values(where: str) -> None:
    manifest = dragonfly()
    if where == "spec":
        manifest["spec"] = "hunter2-password"
    else:
        manifest["spec"][where] = "hunter2-password"
    found = analyze_stack([manifest])
    assert {d.policyName for d in found} == {NOT_EVALUATED_POLICY}
    assert "hunter2" not in str(found)


def test_a_rule_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: KubeObject) -> Any:
        raise KeyError("hunter2-password")

    def fine(_: KubeObject) -> Any:
        yield Violation("the other rule still speaks", "Mend it.")

    rules = tuple(
        Rule(id, (), id, 6, "why", "mend", (DRAGONFLY,), alone=(check,))
        for id, check in (("X-BROKEN-001", broken), ("X-FINE-001", fine))
    )
    monkeypatch.setattr(serving, "load", lambda: rules)
    found = analyze_stack([dragonfly()])
    assert {d.policyName for d in found} == {NOT_EVALUATED_POLICY, "X-FINE-001"}
    (failed,) = (d for d in found if d.policyName == NOT_EVALUATED_POLICY)
    assert failed.enforcementLevel == proto.MANDATORY
    assert "X-BROKEN-001" in failed.message
    assert "KeyError" in failed.message
    assert "hunter2" not in failed.message


@pytest.mark.usefixtures("few")
def test_other_resources_are_no_objects() -> None:
    bucket = proto.AnalyzerResource(type="aws:s3/bucket:Bucket", urn="urn:x", name="b")
    component = proto.AnalyzerResource(type="seawall:data:DragonflyCluster", urn="urn:y", name="c")
    response = servicer().AnalyzeStack(proto.AnalyzeStackRequest(resources=[bucket, component]), None)
    assert not response.diagnostics
    assert {skipped.policy_name for skipped in response.not_applicable} == {rule.id for rule in serving.load()}


@pytest.mark.usefixtures("few")
def test_the_kind_comes_from_the_type_when_the_inputs_lack_it() -> None:
    bare = {key: value for key, value in FIVE_FIELDS.items() if key in ("metadata", "spec")}
    message = stack_request([FIVE_FIELDS])
    message.resources[0].properties.Clear()
    message.resources[0].properties.update(bare)
    (found,) = servicer().AnalyzeStack(message, None).diagnostics
    assert found.policyName == "CNPG-DATA-001"


def test_info_tells_of_every_rule() -> None:
    info = servicer().GetAnalyzerInfo(empty_pb2.Empty(), None)
    told = {policy.name: policy for policy in info.policies}
    for rule in load():
        assert told[rule.id].remediation_steps == rule.mend
        assert told[rule.id].url == rule.page
        assert set(rule.risks) <= set(told[rule.id].tags)
    assert {DEFERRED_POLICY, NOT_EVALUATED_POLICY} <= set(told)


def test_policies_stand_in_any_pack() -> None:
    assert all(isinstance(policy, StackValidationPolicy) for policy in serving.policies())


@pytest.mark.parametrize("start", ["pack", "__main__.py"])
def test_the_process_serves_on_the_port_that_it_prints(start: str, tmp_path: Path) -> None:
    """Started as the engine does: from another folder, with its address as the only argument."""
    folder = Path(serving.__file__).resolve().parent
    program = [str(folder / "pack")] if start == "pack" else [sys.executable, "-u", str(folder / start)]
    env = {**os.environ, "SEAWALL_PYTHON": sys.executable}
    process = subprocess.Popen([*program, "127.0.0.1:1"], stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=env)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            info = analyzer_pb2_grpc.AnalyzerStub(channel).GetAnalyzerInfo(empty_pb2.Empty(), timeout=20)
        assert info.name == "seawall"
        assert {rule.id for rule in load()} <= {policy.name for policy in info.policies}
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_the_process_ends_with_the_engine_that_started_it() -> None:
    program = [sys.executable, str(Path(serving.__file__).resolve().parent / "__main__.py"), "127.0.0.1:1"]
    started = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    engine = subprocess.Popen([sys.executable, "-c", started, *program], stdout=subprocess.PIPE, text=True)
    with engine:
        assert engine.stdout is not None
        engine.stdout.readline()
        (pack,) = psutil.Process(engine.pid).children()
        engine.kill()
        pack.wait(timeout=20)


def test_without_python_the_pack_says_what_to_do(tmp_path: Path) -> None:
    env = {**os.environ, "SEAWALL_PYTHON": str(tmp_path / "none")}
    pack = Path(serving.__file__).resolve().parent / "pack"
    done = subprocess.run([str(pack)], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "SEAWALL_PYTHON" in done.stderr


def test_no_provider_sdk_is_imported() -> None:
    """They cost a second each time the engine starts the pack."""
    program = "import sys, json, seawall.policy.serving; print(json.dumps(sorted(sys.modules)))"
    root = Path(serving.__file__).resolve().parent.parent
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root, check=True)
    loaded = set(json.loads(done.stdout))
    assert not {"pulumi_kubernetes", "pulumi_aws", "pydantic", "kubernetes", "boto3"} & loaded
    assert not {name for name in loaded if name.startswith("seawall.components")}
