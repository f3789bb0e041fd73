"""What lies in an archive's `wals/` folder, as one LIST shows it; only what recovery may need is kept."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .findings import Names
from .info import BackupInfo
from .segments import Kind, Numbering, WalKey, history_key, wal_key
from .store import Entry

_SLACK = 4096
"""Bytes by which compressing an incompressible segment may make it longer, and a little more for each MiB."""

EMPTY = "is empty"
"""What is wrong with an object without a byte."""


@dataclass(frozen=True)
class Segment:
    """A segment that recovery may need; its timeline and number are its place in `Wals.segments`."""

    suffix: str
    modified: int
    """When it was archived by the store's clock, in whole seconds since 1970."""


@dataclass
class Wals:
    """The WAL of an archive. Without a backup nothing is kept but counts and the newest."""

    info: BackupInfo | None
    segments: dict[int, dict[int, Segment]] = field(default_factory=dict)
    """Timeline → number → segment, from the backup's begin on."""
    histories: dict[int, str] = field(default_factory=dict)
    """Timeline → suffix of its history file."""
    newest: Entry | None = None
    """The last segment by name."""
    odd: Names = field(default_factory=Names)
    """Objects with a size that cannot be, in words."""
    unfit: dict[tuple[int, int], str] = field(default_factory=dict)
    """Timeline and number of the segments that unpack to another size than a segment's → what is wrong with them."""
    foreign: Names = field(default_factory=Names)
    """Objects that are not an archive's, by key."""
    youngest: Entry | None = None
    """The object that the store dates last."""
    counts: Counter[str] = field(default_factory=Counter)
    _last: tuple[int, int, int] = (0, 0, 0)

    def key(self, timeline: int, number: int) -> str:
        """The place of a segment that was kept."""
        if self.info is None:
            raise LookupError("without a backup no segment is kept")
        return self.info.numbering.key(timeline, number, self.segments[timeline][number].suffix)

    def history(self, timeline: int) -> str:
        """The place of a history that is there."""
        return history_key(timeline, self.histories[timeline])


def scan(entries: Iterable[Entry], info: BackupInfo | None) -> Wals:
    """Reads the list of `wals/` once."""
    found = Wals(info)
    for entry in entries:
        found.counts["objects"] += 1
        if found.youngest is None or entry.modified > found.youngest.modified:
            found.youngest = entry
        known = wal_key(entry.key.removeprefix("wals/"))
        if known is None:
            if not (entry.key.endswith("/") and entry.size == 0):  # a folder's marker, which some programs leave
                found.foreign.add(entry.key)
            continue
        found.counts[f"wal {known.kind.value}"] += 1
        if known.kind is Kind.HISTORY:
            found.histories.setdefault(known.timeline, known.suffix)
        elif known.kind is Kind.SEGMENT:
            _segment(found, entry, known)
        if entry.size == 0:
            found.odd.add(f"{entry.key} {EMPTY}")
    return found


def _segment(found: Wals, entry: Entry, known: WalKey) -> None:
    place = (known.timeline, known.log, known.segment)
    if found.newest is None or place >= found._last:
        found.newest, found._last = entry, place
    if found.info is None:
        return
    numbering = found.info.numbering
    number = numbering.number(known.log, known.segment)
    if number is None:
        found.foreign.add(entry.key)
        return
    if entry.size > 0:
        for wrong in _sizes(entry, known, numbering):
            found.odd.add(wrong)
    older = known.timeline < found.info.timeline
    if older or (known.timeline == found.info.timeline and number < found.info.first_needed):
        found.counts["wal before the backup"] += 1
        return
    kept = found.segments.setdefault(known.timeline, {})
    if number in kept:
        found.counts["wal archived twice"] += 1  # with and without compression, after a change of settings
        if found.unfit.pop((known.timeline, number), None) is None:
            return
    if entry.size == 0:
        found.unfit[known.timeline, number] = EMPTY
    elif not known.suffix and entry.size != numbering.size:
        found.unfit[known.timeline, number] = f"has {entry.size} bytes, a segment has {numbering.size}"
    kept[number] = Segment(known.suffix, int(entry.modified.timestamp()))


def _sizes(entry: Entry, known: WalKey, numbering: Numbering) -> Iterator[str]:
    if not known.suffix and entry.size != numbering.size:
        yield f"{entry.key} has {entry.size} bytes, a segment has {numbering.size}"
    elif known.suffix and entry.size > numbering.size + _SLACK + numbering.size // 64:
        yield f"{entry.key} has {entry.size} bytes, more than a segment of {numbering.size} can become"
