"""CronJobs that look whether backups are there, and those that restore them, whoever wrote them.

Ours say so by an annotation. Anybody's are known by what they do: barman's commands that list an archive, a client of
S3 that reads the bucket of a declared archive, or the image of the barman sidecar.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import NamedTuple

from seawall.operators.annotations import RESTORES, VALIDATES
from seawall.policy.estate.backups.archives import Archive, archives_of, by_bucket
from seawall.policy.estate.blame import blaming
from seawall.policy.estate.kinds import CLUSTER, CONFIG_MAP, CRON_JOB, OBJECT_STORE
from seawall.policy.estate.model import Estate, PodSet
from seawall.policy.estate.objects import KubeObject
from seawall.policy.estate.values import CannotEvaluateError, UnknownValueError, View

_LISTS = re.compile(r"\bbarman-cloud-(backup-list|backup-show|check-wal-archive)\b")
_READS = re.compile(
    r"\baws\s+(?:-\S+\s+(?:[^-\s]\S*\s+)?)*s3(?:api)?\s+(?:ls|head-object|list-objects(?:-v2)?)\b"
    r"|\bmc\s+(?:-\S+\s+)*(?:ls|stat|find)\b|\brclone\s+(?:ls|lsl|lsf|lsjson|size|check)\b|\bs3cmd\s+(?:ls|info)\b"
    r"|\blist_objects(?:_v2)?\b|\bhead_object\b"
)
_WRITES = re.compile(
    r"\baws\s+(?:-\S+\s+(?:[^-\s]\S*\s+)?)*s3\s+(?:sync|mv|rm|cp\s+(?!s3://))"
    r"|\bmc\s+(?:-\S+\s+)*(?:cp|mirror|rm|mv)\b|\brclone\s+(?:copy|sync|move)\b|\bput_object\b|\bupload_file"
    r"|\bbarman-cloud-(?:backup|wal-archive)(?![-\w])|\bpg_dump(?:all)?\b"
)
_CLIENT = re.compile(r"(?:^|[\s/])(?:aws|mc|rclone|s3cmd)(?=\s|$)")
"""A client of S3, whatever it is to do."""
_RESTORES = re.compile(r"\bbarman-cloud-restore\b|\bcnpg-drill\b")
_DATA = re.compile(
    r"\.(ya?ml|json|toml|ini|conf|cfg|config|properties|env|xml|txt|crt|pem|key|sql)$|^[^.]*$", re.IGNORECASE
)
"""Entries of a ConfigMap that are no scripts."""
_IMAGE = re.compile(r"(?:^|/)(?:plugin-barman-cloud-sidecar|barman(?:-cloud)?)(?:[:@]|$)")
_TAKES_SCRIPT = re.compile(r"-[a-z]*c")
"""What a shell's or an interpreter's script comes after."""
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Text(NamedTuple):
    """Something that a job runs."""

    thing: KubeObject
    """The CronJob, or a ConfigMap that it mounts."""
    path: tuple[str, ...]
    text: str


class Purpose(StrEnum):
    """What a job is for."""

    VALIDATES = "validates"
    RESTORES = "restores"


@dataclass(frozen=True, eq=False)
class BackupJob:
    """One CronJob that is about backups."""

    thing: KubeObject
    purpose: Purpose
    known_by: str
    """For a person: the annotation, the command, or the image."""
    texts: tuple[Text, ...]
    """What it runs: each command with its arguments, and each script of a ConfigMap."""
    _clusters: tuple[KubeObject, ...] | CannotEvaluateError
    unread: CannotEvaluateError | None
    """Why something that it runs is not in `texts`."""

    @property
    def clusters(self) -> tuple[KubeObject, ...]:
        """The Clusters whose backups it is about, as far as they can be seen. Raises `CannotEvaluateError`."""
        if isinstance(self._clusters, CannotEvaluateError):
            raise self._clusters.with_traceback(None)
        return self._clusters

    def all_texts(self) -> Iterator[Text]:
        """The same as `texts`. Raises `CannotEvaluateError` at the end when something is not in it."""
        yield from self.texts
        if self.unread is not None:
            raise self.unread.with_traceback(None)

    def archives(self, estate: Estate) -> list[Archive]:
        """Where those Clusters write."""
        return [archive for cluster in self.clusters for archive in archives_of(cluster, estate)]


class _Jobs:
    """The CronJobs about backups, and those of which nobody can tell whether they are."""

    def __init__(self, estate: Estate) -> None:
        self.found: dict[KubeObject, BackupJob] = {}
        self.doubts: dict[KubeObject, CannotEvaluateError] = {}
        relevant = bool(estate.every(CLUSTER) or estate.every(OBJECT_STORE))
        for thing in estate.of(CRON_JOB):
            try:
                with blaming(thing):
                    job = _recognised(thing, estate)
            except UnknownValueError as problem:
                if relevant:  # without PostgreSQL here no backups are looked at
                    self.doubts[thing] = problem
                continue
            except CannotEvaluateError:
                continue  # the API server refuses it, whatever it was to be
            if job is not None:
                self.found[thing] = job
        self._by_purpose = {purpose: self._by_cluster(purpose) for purpose in Purpose}

    def _by_cluster(self, purpose: Purpose) -> Mapping[KubeObject, tuple[BackupJob, ...]]:
        found: dict[KubeObject, list[BackupJob]] = defaultdict(list)
        for job in self.found.values():
            if job.purpose is purpose:
                try:
                    for cluster in job.clusters:
                        found[cluster].append(job)
                except CannotEvaluateError as problem:
                    self.doubts[job.thing] = problem
        return {cluster: tuple(jobs) for cluster, jobs in found.items()}

    def about(self, cluster: KubeObject, purposes: Iterable[Purpose]) -> tuple[BackupJob, ...]:
        found = tuple(job for purpose in purposes for job in self._by_purpose[purpose].get(cluster, ()))
        for problem in () if found else self.doubts.values():
            raise problem.with_traceback(None)
        return found


def _jobs(estate: Estate) -> _Jobs:
    return _Jobs(estate)


def backup_job(thing: KubeObject, estate: Estate) -> BackupJob | None:
    """What a CronJob has to do with backups, None when nothing. One that cannot be read is known by its annotation.

    Raises `CannotEvaluateError` when it cannot be told.
    """
    jobs = estate.memo(_jobs)
    if thing in jobs.found:
        return jobs.found[thing]
    if thing in jobs.doubts:
        raise jobs.doubts[thing].with_traceback(None)
    return None


def jobs_about(cluster: KubeObject, estate: Estate, *purposes: Purpose) -> tuple[BackupJob, ...]:
    """The jobs that validate, or restore, the backups of a Cluster.

    Raises `CannotEvaluateError` when none is known, and some CronJob may be one.
    """
    return estate.memo(_jobs).about(cluster, purposes)


def _recognised(thing: KubeObject, estate: Estate) -> BackupJob | None:
    annotations = thing.at("metadata", "annotations")
    validates, restores = annotations.at(VALIDATES), annotations.at(RESTORES)
    read = _Read(thing, estate)
    if _says(validates) or _says(restores):
        declared = validates if _says(validates) else restores
        purpose = Purpose.VALIDATES if declared is validates else Purpose.RESTORES
        by = f"annotation {VALIDATES if declared is validates else RESTORES}"
        clusters = _declared_cluster(declared, estate)
    else:
        known = _purpose(read, estate)
        if known is None:
            return None
        purpose, by = known
        clusters = _about(thing, read, estate)
    about: tuple[KubeObject, ...] | CannotEvaluateError
    try:
        with blaming(thing):
            about = tuple(clusters)
    except CannotEvaluateError as problem:
        about = problem
    return BackupJob(thing, purpose, by, tuple(read.texts), about, read.unread)


def _says(view: View) -> bool:
    return not view.known or bool(view.text())


def _purpose(read: "_Read", estate: Estate) -> tuple[Purpose, str] | None:
    """What a job is for by what it does, and how that is known. Raises `CannotEvaluateError` when it cannot be told."""
    commands = {name for it in read.texts for name in _commands(it.text)}
    if "restores" in commands:
        return Purpose.RESTORES, "what it runs"
    if "lists" in commands:
        return Purpose.VALIDATES, "barman's command"
    if "writes" in commands:
        return None
    if "reads" in commands and not read.words.isdisjoint(estate.memo(by_bucket)):
        return Purpose.VALIDATES, "its reading of the bucket"
    if any(_IMAGE.search(image) for image in read.images):
        return Purpose.VALIDATES, "its image"
    may_read = "reads" in commands or ("client" in commands and not read.words.isdisjoint(estate.memo(by_bucket)))
    unknown = read.unread or (read.unread_value if may_read else None)
    if unknown is not None:
        raise unknown.with_traceback(None)
    return None


@lru_cache(maxsize=4096)
def _commands(text: str) -> frozenset[str]:
    """What a text does, as far as backups are concerned. The same script is read once, in however many ConfigMaps."""
    patterns = {"restores": _RESTORES, "lists": _LISTS, "reads": _READS, "writes": _WRITES, "client": _CLIENT}
    return frozenset(name for name, pattern in patterns.items() if pattern.search(text))


@lru_cache(maxsize=4096)
def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text))


class _Read:
    """What a CronJob runs, and every word of it and of its environment. What cannot be read hides nothing else."""

    def __init__(self, thing: KubeObject, estate: Estate) -> None:
        self.texts: list[Text] = []
        self.images: list[str] = []
        self._thing = thing
        self._values: set[str] = set()
        self.unread: CannotEvaluateError | None = None
        """Why some program or script is not known; an argument alone does not make another program of it."""
        self.unread_value: CannotEvaluateError | None = None
        """Why some argument or variable is not known."""
        try:
            for pods in estate.pods_of(thing):
                for container in pods.containers:
                    self._container(container)
                self._scripts(pods, estate)
        except CannotEvaluateError as problem:
            problem.about(thing)
            self.unread = self.unread or problem

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word."""
        return frozenset(self._values.union(*(_words(it.text) for it in self.texts)))

    def _container(self, container: View) -> None:
        try:
            self._command(container)
            self.images.append(container.at("image").text() or "")
        except CannotEvaluateError as problem:
            problem.about(self._thing)
            self.unread = self.unread or problem
        try:
            for variable in container.at("env").items():
                value = variable.at("value")
                if value.present and isinstance(value.raw, str):
                    self._values |= _words(value.raw)
        except CannotEvaluateError as problem:
            problem.about(self._thing)
            self.unread_value = self.unread_value or problem

    def _command(self, container: View) -> None:
        words: list[str] = []
        parts = [part for field in ("command", "args") for part in container.at(field).items()]
        for index, part in enumerate(parts):
            if part.known:
                words.append(part.text() or "")
            elif index == 0 or _TAKES_SCRIPT.fullmatch(words[-1] if words else ""):
                part.text()  # raises: the program, or a shell's script, may be anything
            else:
                self.unread_value = self.unread_value or _unknown(part, self._thing)
        if words:
            field = container.at("command") if container.at("command").present else container.at("args")
            self.texts.append(Text(self._thing, field.path, " ".join(words)))

    def _scripts(self, pods: PodSet, estate: Estate) -> None:
        for config_map in _config_maps(pods, estate):
            with blaming(config_map):
                for key, view in config_map.at("data").entries():
                    if view.known:
                        self.texts.append(Text(config_map, view.path, view.text() or ""))
                    elif not _DATA.search(key):
                        view.text()  # raises


