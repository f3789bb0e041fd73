"""Reads of a cluster what the on-call page needs: lists in parallel, then the reports that they name. GET, and no more.

What may not be read, is not served or does not answer is kept with its reason: no answer takes it for absent.
"""

import shlex
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Protocol

from seawall.components.cnpg.drill.names import report_name
from seawall.errors import EnvironmentFailure
from seawall.operators.annotations import RESTORES, VALIDATES
from seawall.policy.estate.kinds import CRON_JOB, JOB, POD, SECRET, GroupKind
from seawall.qa.oncall.kinds import LISTED, LOGS, REPORTS, SECRETS, Wanted
from seawall.qa.oncall.things import Thing, dig, mappings, texts

PAGE = 500
"""Objects per request."""
THREADS = 8
"""Requests at the same time."""
MOST_PAGES = 2000
"""Of one list; a million objects."""
MOST_EMPTY = 10
"""Pages of a list without an object, one after the other."""
_MOST_RESTARTS = 3
_JSON = "application/json"
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_TEXT = "*/*"
_DATA = "f:data"


class Api(Protocol):
    """A read-only Kubernetes API."""

    context: str
    date: str | None
    """The `Date` of its newest answer."""

    def get(self, path: str, query: Mapping[str, str], accept: str) -> tuple[int, Any]:
        """HTTP status and decoded JSON of a path. Raises `EnvironmentFailure` when the server cannot be reached."""


class UnknownUserError(EnvironmentFailure):
    """The API server does not know who we are."""


@dataclass(frozen=True)
class Listing:
    """The objects of one kind, or why they are not here."""

    wanted: Wanted
    things: tuple[Thing, ...] = ()
    why: str = ""
    """Why they could not be read; empty when they were."""
    served: bool = True
    """Whether the API server knows the kind at all."""
    version: str = ""


@dataclass(frozen=True)
class Document:
    """One thing that was asked for by name, or why it is not here."""

    value: Any = None
    why: str = ""


@dataclass
class Seen:
    """What a cluster showed."""

    context: str
    server: str
    kubectl: str
    """How a command reaches the same cluster: the current context of whoever copies it may be another one."""
    now: datetime
    """By the API server's clock; by ours where it says none."""
    skew: float = 0.0
    """Seconds by which our clock is ahead of the API server's."""
    lists: dict[GroupKind, Listing] = field(default_factory=dict)
    secret_keys: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    """Namespace and name of each Secret → the names of its keys."""
    reports: dict[tuple[str, str], Document] = field(default_factory=dict)
    """Namespace and name of a restore drill's ConfigMap → its data."""
    logs: dict[str, Document] = field(default_factory=dict)
    """`namespace/Cluster` → the validator's last report."""

    def of(self, kind: GroupKind) -> tuple[Thing, ...]:
        """The objects of a kind; none where they could not be read."""
        return self.lists[kind].things

    def served(self, kind: GroupKind) -> bool:
        """Whether the API server knows the kind."""
        return self.lists[kind].served

    def missing(self, *kinds: GroupKind) -> str:
        """Why some of these could not be read, for a person; empty when all were."""
        return "; ".join(listing.why for listing in map(self.lists.__getitem__, kinds) if listing.why)


def read(
    api: Api, *, server: str, kubeconfig: Path | None = None, told: Callable[[str], None] = lambda _: None
) -> Seen:
    """Reads a cluster. Raises `EnvironmentFailure` when its API server cannot be reached or does not know us."""
    versions = _versions(api)
    ours = datetime.now(UTC)
    now, skew = _clock(api.date, ours)
    flags = ["--context", api.context, *(["--kubeconfig", str(kubeconfig)] if kubeconfig is not None else [])]
    seen = Seen(api.context, server, shlex.join(["kubectl", *flags]), now, skew)
    with _pool() as pool:
        told("lists")
        lists = {it.of: pool.submit(_listing, api, it, versions, _JSON) for it in LISTED}
        lists[SECRET] = pool.submit(_listing, api, SECRETS, versions, _METADATA_ONLY)
        seen.lists = {kind: found.result() for kind, found in lists.items()}
        told("reports")
        reports = {place: pool.submit(_report, api, *place) for place in _report_places(seen)}
        logs = {about: pool.submit(_log, api, pod) for about, pod in _validators(seen)}
        seen.reports = _done(reports)
        seen.logs = _done(logs)
    secrets = seen.lists[SECRET]
    seen.secret_keys = {(it.namespace, it.name): frozenset(it.texts("keys")) for it in secrets.things}
    return seen


