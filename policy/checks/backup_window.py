"""How long after a base backup began a CronJob looks at it, from the decoded schedules of both."""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from seawall.operators.cnpg.schedule import Cadence, ScheduleError, decode
from seawall.operators.cron_jobs import decode_five, zone
from seawall.policy.estate.blame import blaming
from seawall.policy.estate.objects import KubeObject

ROOM = timedelta(minutes=30)
"""A base backup that began less than this ago is taken for unfinished."""
LATEST = timedelta(hours=12)
"""When even the best placed run comes later than this after the backup began, it runs before the backup, or beside it,
and sees the one of the day before."""
_RUNS = 8
"""Runs that are looked at: a week of daily ones."""
_BACK = tuple(timedelta(hours=hours) for hours in (12, 48, 24 * 32, 24 * 367))
"""How far back the backup before a run is looked for."""
_OFTEN = timedelta(hours=1)
"""Backups that come more often than this are a mistake of their own."""


def backup_cadence(backup: KubeObject) -> Cadence | None:
    """When a ScheduledBackup fires; None when it is suspended, or its schedule is wrong: that is another rule's."""
    with blaming(backup):
        if backup.at("spec", "suspend").boolean(default=False):
            return None
        try:
            cadence = decode(backup.at("spec", "schedule").text() or "")
        except ScheduleError:
            return None
        shortest = cadence.shortest_gap(today())
    return None if cadence.given == 5 or (shortest is not None and shortest < _OFTEN) else cadence


def job_cadence(job: KubeObject) -> tuple[Cadence, tzinfo]:
    """When a CronJob fires, and in which zone. Raises `ScheduleError`."""
    return decode_five(job.at("spec", "schedule").text() or ""), zone(job.at("spec", "timeZone").text())


@lru_cache(maxsize=4096)
def shortest_wait(backup: Cadence, job: Cadence, where: tzinfo, start: datetime) -> timedelta | None:
    """The shortest time from the start of a base backup to a run that can see it finished, over the next runs.

    `start` is where the search begins, in UTC. None when either never fires, or in a rhythm that depends on when it was
    first applied (`@every`).
    """
    if backup.every is not None or job.every is not None:
        return None
    waits = []
    for run in job.next(start.astimezone(where), _RUNS):
        ran = run.astimezone(UTC)
        began = _last(backup, ran - ROOM)
        if began is not None:
            waits.append(ran - began)
    return min(waits, default=None)


def _last(cadence: Cadence, moment: datetime) -> datetime | None:
    """The last time that a schedule fired, at the latest at a moment."""
    for back in _BACK:
        found, following = None, cadence.next(moment - back, 1)
        while following and following[0] <= moment:
            found, following = following[0], cadence.next(following[0], 1)
        if found is not None:
            return found
    return None


def span(time: timedelta) -> str:
    """A time for a person: `25 h`, `30 min`, `7 days`."""
    minutes = int(time.total_seconds()) // 60
    if minutes % 60:
        return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} days" if minutes % 1440 == 0 and minutes > 1440 else f"{minutes // 60} h"


def today() -> datetime:
    """Midnight of the running day: the same for all objects of a check."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
