"""Draining every node, one after the other, with nothing but the budgets in the way; and rollouts on full nodes.

The scheduler, the budgets, the eviction API and `kubectl drain` are real; the containers are simulated. Poolers are the
real operator's; Dragonfly's pods and PostgreSQL's instances are doubles (see `pods_in_sandbox`).
"""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pods_in_sandbox import PATIENCE_S, Estate, StoppingDouble, SwitchoverDouble, Watch, nodes, sharing, wait
from sandbox_helpers import until
from stack_in_sandbox import Manifest, api_of, apply, delete, items, place
from stack_objects import objects
from stack_samples import changed

from seawall.sandbox.cluster import Sandbox
from seawall.sandbox.plugins.kubernetes.client import ApiServer

pytestmark = pytest.mark.timeout(400, func_only=True)

Kubectl = Callable[..., "subprocess.CompletedProcess[str]"]

TWO_BUDGETS = "more than one PodDisruptionBudget"
POSTGRES = "cnpg.clusters.sandbox-postgres"
MORE_PODS: tuple[tuple[str, Any], ...] = (
    (f"{POSTGRES}.applications.shop.instances", 3),
    (f"{POSTGRES}.applications.identity.instances", 4),
    (f"{POSTGRES}.parameters.max_connections", "200"),
)


@pytest.fixture(scope="module")
def api(sandbox: Sandbox) -> ApiServer:
    return api_of(sandbox.endpoints)


@pytest.fixture(scope="module")
def kubectl(sandbox: Sandbox, toolchain: Mapping[str, Path]) -> Kubectl:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [str(toolchain["kubectl"]), "--kubeconfig", str(sandbox.endpoints.kubeconfig), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=2 * PATIENCE_S)

    return run


@pytest.fixture(scope="module")
def estate(api: ApiServer, kubectl: Kubectl) -> Iterator[Estate]:
    """Stack `sandbox`, with a pooler pod for three of the four nodes, and one for each node."""
    config = changed(*MORE_PODS, stack="sandbox")
    with standing(api, objects(config), kubectl) as made:
        yield made


@contextmanager
def standing(api: ApiServer, made: list[Manifest], kubectl: Kubectl) -> Iterator[Estate]:
    with ExitStack() as stack:
        stack.callback(uncordon, api, kubectl)
        stack.enter_context(StoppingDouble(api))
        here = stack.enter_context(place(api))
        estate = Estate(api, here, made)
        stack.enter_context(SwitchoverDouble(api, estate.doubles, estate.cluster, estate.instances))
        wait(estate, "pods of every controller")
        until(lambda: len(estate.groups()) >= 6, "a budget over every pod", PATIENCE_S)
        yield estate


def uncordon(api: ApiServer, kubectl: Kubectl) -> None:
    kubectl("uncordon", *nodes(api))


def drain(kubectl: Kubectl, node: str, timeout: str = f"{PATIENCE_S:.0f}s") -> "subprocess.CompletedProcess[str]":
    return kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={timeout}")


def drain_all_round(estate: Estate, kubectl: Kubectl, names: list[str]) -> Watch:
    """Drains each node and the next one at once, without waiting for the pods: that is what the budgets are for.

    Only the budgets' controller is waited for: until it has seen a change of roles, it may allow one pod too many.
    """
    with Watch(estate) as watch:
        for node in names:
            done = drain(kubectl, node)
            assert done.returncode == 0, done.stdout + done.stderr
            assert TWO_BUDGETS not in done.stdout + done.stderr
            assert kubectl("uncordon", node).returncode == 0
            until(estate.counted, "budgets that have seen the roles", PATIENCE_S)
        wait(estate, "pods of every controller after the last drain")
    return watch


def test_three_nodes_with_volumes_that_stay_on_them_are_drained_in_turn(api: ApiServer, kubectl: Kubectl) -> None:
    """As `infra` is: as many pods as nodes, no zones. An evicted pod waits for its node to come back."""
    *three, spare = nodes(api)
    assert kubectl("cordon", spare).returncode == 0
    with standing(api, objects(changed(stack="infra")), kubectl) as estate:
        watch = drain_all_round(estate, kubectl, three)
        pods = [pod for group in estate.groups() for pod in group.of(estate.pods())]

    assert watch.breaches == []
    assert {pod["spec"]["nodeName"] for pod in pods} == set(three)


def test_every_node_is_drained_in_turn_and_no_budget_is_ever_undercut(estate: Estate, kubectl: Kubectl) -> None:
    watch = drain_all_round(estate, kubectl, nodes(estate.api))

    assert watch.breaches == []
    assert watch.moments > 10
    # Something did go at each budget: the rounds were no empty ones.
    undrained = {group.budget for group in estate.groups() if watch.lowest[group.namespace, group.budget] == group.pods}
    assert not {budget for budget in undrained if not budget.endswith("-primary")}
    assert all(not sharing(group.of(estate.pods())) for group in estate.groups())


