"""The CronJobs that validate backups and drill restores, run by the real controllers where Pod Security is restricted.

Real: admission with strict fields, the controllers of CronJobs and Jobs, the scheduler. Doubles: kwok, which plays the
kubelet of a pod that succeeds, and `failed`, which plays that of one that fails; the Secrets that nobody fills here.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import feature_matrix
import pytest
from backup_job_rows import ROWS
from pods_in_sandbox import PATIENCE_S
from sandbox_helpers import until
from stack_in_sandbox import Manifest, Place, api_of, apply, deploy, items, matches, place, secret_doubles
from stack_objects import objects

from seawall.components.cnpg.validator.classes import CLASSES
from seawall.operators.annotations import RESTORES, VALIDATES
from seawall.operators.labels import PSA_ENFORCE
from seawall.sandbox.cluster import Sandbox
from seawall.sandbox.plugins.kubernetes.client import ApiServer

pytestmark = pytest.mark.timeout(300, func_only=True)

NEEDED = ("ServiceAccount", "ConfigMap", "NetworkPolicy", "CiliumNetworkPolicy")
TRIED_AGAIN = {"internal", "store-unreachable", "throttled"}
"""Classes of failure that docs/validator.md says are tried once more."""


@pytest.fixture(scope="module")
def api(sandbox: Sandbox) -> ApiServer:
    return api_of(sandbox.endpoints)


@dataclass
class Jobs:
    """The two CronJobs of a configuration, in namespaces of their own, with what their pods need."""

    api: ApiServer
    validator: Manifest
    drill: Manifest
    policies: list[Manifest]

    @staticmethod
    def deploy(api: ApiServer, here: Place, row: str) -> "Jobs":
        """Applies what the CronJobs need; they themselves are not applied yet."""
        made = objects(feature_matrix.config_of(ROWS[row]))
        here.namespaces(made)
        placed = [here.placed(manifest) for manifest in made]
        deploy(api, [*secret_doubles(placed), *(it for it in placed if it["kind"] in NEEDED)])
        [validator] = [it for it in placed if marked(it, VALIDATES)]
        [drill] = [it for it in placed if marked(it, RESTORES)]
        return Jobs(api, validator, drill, [it for it in placed if it["kind"] in NEEDED[2:]])


def marked(manifest: Manifest, annotation: str) -> bool:
    return manifest["kind"] == "CronJob" and annotation in manifest["metadata"].get("annotations", {})


def start(api: ApiServer, cron_job: Manifest) -> list[str]:
    """Applies a CronJob that has been due for two minutes, so that its controller acts; the API server's warnings."""
    due = datetime.now(UTC) - timedelta(minutes=2)
    spec = {**cron_job["spec"], "schedule": f"{due.minute} {due.hour} * * *"}
    warnings = apply(api, {**cron_job, "spec": {**spec, "suspend": True}})
    served = api.kind("batch/v1", "CronJob")
    assert served is not None
    head = {key: cron_job[key] for key in ("apiVersion", "kind")}
    name = {key: cron_job["metadata"][key] for key in ("name", "namespace")}
    yesterday = {"lastScheduleTime": f"{due - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"}
    path = f"{served.path(name['namespace'], name['name'])}/status"
    query = {"fieldManager": "seawall:test", "force": "true"}
    api.request("PATCH", path, body={**head, "metadata": name, "status": yesterday}, query=query)
    return warnings + apply(api, {**cron_job, "spec": spec})


def job_of(api: ApiServer, cron_job: Manifest) -> Manifest | None:
    """The Job that the controller made of a CronJob."""
    name = cron_job["metadata"]["name"]
    found = items(api, "batch/v1", "Job", cron_job["metadata"]["namespace"])
    return next((it for it in found if owned(it, "CronJob", name)), None)


def owned(thing: Manifest, kind: str, name: str) -> bool:
    return any((it["kind"], it["name"]) == (kind, name) for it in thing["metadata"].get("ownerReferences", []))


