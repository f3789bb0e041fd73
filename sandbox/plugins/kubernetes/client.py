"""The API server over HTTP: server-side apply, discovery, schemas.

urllib3 with the kubeconfig's certificates instead of the `kubernetes` package: importing that takes 0.7 s of CPU in
every plugin process, urllib3 0.15 s, and four verbs on JSON documents need no generated client.
"""

import json
import re
import threading
import time
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

import urllib3

from seawall.sandbox.plugins.errors import PluginError
from seawall.sandbox.plugins.kubernetes.kubeconfig import Connection

_APPLY: Final = "application/apply-patch+yaml"
_DISCOVERY: Final = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
)
_WARNING: Final = re.compile(r'\d{3} \S+ "((?:[^"\\]|\\.)*)"')
_CONNECTIONS: Final = 32
_BUSY: Final = frozenset({429, 503, 504})
_ATTEMPTS: Final = 5
_PATIENCE_S: Final = 30.0
"""No further attempt after this time: an API server that lost its store holds each request for a minute."""
# A broken kept-alive connection is tried anew: each verb that we use may be sent twice.
_CONNECTION_ATTEMPTS: Final = 3


def field_manager(urn: str) -> str:
    """The field manager of a resource's stack, `seawall:<stack>`: what one stack made is never taken for another's."""
    return f"seawall:{urn.split('::', 1)[0].rpartition(':')[2]}"


@dataclass(frozen=True)
class Cause:
    """One field of a refused object and what is wrong with it."""

    field: str
    reason: str
    message: str


class ApiError(PluginError):
    """The API server's answer, its message verbatim."""

    def __init__(self, status: int, body: object) -> None:
        document = body if isinstance(body, dict) else {}
        self.status = status
        self.reason = str(document.get("reason", ""))
        self.message = str(document.get("message") or body or f"HTTP status {status}").strip()
        details = document.get("details")
        self.details: dict[str, object] = details if isinstance(details, dict) else {}
        causes = self.details.get("causes")
        self.causes = [
            Cause(str(c.get("field", "")), str(c.get("reason", "")), str(c.get("message", "")))
            for c in (causes if isinstance(causes, list) else [])
            if isinstance(c, dict)
        ]
        super().__init__(self.message)


@dataclass(frozen=True)
class Kind:
    """One kind that the API server serves."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """The URL path of the collection, or of the object `name` in it."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        scope = f"/namespaces/{quote(namespace, safe='')}" if self.namespaced and namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{quote(name, safe='')}" if name else "")


@dataclass(frozen=True)
class Answer:
    """A successful answer: the document, and the warnings that came with it."""

    document: dict[str, object]
    warnings: list[str] = field(default_factory=list)


def warnings_of(headers: list[str]) -> list[str]:
    """The texts of HTTP `Warning` headers."""
    return [text.replace('\\"', '"').replace("\\\\", "\\") for h in headers for text in _WARNING.findall(h)]


