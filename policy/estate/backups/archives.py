"""Where PostgreSQL clusters put their backups, and where they are restored from, in one form for both ways of wiring.

An archive is a folder `<destinationPath>/<serverName>` in an object store. A Cluster writes into it through the barman
plugin (an ObjectStore in its namespace) or through the deprecated in-tree field.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from seawall.operators import barman
from seawall.operators.annotations import RESTORES
from seawall.policy.estate.blame import blaming
from seawall.policy.estate.kinds import CLUSTER, OBJECT_STORE, SCHEDULED_BACKUP
from seawall.policy.estate.model import Estate
from seawall.policy.estate.objects import KubeObject
from seawall.policy.estate.values import CannotEvaluateError, View

IN_TREE = ("spec", "backup", "barmanObjectStore")
_S3_PATH = re.compile(r"s3://([^/]+)/?(.*)", re.DOTALL)
_AWS_HOST = re.compile(r"(^|\.)(amazonaws\.com(\.cn)?|api\.aws)$")


class Place(NamedTuple):
    """One archive: what two clusters must not share."""

    endpoint: str
    """Host and port of the store, empty for AWS."""
    folder: str
    """`s3://bucket/prefix`, without a slash at the end."""
    server: str

    @property
    def text(self) -> str:
        """For a person: `s3://bucket/prefix/server`."""
        return f"{self.folder}/{self.server}"


@dataclass(frozen=True, eq=False)
class Store:
    """An object store as one object describes it. Members raise `CannotEvaluateError` about that object."""

    thing: KubeObject
    """The ObjectStore, or the Cluster with the in-tree field."""
    config: View

    @property
    def in_tree(self) -> bool:
        """Whether it is the deprecated field of the Cluster itself."""
        return self.thing.group_kind == CLUSTER

    @property
    def title(self) -> str:
        """For a person: `ObjectStore data/pg`, `the in-tree store of Cluster data/pg`."""
        return f"the in-tree store of {self.thing.title}" if self.in_tree else self.thing.title

    @cached_property
    def destination(self) -> str:
        """Where it leads, without a slash at the end; empty when that is not said."""
        with blaming(self.thing):
            return (self.config.at("destinationPath").text() or "").rstrip("/")

    @cached_property
    def bucket(self) -> str | None:
        """The name of the S3 bucket; None for Azure, Google and what is no address."""
        match = _S3_PATH.fullmatch(self.destination)
        return match[1] if match else None

    @property
    def prefix(self) -> str:
        """The folder in the bucket, possibly empty."""
        match = _S3_PATH.fullmatch(self.destination)
        return match[2].strip("/") if match else ""

    @cached_property
    def endpoint(self) -> str | None:
        """The address of the store, None for AWS's own by region."""
        with blaming(self.thing):
            return self.config.at("endpointURL").text() or None

    @property
    def host(self) -> str:
        """Host and port of the endpoint, empty without one."""
        return re.sub(r"^[a-z]+://", "", self.endpoint or "").partition("/")[0].rpartition("@")[2].lower()

    @property
    def is_s3(self) -> bool:
        """Whether S3 is spoken, at AWS or elsewhere."""
        with blaming(self.thing):
            return self.config.at("s3Credentials").present or self.destination.startswith("s3://")

    @property
    def is_aws(self) -> bool:
        """Whether it is S3 of AWS itself, a private endpoint of it included."""
        return self.is_s3 and (not self.host or _AWS_HOST.search(self.host.partition(":")[0]) is not None)

    def encryption(self, part: str) -> View:
        """The field `encryption` of `data` or `wal`."""
        return self.config.at(part, "encryption")

    def key(self, part: str) -> str | None:
        """The KMS key in the arguments of `data` (base backups) or `wal`, None when none is named."""
        field = "additionalCommandArgs" if part == "data" else "archiveAdditionalCommandArgs"
        with blaming(self.thing):
            arguments = [argument.text() or "" for argument in self.config.at(part, field).items()]
        for index, argument in enumerate(arguments):
            name, equals, value = argument.partition("=")
            if name == barman.SSE_KMS_ARGUMENT:
                return value if equals else next(iter(arguments[index + 1 :]), "")
        return None

    @cached_property
    def writer_secrets(self) -> frozenset[str]:
        """The Secrets with the keys that it writes with; none when the pods have a role."""
        with blaming(self.thing):
            keys = (self.config.at("s3Credentials", key, "name").text() for key in ("accessKeyId", "secretAccessKey"))
            return frozenset(name for name in keys if name)

    @property
    def inherits(self) -> bool:
        """Whether the pods' own role signs in."""
        with blaming(self.thing):
            return self.config.at("s3Credentials", "inheritFromIAMRole").boolean(default=False)


