"""CNPG-SEC-001: a backup validator that may do more than look, or that sees nothing."""

import re
from collections.abc import Iterator
from datetime import timedelta

from seawall.operators.cnpg.schedule import ScheduleError
from seawall.policy.checks.backup_job_checks import common, elsewhere, job_of
from seawall.policy.checks.backup_window import backup_cadence, job_cadence, span, today
from seawall.policy.estate.aws.cloud import cloud
from seawall.policy.estate.aws.identities import Identity
from seawall.policy.estate.backups.archives import schedules_of
from seawall.policy.estate.backups.backup_jobs import BackupJob, Purpose
from seawall.policy.estate.backups.credentials import RemoteKeys, role_arn, secrets_of
from seawall.policy.estate.backups.uploads import READER_KEY_ACTIONS, backup_identities, may, may_use, role_of
from seawall.policy.estate.kinds import CRON_JOB
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Rule, Violation

RARELY = timedelta(days=8)
"""A check that comes less often than every week lets a dead archive pass for a month."""
_MAX_AGE = "MAX_BACKUP_AGE_SECONDS"
"""Our own script's setting: how old the newest base backup may be."""
_EMPTY_ONLY = "barman-cloud-check-wal-archive"
_LIST = "barman-cloud-backup-list"
_LOOKED_AT = re.compile(
    rf"{_LIST}[^\n]*[|>]|\$\([^)]*{_LIST}|`[^`]*{_LIST}|\bsubprocess\b|\bcheck_output\b|\bPopen\b", re.DOTALL
)
_CHANGES = ("s3:PutObject", "s3:DeleteObject")


def _validator(thing: KubeObject, estate: Estate) -> BackupJob | None:
    return job_of(thing, estate, Purpose.VALIDATES)


