"""Doubles of two clusters, a metrics store and a bucket in which every check of the register passes.

They are made from the same stacks that the checks expect, plus what operators and kubelets would add. A test breaks one
thing and sees which check notices. What really answers is tested elsewhere: the API server in
`test_verify_sandbox.py`, sockets in `tests/net`, PostgreSQL in `tests/data`, HTTP in `test_promql.py`.
"""

import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from stack_samples import CHECKOUT
from verify_objects import READY, ClusterDouble, pod

from seawall.components.cnpg.drill.names import report_name
from seawall.operators import cnpg, dragonfly
from seawall.operators.dragonfly.projection import project
from seawall.operators.versions import DRAGONFLY_OPERATOR, dragonfly_behaviour
from seawall.pages.stacks import read_one
from seawall.qa.checks import all_checks
from seawall.qa.checks.context import Context, Probe, Result, Series, Stored
from seawall.qa.checks.object_store import archive
from seawall.qa.checks.stacks import Declared
from seawall.qa.evidence.model import Observation

Manifest = dict[str, Any]
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
FRESH = "seawall-verify-test"


@cache
def declared(name: str) -> Declared:
    """A stack of this checkout."""
    stack = read_one(CHECKOUT, name)
    return Declared(stack.name, stack.settings, stack.recording.resources)


