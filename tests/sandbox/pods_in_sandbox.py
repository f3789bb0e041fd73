"""Pods of the services in the sandbox: those that real controllers make, and doubles of those that nobody makes here.

Real: what the CloudNativePG operator makes of Cluster and Pooler (the first instance with the plugin's sidecar,
poolers, budgets), and the pods of our Jobs and CronJobs.

Doubles, because no container runs in the sandbox and the Dragonfly operator is not there:

- `dragonfly_double`: a StatefulSet and a budget as the Dragonfly operator would make of our resource
- `postgres_double`: a StatefulSet whose pods are copies of the operator's first instance, with the operator's budgets
- `SwitchoverDouble`: gives those pods their roles, and moves the primary away from a node that is being drained
- `StoppingDouble`: lets the pods of those StatefulSets take a moment to stop, as containers do
"""

import copy
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Self

from sandbox_helpers import until
from stack_in_sandbox import Manifest, Place, apply, deploy, items, matches, ready, secret_doubles

from seawall.operators import cnpg
from seawall.operators.dragonfly.projection import project
from seawall.operators.labels import HOSTNAME
from seawall.operators.versions import DRAGONFLY_OPERATOR, dragonfly_behaviour
from seawall.sandbox.plugins.kubernetes.client import ApiError, ApiServer

PATIENCE_S: Final = 120.0
"""Far more than anything here takes; nothing is measured."""
STOPPING: Final = "seawall.dev/stopping"
"""The finalizer by which a double's pod is there for as long as its containers would take to stop."""
DOUBLES: Final = "doubles"
"""Where the doubles of PostgreSQL's instances are: beside no Cluster, whose operator would look after them."""
SWITCHING: Final = threading.Lock()
"""Held while roles change: two labels are two requests, and no moment between them is looked at."""


def dragonfly_double(resource: Manifest) -> list[Manifest]:
    """The StatefulSet and the budget that the operator would make of a Dragonfly resource."""
    behaviour = dragonfly_behaviour(DRAGONFLY_OPERATOR)
    assert behaviour is not None
    made = project(resource, behaviour, operator_version=DRAGONFLY_OPERATOR)
    pods = next(manifest for manifest in made if manifest["kind"] == "StatefulSet")
    pods["spec"]["template"]["metadata"]["finalizers"] = [STOPPING]
    return [pods, *(manifest for manifest in made if manifest["kind"] == "PodDisruptionBudget")]


def postgres_double(cluster: Manifest, pod: Manifest, budgets: Iterable[Manifest], namespace: str) -> list[Manifest]:
    """As many copies of the operator's first instance as the Cluster asks for, and copies of the operator's budgets."""
    name = cluster["metadata"]["name"]
    own = (cnpg.INSTANCE_LABEL, cnpg.INSTANCE_ROLE_LABEL, "role")
    labels = {key: value for key, value in pod["metadata"]["labels"].items() if key not in own}
    template = copy.deepcopy(pod["spec"])
    for field in ("nodeName", "hostname", "serviceAccountName", "serviceAccount"):
        template.pop(field, None)
    # Volumes of the first instance itself, and of its token, are not for copies; each gets a data volume of its own.
    kept = [it for it in template.get("volumes", []) if "persistentVolumeClaim" not in it and "projected" not in it]
    template["volumes"] = kept
    names = {it["name"] for it in kept}
    for container in (*template["containers"], *template.get("initContainers", [])):
        container["volumeMounts"] = [it for it in container.get("volumeMounts", []) if it["name"] in names]
    storage = cluster["spec"]["storage"]
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": storage["storageClass"],
        "resources": {"requests": {"storage": storage["size"]}},
    }
    instances = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": cluster["spec"]["instances"],
            "serviceName": name,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": cnpg.instance_labels(name)},
            "template": {"metadata": {"labels": labels, "finalizers": [STOPPING]}, "spec": template},
            "volumeClaimTemplates": [{"metadata": {"name": "double"}, "spec": claim}],
        },
    }
    copies = [
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": budget["metadata"]["name"], "namespace": namespace},
            "spec": budget["spec"],
        }
        for budget in budgets
        if budget["spec"]["selector"]["matchLabels"].get(cnpg.CLUSTER_LABEL) == name
    ]
    return [instances, *copies]


class Repeated(threading.Thread, ABC):
    """Does something again and again for as long as a block lasts; what it raises ends the block with an error."""

    pause_s = 0.1

    def __init__(self) -> None:
        super().__init__(name=type(self).__name__, daemon=True)
        self._stopped = threading.Event()
        self._raised: Exception | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self.join()
        if self._raised is not None:
            raise self._raised

    def run(self) -> None:
        """Until the end of the block."""
        try:
            while not self._stopped.wait(self.pause_s):
                self.once()
        except Exception as error:
            self._raised = error

    @abstractmethod
    def once(self) -> None:
        """What is repeated."""


