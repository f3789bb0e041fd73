"""A Helm release on the real engine and the sandbox's API server: recorded, said in the summary, never installed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import released_state
from engine_trial import Trial
from kubernetes.client.exceptions import ApiException

from seawall.components.operators import releases
from seawall.components.operators.releases import HelmRelease
from seawall.components.settings import load, read_stack_file
from seawall.sandbox.cluster import Sandbox
from seawall.sandbox.engine.driver import Engine
from seawall.sandbox.engine.summary import EngineFailure, RunSummary

CHECKOUT = Path(__file__).resolve().parents[2]
OPERATORS = "release-trial"
PROGRAM = f"""
    import pulumi
    import pulumi_kubernetes as k8s

    config = pulumi.Config("trial")
    opts = pulumi.ResourceOptions(provider=k8s.Provider("kubernetes", context="seawall-sandbox"))
    if config.get_bool("namespace"):
        home = k8s.core.v1.Namespace("home", metadata={{"name": "{OPERATORS}"}}, opts=opts)
        opts.depends_on = [home]
    if config.get_int("replicas"):
        k8s.helm.v3.Release(
            "operator",
            name="operator",
            chart="oci://registry.example.org/charts/operator",
            version="1.2.3",
            namespace="{OPERATORS}",
            values={{"replicaCount": config.require_int("replicas")}},
            opts=opts,
        )
"""


@pytest.fixture
def trial(sandbox: Sandbox, tmp_path: Path) -> Iterator[Trial]:
    made = Trial.make(tmp_path, sandbox)
    (made.folder / "Pulumi.yaml").write_text("name: releases\nruntime: python\n")
    made.program(PROGRAM)
    yield made
    engine(made).destroy()


def engine(trial: Trial) -> Engine:
    return trial.engine()


def notes(done: RunSummary) -> list[str]:
    return [note.text for note in done.notes if note.kind == "not-installed"]


def test_a_release_is_recorded_changed_and_forgotten(trial: Trial, kube: Any) -> None:
    trial.configure(namespace=True, replicas=2)
    first = engine(trial).up()
    assert released_state.steps(first)["create"] == ["home", "kubernetes", "operator", "releases-dev"]
    named = f"Helm release {OPERATORS}/operator (oci://registry.example.org/charts/operator 1.2.3)"
    assert notes(first) == [f"{named} is recorded, not installed"]
    found = kube.resources.get(api_version="apps/v1", kind="Deployment").get(namespace=OPERATORS)
    assert found.items == []

    trial.configure(namespace=True, replicas=3)
    assert released_state.steps(engine(trial).up())["update"] == ["operator"]
    assert "[diff: ~values]" in trial.printed
    assert engine(trial).preview().changed == 0

    trial.configure(namespace=True, replicas=0)
    gone = engine(trial).up()
    assert released_state.steps(gone)["delete"] == ["operator"]
    assert notes(gone) == [f"{named} is forgotten; it was never installed"]


def test_a_release_without_its_namespace_is_refused_in_preview(trial: Trial) -> None:
    trial.configure(namespace=False, replicas=2)
    with pytest.raises(EngineFailure, match=f"namespace {OPERATORS} does not exist"):
        engine(trial).preview()


# The pods that the charts would make of our values, as doubles: a pod with the values' security contexts


def ours() -> dict[str, HelmRelease]:
    settings = load(read_stack_file(CHECKOUT, "infra"))
    dragonfly = settings.operators.dragonfly.model_copy(update={"metrics_reader": "vmagent"})
    return {
        "dragonfly": releases.dragonfly_release(dragonfly, settings.platform),
        "cnpg": releases.cnpg_release(settings.operators.cnpg, settings.platform),
        "barman": releases.barman_release(settings.operators.cnpg, settings.platform),
    }


def pod_double(release: HelmRelease) -> dict[str, Any]:
    given = release.values
    placed = given.get("manager", given)
    contexts = [given.get("containerSecurityContext") or placed["securityContext"]]
    if "rbacProxy" in given:
        contexts.append(given["rbacProxy"]["securityContext"])
    image = "registry.invalid/double:1"
    containers: list[dict[str, Any]] = [
        {"name": f"c{number}", "image": image, "securityContext": context} for number, context in enumerate(contexts)
    ]
    containers[0]["resources"] = placed["resources"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "double"},
        "spec": {
            "securityContext": given["podSecurityContext"],
            "containers": containers,
            "topologySpreadConstraints": placed.get("topologySpreadConstraints", []),
        },
    }


@pytest.fixture(scope="module")
def restricted(kube: Any) -> Iterator[str]:
    name = "restricted-trial"
    namespaces = kube.resources.get(api_version="v1", kind="Namespace")
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespaces.create(body={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    yield name
    namespaces.delete(name=name)


@pytest.mark.parametrize("operator", ["dragonfly", "cnpg", "barman"])
def test_pods_with_our_values_are_admitted_by_restricted(restricted: str, kube: Any, operator: str) -> None:
    pods = kube.resources.get(api_version="v1", kind="Pod")
    double = pod_double(ours()[operator])
    pods.create(body=double, namespace=restricted, query_params=[("dryRun", "All")])
    for container in double["spec"]["containers"]:
        del container["securityContext"]["seccompProfile"], container["securityContext"]["capabilities"]
        with pytest.raises(ApiException, match="violates PodSecurity"):
            pods.create(body=double, namespace=restricted, query_params=[("dryRun", "All")])
