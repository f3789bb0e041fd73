"""A cluster for the on-call page: what stack `sandbox` declares, and doubles of what operators and kubelets would add.

Everything is well in it; a test changes one thing. Nothing here runs: pods, statuses and reports are written down.
"""

import copy
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from stack_objects import objects
from stack_samples import changed

from seawall.operators.annotations import RESTORES, VALIDATES
from seawall.policy.estate.kinds import SECRET
from seawall.qa.oncall import drain
from seawall.qa.oncall.kinds import LISTED, SECRETS
from seawall.qa.oncall.model import Answer, Topic
from seawall.qa.oncall.prometheus import NO_METRICS, Metrics
from seawall.qa.oncall.questions import answers
from seawall.qa.oncall.reading import Document, Listing, Seen
from seawall.qa.oncall.things import Thing

Manifest = dict[str, Any]

NOW = datetime(2026, 3, 8, 3, 0, tzinfo=UTC)
"""At 03:00, on a Sunday."""
DATABASES, CACHES, DRILLS = "sandbox-databases", "sandbox-dragonfly", "sandbox-databases-drill"
POSTGRES = f"{DATABASES}/sandbox-postgres"
CACHE, QUEUE = f"{CACHES}/cache", f"{CACHES}/queue"
HEALTHY = "Cluster in healthy state"
NODES = ("node-1", "node-2", "node-3", "node-4")


def before(**length: float) -> str:
    """A moment before now, as Kubernetes writes it."""
    return (NOW - timedelta(**length)).isoformat().replace("+00:00", "Z")


def condition(kind: str, status: str = "True", **more: str) -> Manifest:
    """One entry of `status.conditions`."""
    return {"type": kind, "status": status, "lastTransitionTime": before(hours=2), **more}


def node(name: str) -> Manifest:
    return {
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": {},
        "status": {"conditions": [condition("Ready")]},
    }


def pod(namespace: str, name: str, where: str, labels: Mapping[str, str], **spec: Any) -> Manifest:
    """A pod that runs and is ready."""
    return {
        "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "labels": dict(labels), "creationTimestamp": before(days=9)},
        "spec": {"nodeName": where, "containers": [{"name": "main", "image": "registry.example.org/a/b:1"}], **spec},
        "status": {"phase": "Running", "conditions": [condition("Ready")]},
    }


def apart(labels: Mapping[str, str]) -> Manifest:
    """The affinity of pods that never share a node."""
    term = {"labelSelector": {"matchLabels": dict(labels)}, "topologyKey": "kubernetes.io/hostname"}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def budget(namespace: str, name: str, labels: Mapping[str, str], allowed: int) -> Manifest:
    return {
        "kind": "PodDisruptionBudget",
        "metadata": {"namespace": namespace, "name": name, "generation": 1},
        "spec": {"selector": {"matchLabels": dict(labels)}},
        "status": {
            "disruptionsAllowed": allowed,
            "observedGeneration": 1,
            "currentHealthy": 1 + allowed,
            "desiredHealthy": 1,
        },
    }


def owned(manifest: Manifest, kind: str, name: str) -> Manifest:
    manifest["metadata"]["ownerReferences"] = [{"kind": kind, "name": name, "controller": True}]
    return manifest


def drill_report(ended: str, *, ok: bool = True, restorable: bool | None = True, **more: Any) -> str:
    """What a restore drill writes, as JSON."""
    failure = {"class": "restore", "code": 7, "message": "replay ended with an error", "advice": "look"}
    return json.dumps(
        {
            "version": 1,
            "source": POSTGRES,
            "ended_at": ended,
            "target": "latest",
            "ok": ok,
            "restorable": restorable,
            "failure": None if ok else failure,
            "rto_seconds": 252.4 if ok else None,
            "rpo_seconds": {"wal": 187.0, "commit": 190.5} if ok else {"wal": None, "commit": None},
            "checks": [{"ok": True}, {"ok": True}, {"ok": True}] if ok else [],
            **more,
        }
    )


def validation_report(**more: Any) -> Manifest:
    """What the validator prints."""
    return {
        "schema": "validation-report-v1",
        "ok": True,
        "at": before(minutes=30),
        "class": None,
        "restorable": True,
        "restorable_until": {"timeline": 1, "wal": "0" * 24, "archived_at": before(minutes=33)},
        "unrestorable_because": None,
        **more,
    }


@cache
def _declared() -> tuple[Manifest, ...]:
    return tuple(objects(changed(stack="sandbox")))


