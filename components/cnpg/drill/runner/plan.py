"""What a run is to do, from the rendered files beside the package and the pod's environment."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from .failures import DrillError, Failure

RUN_ANNOTATION = "seawall.dev/drill-run"
"""On the recovery Cluster: which run made it."""
RESTORES_ANNOTATION = "seawall.dev/restores"
"""On the recovery Cluster: what it restores; only a Cluster that carries it is ever deleted."""
ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"

_BEFORE = re.compile(r"(?P<number>[0-9]+)(?P<unit>[smhdw]) before now")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True)
class Check:
    """One question to one database; exactly one of `query` and `table` is given."""

    database: str
    name: str
    query: str | None = None
    """One SELECT whose answer is one value."""
    table: str | None = None
    """`schema.table`, whose content is summed up in a digest."""
    equals: str | None = None
    """What the query's value must be, as PostgreSQL writes it."""
    newer_than: int | None = None
    """Seconds before the restored point (the drill's begin, or the target) that the query's moment may be at most."""
    checksum: str | None = None
    """What the table's digest must be; None only reports it."""
    show: bool = False
    """Whether the value may be in the report."""


@dataclass(frozen=True)
class Owner:
    """The Job that this pod belongs to."""

    name: str
    uid: str


@dataclass(frozen=True)
class Plan:
    """Everything that a run needs to know. Durations in seconds."""

    source: str
    """`<namespace>/<Cluster>` whose backups are restored."""
    bucket: str
    archive: str
    """Folder of the source in the bucket, with `base/` and `wals/` below it."""
    endpoint: str | None
    """Address of an S3-compatible store; None for AWS."""
    cluster: Mapping[str, Any]
    """The recovery Cluster, without target and backup."""
    report: str
    """ConfigMap that keeps the last reports."""
    role: str
    """PostgreSQL role that asks; the operator makes its password."""
    databases: tuple[str, ...]
    """Databases that must answer, whatever the checks."""
    checks: tuple[Check, ...]
    target: datetime | None
    """The point in time to restore to; None for the newest that the archive has."""
    timeout: float
    """For everything up to the last check."""
    cleanup: float
    """For the removal, after that."""
    grace: float
    """For the removal, when the pod was told to stop."""
    owner: Owner
    run: str
    """Name of this run: the pod's."""
    started: datetime

    @property
    def name(self) -> str:
        """The recovery Cluster's name."""
        return str(self.cluster["metadata"]["name"])


def read(folder: Path, environment: Mapping[str, str], now: datetime) -> Plan:
    """The plan of this run. Raises `DrillError` when it is not complete."""
    try:
        settings = json.loads((folder / "drill.json").read_text(encoding="utf-8"))
        cluster = json.loads((folder / "cluster.json").read_text(encoding="utf-8"))
        role_arn = environment.get("DRILL_IAM_ROLE")
        if role_arn:
            template = {"metadata": {"annotations": {ROLE_ANNOTATION: role_arn}}}
            cluster["spec"]["serviceAccountTemplate"] = template
        return Plan(
            source=settings["source"],
            bucket=settings["bucket"],
            archive=settings["archive"].strip("/"),
            endpoint=settings["endpoint"],
            cluster=cluster,
            report=settings["report"],
            role=settings["role"],
            databases=tuple(settings["databases"]),
            checks=tuple(Check(**check) for check in settings["checks"]),
            target=moment(environment["DRILL_TARGET"], now),
            timeout=float(environment["DRILL_TIMEOUT_SECONDS"]),
            cleanup=float(environment["DRILL_CLEANUP_SECONDS"]),
            grace=float(environment["DRILL_GRACE_SECONDS"]),
            owner=Owner(environment["DRILL_JOB"], environment["DRILL_JOB_UID"]),
            run=environment["DRILL_POD"],
            started=now,
        )
    except KeyError as missing:
        raise DrillError(Failure.SETTINGS, f"{missing} is missing in drill.json or the environment") from None
    except (OSError, TypeError, ValueError, OverflowError) as error:
        raise DrillError(Failure.SETTINGS, f"the settings cannot be read: {error}") from None


def moment(target: str, now: datetime) -> datetime | None:
    """The point in time that a target means: `latest` (None), `1h before now`, or RFC 3339. Raises `ValueError`."""
    if target == "latest":
        return None
    before = _BEFORE.fullmatch(target)
    if before:
        return now - timedelta(seconds=int(before["number"]) * _SECONDS[before["unit"]])
    found = datetime.fromisoformat(target)
    if found.tzinfo is None:
        raise ValueError(f"the target {target} has no time zone: write {target}Z for UTC")
    if found > now:
        raise ValueError(f"the target {target} is in the future")
    return found.astimezone(UTC)