def pods_of(api: ApiServer, job: Manifest) -> list[Manifest]:
    found = items(api, "v1", "Pod", job["metadata"]["namespace"])
    return [it for it in found if owned(it, "Job", job["metadata"]["name"])]


def ending(api: ApiServer, job: Manifest) -> dict[str, str]:
    """How a Job ended: the type and the reason of its last condition; empty while it runs."""
    found = items(api, "batch/v1", "Job", job["metadata"]["namespace"])
    mine = next(it for it in found if it["metadata"]["name"] == job["metadata"]["name"])
    conditions = {it["type"]: it for it in mine.get("status", {}).get("conditions", [])}
    last = conditions.get("Complete") or conditions.get("Failed")
    return {"type": last["type"], "reason": last.get("reason", "")} if last else {}


def refused(api: ApiServer, namespace: str) -> list[str]:
    """What controllers were told when their pods were not admitted."""
    said = (event.get("message", "") for event in items(api, "v1", "Event", namespace))
    return [text for text in said if "violates PodSecurity" in text]


def selecting(policies: list[Manifest], pod: Manifest) -> list[str]:
    """The policies that are for a pod, of its namespace, by name."""
    spec = (("endpointSelector" if it["kind"].startswith("Cilium") else "podSelector", it) for it in policies)
    return [
        it["metadata"]["name"]
        for selector, it in spec
        if it["metadata"]["namespace"] == pod["metadata"]["namespace"]
        and matches(it["spec"][selector]["matchLabels"], pod)
    ]


@pytest.mark.parametrize("row", ROWS)
def test_the_real_controllers_run_them(row: str, api: ApiServer) -> None:
    with place(api) as here:
        jobs = Jobs.deploy(api, here, row)
        for cron_job in (jobs.validator, jobs.drill):
            assert start(api, cron_job) == []
        for cron_job in (jobs.validator, jobs.drill):
            namespace, name = (cron_job["metadata"][key] for key in ("namespace", "name"))
            job = until(lambda cron_job=cron_job: job_of(api, cron_job), f"a Job of {name}", PATIENCE_S)
            until(lambda job=job, where=namespace: ending(api, job) or refused(api, where), f"{name}'s end", PATIENCE_S)

            assert refused(api, namespace) == []
            assert ending(api, job)["type"] == "Complete"
            [pod] = pods_of(api, job)
            assert pod["status"]["phase"] == "Succeeded"
            assert pod["spec"]["nodeName"]
            [place_of_it] = [it for it in items(api, "v1", "Namespace") if it["metadata"]["name"] == namespace]
            assert place_of_it["metadata"]["labels"][PSA_ENFORCE] == "restricted"
            assert selecting(jobs.policies, pod) == [name]
            assert (
                stored(job["spec"]["podFailurePolicy"]) == cron_job["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]
            )


def stored(policy: Manifest) -> Manifest:
    """A failure policy without the defaults that the API server writes into it."""
    made = copy.deepcopy(policy)
    for rule in made["rules"]:
        for key in [key for key, value in rule.items() if value is None]:
            del rule[key]
    return made


@pytest.fixture(scope="module")
def jobs(api: ApiServer) -> Iterator[Jobs]:
    with place(api) as here:
        yield Jobs.deploy(api, here, "our validator")


@pytest.mark.parametrize("which", ["validator", "drill"])
def test_pods_that_may_be_root_are_refused(which: str, jobs: Jobs, api: ApiServer) -> None:
    """The same CronJobs without one promise: that the checks above could fail."""
    planted = copy.deepcopy(getattr(jobs, which))
    planted["metadata"]["name"] = f"{which}-planted"
    spec = planted["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    for context in (spec["securityContext"], spec["containers"][0]["securityContext"]):
        del context["runAsNonRoot"]

    assert any("runAsNonRoot" in warning for warning in start(api, planted))
    namespace = planted["metadata"]["namespace"]
    job = until(lambda: job_of(api, planted), "a Job", PATIENCE_S)
    assert any("runAsNonRoot" in text for text in until(lambda: refused(api, namespace), "a refusal", PATIENCE_S))
    assert pods_of(api, job) == []
    assert selecting(jobs.policies, {"metadata": {"namespace": namespace, "labels": {}}}) == []


def held(cron_job: Manifest, name: str) -> Manifest:
    """A Job of the CronJob whose pods get no node: no kwok plays them, so that `failed` can."""
    template = copy.deepcopy(cron_job["spec"]["jobTemplate"])
    template["spec"]["template"]["spec"]["nodeSelector"] = {"seawall.dev/played-by": "the-test"}
    metadata = {**template["metadata"], "name": name, "namespace": cron_job["metadata"]["namespace"]}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}


def failed(api: ApiServer, pod: Manifest, code: int, *conditions: Manifest) -> None:
    """A double of the kubelet: it says that the pod's container ended with this code."""
    served = api.kind("v1", "Pod")
    assert served is not None
    namespace, name = (pod["metadata"][key] for key in ("namespace", "name"))
    [container] = pod["spec"]["containers"]
    end = {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"terminated": {"exitCode": code, "reason": "Error"}},
    }
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "status": {"phase": "Failed", "containerStatuses": [end], "conditions": list(conditions)},
    }
    query = {"fieldManager": "kubelet-double", "force": "true"}
    api.request("PATCH", f"{served.path(namespace, name)}/status", body=body, query=query)


