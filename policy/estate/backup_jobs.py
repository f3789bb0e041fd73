"""CronJobs that look whether backups are there, and those that restore them, whoever wrote them.

Ours say so by an annotation. Anybody's are known by what they do: barman's commands that list an archive, a client of
S3 that reads the bucket of a declared archive, or the image of the barman sidecar.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from seawall.operators.annotations import RESTORES, VALIDATES
from seawall.policy.estate.archives import Archive, archives_of, by_bucket
from seawall.policy.estate.blame import blaming
from seawall.policy.estate.kinds import CLUSTER, CONFIG_MAP, CRON_JOB
from seawall.policy.estate.model import Estate, PodSet
from seawall.policy.estate.objects import KubeObject
from seawall.policy.estate.values import CannotEvaluateError, View

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
_RESTORES = re.compile(r"\bbarman-cloud-restore\b|\bcnpg-drill\b")
_IMAGE = re.compile(r"(?:^|/)(?:plugin-barman-cloud-sidecar|barman(?:-cloud)?)(?:[:@]|$)")
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
    clusters: tuple[KubeObject, ...]
    """The Clusters whose backups it is about, as far as they can be seen."""
    declared: str | None
    """The value of the annotation."""

    def archives(self, estate: Estate) -> list[Archive]:
        """Where those Clusters write."""
        return [archive for cluster in self.clusters for archive in archives_of(cluster, estate)]


def backup_jobs(estate: Estate) -> Mapping[KubeObject, BackupJob]:
    """The CronJobs about backups; `estate.memo(backup_jobs)`. One that cannot be read is there if an annotation says
    what it is for."""
    found = {}
    for thing in estate.of(CRON_JOB):
        try:
            job = _recognised(thing, estate)
        except CannotEvaluateError:
            continue
        if job is not None:
            found[thing] = job
    return found


def validators(estate: Estate) -> Mapping[KubeObject, tuple[BackupJob, ...]]:
    """The jobs that validate the backups of each Cluster; `estate.memo(validators)`."""
    return _by_cluster(estate, Purpose.VALIDATES)


def drills(estate: Estate) -> Mapping[KubeObject, tuple[BackupJob, ...]]:
    """The jobs that restore the backups of each Cluster; `estate.memo(drills)`."""
    return _by_cluster(estate, Purpose.RESTORES)


def _by_cluster(estate: Estate, purpose: Purpose) -> Mapping[KubeObject, tuple[BackupJob, ...]]:
    found: dict[KubeObject, list[BackupJob]] = defaultdict(list)
    for job in estate.memo(backup_jobs).values():
        if job.purpose is purpose:
            for cluster in job.clusters:
                found[cluster].append(job)
    return {cluster: tuple(jobs) for cluster, jobs in found.items()}


def _recognised(thing: KubeObject, estate: Estate) -> BackupJob | None:
    validates, restores = thing.annotation(VALIDATES), thing.annotation(RESTORES)
    declared = validates or restores
    try:
        texts, words = _read(thing, estate)
    except CannotEvaluateError:
        if declared is None:
            return None
        texts, words = (), frozenset()
    if declared is not None:
        purpose = Purpose.VALIDATES if validates else Purpose.RESTORES
        by = f"annotation {VALIDATES if validates else RESTORES}"
    else:
        known = _purpose(thing, texts, words, estate)
        if known is None:
            return None
        purpose, by = known
    clusters = _declared_cluster(declared, estate) if declared else _about(thing, words, estate)
    return BackupJob(thing, purpose, by, texts, tuple(clusters), declared)


def _purpose(
    thing: KubeObject, texts: tuple[Text, ...], words: frozenset[str], estate: Estate
) -> tuple[Purpose, str] | None:
    commands = {name for it in texts for name in _commands(it.text)}
    if "restores" in commands:
        return Purpose.RESTORES, "what it runs"
    if "lists" in commands:
        return Purpose.VALIDATES, "barman's command"
    if "writes" in commands:
        return None
    if "reads" in commands and not words.isdisjoint(estate.memo(by_bucket)):
        return Purpose.VALIDATES, "its reading of the bucket"
    if any(_IMAGE.search(container.at("image").text() or "") for pods in _pods(thing, estate) for container in pods):
        return Purpose.VALIDATES, "its image"
    return None


@lru_cache(maxsize=4096)
def _commands(text: str) -> frozenset[str]:
    """What a text does, as far as backups are concerned. The same script is read once, in however many ConfigMaps."""
    patterns = {"restores": _RESTORES, "lists": _LISTS, "reads": _READS, "writes": _WRITES}
    return frozenset(name for name, pattern in patterns.items() if pattern.search(text))


@lru_cache(maxsize=4096)
def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text))


def _pods(thing: KubeObject, estate: Estate) -> Iterator[tuple[View, ...]]:
    for pods in estate.pods_of(thing):
        yield pods.containers


def _read(thing: KubeObject, estate: Estate) -> tuple[tuple[Text, ...], frozenset[str]]:
    """What a CronJob runs, and every word of it and of its environment. Values that are not known yet are left out."""
    texts: list[Text] = []
    words: set[str] = set()
    for pods in estate.pods_of(thing):
        for container in pods.containers:
            parts = [part for field in ("command", "args") for part in container.at(field).items() if part.known]
            whole = " ".join(part.text() or "" for part in parts)
            if parts:
                field = container.at("command") if container.at("command").present else container.at("args")
                texts.append(Text(thing, field.path, whole))
            for variable in container.at("env").items():
                value = variable.at("value")
                if value.known and isinstance(value.raw, str):
                    words |= _words(value.raw)
        for config_map in _scripts(pods, estate):
            with blaming(config_map):
                data = [view for _, view in config_map.at("data").entries() if view.known]
                texts += [Text(config_map, view.path, view.text() or "") for view in data]
    for it in texts:
        words |= _words(it.text)
    return tuple(texts), frozenset(words)


def _scripts(pods: PodSet, estate: Estate) -> Iterator[KubeObject]:
    """The ConfigMaps that are mounted."""
    for volume in pods.spec.at("volumes").items():
        named = [volume.at("configMap", "name")]
        named += [source.at("configMap", "name") for source in volume.at("projected", "sources").items()]
        for name in named:
            thing = estate.find(CONFIG_MAP, pods.namespace, str(name.raw)) if name.known and name.raw else None
            if thing is not None:
                yield thing


def _declared_cluster(declared: str, estate: Estate) -> Iterator[KubeObject]:
    namespace, _, name = declared.partition("/")
    cluster = estate.find(CLUSTER, namespace, name)
    if cluster is not None:
        yield cluster


def _about(thing: KubeObject, words: frozenset[str], estate: Estate) -> Iterator[KubeObject]:
    """The Clusters whose bucket and server a job names; of a bucket alone, those of its own namespace."""
    found: list[Archive] = []
    for bucket in words & estate.memo(by_bucket).keys():
        archives = estate.memo(by_bucket)[bucket]
        if len(archives) > 1:
            of_server, in_namespace = estate.memo(_told_apart)[bucket]
            named = [archive for word in words for archive in of_server.get(word, ())]
            archives = tuple(named or in_namespace.get(thing.namespace, ()))
        found += archives
    yield from dict.fromkeys(archive.cluster for archive in found)


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