class PluginUse(NamedTuple):
    """One entry for the barman plugin in a Cluster."""

    view: View
    store_name: str | None
    server: str | None

    @property
    def archives(self) -> bool:
        """Whether WAL goes through it."""
        return self.view.at("isWALArchiver").boolean(default=False)


@dataclass(frozen=True, eq=False)
class Archive:
    """What a Cluster writes to, or is restored from."""

    cluster: KubeObject
    store: Store
    server: str
    path: tuple[str, ...]
    """The field of the Cluster that says so."""

    @property
    def place(self) -> Place:
        """Where it lies."""
        endpoint = "" if self.store.is_aws else self.store.host
        return Place(endpoint, self.store.destination, self.server)


def in_tree_store(cluster: KubeObject) -> Store | None:
    """The store in the Cluster itself."""
    config = cluster.at(*IN_TREE)
    return Store(cluster, config) if config.present else None


def object_store(thing: KubeObject) -> Store:
    """An ObjectStore."""
    return Store(thing, thing.at("spec", "configuration"))


def store_of(thing: KubeObject) -> Store | None:
    """The store that an object describes: an ObjectStore always, a Cluster with the in-tree field."""
    return object_store(thing) if thing.group_kind == OBJECT_STORE else in_tree_store(thing)


def enabled_plugins(cluster: KubeObject) -> Iterator[View]:
    """The entries of `spec.plugins` that are not switched off."""
    for entry in cluster.at("spec", "plugins").items():
        if entry.at("enabled").boolean(default=True):
            yield entry


def plugin_uses(cluster: KubeObject) -> list[PluginUse]:
    """The entries for the barman plugin that are not switched off."""
    return [_use(entry) for entry in enabled_plugins(cluster) if entry.at("name").text() == barman.PLUGIN_NAME]


def _use(entry: View) -> PluginUse:
    parameters = entry.at("parameters")
    return PluginUse(entry, parameters.at("barmanObjectName").text(), parameters.at("serverName").text())


def archives_of(cluster: KubeObject, estate: Estate) -> tuple[Archive, ...]:
    """What a Cluster writes its WAL to; an ObjectStore that is not declared is left out."""
    found = estate.memo(_archives)[cluster]
    if isinstance(found, CannotEvaluateError):
        raise found.with_traceback(None)
    return found


def _archives(estate: Estate) -> Mapping[KubeObject, tuple[Archive, ...] | CannotEvaluateError]:
    """What every Cluster writes to, or why that cannot be said."""
    found: dict[KubeObject, tuple[Archive, ...] | CannotEvaluateError] = {}
    for cluster in estate.of(CLUSTER):
        try:
            with blaming(cluster):
                found[cluster] = tuple(_archives_of(cluster, estate))
        except CannotEvaluateError as problem:
            found[cluster] = problem
    return found


def _archives_of(cluster: KubeObject, estate: Estate) -> Iterator[Archive]:
    for use in plugin_uses(cluster):
        store = estate.find(OBJECT_STORE, cluster.namespace, use.store_name or "") if use.archives else None
        if store is not None:
            yield Archive(cluster, object_store(store), use.server or cluster.name, use.view.path)
    own = in_tree_store(cluster)
    if own is not None:
        yield Archive(cluster, own, own.config.at("serverName").text() or cluster.name, IN_TREE)


def source_of(cluster: KubeObject, estate: Estate) -> Archive | None:
    """What a Cluster is restored from, when that is an archive that can be seen."""
    name = recovery_source(cluster)
    if not name:
        return None
    for external in cluster.at("spec", "externalClusters").items():
        if external.at("name").text() != name:
            continue
        plugin, own = external.at("plugin"), external.at("barmanObjectStore")
        if plugin.present and plugin.at("name").text() == barman.PLUGIN_NAME:
            use = _use(plugin)
            store = estate.find(OBJECT_STORE, cluster.namespace, use.store_name or "")
            if store is not None:  # without a server name the plugin takes that of the new cluster
                return Archive(cluster, object_store(store), use.server or cluster.name, plugin.path)
        elif own.present:
            return Archive(cluster, Store(cluster, own), own.at("serverName").text() or name, own.path)
    return None


def recovery_source(cluster: KubeObject) -> str | None:
    """The external cluster that `bootstrap.recovery` names."""
    return cluster.at("spec", "bootstrap", "recovery", "source").text()


def written(estate: Estate) -> Mapping[Place, tuple[Archive, ...]]:
    """Every archive of an estate with those who write into it; `estate.memo(written)`. What is not known is left out:
    the rules about its Cluster say so."""
    found: dict[Place, list[Archive]] = defaultdict(list)
    for archives in estate.memo(_archives).values():
        for archive in archives if not isinstance(archives, CannotEvaluateError) else ():
            try:
                if archive.store.destination:
                    found[archive.place].append(archive)
            except CannotEvaluateError:
                continue
    return {place: tuple(archives) for place, archives in found.items()}


