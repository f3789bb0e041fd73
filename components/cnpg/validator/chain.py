"""The WAL from a backup's begin to the newest segment, along the timelines that PostgreSQL would follow."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from .history import Stretch
from .info import BackupInfo
from .segments import lsn_text
from .wals import Segment


@dataclass(frozen=True)
class Run:
    """Segments that follow each other on one timeline, first and last included."""

    timeline: int
    first: int
    last: int

    @property
    def length(self) -> int:
        """How many they are."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class Chain:
    """What recovery to the latest finds."""

    info: BackupInfo
    last: tuple[int, int] | None
    """Timeline and number of the newest segment on the way; None when there is none."""
    present: int
    """Segments on the way that are there."""
    holes: tuple[Run, ...]
    """What is missing before the newest."""
    missing: tuple[Run, ...]
    """What is missing of the segments without which the backup cannot be restored."""
    reach: tuple[int, int] | None
    """Timeline and number of the last segment before the first hole; None when the first is missing already."""

    def named(self, run: Run) -> str:
        """A run of missing segments, in words."""
        names = self.info.numbering.name
        first = names(run.timeline, run.first)
        if run.length == 1:
            return first
        return f"{run.length} segments from {first} to {names(run.timeline, run.last)}"


def newest_timeline(start: int, histories: Collection[int]) -> int:
    """The timeline that `latest` means: PostgreSQL asks for one history after the other until one is missing."""
    while start + 1 in histories:
        start += 1
    return start


def branch_problem(info: BackupInfo, way: tuple[Stretch, ...]) -> str | None:
    """Why PostgreSQL would refuse to follow the way from this backup; None when it would not."""
    target = way[-1].timeline
    own = next((stretch for stretch in way if stretch.timeline == info.timeline), None)
    if own is None:
        return f"timeline {target} does not descend from the backup's timeline {info.timeline}"
    if own.end is not None and own.end < info.end:
        return (
            f"timeline {target} left timeline {info.timeline} at {lsn_text(own.end)}, before the backup's end at "
            f"{lsn_text(info.end)}"
        )
    if own.begin > info.begin:
        return f"timeline {info.timeline} began at {lsn_text(own.begin)}, after the backup at {lsn_text(info.begin)}"
    return None


def chain(info: BackupInfo, way: tuple[Stretch, ...], segments: Mapping[int, Mapping[int, Segment]]) -> Chain:
    """Follows the way. Each segment comes from the newest timeline that had begun when it ended.

    The segment in which a timeline begins holds a copy of its parent's part, so the parent's own is not needed, nor
    anything that the parent wrote after it.
    """
    parts = list(_parts(info, way))
    there = [
        Run(timeline, number, number)
        for timeline, first, last in parts
        for number in sorted(segments.get(timeline, {}))
        if first <= number and (last is None or number <= last)
    ]
    newest = there[-1] if there else None
    holes: list[Run] = []
    expected = info.first_needed
    for segment in there:
        if segment.first > expected:
            holes.extend(_runs(parts, expected, segment.first - 1))
        expected = segment.first + 1
    missing = [run for hole in holes for run in _cut(hole, info.last_needed)]
    if expected <= info.last_needed:
        missing.extend(_runs(parts, expected, info.last_needed))
    reach = holes[0].first - 1 if holes else expected - 1
    return Chain(
        info=info,
        last=(newest.timeline, newest.first) if newest else None,
        present=len(there),
        holes=tuple(holes),
        missing=tuple(missing),
        reach=(_timeline(parts, reach), reach) if reach >= info.first_needed else None,
    )


def taken(info: BackupInfo, way: tuple[Stretch, ...], timeline: int, number: int) -> bool:
    """Whether recovery takes this segment from this timeline, if it comes so far."""
    return any(
        timeline == part and first <= number and (last is None or number <= last)
        for part, first, last in _parts(info, way)
    )


_Part = tuple[int, int, int | None]
"""Timeline, first and last segment that recovery takes from it."""


def _parts(info: BackupInfo, way: tuple[Stretch, ...]) -> Iterator[_Part]:
    at = info.numbering.at
    for place, stretch in enumerate(way):
        # One that begins in the same segment as the next gives nothing.
        last = at(way[place + 1].begin) - 1 if place + 1 < len(way) else None
        first = max(at(stretch.begin), info.first_needed)
        if last is None or first <= last:
            yield stretch.timeline, first, last


def _timeline(parts: list[_Part], number: int) -> int:
    return next(timeline for timeline, first, last in parts if first <= number and (last is None or number <= last))


def _runs(parts: list[_Part], first: int, last: int) -> Iterator[Run]:
    for timeline, begins, ends in parts:
        start, end = max(first, begins), last if ends is None else min(last, ends)
        if start <= end:
            yield Run(timeline, start, end)


def _cut(run: Run, last: int) -> Iterator[Run]:
    if run.first <= last:
        yield Run(run.timeline, run.first, min(run.last, last))