@dataclass
class World:
    """Everything that a check can look at."""

    stack: Declared = field(default_factory=lambda: declared("infra"))
    consumer: Declared = field(default_factory=lambda: declared("apps"))
    cluster: ClusterDouble = field(default_factory=lambda: ClusterDouble("infra"))
    peer: ClusterDouble = field(default_factory=lambda: ClusterDouble("apps"))
    answers: dict[str, Callable[[Probe, Mapping[str, Any], Result], Result]] = field(default_factory=dict)
    """Kind of step → what a test makes of the right answer."""
    series: Callable[[str], list[Series] | Exception] | None = None
    """What a test has the metrics store say; None for the right answer."""
    bucket: dict[str, Stored] = field(default_factory=dict)
    heads: dict[str, dict[str, str]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    firing: set[str] = field(default_factory=set)
    silent: bool = False
    """Whether no alert ever fires."""
    stubborn: str | None = None
    """What the API server says to every eviction."""
    cordoned_nodes: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    waited: float = 0.0

    def __post_init__(self) -> None:
        for it in self.stack.resources:
            if "metadata" in it.inputs and "kind" in it.inputs:
                self.cluster.objects.append(copy.deepcopy(dict(it.inputs)))
        for it in self.consumer.resources:
            if "metadata" in it.inputs and "kind" in it.inputs:
                self.peer.objects.append(copy.deepcopy(dict(it.inputs)))
        for it in (*self.cluster.every("", "ExternalSecret"), *self.peer.every("", "ExternalSecret")):
            it["status"] = copy.deepcopy(READY)
        self._operators()
        self._caches()
        self._databases()
        self._backups()

    def _operators(self) -> None:
        place = self.stack.settings.operators.dragonfly.namespace
        labels = dict(dragonfly.OPERATOR_POD_LABELS)
        template = {"metadata": {"labels": labels}}
        status = {"availableReplicas": 2}
        self.cluster.add("Deployment", place, "dragonfly-operator", spec={"template": template}, status=status)
        pod(self.cluster, place, "dragonfly-operator-a", labels, "n1")
        self.cluster.one("PodDisruptionBudget", "dragonfly-operator")["status"] = {"desiredHealthy": 1}
        self.cluster.add(
            "CustomResourceDefinition",
            None,
            "dragonflies.dragonflydb.io",
            spec={
                "group": "dragonflydb.io",
                "names": {"kind": "Dragonfly"},
                "versions": [{"name": "v1alpha1", "served": True}],
            },
            status={"conditions": [{"type": "Established", "status": "True"}]},
        )

    def _caches(self) -> None:
        behaviour = dragonfly_behaviour(DRAGONFLY_OPERATOR)
        assert behaviour is not None
        for cache_args in self.stack.caches:
            resource = self.cluster.one("Dragonfly", cache_args.name)
            resource["status"] = {"phase": "Ready"}
            for made in project(resource, behaviour, operator_version=DRAGONFLY_OPERATOR):
                if made["kind"] == "StatefulSet":
                    made["status"] = {"readyReplicas": cache_args.settings.replicas}
                if made["kind"] != "NetworkPolicy":
                    self.cluster.objects.append(made)
            for number in range(cache_args.settings.replicas):
                self.data_pod(cache_args.name, number, "master" if number == 0 else "replica")
                snapshot = cache_args.settings.snapshot
                assert snapshot is not None
                self.cluster.add(
                    "PersistentVolumeClaim",
                    cache_args.namespace,
                    f"df-{cache_args.name}-{number}",
                    spec={"storageClassName": snapshot.storage_class},
                    status={"phase": "Bound"},
                )

    def data_pod(self, name: str, number: int, role: str, life: int = 0) -> Manifest:
        """A data pod of an instance; `life` makes it another one of the same name."""
        [args] = [it for it in self.stack.caches if it.name == name]
        labels = {**dragonfly.pod_labels(name), "role": role}
        made = pod(
            self.cluster,
            args.namespace,
            f"{name}-{number}",
            labels,
            f"n{number + 1}",
            containers=[{"name": "dragonfly", "image": args.settings.image}],
        )
        made["metadata"]["uid"] += f"#{life}"
        return made

    def _databases(self) -> None:
        for postgres in self.stack.databases:
            place = postgres.namespace
            status = {"currentPrimary": f"{postgres.name}-1", **READY}
            self.cluster.one("Cluster", postgres.name)["status"] = copy.deepcopy(status)
            ports = [{"name": "metrics", "containerPort": cnpg.INSTANCE_METRICS_PORT}]
            for number in range(1, postgres.settings.instances + 1):
                role = "primary" if number == 1 else "replica"
                labels = {**cnpg.instance_labels(postgres.name), cnpg.INSTANCE_ROLE_LABEL: role}
                containers = [{"name": "postgres", "image": postgres.settings.image, "ports": ports}]
                pod(self.cluster, place, f"{postgres.name}-{number}", labels, f"n{number}", containers=containers)
            service = cnpg.service_names(postgres.name)["rw"]
            self.cluster.add("Service", place, service, spec={})
            self._slice(place, service)
            for it in postgres.applications:
                count = it.settings.instances
                self.cluster.add(
                    "Deployment",
                    place,
                    it.pooler,
                    status={"availableReplicas": count},
                    spec={"template": {"metadata": {"labels": cnpg.pooler_labels(it.pooler)}}},
                )
                self.cluster.add("Service", place, it.pooler, labels=cnpg.pooler_labels(it.pooler), spec={})
                labels = {
                    **cnpg.pooler_labels(it.pooler),
                    cnpg.CLUSTER_LABEL: postgres.name,
                    cnpg.POD_ROLE_LABEL: "pooler",
                }
                volumes = [{"secret": {"secretName": cnpg.authority_secret(postgres.name)}}]
                ports = [{"name": "metrics", "containerPort": cnpg.POOLER_METRICS_PORT}]
                for number in range(count):
                    pod(
                        self.cluster,
                        place,
                        f"{it.pooler}-{number}",
                        labels,
                        f"n{number + 1}",
                        volumes=volumes,
                        containers=[{"name": "pgbouncer", "image": "pgbouncer:1", "ports": ports}],
                    )

    def _slice(self, namespace: str, service: str) -> None:
        labels = {"kubernetes.io/service-name": service}
        endpoints = [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}]
        self.cluster.add("EndpointSlice", namespace, f"{service}-a", labels=labels, endpoints=endpoints)

    def _backups(self) -> None:
        for postgres in self.stack.databases:
            folder, settings = archive(postgres), postgres.settings
            for days in range(4):
                began = NOW - timedelta(days=days, hours=10)
                base = f"{folder}base/{began:%Y%m%dT%H%M%S}"
                self.put(f"{base}/data.tar.gz", began)
                self.put(f"{base}/backup.info", began, b"a=b\nstatus=DONE\n")
            self.put(f"{folder}wals/0000000100000000/000000010000000000000009", NOW)
            drill = settings.restore_drill
            assert drill is not None
            report = {
                "source": f"{postgres.namespace}/{postgres.name}",
                "ok": True,
                "failure": None,
                "started_at": (NOW - timedelta(hours=2)).isoformat(),
                "ended_at": (NOW - timedelta(hours=1)).isoformat(),
                "backup": {"id": f"{NOW - timedelta(hours=10):%Y%m%dT%H%M%S}"},
                "recovered": {"whole": True},
                "checks": [{"database": it.database, "ok": True} for it in postgres.applications],
            }
            name = report_name(postgres.name)
            self.cluster.one("ConfigMap", name)["data"] = {"last.json": json.dumps(report)}

    def put(self, key: str, modified: datetime, content: bytes = b"") -> None:
        """An object in the bucket."""
        self.bucket[key] = Stored(key, len(content), modified)
        self.contents[key] = content
        self.heads[key] = {"encryption": "aws:kms", "key": "arn:aws:kms:eu-central-1:123456789012:key/x"}

    def report(self, **changes: Any) -> None:
        """Changes the report of the last restore."""
        found = self.cluster.one("ConfigMap", report_name(self.stack.databases[0].name))
        found["data"]["last.json"] = json.dumps({**json.loads(found["data"]["last.json"]), **changes})

    # What a check is given.

    def context(self, **changes: Any) -> Context:
        given: dict[str, Any] = {
            "stack": self.stack,
            "checkout": CHECKOUT,
            "consumer": self.consumer,
            "cluster": self.cluster,
            "peer": self.peer,
            "prober": self,
            "metrics": self,
            "store": self,
            "disruption": self,
            "now": lambda: NOW,
            "wait": self._wait,
        }
        return Context(**{**given, **changes})

    def run_check(self, test: str, **changes: Any) -> list[Observation]:
        """What a check observes here."""
        return list(all_checks()[test].run(self.context(**changes)))

    def _wait(self, seconds: float) -> None:
        self.waited += seconds

    # As prober.

    def fresh(self, cluster: str) -> str:
        return FRESH

    def run(self, probes: Sequence[Probe]) -> list[list[Result]]:
        return [[self._answer(probe, step) for step in probe.steps] for probe in probes]

    @contextmanager
    def running(self, probe: Probe) -> Iterator[None]:
        yield

    def _answer(self, probe: Probe, step: Mapping[str, Any]) -> Result:
        kind = str(step["kind"])
        right = self._right(probe, kind, step)
        change = self.answers.get(kind)
        return change(probe, step, right) if change is not None else right

    def _right(self, probe: Probe, kind: str, step: Mapping[str, Any]) -> Result:
        if kind == "dns":
            return {"outcome": "resolved", "addresses": ["10.0.0.9"], "seconds": 0.01}
        if kind == "tcp":
            return {"outcome": "dropped", "seconds": 8.0}
        if kind == "metrics":
            return {"outcome": "open", "status": 200, "lines": 40}
        if kind == "redis-ping":
            return {"outcome": "open", "reply": "PONG", "p95_ms": 1.5, "samples": step.get("times", 1)}
        if kind == "redis-write":
            return {"outcome": "open", "written": step["count"], "replicas": step["replicas"]}
        if kind == "redis-read":
            return {"outcome": "open", "read": step["count"], "missing": 0, "master": True}
        if kind == "postgres-prepared":
            return {"outcome": "signed-in", "answers": 2, "backends": 2}
        if kind == "postgres-load":
            return {
                "outcome": "loaded",
                "signed_in": step["clients"],
                "answers": 900,
                "longest_s": 2.0,
                "failed": 0,
                "failures": {},
                "server": 40,
                "limit": 260,
            }
        return self._signed_in(probe, step)

    def _signed_in(self, probe: Probe, step: Mapping[str, Any]) -> Result:
        rejected = {"outcome": "rejected", "asked": False, "sqlstate": "28000", "why": "rejected"}
        if step.get("user") == "postgres":
            open_now = self.cluster.one("Cluster", self.stack.databases[0].name)["spec"]["enableSuperuserAccess"]
            if probe.where.namespace == FRESH:
                return {"outcome": "dropped", "seconds": 8.0}
            return {"outcome": "signed-in"} if open_now and "password" in step else rejected
        [mine] = {it.database: it for it in self.stack.database_connections() if it.host == step["host"]}.values()
        if step.get("tls") == "disable" or step["database"] != mine.database:
            return rejected
        row = ["t", "TLSv1.3"] if "pg_stat_ssl" in str(step.get("query")) else [mine.role, mine.database]
        return {"outcome": "signed-in", "asked": True, "tls": "TLSv1.3", "row": row}

    # As metrics store.

    def query(self, expression: str) -> list[Series]:
        if self.series is not None:
            found = self.series(expression)
            if isinstance(found, Exception):
                raise found
            return found
        if expression.startswith("ALERTS"):
            fires = any(f'alertname="{name}"' in expression for name in self.firing) and not self.silent
            return [Series({}, [(0.0, 1.0)])] if fires else []
        return [Series({}, [(0.0, 12.0)])]

    def query_range(self, expression: str, *, seconds: int, step: int) -> list[Series]:
        if self.series is not None:
            found = self.series(expression)
            if isinstance(found, Exception):
                raise found
            return found
        times = [(float(at), 2.0) for at in range(0, seconds + 1, step)]
        return [Series({"pod": str(number)}, times) for number in range(3)]

    # As bucket.

    def list(self, bucket: str, prefix: str) -> list[Stored]:
        return [it for key, it in sorted(self.bucket.items()) if key.startswith(prefix)]

    def head(self, bucket: str, key: str) -> Mapping[str, str]:
        return self.heads[key]

    def read(self, bucket: str, key: str) -> bytes:
        return self.contents[key]

    # As what changes things.

    @contextmanager
    def cordoned(self, node: str) -> Iterator[None]:
        self.cordoned_nodes.append(node)
        try:
            yield
        finally:
            self.cordoned_nodes.remove(node)
            self.undone.append(node)
            for cache_args in self.stack.caches:
                self._heal(cache_args.name)

    def evict(self, pod: Manifest) -> str | None:
        if self.stubborn is not None:
            return self.stubborn
        if pod in self.cluster.objects:
            self.cluster.objects.remove(pod)
            name = pod["metadata"]["labels"].get("app")
            if not self.cordoned_nodes and name is not None:
                self._heal(name)
        return None

    def _heal(self, name: str) -> None:
        """What the operator and the scheduler do: every pod is there again, one of them the master."""
        [args] = [it for it in self.stack.caches if it.name == name]
        there = {it["metadata"]["name"] for it in self.cluster.every("", "Pod", args.namespace, args.pods)}
        for number in range(args.settings.replicas):
            if f"{name}-{number}" not in there:
                self.data_pod(name, number, "replica", life=1)
        pods = self.cluster.every("", "Pod", args.namespace, args.pods)
        if not any(it["metadata"]["labels"]["role"] == "master" for it in pods):
            pods[0]["metadata"]["labels"]["role"] = "master"

    @contextmanager
    def changed(
        self, api_version: str, kind: str, name: str, namespace: str | None, change: Manifest
    ) -> Iterator[None]:
        thing = self.cluster.one(kind, name)
        before = copy.deepcopy(thing)
        thing["spec"] = {**thing["spec"], **change["spec"]}
        if kind == "ExternalSecret":
            thing["status"] = {"conditions": [{"type": "Ready", "status": "False", "reason": "SecretSyncedError"}]}
            self.firing.add("CnpgSecretNotSynced")
        if kind == "Pooler":
            self.firing.add("CnpgPoolerClientsWaiting")
        try:
            yield
        finally:
            thing.clear()
            thing.update(before)
            self.firing.clear()
            self.undone.append(name)

    @contextmanager
    def created(self, manifest: Manifest) -> Iterator[None]:
        yield
        self.undone.append(manifest["metadata"]["name"])
