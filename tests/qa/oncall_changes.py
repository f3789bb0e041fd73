"""What a test changes in the cluster of `oncall_samples`, by name."""

from typing import Any

from oncall_samples import CACHES, DATABASES, DRILLS, Change, World, condition, owned, pod

from seawall.operators.annotations import RESTORES
from seawall.qa.oncall.model import Severity, Topic, Verdict
from seawall.qa.oncall.prometheus import IN_SYNC, LAG, RECEIVES, Metrics

PG = "sandbox-postgres"


def status(kind: str, name: str, **values: Any) -> Change:
    """Sets fields of a status."""
    return lambda world: world.one(kind, name)["status"].update(values)


def spec(kind: str, name: str, **values: Any) -> Change:
    """Sets fields of a spec."""
    return lambda world: world.one(kind, name)["spec"].update(values)


def unready(*pods: str) -> Change:
    """These pods are not ready."""

    def change(world: World) -> None:
        for name in pods:
            world.one("Pod", name)["status"]["conditions"] = [condition("Ready", "False")]

    return change


def labels(name: str, **values: str) -> Change:
    """Changes labels of a pod."""
    return lambda world: world.one("Pod", name)["metadata"]["labels"].update(values)


def moved(name: str, where: str) -> Change:
    """The pod is on another node."""
    return lambda world: world.one("Pod", name)["spec"].update(nodeName=where)


def refused(kind: str, why: str) -> Change:
    """The kind may not be listed."""
    return lambda world: world.refused.update({kind: why})


def metrics(**answers: float) -> Change:
    """Live numbers: by query's name and pod or Dragonfly."""
    queries = {"in_sync": IN_SYNC, "lag": LAG, "receives": RECEIVES}

    def change(world: World) -> None:
        made: dict[str, dict[tuple[str, str], float]] = {}
        for key, value in answers.items():
            query, _, about = key.partition("__")
            name = about.replace("_", "-")
            made.setdefault(queries[query], {})[CACHES if query == "in_sync" else DATABASES, name] = value
        world.metrics = Metrics(True, made)

    return change


def without_gate(world: World) -> None:
    for it in world.all("Pod"):
        it["spec"].pop("readinessGates", None)


def pinned(number: int, where: str) -> Change:
    """The volume of an instance is on one node alone."""
    term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [where]}]}
    affinity = {"required": {"nodeSelectorTerms": [term]}}
    return lambda world: world.one("PersistentVolume", f"disk-{number}")["spec"].update(nodeAffinity=affinity)


def several(*changes: Change) -> Change:
    """All of these."""

    def change(world: World) -> None:
        for one in changes:
            one(world)

    return change


def added(*manifests: dict[str, Any]) -> Change:
    """Further objects."""
    return lambda world: world.objects.extend(manifests)


def single(world: World) -> None:
    """A Cluster of one instance."""
    world.remove("Pod", f"{PG}-2", f"{PG}-3")
    world.remove("PodDisruptionBudget", PG)
    world.one("Cluster", PG)["spec"]["instances"] = 1
    world.one("Cluster", PG)["status"].update(readyInstances=1)


def two(world: World) -> None:
    """A Cluster of two instances."""
    world.remove("Pod", f"{PG}-3")
    world.remove("PodDisruptionBudget", PG)
    world.one("Cluster", PG)["spec"]["instances"] = 2
    world.one("Cluster", PG)["status"].update(readyInstances=2)


def cordoned(name: str) -> Change:
    """Nothing new is put on a node."""
    return spec("Node", name, unschedulable=True)


def gone(name: str) -> Change:
    """A pod is not there."""
    return lambda world: world.remove("Pod", name)


def no_caches(world: World) -> None:
    world.remove("Dragonfly")


def on_the_last_node(world: World) -> list[dict[str, Any]]:
    return [it for it in world.all("Pod") if it["spec"]["nodeName"] == "node-4"]


def emptied(world: World) -> None:
    world.remove("Pod", *(it["metadata"]["name"] for it in on_the_last_node(world)))


def ended(world: World) -> None:
    for it in on_the_last_node(world):
        it["status"]["phase"] = "Succeeded"


def same_zone(world: World) -> None:
    """Another node meets what the volume asks for."""
    world.one("Node", "node-4")["metadata"]["labels"]["kubernetes.io/hostname"] = "node-3"


def bare_budget(given: dict[str, Any], allowed: int) -> Change:
    """A further budget with this spec."""
    metadata = {"namespace": DATABASES, "name": "x"}
    made = {"kind": "PodDisruptionBudget", "metadata": metadata, "spec": given}
    return added({**made, "status": {"disruptionsAllowed": allowed}})


def drilling(world: World) -> None:
    """A restore drill runs on node-4."""
    job = {"kind": "Job", "metadata": {"namespace": DRILLS, "name": "d1"}, "status": {}}
    cron = world.cron(RESTORES)["metadata"]["name"]
    world.objects += [owned(job, "CronJob", cron), owned(pod(DRILLS, "d1-x", "node-4", {}), "Job", "d1")]


def silent_metrics(world: World) -> None:
    world.metrics = Metrics(True, {}, "https://m does not answer (HTTP 502)")


def newer_budget(world: World) -> None:
    world.one("PodDisruptionBudget", PG)["metadata"]["generation"] = 2


def speechless(world: World) -> None:
    """The operator has written no status."""
    world.one("Cluster", PG)["status"] = {}


JOIN = {"cnpg.io/cluster": PG, "cnpg.io/jobRole": "join"}
DRAINED = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
GUEST = pod("guests", "guest-0", "node-4", {"app": "guest"})


def holds(topic: Topic, about: str, change: Change, verdict: Verdict, severity: Severity, text: str) -> None:
    """One row of a table: after the change the answer is this, and somewhere in it stands the text."""
    world = World()
    change(world)
    found = world.answer(topic, about)
    told = " | ".join([found.summary, *(fact.text for fact in found.facts)])
    assert (found.verdict, found.severity) == (verdict, severity), told
    assert text in told
    assert "kubectl --context here" in found.command or "seawall check --context here" in found.command
    assert found.summary.startswith("unknown, because ") == (verdict is Verdict.UNKNOWN)
