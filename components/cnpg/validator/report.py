"""The report of one run: one JSON document, and the same as metrics in Prometheus' text format."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .classes import Failure, Status, gravest
from .findings import Findings, Result
from .quick import Archive
from .settings import Expectation
from .store import Store

VERSION = "validation-report-v1"


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    findings: Findings
    archive: Archive | None
    """None when the store or the settings did not let us look."""
    complete: bool
    """Whether every check that was asked for was made, as far as failures left something to check."""
    seconds: float

    @property
    def failure(self) -> Failure | None:
        """The class that gives the exit code."""
        return gravest(self.findings.failures())

    @property
    def restorable(self) -> bool | None:
        """Whether a restore from the newest finished backup would succeed as far as was looked; None: not known."""
        if self.archive is None:
            return None
        if self.archive.unrestorable is not None:
            return False
        return True if self.complete and self.archive.chain is not None else None

    @property
    def until(self) -> tuple[int, int] | None:
        """Timeline and number of the last segment that recovery would reach; None when there is nothing to restore."""
        made = self.archive.chain if self.archive is not None else None
        if self.archive is None or made is None or made.reach is None or self.restorable is False:
            return None
        broken = self.archive.broken
        if broken is None or broken > made.reach[1]:
            return made.reach
        number = broken - 1
        at = made.info.numbering.at
        own = [stretch.timeline for stretch in self.archive.way if at(stretch.begin) <= number]
        return (own[-1] if own else made.info.timeline), number


def document(outcome: Outcome, wanted: Expectation | None, store: Store | None) -> dict[str, Any]:
    """The whole report; docs/schemas/validation-report-v1.schema.json has its form."""
    failure, archive = outcome.failure, outcome.archive
    results = outcome.findings.results()
    restorable = outcome.restorable
    return {
        "schema": VERSION,
        "ok": failure is None,
        "verdict": "healthy" if failure is None else "unhealthy" if archive is not None else "unknown",
        "class": failure.label if failure is not None else None,
        "exit_code": int(failure or 0),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "archive": wanted.where().rstrip("/") if wanted is not None else None,
        "mode": {"deep": wanted.deep, "all": wanted.every, "sample": wanted.sample} if wanted is not None else None,
        "restorable": "unknown" if restorable is None else restorable,
        "restorable_by": "content" if wanted is not None and wanted.deep and outcome.complete else "objects",
        "restorable_until": _until(outcome),
        "unrestorable_because": archive.unrestorable if archive is not None else None,
        "backup": _backup(archive),
        "checks": [result.document() for result in results],
        "not_checked": [result.check for result in results if result.status is Status.NOT_CHECKED],
        "counts": dict(sorted(outcome.findings.counts.items())),
        "requests": dict(sorted(store.requests.items())) if store is not None else {},
        "seconds": round(outcome.seconds, 3),
        "metrics": metrics(outcome, results, store),
    }


def _until(outcome: Outcome) -> dict[str, Any] | None:
    place, archive = outcome.until, outcome.archive
    if place is None or archive is None or archive.info is None:
        return None
    segment = archive.wals.segments.get(place[0], {}).get(place[1])
    return {
        "timeline": place[0],
        "wal": archive.info.numbering.name(*place),
        "archived_at": datetime.fromtimestamp(segment.modified, UTC).isoformat() if segment is not None else None,
    }


def _backup(archive: Archive | None) -> dict[str, Any] | None:
    if archive is None or archive.bases.chosen is None or archive.info is None:
        return None
    base, info = archive.bases.chosen, archive.info
    return {
        "id": base.id,
        "begin_wal": info.begin_wal,
        "end_wal": info.end_wal,
        "ended_at": info.end_time.isoformat(),
        "timeline": info.timeline,
        "system_id": str(info.system) if info.system is not None else None,
        "postgresql": info.version,
        "segment_bytes": info.numbering.size,
        "bytes": base.size,
        "newer_unfinished": [attempt.id for attempt in archive.bases.unfinished],
    }


def metrics(outcome: Outcome, results: list[Result], store: Store | None) -> str:
    """Gauges about this run. Ages have no metric: of the times `time()` makes one that grows between two runs."""
    lines: list[str] = []

    def gauge(name: str, text: str, values: Mapping[str, float]) -> None:
        lines.extend((f"# HELP seawall_backup_{name} {text}", f"# TYPE seawall_backup_{name} gauge"))
        lines.extend(f"seawall_backup_{name}{labels} {value!r}" for labels, value in values.items())

    restorable = outcome.restorable
    failure, archive = outcome.failure, outcome.archive
    gauge("valid", "1 when every check that was made passed", {"": int(failure is None)})
    gauge("exit_code", "Exit code of the run; docs/validator.md has the classes", {"": int(failure or 0)})
    gauge(
        "restorable",
        "1 when a restore would succeed as far as was looked, 0 when not, -1 when not known",
        {"": -1 if restorable is None else int(restorable)},
    )
    gauge(
        "check",
        "1 when a check passed, 0 when it failed; absent when it was not made",
        {
            f'{{check="{result.check}"}}': int(result.status is Status.OK)
            for result in results
            if result.status is not Status.NOT_CHECKED
        },
    )
    if archive is not None and archive.info is not None:
        ended = archive.info.end_time.timestamp()
        gauge("last_finished_timestamp_seconds", "When the newest finished base backup ended", {"": ended})
    if archive is not None and archive.chain is not None and archive.chain.last is not None:
        timeline, number = archive.chain.last
        archived = archive.wals.segments[timeline][number].modified
        gauge("newest_wal_timestamp_seconds", "When the newest WAL was archived", {"": archived})
    if store is not None and store.requests:
        requests = {f'{{operation="{name}"}}': count for name, count in sorted(store.requests.items())}
        gauge("validation_requests", "Requests of the run", requests)
    gauge("validation_seconds", "How long the run took", {"": round(outcome.seconds, 3)})
    return "\n".join(lines) + "\n"
