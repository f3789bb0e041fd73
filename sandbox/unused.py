"""Namespaces that the sandbox made because a stack expects them, and that another stack makes itself.

One sandbox plays the clusters of all stacks. A namespace that is a stack's own, but is only expected by another one,
would otherwise be in the way of the first as soon as the second was previewed.
"""

import time
from collections.abc import Iterable, Iterator

from seawall.errors import EnvironmentFailure
from seawall.operators.annotations import MANAGED_BY_LABEL
from seawall.sandbox.api import Api, ApiError
from seawall.sandbox.install import DISCOVERY
from seawall.sandbox.objects import OPERATOR_NAMESPACES, SANDBOX

_GONE_WITHIN_S = 60
_POLL_S = 0.1
_IN_EVERY_NAMESPACE = ("configmaps", "events", "serviceaccounts")
"""What Kubernetes itself puts into a namespace."""


def remove_unused(api: Api, names: Iterable[str]) -> None:
    """Remove those of the namespaces that the sandbox made for others and that hold nothing; leave the rest alone.

    Raises `EnvironmentFailure` when one does not go.
    """
    for name in names:
        if name not in OPERATOR_NAMESPACES and _is_ours(api, name) and not _holds_anything(api, name):
            api.request("DELETE", f"/api/v1/namespaces/{name}")
            _wait(api, name)


def _is_ours(api: Api, name: str) -> bool:
    try:
        found = api.request("GET", f"/api/v1/namespaces/{name}")
    except ApiError as error:
        if error.status == 404:
            return False
        raise
    return bool(found["metadata"].get("labels", {}).get(MANAGED_BY_LABEL) == SANDBOX)


def _holds_anything(api: Api, name: str) -> bool:
    return any(
        api.request("GET", f"{place}/namespaces/{name}/{resource}?limit=1")["items"]
        for place, resource in _namespaced(api)
    )


def _namespaced(api: Api) -> Iterator[tuple[str, str]]:
    """Path of the API version, and plural of every resource that is in a namespace and can be listed."""
    for root in ("/api", "/apis"):
        for group in api.request("GET", root, accept=DISCOVERY)["items"]:
            for version in group["versions"][:1]:
                place = "/".join(filter(None, (root, group["metadata"].get("name"), version["version"])))
                for resource in version.get("resources", []):
                    listed = resource["scope"] == "Namespaced" and "list" in resource["verbs"]
                    if listed and resource["resource"] not in _IN_EVERY_NAMESPACE:
                        yield place, resource["resource"]


def _wait(api: Api, name: str) -> None:
    deadline = time.monotonic() + _GONE_WITHIN_S
    while api.exists(f"/api/v1/namespaces/{name}"):
        if time.monotonic() > deadline:
            raise EnvironmentFailure(
                f"the namespace {name}, which nothing uses, does not go within {_GONE_WITHIN_S} s; `seawall down` and "
                "a new start may mend it"
            )
        time.sleep(_POLL_S)
