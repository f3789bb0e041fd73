"""The repository's own program and stacks, deployed on a real API server, with the real policy pack."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from engine_trial import Trial
from rich.console import Console

from seawall.policy.findings import DEFERRED_POLICY
from seawall.sandbox.cluster import Sandbox
from seawall.sandbox.engine.driver import Engine
from seawall.sandbox.engine.summary import EngineFailure, PolicyRefusal, RunSummary
from seawall.tools import toolchain

CHECKOUT = Path(__file__).resolve().parents[2]
FAILURES = CHECKOUT / "tests" / "policy" / "data"


def engine(sandbox: Sandbox, stack: str) -> Engine:
    return Engine(CHECKOUT, stack, sandbox, Console(file=io.StringIO(), width=400), vendor_plugins=False)


@pytest.fixture(scope="module")
def deployed(sandbox: Sandbox) -> Iterator[RunSummary]:
    """The stack `sandbox`, deployed for this module."""
    yield engine(sandbox, "sandbox").up()
    engine(sandbox, "sandbox").destroy()


@pytest.fixture
def bypass(sandbox: Sandbox, tmp_path: Path) -> Trial:
    """A program that goes round our settings and components, with the real policy pack."""
    trial = Trial.make(tmp_path, sandbox)
    (trial.folder / "Pulumi.yaml").write_text("name: bypass\nruntime: python\n")
    return trial


def program(manifests: list[dict[str, Any]], context: str = "seawall-sandbox") -> str:
    return f"""
        import pulumi
        import pulumi_kubernetes
        from seawall.components.kubernetes.register import register

        provider = pulumi_kubernetes.Provider("kubernetes", context={context!r}, enable_server_side_apply=True)
        opts = pulumi.ResourceOptions(provider=provider)
        for manifest in {manifests!r}:
            register(f"{{manifest['kind']}}-{{manifest['metadata']['name']}}", manifest, opts)
    """


def namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def test_everything_is_on_the_api_server(deployed: RunSummary, kube: Any) -> None:
    clusters = kube.resources.get(api_version="postgresql.cnpg.io/v1", kind="Cluster")
    dragonflies = kube.resources.get(api_version="dragonflydb.io/v1alpha1", kind="Dragonfly")
    assert deployed.changed == deployed.changes["create"] > 50
    assert clusters.get(name="sandbox-postgres", namespace="sandbox-databases").spec.instances == 3
    assert {item.metadata.name for item in dragonflies.get(namespace="sandbox-dragonfly").items} == {"cache", "queue"}


def test_every_rule_of_the_pack_was_evaluated(deployed: RunSummary) -> None:
    assert {"CNPG-DATA-001", "DFLY-OPS-001", "DFLY-SEC-001"} <= {verdict.policy for verdict in deployed.policies}
    assert all(verdict.passed and not verdict.violations for verdict in deployed.policies)
    assert deployed.warnings == ()


def test_the_summary_says_what_is_simulated(deployed: RunSummary) -> None:
    assert [plugin.stand_in for plugin in deployed.plugins] == [True, True]
    kinds = {(note.plugin, note.kind) for note in deployed.notes}
    assert {("kubernetes", "simulated"), ("aws", "simulated"), ("kubernetes", "temporary-namespace")} <= kinds


def test_deployed_again_nothing_changes(deployed: RunSummary, sandbox: Sandbox) -> None:
    again = engine(sandbox, "sandbox").up()
    assert again.changed == 0
    assert again.changes["same"] == deployed.changed


def test_a_field_changed_by_hand_is_shown_and_mended(deployed: RunSummary, sandbox: Sandbox, kube: Any) -> None:
    dragonflies = kube.resources.get(api_version="dragonflydb.io/v1alpha1", kind="Dragonfly")
    wanted = dragonflies.get(name="cache", namespace="sandbox-dragonfly").spec.replicas
    dragonflies.patch(
        name="cache",
        namespace="sandbox-dragonfly",
        body={"spec": {"replicas": wanted + 4}},
        content_type="application/merge-patch+json",
    )
    assert engine(sandbox, "sandbox").preview().changes["update"] == 1
    assert dragonflies.get(name="cache", namespace="sandbox-dragonfly").spec.replicas == wanted + 4
    assert engine(sandbox, "sandbox").up().changes["update"] == 1
    assert dragonflies.get(name="cache", namespace="sandbox-dragonfly").spec.replicas == wanted


def test_what_a_killed_part_of_the_sandbox_lost_is_made_again(deployed: RunSummary, sandbox: Sandbox) -> None:
    moto = next(part for part in sandbox.status() if part.name == "moto")
    assert moto.pid is not None
    psutil.Process(moto.pid).kill()
    assert engine(sandbox, "sandbox").up().changes["create"] > 5
    assert engine(sandbox, "sandbox").preview().changed == 0


def test_the_infra_stack_is_accepted_whole(sandbox: Sandbox) -> None:
    seen = engine(sandbox, "infra").preview()
    assert seen.changed == seen.changes["create"] > 60
    assert (seen.warnings, seen.errors) == ((), ())
    assert {violation.policy for violation in seen.violations} <= {DEFERRED_POLICY}, "only what waits for the new key"
    assert seen.target.context == "infra"


@pytest.mark.parametrize(
    ("rule", "failure", "said"),
    [
        ("CNPG-DATA-001", "five-fields", "fires at minute 2 of every hour"),
        ("DFLY-OPS-001", "all-must-stay", "lets no pod go"),
        ("DFLY-SEC-001", "rule-without-from", "admits everybody"),
    ],
)
def test_what_goes_round_the_settings_is_refused_and_nothing_has_changed(
    bypass: Trial, kube: Any, rule: str, failure: str, said: str
) -> None:
    manifests = list(yaml.safe_load_all((FAILURES / rule / f"failure.{failure}.yaml").read_text()))
    name = manifests[0]["metadata"]["namespace"]
    bypass.program(program([namespace(name), *manifests]))
    for command in ("preview", "up"):
        with pytest.raises(PolicyRefusal, match=r"; nothing was changed") as refusal:
            getattr(bypass.engine(policy_pack=CHECKOUT / "policy" / "pack"), command)()
        assert rule in str(refusal.value)
        found = [violation for violation in refusal.value.summary.violations if violation.policy == rule]
        assert found
        assert any(said in violation.message and "Mend: " in violation.message for violation in found)
        assert all(violation.urn.endswith(tuple(m["metadata"]["name"] for m in manifests)) for violation in found)
    assert rule in bypass.printed
    namespaces = kube.resources.get(api_version="v1", kind="Namespace").get().items
    assert name not in {item.metadata.name for item in namespaces}


def test_a_stack_whose_context_is_renamed_can_still_be_updated(bypass: Trial) -> None:
    def up(context: str) -> RunSummary:
        config = {"pulumi:disable-default-providers": ["*"], "seawall:platform": {"context": context}}
        bypass.stack_file.write_text(yaml.safe_dump({"config": config}))
        bypass.program(program([namespace("renamed")], context=context))
        return bypass.engine(policy_pack=CHECKOUT / "policy" / "pack").up()

    try:
        assert [up(context).changes.get("update", 0) for context in ("first", "second", "second")] == [0, 1, 0]
    finally:
        bypass.engine(policy_pack=CHECKOUT / "policy" / "pack").destroy()


@pytest.mark.parametrize("context", ["production", "infra"])
def test_another_context_than_the_stacks_is_refused(bypass: Trial, context: str) -> None:
    bypass.program(program([namespace("never")], context=context))
    with pytest.raises(EngineFailure) as failure:
        bypass.engine(policy_pack=CHECKOUT / "policy" / "pack").up()
    assert context in str(failure.value)
    assert "Traceback" not in bypass.printed


def test_a_resource_without_a_provider_of_its_own_is_refused(bypass: Trial) -> None:
    bypass.program("""
        import pulumi_kubernetes
        pulumi_kubernetes.core.v1.Namespace("ambient", metadata={"name": "ambient"})
    """)
    with pytest.raises(EngineFailure, match="Default provider for 'kubernetes' disabled"):
        bypass.engine(policy_pack=CHECKOUT / "policy" / "pack").up()


def seawall(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment: Mapping[str, str] = {**os.environ, **variables}
    return subprocess.run(
        [sys.executable, "-m", "seawall.cli", *arguments],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_rendered_stack_is_what_check_reads(sandbox: Sandbox, tmp_path: Path) -> None:
    rendered = seawall("render", "--stack", "infra", "--out", str(tmp_path / "out"))
    assert rendered.returncode == 0, rendered.stderr
    documents = [yaml.safe_load(file.read_text()) for file in (tmp_path / "out").glob("*.yaml")]
    kinds = {document["kind"] for document in documents}
    assert {"Cluster", "Pooler", "Dragonfly", "CiliumNetworkPolicy", "ObjectStore", "ScheduledBackup"} <= kinds
    judged = seawall("check", str(tmp_path / "out"))
    assert judged.returncode == 0, judged.stdout
    assert f"{len(documents)} objects" in judged.stdout


def pulumi_stack(exports: str) -> subprocess.CompletedProcess[str]:
    """What the CLI alone says of the stack, in a shell with these exports."""
    cli = toolchain.ensure(["pulumi"], console=Console(file=io.StringIO()))["pulumi"]
    return subprocess.run(
        ["sh", "-c", f"{exports}exec {cli} stack --stack sandbox --non-interactive"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_status_and_env_of_a_running_sandbox(deployed: RunSummary, sandbox: Sandbox) -> None:
    status = seawall("status")
    assert status.returncode == 0, status.stderr
    assert f"stack sandbox: {deployed.changed} resources" in status.stdout
    printed = seawall("env", "--stack", "sandbox").stdout
    assert f"export KUBECONFIG={deployed.target.kubeconfig}\n" in printed
    assert f"export AWS_ENDPOINT_URL={sandbox.endpoints.s3}\n" in printed
    seen = pulumi_stack(printed)
    assert seen.returncode == 0, seen.stderr
    assert f"Current stack resources ({deployed.changed})" in seen.stdout
    unknown = seawall("env", "--stack", "nowhere")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "error: stack nowhere was not used in this sandbox" in unknown.stderr
