"""The pods that workloads become: those of built-in kinds, and those that operators make of their resources."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

from seawall.operators import cnpg, dragonfly
from seawall.operators.labels import POD_INDEX, POD_NAME
from seawall.policy.estate.kinds import (
    CLUSTER,
    CRON_JOB,
    DAEMON_SET,
    DEPLOYMENT,
    DRAGONFLY,
    JOB,
    POD,
    REPLICA_SET,
    STATEFUL_SET,
    GroupKind,
)
from seawall.policy.estate.objects import KubeObject
from seawall.policy.estate.values import CannotEvaluateError, View

_MOST_PLACES = 100
"""Pods of a StatefulSet that are told apart by name."""

_TEMPLATES: Mapping[GroupKind, tuple[str, ...]] = {
    POD: (),
    DEPLOYMENT: ("spec", "template"),
    STATEFUL_SET: ("spec", "template"),
    REPLICA_SET: ("spec", "template"),
    DAEMON_SET: ("spec", "template"),
    JOB: ("spec", "template"),
    CRON_JOB: ("spec", "jobTemplate", "spec", "template"),
}
"""Where a workload of a built-in kind keeps the template of its pods."""
WORKLOADS: tuple[GroupKind, ...] = tuple(_TEMPLATES)
"""The built-in kinds that become pods."""
_COUNTS: Mapping[GroupKind, tuple[str, ...]] = {
    DEPLOYMENT: ("spec", "replicas"),
    STATEFUL_SET: ("spec", "replicas"),
    REPLICA_SET: ("spec", "replicas"),
    DAEMON_SET: ("status", "desiredNumberScheduled"),
    JOB: ("spec", "parallelism"),
    CRON_JOB: ("spec", "jobTemplate", "spec", "parallelism"),
}

JOB_NAME_LABELS = ("batch.kubernetes.io/job-name", "job-name")
"""What every pod of a Job carries: the Job's name."""
_UID_LABELS = ("batch.kubernetes.io/controller-uid", "controller-uid")
"""What the API server adds beside them; nothing that is declared beforehand can name one."""

_Read = TypeVar("_Read")


@dataclass(frozen=True)
class ContainerPort:
    """A port that a pod's container declares; `name` is what a policy may call it by."""

    number: int
    protocol: str
    name: str | None


@dataclass(frozen=True, eq=False)
class PodSet:
    """Pods that are all alike: made from one template, in one namespace.

    Everything but namespace and labels is read when it is asked for, and raises `CannotEvaluateError` with the workload
    named when it cannot be read.
    """

    namespace: str
    labels: Mapping[str, str]
    """Labels that every pod has from birth; those that come later are in `later`."""
    template: View
    """The pod's `metadata` and `spec`."""
    workload: KubeObject
    """The workload object that makes them (or the pod itself); of several pods alike, the first."""
    owner: KubeObject
    """The declared object behind them: an operator's resource, else the workload."""
    later: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Labels that a controller puts on the pods one by one, with the values that it gives."""
    copies: int | None = None
    """How many pods there are when the workload does not say it itself."""

    @cached_property
    def count(self) -> int:
        """How many pods. A DaemonSet and what says nothing count as 1; a Job by its parallelism."""
        if self.copies is not None:
            return self.copies
        path = _COUNTS.get(self.workload.group_kind)
        count = None if path is None else self._told(lambda: self.workload.at(*path).integer())
        return 1 if count is None else count

    @cached_property
    def spec(self) -> View:
        """The pod's `spec`."""
        return self._told(lambda: self.template.at("spec"))

    @cached_property
    def init_containers(self) -> tuple[View, ...]:
        """The init containers, native sidecars included."""
        return self._told(lambda: tuple(self.template.at("spec", "initContainers").items()))

    @cached_property
    def containers(self) -> tuple[View, ...]:
        """Every container: the pod's own, then its init containers."""
        return (*self._told(lambda: self.template.at("spec", "containers").items()), *self.init_containers)

    @cached_property
    def ports(self) -> tuple[ContainerPort, ...]:
        """The ports that the containers declare; init containers open none, but native sidecars do."""
        return self._told(lambda: tuple(_ports(it for it in self.containers if _stays(it, self.init_containers))))

    @cached_property
    def annotations(self) -> Mapping[str, str]:
        """The pod's annotations."""
        return self._told(lambda: self.template.at("metadata", "annotations").texts())

    @cached_property
    def service_account(self) -> str:
        """The name of the pod's service account; `default` when none is given."""
        return self._told(lambda: self.spec.at("serviceAccountName").text() or "default")

    @property
    def title(self) -> str:
        """The pods for a person: `pods of Deployment data/web`, `instances of Cluster data/pg`."""
        what = "pods"
        if self.owner.group_kind == CLUSTER:
            role = self.labels.get(cnpg.JOB_ROLE_LABEL)
            what = f"{role} job" if role else "instances"
        return f"{what} of {self.owner.title}"

    def _told(self, read: Callable[[], _Read]) -> _Read:
        try:
            return read()
        except CannotEvaluateError as problem:
            problem.about(self.workload)
            raise


