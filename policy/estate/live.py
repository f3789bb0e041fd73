"""The door to a running cluster, read-only: lists the kinds that the estate knows, and nothing else.

Of Secrets only names and labels are asked for (the API server leaves the data out), so no value ever reaches this
process. What may not be read is said; nothing is taken for absent because it could not be seen.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from seawall.errors import EnvironmentFailure
from seawall.policy.estate import kinds
from seawall.policy.estate.building import kube_object
from seawall.policy.estate.kinds import SECRET, GroupKind
from seawall.policy.estate.objects import KubeObject, Note, Origin
from seawall.policy.estate.values import UNKNOWN

PAGE = 500
"""Objects per request."""

_OWN_FIELDS = ("managedFields", "creationTimestamp", "generation", "resourceVersion", "uid", "selfLink")
"""Metadata that the API server writes and no rule reads."""
_JSON = "application/json"
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class Api(Protocol):
    """A read-only Kubernetes API: one method, GET."""

    def get(self, path: str, query: Mapping[str, str], accept: str) -> tuple[int, Any]:
        """HTTP status and decoded JSON of a path. Raises `EnvironmentFailure` when the server cannot be reached."""


@dataclass
class Seen:
    """What a cluster showed."""

    objects: list[KubeObject] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    requests: int = 0


def known_kinds() -> tuple[GroupKind, ...]:
    """The kinds that are listed: all of `kinds`, but no resources of Pulumi."""
    found = {value for name, value in vars(kinds).items() if name.isupper() and isinstance(value, tuple)}
    return tuple(sorted(found))


def read_cluster(api: Api, *, told: Callable[[str], None] = lambda _: None) -> Seen:
    """Every object of the known kinds, in all namespaces; `told` hears what is being read, for a progress line.

    Raises `EnvironmentFailure` when the API server cannot be reached or refuses to say what it serves.
    """
    seen = Seen()
    served = dict(_served(api, seen))
    for kind in known_kinds():
        found = served.get(kind)
        if found is None:
            continue  # its CRD is not installed: there are no such objects
        told(f"{kind[1]} ({len(seen.objects)} objects so far)")
        _list(api, kind, *found, seen)
    return seen


def _served(api: Api, seen: Seen) -> Iterator[tuple[GroupKind, tuple[str, str]]]:
    """Each known kind that the server has, with its API version and the path of its list."""
    wanted = {group for group, _ in known_kinds()}
    versions = {"": ["v1"]}
    status, groups = _get(api, "/apis", {}, _JSON, seen)
    if status != 200:
        raise EnvironmentFailure(f"the API server does not say what it serves (GET /apis: {_said(status)})")
    for group in groups.get("groups") or ():
        if group["name"] in wanted:
            preferred = group["preferredVersion"]["version"]
            others = [version["version"] for version in group["versions"] if version["version"] != preferred]
            versions[group["name"]] = [preferred, *others]
    for group, served in versions.items():
        missing = {kind for known, kind in known_kinds() if known == group}
        for version in served:
            base = f"/apis/{group}/{version}" if group else f"/api/{version}"
            status, resources = _get(api, base, {}, _JSON, seen)
            if status != 200:
                seen.notes.append(Note(f"kinds of {group or 'the core group'} {version}: {_said(status)}"))
                continue
            for resource in resources.get("resources") or ():
                if resource["kind"] in missing and "/" not in resource["name"] and "list" in resource["verbs"]:
                    missing.discard(resource["kind"])
                    api_version = f"{group}/{version}" if group else version
                    yield (group, resource["kind"]), (api_version, f"{base}/{resource['name']}")


def _list(api: Api, kind: GroupKind, api_version: str, path: str, seen: Seen) -> None:
    accept = _METADATA_ONLY if kind == SECRET else _JSON
    query = {"limit": str(PAGE)}
    while True:
        status, page = _get(api, path, query, accept, seen)
        if status == 410 and "continue" in query:  # the list grew too old between two pages: begin again
            seen.objects = [thing for thing in seen.objects if thing.group_kind != kind]
            query = {"limit": str(PAGE)}
            continue
        if status != 200:
            seen.notes.append(Note(f"every {kind[1]}: {_said(status)}; rules took them for absent", path))
            return
        for item in page.get("items") or ():
            thing = kube_object(_plain(item, api_version, kind), Origin(made_by=f"{path} of the cluster"))
            if thing is not None:
                seen.objects.append(thing)
        token = (page.get("metadata") or {}).get("continue")
        if not token:
            return
        query = {"limit": str(PAGE), "continue": token}


def _plain(item: Mapping[str, Any], api_version: str, kind: GroupKind) -> dict[str, Any]:
    """An item of a list as the object that it is: lists leave `apiVersion` and `kind` out."""
    metadata = {key: value for key, value in (item.get("metadata") or {}).items() if key not in _OWN_FIELDS}
    made = {**item, "apiVersion": api_version, "kind": kind[1], "metadata": metadata}
    if kind == SECRET:
        return {**made, "data": UNKNOWN, "type": UNKNOWN}
    return made


def _get(api: Api, path: str, query: Mapping[str, str], accept: str, seen: Seen) -> tuple[int, Any]:
    seen.requests += 1
    status, value = api.get(path, query, accept)
    if status == 401:
        raise EnvironmentFailure("the API server does not know you (HTTP 401): sign in to this context again")
    if status == 200 and not isinstance(value, dict):
        raise EnvironmentFailure(f"GET {path}: the answer is no JSON object; is this a Kubernetes API server?")
    return status, value


def _said(status: int) -> str:
    return {403: "you may not list them (HTTP 403)", 404: "not served (HTTP 404)"}.get(status, f"HTTP {status}")
