"""What the predicates of safety look at: the objects of a stack, and the pods that they lead to.

Nothing here uses the code that makes the objects. Numbers and labels are those of the operators and of Kubernetes,
written out again; the pods come from the projections, which are held against the real operators elsewhere.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from seawall.operators.cnpg import projection as cnpg
from seawall.operators.dragonfly import projection as dragonfly
from seawall.operators.versions import dragonfly_behaviour

Manifest = dict[str, Any]
Labels = Mapping[str, str]
Config = Mapping[str, Any]


@dataclass(frozen=True)
class Pods:
    """Pods of one template, in one of the forms that they have in their lives."""

    owner: tuple[str, str]
    """The service: kind and name, as in `("Cluster", "main")`."""
    workload: str
    """Which pods of that service: `instances`, `jobs`, a pooler's or a probe's name."""
    namespace: str
    labels: Labels
    spec: Manifest
    count: int = 1

    def chosen(self, selector: Manifest) -> bool:
        """Whether a label selector of Kubernetes chooses these pods."""
        labels = selector.get("matchLabels") or {}
        return labels.items() <= self.labels.items() and all(
            _holds(it, self.labels) for it in selector.get("matchExpressions") or []
        )

    @property
    def told(self) -> str:
        """For a person."""
        return f"{self.workload} of {self.owner[0]} {self.owner[1]}"


@dataclass(frozen=True)
class Estate:
    """The objects of a stack, and its settings as they are written."""

    objects: list[Manifest]
    config: Config

    def of(self, *kinds: str) -> list[Manifest]:
        """The objects of these kinds."""
        return [it for it in self.objects if it["kind"] in kinds]

    @property
    def platform(self) -> Config:
        """What the stack says of the cluster."""
        platform: Config = self.config["seawall:platform"]
        return platform

    @cached_property
    def pods(self) -> list[Pods]:
        """Every kind of pod that the objects lead to, in this stack's namespaces."""
        made: list[Pods] = []
        for it in self.of("Dragonfly"):
            made += _dragonfly_pods(it)
        for it in self.of("Cluster"):
            made += _cluster_pods(it, self.stores(it))
        for it in self.drilled:
            made += _cluster_pods(it, self.stores(it))
        for it in self.of("Pooler"):
            made += _pooler_pods(it)
        for it in self.of("CronJob", "Job"):
            made.append(_job_pods(it))
        return made

    @cached_property
    def drilled(self) -> list[Manifest]:
        """The Clusters that restore drills make when they run, as their ConfigMaps hold them."""
        made = []
        for it in self.of("ConfigMap"):
            if "cluster.json" in it.get("data", {}):
                cluster: Manifest = json.loads(it["data"]["cluster.json"])
                cluster["metadata"]["namespace"] = place(it)
                made.append(cluster)
        return made

    @cached_property
    def budgets(self) -> list[Manifest]:
        """Every disruption budget: ours and the operators'."""
        made = self.of("PodDisruptionBudget")
        behaviour = dragonfly_behaviour("1.6.1")
        assert behaviour is not None
        for it in self.of("Dragonfly"):
            own = dragonfly.own_budget(it, behaviour)
            made += [own] if own else []
        for it in self.of("Cluster"):
            made += cnpg.own_budgets(it)
        return made

    def stores(self, cluster: Manifest) -> dict[str, Manifest]:
        """The ObjectStores of a Cluster's namespace by name: they decide what the sidecar may use."""
        return {it["metadata"]["name"]: it for it in self.of("ObjectStore") if place(it) == place(cluster)}

    def projected(self, kind: str) -> list[Manifest]:
        """The objects of a kind that the operators make of ours."""
        behaviour = dragonfly_behaviour("1.6.1")
        assert behaviour is not None
        made = [
            *(o for it in self.of("Dragonfly") for o in dragonfly.project(it, behaviour, operator_version="1.6.1")),
            *(o for it in self.of("Cluster") for o in cnpg.project_cluster(it, stores=self.stores(it))),
            *(o for it in self.of("Pooler") for o in cnpg.project_pooler(it)),
        ]
        return [it for it in made if it["kind"] == kind]


