"""The door to a running cluster, read-only: lists the kinds that the estate knows, and nothing else.

Of Secrets only names and labels are asked for: the API server leaves the data out, and the annotations, in which
`kubectl apply` may have written it once more, are dropped as they arrive. What may not be read is said; nothing is
taken for absent in silence.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from seawall.errors import EnvironmentFailure
from seawall.policy.estate import kinds
from seawall.policy.estate.building import UNREAD_POLICIES, kube_object
from seawall.policy.estate.kinds import SECRET, GroupKind
from seawall.policy.estate.objects import KubeObject, Note, Origin
from seawall.policy.estate.server_fields import LAST_APPLIED, OWN_FIELDS
from seawall.policy.estate.sight import LIVE, SECRETS
from seawall.policy.estate.values import UNKNOWN

PAGE = 500
"""Objects per request."""
MOST_OBJECTS = 1_000_000
"""A cluster with more is not read: no API server serves as many of these kinds."""
_MOST_RESTARTS = 3
"""How often a list that grew too old between two pages is begun again."""

_UNASKED = frozenset({"data", "type"})
"""What of a Secret is not asked for."""
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
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Path and reason of each list that could not be read: rules took its objects for absent."""
    notes: list[Note] = field(default_factory=list)
    sees: set[str] = field(default_factory=lambda: set(LIVE.sees))
    """As `Estate.sees` has it."""
    requests: int = 0


def known_kinds() -> tuple[GroupKind, ...]:
    """The kinds that are listed: those that rules read, and policies in dialects of which only that they are there."""
    return tuple(sorted(kinds.known() | UNREAD_POLICIES))


def read_cluster(api: Api, *, told: Callable[[str], None] = lambda _: None) -> Seen:
    """Every object of the known kinds, in all namespaces; `told` hears what is being read, for a progress line.

    Raises `EnvironmentFailure` when the API server cannot be reached, refuses to say what it serves, or answers in
    another way than a Kubernetes API server does.
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
    status, groups = _get(api, "/apis", {}, _JSON, seen)
    if status != 200:
        raise EnvironmentFailure(f"the API server does not say what it serves (GET /apis: {_said(status)})")
    if not _is_list(groups, "groups"):
        raise EnvironmentFailure("GET /apis: the answer is no list; is this a Kubernetes API server?")
    for group, served in {"": ["v1"], **dict(_versions(groups))}.items():
        missing = {kind for known, kind in known_kinds() if known == group}
        for version in served:
            base = f"/apis/{group}/{version}" if group else f"/api/{version}"
            status, resources = _get(api, base, {}, _JSON, seen)
            if status != 200 or not _is_list(resources, "resources"):
                why = _said(status) if status != 200 else "the answer is no list"
                seen.refused.append((base, f"its kinds are not said: {why}"))
                continue
            for resource in _mappings(resources, "resources"):
                name, kind = _text(resource, "name"), _text(resource, "kind")
                if kind in missing and name and "/" not in name and "list" in _list_of(resource, "verbs"):
                    missing.discard(kind)
                    api_version = f"{group}/{version}" if group else version
                    yield (group, kind), (api_version, f"{base}/{name}")


def _versions(groups: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The versions of each known group, the preferred one first."""
    wanted = {group for group, _ in known_kinds()}
    for group in _mappings(groups, "groups"):
        if (name := _text(group, "name")) in wanted and name:
            preferred = group.get("preferredVersion")
            first = _text(preferred, "version") if isinstance(preferred, Mapping) else ""
            others = [_text(version, "version") for version in _mappings(group, "versions")]
            yield name, [version for version in dict.fromkeys([first, *others]) if version]


def _list(api: Api, kind: GroupKind, api_version: str, path: str, seen: Seen) -> None:
    accept = _METADATA_ONLY if kind == SECRET else _JSON
    first = {"limit": str(PAGE)}
    query, restarts = first, 0
    before = len(seen.objects)
    tokens: set[str] = set()
    while True:
        status, page = _get(api, path, query, accept, seen)
        if status == 410 and query is not first and restarts < _MOST_RESTARTS:
            del seen.objects[before:]  # the list grew too old between two pages
            query, restarts = first, restarts + 1
            tokens.clear()
            continue
        if status != 200:
            _refused(kind, path, status, seen)
            return
        if not _is_list(page, "items"):
            seen.refused.append((path, f"every {kind[1]}: the answer is no list; rules took them for absent"))
            return
        for item in _mappings(page, "items"):
            plain = _plain(item, api_version, kind)
            unseen = _UNASKED if kind == SECRET else frozenset()
            thing = kube_object(plain, Origin(made_by=f"{path} of the cluster", unseen=unseen))
            if thing is not None:
                seen.objects.append(thing)
        if len(seen.objects) > MOST_OBJECTS:
            raise EnvironmentFailure(f"the cluster shows more than {MOST_OBJECTS} objects (GET {path})")
        metadata = page.get("metadata")
        token = _text(metadata, "continue") if isinstance(metadata, Mapping) else ""
        if not token:
            if kind == SECRET:
                seen.sees.add(SECRETS)
            return
        if token in tokens:
            raise EnvironmentFailure(f"the API server gives the same page again and again (GET {path})")
        tokens.add(token)
        query = {"limit": str(PAGE), "continue": token}


def _refused(kind: GroupKind, path: str, status: int, seen: Seen) -> None:
    if kind == SECRET and status == 403:  # as many roles that only read have it; rules then say nothing about them
        seen.notes.append(Note(f"Secrets: {_said(status)}", path))
        return
    seen.refused.append((path, f"every {kind[1]}: {_said(status)}; rules took them for absent"))


def _plain(item: Mapping[str, Any], api_version: str, kind: GroupKind) -> dict[str, Any]:
    """An item of a list as the object that it is: lists leave `apiVersion` and `kind` out."""
    given = item.get("metadata")
    metadata = _metadata(given, secret=kind == SECRET) if isinstance(given, dict) else given
    asked = {"apiVersion": api_version, "kind": kind[1], "metadata": metadata}
    return {**asked, **dict.fromkeys(_UNASKED, UNKNOWN)} if kind == SECRET else {**item, **asked}


def _metadata(given: dict[str, Any], *, secret: bool) -> dict[str, Any]:
    kept = {key: value for key, value in given.items() if key not in OWN_FIELDS}
    annotations = kept.pop("annotations", None)
    if isinstance(annotations, dict) and not secret:
        kept["annotations"] = {key: value for key, value in annotations.items() if key != LAST_APPLIED}
    elif annotations is not None and not secret:
        kept["annotations"] = annotations
    return kept


def _mappings(holder: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The mappings in a list under a key; what else is in it is none of ours."""
    return [entry for entry in _list_of(holder, key) if isinstance(entry, Mapping)]


def _is_list(holder: Mapping[str, Any], key: str) -> bool:
    """Whether there is a list of mappings, or null, which is how some servers write an empty one."""
    found = holder.get(key, "")
    return found is None or (isinstance(found, list) and all(isinstance(entry, Mapping) for entry in found))


def _list_of(holder: Mapping[str, Any], key: str) -> list[Any]:
    found = holder.get(key)
    return found if isinstance(found, list) else []


def _text(holder: Mapping[str, Any], key: str) -> str:
    found = holder.get(key)
    return found if isinstance(found, str) else ""


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
