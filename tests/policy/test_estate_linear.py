"""Twice as many objects cost twice as much: counted in calls of functions, so that no clock decides."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

from seawall.policy.estate.building import build, kube_object
from seawall.policy.estate.kinds import BUDGET
from seawall.policy.estate.model import Estate, KubeObject, Origin
from seawall.policy.reachability.selectors import read

DRAGONFLY, CNPG = "dragonflydb.io/v1alpha1", "postgresql.cnpg.io/v1"


def objects(tenants: int, *, together: bool) -> list[KubeObject]:
    """Six objects a tenant, all tenants in one namespace or each in its own."""
    made = []
    for number in range(tenants):
        name, space = f"tenant-{number}", "shared" if together else f"space-{number}"
        selector = {"matchLabels": {"cnpg.io/poolerName": name}}
        template = {"metadata": {"labels": {"app": name, "tier": "web"}}, "spec": {"containers": [{"name": "a"}]}}
        for api, kind, spec in (
            (DRAGONFLY, "Dragonfly", {"replicas": 3}),
            (CNPG, "Cluster", {"instances": 3}),
            (CNPG, "Pooler", {"cluster": {"name": name}, "instances": 2}),
            ("policy/v1", "PodDisruptionBudget", {"minAvailable": 1, "selector": selector}),
            ("apps/v1", "Deployment", {"template": template}),
            ("batch/v1", "CronJob", {"jobTemplate": {"spec": {"template": template}}}),
        ):
            manifest = {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": space}, "spec": spec}
            thing = kube_object(manifest, Origin(file=f"{name}/x.yaml", line=1))
            assert thing is not None
            made.append(thing)
    return made


def calls(work: Callable[[], Any]) -> int:
    """How many functions are called, those of C included."""
    counted = 0

    def count(_frame: Any, event: str, _arg: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counted


def ask(estate: Estate) -> None:
    """Every accessor, for every object."""
    for thing in estate.declared:
        estate.pods_of(thing)
        estate.made_of(thing)
        estate.find(thing.group_kind, thing.namespace, thing.name)
        estate.pods_in(thing.namespace)
        estate.unreadable_in(thing.namespace)
        estate.memo(ask_nothing)
    for budget in estate.of(BUDGET):
        estate.selected(read(budget.at("spec", "selector")), budget.namespace)


def ask_nothing(_estate: Estate) -> None:
    """What is asked for once."""


@pytest.mark.parametrize("together", [True, False])
def test_building_and_asking_are_linear(together: bool) -> None:
    few, many = objects(40, together=together), objects(80, together=together)

    def cost(things: list[KubeObject]) -> int:
        return calls(lambda: ask(build(things)))

    cost(few)  # what is done once in a process
    assert cost(many) < 2.2 * cost(few)


def test_so_is_what_is_declared_twice() -> None:
    def twice(tenants: int) -> list[KubeObject]:
        overlay = objects(tenants, together=True)
        for thing in overlay:
            thing.manifest["metadata"]["labels"] = {"env": "prod"}
        return [*objects(tenants, together=True), *overlay]

    few, many = twice(40), twice(80)
    assert calls(lambda: build(many)) < 2.2 * calls(lambda: build(few))
