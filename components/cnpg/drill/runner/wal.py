"""Names of WAL segments: a timeline and a number, 24 hexadecimal digits."""

import re
from dataclasses import dataclass

SEGMENT = re.compile(r"(?P<name>[0-9A-F]{24})(\.(gz|bz2|lz4|snappy|xz|zst))?")
"""A whole segment in an archive, compressed or not: no `.partial`, no backup label, no timeline history."""
HISTORY = re.compile(r"(?P<timeline>[0-9A-F]{8})\.history(\.(gz|bz2|lz4|snappy|xz|zst))?")

_LOG_BYTES = 2**32
"""What one value of the middle eight digits stands for."""


@dataclass(frozen=True, order=True)
class Segment:
    """One segment; they sort as they were written."""

    timeline: int
    number: int
    """Its place in the stream of WAL, from the segment's size: 0 begins at LSN 0/0."""

    def name(self, segment_bytes: int) -> str:
        """The file's name, for segments of this size."""
        per_log = _LOG_BYTES // segment_bytes
        return f"{self.timeline:08X}{self.number // per_log:08X}{self.number % per_log:08X}"


def parse(name: str, segment_bytes: int) -> Segment | None:
    """The segment of a file name without ending; None when it is none."""
    if not re.fullmatch(r"[0-9A-F]{24}", name):
        return None
    log, low = int(name[8:16], 16), int(name[16:], 16)
    return Segment(int(name[:8], 16), log * (_LOG_BYTES // segment_bytes) + low)


def newest_replayed(names: list[str], after: int, segment_bytes: int) -> Segment | None:
    """Where a recovery ended, from the files of `pg_wal`: the segment in which its own new timeline begins.

    `after` is the newest timeline of the archive; PostgreSQL opens a newer one when recovery ends, and copies the
    segment in which it ends, so the lowest segment of the first newer timeline is that place. None when no newer
    timeline was opened: the recovery followed another history, or did not end.
    """
    newer = sorted(it for it in (parse(name, segment_bytes) for name in names) if it is not None)
    return next((it for it in newer if it.timeline > after), None)
