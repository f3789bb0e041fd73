"""The API server and the operators' webhooks accept every object that the settings can give, and warn of none.

A dry run with strict fields, in namespaces with the stack's own labels: admission, CRD schemas with their CEL rules,
CloudNativePG's real webhooks, and Pod Security's warnings on pod templates all have their say.
"""

import copy
import json
from collections.abc import Iterator
from typing import Any

import feature_matrix
import pytest
from matrix_objects import of_consumer, of_row
from stack_in_sandbox import Manifest, Place, api_of, apply, objections, place
from stack_objects import objects
from stack_samples import CHECKOUT, changed

from seawall.sandbox.cluster import Sandbox
from seawall.sandbox.plugins.kubernetes.client import ApiError, ApiServer

pytestmark = pytest.mark.timeout(300, func_only=True)

STACKS = sorted(file.name.split(".")[1] for file in CHECKOUT.glob("Pulumi.*.yaml"))


@pytest.fixture(scope="module")
def api(sandbox: Sandbox) -> ApiServer:
    return api_of(sandbox.endpoints)


@pytest.fixture(scope="module")
def here(api: ApiServer) -> Iterator[Place]:
    with place(api) as made:
        yield made


@pytest.mark.parametrize("stack", STACKS)
def test_every_object_of_a_stack_is_accepted_without_a_warning(stack: str, api: ApiServer) -> None:
    made = objects(changed(stack=stack))

    with place(api) as own:
        own.namespaces(made)
        assert objections(api, [own.placed(manifest) for manifest in made]) == {}


def test_every_object_of_every_row_of_the_matrix_is_accepted_without_a_warning(api: ApiServer, here: Place) -> None:
    # Rows share most of their objects: each different one is asked about once.
    different: dict[str, Manifest] = {}
    for name in feature_matrix.rows():
        made = [*of_row(name), *of_consumer(name)]
        here.namespaces(made)
        different |= {json.dumps(manifest, sort_keys=True): manifest for manifest in made}

    assert len(different) > 300
    assert objections(api, [here.placed(manifest) for manifest in different.values()]) == {}


def test_the_longest_names_are_accepted(api: ApiServer) -> None:
    row = {"former names": "served", "drill": "weekly", "latency": "measured", "access": "people", "zones": "three"}
    longest = zip("abcdefghijklm", feature_matrix.LONGEST.items(), strict=True)
    names = {name: f"{letter}{'x' * (most - 2)}z" for letter, (name, most) in longest}

    made = objects(feature_matrix.renamed(feature_matrix.config_of(row), names))
    with place(api) as own:
        own.namespaces(made)
        assert objections(api, [own.placed(manifest) for manifest in made]) == {}


@pytest.fixture(scope="module")
def infra(api: ApiServer, here: Place) -> dict[str, Manifest]:
    """One object of each kind of stack `infra`, placed."""
    made = objects(changed(stack="infra"))
    here.namespaces(made)
    return {manifest["kind"]: here.placed(manifest) for manifest in reversed(made)}


UNKNOWN: dict[str, tuple[str | int, ...]] = {
    "Namespace": (),
    "PodDisruptionBudget": ("spec",),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec", "containers", 0, "securityContext"),
    "Cluster": ("spec", "affinity"),
    "Pooler": ("spec", "template", "spec"),
    "Database": ("spec",),
    "ObjectStore": ("spec", "configuration", "data"),
    "Dragonfly": ("spec", "pdb"),
    "ExternalSecret": ("spec", "target"),
    "PodMonitor": ("spec", "podMetricsEndpoints", 0),
    "CiliumNetworkPolicy": ("spec", "endpointSelector"),
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_an_unknown_field_is_refused(kind: str, api: ApiServer, infra: dict[str, Manifest]) -> None:
    planted = copy.deepcopy(infra[kind])
    at(planted, UNKNOWN[kind])["surprise"] = "planted"

    with pytest.raises(ApiError, match="surprise"):
        apply(api, planted, dry_run=True)


WRONG: dict[str, tuple[tuple[str | int, ...], object, str]] = {
    "Cluster": (("spec", "postgresql", "synchronous", "number"), 7, "vcluster.cnpg.io"),
    "Pooler": (("spec", "pgbouncer", "parameters"), {"no_such_parameter": "1"}, "vpooler.cnpg.io"),
    "ScheduledBackup": (("spec", "schedule"), "0 1 * * 0", "vscheduledbackup.cnpg.io"),
    "Dragonfly": (("spec", "pdb"), {"minAvailable": 2, "maxUnavailable": 1}, "spec.pdb"),
    "PodDisruptionBudget": (("spec", "maxUnavailable"), "-1", "maxUnavailable"),
    "CronJob": (("spec", "schedule"), "0 0 2 * * *", "schedule"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_value_is_refused(kind: str, api: ApiServer, infra: dict[str, Manifest]) -> None:
    path, value, told = WRONG[kind]
    planted = copy.deepcopy(infra[kind])
    at(planted, path[:-1])[path[-1]] = value

    with pytest.raises(ApiError, match=told):
        apply(api, planted, dry_run=True)


def test_a_five_field_backup_schedule_is_accepted_with_a_warning(api: ApiServer, infra: dict[str, Manifest]) -> None:
    planted = copy.deepcopy(infra["ScheduledBackup"])
    planted["spec"]["schedule"] = "0 2 * * *"

    assert any("schedule" in warning.lower() for warning in apply(api, planted, dry_run=True))


def test_a_privileged_template_is_warned_of_and_a_privileged_pod_refused(
    api: ApiServer, infra: dict[str, Manifest]
) -> None:
    job = copy.deepcopy(infra["CronJob"])
    template = job["spec"]["jobTemplate"]["spec"]["template"]
    template["spec"]["containers"][0]["securityContext"]["privileged"] = True
    template["spec"]["containers"][0]["securityContext"].pop("allowPrivilegeEscalation")
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "planted", "namespace": job["metadata"]["namespace"]},
        "spec": {key: value for key, value in template["spec"].items() if not key.startswith("serviceAccount")},
    }

    said = objections(api, [job, pod])

    [(_, warned), (_, refused)] = said.items()
    assert "would violate PodSecurity" in warned[0]
    assert "privileged" in warned[0]
    assert refused[0].startswith("refused: ")
    assert 'violates PodSecurity "restricted' in refused[0]


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        value = value[key]
    return value
