"""The schedules of CloudNativePG's ScheduledBackup, decoded to what they really do.

The operator reads them with robfig/cron 1.2: **seconds first**, six fields, and the last one (day of week) may be left
out. So five fields do not mean what they mean in a CronJob: `0 2 * * *` is second 0 of minute 2 of every hour. Macros
(`@daily`, `@every 6h`) are read too; 7 is not a Sunday. All times are the operator's local time, which is UTC in its
image.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DAY_NAMES = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTH_NAMES = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


class ScheduleError(ValueError):
    """A schedule that the operator refuses; the text says which part and why."""


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    names: Mapping[str, int]


_FIELDS = (
    _Field("second", 0, 59, {}),
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of month", 1, 31, {}),
    _Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    _Field("day of week", 0, 6, {name: number for number, name in enumerate(_DAYS)}),
)
_MACROS = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_DAY = 24 * 60 * 60
_SEARCH_YEARS = 5
"""The operator gives up looking for the next time after this many years; so does a schedule that never fires."""


class Values(NamedTuple):
    """The values that one field admits, and whether a star was written (it decides how the two day fields combine)."""

    admitted: frozenset[int]
    star: bool


@dataclass(frozen=True)
class Cadence:
    """What a schedule means: its fields, when it fires, and the same in words."""

    schedule: str
    """As it was written."""
    fields: tuple[Values, ...]
    """Second, minute, hour, day of month, month, day of week; empty for `@every`."""
    given: int
    """How many fields were written; 0 for a macro."""
    every: timedelta | None
    """The interval of `@every`, else None."""

    @property
    def text(self) -> str:
        """The cadence in words, as in `every day at 02:00:00` or `at minute 2 of every hour`."""
        if self.every is not None:
            return f"every {self.every}, counted from the previous run"
        if not all(field.admitted for field in self.fields):
            return "never"
        second, minute, hour, day, month, weekday = self.fields
        return f"{_clock(second, minute, hour)}{_calendar(day, month, weekday, hour)}"

    def next(self, after: datetime, count: int = 3) -> tuple[datetime, ...]:
        """The next times at which it fires, strictly later than `after`; fewer than `count` when there are no more."""
        times = self._every(after) if self.every is not None else self._times(after)
        return tuple(fired for fired, _ in zip(times, range(count), strict=False))

    def shortest_gap(self, after: datetime) -> timedelta | None:
        """The shortest time between two runs in the next 5 years, None when it fires at most once."""
        return min(self._gaps(after), default=None)

    def longest_gap(self, after: datetime) -> timedelta | None:
        """The longest time between two runs in the next 5 years, None when it fires at most once."""
        return max(self._gaps(after), default=None)

    def _gaps(self, after: datetime) -> list[timedelta]:
        """Every gap that occurs: between runs of a day, and from the last run of a day to the first of the next."""
        if self.every is not None:
            return [self.every]
        clock = self._clock_seconds()
        apart = _days_apart(self.fields[3:], after.date())
        if not clock or apart is None:
            return []
        within = {later - earlier for earlier, later in itertools.pairwise(clock)}
        between = {days * _DAY - clock[-1] + clock[0] for days in apart}
        return [timedelta(seconds=gap) for gap in within | between]

    def _clock_seconds(self) -> list[int]:
        """The times of day at which it fires, in seconds since midnight, ascending."""
        seconds, minutes, hours = (sorted(field.admitted) for field in self.fields[:3])
        return [h * 3600 + m * 60 + s for h in hours for m in minutes for s in seconds]

    def _every(self, after: datetime) -> Iterator[datetime]:
        every = self.every or timedelta(seconds=1)
        fired = after.replace(microsecond=0)
        while True:
            fired += every
            yield fired

    def _times(self, after: datetime) -> Iterator[datetime]:
        second, minute, hour, *_ = self.fields
        seconds, minutes, hours = (sorted(field.admitted) for field in (second, minute, hour))
        start = after.replace(microsecond=0) + timedelta(seconds=1)
        day = start.date()
        last = date(day.year + _SEARCH_YEARS, 12, 31)
        while day <= last:
            if _fires_on(day, self.fields[3:]):
                first = start.timetz() if day == start.date() else time(tzinfo=after.tzinfo)
                for h in hours:
                    if h < first.hour:
                        continue
                    for m in minutes:
                        if (h, m) < (first.hour, first.minute):
                            continue
                        for s in seconds:
                            fired = time(h, m, s, tzinfo=after.tzinfo)
                            if fired >= first:
                                yield datetime.combine(day, fired)
            day += timedelta(days=1)


def _fires_on(day: date, fields: tuple[Values, ...]) -> bool:
    """Whether day of month, month and day of week admit a day."""
    dom, month, dow = fields
    if day.month not in month.admitted:
        return False
    on_day = day.day in dom.admitted
    on_weekday = day.isoweekday() % 7 in dow.admitted
    return (on_day and on_weekday) if dom.star or dow.star else (on_day or on_weekday)


@lru_cache(maxsize=1024)
def _days_apart(fields: tuple[Values, ...], start: date) -> frozenset[int] | None:
    """The numbers of days that lie between two days that the fields admit, in 5 years; None when they admit no day."""
    end = start.replace(year=start.year + _SEARCH_YEARS, day=1)
    days = [day for day in (start + timedelta(n) for n in range((end - start).days)) if _fires_on(day, fields)]
    return frozenset((later - earlier).days for earlier, later in itertools.pairwise(days)) if days else None


@lru_cache(maxsize=4096)
def decode(schedule: str) -> Cadence:
    """What a `ScheduledBackup.spec.schedule` means to the operator; `ScheduleError` when the operator refuses it."""
    if not schedule:
        raise ScheduleError("the schedule is empty")
    if schedule.startswith("@"):
        return _macro(schedule)
    given = schedule.split()
    if not 5 <= len(given) <= 6:
        raise ScheduleError(f"{len(given)} fields instead of six (second minute hour day-of-month month day-of-week)")
    written = given if len(given) == 6 else [*given, "*"]
    fields = tuple(_values(text, field) for text, field in zip(written, _FIELDS, strict=True))
    return Cadence(schedule, fields, len(given), None)


def from_five_fields(schedule: str) -> str:
    """The six-field schedule that does what five fields mean in a CronJob: seconds put in front, Sunday written 0."""
    minute, hour, day, month, weekday = schedule.split()
    return f"0 {minute} {hour} {day} {month} {','.join(_without_seven(part) for part in weekday.split(','))}"


def _without_seven(part: str) -> str:
    """One entry of a CronJob's day of week without the 7 that is a Sunday there: `7` is 0, `5-7` is 0,5,6."""
    match = re.fullmatch(r"(?:([0-7])-)?7(?:/([1-9]))?", part)
    if match is None:
        return part
    days = {day % 7 for day in range(int(match[1] or 7), 8, int(match[2] or 1))}
    return ",".join(str(day) for day in sorted(days))