class ApiServer:
    """One API server. Safe for many threads; connections are kept and shared."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        address = urlsplit(connection.server)
        host, port = address.hostname or "", address.port
        timeout = urllib3.Timeout(connect=5, read=120)
        self._pool: urllib3.HTTPConnectionPool
        if connection.tls is None:
            self._pool = urllib3.HTTPConnectionPool(host, port, timeout, maxsize=_CONNECTIONS, block=True)
        else:
            self._pool = urllib3.HTTPSConnectionPool(
                host, port, timeout, maxsize=_CONNECTIONS, block=True, ssl_context=connection.tls
            )
        self._kinds: dict[tuple[str, str], Kind] = {}
        self._kinds_lock = threading.Lock()
        self._schemas: dict[str, dict[str, object]] = {}

    def request(
        self, method: str, path: str, *, body: object = None, query: dict[str, str] | None = None, accept: str = ""
    ) -> Answer:
        """Send one request. Raises `ApiError` for a refusal and `PluginError` when nothing answers."""
        url = path + (f"?{urlencode(query)}" if query else "")
        headers = {**self._connection.headers, "Accept": accept or "application/json"}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = _APPLY if method == "PATCH" else "application/json"
        deadline = time.monotonic() + _PATIENCE_S
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                response = self._pool.request(method, url, body=data, headers=headers, retries=False, redirect=False)
            except urllib3.exceptions.HTTPError as error:
                if attempt < _CONNECTION_ATTEMPTS and time.monotonic() < deadline:
                    continue
                reason = getattr(error, "reason", None) or error
                raise PluginError(
                    f"the sandbox's API server {self._connection.server} does not answer ({type(reason).__name__}): "
                    "does the sandbox run?"
                ) from error
            if response.status not in _BUSY or attempt == _ATTEMPTS or time.monotonic() > deadline:
                break
            wait = response.headers.get("Retry-After", "")
            time.sleep(min(int(wait) if wait.isdigit() else 1, 5))
        document = _json(response.data)
        if response.status >= 400:
            raise ApiError(response.status, document)
        return Answer(document if isinstance(document, dict) else {}, warnings_of(response.headers.getlist("Warning")))

    def get(self, kind: Kind, namespace: str | None, name: str) -> dict[str, object] | None:
        """The object, or `None` when there is none."""
        try:
            return self.request("GET", kind.path(namespace, name)).document
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def apply(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        manifest: dict[str, object],
        *,
        manager: str,
        dry_run: bool,
    ) -> Answer:
        """Server-side apply of `manifest` by a field manager: conflicts are forced, unknown fields are errors."""
        query = {"fieldManager": manager, "force": "true", "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        return self.request("PATCH", kind.path(namespace, name), body=manifest, query=query)

    def kind(self, api_version: str, kind: str, *, refresh: bool = False) -> Kind | None:
        """The served kind, or `None`. A kind that is not among those known is looked up in its own API version: the
        list of everything lags behind a new CRD by many seconds."""
        with self._kinds_lock:
            if refresh or not self._kinds:
                self._kinds = self._discover()
            if (api_version, kind) not in self._kinds:
                self._kinds.update(self._discover_version(api_version))
            return self._kinds.get((api_version, kind))

    def _discover_version(self, api_version: str) -> dict[tuple[str, str], Kind]:
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            resources = _list(self.request("GET", root).document, "resources")
        except ApiError as error:
            if error.status == 404:
                return {}
            raise
        return {
            (api_version, str(r["kind"])): Kind(api_version, str(r["kind"]), str(r["name"]), bool(r.get("namespaced")))
            for r in resources
            if "/" not in str(r["name"])  # a subresource
        }

    def _discover(self) -> dict[tuple[str, str], Kind]:
        kinds: dict[tuple[str, str], Kind] = {}
        for root in ("/api", "/apis"):
            for group in _list(self.request("GET", root, accept=_DISCOVERY).document, "items"):
                name = _dict(group, "metadata").get("name") or ""
                for version in _list(group, "versions"):
                    api_version = f"{name}/{version['version']}" if name else str(version["version"])
                    for resource in _list(version, "resources"):
                        kind = str(_dict(resource, "responseKind").get("kind"))
                        namespaced = resource.get("scope") == "Namespaced"
                        kinds[api_version, kind] = Kind(api_version, kind, str(resource["resource"]), namespaced)
        return kinds

    def schemas(self, api_version: str) -> dict[str, object]:
        """The OpenAPI v3 component schemas of one API version; empty when the server publishes none."""
        if api_version not in self._schemas:
            root = f"apis/{api_version}" if "/" in api_version else f"api/{api_version}"
            try:
                document = self.request("GET", f"/openapi/v3/{root}").document
            except ApiError:
                document = {}
            self._schemas[api_version] = _dict(_dict(document, "components"), "schemas")
        return self._schemas[api_version]


def _json(data: bytes) -> object:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")


def _dict(document: object, key: str) -> dict[str, object]:
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, dict) else {}


def _list(document: object, key: str) -> list[dict[str, object]]:
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, list) else []
