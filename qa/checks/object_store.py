"""Checks of the backups in the object store, and of the last restore."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from seawall.components.cnpg.args import CnpgSharedClusterArgs
from seawall.components.cnpg.drill.names import drill_name, report_name
from seawall.components.cnpg.validator.bases import INFO
from seawall.components.fields import duration
from seawall.qa.checks.context import Context, Stored
from seawall.qa.checks.looking import kubectl
from seawall.qa.checks.model import Check, UndecidedError, seen
from seawall.qa.evidence.model import Observation

KMS = "aws:kms"
DAYS = 7
"""How far back `every day` is looked at, as far as the archive goes."""
SKEW = timedelta(minutes=5)
"""By which a clock elsewhere may be ahead of ours."""
_BASE = re.compile(r"base/(\d{8}T\d{6})/(.+)")
_DONE = re.compile(rb"^status=DONE$", re.MULTILINE)


def archive(postgres: CnpgSharedClusterArgs) -> str:
    """The folder of a cluster's archive in its bucket, with a slash at its end."""
    return f"{postgres.settings.backup.prefix}/{postgres.server_name}/"


def _bases(context: Context, postgres: CnpgSharedClusterArgs) -> dict[str, list[Stored]]:
    """Base backup (its id is when it began) → its objects. Raises `UndecidedError` where nobody could have made one."""
    folder = archive(postgres)
    found: dict[str, list[Stored]] = {}
    for it in context.bucket.list(postgres.settings.backup.bucket, f"{folder}base/"):
        match = _BASE.fullmatch(it.key.removeprefix(folder))
        if match is not None:
            found.setdefault(match[1], []).append(it)
    if not found and context.cluster is not None and context.cluster.simulated:
        raise UndecidedError(
            f"needs kubelet: s3://{postgres.settings.backup.bucket}/{folder} is empty, and no instance "
            "runs here that could have backed up"
        )
    return found


def _finished(context: Context, postgres: CnpgSharedClusterArgs) -> dict[str, list[Stored]]:
    """The base backups that say of themselves that they are done."""
    done = {}
    for identifier, objects in _bases(context, postgres).items():
        for it in objects:
            if it.key.endswith(f"/{INFO}") and _DONE.search(
                context.bucket.read(postgres.settings.backup.bucket, it.key)
            ):
                done[identifier] = objects
    return done


def _began(identifier: str) -> datetime:
    return datetime.strptime(identifier, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def _every_day(context: Context) -> Iterator[Observation]:
    for postgres in context.stack.databases:
        settings, now = postgres.settings, context.now().astimezone(UTC)
        done = sorted(_began(it) for it in _finished(context, postgres))
        where = f"s3://{settings.backup.bucket}/{archive(postgres)}base/"
        how = f"aws s3 ls {where}"
        yield seen(f"finished base backups in {where}", "one or more", len(done), bool(done), how)
        if not done:
            continue
        limit = duration(settings.validation.max_backup_age)
        age = now - done[-1]
        good = -SKEW <= age <= limit  # one from the future would be the newest for ever
        yield seen(f"age of the newest in {where}", f"at most {limit}", _hours(age), good, how)
        recent = [it for it in done if it >= now - timedelta(days=DAYS)]
        gaps = [later - earlier for earlier, later in pairwise(recent)]
        longest = max(gaps, default=timedelta())
        what = f"longest time between two of the last {len(recent)} in {where}"
        yield seen(what, f"at most {limit}", _hours(longest), longest <= limit, how)


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f} h"


