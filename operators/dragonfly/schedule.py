"""The schedules of Dragonfly's snapshots, decoded as the process reads them.

The process puts `0` (the second) before the five fields and gives them to croncpp: minute, hour, day of month, month,
day of week. Unlike in a CronJob both day fields must match, 7 is not a Sunday, and there are no macros. A schedule that
does not parse is a flag that does not parse: the process exits. Read in the sources of both.
"""

import re
from typing import NamedTuple

from seawall.operators.cnpg.schedule import Cadence, ScheduleError, Values

FIELDS = 5

_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS = ("NIL", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    question: bool = False
    """Whether a lone `?` means `*`."""


_READ = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31, question=True),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS, question=True),
)


def decode(schedule: str) -> Cadence:
    """What `spec.snapshot.cron` means to the process; `ScheduleError` when the process exits at it."""
    written = schedule.split(" ")
    fields = [field for field in written if field]
    if len(fields) != FIELDS:
        raise ScheduleError(f"{len(fields)} fields instead of five (minute hour day-of-month month day-of-week)")
    read = tuple(_values(text, field) for text, field in zip(fields, _READ, strict=True))
    # a star in a day field makes both day fields count, which is what this dialect always does
    days = tuple(values._replace(star=True) for values in read)
    return Cadence(schedule, (Values(frozenset({0}), False), *days), FIELDS, None)


def _values(text: str, field: _Field) -> Values:
    named = text.upper() if field.names else text
    for number, name in enumerate(field.names):
        named = named.replace(name, str(number), 1)  # only the first of each is replaced
    if field.question and named == "?":
        named = "*"
    where = f"{field.name} {text!r}"
    if named.endswith(","):
        raise ScheduleError(f"{where}: it ends with a comma")
    admitted: set[int] = set()
    for part in named.split(","):
        admitted |= _range(part, field, where)
    return Values(frozenset(admitted), False)


def _range(part: str, field: _Field, where: str) -> set[int]:
    span, *steps = part.split("/")
    if len(steps) > 1:
        raise ScheduleError(f"{where}: more than one slash")
    if span == "*":
        low, high = field.low, field.high
    else:
        ends = [_number(end, where) for end in span.split("-")]
        if len(ends) > 2:
            raise ScheduleError(f"{where}: more than one hyphen")
        low, high = ends[0], ends[-1]
    if low < field.low or high > field.high:
        raise ScheduleError(f"{where}: {field.name} goes from {field.low} to {field.high}")
    if low > high:
        raise ScheduleError(f"{where}: the range ends before it begins")
    if not steps:
        return set(range(low, high + 1))
    step = _number(steps[0], where)
    if step == 0:
        raise ScheduleError(f"{where}: a step of 0")
    return set(range(low, (high if "-" in span else field.high) + 1, step))


def _number(text: str, where: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text):
        raise ScheduleError(f"{where}: {text!r} is not a number")
    return int(text)