def test_a_rollout_of_a_pooler_with_a_pod_on_every_node_finishes(estate: Estate) -> None:
    pooler = pooler_of(estate, "identity-pooler")
    before = revision(estate, pooler)

    with Watch(estate) as watch:
        rolled(estate, pooler, "300Mi")
        wait(estate, "a finished rollout", lambda: revision(estate, pooler) != before and estate.settled())

    assert watch.breaches == []


def test_without_our_strategy_the_same_rollout_is_stuck(estate: Estate) -> None:
    pooler = pooler_of(estate, "identity-pooler")
    spec = {**pooler["spec"], "deploymentStrategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}
    before = revision(estate, pooler)

    rolled(estate, {**pooler, "spec": spec}, "400Mi")
    try:
        wait(estate, "a pod without a node", lambda: revision(estate, pooler) != before and homeless(estate, pooler))
        assert not estate.settled()
    finally:
        assert apply(estate.api, pooler) == []
    wait(estate, "a finished rollout, with our strategy")


def test_a_drain_ends_with_an_error_when_pods_have_two_budgets(estate: Estate, kubectl: Kubectl) -> None:
    [victim, *_] = estate.of_kind("Dragonfly")
    group = next(it for it in estate.groups() if it.budget == victim["metadata"]["name"])
    node = group.of(estate.pods())[0]["spec"]["nodeName"]
    second = budget(group.namespace, "second", group.selector, {"maxUnavailable": 1})
    assert apply(estate.api, second) == []
    try:
        done = drain(kubectl, node)
    finally:
        delete(estate.api, "policy/v1", "PodDisruptionBudget", group.namespace, "second")
        uncordon(estate.api, kubectl)

    assert done.returncode != 0
    assert TWO_BUDGETS in done.stdout + done.stderr


def test_a_drain_is_stuck_when_the_budget_asks_for_every_pod(estate: Estate, kubectl: Kubectl) -> None:
    wait(estate, "pods of every controller")
    [victim, *_] = estate.of_kind("Dragonfly")
    group = next(it for it in estate.groups() if it.budget == victim["metadata"]["name"])
    node = group.of(estate.pods())[0]["spec"]["nodeName"]
    strict = budget(group.namespace, group.budget, group.selector, {"minAvailable": group.pods})
    assert apply(estate.api, strict) == []
    try:
        until(lambda: allowed(estate, group.namespace, group.budget) == 0, "the budget's new status", PATIENCE_S)
        done = drain(kubectl, node, timeout="6s")
    finally:
        assert (
            apply(estate.api, budget(group.namespace, group.budget, group.selector, {"minAvailable": group.floor}))
            == []
        )
        uncordon(estate.api, kubectl)

    assert done.returncode != 0
    assert "violate the pod's disruption budget" in done.stdout + done.stderr


def test_the_watch_notices_a_group_below_its_budget(estate: Estate) -> None:
    wait(estate, "pods of every controller")
    watch = Watch(estate)
    group = next(it for it in estate.groups() if it.pods - it.floor == 1)

    for pod in group.of(estate.pods())[:2]:  # without asking the budget
        delete(estate.api, "v1", "Pod", group.namespace, pod["metadata"]["name"])
        watch.once()

    assert any(breach.startswith(f"{group.budget}: ") for breach in watch.breaches)
    wait(estate, "pods of every controller")


def pooler_of(estate: Estate, name: str) -> Manifest:
    return next(it for it in estate.of_kind("Pooler") if it["metadata"]["name"] == name)


def rolled(estate: Estate, pooler: Manifest, memory: str) -> None:
    """Changes the pooler's template: a new limit of memory."""
    spec = pooler["spec"]
    [container] = spec["template"]["spec"]["containers"]
    limits = {**container["resources"]["limits"], "memory": memory}
    changed_container = {**container, "resources": {**container["resources"], "limits": limits}}
    template = {"spec": {**spec["template"]["spec"], "containers": [changed_container]}}
    assert apply(estate.api, {**pooler, "spec": {**spec, "template": template}}) == []


def revision(estate: Estate, pooler: Manifest) -> str:
    """The template that the pooler's Deployment rolls out."""
    deployments = items(estate.api, "apps/v1", "Deployment", pooler["metadata"]["namespace"])
    deployment = next(it for it in deployments if it["metadata"]["name"] == pooler["metadata"]["name"])
    return str(deployment["spec"]["template"])


def homeless(estate: Estate, pooler: Manifest) -> list[Manifest]:
    """The pooler's pods that the scheduler has no node for."""
    return [
        pod
        for pod in estate.pods()
        if pod["metadata"]["labels"].get("cnpg.io/poolerName") == pooler["metadata"]["name"]
        and "nodeName" not in pod["spec"]
        and any(it.get("reason") == "Unschedulable" for it in pod.get("status", {}).get("conditions", []))
    ]


def budget(namespace: str, name: str, selector: dict[str, str], limit: dict[str, int]) -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {**limit, "selector": {"matchLabels": selector}},
    }


def allowed(estate: Estate, namespace: str, name: str) -> int:
    found = items(estate.api, "policy/v1", "PodDisruptionBudget", namespace)
    return int(next(it for it in found if it["metadata"]["name"] == name)["status"]["disruptionsAllowed"])