def _macro(schedule: str) -> Cadence:
    if schedule in _MACROS:
        fields = tuple(_values(text, field) for text, field in zip(_MACROS[schedule].split(), _FIELDS, strict=True))
        return Cadence(schedule, fields, 0, None)
    if schedule.startswith("@every "):
        return Cadence(schedule, (), 0, _duration(schedule.removeprefix("@every ")))
    raise ScheduleError(f"{schedule!r} is no macro that the operator knows ({', '.join(_MACROS)}, @every <duration>)")


def _duration(text: str) -> timedelta:
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.lstrip("+"):
        raise ScheduleError(f"{text!r} is no duration like 6h or 1h30m")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds > timedelta(days=36500).total_seconds():
        raise ScheduleError(f"{text!r} is longer than a century")
    return timedelta(seconds=max(1, int(seconds)))  # the operator rounds down to whole seconds, at least one


def _values(text: str, field: _Field) -> Values:
    admitted: set[int] = set()
    star = False
    for part in filter(None, text.split(",")):
        values, has_star = _range(part, field)
        admitted |= values
        star = star or has_star
    return Values(frozenset(admitted), star)


def _range(text: str, field: _Field) -> tuple[set[int], bool]:
    where = f"{field.name} {text!r}"
    span, *steps = text.split("/")
    ends = span.split("-")
    star = ends[0] in ("*", "?")
    if star:
        low, high = field.low, field.high
    else:
        if len(ends) > 2:
            raise ScheduleError(f"{where}: more than one hyphen")
        low = _number(ends[0], field, where)
        high = _number(ends[1], field, where) if len(ends) == 2 else low
    if len(steps) > 1:
        raise ScheduleError(f"{where}: more than one slash")
    step = 1
    if steps:
        step = _number(steps[0], field._replace(names={}), where)
        if len(ends) == 1:
            high = field.high
    if low < field.low or high > field.high:
        raise ScheduleError(f"{where}: {field.name} goes from {field.low} to {field.high}")
    if low > high:
        raise ScheduleError(f"{where}: the range ends before it begins")
    if step == 0:
        raise ScheduleError(f"{where}: a step of 0")
    return set(range(low, high + 1, step)), star


def _number(text: str, field: _Field, where: str) -> int:
    named = field.names.get(text.lower())
    if named is not None:
        return named
    if not re.fullmatch(r"\+?[0-9]{1,9}", text):
        raise ScheduleError(f"{where}: {text!r} is not a number")
    return int(text)


def _clock(second: Values, minute: Values, hour: Values) -> str:
    seconds, minutes, hours = (sorted(field.admitted) for field in (second, minute, hour))
    every_hour, every_minute, every_second = len(hours) == 24, len(minutes) == 60, len(seconds) == 60
    if len(hours) * len(minutes) * len(seconds) <= 6:
        return "at " + _listed([f"{h:02}:{m:02}:{s:02}" for h in hours for m in minutes for s in seconds])
    in_hours = "every hour" if every_hour else f"hour {_listed(hours)}"
    in_minutes = f"{'every minute' if every_minute else f'minute {_listed(minutes)}'} of {in_hours}"
    if every_second:
        return f"every second of {in_minutes}"
    if seconds == [0]:
        return in_minutes if every_minute else f"at {in_minutes}"
    return f"at second {_listed(seconds)} of {in_minutes}"


def _calendar(day: Values, month: Values, weekday: Values, hour: Values) -> str:
    text = ""
    all_days, all_weekdays = len(day.admitted) == 31, len(weekday.admitted) == 7
    days = f"on day {_listed(sorted(day.admitted))} of the month"
    weekdays = f"on {_listed([_DAY_NAMES[number] for number in sorted(weekday.admitted)])}"
    if not all_days and not all_weekdays:
        text += f", {days} {'and' if day.star or weekday.star else 'or'} {weekdays}"
    elif not all_days:
        text += f", {days}"
    elif not all_weekdays:
        text += f", {weekdays}"
    elif len(hour.admitted) < 24:
        text += " every day"
    if len(month.admitted) < 12:
        text += f" in {_listed([_MONTH_NAMES[number - 1] for number in sorted(month.admitted)])}"
    return text


def _listed(values: list[int] | list[str]) -> str:
    words = [str(value) for value in values]
    if len(words) > 8:
        return f"{', '.join(words[:4])}, … {words[-1]}"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "none"
