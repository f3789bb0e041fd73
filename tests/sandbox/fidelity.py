"""What the real CloudNativePG operator makes of every case in the sandbox, beside what the projection says."""

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from cnpg_digest import comparison, key_of, projected
from cnpg_table import NOT_MADE_HERE
from fidelity_cases import CASES
from fidelity_walk import Comparison, Key, Manifest
from sandbox_helpers import until
from stack_in_sandbox import Place, apply, items

from seawall.sandbox.plugins.kubernetes.client import ApiError, ApiServer

PATIENCE_S: Final = 240.0
"""Far more than it takes; nothing is measured."""


@dataclass
class Case:
    """One case: what was given, what the projection says, and what the operator made."""

    name: str
    projected: dict[Key, Manifest]
    given: set[Key]
    real: dict[Key, Manifest] = field(default_factory=dict)

    def missing(self) -> set[Key]:
        """What is projected, could be made here and is not there yet."""
        wanted = {key for key in self.projected if not any(rule.matches(key) for rule in NOT_MADE_HERE)}
        return wanted - self.real.keys()


def run(api: ApiServer, place: Place) -> list[Case]:
    """Applies every case in a namespace of its own, waits for the operator, and collects what it made."""
    cases = {}
    for name, objects in CASES.items():
        space = re.sub(r"[^a-z]+", "-", name)
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}}
        placed = [{**it, "metadata": {**it["metadata"], "namespace": space}} for it in objects]
        place.namespaces([namespace, *placed])
        manifests = [place.placed(it) for it in placed]
        for manifest in manifests:  # warnings are no matter here: some cases use what is deprecated
            apply(api, manifest)
        cases[place.made[space]] = Case(name, projected(manifests), {key_of(it) for it in manifests})

    wanted = {(made["apiVersion"], made["kind"]) for case in cases.values() for made in case.projected.values()}

    def complete() -> bool:
        for api_version, kind in wanted:
            _sort(cases, ({**it, "kind": kind} for it in items(api, api_version, kind)))
        return not any(case.missing() for case in cases.values())

    try:
        until(complete, "everything that is projected", PATIENCE_S)
    except AssertionError:
        missing = {case.name: sorted(case.missing()) for case in cases.values() if case.missing()}
        raise AssertionError(f"projected, and the operator did not make it: {missing}") from None
    _sort(cases, _everything(api))
    return list(cases.values())


def _sort(cases: Mapping[str, Case], manifests: Iterable[Manifest]) -> None:
    """Adds objects to the cases that they belong to."""
    for manifest in manifests:
        case = cases.get(manifest["metadata"].get("namespace", ""))
        if case is not None and key_of(manifest) not in case.given:
            case.real[key_of(manifest)] = manifest


def _everything(api: ApiServer) -> Iterator[Manifest]:
    """Every object of every namespaced kind that can be listed, so that no kind is forgotten."""
    roots = ["/api/v1"]
    for group in api.request("GET", "/apis").document["groups"]:
        roots.append(f"/apis/{group['preferredVersion']['groupVersion']}")
    for root in roots:
        for resource in api.request("GET", root).document["resources"]:
            if not resource["namespaced"] or "list" not in resource["verbs"] or "/" in resource["name"]:
                continue
            try:
                listed = api.request("GET", f"{root}/{resource['name']}").document["items"]
            except ApiError as refused:
                assert refused.status in (404, 405), refused
                continue
            yield from ({**item, "kind": resource["kind"]} for item in listed)


def compare(cases: Iterable[Case]) -> Comparison:
    """Every object and every field of every case."""
    told = comparison()
    for case in cases:
        told.objects(case.name, {key: as_made(real) for key, real in case.real.items()}, case.projected)
    return told


def as_made(manifest: Manifest) -> Manifest:
    """A real object as it was before the API server added to it what is the same for everybody."""
    made = copy.deepcopy(manifest)
    spec = made.get("spec", {})
    if made["kind"] == "Pod":
        spec["volumes"] = [it for it in spec["volumes"] if not it["name"].startswith("kube-api-access-")]
        for container in (*spec["containers"], *spec["initContainers"]):
            mounts = container["volumeMounts"]
            container["volumeMounts"] = [it for it in mounts if not it["name"].startswith("kube-api-access-")]
        kept = [it for it in spec["tolerations"] if not it.get("key", "").startswith("node.kubernetes.io/")]
        spec["tolerations"] = kept
    if made["kind"] == "Deployment":
        surge = {"maxSurge": "25%", "maxUnavailable": "25%"}
        if spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": surge}:
            spec["strategy"] = {}
    return made