def running(api: ApiServer, job: Manifest) -> list[Manifest]:
    return [it for it in pods_of(api, job) if it["status"].get("phase") == "Pending"]


def one_pod(api: ApiServer, job: Manifest) -> Callable[[], Any]:
    return lambda: next(iter(running(api, job)), None)


def test_what_a_second_run_would_find_again_ends_the_validators_job_at_once(jobs: Jobs, api: ApiServer) -> None:
    """Every class of failure of docs/validator.md, each in a Job of its own."""
    made = {it.failure: held(jobs.validator, f"code-{it.failure.value}") for it in CLASSES}
    deploy(api, made.values())
    for failure, job in made.items():
        failed(api, until(one_pod(api, job), "a pod", PATIENCE_S), failure.value)
    again = {failure for failure in made if failure.label in TRIED_AGAIN}
    for failure in again:
        assert ending(api, made[failure]) == {}
        failed(
            api, until(one_pod(api, made[failure]), f"a second try after {failure.label}", PATIENCE_S), failure.value
        )

    ended = {failure: until(lambda job=job: ending(api, job), "an end", PATIENCE_S) for failure, job in made.items()}
    assert {failure.label: said["reason"] for failure, said in ended.items()} == {
        failure.label: "BackoffLimitExceeded" if failure in again else "PodFailurePolicy" for failure in made
    }
    assert {failure.label: len(pods_of(api, job)) for failure, job in made.items()} == {
        failure.label: 2 if failure in again else 1 for failure in made
    }


def test_a_drill_that_failed_is_not_repeated(jobs: Jobs, api: ApiServer) -> None:
    job = held(jobs.drill, "failed")
    deploy(api, [job])
    failed(api, until(one_pod(api, job), "a pod", PATIENCE_S), 9)
    assert until(lambda: ending(api, job), "an end", PATIENCE_S) == {"type": "Failed", "reason": "BackoffLimitExceeded"}
    assert len(pods_of(api, job)) == 1


def test_a_drill_whose_node_was_drained_is(jobs: Jobs, api: ApiServer) -> None:
    job = held(jobs.drill, "drained")
    deploy(api, [job])
    drained = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    failed(api, until(one_pod(api, job), "a pod", PATIENCE_S), 13, drained)
    second = until(one_pod(api, job), "another pod", PATIENCE_S)
    assert ending(api, job) == {}
    failed(api, second, 9)
    assert until(lambda: ending(api, job), "an end", PATIENCE_S)["type"] == "Failed"
    assert len(pods_of(api, job)) == 2