@contextmanager
def _pool() -> Iterator[ThreadPoolExecutor]:
    """A pool that is left at once when something is raised, ^C above all: requests under way are not waited for."""
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="on-call")
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _done(asked: Mapping[Any, Future[Document]]) -> dict[Any, Document]:
    return {key: found.result() for key, found in asked.items()}


def _clock(date: str | None, ours: datetime) -> tuple[datetime, float]:
    """Now, and by how many seconds our own clock is ahead."""
    try:
        theirs = parsedate_to_datetime(date or "").astimezone(UTC)
    except (ValueError, OverflowError):
        return ours, 0.0
    return theirs, (ours - theirs).total_seconds()


def _versions(api: Api) -> dict[str, list[str]] | None:
    """API group → the versions that are served, the preferred one first; None where the server does not say."""
    status, answer = _get(api, "/apis", {}, _JSON)
    if status == 403:
        return None
    if status != 200 or not isinstance(dig(answer, "groups"), list):
        raise EnvironmentFailure(
            f"the API server of context {api.context} does not say what it serves (GET /apis: HTTP {status}); "
            "is this a Kubernetes API server?"
        )
    found = {"": ["v1"]}
    for group in mappings(answer["groups"]):
        versions = [str(it.get("version")) for it in mappings(group.get("versions"))]
        first = dig(group, "preferredVersion", "version")
        found[str(group.get("name"))] = list(dict.fromkeys([first, *versions] if isinstance(first, str) else versions))
    return found


def _listing(api: Api, wanted: Wanted, versions: Mapping[str, Collection[str]] | None, accept: str) -> Listing:
    served = [wanted.version] if versions is None else list(versions.get(wanted.group, ()))
    if not served:
        return Listing(wanted, served=False)
    version = wanted.version if wanted.version in served else served[0]
    path = wanted.path(version)
    try:
        status, items = _pages(api, path, accept)
    except UnknownUserError:
        raise
    except EnvironmentFailure as problem:
        return Listing(wanted, why=f"{wanted.right} did not come to an end: {problem}")
    if status == 404:
        return Listing(wanted, served=False)
    if status != 200:
        return Listing(wanted, why=_refused(status, wanted.right))
    make = _secret if wanted is SECRETS else Thing
    return Listing(wanted, tuple(make(it) for it in items), version=version)


def _pages(api: Api, path: str, accept: str) -> tuple[int, list[Mapping[str, Any]]]:
    """All items of a list, page by page; one that grows too old on the way is begun again."""
    for _ in range(_MOST_RESTARTS):
        found: list[Mapping[str, Any]] = []
        query, empty = {"limit": str(PAGE)}, 0
        for _ in range(MOST_PAGES):
            status, page = _get(api, path, query, accept)
            if status != 200:
                break
            if not isinstance(page, Mapping) or not isinstance(page.get("items"), list | None):
                return 0, []
            found += mappings(page.get("items"))
            token = dig(page, "metadata", "continue")
            if not isinstance(token, str) or not token:
                return 200, found
            empty = 0 if page.get("items") else empty + 1
            if empty > MOST_EMPTY or token == query.get("continue"):
                raise EnvironmentFailure("there is always another page")
            query = {"limit": str(PAGE), "continue": token}
        if status != 410:
            return (status, []) if status != 200 else (0, [])
    return 410, []


