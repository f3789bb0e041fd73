"""Namespaces that do not exist yet but that the same stack creates.

A dry run needs its namespace to exist. For a namespace that the stack only declares, an object is dry-run in a
temporary one with the same labels and annotations, so that Pod Security admission and namespace selectors of webhooks
decide as they will. It really is created, labelled `seawall.dev/preview: "true"`, and deleted when the process ends;
one whose process was killed is collected by the next stand-in that connects.
"""

import contextlib
import os
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Final

from seawall.sandbox.plugins.diagnostics import Diagnostics
from seawall.sandbox.plugins.errors import PluginError
from seawall.sandbox.plugins.kubernetes.client import ApiError, ApiServer, Kind
from seawall.sandbox.plugins.properties import Unknown, at

NAMESPACE: Final = Kind("v1", "Namespace", "namespaces", namespaced=False)
LABEL: Final = "seawall.dev/preview"
_OWNER: Final = "seawall.dev/preview-process"
_GRACE_S: Final = 5.0  # how long a declared namespace may come after an object in it: the engine works in parallel
_CREATION_S: Final = 60.0  # and how long its creation may take, once it is declared


class Namespaces:
    """The namespaces that this run declares, those that exist, and the temporary ones that stand in for the rest."""

    def __init__(self, api: ApiServer, diagnostics: Diagnostics) -> None:
        self._api = api
        self._diagnostics = diagnostics
        self._changed = threading.Condition()
        self._declared: dict[str, tuple[dict[str, object], str]] = {}
        self._existing: set[str] = set()
        self._temporary: dict[str, str] = {}
        self._creating = threading.Lock()

    def declare(self, manifest: Mapping[str, object], urn: str) -> None:
        """Remember a Namespace of the stack."""
        name = at(manifest, ("metadata", "name"))
        if isinstance(name, str):
            with self._changed:
                self._declared[name] = (dict(manifest), urn)
                self._changed.notify_all()

    def exists(self, name: str) -> bool:
        """Whether the namespace exists on the API server; asked once, as long as the answer is yes."""
        if name not in self._existing and self._api.get(NAMESPACE, None, name) is not None:
            self._existing.add(name)
        return name in self._existing

    def created(self, name: str) -> None:
        """The namespace was created just now."""
        with self._changed:
            self._existing.add(name)
            self._changed.notify_all()

    def forget(self, name: str) -> None:
        """The namespace was deleted."""
        self._existing.discard(name)

    def expected(self, name: str) -> bool:
        """Whether the namespace exists, or the stack declares it, at the latest a moment from now."""
        if self.exists(name):
            return True
        with self._changed:
            return self._changed.wait_for(lambda: name in self._declared, _GRACE_S)

    def came(self, name: str) -> bool:
        """Whether a namespace that was missing is created by this run after all: pulumi-kubernetes tries again, too."""
        with self._changed:
            if not self._changed.wait_for(lambda: name in self._declared, _GRACE_S):
                return False
            return self._changed.wait_for(lambda: name in self._existing, _CREATION_S)

    def for_dry_run(self, name: str) -> str:
        """The namespace to dry-run objects of `name` in: itself, or a temporary one when only the stack declares it.

        Itself as well when nobody declares it: then the API server's answer says that it is missing.
        """
        if name in self._existing:
            return name
        if name in self._temporary:
            return self._temporary[name]
        if self.exists(name):
            return name
        with self._changed:
            if not self._changed.wait_for(lambda: name in self._declared, _GRACE_S):
                return name
            manifest, urn = self._declared[name]
        with self._creating:
            if name not in self._temporary:
                self._temporary[name] = self._create(name, manifest, urn)
        return self._temporary[name]

    def advice(self, error: ApiError, name: str | None) -> str:
        """What to do when `error` says that the namespace `name` is missing; empty for another error."""
        if not missing(error):
            return ""
        return (
            f". Namespace {name} neither exists nor came from this stack before this object: declare it as a "
            "Namespace, and make it the object's parent or name it in depends_on"
        )

    def _create(self, name: str, manifest: Mapping[str, object], urn: str) -> str:
        temporary = f"seawall-preview-{secrets.token_hex(4)}"
        labels, annotations = _known(manifest, "labels"), _known(manifest, "annotations")
        document = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": temporary,
                "labels": {**labels, "kubernetes.io/metadata.name": temporary, LABEL: "true"},
                "annotations": {**annotations, _OWNER: _process()},
            },
        }
        try:
            self._api.request("POST", NAMESPACE.path(None), body=document)
        except ApiError as error:
            raise PluginError(f"temporary namespace for the dry run of objects in {name}: {error}") from error
        self._diagnostics.say(
            "info",
            f"namespace {name} does not exist yet: its objects are dry-run in a temporary namespace {temporary} with "
            "the same labels and annotations, deleted afterwards",
            urn,
        )
        # Without its random name, so that two previews of one stack say the same.
        text = f"namespace {name} does not exist yet: its objects were dry-run in a temporary namespace like it"
        self._diagnostics.note("temporary-namespace", text, urn)
        return temporary

    def close(self) -> None:
        """Delete the temporary namespaces."""
        with self._creating:
            temporary, self._temporary = list(self._temporary.values()), {}
        for name in temporary:
            with contextlib.suppress(PluginError):
                self._api.request("DELETE", NAMESPACE.path(None, name))

    def collect_stale(self) -> None:
        """Delete the temporary namespaces whose process is gone."""
        query = {"labelSelector": f"{LABEL}=true"}
        found = self._api.request("GET", NAMESPACE.path(None), query=query).document.get("items")
        for item in found if isinstance(found, list) else []:
            owner = at(item, ("metadata", "annotations", _OWNER))
            if at(item, ("metadata", "deletionTimestamp")) is None and not _alive(owner):
                with contextlib.suppress(ApiError):
                    self._api.request("DELETE", NAMESPACE.path(None, str(at(item, ("metadata", "name")))))


def missing(error: ApiError) -> bool:
    """Whether it says that a namespace is not there."""
    return error.status == 404 and error.details.get("kind") == "namespaces"


def _known(manifest: Mapping[str, object], field: str) -> dict[str, object]:
    values = at(manifest, ("metadata", field))
    return {k: v for k, v in values.items() if not isinstance(v, Unknown)} if isinstance(values, dict) else {}


def _process() -> str:
    import psutil  # only a preview with a new namespace needs it

    return f"{os.getpid()}@{psutil.Process().create_time():.2f}"


def _alive(owner: object) -> bool:
    import psutil

    pid, _, started = str(owner).partition("@")
    alive: Callable[[], bool] = lambda: f"{psutil.Process(int(pid)).create_time():.2f}" == started  # noqa: E731
    try:
        return pid.isdigit() and alive()
    except psutil.Error:
        return False
