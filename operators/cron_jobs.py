"""The schedules of Kubernetes CronJobs, decoded to what they really do.

The CronJob controller reads them with robfig/cron 3: **five fields, minute first**, or a macro (`@daily`, `@every 6h`).
A sixth field, `TZ=` and 7 for Sunday are refused. Times are those of `spec.timeZone`, else of the controller manager.
"""

from dataclasses import replace
from datetime import UTC, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from seawall.operators.cnpg.schedule import Cadence, ScheduleError, decode


@lru_cache(maxsize=4096)
def decode_five(schedule: str) -> Cadence:
    """What a `CronJob.spec.schedule` means; `ScheduleError` when the API server refuses it."""
    if "TZ=" in schedule:
        raise ScheduleError("TZ= is refused inside a CronJob's schedule; the zone belongs into spec.timeZone")
    if schedule.startswith("@") or not schedule:
        return decode(schedule)
    given = schedule.split()
    if len(given) != 5:
        raise ScheduleError(f"{len(given)} fields instead of five (minute hour day-of-month month day-of-week)")
    cadence = decode(f"0 {' '.join(given)}")
    # version 3 counts a star with a step as a list of values; it decides how the two day fields combine
    fields = tuple(
        values._replace(star=_is_star(text)) for values, text in zip(cadence.fields, ("0", *given), strict=True)
    )
    return replace(cadence, schedule=schedule, fields=fields, given=5)


def _is_star(text: str) -> bool:
    return any(part[:1] in ("*", "?") and part[1:] in ("", "/1") for part in text.split(","))


def zone(name: str | None) -> tzinfo:
    """The time zone of a `spec.timeZone`; UTC when none is given, which is what nearly every controller manager has.

    `ScheduleError` when there is none of that name.
    """
    if name is None:
        return UTC
    try:
        if name in ("", "Local"):
            raise ValueError(name)
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ScheduleError(f"there is no time zone {name!r}") from None
