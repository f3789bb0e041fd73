"""Which kinds there are: those that the API server serves, and those whose CRD the same stack declares."""

import difflib
import threading
import time
from collections.abc import Mapping
from typing import Final

from seawall.sandbox.plugins.kubernetes.client import ApiError, ApiServer, Kind
from seawall.sandbox.plugins.kubernetes.objects import Identity
from seawall.sandbox.plugins.properties import at

_SERVED_WITHIN_S: Final = 30.0  # an API server serves a new CRD in a second or two
_RETRY_S: Final = 5.0  # how long a kind that is not served is believed not to be


class Kinds:
    """Finds kinds by discovery. Safe for many threads."""

    def __init__(self, api: ApiServer) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._declared: dict[tuple[str, str], tuple[str, bool]] = {}
        self._missing: dict[tuple[str, str], float] = {}

    def find(self, api_version: str, kind: str) -> Kind | None:
        """The served kind, or `None`."""
        missed = self._missing.get((api_version, kind))
        if missed is not None and time.monotonic() - missed < _RETRY_S:
            return None
        found = self._api.kind(api_version, kind)
        if found is None:
            self._missing[api_version, kind] = time.monotonic()
        return found

    def refresh(self) -> None:
        """Ask the server again: a CRD came or went."""
        self._missing.clear()
        self._api.kind("v1", "Namespace", refresh=True)

    def namespaced(self, api_version: str, kind: str) -> bool:
        """Whether objects of the kind live in a namespace; false for a kind that nobody knows."""
        found = self.find(api_version, kind)
        return found.namespaced if found else self._declared.get((api_version, kind), ("", False))[1]

    def declare(self, manifest: Mapping[str, object]) -> None:
        """Remember the kinds of a CustomResourceDefinition of the stack; any other object is no matter."""
        for key, namespaced in _defined(manifest):
            with self._lock:
                self._declared[key] = (str(at(manifest, ("metadata", "name"))), namespaced)

    def declares(self, api_version: str, kind: str) -> bool:
        """Whether the stack declares the kind's CRD."""
        return (api_version, kind) in self._declared

    def pending(self, identity: Identity) -> str:
        """Why an object cannot be judged yet."""
        if not identity.known:
            return "its name or namespace depends on another resource"
        crd, _ = self._declared[identity.api_version, identity.kind]
        return f"its CustomResourceDefinition {crd} is made by this stack and is not served yet"

    def missing(self, api_version: str, kind: str) -> str:
        """What the API server answers for a kind that it does not serve, and what to do."""
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            resources = self._api.request("GET", root).document.get("resources")
            served = {str(r.get("kind")) for r in (resources if isinstance(resources, list) else [])}
            near = difflib.get_close_matches(kind, served, 1)
            answer = f"serves {api_version}, but no kind {kind} in it" + (f" (near: {near[0]})" if near else "")
        except ApiError as error:
            answer = f"does not serve {api_version}: {error.message}"
        return (
            f"{kind}: the API server {answer}. Install its CustomResourceDefinition (that of an operator: deploy the "
            "operator first), or declare the definition in this stack and name it in depends_on"
        )

    def await_served(self, manifest: Mapping[str, object], cancelled: threading.Event) -> str | None:
        """Wait until the kinds of a new CRD are served; the reason when they are not in time."""
        end = time.monotonic() + _SERVED_WITHIN_S
        wanted = [key for key, _ in _defined(manifest)]
        pause = 0.05
        while True:
            self._missing.clear()
            lacking = [key for key in wanted if self._api.kind(*key) is None]
            if not lacking:
                return None
            if time.monotonic() > end or cancelled.wait(pause):
                version, kind = lacking[0]
                return f"{kind} of {version} is not served {_SERVED_WITHIN_S:.0f} s after its definition was applied"
            pause = min(pause * 1.5, 1.0)


def _defined(manifest: Mapping[str, object]) -> list[tuple[tuple[str, str], bool]]:
    """apiVersion and kind of every served version of a CustomResourceDefinition, and whether it is namespaced."""
    if manifest.get("kind") != "CustomResourceDefinition":
        return []
    group, kind = at(manifest, ("spec", "group")), at(manifest, ("spec", "names", "kind"))
    namespaced = at(manifest, ("spec", "scope")) == "Namespaced"
    versions = at(manifest, ("spec", "versions"))
    return [
        ((f"{group}/{version.get('name')}", str(kind)), namespaced)
        for version in (versions if isinstance(versions, list) else [])
        if isinstance(version, dict) and version.get("served", True)
    ]
