"""`backup.info` of a base backup, as barman-cloud 3.19 writes it: lines of `name=value`, `None` for nothing."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from .segments import Numbering, lsn, lsn_text

_SHOWN = 20
_START = re.compile(r"^START WAL LOCATION: ([0-9A-F]{1,8}/[0-9A-F]{1,8}) \(file ([0-9A-F]{24})\)$", re.MULTILINE)
DONE = "DONE"
FAILED = "FAILED"


class InfoError(Exception):
    """A backup.info cannot be read; the text says what is wrong with it."""


@dataclass(frozen=True)
class Tablespace:
    """A tablespace beside the two that are always there."""

    name: str
    oid: int


@dataclass(frozen=True)
class BackupInfo:
    """What a finished base backup says of itself."""

    begin_wal: str
    end_wal: str
    begin: int
    """Position in the WAL at which recovery starts."""
    end: int
    """Position that recovery must reach before the data are consistent."""
    begin_time: datetime
    end_time: datetime
    timeline: int
    version: int
    """PostgreSQL's, as its `server_version_num`: 150018."""
    numbering: Numbering
    system: int | None
    """The server's own number; None from an old barman."""
    tablespaces: tuple[Tablespace, ...]
    label: str | None
    """Text of `backup_label`."""
    checksums: bool | None
    """Whether the server keeps page checksums; None from an old barman."""

    @property
    def first_needed(self) -> int:
        """The segment at which recovery starts."""
        return self.numbering.at(self.begin)

    @property
    def last_needed(self) -> int:
        """The segment that recovery must have before the data are consistent.

        A backup from a standby can end at a segment's first byte; then the segment before it is the last.
        """
        return max(self.numbering.before(self.end), self.first_needed)

    @property
    def redo(self) -> int:
        """Where PostgreSQL starts to read WAL: what `backup_label` says, for it never sees backup.info."""
        start = _START.search(self.label or "")
        return lsn(start[1]) if start else self.begin

    def contradictions(self) -> Iterator[str]:
        """What in it does not fit the rest of it."""
        if self.end < self.begin:
            yield f"end_xlog {lsn_text(self.end)} lies before begin_xlog {lsn_text(self.begin)}"
        if self.end_time < self.begin_time:
            yield f"it ended at {self.end_time}, before it began at {self.begin_time}"
        for field, name, fitting in (
            ("begin_wal", self.begin_wal, {self.first_needed}),
            ("end_wal", self.end_wal, {self.numbering.at(self.end), self.numbering.before(self.end)}),
        ):
            try:
                timeline, number = self.numbering.parse(name)
            except ValueError as error:
                yield f"{field}: {error}"
                continue
            if timeline != self.timeline:
                yield f"{field} {name} is on timeline {timeline}, the backup on {self.timeline}"
            if number not in fitting:
                position = self.begin if field == "begin_wal" else self.end
                yield f"{field} {name} does not hold {lsn_text(position)}"
        if self.label is not None:
            yield from self.label_contradictions(self.label)

    def label_contradictions(self, label: str) -> Iterator[str]:
        """What in a `backup_label` does not fit."""
        start = _START.search(label)
        if start is None:
            yield "backup_label names no START WAL LOCATION"
            return
        if lsn(start[1]) != self.begin or start[2] != self.numbering.name(self.timeline, self.first_needed):
            yield f"backup_label starts at {start[1]} ({start[2]}), backup.info at {lsn_text(self.begin)}"
        timeline = re.search(r"^START TIMELINE: (\d+)$", label, re.MULTILINE)
        if timeline is not None and timeline[1] != str(self.timeline):
            yield f"backup_label is of timeline {timeline[1][:_SHOWN]}, backup.info of {self.timeline}"


def fields(content: bytes) -> dict[str, str]:
    """The lines by name, without those that say `None`. Raises `InfoError`."""
    found = {}
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError as error:
        raise InfoError(f"it is no text: {error}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise InfoError(f"line {number} is no name=value")
        if value.strip() != "None":
            found[name.strip()] = value.strip()
    if "status" not in found:
        raise InfoError("it has no status")
    return found


def backup_info(given: Mapping[str, str]) -> BackupInfo:
    """A finished backup by its fields. Raises `InfoError`."""
    try:
        return BackupInfo(
            begin_wal=given["begin_wal"],
            end_wal=given["end_wal"],
            begin=lsn(given["begin_xlog"]),
            end=lsn(given["end_xlog"]),
            begin_time=_moment(given["begin_time"]),
            end_time=_moment(given["end_time"]),
            timeline=_timeline(given["timeline"]),
            version=int(given["version"]),
            numbering=Numbering(int(given["xlog_segment_size"])),
            system=int(given["systemid"]) if "systemid" in given else None,
            tablespaces=tuple(
                Tablespace(str(name), int(oid)) for name, oid, _ in ast.literal_eval(given.get("tablespaces", "()"))
            ),
            label=str(ast.literal_eval(given["backup_label"])) if "backup_label" in given else None,
            checksums={"on": True, "off": False}.get(given.get("data_checksums", "")),
        )
    except KeyError as missing:
        raise InfoError(f"it has no {missing.args[0]}") from None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise InfoError(f"it cannot be read: {error}") from None


def _timeline(text: str) -> int:
    if not 0 < (timeline := int(text)) < 1 << 32:
        raise ValueError("its timeline is no number that PostgreSQL gives")
    return timeline


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