def misused(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Commands of barman that say nothing about whether there is a backup."""
    job = _validator(thing, estate)
    if job is None:
        return
    for it in job.all_texts():
        if _EMPTY_ONLY in it.text:
            yield Violation(
                f"{_EMPTY_ONLY} succeeds on an empty archive only: it fails while there are backups, succeeds when all "
                "are gone, and tries to create the bucket",
                "Look for a finished base backup and a WAL file that are young enough.",
                it.path,
                about=elsewhere(it, job),
            )
        if _LIST in it.text and not _LOOKED_AT.search(it.text):
            yield Violation(
                f"{_LIST} exits 0 on an empty list, and nothing looks at what it prints: it succeeds without a backup",
                f"Read the output of {_LIST} --format json: the newest DONE backup must be young enough.",
                it.path,
                about=elsewhere(it, job),
            )


def credentials(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """The keys or the role that write the backups: whoever takes them over deletes what they should prove."""
    job = _validator(thing, estate)
    if job is None:
        return
    used = {secret: path for pods in estate.pods_of(thing) for secret, path in secrets_of(pods)}
    remote = estate.memo(RemoteKeys)
    role = role_arn(thing, estate)
    for archive in job.archives(estate):
        cluster, store = archive.cluster, archive.store
        writers = {name for name in store.writer_secrets if cluster.namespace == thing.namespace}
        same = _same_keys(remote, thing.namespace, set(used), cluster.namespace, store.writer_secrets)
        for name in sorted((writers & set(used)) | same):
            why = "" if name in writers else ", whose keys come from the same place in the secret store"
            yield Violation(
                f"it signs in with Secret {name}{why}: those are the keys that write and delete the backups of "
                f"{cluster.title}",
                "Give it keys of its own, which can list and read only.",
                used[name],
            )
        if store.inherits and role is not None and role == role_of(cluster):
            yield Violation(
                f"its service account has the role {role}, which writes the backups of {cluster.title}",
                "Give it a service account and a role of its own, which can list and read only.",
                (*_POD, "serviceAccountName"),
            )


_POD = ("spec", "jobTemplate", "spec", "template", "spec")


def _same_keys(
    remote: RemoteKeys, namespace: str, used: set[str], writer_namespace: str, writers: frozenset[str]
) -> set[str]:
    """The Secrets among `used` that an ExternalSecret fills from where it fills a writer's."""
    written = {key for name in writers for key in remote.of(writer_namespace, name)}
    return {name for name in used if written and written & remote.of(namespace, name)}


def rights(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A role, seen in the same stack, that may do more than read, or not even that."""
    job = _validator(thing, estate)
    arn = role_arn(thing, estate) if job is not None else None
    seen = estate.memo(cloud)
    role = seen.identities.role(arn) if arn is not None else None
    if job is None or role is None:
        return
    path = (*_POD, "serviceAccountName")
    for archive in job.archives(estate):
        store = archive.store
        if seen.bucket(store.bucket) is None:
            continue
        too_much = [action for action in _CHANGES if may(role, action, store, seen)]
        if too_much:
            yield Violation(
                f"{role.title} may {' and '.join(too_much)} in {store.destination}: it should only read",
                "Take them out of its policies.",
                path,
                about=role.thing,
            )
        seen.identities.whole(role)  # what is not known yet may allow what it lacks
        missing = [it for it in ("s3:ListBucket", "s3:GetObject") if may(role, it, store, seen) is False]
        key = seen.key(store.key("wal") or store.key("data") or "")
        if key is not None and may_use(role, key, READER_KEY_ACTIONS) is False:
            missing += READER_KEY_ACTIONS
        if missing:
            yield _blind(role, missing, store.destination, path)


def keys(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Users of the same stack, all of whom may write: whichever keys the validator has, they are a writer's.

    Which user's keys a Secret holds is not to be seen. But where several may read an archive, one should only read.
    """
    job = _validator(thing, estate)
    for archive in job.archives(estate) if job is not None else ():
        store, seen = archive.store, estate.memo(cloud)
        if store.inherits or seen.bucket(store.bucket) is None:
            continue
        able = [it for it in backup_identities(store, estate) if may(it, "s3:GetObject", store, seen)]
        changing = [it for it in able if any(may(it, action, store, seen) for action in _CHANGES)]
        if len(able) > 1 and changing == able:
            names = ", ".join(it.title for it in able)
            yield Violation(
                f"all {len(able)} identities here that may read {store.destination} ({names}) may change it as well: "
                "none has keys for a validator",
                "Give one of them s3:ListBucket and s3:GetObject only, and its keys to the validator.",
                _POD,
            )


def _blind(role: Identity, missing: list[str], where: str, path: tuple[str, ...]) -> Violation:
    return Violation(
        f"{role.title} may not {' nor '.join(missing)} for {where}: the validator sees nothing",
        "Allow them in its policies, kms:Decrypt in the key's policy.",
        path,
        about=role.thing,
    )


def age(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Our validator's own limit, compared with how often it runs and how often there is a backup."""
    job = _validator(thing, estate)
    if job is None:
        return
    for limit, path in _limits(thing, estate):
        try:
            longest = job_cadence(thing)[0].longest_gap(today())
        except ScheduleError:
            return
        if longest is not None and longest > limit:
            yield Violation(
                f"{_MAX_AGE} is {span(limit)}, and {span(longest)} pass between two runs: a backup that is too old is "
                "found no sooner",
                "Let it run at least as often as the limit is long.",
                ("spec", "schedule"),
            )
        for cluster in job.clusters:
            gaps = [
                cadence.longest_gap(today())
                for backup in schedules_of(cluster, estate)
                if (cadence := backup_cadence(backup)) is not None
            ]
            if len(gaps) == 1 and gaps[0] is not None and gaps[0] > limit:
                yield Violation(
                    f"{_MAX_AGE} is {span(limit)}, and {span(gaps[0])} pass between two base backups of "
                    f"{cluster.title}: it fails although nothing is wrong, until nobody looks any more",
                    "Give a limit of one gap between backups and the time that one takes.",
                    path,
                )


def _limits(thing: KubeObject, estate: Estate) -> Iterator[tuple[timedelta, tuple[str, ...]]]:
    for pods in estate.pods_of(thing):
        for container in pods.containers:
            for variable in container.at("env").items():
                if variable.at("name").text() == _MAX_AGE:
                    seconds = variable.at("value").text() or ""
                    if re.fullmatch(r"[0-9]{1,9}", seconds):
                        yield timedelta(seconds=int(seconds)), variable.path


RULE = Rule(
    id="CNPG-SEC-001",
    risks=("CNPG-SEC-001",),
    title="The backup validator only looks, and looks at the right time",
    score=6,
    why=(
        "A job that checks backups holds keys to them. As root, with packages installed while it runs and with the "
        "writer's keys, it is the easiest way to delete every backup. And the obvious commands check nothing: "
        "barman-cloud-check-wal-archive succeeds on an empty archive only, barman-cloud-backup-list exits 0 on an "
        "empty list."
    ),
    mend=(
        "Run a pinned image without a shell as non-root with a read-only root, with keys that can only list and read, "
        "an hour or two after the backup, and look at age and encryption of the newest backup and WAL file."
    ),
    kinds=(CRON_JOB,),
    together=(*common(Purpose.VALIDATES, rarely=RARELY), misused, credentials, rights, keys, age),
)