def pod_sets(workload: KubeObject, owner: KubeObject | None = None) -> list[PodSet]:
    """The pods of a built-in workload, empty for everything else. Raises `CannotEvaluateError` for unreadable labels.

    `owner` is the declared object behind it, when that is another one.
    """
    path = _TEMPLATES.get(workload.group_kind)
    if path is None:
        return []
    try:
        template = workload.at(*path)
        labels = _labels(template, without=_UID_LABELS if workload.group_kind == JOB else ())
        if workload.group_kind == JOB:
            labels |= dict.fromkeys(JOB_NAME_LABELS, workload.name)
        later = _places(workload) if workload.group_kind == STATEFUL_SET else {}
        ended = workload.group_kind == POD and workload.at("status").known and _ended(workload)
    except CannotEvaluateError as problem:
        problem.about(workload)
        raise
    copies = 0 if ended else None
    return [PodSet(workload.namespace, labels, template, workload, owner or workload, later, copies)]


def _labels(template: View, without: tuple[str, ...]) -> dict[str, str]:
    """The labels of a template; some are left out where they are not known."""
    given = template.at("metadata", "labels")
    if not any(key in without for key in given.keys()):  # noqa: SIM118 - a view is no mapping
        return given.texts()
    return {key: value.text() or "" for key, value in given.entries() if value.known or key not in without}


def operator_pods(owner: KubeObject, made: Iterable[KubeObject]) -> list[PodSet]:
    """The pods that an operator makes of its resource, from what it makes: one set per template.

    Instances and jobs of a Cluster that differ by the instance's name alone are one set. Raises `CannotEvaluateError`.
    """
    found = [pods for workload in made for pods in pod_sets(workload, owner)]
    if owner.group_kind == DRAGONFLY:
        roles = {dragonfly.ROLE_LABEL: frozenset(dragonfly.ROLES)}
        return [replace(pods, later={**pods.later, **roles}) for pods in found]
    return _instances(found) if owner.group_kind == CLUSTER else found


def _instances(found: Iterable[PodSet]) -> list[PodSet]:
    alike: dict[str | None, list[PodSet]] = {}
    for pods in found:
        alike.setdefault(pods.labels.get(cnpg.JOB_ROLE_LABEL), []).append(pods)
    sets = []
    for role, several in alike.items():
        first = several[0]
        own = [key for key in (cnpg.INSTANCE_LABEL, *JOB_NAME_LABELS) if key in first.labels]
        later = {key: frozenset(pods.labels[key] for pods in several) for key in own}
        if role is None:
            later[cnpg.INSTANCE_ROLE_LABEL] = frozenset(cnpg.INSTANCE_ROLES)
        labels = {key: value for key, value in first.labels.items() if key not in own}
        sets.append(replace(first, labels=labels, later=later, copies=len(several)))
    return sets


def _places(workload: KubeObject) -> dict[str, frozenset[str]]:
    replicas = workload.at("spec", "replicas").integer()
    places = [str(index) for index in range(min(1 if replicas is None else replicas, _MOST_PLACES))]
    return {POD_INDEX: frozenset(places), POD_NAME: frozenset(f"{workload.name}-{place}" for place in places)}


def _ended(pod: KubeObject) -> bool:
    return pod.at("status", "phase").text() in ("Succeeded", "Failed")


def _stays(container: View, init_containers: tuple[View, ...]) -> bool:
    """Whether a container runs beside the pod's own ones: every one of those does, and a native sidecar."""
    return container not in init_containers or container.at("restartPolicy").text() == "Always"


def _ports(containers: Iterable[View]) -> Iterable[ContainerPort]:
    for container in containers:
        for port in container.at("ports").items():
            number = port.at("containerPort").integer()
            if number is not None:
                yield ContainerPort(number, port.at("protocol").text() or "TCP", port.at("name").text())