def _secret(item: Mapping[str, Any]) -> Thing:
    """A Secret's name and the names of its keys. Annotations, which may hold it whole, are dropped here.

    The API server remembers for each writer which fields it set, by name alone: `f:data` holds the keys.
    """
    keys: set[str] = set()
    for entry in mappings(dig(item, "metadata", "managedFields")):
        given = dig(entry, "fieldsV1", _DATA)
        if isinstance(given, Mapping):
            keys.update(str(key)[2:] for key in given if str(key).startswith("f:"))
    metadata = {key: dig(item, "metadata", key) for key in ("name", "namespace")}
    return Thing({"metadata": metadata, "keys": dict.fromkeys(sorted(keys), "")})


def _report_places(seen: Seen) -> set[tuple[str, str]]:
    """Where the reports of restore drills are: beside the CronJob that says whose backups it restores."""
    return {
        (job.namespace, report_name(source.partition("/")[2]))
        for job in seen.of(CRON_JOB)
        if (source := job.annotations.get(RESTORES, ""))
    }


def _report(api: Api, namespace: str, name: str) -> Document:
    status, answer = _get(api, f"/api/v1/namespaces/{namespace}/configmaps/{name}", {}, _JSON)
    if status == 404:
        return Document()
    if status != 200:
        return Document(why=_refused(status, f"{REPORTS} in {namespace}"))
    return Document(texts(dig(answer, "data")))


def _validators(seen: Seen) -> Iterator[tuple[str, Thing]]:
    """`namespace/Cluster` → the newest ended pod of the CronJob that validates its backups."""
    for cron in seen.of(CRON_JOB):
        about = cron.annotations.get(VALIDATES, "")
        pod = newest_pod(seen, cron) if about else None
        if pod is not None:
            yield about, pod


def newest_pod(seen: Seen, cron: Thing) -> Thing | None:
    """The newest ended pod of a CronJob's Jobs."""
    jobs = {job.name for job in jobs_of(seen, cron)}
    pods = [
        pod
        for pod in seen.of(POD)
        if pod.namespace == cron.namespace
        and pod.controller in {("Job", name) for name in jobs}
        and pod.text("status", "phase") in ("Succeeded", "Failed")
    ]
    return max(pods, key=_age_key, default=None)


def jobs_of(seen: Seen, cron: Thing) -> list[Thing]:
    """The Jobs that a CronJob made, also those that somebody made from it by hand, newest first."""
    owned = [
        job
        for job in seen.of(JOB)
        if job.namespace == cron.namespace
        and any(it.get("kind") == "CronJob" and it.get("name") == cron.name for it in job.items(*_OWNERS))
    ]
    return sorted(owned, key=_age_key, reverse=True)


_OWNERS = ("metadata", "ownerReferences")


def _age_key(thing: Thing) -> float:
    return thing.created.timestamp() if thing.created is not None else 0.0


def _log(api: Api, pod: Thing) -> Document:
    """The last line of a pod's log, which is the validator's JSON."""
    path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/log"
    try:
        status, answer = _get(api, path, {"tailLines": "1"}, _TEXT)
    except EnvironmentFailure as problem:
        return Document(why=str(problem))
    if status == 403:
        return Document(why=_refused(status, f"{LOGS} in {pod.namespace}"))
    if status != 200 or not isinstance(answer, Mapping):
        said = f"HTTP {status}" if status != 200 else "no report in its last line"
        return Document(why=f"the log of pod {pod.full_name} is not to be had ({said})")
    return Document(answer)


def _get(api: Api, path: str, query: Mapping[str, str], accept: str) -> tuple[int, Any]:
    status, value = api.get(path, query, accept)
    if status == 401:
        raise UnknownUserError(
            f"the API server of context {api.context} does not know you (HTTP 401): your certificate or token has "
            "ended, or is for another cluster; sign in to this context again"
        )
    return status, value


def _refused(status: int, right: str) -> str:
    if status == 403:
        return f"you may not {right} (HTTP 403)"
    return f"{right} was answered with {f'HTTP {status}' if status else 'no list'}"