class StoppingDouble(Repeated):
    """Lets a double's pod go once the controller of budgets has seen that it is going.

    A simulated pod is gone at once, and its successor has the same name. The controller would take it for the one
    that was evicted, and count it as gone for two minutes; a container that stops for a second never meets that.
    """

    def __init__(self, api: ApiServer) -> None:
        super().__init__()
        self._api = api

    def __exit__(self, *_: object) -> None:
        until(lambda: not self._held(), "an end of every double", PATIENCE_S)
        super().__exit__()

    def once(self) -> None:
        """Looks at the pods on their way out."""
        for pod in self._held():
            metadata = pod["metadata"]
            budgets = items(self._api, "policy/v1", "PodDisruptionBudget", metadata["namespace"])
            if "deletionTimestamp" not in metadata or any(
                metadata["name"] in it.get("status", {}).get("disruptedPods", {}) for it in budgets
            ):
                continue
            metadata["finalizers"].remove(STOPPING)
            kind = self._api.kind("v1", "Pod")
            assert kind is not None
            with suppress(ApiError):  # changed meanwhile: the next time
                self._api.request("PUT", kind.path(metadata["namespace"], metadata["name"]), body=pod)

    def _held(self) -> list[Manifest]:
        return [pod for pod in items(self._api, "v1", "Pod") if STOPPING in pod["metadata"].get("finalizers", [])]


class SwitchoverDouble(Repeated):
    """Plays the operator over the doubles: labels new instances, and makes another one primary before a drain.

    The real operator labels an instance once it runs, and switches over when the primary's node is cordoned and every
    instance is Ready (`setPrimaryOnSchedulableNode` of 1.30); the primary's budget lets it go only then.
    """

    def __init__(self, api: ApiServer, namespace: str, cluster: str, instances: int) -> None:
        super().__init__()
        self._api, self._namespace, self._cluster, self._wanted = api, namespace, cluster, instances

    def once(self) -> None:
        """Looks at the instances and does what there is to do."""
        pods = [pod for pod in self._instances() if ready(pod)]
        cordoned = {it["metadata"]["name"] for it in items(self._api, "v1", "Node") if it["spec"].get("unschedulable")}
        staying = [pod for pod in pods if pod["spec"]["nodeName"] not in cordoned]
        primaries = [pod for pod in pods if self._role(pod) == "primary"]
        complete = len(pods) == self._wanted and all(self._role(pod) for pod in pods)
        if primaries and not complete:  # with an instance missing, the replicas' budget would go below its floor
            staying = primaries
        best = next((pod for pod in staying if pod in primaries), next(iter(staying or primaries or pods), None))
        if best is None:
            return
        # The old primary first. The controller of budgets counts a budget anew when a pod with its labels changes, not
        # when one loses them: with two primaries for a moment, the primary's budget would count two from then on.
        with SWITCHING:
            for pod in (*(pod for pod in pods if pod is not best), best):
                role = "primary" if pod is best else "replica"
                if self._role(pod) != role:
                    self._label(pod, role)

    def _instances(self) -> list[Manifest]:
        return items(self._api, "v1", "Pod", self._namespace, f"{cnpg.CLUSTER_LABEL}={self._cluster}")

    @staticmethod
    def _role(pod: Manifest) -> str | None:
        role: str | None = pod["metadata"]["labels"].get(cnpg.INSTANCE_ROLE_LABEL)
        return role

    def _label(self, pod: Manifest, role: str) -> None:
        labelled = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": pod["metadata"]["name"],
                "namespace": self._namespace,
                "uid": pod["metadata"]["uid"],
                "labels": {cnpg.INSTANCE_ROLE_LABEL: role},
            },
        }
        try:
            apply(self._api, labelled)
        except ApiError as gone:  # evicted since we looked; its successor has another uid
            assert gone.status in (404, 409), gone


@dataclass(frozen=True)
class Group:
    """Pods under one budget, and how many of them must be Ready at any moment."""

    namespace: str
    budget: str
    selector: dict[str, str]
    pods: int
    floor: int

    def of(self, pods: Iterable[Manifest]) -> list[Manifest]:
        """The Ready pods of this group."""
        return [
            pod
            for pod in pods
            if pod["metadata"]["namespace"] == self.namespace and matches(self.selector, pod) and ready(pod)
        ]


