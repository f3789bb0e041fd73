"""Every pod that the stacks lead to is admitted where Pod Security enforces `restricted`, and has a node of its own.

Admission and the scheduler are real; so are the poolers, the first instance with its sidecar, and the pods of our Jobs
and CronJobs. Dragonfly's pods and the further instances are doubles (see `pods_in_sandbox`).
"""

import copy
from collections.abc import Iterator

import pytest
from pods_in_sandbox import PATIENCE_S, Estate, StoppingDouble, dragonfly_double, sharing, wait
from sandbox_helpers import until
from stack_in_sandbox import Manifest, Place, api_of, apply, deploy, items, place, secret_doubles
from stack_objects import objects
from stack_samples import CHECKOUT, changed

from seawall.operators import cnpg
from seawall.operators.labels import PSA_ENFORCE
from seawall.sandbox.cluster import Sandbox
from seawall.sandbox.plugins.kubernetes.client import ApiError, ApiServer

pytestmark = pytest.mark.timeout(300, func_only=True)

STACKS = sorted(file.name.split(".")[1] for file in CHECKOUT.glob("Pulumi.*.yaml"))
SIDECAR = "plugin-barman-cloud"


@pytest.fixture(scope="module")
def api(sandbox: Sandbox) -> ApiServer:
    return api_of(sandbox.endpoints)


@pytest.fixture(scope="module")
def estate(api: ApiServer) -> Iterator[Estate]:
    with StoppingDouble(api), place(api) as here:
        made = Estate(api, here, objects(changed(stack="sandbox")))
        wait(made, "pods of every controller")
        yield made


def test_every_pod_of_stack_sandbox_is_admitted_as_restricted(estate: Estate) -> None:
    for name in estate.namespaces:
        [own] = [it for it in items(estate.api, "v1", "Namespace") if it["metadata"]["name"] == name]
        assert own["metadata"]["labels"][PSA_ENFORCE] == "restricted"
        assert refusals(estate.api, name) == []


def test_the_first_instance_has_the_plugins_sidecar_and_both_are_hardened(estate: Estate) -> None:
    spec = estate.first_instance["spec"]
    containers = {it["name"]: it for it in (*spec["containers"], *spec["initContainers"])}

    assert SIDECAR in containers
    assert "postgres" in containers
    for container in containers.values():
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert containers[SIDECAR]["resources"]["limits"]


def test_pods_that_stand_in_for_each_other_are_on_distinct_nodes(estate: Estate) -> None:
    pods = estate.pods()
    poolers = {it["metadata"]["name"]: it["spec"]["instances"] for it in estate.of_kind("Pooler")}
    dragonflies = {it["metadata"]["name"]: it["spec"]["replicas"] for it in estate.of_kind("Dragonfly")}
    [cluster] = estate.of_kind("Cluster")

    wanted = {
        **{(cnpg.POOLER_LABEL, name): count for name, count in poolers.items()},
        **{("app", name): count for name, count in dragonflies.items()},
        (cnpg.CLUSTER_LABEL, estate.cluster): cluster["spec"]["instances"],
    }
    for (label, value), count in wanted.items():
        group = [pod for pod in pods if pod["metadata"]["labels"].get(label) == value]
        if label == cnpg.CLUSTER_LABEL:  # the double's instances: the operator's own stops after the first
            group = [pod for pod in group if pod["metadata"]["namespace"] == estate.doubles]
        assert len(group) == count, value
        assert sharing(group) == ""


@pytest.mark.parametrize("stack", STACKS)
def test_the_pods_of_every_job_and_cron_job_are_admitted_and_end(stack: str, api: ApiServer) -> None:
    made = objects(changed(stack=stack))
    with place(api) as here:
        here.namespaces(made)
        placed = [here.placed(manifest) for manifest in made]
        jobs = [it for it in placed if it["kind"] == "Job"] + [once(it) for it in placed if it["kind"] == "CronJob"]
        needed = [it for it in placed if it["kind"] in ("ServiceAccount", "ConfigMap")]
        deploy(api, [*secret_doubles(placed), *needed, *jobs])

        assert jobs
        for job in jobs:
            until(lambda job=job: ended(api, job) or refusals(api, job["metadata"]["namespace"]), "a run", PATIENCE_S)
        assert {name: said for name in here.made.values() if (said := refusals(api, name))} == {}
        assert all(ended(api, job) for job in jobs)


def test_pods_without_a_seccomp_profile_are_not_admitted(api: ApiServer, estate: Estate) -> None:
    weakened = copy.deepcopy(estate.of_kind("Dragonfly")[0])
    weakened["metadata"]["name"] = "weakened"
    for context in ("podSecurityContext", "containerSecurityContext"):
        del weakened["spec"][context]["seccompProfile"]

    with place(api) as here:
        namespace = room(here)
        pods = next(it for it in dragonfly_double(weakened) if it["kind"] == "StatefulSet")
        pods["metadata"]["namespace"] = namespace
        assert any("seccompProfile" in warning for warning in apply(api, pods))
        until(lambda: refusals(api, namespace), "a refusal", PATIENCE_S)
        assert items(api, "v1", "Pod", namespace) == []


def test_a_privileged_pod_is_refused(api: ApiServer, estate: Estate) -> None:
    [template] = [it["spec"]["jobTemplate"]["spec"]["template"] for it in estate.of_kind("CronJob")][:1]
    spec = {key: value for key, value in copy.deepcopy(template["spec"]).items() if "serviceAccount" not in key}
    spec["containers"][0]["securityContext"] = {"privileged": True}

    with place(api) as here:
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "planted", "namespace": room(here)},
            "spec": spec,
        }
        with pytest.raises(ApiError, match=r'violates PodSecurity "restricted'):
            apply(api, pod)


def test_two_pods_on_one_node_are_noticed() -> None:
    def pod(name: str, node: str) -> Manifest:
        return {"metadata": {"name": name}, "spec": {"nodeName": node}}

    assert sharing([pod("a", "one"), pod("b", "two")]) == ""
    assert sharing([pod("a", "one"), pod("b", "two"), pod("c", "one")]) == "a and c share one"


def room(here: Place) -> str:
    """An empty namespace where `restricted` is enforced."""
    here.namespaces([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "any", "namespace": "room"}}])
    return here.made["room"]


def once(cron_job: Manifest) -> Manifest:
    """The Job that the CronJob makes when its time comes."""
    template = cron_job["spec"]["jobTemplate"]
    metadata = {**template.get("metadata", {}), **{key: cron_job["metadata"][key] for key in ("name", "namespace")}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}


def ended(api: ApiServer, job: Manifest) -> bool:
    """Whether the Job ran to its end."""
    found = items(api, "batch/v1", "Job", job["metadata"]["namespace"])
    mine = next(it for it in found if it["metadata"]["name"] == job["metadata"]["name"])
    return bool(mine.get("status", {}).get("succeeded"))


def refusals(api: ApiServer, namespace: str) -> list[str]:
    """What controllers were told when their pods were not admitted."""
    said = (event.get("message", "") for event in items(api, "v1", "Event", namespace))
    return sorted({text for text in said if "violates PodSecurity" in text or "forbidden" in text})
