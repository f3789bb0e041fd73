"""When was PostgreSQL last backed up, is that young enough, and up to when could it be restored?

Three witnesses: the operator's Backup objects, the plugin's recovery window on the ObjectStore, and the validator, who
alone looks into the archive. With the plugin the Cluster's own `lastSuccessfulBackup` stays empty.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from seawall.operators import barman
from seawall.operators.annotations import VALIDATES
from seawall.policy.estate.kinds import CLUSTER, CRON_JOB, JOB, OBJECT_STORE, POD
from seawall.policy.report.text import plain
from seawall.qa.oncall.expected import Expected
from seawall.qa.oncall.kinds import BACKUP
from seawall.qa.oncall.model import Answer, Topic
from seawall.qa.oncall.reading import Document, Seen, jobs_of, newest_pod
from seawall.qa.oncall.remarks import Remark, broken, careful, fine, grave, page, told, unseen, watch, weighed
from seawall.qa.oncall.things import Thing, dig, mappings, moment, span
from seawall.qa.oncall.things import clock as written
from seawall.qa.oncall.times import ago, cadence, from_the_future

NEEDED = (CLUSTER, BACKUP, OBJECT_STORE, CRON_JOB, JOB, POD)
VERSION = "validation-report-v1"
"""Of the validator's report that is read here. Its own module would load the S3 client."""
_LONGEST = 300
"""Characters of somebody else's message that are passed on."""
_LIMIT = "MAX_BACKUP_AGE_SECONDS"
"""The variable by which the validator is told how old a backup may be."""


@dataclass(frozen=True)
class _Case:
    """One Cluster and what is known of its backups."""

    cluster: Thing
    seen: Seen
    limit: timedelta | None
    validator: Thing | None
    finished: datetime | None
    failed: datetime | None
    why_failed: str
    running: bool

    @property
    def report(self) -> Document:
        """The validator's last report."""
        return self.seen.logs.get(self.cluster.full_name, Document(why="it has not run yet"))


def answer(cluster: Thing, seen: Seen, expected: Expected) -> Answer:
    """The answer for one Cluster."""
    command = f"{seen.kubectl} get backups.postgresql.cnpg.io -n {cluster.namespace} --sort-by=.status.stoppedAt"
    case = _case(cluster, seen, expected)
    remarks = list(_remarks(case))
    missing = seen.missing(*NEEDED)
    if missing:
        remarks.append(unseen(missing))
    return weighed(
        Topic.BACKUP,
        cluster.full_name,
        remarks,
        command=command,
        summary=_summary(case),
        runbook=page("CnpgBackupTooOld"),
    )


def _case(cluster: Thing, seen: Seen, expected: Expected) -> _Case:
    validator = next((it for it in seen.of(CRON_JOB) if it.annotations.get(VALIDATES) == cluster.full_name), None)
    stack = expected.clusters.get(cluster.full_name)
    limit = stack.max_backup_age_s if stack is not None else _limit(validator)
    backups = [
        it
        for it in seen.of(BACKUP)
        if it.namespace == cluster.namespace and it.text("spec", "cluster", "name") == cluster.name
    ]
    window = _window(cluster, seen)
    done = [it.moment("status", "stoppedAt") for it in backups if it.text("status", "phase") == "completed"]
    broken_ones = [it for it in backups if it.text("status", "phase") in ("failed", "walArchivingFailing")]
    worst = max(broken_ones, key=_when, default=None)
    times = [it for it in (*done, moment(window.get("lastSuccessfulBackupTime"))) if it is not None]
    failures = [moment(window.get("lastFailedBackupTime")), _when(worst) if worst is not None else None]
    return _Case(
        cluster=cluster,
        seen=seen,
        limit=timedelta(seconds=limit) if limit is not None else None,
        validator=validator,
        finished=max(times, default=None),
        failed=max((it for it in failures if it is not None), default=None),
        why_failed=worst.text("status", "error") if worst is not None else "",
        running=any(it.text("status", "phase") in ("started", "running", "finalizing") for it in backups),
    )


def _when(backup: Thing) -> datetime:
    """When an attempt ended, or else began."""
    found = backup.moment("status", "stoppedAt") or backup.moment("status", "startedAt") or backup.created
    return found or datetime.fromtimestamp(0).astimezone()


def _limit(validator: Thing | None) -> int | None:
    if validator is None:
        return None
    containers = mappings(validator.at("spec", "jobTemplate", "spec", "template", "spec", "containers"))
    entries = (entry for container in containers for entry in mappings(container.get("env")))
    found = [entry.get("value") for entry in entries if entry.get("name") == _LIMIT]
    return int(found[0]) if found and isinstance(found[0], str) and found[0].isdecimal() else None


def _window(cluster: Thing, seen: Seen) -> dict[str, object]:
    """What the plugin says of the archive of a Cluster, on the ObjectStore that it writes to."""
    for plugin in cluster.items("spec", "plugins"):
        if plugin.get("name") != barman.PLUGIN_NAME or plugin.get("enabled") is False:
            continue
        store, server = (dig(plugin, "parameters", key) for key in ("barmanObjectName", "serverName"))
        for it in seen.of(OBJECT_STORE):
            if it.namespace == cluster.namespace and it.name == store:
                found = it.at("status", "serverRecoveryWindow", server or cluster.name)
                return dict(found) if isinstance(found, dict) else {}
    return {}


