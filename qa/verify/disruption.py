"""Changes what runs on a cluster that is no production, and puts it back, whatever happens in between."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from seawall.qa.checks.model import UndecidedError
from seawall.qa.verify.api import KubeCluster, RefusedError
from seawall.qa.verify.marks import NON_PRODUCTION
from seawall.qa.verify.run import Run

Manifest = dict[str, Any]


def forbidden(cluster: KubeCluster) -> str | None:
    """Why nothing may be disrupted on a cluster; None when it says of itself that it is no production."""
    system = cluster.find("v1", "Namespace", "kube-system") or {}
    labels = system.get("metadata", {}).get("labels") or {}
    if labels.get(NON_PRODUCTION) == "true":
        return None
    return (
        f"context {cluster.context} does not say that it is no production: the namespace kube-system has no label "
        f"{NON_PRODUCTION}=true"
    )


class RunDisruption:
    """The changes of one run on one cluster. Raises `UndecidedError` where the API server refuses to begin one."""

    def __init__(self, run: Run, name: str) -> None:
        """`name`: the cluster's in the mesh."""
        self._run = run
        self._name = name

    @contextmanager
    def cordoned(self, node: str) -> Iterator[None]:
        """Within the block nothing new is placed on a node."""
        found = self._run.cluster(self._name).find("v1", "Node", node)
        if found is not None and found.get("spec", {}).get("unschedulable"):
            raise UndecidedError(f"{node} is cordoned already, by somebody else: it stays so, and is not drained")
        with self.changed("v1", "Node", node, None, {"spec": {"unschedulable": True}}):
            yield

    def evict(self, pod: Manifest) -> str | None:
        """Asks the API server to let a pod go; why it does not, or None when it does or the pod is gone."""
        self._run.wait(0)
        try:
            self._run.cluster(self._name).evict(pod)
        except RefusedError as error:
            return None if error.status in (404, 409) else str(error)
        return None

    @contextmanager
    def changed(
        self, api_version: str, kind: str, name: str, namespace: str | None, change: Manifest
    ) -> Iterator[None]:
        """Within the block an object has these fields."""
        with ExitStack() as block:
            try:
                block.enter_context(self._run.changed(self._name, api_version, kind, name, namespace, change))
            except RefusedError as error:
                raise UndecidedError(f"the API server refuses to change {kind} {name}: {error}") from None
            yield

    @contextmanager
    def created(self, manifest: Manifest) -> Iterator[None]:
        """Within the block an object of the run's own is there."""
        try:
            made = {**manifest, **self._run.create(self._name, manifest)}
        except RefusedError as error:
            raise UndecidedError(f"the API server refuses {manifest['kind']}: {error}") from None
        try:
            yield
        finally:
            self._run.remove(self._name, made)
