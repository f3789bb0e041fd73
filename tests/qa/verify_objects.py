"""A double of a cluster: objects by kind, in memory. The real API server is in `test_verify_sandbox.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Manifest = dict[str, Any]
READY = {"conditions": [{"type": "Ready", "status": "True", "reason": "SecretSynced"}]}


@dataclass
class ClusterDouble:
    """A cluster: objects by kind."""

    context: str
    objects: list[Manifest] = field(default_factory=list)
    simulated: bool = False

    def find(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Manifest | None:
        found = [it for it in self.every(api_version, kind, namespace) if it["metadata"]["name"] == name]
        return found[0] if found else None

    def every(
        self, api_version: str, kind: str, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> list[Manifest]:
        return [
            it
            for it in self.objects
            if it["kind"] == kind
            and namespace in (None, it["metadata"].get("namespace"))
            and (labels or {}).items() <= (it["metadata"].get("labels") or {}).items()
        ]

    def one(self, kind: str, name: str) -> Manifest:
        """For a test that changes it."""
        [found] = [it for it in self.objects if it["kind"] == kind and it["metadata"]["name"] == name]
        return found

    def drop(self, kind: str, name: str) -> None:
        self.objects.remove(self.one(kind, name))

    def add(self, kind: str, namespace: str | None, name: str, **more: Any) -> Manifest:
        metadata = {"name": name, "uid": f"{kind}/{namespace}/{name}", "labels": more.pop("labels", {})}
        if namespace is not None:
            metadata["namespace"] = namespace
        made = {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}
        self.objects.append(made)
        return made


def pod(
    cluster: ClusterDouble, namespace: str, name: str, labels: Mapping[str, str], node: str, **spec: Any
) -> Manifest:
    """A pod that runs and is Ready."""
    status = {"phase": "Running", "podIP": "10.0.0.1", **READY}
    owner = [{"kind": "StatefulSet", "name": name}]
    made = cluster.add("Pod", namespace, name, labels=dict(labels), spec={"nodeName": node, **spec}, status=status)
    made["metadata"]["ownerReferences"] = owner
    return made
