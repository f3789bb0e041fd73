"""Two real API servers with the stacks `infra` and `apps` on them, as two clusters of one mesh; nothing runs there.

Real: API servers, the CloudNativePG operator, the scheduler, budgets, the eviction API, Pod Security Admission, an S3
API. Simulated: nodes, kubelets, the network; the Secrets of ExternalSecrets are doubles.
"""

import copy
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import yaml
from rich.console import Console
from sandbox_helpers import until
from stack_in_sandbox import api_of, apply, delete, deploy, items, ready, secret_doubles
from verify_world import declared

from seawall.operators.cnpg import POD_ROLE_LABEL
from seawall.operators.dragonfly.projection import project
from seawall.operators.versions import DRAGONFLY_OPERATOR, dragonfly_behaviour
from seawall.qa.checks.object_store import archive
from seawall.qa.verify import Place, marks
from seawall.qa.verify.api import KubeCluster
from seawall.sandbox.cluster import Sandbox
from seawall.sandbox.plugins.kubernetes.client import ApiError, ApiServer

INFRA, APPS = "infra", "apps"
SESSION = {"aws_access_key_id": "any", "aws_secret_access_key": "any", "region_name": "eu-central-1"}
PATIENCE_S = 120.0
FORGETS = timedelta(seconds=3)


@dataclass
class Clusters:
    """Both clusters, and one kubeconfig with a context for each, named as the stacks name them."""

    infra: Sandbox
    apps: Sandbox
    kubeconfig: Path

    @property
    def s3(self) -> str:
        """The address of the S3 API."""
        return self.infra.endpoints.s3

    @property
    def session(self) -> boto3.Session:
        """With keys that are none."""
        return boto3.Session(**SESSION)

    def place(self) -> Place:
        """For `here`."""
        return Place(self.kubeconfig, INFRA, INFRA, self.s3, self.session)

    def peer(self) -> Place:
        """For `here`."""
        return Place(self.kubeconfig, APPS, APPS)

    def api(self) -> ApiServer:
        """The API server of `infra`, for tests that change something."""
        return api_of(self.infra.endpoints)

    def cluster(self, name: str = INFRA) -> KubeCluster:
        """One of them as verify has it."""
        return KubeCluster(name, self.kubeconfig)


@contextmanager
def standing(folder: Path) -> Iterator[Clusters]:
    """Starts both, deploys both stacks, waits for the poolers, puts backups into the bucket; stops both."""
    made = Clusters(Sandbox(folder / "i"), Sandbox(folder / "a"), folder / "kubeconfig")
    try:
        for name in (INFRA, APPS):
            declared(name)  # here: the engine's SDK keeps state of its own
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(_start, (INFRA, APPS), (made.infra, made.apps)))
        made.kubeconfig.write_text(yaml.safe_dump(_kubeconfig(made)))
        _archive(made)
        until(lambda: _poolers_run(made.api()), "the poolers' pods", PATIENCE_S)
        yield made
    finally:
        made.infra.stop()
        made.apps.stop()


def _start(name: str, sandbox: Sandbox) -> None:
    sandbox.start(Console(stderr=True))
    _deploy(name, sandbox)


def _deploy(name: str, sandbox: Sandbox) -> None:
    objects = [dict(it.inputs) for it in declared(name).resources if "kind" in it.inputs and "metadata" in it.inputs]
    api = api_of(sandbox.endpoints)
    own = [it for it in objects if it["kind"] == "Namespace"]
    made = {it["metadata"]["name"] for it in own}
    for it in own:
        assert apply(api, it) == []
    sandbox.ensure_namespaces(sorted({it["metadata"].get("namespace") for it in objects} - made - {None}))
    stack = declared(name)
    clients = (
        {it.namespace for it in (*stack.cache_connections(), *stack.database_connections())} if name == INFRA else set()
    )
    sandbox.ensure_namespaces(sorted({*clients, "observability"} - made))
    deploy(api, [*secret_doubles(objects), *(it for it in objects if it["kind"] != "Namespace")])


def _kubeconfig(made: Clusters) -> dict[str, Any]:
    """Both sandboxes under the names of the stacks' contexts."""
    whole: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []}
    for name, sandbox in ((INFRA, made.infra), (APPS, made.apps)):
        given = yaml.safe_load(sandbox.endpoints.kubeconfig.read_text())
        for kind, field in (("clusters", "cluster"), ("users", "user")):
            whole[kind].append({"name": name, field: copy.deepcopy(given[kind][0][field])})
        whole["contexts"].append({"name": name, "context": {"cluster": name, "user": name}})
    return {**whole, "current-context": INFRA}


def _archive(made: Clusters) -> None:
    """A double of three days of backups, in the forms of barman-cloud; real ones are in tests/data."""
    s3 = made.session.client("s3", endpoint_url=made.s3)
    key = made.session.client("kms", endpoint_url=made.s3).create_key()["KeyMetadata"]["Arn"]
    [postgres] = declared(INFRA).databases
    bucket, folder = postgres.settings.backup.bucket, archive(postgres)
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    names = {f"{folder}wals/0000000100000000/000000010000000000000009.gz": b"wal"}
    for days in range(3):
        began = f"{datetime.now(UTC) - timedelta(days=days, hours=3):%Y%m%dT%H%M%S}"
        names |= {f"{folder}base/{began}/data.tar.gz": b"data", f"{folder}base/{began}/backup.info": b"status=DONE\n"}
    for name, body in names.items():
        s3.put_object(Bucket=bucket, Key=name, Body=body, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)


