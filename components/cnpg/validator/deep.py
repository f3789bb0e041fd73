"""The checks that need content: the base backup is unpacked to its end, WAL is read record by record."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from . import control, pages
from .bases import Base
from .encryption import sample
from .findings import Findings
from .info import BackupInfo
from .pages import Block
from .quick import Archive
from .records import ForeignError, LengthError, Records
from .segments import SUFFIXES
from .settings import Expectation
from .store import MissingError, Store
from .tarball import Member, Tarball
from .unpacking import CannotUnpackError, DamagedError, unpacked
from .wals import EMPTY

_SUSPECTS = 10_000
"""Wrong pages that are remembered until the WAL says whether recovery writes them anew."""
_AT_ONCE = 128 * pages.PAGE
_LARGEST_NAMED = 1 << 16


def read(archive: Archive, store: Store, wanted: Expectation, findings: Findings) -> None:
    """Makes every check of this kind. Raises `StoreError`."""
    base, info = archive.bases.chosen, archive.info
    if base is not None and info is not None:
        _Reading(archive, store, wanted, findings, base, info).run()


_NAMED = {"PG_VERSION", "global/pg_control", "backup_label"}
_INIT_FORK = 3
_MENDED_FORKS = (1, 2)
"""Free space map and visibility map: PostgreSQL takes a wrong page of theirs for an empty one."""


@dataclass
class _Reading:
    """One backup that is read, and what its files held."""

    archive: Archive
    store: Store
    wanted: Expectation
    findings: Findings
    base: Base
    info: BackupInfo
    members: set[str] = field(default_factory=set)
    """Those that are looked for by name."""
    unlogged: set[tuple[int, int]] = field(default_factory=set)
    """Database and number of the relations with an init fork: recovery empties them, whatever is in them."""
    suspects: dict[Block, str] = field(default_factory=dict)
    more: int = 0
    """Wrong pages beyond those that are remembered."""
    wrong: list[str] = field(default_factory=list)
    """What is wrong with the files that are looked for by name."""
    damaged: list[str] = field(default_factory=list)

    def run(self) -> None:
        findings = self.findings
        for name in sorted(self.base.data):
            if self.base.data[name].size:
                self._file(name)
        findings.judged("deep-base", self.damaged, f"{len(self.base.data)} files unpacked to their ends")
        if self.damaged:
            self._fatal(self.damaged[0])
        else:
            self.wrong += [f"the backup has no {name}" for name in sorted(_NAMED - self.members)]
        if self.damaged and not self.wrong:
            findings.skipped("deep-control", "the backup's files could not be unpacked to their ends")
        findings.judged("deep-control", self.wrong, "PG_VERSION, pg_control and backup_label are this backup's")
        if self.wrong:
            self._fatal(self.wrong[0])
        suspects = {
            block: text
            for block, text in self.suspects.items()
            if (block.database, block.relation) not in self.unlogged
        }
        restored = self._wal(set(suspects))
        self._pages({block: text for block, text in suspects.items() if block not in restored})

    def _fatal(self, why: str) -> None:
        self.archive.unrestorable = self.archive.unrestorable or why

    def _file(self, name: str) -> None:
        entry, findings = self.base.data[name], self.findings
        stem, _, suffix = name.partition(".tar")
        stem = stem.partition("_")[0]
        tar = Tarball(unpacked(self.store.stream(entry.key), SUFFIXES[suffix]))
        findings.counts["deep bytes of objects"] += entry.size
        try:
            for member in tar.members():
                findings.counts["deep files"] += 1
                if member.regular:
                    self._member(member.path if stem == "data" else f"pg_tblspc/{stem}/{member.path}", member, tar)
        except DamagedError as error:
            self.damaged.append(f"{self.wanted.where(entry.key)}: {error}")
        except MissingError:
            self.damaged.append(f"{self.wanted.where(entry.key)} was in the list, and is not there")
        except CannotUnpackError as error:
            for check in ("deep-base", "deep-control", "deep-pages"):
                findings.skipped(check, f"{entry.key}: {error}")
            self.members |= _NAMED
        findings.counts["deep bytes unpacked"] += tar.offset

    def _member(self, path: str, member: Member, tar: Tarball) -> None:
        if path in _NAMED:
            self.members.add(path)
            content = b"".join(tar.content(_LARGEST_NAMED)) if member.size <= _LARGEST_NAMED else b""
            self.wrong += [f"{path}: {problem}" for problem in self._named(path, content)]
            return
        relation = pages.relation(path)
        if relation is None:
            return
        if relation.fork == _INIT_FORK:
            self.unlogged.add((relation.database, relation.file))
        if self.info.checksums is not True or not _chosen(f"{self.base.id}/{path}", self.wanted.page_percent):
            return
        counts = self.findings.counts
        counts["deep relation files"] += 1
        number = relation.first
        for piece in tar.content(_AT_ONCE):
            counts["deep pages"] += len(piece) // pages.PAGE
            for wrong, text in pages.wrong_pages(piece, number, self.info.redo):
                place = member.data + (wrong - relation.first) * pages.PAGE
                if len(self.suspects) < _SUSPECTS:
                    told = f"{path}, page {wrong - relation.first} (byte {place} of the tar): {text}"
                    self.suspects[relation.block(wrong)] = told
                else:
                    self.more += 1
            number += len(piece) // pages.PAGE

    def _named(self, path: str, content: bytes) -> Iterator[str]:
        if path == "PG_VERSION":
            major = self.info.version // 10000
            if content.strip() != str(major).encode():
                yield f"it says {content[:20]!r}, backup.info says {major}"
        elif path == "backup_label":
            text = content.decode(errors="replace")
            if text != self.info.label:  # else it is this backup's, and what contradicts it in backup.info was told
                yield from self.info.label_contradictions(text)
        elif trouble := control.problem(content, self.info.system):
            yield trouble

    def _pages(self, wrong: dict[Block, str]) -> None:
        if self.info.checksums is not True:
            told = "the server keeps no" if self.info.checksums is False else "backup.info does not speak of"
            self.findings.skipped("deep-pages", f"{told} checksums")
            return
        problems = [f"{text}, and no record of the backup's WAL writes it anew" for text in wrong.values()]
        if problems and self.more:
            problems.append(f"and {self.more} more wrong pages")
        for block, text in wrong.items():
            if block.fork not in _MENDED_FORKS:  # PostgreSQL refuses to read such a page: its rows are lost
                self._fatal(text)
        counts = self.findings.counts
        checked = f"{counts['deep pages']} pages of {counts['deep relation files']} files"
        self.findings.judged("deep-pages", problems, checked)

    def _wal(self, suspects: set[Block]) -> set[Block]:
        """Reads what the backup needs, the newest and a sample; gives the suspects that recovery writes anew."""
        made, found, info = self.archive.chain, self.archive.wals, self.info
        if made is None or made.last is None:
            self.findings.skipped("deep-wal", "there is no WAL to read")
            return set()
        every = [place for place in _places(self.archive, info) if found.unfit.get(place) != EMPTY]
        chosen = {place for place in every if place[1] <= info.last_needed or place == made.last}
        rest = {found.key(*place): place for place in every if place not in chosen}
        chosen |= {rest[name] for name in (rest if self.wanted.every else self._sample(list(rest)))}
        reader = Records(info.numbering, info.version, info.system, wanted=suspects, start=info.redo)
        problems = []
        for timeline, number in sorted(chosen, key=lambda place: place[1]):
            key = found.key(timeline, number)
            try:
                pieces = unpacked(self.store.stream(key), SUFFIXES[found.segments[timeline][number].suffix])
                reader.segment(_timelines(self.archive, info, timeline, number), number, pieces)
                continue
            except CannotUnpackError as error:
                self.findings.skipped("deep-wal", f"{key}: {error}")
                continue
            except (DamagedError, ForeignError) as error:
                problems.append(f"{self.wanted.where(key)}: {error}")
                if isinstance(error, LengthError):
                    self.archive.stopped_by((timeline, number), problems[-1])
            except MissingError:
                problems.append(f"{self.wanted.where(key)} was in the list, and is not there")
            if number <= info.last_needed:
                self._fatal(problems[-1])
            elif self.archive.broken is None or number < self.archive.broken:
                self.archive.broken = number
        self.findings.counts["deep wal"] = len(chosen)
        self.findings.counts["deep wal records"] = reader.count
        self.findings.judged("deep-wal", problems, f"{len(chosen)} of {len(every)} segments, {reader.count} records")
        return reader.restored

    def _sample(self, keys: list[str]) -> list[str]:
        return sample(keys, self.wanted.sample, self.base.id)


def _chosen(name: str, percent: int) -> bool:
    """Whether a file is in the sample: always the same ones for the same backup."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 100 < percent


def _places(archive: Archive, info: BackupInfo) -> Iterator[tuple[int, int]]:
    """Timeline and number of the segments that recovery would read."""
    at = info.numbering.at
    for place, stretch in enumerate(archive.way):
        following = archive.way[place + 1] if place + 1 < len(archive.way) else None
        for number in sorted(archive.wals.segments.get(stretch.timeline, {})):
            if max(at(stretch.begin), at(info.redo)) <= number and (following is None or number < at(following.begin)):
                yield stretch.timeline, number


def _timelines(archive: Archive, info: BackupInfo, timeline: int, number: int) -> frozenset[int]:
    """The timelines that a segment's pages may be of: where one began, its parents' as well."""
    own = next(stretch for stretch in archive.way if stretch.timeline == timeline)
    if info.numbering.at(own.begin) != number:
        return frozenset({timeline})
    return frozenset(stretch.timeline for stretch in archive.way if stretch.timeline <= timeline)