def _postgres() -> Iterable[Manifest]:
    labels = {"cnpg.io/cluster": "sandbox-postgres", "cnpg.io/podRole": "instance"}
    for number, where in enumerate(NODES[:3], start=1):
        role = "primary" if number == 1 else "replica"
        made = pod(
            DATABASES,
            f"sandbox-postgres-{number}",
            where,
            {**labels, "cnpg.io/instanceRole": role},
            affinity=apart(labels),
            volumes=[{"name": "pgdata", "persistentVolumeClaim": {"claimName": f"sandbox-postgres-{number}"}}],
        )
        yield owned(made, "Cluster", "sandbox-postgres")
        claim = {"namespace": DATABASES, "name": f"sandbox-postgres-{number}"}
        yield {"kind": "PersistentVolumeClaim", "metadata": claim, "spec": {"volumeName": f"disk-{number}"}}
        yield {"kind": "PersistentVolume", "metadata": {"name": f"disk-{number}"}, "spec": {}}
    for role, allowed in (("primary", 0), ("replica", 1)):
        name = "sandbox-postgres-primary" if role == "primary" else "sandbox-postgres"
        selector = {"cnpg.io/cluster": "sandbox-postgres", "cnpg.io/instanceRole": role}
        yield budget(DATABASES, name, selector, allowed)
    for application, places in (("shop", ("node-2", "node-4")), ("identity", ("node-1", "node-4"))):
        name = f"{application}-pooler"
        mine = {"cnpg.io/cluster": "sandbox-postgres", "cnpg.io/podRole": "pooler", "cnpg.io/poolerName": name}
        for where in places:
            yield owned(pod(DATABASES, f"{name}-5d-{where[-1]}", where, mine), "ReplicaSet", f"{name}-5d")


def _dragonfly() -> Iterable[Manifest]:
    for name, places in (("cache", NODES[1:]), ("queue", NODES[:2])):
        labels = {"app": name, "app.kubernetes.io/name": "dragonfly", "app.kubernetes.io/part-of": "dragonfly"}
        for number, where in enumerate(places):
            role = {"role": "master" if number == 0 else "replica"}
            gate = [{"conditionType": "dragonflydb.io/replication-ready"}]
            made = pod(CACHES, f"{name}-{number}", where, labels | role, affinity=apart(labels), readinessGates=gate)
            made["status"]["conditions"].append(condition("dragonflydb.io/replication-ready"))
            yield owned(made, "StatefulSet", name)
        yield budget(CACHES, name, labels, 1)


def _operators() -> Iterable[Manifest]:
    for image, name in (
        ("ghcr.io/cloudnative-pg/cloudnative-pg:1.30.0", "cnpg"),
        ("ghcr.io/dragonflydb/operator:v1.6.1", "dragonfly"),
    ):
        for where in NODES[2:]:
            containers = [{"name": "manager", "image": image}]
            made = pod(f"sandbox-{name}-system", f"{name}-manager-7f-{where[-1]}", where, {}, containers=containers)
            yield owned(made, "ReplicaSet", f"{name}-manager-7f")


def _backups() -> Iterable[Manifest]:
    yield {
        "kind": "Backup",
        "metadata": {"namespace": DATABASES, "name": "sandbox-postgres-1", "creationTimestamp": before(hours=2)},
        "spec": {"cluster": {"name": "sandbox-postgres"}},
        "status": {"phase": "completed", "startedAt": before(minutes=90), "stoppedAt": before(minutes=85)},
    }
    job = {
        "kind": "Job",
        "metadata": {
            "namespace": DATABASES,
            "name": "sandbox-postgres-validation-1",
            "creationTimestamp": before(minutes=31),
        },
        "status": {"conditions": [condition("Complete")]},
    }
    yield owned(job, "CronJob", "sandbox-postgres-validation")
    done = pod(DATABASES, "sandbox-postgres-validation-1-x", "node-4", {})
    done["status"]["phase"] = "Succeeded"
    yield owned(done, "Job", "sandbox-postgres-validation-1")


