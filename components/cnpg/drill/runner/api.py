"""The Kubernetes API over plain HTTPS, as the pod's own service account."""

import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from .failures import DrillError, Failure

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where a pod finds its token, the API server's authority and its namespace."""

_BUSY = frozenset({429, 500, 502, 503, 504})
_ATTEMPTS = 5
_PAUSE_S = 1.0
_TIMEOUT_S = 30.0
_LONGEST_LOG = 256 * 1024

Document = dict[str, Any]


class ApiError(Exception):
    """The API server's answer to a request that it refused."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status; 0 when no answer came."""
        self.reason = reason


@dataclass(frozen=True)
class Kind:
    """How objects of a kind are addressed."""

    prefix: str
    plural: str


CLUSTER = Kind("apis/postgresql.cnpg.io/v1", "clusters")
JOB = Kind("apis/batch/v1", "jobs")
POD = Kind("api/v1", "pods")
CLAIM = Kind("api/v1", "persistentvolumeclaims")
SECRET = Kind("api/v1", "secrets")
CONFIG_MAP = Kind("api/v1", "configmaps")
EVENT = Kind("api/v1", "events")


class Api:
    """Requests in one namespace. A request that meets a busy or absent server is repeated a few times."""

    def __init__(self, address: str, account: Path) -> None:
        self._address = address.rstrip("/")
        self._account = account
        try:
            self.namespace = (account / "namespace").read_text(encoding="utf-8").strip()
            context = ssl.create_default_context(cafile=str(account / "ca.crt"))
        except OSError as error:
            raise DrillError(Failure.SETTINGS, f"the service account cannot be read: {error}") from None
        # No proxy of the environment: the API server is beside us.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def get(self, kind: Kind, name: str) -> Document | None:
        """An object; None when there is none."""
        try:
            return self._json("GET", self._path(kind, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(self, kind: Kind, *, selector: str = "") -> list[Document]:
        """The objects of a kind with these labels."""
        query = {"labelSelector": selector} if selector else {}
        items: list[Document] = self._json("GET", self._path(kind), query).get("items") or []
        return items

    def create(self, kind: Kind, document: Mapping[str, Any], *, dry_run: bool = False) -> Document:
        """Makes an object; with `dry_run` the API server and the webhooks only look at it."""
        query = {"fieldManager": "seawall-drill", **({"dryRun": "All"} if dry_run else {})}
        return self._json("POST", self._path(kind), query, document)

    def delete(self, kind: Kind, name: str, uid: str | None = None) -> None:
        """Deletes an object with everything that it owns; with `uid` only that one. One that is not there is fine."""
        body: Document = {"propagationPolicy": "Background"}
        if uid is not None:
            body["preconditions"] = {"uid": uid}
        try:
            self._json("DELETE", self._path(kind, name), body=body)
        except ApiError as error:
            if error.status not in (404, 409):  # 409: another one of that name has taken its place
                raise

    def merge(self, kind: Kind, name: str, document: Mapping[str, Any]) -> None:
        """Changes the given fields of an object."""
        self._json("PATCH", self._path(kind, name), {"fieldManager": "seawall-drill"}, document)

    def log(self, pod: str, container: str) -> str:
        """The end of a container's log; empty when there is none to be had."""
        query = {"container": container, "limitBytes": str(_LONGEST_LOG), "tailLines": "200"}
        try:
            return self._send("GET", f"{self._path(POD, pod)}/log", query, None, attempts=1).decode(errors="replace")
        except ApiError:
            return ""

    def _path(self, kind: Kind, name: str | None = None) -> str:
        parts = [kind.prefix, "namespaces", quote(self.namespace), kind.plural, *([quote(name)] if name else [])]
        return "/" + "/".join(parts)

    def _json(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> Document:
        content = self._send(method, path, query or {}, body, attempts=_ATTEMPTS)
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise ApiError(0, "NoAnswer", "what answers at the API server's address sends no JSON object")
        return answer

    def _send(
        self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any] | None, *, attempts: int
    ) -> bytes:
        for left in reversed(range(attempts)):
            try:
                return self._once(method, path, query, body)
            except ApiError as error:
                if not left or (error.status and error.status not in _BUSY):
                    raise
                time.sleep(_PAUSE_S)
        raise AssertionError("unreachable")

    def _once(self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any] | None) -> bytes:
        url = f"{self._address}{path}" + (f"?{urlencode(query)}" if query else "")
        request = urllib.request.Request(url, method=method)  # noqa: S310 - https by its construction
        # Read each time: the kubelet renews it.
        try:
            token = (self._account / "token").read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ApiError(0, "NoToken", f"the service account's token cannot be read: {error}") from None
        request.add_header("Authorization", f"Bearer {token}")
        request.add_header("Accept", "application/json, */*")
        if body is not None:
            request.data = json.dumps(body).encode()
            kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
            request.add_header("Content-Type", kind)
        try:
            with self._opener.open(request, timeout=_TIMEOUT_S) as answer:
                content: bytes = answer.read()
                return content
        except urllib.error.HTTPError as error:
            raise _refusal(error.code, _rest(error)) from None
        except (OSError, http.client.HTTPException) as error:  # URLError is an OSError; the other: cut off, or no HTTP
            raise ApiError(0, "NoAnswer", f"the API server does not answer: {error}") from None


def _rest(error: urllib.error.HTTPError) -> bytes:
    try:
        return error.read()
    except (OSError, http.client.HTTPException):
        return b""


def _refusal(status: int, body: bytes) -> ApiError:
    try:
        document = json.loads(body)
    except ValueError:
        document = {}
    if not isinstance(document, dict):
        document = {}
    return ApiError(status, str(document.get("reason", "")), str(document.get("message") or f"HTTP status {status}"))
