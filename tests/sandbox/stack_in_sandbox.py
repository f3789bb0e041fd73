"""A stack's objects in the sandbox, in namespaces of their own, applied as the engine would apply them.

Nothing here decides what is right: it places objects, applies them strictly, and keeps what the API server said.
"""

import base64
import copy
import uuid
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from seawall.components.kubernetes.namespace import namespace as restricted_namespace
from seawall.sandbox.cluster import Endpoints
from seawall.sandbox.plugins.kubernetes.client import ApiError, ApiServer
from seawall.sandbox.plugins.kubernetes.kubeconfig import connect
from seawall.sandbox.plugins.properties import Properties

Manifest = dict[str, Any]

_FIRST = ("Namespace", "ServiceAccount", "Secret", "ConfigMap", "ObjectStore", "PodDisruptionBudget", "Cluster")
"""What others need, in this order; then the rest."""


def api_of(endpoints: Endpoints) -> ApiServer:
    """The sandbox's API server."""
    given: dict[str, object] = {"kubeconfig": str(endpoints.kubeconfig), "context": endpoints.context}
    return ApiServer(connect(Properties(given)))


@dataclass
class Place:
    """Where a stack's objects are put: each namespace under a name of its own, so that nothing meets another test."""

    api: ApiServer
    suffix: str = field(default_factory=lambda: uuid.uuid4().hex[:6])
    made: dict[str, str] = field(default_factory=dict)
    """Namespace of the stack → the one in the sandbox."""

    def namespaces(self, manifests: Iterable[Manifest]) -> None:
        """Makes the namespaces that the objects are in: the stack's own with its labels, others restricted too."""
        given = list(manifests)
        own = {it["metadata"]["name"]: it for it in given if it["kind"] == "Namespace"}
        wanted = {*own, *(it["metadata"]["namespace"] for it in given if "namespace" in it["metadata"])}
        for name in sorted(wanted - self.made.keys()):
            manifest = copy.deepcopy(own.get(name) or restricted_namespace(name))
            manifest["metadata"]["name"] = self.made[name] = f"{name[:50]}-{self.suffix}"
            assert apply(self.api, manifest) == []

    def placed(self, manifest: Manifest) -> Manifest:
        """The object in its namespace here."""
        made = copy.deepcopy(manifest)
        if made["kind"] == "Namespace":
            made["metadata"]["name"] = self.made[made["metadata"]["name"]]
        else:
            made["metadata"]["namespace"] = self.made[made["metadata"]["namespace"]]
        return made

    def remove(self) -> None:
        """Deletes the namespaces, and everything in them with them."""
        for name in self.made.values():
            delete(self.api, "v1", "Namespace", None, name)


@contextmanager
def place(api: ApiServer) -> Iterator[Place]:
    """A place that is removed at the end."""
    made = Place(api)
    try:
        yield made
    finally:
        made.remove()


def apply(api: ApiServer, manifest: Manifest, *, dry_run: bool = False) -> list[str]:
    """Server-side apply with strict fields; the API server's warnings. Raises `ApiError` when it refuses."""
    kind = api.kind(manifest["apiVersion"], manifest["kind"])
    assert kind is not None, f"{manifest['apiVersion']} {manifest['kind']} is not served"
    metadata = manifest["metadata"]
    answer = api.apply(
        kind, metadata.get("namespace"), metadata["name"], manifest, manager="seawall:test", dry_run=dry_run
    )
    return answer.warnings


def objections(api: ApiServer, manifests: Iterable[Manifest]) -> dict[str, list[str]]:
    """Object → what the API server says against it in a dry run: warnings, or its refusal; only where it does."""

    def ask(manifest: Manifest) -> tuple[str, list[str]]:
        told = f"{manifest['kind']} {manifest['metadata'].get('namespace', '')}/{manifest['metadata']['name']}"
        try:
            return told, apply(api, manifest, dry_run=True)
        except ApiError as refused:
            return told, [f"refused: {refused}"]

    with ThreadPoolExecutor(8) as threads:
        return {told: said for told, said in threads.map(ask, manifests) if said}


def deploy(api: ApiServer, manifests: Iterable[Manifest]) -> None:
    """Applies objects for real, those that others need first; no warning is accepted."""
    rank = {kind: number for number, kind in enumerate(_FIRST)}
    for manifest in sorted(manifests, key=lambda it: rank.get(it["kind"], len(_FIRST))):
        assert apply(api, manifest) == [], manifest["metadata"]["name"]


def secret_doubles(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Doubles of the Secrets that the External Secrets operator, which does not run here, would make."""
    made = []
    for manifest in manifests:
        if manifest["kind"] == "ExternalSecret":
            spec = manifest["spec"]
            template = spec["target"].get("template", {})
            keys = [*(entry["secretKey"] for entry in spec["data"]), *template.get("data", {})]
            made.append(
                {
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "metadata": {
                        "name": spec["target"]["name"],
                        "namespace": manifest["metadata"]["namespace"],
                        "labels": template.get("metadata", {}).get("labels", {}),
                    },
                    "type": template.get("type", "Opaque"),
                    "data": {key: base64.b64encode(b"a double").decode() for key in keys},
                }
            )
    return made


def items(
    api: ApiServer, api_version: str, kind: str, namespace: str | None = None, selector: str = ""
) -> list[Manifest]:
    """The objects of a kind, all of them or those in one namespace with these labels."""
    served = api.kind(api_version, kind)
    assert served is not None
    query = {"labelSelector": selector} if selector else None
    found = api.request("GET", served.path(namespace), query=query).document["items"]
    assert isinstance(found, list)
    return found


def delete(api: ApiServer, api_version: str, kind: str, namespace: str | None, name: str) -> None:
    """Deletes an object, in the background."""
    served = api.kind(api_version, kind)
    assert served is not None
    api.request("DELETE", served.path(namespace, name), body={"propagationPolicy": "Background"})


def ready(pod: Manifest) -> bool:
    """Whether a pod is Ready and not on its way out."""
    conditions = {it["type"]: it["status"] for it in pod.get("status", {}).get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def matches(selector: Mapping[str, str], pod: Manifest) -> bool:
    """Whether a pod has these labels."""
    return selector.items() <= pod["metadata"].get("labels", {}).items()