def _encrypted(context: Context) -> Iterator[Observation]:
    for postgres in context.stack.databases:
        settings = postgres.settings
        done = _finished(context, postgres)
        bucket, folder = settings.backup.bucket, archive(postgres)
        if not done:
            yield seen(f"finished base backups in s3://{bucket}/{folder}", "one or more", 0, False)
            continue
        objects = list(done[max(done)])
        wal = sorted(context.bucket.list(bucket, f"{folder}wals/"), key=lambda it: it.modified)
        yield seen(f"WAL files in s3://{bucket}/{folder}wals/", "one or more", len(wal), bool(wal))
        for it in (*objects, *wal[-1:]):
            head = context.bucket.head(bucket, it.key)
            found = head.get("encryption", "none")
            how = f"aws s3api head-object --bucket {bucket} --key {it.key}"
            wanted = str(settings.backup.encryption)
            yield seen(f"s3://{bucket}/{it.key}: encryption", wanted, found, found == wanted, how)
            if wanted == KMS:
                key = head.get("key", "none")
                yield seen(f"s3://{bucket}/{it.key}: KMS key", "named", key, key != "none", how)


def _restored(context: Context) -> Iterator[Observation]:
    for postgres in context.stack.databases:
        drill = postgres.settings.restore_drill
        if drill is None:
            raise UndecidedError(f"{postgres.name} has no restore_drill")
        name, place = report_name(postgres.name), drill.namespace
        report = (context.api.find("v1", "ConfigMap", name, place) or {}).get("data") or {}
        how = kubectl(context.api, "get", "configmap", "-n", place, name, "-o jsonpath='{.data.last\\.json}'")
        if "last.json" not in report:
            raise UndecidedError(
                f"no restore drill of {postgres.name} has reported: kubectl create job -n {place} "
                f"--from=cronjob/{drill_name(postgres.name)} {drill_name(postgres.name)}-by-hand"
            )
        yield from _reported(context, postgres, _parsed(report["last.json"]), drill.max_age_seconds, how)


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UndecidedError("the report of the last restore drill cannot be read")
    return found


def _reported(
    context: Context, postgres: CnpgSharedClusterArgs, report: Mapping[str, Any], limit: int, how: str
) -> Iterator[Observation]:
    where = f"{postgres.namespace}/{postgres.name}"
    what = f"last restore drill of {where}"
    source = report.get("source")
    yield seen(f"{what}: source", where, source, source == where, how)
    failure = report.get("failure") or {}
    why = failure.get("message") or "ended well"
    yield seen(f"{what}: result", "ended well", why, report.get("ok") is True, how)
    whole = (report.get("recovered") or {}).get("whole")
    yield seen(f"{what}: replayed to the newest WAL", True, whole, whole is True, how)
    answers = report.get("checks") or []
    good = [it for it in answers if it.get("ok") is True]
    missing = {it.database for it in postgres.applications} - {it.get("database") for it in good}
    told = f"{len(good)} of {len(answers)}" + (f"; none of {', '.join(sorted(missing))}" if missing else "")
    right = bool(answers) and len(good) == len(answers) and not missing
    yield seen(f"{what}: questions that were answered well, of every database", "all", told, right, how)
    ended = _moment(report.get("ended_at"))
    age = context.now().astimezone(UTC) - ended if ended is not None else None
    recent = age is not None and -SKEW <= age <= timedelta(seconds=limit)
    allowed = f"at most {_hours(timedelta(seconds=limit))} ago"
    yield seen(f"{what}: ended", allowed, _hours(age) if age is not None else "never", recent, how)
    used = str((report.get("backup") or {}).get("id"))
    begun = _moment(report.get("started_at"))
    before = [it for it in _finished(context, postgres) if begun is not None and _began(it) < begun]
    newest = max(before, default="none")
    # One that began before the drill may have ended after its begin; then the drill took the one before it.
    possible = sorted(before)[-2:]
    yield seen(f"{what}: base backup", f"the newest then, {newest}", used, used in possible, how)


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


CHECKS = (
    Check("DB.CNPG.SHARED-INT-003", "lists the base backups and their times in the object store", _every_day),
    Check("DB.CNPG.SHARED-INT-004", "asks the object store how the newest backup and WAL are encrypted", _encrypted),
    Check("DB.CNPG.SHARED-E2E-002", "reads the report of the last restore drill, lists the base backups", _restored),
)
