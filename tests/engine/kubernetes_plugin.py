"""Fixtures and shorthands for tests of the Kubernetes stand-in on the sandbox's API server."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plugin_host import PluginHost, Resource

from seawall.sandbox.cluster import Sandbox

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def settings(sandbox: Sandbox) -> dict[str, object]:
    return {"kubeconfig": str(sandbox.endpoints.kubeconfig), "context": sandbox.endpoints.context}


@pytest.fixture
def start(sandbox: Sandbox, tmp_path: Path) -> Iterator[Any]:
    """Starts stand-ins, as many runs as a test needs."""
    started: list[PluginHost] = []

    def run() -> PluginHost:
        environment = {
            "SEAWALL_SANDBOX_API_SERVER": sandbox.endpoints.api_server,
            "SEAWALL_PLUGIN_NOTES": str(tmp_path / "notes"),
        }
        started.append(PluginHost("kubernetes", environment))
        return started[-1].configure(settings(sandbox))

    yield run
    for host in started:
        host.stop()


@pytest.fixture(scope="module")
def shared(sandbox: Sandbox) -> Iterator[PluginHost]:
    environment = {"SEAWALL_SANDBOX_API_SERVER": sandbox.endpoints.api_server}
    host = PluginHost("kubernetes", environment).configure(settings(sandbox))
    yield host
    host.stop()


@pytest.fixture
def plugin(shared: PluginHost) -> PluginHost:
    """A stand-in that other tests have used; what it said to them is forgotten."""
    return shared.forget()


@pytest.fixture
def name(kube: Any) -> Iterator[str]:
    """A name for a namespace and more; the namespace of that name goes away at the end."""
    own = f"plugin-{uuid.uuid4().hex[:8]}"
    yield own
    namespaces = kube.resources.get(api_version="v1", kind="Namespace")
    if any(item.metadata.name == own for item in namespaces.get().items):
        namespaces.delete(name=own)


@pytest.fixture
def namespace(plugin: PluginHost, name: str) -> str:
    """An existing namespace that the stand-in made."""
    plugin.resource("kubernetes:core/v1:Namespace", "own").create({"metadata": {"name": name}})
    return name


def config_map(host: PluginHost, label: str = "map") -> Resource:
    return host.resource("kubernetes:core/v1:ConfigMap", label)


def map_of(namespace: str, name: str = "settings", **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "data": data}


def deployment(namespace: str, **container: object) -> dict[str, Any]:
    pod = {"containers": [{"name": "main", "image": "registry.invalid/a:1", **container}]}
    return {
        "metadata": {"name": "app", "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "a"}}, "spec": pod},
        },
    }


def live(kube: Any, kind: str, name: str, namespace: str | None = None, api_version: str = "v1") -> Any:
    from kubernetes.dynamic.exceptions import NotFoundError

    try:
        return kube.resources.get(api_version=api_version, kind=kind).get(name=name, namespace=namespace).to_dict()
    except NotFoundError:
        return None


def patch(kube: Any, kind: str, name: str, namespace: str, body: dict[str, Any], api_version: str = "v1") -> None:
    resource = kube.resources.get(api_version=api_version, kind=kind)
    resource.patch(name=name, namespace=namespace, body=body, content_type="application/merge-patch+json")


def previews(kube: Any) -> list[str]:
    """The temporary namespaces that are not being deleted."""
    found = kube.resources.get(api_version="v1", kind="Namespace").get(label_selector="seawall.dev/preview=true")
    return [item.metadata.name for item in found.items if item.metadata.deletionTimestamp is None]
