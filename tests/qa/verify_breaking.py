"""Ways to break one thing in a `World`, for the table in `verify_breaks.py`."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from verify_world import NOW, World

from seawall.operators import cnpg
from seawall.qa.checks.context import Probe, Result, Series

FAILS, UNDECIDED = "fails", "is undecided"
Change = Callable[[World], None]


@dataclass(frozen=True)
class Break:
    """What is broken for a test."""

    test: str
    what: str
    change: Change
    comes_to: str = FAILS

    def __str__(self) -> str:
        return f"{self.test}: {self.what}"


@dataclass(frozen=True)
class Redeclared:
    """A resource that the stack's program registers, said otherwise."""

    kind: str
    object_name: str
    namespace: str | None
    inputs: Mapping[str, Any]


def declaring(kind: str, change: Callable[[dict[str, Any]], None]) -> Change:
    """Every resource of a kind is declared otherwise."""

    def act(world: World) -> None:
        made = []
        for it in world.stack.resources:
            inputs = copy.deepcopy(dict(it.inputs))
            if it.kind == kind:
                change(inputs)
            made.append(Redeclared(it.kind, it.object_name, it.namespace, inputs))
        world.stack = replace(world.stack, resources=made)

    return act


def live(kind: str, name: str, change: Callable[[dict[str, Any]], object]) -> Change:
    """A live object is otherwise."""
    return lambda world: void(change(world.cluster.one(kind, name)))


def void(_: object) -> None:
    return None


def gone(kind: str, name: str) -> Change:
    """A live object is not there."""
    return lambda world: world.cluster.drop(kind, name)


def unready(thing: dict[str, Any]) -> None:
    thing["status"] = {**thing.get("status", {}), "conditions": [{"type": "Ready", "status": "False"}]}


def moved(thing: dict[str, Any]) -> None:
    thing["spec"]["nodeName"] = "n1"


def answering(kind: str, change: Callable[[Probe, Mapping[str, Any]], Mapping[str, Any] | None]) -> Change:
    """A step answers otherwise; None leaves the right answer."""

    def act(world: World) -> None:
        def answer(probe: Probe, step: Mapping[str, Any], right: Result) -> Result:
            other = change(probe, step)
            return right if other is None else other

        world.answers[kind] = answer

    return act


def always(kind: str, **result: Any) -> Change:
    return answering(kind, lambda probe, step: result)


def at(kind: str, namespace: str, **result: Any) -> Change:
    """In one namespace."""
    return answering(kind, lambda probe, step: result if probe.where.namespace == namespace else None)


def saying(answer: Callable[[str], list[Series] | Exception]) -> Change:
    def act(world: World) -> None:
        world.series = answer

    return act


def setting(name: str, value: object) -> Change:
    return lambda world: setattr(world, name, value)


def together(*changes: Change) -> Change:
    def act(world: World) -> None:
        for change in changes:
            change(world)

    return act


def older(days: int) -> Change:
    """The newest backups are missing."""

    def act(world: World) -> None:
        for key in [key for key in world.bucket if "/base/" in key]:
            began = world.bucket[key].modified
            if NOW - began < timedelta(days=days):
                del world.bucket[key]

    return act


def ahead(world: World) -> None:
    """The newest backup says that it began in some days."""
    newest = max(key.split("/base/")[1][:15] for key in world.bucket if "/base/" in key)
    for key in [key for key in world.bucket if newest in key]:
        later = key.replace(newest, f"{NOW + timedelta(days=3):%Y%m%dT%H%M%S}")
        world.bucket[later] = replace(world.bucket[key], key=later)
        world.contents[later], world.heads[later] = world.contents[key], world.heads[key]


def without(word: str) -> Change:
    """Objects with a word in their key are missing."""

    def act(world: World) -> None:
        for key in [key for key in world.bucket if word in key]:
            del world.bucket[key]

    return act


def unencrypted(word: str) -> Change:
    def act(world: World) -> None:
        for key in world.heads:
            if word in key:
                world.heads[key] = {}

    return act


def unfinished(world: World) -> None:
    for key in world.contents:
        if key.endswith("backup.info"):
            world.contents[key] = b"status=FAILED\n"


def simulated_and_empty(world: World) -> None:
    world.bucket.clear()
    world.cluster.simulated = True


def second_budget(world: World) -> None:
    place = world.stack.settings.operators.dragonfly.namespace
    spec = {"selector": {"matchLabels": {"control-plane": "controller-manager"}}}
    world.cluster.add("PodDisruptionBudget", place, "second", spec=spec, status={"desiredHealthy": 1})


def open_policy(world: World) -> None:
    labels = {"app": "dragonfly"}
    made = world.cluster.add("NetworkPolicy", "dragonfly-system", "open", spec={"podSelector": {"matchLabels": labels}})
    made["spec"]["ingress"] = [{}]


def no_rules(thing: dict[str, Any]) -> None:
    thing["spec"]["groups"] = []


def two_masters(world: World) -> None:
    world.cluster.one("Pod", "dragonfly-1")["metadata"]["labels"]["role"] = "master"


def left_in_operators_namespace(world: World) -> None:
    world.cluster.add("Pooler", "cnpg-system", "old-pooler", spec={})


def operators_pod(world: World) -> None:
    world.cluster.add("Pod", "cnpg-system", "old-1", labels={cnpg.CLUSTER_LABEL: "old"}, spec={})


def unlabelled(world: World) -> None:
    for it in world.cluster.every("v1", "Service", "databases"):
        if it["metadata"]["name"] == "harbor-pooler":
            it["metadata"]["labels"] = {}


def loses_two(world: World) -> None:
    """No budget: a drain takes the neighbours as well."""
    evict = world.evict

    def more(pod: dict[str, Any]) -> str | None:
        for it in [it for it in world.cluster.objects if it["metadata"].get("labels", {}).get("app") == "dragonfly"]:
            if it["kind"] == "Pod":
                world.cluster.objects.remove(it)
        return evict(pod)

    world.evict = more  # type: ignore[method-assign]


def takes_the_next(world: World) -> None:
    """A drain takes a pod of the other instance as well, and it does not come back."""
    evict = world.evict

    def more(pod: dict[str, Any]) -> str | None:
        unready(world.cluster.one("Pod", "dragonfly-queue-1"))
        return evict(pod)

    world.evict = more  # type: ignore[method-assign]


def alone(world: World) -> None:
    del world.cluster.one("Pod", "dragonfly-0")["metadata"]["ownerReferences"]


def never_another_master(world: World) -> None:
    evict = world.evict

    def stays(pod: dict[str, Any]) -> str | None:
        evict(pod)
        for it in world.cluster.objects:
            if it["kind"] == "Pod" and it["metadata"]["labels"].get("app") == "dragonfly":
                it["metadata"]["labels"]["role"] = "replica"
        return None

    world.evict = stays  # type: ignore[method-assign]


def superuser_stays(world: World) -> None:
    """Break-glass is never taken back."""
    world.answers["postgres"] = lambda probe, step, right: (
        {"outcome": "signed-in"} if "password" in step and step.get("user") == "postgres" else right
    )
