"""A thin HTTPS client of the sandbox's API server: server-side apply and health, light enough for every start.

The `kubernetes` client takes a second of CPU to import, a tenth of the whole start; this needs urllib3 only, which it
is built on.
"""

import json
from collections.abc import Mapping
from typing import Any

import urllib3

from seawall.errors import EnvironmentFailure
from seawall.sandbox.pki import Pki

FIELD_MANAGER = "seawall-sandbox"
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"


class ApiError(EnvironmentFailure):
    """The API server refused a request; the text is its own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """One API server, as the sandbox's administrator."""

    def __init__(self, server: str, pki: Pki) -> None:
        self.server = server
        self._pool = urllib3.PoolManager(
            maxsize=8,
            ca_certs=str(pki.ca),
            cert_file=str(pki.cert("admin")),
            key_file=str(pki.key("admin")),
            retries=False,
            timeout=urllib3.Timeout(connect=2, read=30),
        )

    def request(
        self,
        method: str,
        path: str,
        body: bytes | Mapping[str, Any] | None = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Any:
        """Send a request and return the decoded answer. Raises `ApiError`, or `EnvironmentFailure` when unreachable."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {"Accept": accept, **({"Content-Type": content_type} if data is not None else {})}
        try:
            response = self._pool.request(method, self.server + path, body=data, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise EnvironmentFailure(f"the sandbox's API server {self.server} does not answer: {error}") from error
        if response.status >= 400:
            text = response.data.decode("utf-8", errors="replace")
            try:
                text = json.loads(text)["message"]
            except (ValueError, KeyError, TypeError):
                text = text.strip() or f"HTTP {response.status}"
            raise ApiError(response.status, f"{method} {path}: {text}")
        return json.loads(response.data) if response.data[:1] in (b"{", b"[") else response.data.decode()

    def apply(self, path: str, manifest: bytes | Mapping[str, Any]) -> Any:
        """Server-side apply of one object (a mapping, or YAML as it is) at the path of that object."""
        query = f"?fieldManager={FIELD_MANAGER}&force=true"
        return self.request("PATCH", path + query, manifest, content_type=_APPLY)

    def merge(self, path: str, patch: Mapping[str, Any]) -> Any:
        """JSON merge patch of one object."""
        return self.request("PATCH", path, patch, content_type=_MERGE)

    def exists(self, path: str) -> bool:
        """Whether there is an object at this path."""
        try:
            self.request("GET", path, accept="application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io")
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True


_COLLECTIONS: Mapping[str, str] = {
    "Namespace": "/api/v1/namespaces",
    "Node": "/api/v1/nodes",
    "ConfigMap": "/api/v1/namespaces/{namespace}/configmaps",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "Deployment": "/apis/apps/v1/namespaces/{namespace}/deployments",
    "StorageClass": "/apis/storage.k8s.io/v1/storageclasses",
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "MutatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "ValidatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
}
CRDS = _COLLECTIONS["CustomResourceDefinition"]


def path_of(manifest: Mapping[str, Any]) -> str:
    """Path of an object of one of the few kinds that the sandbox makes itself."""
    metadata = manifest["metadata"]
    collection = _COLLECTIONS[manifest["kind"]].format(namespace=metadata.get("namespace", ""))
    return f"{collection}/{metadata['name']}"
