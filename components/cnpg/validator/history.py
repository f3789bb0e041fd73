"""A timeline's history file: which timelines it descends from, and where it left each."""

from dataclasses import dataclass

from .segments import lsn


class HistoryError(Exception):
    """A history file cannot be read; PostgreSQL would stop at it. The text says why."""


@dataclass(frozen=True)
class Stretch:
    """The part of the WAL that one timeline gives to a recovery."""

    timeline: int
    begin: int
    """Position at which it starts."""
    end: int | None
    """Position at which the next timeline takes over; None for the last."""


def stretches(timeline: int, content: bytes) -> tuple[Stretch, ...]:
    """The way to a timeline, oldest first, by its history file. Raises `HistoryError`.

    The rules are PostgreSQL's: lines of `<timeline> <position> <reason>`, `#` starts a comment, numbers rise, and the
    last is smaller than the timeline's own.
    """
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        raise HistoryError("it is no text") from None
    found: list[Stretch] = []
    begin = 0
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        words = line.split(None, 2)
        if len(words) < 2 or not words[0].isdecimal():
            raise HistoryError(f"the line {line!r} names no timeline and position")
        try:
            number, end = int(words[0]), lsn(words[1])
        except ValueError as error:
            raise HistoryError(str(error)) from None
        if found and number <= found[-1].timeline:
            raise HistoryError(f"timeline {number} stands after {found[-1].timeline}")
        found.append(Stretch(number, begin, end))
        begin = end
    if not found:
        raise HistoryError("it names no parent")
    if found[-1].timeline >= timeline:
        raise HistoryError(f"it names timeline {found[-1].timeline} as parent of {timeline}")
    return (*found, Stretch(timeline, begin, None))


def alone(timeline: int) -> tuple[Stretch, ...]:
    """The way to a timeline that has no history."""
    return (Stretch(timeline, 0, None),)