class Estate:
    """A stack's objects in the sandbox, with the pods that real controllers and the doubles make of them."""

    def __init__(self, api: ApiServer, place: Place, objects: list[Manifest]) -> None:
        self.api, self._place = api, place
        marker = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "double", "namespace": DOUBLES}}
        place.namespaces([*objects, marker])
        self.objects = [place.placed(manifest) for manifest in objects]
        deploy(api, [*secret_doubles(self.objects), *(it for it in self.objects if it["kind"] != "Namespace")])
        for resource in self.of_kind("Dragonfly"):
            deploy(api, dragonfly_double(resource))
        [cluster] = self.of_kind("Cluster")
        self.cluster: str = cluster["metadata"]["name"]
        self.instances: int = cluster["spec"]["instances"]
        self.databases: str = cluster["metadata"]["namespace"]
        self.doubles = place.made[DOUBLES]
        self.first_instance = until(self._first_instance, "the operator's first instance", PATIENCE_S)
        budgets = items(api, "policy/v1", "PodDisruptionBudget", self.databases)
        deploy(api, postgres_double(cluster, self.first_instance, budgets, self.doubles))

    def of_kind(self, kind: str) -> list[Manifest]:
        """The stack's objects of a kind, as they are here."""
        return [manifest for manifest in self.objects if manifest["kind"] == kind]

    @property
    def namespaces(self) -> list[str]:
        """Every namespace of the estate."""
        return list(self._place.made.values())

    def pods(self) -> list[Manifest]:
        """Every pod of the estate, as of one moment."""
        mine = set(self.namespaces)
        return [pod for pod in items(self.api, "v1", "Pod") if pod["metadata"]["namespace"] in mine]

    def settled(self) -> bool:
        """Whether every controller of ours has the pods that it wants, Ready."""
        made = [
            {**it, "kind": kind}
            for kind in ("Deployment", "StatefulSet")
            for name in self.namespaces
            for it in items(self.api, "apps/v1", kind, name)
        ]
        wanted = len(self.of_kind("Pooler")) + len(self.of_kind("Dragonfly")) + 1
        return len(made) == wanted and all(_complete(controller) for controller in made)

    def counted(self) -> bool:
        """Whether the controller of budgets has seen the doubles of PostgreSQL's instances with the roles of now."""
        pods = self.pods()
        return all(
            it["status"]["currentHealthy"]
            == len(Group(self.doubles, "", it["spec"]["selector"]["matchLabels"], 0, 0).of(pods))
            for it in items(self.api, "policy/v1", "PodDisruptionBudget", self.doubles)
        )

    def groups(self) -> list[Group]:
        """Every budget with pods under it; the pods are all there."""
        pods, found = self.pods(), []
        for namespace in self.namespaces:
            for budget in items(self.api, "policy/v1", "PodDisruptionBudget", namespace):
                selector, spec = budget["spec"]["selector"]["matchLabels"], budget["spec"]
                under = Group(namespace, budget["metadata"]["name"], selector, 0, 0).of(pods)
                if under:
                    floor = spec["minAvailable"] if "minAvailable" in spec else len(under) - spec["maxUnavailable"]
                    found.append(Group(namespace, budget["metadata"]["name"], selector, len(under), floor))
        return found

    def _first_instance(self) -> Manifest | None:
        pods = items(self.api, "v1", "Pod", self.databases, f"{cnpg.POD_ROLE_LABEL}=instance")
        return next((pod for pod in pods if pod["metadata"]["name"] == f"{self.cluster}-1"), None)


class Watch(Repeated):
    """Looks at the pods again and again; notes each moment at which a group is below its budget or shares a node."""

    pause_s = 0.08

    def __init__(self, estate: Estate) -> None:
        super().__init__()
        self._estate, self._groups = estate, estate.groups()
        self.moments = 0
        self.lowest = {(it.namespace, it.budget): it.pods for it in self._groups}
        """Budget → the fewest Ready pods that were seen under it."""
        self.breaches: list[str] = []

    def once(self) -> None:
        """Looks once."""
        with SWITCHING:
            pods = self._estate.pods()
        self.moments += 1
        for group in self._groups:
            under = group.of(pods)
            key = (group.namespace, group.budget)
            self.lowest[key] = min(self.lowest[key], len(under))
            if len(under) < group.floor:
                self.breaches.append(f"{group.budget}: {len(under)} Ready, must be {group.floor} of {group.pods}")
            if shared := sharing(under):
                self.breaches.append(f"{group.budget}: {shared}")


def sharing(pods: Iterable[Manifest]) -> str:
    """Which of these pods share a node; empty when none do."""
    seen: dict[str, str] = {}
    for pod in pods:
        node, name = pod["spec"]["nodeName"], pod["metadata"]["name"]
        other = seen.setdefault(node, name)
        if other != name:
            return f"{other} and {name} share {node}"
    return ""


def nodes(api: ApiServer) -> list[str]:
    """The simulated nodes, by name."""
    return sorted(it["metadata"]["labels"][HOSTNAME] for it in items(api, "v1", "Node"))


def wait(estate: Estate, what: str, holds: Callable[[], Any] | None = None) -> None:
    """Waits until every controller has its pods; fails with what is missing."""
    until(holds or estate.settled, what, PATIENCE_S)


def _complete(controller: Manifest) -> bool:
    """Whether a Deployment or StatefulSet has all its pods, Ready and of its newest template, and none beside them."""
    wanted, status = controller["spec"]["replicas"], controller.get("status", {})
    counts = ["replicas", "readyReplicas"]
    if controller["kind"] == "Deployment":  # a StatefulSet of ours is updated by hand, OnDelete
        counts.append("updatedReplicas")
    seen = status.get("observedGeneration") == controller["metadata"]["generation"]
    return seen and all(status.get(count, 0) == wanted for count in counts)