def _remarks(case: _Case) -> Iterator[Remark]:
    now = case.seen.now
    ahead = from_the_future("the newest backup", case.finished, now)
    if ahead is not None:
        yield ahead
        return
    yield from _age(case)
    if case.failed is not None and (case.finished is None or case.failed > case.finished):
        why = f": {plain(case.why_failed)[:_LONGEST]}" if case.why_failed else ""
        yield watch(f"the newest attempt failed {ago(case.failed, now)}{why}", page("CnpgBackupFailed"))
    if case.running:
        yield told("a backup is running now")
    archiving = case.cluster.conditions.get("ContinuousArchiving", {})
    if archiving.get("status") == "False":
        said = plain(str(archiving.get("message", "")))[:_LONGEST]
        yield grave(f"WAL is not archived: {said}", page("CnpgWalArchivingFailing"))
    elif archiving.get("status") == "True":
        yield fine("WAL is archived")
    else:
        yield told("whether WAL is archived the Cluster does not say")
    yield from _validated(case)


def _age(case: _Case) -> Iterator[Remark]:
    now = case.seen.now
    if case.finished is None:
        if not case.seen.missing(BACKUP, OBJECT_STORE):
            yield grave("no backup has ever finished, as far as the cluster knows", page("CnpgBackupTooOld"))
        return
    text = f"the newest backup ended {ago(case.finished, now)}"
    if case.limit is None:
        yield careful(f"{text}; how old it may be nobody says: no validator is here")
    elif now - case.finished > case.limit:
        yield grave(f"{text}; it may be {_hours(case.limit)} old", page("CnpgBackupTooOld"))
    else:
        yield fine(f"{text}; it may be {_hours(case.limit)} old")


def _hours(length: timedelta) -> str:
    hours = length.total_seconds() / 3600
    return f"{hours:g} h"


def _validated(case: _Case) -> Iterator[Remark]:
    """What the validator found, when it last ran."""
    now, cron = case.seen.now, case.validator
    if cron is None:
        yield careful("nobody validates the archive: no CronJob says that it does", page("CnpgBackupNotValidated"))
        return
    if cron.at("spec", "suspend") is True:
        yield watch(f"CronJob {cron.full_name} is suspended: nobody validates", page("CnpgBackupNotValidated"))
    good, gap = cron.moment("status", "lastSuccessfulTime"), cadence(cron, now)
    newest = next((it for it in jobs_of(case.seen, cron) if _ended(it)), None)
    if newest is not None and newest.condition("Failed") == "True":
        yield broken(f"the last validation failed: {_verdict(case, cron)}", page("CnpgBackupNotValidated"))
    elif good is None:
        yield watch("the archive has never been validated", page("CnpgBackupNotValidated"))
    elif gap is not None and now - good > gap:
        yield watch(f"the archive was last validated {ago(good, now)}, too long ago", page("CnpgBackupNotValidated"))
    else:
        yield fine(f"the archive was validated {ago(good, now)}")
    yield from _reported(case)


def _ended(job: Thing) -> bool:
    return "True" in (job.condition("Complete"), job.condition("Failed"))


def _verdict(case: _Case, cron: Thing) -> str:
    """Why a validation failed, from its report or from what its container left."""
    pod = newest_pod(case.seen, cron)
    for status in pod.items("status", "containerStatuses") if pod is not None else ():
        message = dig(status, "state", "terminated", "message")
        if isinstance(message, str) and message:
            return plain(message)[:_LONGEST]
    return "see the log of its Job"


def _reported(case: _Case) -> Iterator[Remark]:
    """How far a restore would come, by the validator's report."""
    report, now = case.report, case.seen.now
    if report.why or not isinstance(report.value, dict):
        yield told(f"how far a restore would come is not seen: {report.why or 'the report cannot be read'}")
        return
    if report.value.get("schema") != VERSION:
        yield unseen(f"the validator's report is of another form than {VERSION}")
        return
    at = moment(report.value.get("at"))
    when = f" (validated {ago(at, now)})" if at is not None else ""
    if report.value.get("restorable") is False:
        because = plain(str(report.value.get("unrestorable_because") or report.value.get("class")))[:_LONGEST]
        yield grave(f"it could not be restored: {because}{when}", page("CnpgBackupNotValidated"))
        return
    until = moment(dig(report.value, "restorable_until", "archived_at"))
    if until is not None:
        yield fine(f"it could be restored up to {written(until)}{when}")


def _summary(case: _Case) -> str:
    now = case.seen.now
    parts = [f"{span(now - case.finished)} ago" if case.finished is not None else ""]
    until = moment(dig(case.report.value, "restorable_until", "archived_at"))
    if until is not None:
        parts.append(f"restorable up to {written(until)}")
    good = case.validator.moment("status", "lastSuccessfulTime") if case.validator is not None else None
    if good is not None:
        parts.append(f"validated {span(now - good)} ago")
    return "; ".join(part for part in parts if part)