_STATUS: Mapping[str, Manifest] = {
    "Cluster": {
        "phase": HEALTHY,
        "currentPrimary": "sandbox-postgres-1",
        "targetPrimary": "sandbox-postgres-1",
        "readyInstances": 3,
        "instances": 3,
        "conditions": [condition("Ready"), condition("ContinuousArchiving")],
    },
    "PodDisruptionBudget": {"disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1},
    "Dragonfly": {"phase": "Ready", "isRollingUpdate": False},
    "ExternalSecret": {
        "conditions": [condition("Ready", reason="SecretSynced", message="secret synced")],
        "refreshTime": before(minutes=20),
    },
    "CronJob": {"lastSuccessfulTime": before(minutes=30)},
}


class World:
    """The objects of the cluster, by kind; changed in place by a test."""

    def __init__(self) -> None:
        made = [*_declared(), *map(node, NODES), *_postgres(), *_dragonfly(), *_operators(), *_backups()]
        self.objects: list[Manifest] = copy.deepcopy(made)
        for manifest in self.objects:
            if manifest["kind"] in _STATUS and "status" not in manifest:
                manifest["status"] = copy.deepcopy(_STATUS[manifest["kind"]])
            manifest["metadata"].setdefault("creationTimestamp", before(days=30))
        store = self.one("ObjectStore", "sandbox-postgres", DATABASES)
        window = {"lastSuccessfulBackupTime": before(minutes=85), "firstRecoverabilityPoint": before(days=7)}
        store["status"] = {"serverRecoveryWindow": {"sandbox-postgres": window}}
        self.refused: dict[str, str] = {}
        """Kind → why it could not be listed."""
        self.not_served: set[str] = set()
        self.keys: dict[tuple[str, str], frozenset[str]] = {}
        for secret in self.all("ExternalSecret"):
            spec, metadata = secret["spec"], secret["metadata"]
            named = {it["secretKey"] for it in spec["data"]} | set(spec["target"]["template"].get("data", {}))
            self.keys[metadata["namespace"], spec["target"]["name"]] = frozenset(named)
        good = drill_report(before(days=2))
        self.report: Document = Document({"last.json": good, "last-good.json": good})
        self.log: Document = Document(validation_report())
        self.metrics: Metrics = NO_METRICS
        self.skew = 0.0

    def all(self, kind: str) -> list[Manifest]:
        """The objects of a kind."""
        return [it for it in self.objects if it["kind"] == kind]

    def one(self, kind: str, name: str, namespace: str | None = None) -> Manifest:
        """The object of this name."""
        [found] = [
            it
            for it in self.all(kind)
            if it["metadata"]["name"] == name and namespace in (None, it["metadata"].get("namespace"))
        ]
        return found

    def remove(self, kind: str, *names: str) -> None:
        """Takes objects away; without names all of a kind."""
        self.objects = [
            it for it in self.objects if it["kind"] != kind or (names and it["metadata"]["name"] not in names)
        ]

    def cron(self, annotation: str) -> Manifest:
        """The CronJob that says what it is for."""
        [found] = [it for it in self.all("CronJob") if annotation in it["metadata"].get("annotations", {})]
        return found

    def seen(self) -> Seen:
        """What the page would have read."""
        seen = Seen("here", "https://here.example.org", "kubectl --context here", NOW, self.skew)
        for wanted in (*LISTED, SECRETS):
            kind = wanted.of[1]
            group = wanted.group
            found = [
                Thing(it) for it in self.all(kind) if (it.get("apiVersion", "").rpartition("/")[0] or group) == group
            ]
            why = self.refused.get(kind, "")
            seen.lists[wanted.of] = Listing(
                wanted,
                () if why else tuple(found),
                why,
                served=kind not in self.not_served and (bool(found) or wanted in LISTED[:-5] or wanted is SECRETS),
                version=wanted.version,
            )
        seen.secret_keys = {} if seen.lists[SECRET].why else dict(self.keys)
        crons = [it for it in self.all("CronJob") if RESTORES in it["metadata"].get("annotations", {})]
        if crons:
            seen.reports = {(DRILLS, "sandbox-postgres-drill-report"): self.report}
        if any(VALIDATES in it["metadata"].get("annotations", {}) for it in self.all("CronJob")):
            seen.logs = {POSTGRES: self.log}
        return seen

    def answers(self, **asked: Any) -> list[Answer]:
        """All answers."""
        return answers(self.seen(), metrics=self.metrics, **asked)

    def drains(self, node: str | None = None) -> list[Answer]:
        """The answers about nodes."""
        return drain.answers(self.seen(), self.metrics, node)

    def answer(self, topic: Topic, about: str, **asked: Any) -> Answer:
        """The one answer to a question."""
        [found] = [it for it in self.answers(**asked) if (it.topic, it.about) == (topic, about)]
        return found


Change = Callable[[World], object]
