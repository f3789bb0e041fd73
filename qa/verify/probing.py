"""Runs probe pods and reads what they found."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from seawall.components.kubernetes.external_secret import API_VERSION as EXTERNAL_SECRETS
from seawall.qa.checks.context import Probe, Result
from seawall.qa.checks.model import UndecidedError
from seawall.qa.verify import pods
from seawall.qa.verify.api import KubeCluster, RefusedError, is_simulated
from seawall.qa.verify.run import Run

Manifest = dict[str, Any]

PAUSE_S = 1.0


class PodProber:
    """Probe pods of one run."""

    def __init__(
        self, run: Run, stores: Mapping[str, tuple[str, str]], told: Callable[[str], None] = lambda _: None
    ) -> None:
        """`stores`: cluster → kind and name of its secret store."""
        self._run = run
        self._stores = stores
        self._told = told
        self._numbers = itertools.count(1)
        self._making = threading.Lock()
        self._programs: dict[tuple[str, str], Manifest] = {}
        self._fresh: dict[str, str] = {}

    def fresh(self, cluster: str) -> str:
        """A namespace of the run's own, which nobody has allowed anything."""
        with self._making:
            if cluster not in self._fresh:
                made = self._made(cluster, pods.namespace(self._run.id), "the namespace for denied probes")
                self._fresh[cluster] = made["metadata"]["name"]
            return self._fresh[cluster]

    def run(self, probes: Sequence[Probe]) -> list[list[Result]]:
        """Runs probes side by side. Raises `UndecidedError` when one of them brought no result."""
        started: list[tuple[Probe, Manifest, list[Manifest]]] = []
        try:
            for probe in probes:
                started.append(self._start(probe))
            return [self._finished(probe, pod) for probe, pod, _ in started]
        finally:
            for probe, pod, fetched in started:
                for thing in (pod, *fetched):
                    self._run.remove(probe.where.cluster, thing)

    @contextmanager
    def running(self, probe: Probe) -> Iterator[None]:
        """Within the block a probe runs."""
        _, pod, fetched = self._start(probe)
        try:
            self._ended(probe, pod, ("Running", "Succeeded", "Failed"))
            yield
        finally:
            for thing in (pod, *fetched):
                self._run.remove(probe.where.cluster, thing)

    def _start(self, probe: Probe) -> tuple[Probe, Manifest, list[Manifest]]:
        where = probe.where
        program = self._program(where.cluster, where.namespace)
        number = next(self._numbers)
        wanted: list[Manifest] = []
        known: dict[str, tuple[str, str]] = {}
        if probe.secrets:
            store = self._stores.get(where.cluster)
            if store is None:
                raise UndecidedError(f"needs eso: nobody says which secret store {where.cluster} has")
            wanted, known = pods.secrets(self._run.id, number, where.namespace, probe.secrets, store)
        fetched = [self._made(where.cluster, it, f"an ExternalSecret in {where.namespace}") for it in wanted]
        made = pods.pod(self._run.id, number, probe, program, known)
        self._told(f"a probe in {where}")
        return probe, self._made(where.cluster, made, f"a probe pod in {where.namespace}"), fetched

    def _program(self, cluster: str, namespace: str) -> Manifest:
        with self._making:
            key = (cluster, namespace)
            if key not in self._programs:
                if self._run.cluster(cluster).find("v1", "Namespace", namespace) is None:
                    raise UndecidedError(f"there is no namespace {namespace} on {cluster}")
                program = pods.program(self._run.id, namespace)
                self._programs[key] = self._made(cluster, program, f"a ConfigMap in {namespace}")
            return self._programs[key]

    def _made(self, cluster: str, manifest: Manifest, what: str) -> Manifest:
        try:
            return {**manifest, **self._run.create(cluster, manifest)}
        except RefusedError as error:
            raise UndecidedError(f"the API server of {cluster} refuses {what}: {error}") from None

    def _finished(self, probe: Probe, made: Manifest) -> list[Result]:
        return self._read(self._run.cluster(probe.where.cluster), probe, self._ended(probe, made))

    def _ended(self, probe: Probe, made: Manifest, phases: Sequence[str] = ("Succeeded", "Failed")) -> Manifest:
        """The pod as soon as it is in one of these phases."""
        cluster, metadata = self._run.cluster(probe.where.cluster), made["metadata"]
        end = time.monotonic() + probe.seconds + pods.START_S
        while True:
            pod = cluster.find("v1", "Pod", metadata["name"], metadata["namespace"])
            if pod is None:
                raise UndecidedError(f"somebody removed the probe pod in {probe.where}")
            self._really(cluster, pod)
            if pod.get("status", {}).get("phase") in phases:
                return pod
            if time.monotonic() > end:
                raise UndecidedError(f"the probe pod in {probe.where} did not end: {self._waiting(cluster, pod)}")
            self._run.wait(PAUSE_S)

    def _really(self, cluster: KubeCluster, pod: Manifest) -> None:
        """A simulated node runs nothing, whatever the pod's status says."""
        on = pod.get("spec", {}).get("nodeName")
        node = cluster.find("v1", "Node", on) if on else None
        if node is not None and is_simulated(node):
            raise UndecidedError(f"needs kubelet: {on} is simulated, nothing runs there")

    def _read(self, cluster: KubeCluster, probe: Probe, pod: Manifest) -> list[Result]:
        metadata = pod["metadata"]
        states = pod.get("status", {}).get("containerStatuses") or [{}]
        ended = states[0].get("state", {}).get("terminated") or {}
        found = pods.result(str(ended.get("message", "")), probe.steps)
        if found is None:
            try:
                found = pods.result(cluster.log(metadata["namespace"], metadata["name"], pods.CONTAINER), probe.steps)
            except RefusedError as error:
                raise UndecidedError(f"the result of the probe in {probe.where} cannot be read: {error}") from None
        why = pod.get("status", {}).get("reason") or ended.get("reason") or "no result"
        if found is None:
            raise UndecidedError(f"the probe in {probe.where} brought no result: {why}")
        if any(it["outcome"] == "mistake" for it in found):
            raise UndecidedError(f"the probe's own program failed in {probe.where}: {found}")
        return list(found)

    def _waiting(self, cluster: KubeCluster, pod: Manifest) -> str:
        """Why a pod does not run, as far as the API server tells."""
        metadata, status = pod["metadata"], pod.get("status", {})
        for state in status.get("containerStatuses") or []:
            waiting = state.get("state", {}).get("waiting")
            if waiting and waiting.get("reason") == "CreateContainerConfigError":
                return self._unfetched(cluster, metadata) or str(waiting.get("message", waiting["reason"]))
            if waiting:
                return f"{waiting.get('reason')}: {waiting.get('message', '')}"
        unmet = [it.get("message", "") for it in status.get("conditions") or [] if it.get("status") == "False"]
        return next((text for text in unmet if text), "no reason is told")

    def _unfetched(self, cluster: KubeCluster, metadata: Manifest) -> str | None:
        for secret in cluster.every(EXTERNAL_SECRETS, "ExternalSecret", metadata["namespace"]):
            if secret["metadata"]["name"].startswith(f"{metadata['name']}-"):
                for condition in secret.get("status", {}).get("conditions") or []:
                    if condition.get("type") == "Ready" and condition.get("status") != "True":
                        return f"its secret does not arrive: {condition.get('reason')}"
        return None