def _unknown(view: View, thing: KubeObject) -> UnknownValueError:
    problem = UnknownValueError(view.path)
    problem.about(thing)
    return problem


def _config_maps(pods: PodSet, estate: Estate) -> Iterator[KubeObject]:
    """The ConfigMaps that are mounted."""
    for volume in pods.spec.at("volumes").items():
        named = [volume.at("configMap", "name")]
        named += [source.at("configMap", "name") for source in volume.at("projected", "sources").items()]
        for name in (view.text() for view in named):
            thing = estate.find(CONFIG_MAP, pods.namespace, name) if name else None
            if thing is not None:
                yield thing


def _declared_cluster(declared: View, estate: Estate) -> Iterator[KubeObject]:
    namespace, _, name = (declared.text() or "").partition("/")
    cluster = estate.find(CLUSTER, namespace, name)
    if cluster is not None:
        yield cluster


def _about(thing: KubeObject, read: _Read, estate: Estate) -> Iterator[KubeObject]:
    """The Clusters whose bucket and server a job names; of a bucket alone, those of its own namespace."""
    found: list[Archive] = []
    words = read.words
    for bucket in words & estate.memo(by_bucket).keys():
        archives = estate.memo(by_bucket)[bucket]
        if len(archives) > 1:
            of_server, in_namespace = estate.memo(_told_apart)[bucket]
            named = [archive for word in words for archive in of_server.get(word, ())]
            archives = tuple(named or in_namespace.get(thing.namespace, ()))
        found += archives
    yield from dict.fromkeys(archive.cluster for archive in found)
    unknown = read.unread or read.unread_value
    if not found and unknown is not None:
        raise unknown.with_traceback(None)


_Archives = Mapping[str, list[Archive]]


def _told_apart(estate: Estate) -> Mapping[str, tuple[_Archives, _Archives]]:
    """The archives of each bucket by their server's name, and by the namespace of their Cluster."""
    found = {}
    for bucket, archives in estate.memo(by_bucket).items():
        of_server: dict[str, list[Archive]] = defaultdict(list)
        in_namespace: dict[str, list[Archive]] = defaultdict(list)
        for archive in archives:
            of_server[archive.server].append(archive)
            in_namespace[archive.cluster.namespace].append(archive)
        found[bucket] = (of_server, in_namespace)
    return found
