"""A cluster as verify uses it: read like `seawall check --context`, and written only through the words of this file."""

import json
import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from kubernetes.client.exceptions import ApiException
from pydantic import ValidationError

from seawall.errors import EnvironmentFailure
from seawall.policy.estate.doors.cluster_api import TIMEOUT_S, ClusterApi
from seawall.qa.checks.model import UndecidedError
from seawall.qa.evidence.model import ClusterSeen

Manifest = dict[str, Any]

PAGE = "500"
MOST_PAGES = 2000
"""Of one list; a million objects."""
MOST_EMPTY = 10
"""Pages of a list without an object, one after the other."""
_JSON = "application/json"
MERGE = "application/merge-patch+json"
_KWOK = "kwok.x-k8s.io"
MANAGER = "seawall-verify"
"""Who a change is by, in the API server's own books (`managedFields`)."""


class RefusedError(Exception):
    """The API server refuses a request: HTTP status, its reason and its own words, which hold no secret."""

    def __init__(self, status: int, reason: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.reason = reason


class UnavailableError(UndecidedError):
    """The API server answers, but cannot serve the request now: the same one may do in a moment."""


class KubeCluster(ClusterApi):
    """One cluster by one context of a kubeconfig. May be used by several threads at once.

    Raises `EnvironmentFailure` when the API server does not answer, `UndecidedError` when it does not let itself be
    read, `RefusedError` when it refuses a change.
    """

    def __init__(self, context: str, kubeconfig: Path | None = None) -> None:
        super().__init__(context, kubeconfig)
        self._lock = threading.Lock()
        self._served: dict[str, dict[str, tuple[str, bool]]] = {}

    # What is read.

    def find(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Manifest | None:
        """An object; None when there is none, or no such kind."""
        path = self.path(api_version, kind, namespace, name)
        if path is None or (found := self._read(path)) is None:
            return None
        return self._thing(found, path)

    def every(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        labels: Mapping[str, str] | None = None,
        *,
        selector: str = "",
    ) -> list[Manifest]:
        """The objects of a kind, page by page; by labels, or by a selector as the API server reads it."""
        path = self.path(api_version, kind, namespace)
        if path is None:
            return []
        query = {"limit": PAGE}
        wanted = [f"{key}={value}" for key, value in (labels or {}).items()] + ([selector] if selector else [])
        if wanted:
            query["labelSelector"] = ",".join(wanted)
        found: list[Manifest] = []
        empty = 0
        for _ in range(MOST_PAGES):
            page = self._read(path, query)
            if page is None:
                return found
            items = page.get("items") or []
            if not isinstance(items, list):
                raise self._odd(path)
            found += [{"apiVersion": api_version, "kind": kind, **self._thing(it, path)} for it in items]
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return found
            empty = 0 if items else empty + 1
            if empty > MOST_EMPTY or token == query.get("continue"):
                break
            query = {**query, "continue": str(token)}
        raise EnvironmentFailure(f"context {self.context} answers GET {path} with a list that does not come to an end")

    def log(self, namespace: str, pod: str, container: str, *, most: int = 1024 * 1024) -> str:
        """The first bytes that a container of a pod has written. Raises `RefusedError`."""
        query = {"container": container, "limitBytes": str(most)}
        status, text = self._asked("GET", f"/api/v1/namespaces/{namespace}/pods/{pod}/log", query)
        if status != 200:
            raise _refused(status, text)
        return text

    @cached_property
    def seen(self) -> ClusterSeen:
        """What evidence says of the cluster."""
        system = self.find("v1", "Namespace", "kube-system") or {}
        uid = str(system.get("metadata", {}).get("uid", ""))
        status, text = self._asked("GET", "/version")
        version = str(self._decoded(text).get("gitVersion", "")) if status == 200 else ""
        if not uid or not version:
            raise EnvironmentFailure(
                f"context {self.context}: the API server does not tell its version, or the UID of kube-system: the "
                "rights in docs/verify.md are needed"
            )
        nodes = self.every("v1", "Node")
        try:
            return ClusterSeen(
                context=self.context,
                uid=uid,
                version=version,
                nodes=len(nodes),
                simulated_nodes=sum(is_simulated(node) for node in nodes),
            )
        except ValidationError:
            raise self._odd("/version, or the namespace kube-system,") from None

    @property
    def simulated(self) -> bool:
        """Whether there are nodes on which nothing really runs."""
        return self.seen.simulated_nodes > 0

    # What is changed.

    def create(self, manifest: Manifest) -> Manifest:
        """Makes an object. Raises `RefusedError`."""
        metadata = manifest["metadata"]
        path = self._path(manifest["apiVersion"], manifest["kind"], metadata.get("namespace"))
        return self._changed("POST", path, manifest)

    def patch(self, manifest: Manifest, change: Manifest) -> Manifest:
        """Changes fields of an object (JSON merge patch: null removes). Raises `RefusedError`."""
        return self._changed("PATCH", self._of(manifest), change, MERGE)

    def delete(self, manifest: Manifest, *, grace: int | None = None) -> None:
        """Removes exactly this object, by its UID; that it is gone already is fine. Raises `RefusedError`."""
        body: Manifest = {"propagationPolicy": "Background"}
        if uid := manifest["metadata"].get("uid"):
            body["preconditions"] = {"uid": uid}
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        try:
            self._changed("DELETE", self._of(manifest), body)
        except RefusedError as error:
            if error.status not in (404, 409):
                raise

    def evict(self, pod: Manifest) -> None:
        """Asks for a pod's eviction. Raises `RefusedError`: 429 where a budget says no."""
        metadata = pod["metadata"]
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
            "deleteOptions": {"preconditions": {"uid": metadata["uid"]}},
        }
        self._changed("POST", f"{self._of(pod)}/eviction", body)

    # How.

    def path(self, api_version: str, kind: str, namespace: str | None = None, name: str | None = None) -> str | None:
        """The path of an object or a list; None when the API server does not serve the kind."""
        group = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        found = self._kinds(group).get(kind)
        if found is None:
            return None
        plural, namespaced = found
        place = f"/namespaces/{quote(namespace)}" if namespaced and namespace is not None else ""
        return f"{group}{place}/{plural}{f'/{quote(name)}' if name is not None else ''}"

    def _path(self, api_version: str, kind: str, namespace: str | None = None, name: str | None = None) -> str:
        path = self.path(api_version, kind, namespace, name)
        if path is None:
            raise RefusedError(404, "NotFound", f"context {self.context} does not serve {kind} of {api_version}")
        return path

    def _of(self, manifest: Manifest) -> str:
        metadata = manifest["metadata"]
        return self._path(manifest["apiVersion"], manifest["kind"], metadata.get("namespace"), metadata["name"])

    def _kinds(self, group: str) -> dict[str, tuple[str, bool]]:
        with self._lock:
            known = self._served.get(group)
        if known is None:
            page = self._read(group)
            if page is None and group == "/api/v1":  # every API server has it: from this one no "none" is to be had
                raise self._odd(group)
            try:
                resources = [it for it in (page or {}).get("resources") or [] if "/" not in it["name"]]
                known = {str(it["kind"]): (str(it["name"]), bool(it["namespaced"])) for it in resources}
            except (TypeError, KeyError):
                raise self._odd(group) from None
            with self._lock:
                self._served[group] = known
        return known

    def _read(self, path: str, query: Mapping[str, str] | None = None) -> Manifest | None:
        status, text = self._asked("GET", path, query)
        if status == 404:
            return None
        if status in (401, 403):
            raise UndecidedError(f"context {self.context} does not allow GET {path}: the rights are in docs/verify.md")
        if status == 429 or status >= 500:
            raise UnavailableError(f"context {self.context} answers GET {path} with {status}")
        if status != 200:
            raise UndecidedError(f"context {self.context} answers GET {path} with {status}")
        return self._decoded(text)

    def _changed(self, method: str, path: str, body: Manifest, content: str = _JSON) -> Manifest:
        query = {"fieldManager": MANAGER} if method == "PATCH" else None
        status, text = self._asked(method, path, query, body=body, content=content)
        if status >= 300:
            raise _refused(status, text)
        return self._decoded(text)

    def _decoded(self, text: str) -> Manifest:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not isinstance(found.get("metadata"), dict | None):
            # not its words: a proxy's page may quote the request, and with it the token
            raise EnvironmentFailure(
                f"what answers for context {self.context} ({self.server}) is no Kubernetes API server: "
                f"{'a web page' if text.lstrip().startswith('<') else 'no object'}; look at the server of that context "
                "in the kubeconfig"
            )
        return found

    def _thing(self, found: object, path: str) -> Manifest:
        """One object, with what every object has: a name, and mappings where mappings belong."""
        metadata = found.get("metadata") if isinstance(found, dict) else None
        if not isinstance(found, dict) or not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
            raise self._odd(path)
        parts = (found.get("spec"), found.get("status"), metadata.get("labels"), metadata.get("annotations"))
        if not all(isinstance(it, dict | None) for it in parts):
            raise self._odd(path)
        return found

    def _odd(self, path: str) -> EnvironmentFailure:
        return EnvironmentFailure(
            f"context {self.context} answers GET {path} in a form that is not Kubernetes': is {self.server} its API "
            "server?"
        )

    def _asked(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Manifest | None = None,
        content: str = _JSON,
    ) -> tuple[int, str]:
        headers: dict[str, str] = {"Accept": f"{_JSON}, text/plain"}
        if body is not None:
            headers["Content-Type"] = content
        parameters: list[tuple[str, str]] = list((query or {}).items())
        self._client.update_params_for_auth(headers, parameters, ["BearerToken"], path, method, body)
        address = f"{self._client.configuration.host.rstrip('/')}{path}"
        address += f"?{urlencode(parameters)}" if parameters else ""
        try:
            answer = self._client.call_api(
                method, address, header_params=headers, body=body, _request_timeout=TIMEOUT_S
            )
            return int(answer.status), self._whole(answer.response, path).decode("utf-8", "replace")
        except (ApiException, urllib3.exceptions.HTTPError, OSError, ValueError) as problem:
            raise self._unreachable(problem) from None


def is_simulated(node: Manifest) -> bool:
    """Whether a node is kwok's: nothing on it really runs."""
    metadata = node.get("metadata", {})
    marks = (*(metadata.get("annotations") or {}), *(metadata.get("labels") or {}))
    provider = str(node.get("spec", {}).get("providerID", ""))
    kubelet = str(node.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", ""))
    return any(_KWOK in mark for mark in marks) or provider.startswith("kwok") or kubelet.startswith("kwok")


def _refused(status: int, text: str) -> RefusedError:
    try:
        found = json.loads(text)
        told = str(found.get("message", ""))[:500]
        return RefusedError(status, str(found.get("reason", "")), told or f"HTTP {status}")
    except (ValueError, AttributeError, RecursionError):
        return RefusedError(status, "", f"HTTP {status}")
