"""What is put on the API server: CRDs, the base objects of a cluster, the CloudNativePG operator's own objects."""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor, Future
from typing import Any

from seawall.errors import EnvironmentFailure
from seawall.sandbox.api import CRDS, Api, ApiError, path_of
from seawall.sandbox.crds.sources import Source, core_schemas
from seawall.sandbox.objects import Manifest

_SERVED_WITHIN_S = 60
_POLL_S = 0.05
_METADATA_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
DISCOVERY = "application/json;as=APIGroupDiscoveryList;v=v2;g=apidiscovery.k8s.io"


def missing(api: Api, names: Iterable[str]) -> set[str]:
    """Those of the CRDs that the API server does not have."""
    items = api.request("GET", CRDS, accept=_METADATA_LIST)["items"]
    return set(names) - {item["metadata"]["name"] for item in items}


def install_crds(api: Api, sources: Iterable[Source], pool: Executor) -> list[Future[None]]:
    """Apply CRDs, several at a time; the futures raise `EnvironmentFailure` with the API server's own words."""
    return [pool.submit(_install_crd, api, source) for source in sources]


def _install_crd(api: Api, source: Source) -> None:
    body: bytes | Mapping[str, Any]
    if source.body is not None:
        body = source.body
    else:
        from seawall.sandbox.crds.schema import crd  # pydantic models: only where there is no vendor's CRD

        assert source.kind is not None  # noqa: S101 - a source has a body or a model
        body = crd(source.kind, core_schemas(_patiently(api, "/openapi/v3/api/v1")))
    try:
        api.apply(f"{CRDS}/{source.name}", body)
    except ApiError as error:
        raise EnvironmentFailure(f"the CRD {source.name} ({source.record.where}) is refused: {error}") from error


def _patiently(api: Api, path: str) -> Any:
    """An answer that the API server gives a moment after it is ready."""
    deadline = time.monotonic() + _SERVED_WITHIN_S
    while True:
        try:
            return api.request("GET", path)
        except ApiError as error:
            if error.status not in (404, 503) or time.monotonic() > deadline:
                raise
        time.sleep(_POLL_S)


def wait_until_served(api: Api, names: Iterable[str]) -> None:
    """Wait until the API server serves these custom resources (`<plural>.<group>`)."""
    deadline = time.monotonic() + _SERVED_WITHIN_S
    wanted = set(names)
    while wanted:
        groups = api.request("GET", "/apis", accept=DISCOVERY)["items"]
        wanted -= {
            f"{resource['resource']}.{group['metadata']['name']}"
            for group in groups
            for version in group.get("versions", [])
            for resource in version.get("resources", [])
        }
        if wanted and time.monotonic() > deadline:
            raise EnvironmentFailure(
                f"the API server does not serve {', '.join(sorted(wanted))} after {_SERVED_WITHIN_S} s; "
                "`seawall down` and a new start may mend it"
            )
        if wanted:
            time.sleep(_POLL_S)


def apply_all(api: Api, manifests: Iterable[Manifest], pool: Executor) -> list[Future[Any]]:
    """Apply objects that do not depend on each other, several at a time."""
    return [pool.submit(api.apply, path_of(manifest), manifest) for manifest in manifests]


def create_missing(api: Api, manifests: Iterable[Manifest]) -> None:
    """Create objects that are not there; those that are there are left as they are."""
    for manifest in manifests:
        try:
            api.request("POST", path_of(manifest).rpartition("/")[0], manifest)
        except ApiError as error:
            if error.status != 409:
                raise