def unread(estate: Estate) -> Mapping[KubeObject, CannotEvaluateError]:
    """The Clusters of which cannot be said where they write, with the reason; `estate.memo(unread)`."""
    found: dict[KubeObject, CannotEvaluateError] = {}
    for cluster, archives in estate.memo(_archives).items():
        try:
            for archive in archives_of(cluster, estate) if isinstance(archives, tuple) else ():
                archive.place  # noqa: B018 (may be unreadable as well)
        except CannotEvaluateError as problem:
            archives = problem
        if isinstance(archives, CannotEvaluateError):
            found[cluster] = archives
    return found


def archives_in(bucket: str, estate: Estate) -> tuple[Archive, ...]:
    """The archives in an S3 bucket. Raises `CannotEvaluateError` when none is known, and some Cluster's may be."""
    found = estate.memo(by_bucket).get(bucket, ())
    for problem in () if found else estate.memo(unread).values():
        raise problem.with_traceback(None)
    return found


def users_of(thing: KubeObject, estate: Estate) -> tuple[Archive, ...]:
    """The archives of an object that describes a store.

    Raises `CannotEvaluateError` when none is known, and some Cluster of its namespace may write there.
    """
    found = estate.memo(users).get(thing, ())
    for cluster, problem in () if found else estate.memo(unread).items():
        if cluster.namespace == thing.namespace:
            raise problem.with_traceback(None)
    return found


def by_bucket(estate: Estate) -> Mapping[str, tuple[Archive, ...]]:
    """The archives of an estate by the name of their S3 bucket; `estate.memo(by_bucket)`."""
    found: dict[str, list[Archive]] = defaultdict(list)
    for archives in estate.memo(written).values():
        for archive in archives:
            if archive.store.bucket is not None:
                found[archive.store.bucket].append(archive)
    return {bucket: tuple(archives) for bucket, archives in found.items()}


def users(estate: Estate) -> Mapping[KubeObject, tuple[Archive, ...]]:
    """The archives by the object that describes their store; `estate.memo(users)`."""
    found: dict[KubeObject, list[Archive]] = defaultdict(list)
    for archives in estate.memo(written).values():
        for archive in archives:
            found[archive.store.thing].append(archive)
    return {thing: tuple(archives) for thing, archives in found.items()}


def restored_only(thing: KubeObject, estate: Estate) -> bool:
    """Whether an object is an ObjectStore that Clusters are restored from, and that none writes to.

    A drill's says so itself: the Cluster that is restored from it is there only while the drill runs.
    Raises `CannotEvaluateError` when that depends on a Cluster of its namespace that cannot be read.
    """
    if thing.group_kind != OBJECT_STORE:
        return False
    sources = estate.memo(_sources)
    if thing.annotation(RESTORES) is not None or thing in sources.found:
        return not users_of(thing, estate)
    problem = sources.unread.get(thing.namespace)
    if problem is not None and not estate.memo(users).get(thing):
        raise problem.with_traceback(None)
    return False


class _Sources:
    """The ObjectStores that Clusters are restored from."""

    def __init__(self, estate: Estate) -> None:
        self.found: set[KubeObject] = set()
        self.unread: dict[str, CannotEvaluateError] = {}
        """Namespace → why nobody can tell what one of its Clusters is restored from."""
        for cluster in estate.of(CLUSTER):
            try:
                with blaming(cluster):
                    source = source_of(cluster, estate)
            except CannotEvaluateError as problem:
                self.unread.setdefault(cluster.namespace, problem)
                continue
            if source is not None and not source.store.in_tree:
                self.found.add(source.store.thing)


def _sources(estate: Estate) -> _Sources:
    return _Sources(estate)


def schedules_of(cluster: KubeObject, estate: Estate) -> Iterator[KubeObject]:
    """The ScheduledBackups of a Cluster.

    Raises `CannotEvaluateError` at the end when one of its namespace may be its as well, or another one's.
    """
    schedules = estate.memo(_schedules)
    yield from schedules.found.get((cluster.namespace, cluster.name), ())
    problem = schedules.unread.get(cluster.namespace)
    if problem is not None:
        raise problem.with_traceback(None)


class _Schedules:
    """The ScheduledBackups by namespace and name of their Cluster."""

    def __init__(self, estate: Estate) -> None:
        self.found: dict[tuple[str, str], list[KubeObject]] = defaultdict(list)
        self.unread: dict[str, CannotEvaluateError] = {}
        """Namespace → why nobody can tell which Cluster one of them is for."""
        for backup in estate.of(SCHEDULED_BACKUP):
            try:
                self.found[backup.namespace, backup.at("spec", "cluster", "name").text() or ""].append(backup)
            except CannotEvaluateError as problem:
                problem.about(backup)
                self.unread.setdefault(backup.namespace, problem)


def _schedules(estate: Estate) -> _Schedules:
    return _Schedules(estate)