def _dragonfly_pods(resource: Manifest) -> Iterator[Pods]:
    behaviour = dragonfly_behaviour("1.6.1")
    assert behaviour is not None
    made = dragonfly.project(resource, behaviour, operator_version="1.6.1")
    sets = next(it for it in made if it["kind"] == "StatefulSet")
    template, name = sets["spec"]["template"], resource["metadata"]["name"]
    for role in ({}, {"role": "master"}, {"role": "replica"}):
        labels = {**template["metadata"]["labels"], "statefulset.kubernetes.io/pod-name": f"{name}-0", **role}
        yield Pods(("Dragonfly", name), "data", place(resource), labels, template["spec"], resource["spec"]["replicas"])


def _cluster_pods(cluster: Manifest, stores: dict[str, Manifest]) -> Iterator[Pods]:
    name, spec = cluster["metadata"]["name"], cluster["spec"]
    pod = next(it for it in cnpg.project_cluster(cluster, stores=stores) if it["kind"] == "Pod")
    roles = [{}, {"cnpg.io/instanceRole": "primary"}, {"cnpg.io/instanceRole": "replica"}]
    for role in roles[: 2 if spec["instances"] == 1 else 3]:
        labels = {**pod["metadata"]["labels"], **role}
        yield Pods(("Cluster", name), "instances", place(cluster), labels, pod["spec"], spec["instances"])
    for role in ("initdb", "join"):
        labels = {"cnpg.io/cluster": name, "cnpg.io/jobRole": role}
        yield Pods(("Cluster", name), "jobs", place(cluster), labels, pod["spec"])


def _pooler_pods(pooler: Manifest) -> Iterator[Pods]:
    deployment = next(it for it in cnpg.project_pooler(pooler) if it["kind"] == "Deployment")
    template, name = deployment["spec"]["template"], pooler["metadata"]["name"]
    owner = ("Cluster", pooler["spec"]["cluster"]["name"])
    yield Pods(
        owner, name, place(pooler), template["metadata"]["labels"], template["spec"], pooler["spec"]["instances"]
    )


def _job_pods(job: Manifest) -> Pods:
    spec = job["spec"] if job["kind"] == "Job" else job["spec"]["jobTemplate"]["spec"]
    template = spec["template"]
    labels = template["metadata"]["labels"]
    # Jobs with the same labels are one workload: nothing tells their pods apart.
    workload = f"{labels.get('app.kubernetes.io/name')} of {labels.get('app.kubernetes.io/instance')}"
    return Pods(("Job", workload), workload, place(job), labels, template["spec"])


def _holds(expression: Manifest, labels: Labels) -> bool:
    """Whether one of a selector's `matchExpressions` holds."""
    value, values = labels.get(expression["key"]), expression.get("values", [])
    return {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[expression["operator"]]


def place(manifest: Manifest) -> str:
    """The namespace of an object."""
    return str(manifest["metadata"].get("namespace", ""))


def told(manifest: Manifest) -> str:
    """An object, for a person."""
    return f"{manifest['kind']} {place(manifest)}/{manifest['metadata']['name']}"


def maps(value: Any) -> Iterator[Manifest]:
    """Every map in a value."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from maps(item)
    elif isinstance(value, list):
        for item in value:
            yield from maps(item)


Predicate = Callable[[Estate], Iterable[str]]
PREDICATES: dict[str, Predicate] = {}
"""Name → what yields a text for everything unsafe that it finds."""


def predicate(found: Predicate) -> Predicate:
    """Marks a predicate of safety."""
    PREDICATES[found.__name__] = found
    return found


def findings(objects: list[Manifest], config: Config) -> dict[str, list[str]]:
    """Predicate → what it has against these objects; only those that have something."""
    import safety_data  # noqa: F401 (they register themselves)
    import safety_network  # noqa: F401
    import safety_pods  # noqa: F401

    estate = Estate(objects, config)
    return {name: said for name, check in PREDICATES.items() if (said := sorted(set(check(estate))))}