def _poolers_run(api: ApiServer) -> bool:
    [postgres] = declared(INFRA).databases
    wanted = sum(it.settings.instances for it in postgres.applications)
    pods = items(api, "v1", "Pod", postgres.namespace, f"{POD_ROLE_LABEL}=pooler")
    instances = items(api, "v1", "Pod", postgres.namespace, f"{POD_ROLE_LABEL}=instance")
    return bool(instances) and sum(it.get("status", {}).get("phase") == "Running" for it in pods) == wanted


def data_pods(made: Clusters) -> None:
    """Doubles of the Dragonfly operator's StatefulSets, with one pod of each called master; all of them Ready."""
    api = made.api()
    behaviour = dragonfly_behaviour(DRAGONFLY_OPERATOR)
    assert behaviour is not None
    for resource in declared(INFRA).objects("Dragonfly"):
        for it in project(dict(resource), behaviour, operator_version=DRAGONFLY_OPERATOR):
            if it["kind"] in ("StatefulSet", "PodDisruptionBudget"):
                assert apply(api, it) == []
    until(lambda: budgets_allow(api), "budgets that let a pod go", PATIENCE_S)
    for cache in declared(INFRA).caches:
        until(lambda it=cache: _ready(api, it), f"the data pods of {cache.name}", PATIENCE_S)  # type: ignore[misc]
        first = {"name": f"{cache.name}-0", "namespace": cache.namespace, "labels": {"role": "master"}}
        assert apply(api, {"apiVersion": "v1", "kind": "Pod", "metadata": first}) == []


def _ready(api: ApiServer, cache: Any) -> bool:
    """Whether there are exactly the pods that there should be, and none is on its way out."""
    pods = items(api, "v1", "Pod", cache.namespace, f"app={cache.name}")
    return len(pods) == cache.settings.replicas and all(map(ready, pods))


def no_data_pods(made: Clusters) -> None:
    """Takes them away, and waits until they have gone: pods of one test are never taken for those of the next."""
    api = made.api()
    for cache in declared(INFRA).caches:
        delete(api, "apps/v1", "StatefulSet", cache.namespace, cache.name)
        delete(api, "policy/v1", "PodDisruptionBudget", cache.namespace, cache.name)
    for cache in declared(INFRA).caches:
        until(
            lambda it=cache: not items(api, "v1", "Pod", it.namespace, f"app={it.name}"),  # type: ignore[misc]
            f"no data pods of {cache.name}",
            PATIENCE_S,
        )


def budgets_allow(api: ApiServer) -> bool:
    """Whether every budget with pods lets one of them go; evictions of long ago are forgotten.

    A budget remembers an eviction by the pod's name until the pod has gone, at most for two minutes. A simulated pod is
    back under its name before anybody has looked, and one whose eviction was interrupted never goes.
    """
    served = api.kind("policy/v1", "PodDisruptionBudget")
    assert served is not None
    good = True
    for it in items(api, "policy/v1", "PodDisruptionBudget"):
        status, metadata = it.get("status", {}), it["metadata"]
        noted = status.get("disruptedPods") or {}
        fresh = {name: at for name, at in noted.items() if datetime.now(UTC) - datetime.fromisoformat(at) < FORGETS}
        if fresh != noted:
            path = f"{served.path(metadata['namespace'], metadata['name'])}/status"
            with suppress(ApiError):  # somebody else has changed it: the next look sees to it
                api.request("PUT", path, body={**it, "status": {**status, "disruptedPods": fresh}})
        good &= not status.get("expectedPods") or status["disruptionsAllowed"] > 0
    return good


@contextmanager
def forgetting(made: Clusters) -> Iterator[None]:
    """Within the block budgets forget evictions in seconds."""
    over = threading.Event()

    def work() -> None:
        api = made.api()
        while not over.wait(0.5):
            budgets_allow(api)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def no_production(made: Clusters, *, says: bool = True) -> None:
    """`infra` says of itself that it is no production, or does so no more."""
    metadata = {"name": "kube-system", **({"labels": {marks.NON_PRODUCTION: "true"}} if says else {})}
    assert apply(made.api(), {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}) == []


MARKED = (
    ("v1", "Pod"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Namespace"),
    ("v1", "Node"),
    ("postgresql.cnpg.io/v1", "Pooler"),
    ("postgresql.cnpg.io/v1", "Cluster"),
    ("external-secrets.io/v1", "ExternalSecret"),
)


def marked(made: Clusters, run: str | None = None) -> list[str]:
    """Everything on both clusters that carries a mark of verify, or is cordoned or paused. Looked for by hand."""
    found = []
    for name, sandbox in ((INFRA, made.infra), (APPS, made.apps)):
        api = api_of(sandbox.endpoints)
        for api_version, kind in MARKED:
            for it in items(api, api_version, kind):
                labels = it["metadata"].get("labels") or {}
                mine = {key: value for key, value in labels.items() if key.startswith("seawall.dev/verify-")}
                halted = it.get("spec", {}).get("unschedulable") or it.get("spec", {}).get("pgbouncer", {}).get(
                    "paused"
                )
                if (mine or halted) if run is None else run in mine.values():
                    found.append(f"{name}: {kind} {it['metadata']['name']} {mine or 'halted'}")
    return found
