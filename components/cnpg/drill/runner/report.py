"""What a drill has found, as one JSON document. Its schema is published as docs/schemas/drill-report-v1.schema.json."""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from .archive import Backup, NewestWal
from .checks import Answer
from .failures import DrillError, Failure
from .plan import Plan

VERSION = 1


@dataclass
class Report:
    """Grows while the drill runs."""

    plan: Plan
    backup: Backup | None = None
    newest_wal: NewestWal | None = None
    requests: dict[str, int] = field(default_factory=dict)
    created: float | None = None
    """When the recovery Cluster was created (monotonic clock)."""
    answered: float | None = None
    """When the first check was answered."""
    timeline: int | None = None
    """The timeline that PostgreSQL opened when the recovery ended."""
    whole: bool | None = None
    """Whether the newest WAL of the archive came back; None when that was not the target, or not seen."""
    last_commit: datetime | None = None
    server: str | None = None
    answers: list[Answer] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    """Phase → how long it took."""
    removed_before: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    error: DrillError | None = None

    @property
    def failure(self) -> Failure | None:
        """How it failed; what was left behind counts only where nothing else failed."""
        if self.error is not None:
            return self.error.failure
        return Failure.LEFT_BEHIND if self.left else None

    @property
    def exit_code(self) -> int:
        """0, or the code of the failure."""
        return self.failure.value.code if self.failure is not None else 0

    @property
    def restorable(self) -> bool | None:
        """Whether the backups restore as asked; None when the drill could not tell."""
        return True if self.error is None else self.error.failure.value.restorable

    def document(self, ended: datetime) -> dict[str, Any]:
        """The JSON document."""
        plan, backup, wal = self.plan, self.backup, self.newest_wal
        rto = None if self.created is None or self.answered is None else round(self.answered - self.created, 1)
        return {
            "version": VERSION,
            "run": plan.run,
            "source": plan.source,
            "started_at": _text(plan.started),
            "ended_at": _text(ended),
            "target": _text(plan.target) or "latest",
            "ok": self.failure is None,
            "restorable": self.restorable,
            "failure": self._failure(),
            "backup": backup and {"id": backup.identifier, "ended_at": _text(backup.ended)},
            "archive": {
                "newest_wal": wal and wal.name,
                "newest_wal_archived_at": wal and _text(wal.archived),
                "requests": dict(sorted(self.requests.items())),
            },
            "recovered": {
                "postgresql": self.server,
                "timeline": self.timeline,
                "whole": self.whole,
                "last_commit_at": _text(self.last_commit),
            },
            "rto_seconds": rto,
            "rpo_seconds": {
                "wal": self._since(wal.archived) if wal and self.whole else None,
                "commit": self._since(self.last_commit) if plan.target is None else None,
            },
            "checks": [asdict(answer) for answer in self.answers],
            "seconds": {phase: round(took, 1) for phase, took in self.seconds.items()},
            "cleanup": {"removed_before": self.removed_before, "left": self.left},
        }

    def _failure(self) -> dict[str, Any] | None:
        failure = self.failure
        if failure is None:
            return None
        message = str(self.error) if self.error is not None else f"not removed: {', '.join(self.left)}"
        kind = failure.value
        return {"class": failure.name.lower(), "code": kind.code, "message": message, "advice": kind.advice}

    def _since(self, moment: datetime | None) -> float | None:
        """Seconds from a moment to the drill's begin: what would have been lost, had the disaster come then."""
        return None if moment is None else round(max(0.0, (self.plan.started - moment).total_seconds()), 1)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
