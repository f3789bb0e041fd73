"""Names in an archive's `wals/` folder, and the arithmetic of WAL positions.

As barman-cloud 3.19 and PostgreSQL write them: `<TTTTTTTTLLLLLLLL>/<TTTTTTTTLLLLLLLLSSSSSSSS>` is a segment (timeline,
log, segment of the log), with `.partial` what an old timeline left when it ended, with `.<offset>.backup` the label of
a base backup, and beside the folders `<TTTTTTTT>.history` is a timeline's ancestry. Any of them may be compressed.
"""

import re
from dataclasses import dataclass
from enum import Enum

SUFFIXES = {"": None, ".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".lz4": "lz4", ".snappy": "snappy", ".zst": "zstd"}
"""Ending of an object's name → how it is compressed, as barman-cloud names it."""

_KEY = re.compile(
    r"(?:(?P<folder>[0-9A-F]{16})/(?P<name>[0-9A-F]{24})(?P<kind>\.partial|\.[0-9A-F]{8}\.backup)?"
    r"|(?P<timeline>[0-9A-F]{8})\.history)(?P<suffix>\.[a-z0-9]+)?"
)
_NAME = re.compile(r"[0-9A-F]{24}")
_LSN = re.compile(r"([0-9A-F]{1,8})/([0-9A-F]{1,8})", re.IGNORECASE)


class Kind(Enum):
    """What an object below `wals/` is."""

    SEGMENT = "segment"
    PARTIAL = "partial"
    LABEL = "label"
    HISTORY = "history"


@dataclass(frozen=True)
class WalKey:
    """An object below `wals/`, by its name."""

    kind: Kind
    timeline: int
    log: int
    """0 for a history."""
    segment: int
    """The segment's number within its log; 0 for a history."""
    suffix: str


def wal_key(relative: str) -> WalKey | None:
    """What an object below `wals/` is; None when barman-cloud does not write such a name there."""
    match = _KEY.fullmatch(relative)
    if match is None or (suffix := match["suffix"] or "") not in SUFFIXES:
        return None
    if match["timeline"]:
        return WalKey(Kind.HISTORY, int(match["timeline"], 16), 0, 0, suffix)
    name, extra = match["name"], match["kind"]
    if name[:16] != match["folder"]:
        return None
    kind = Kind.SEGMENT if extra is None else Kind.PARTIAL if extra == ".partial" else Kind.LABEL
    return WalKey(kind, int(name[:8], 16), int(name[8:16], 16), int(name[16:], 16), suffix)


def lsn(text: str) -> int:
    """A position like `0/C00028` in bytes. Raises `ValueError`."""
    match = _LSN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no position in the WAL")
    return (int(match[1], 16) << 32) + int(match[2], 16)


def lsn_text(position: int) -> str:
    """A position as PostgreSQL writes it."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


@dataclass(frozen=True)
class Numbering:
    """Segments are numbered from 0 by position; their names depend on their size."""

    size: int
    """Bytes of a segment: a power of two from 1 MiB to 1 GiB (`initdb --wal-segsize`)."""

    def __post_init__(self) -> None:
        if self.size & (self.size - 1) or not 1 << 20 <= self.size <= 1 << 30:
            raise ValueError(f"{self.size} is no size of a WAL segment")

    @property
    def per_log(self) -> int:
        """Segments of one log, which is 4 GiB."""
        return (1 << 32) // self.size

    def at(self, position: int) -> int:
        """The segment that holds a position."""
        return position // self.size

    def before(self, position: int) -> int:
        """The segment that holds the last byte before a position."""
        return max(position - 1, 0) // self.size

    def number(self, log: int, segment: int) -> int | None:
        """The number of a segment by its name's parts; None when segments of this size have no such name."""
        return log * self.per_log + segment if segment < self.per_log else None

    def name(self, timeline: int, number: int) -> str:
        """A segment's file name."""
        log, segment = divmod(number, self.per_log)
        return f"{timeline:08X}{log:08X}{segment:08X}"

    def key(self, timeline: int, number: int, suffix: str) -> str:
        """A segment's place in the archive."""
        name = self.name(timeline, number)
        return f"wals/{name[:16]}/{name}{suffix}"

    def parse(self, name: str) -> tuple[int, int]:
        """Timeline and number of a segment's file name. Raises `ValueError`."""
        number = self.number(int(name[8:16], 16), int(name[16:], 16)) if _NAME.fullmatch(name) else None
        if number is None:
            raise ValueError(f"{name!r} is no segment of {self.size} bytes")
        return int(name[:8], 16), number


def history_key(timeline: int, suffix: str) -> str:
    """A history's place in the archive."""
    return f"wals/{timeline:08X}.history{suffix}"
