"""The base backups in an archive, as one LIST and their `backup.info` show them, and the one to restore from."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .findings import Names
from .info import DONE, FAILED, BackupInfo, InfoError, backup_info, fields
from .store import BrokenError, Entry, MissingError

LOOK_BACK = 20
"""How many attempts are looked at, newest first, in search of one that finished."""
SETTLED = 900
"""Seconds after which an attempt whose data are all there would have its backup.info."""
SPLIT = 1 << 30
"""Bytes from which on a data file may be the first of several, with the next under way: barman splits far above."""

_LONGEST_REASON = 500
INFO = "backup.info"
_ID = re.compile(r"\d{8}T\d{6}")
_DATA = re.compile(r"(data|\d+)(?:_(\d{4}))?\.tar(\.gz|\.bz2|\.snappy|\.lz4)?")
_OTHER = re.compile(r"annotations/[a-z]+")
"""What barman notes beside a backup: `annotations/keep` exempts it from retention."""


@dataclass
class Base:
    """One attempt at a base backup; its name is when it began."""

    id: str
    objects: dict[str, Entry] = field(default_factory=dict)
    """By name within the attempt's folder."""

    @property
    def data(self) -> dict[str, Entry]:
        """The tar files: the data directory's and the tablespaces'."""
        return {name: entry for name, entry in self.objects.items() if _DATA.fullmatch(name)}

    @property
    def size(self) -> int:
        """Bytes of all its objects."""
        return sum(entry.size for entry in self.objects.values())

    def parts(self, stem: str) -> dict[int, Entry]:
        """The files of one tar (`data`, or a tablespace's number) by their place; 0 is the first."""
        found = {}
        for name, entry in sorted(self.data.items()):
            match = _DATA.fullmatch(name)
            if match is not None and match[1] == stem:
                found[int(match[2] or 0)] = entry
        return found


@dataclass(frozen=True)
class Unfinished:
    """An attempt newer than the newest that finished."""

    id: str
    failed: bool
    """False while it may still be under way."""
    text: str


@dataclass
class Bases:
    """All attempts, and the newest that finished."""

    attempts: dict[str, Base] = field(default_factory=dict)
    foreign: Names = field(default_factory=Names)
    youngest: Entry | None = None
    unfinished: list[Unfinished] = field(default_factory=list)
    chosen: Base | None = None
    """The newest whose backup.info can be read and says that it is done: a restore takes it."""
    info: BackupInfo | None = None
    """The chosen one's."""
    unreadable: list[str] = field(default_factory=list)
    """Attempts newer than the chosen, whose backup.info cannot be read, and why: a restore skips them."""
    counts: Counter[str] = field(default_factory=Counter)


def scan(entries: Iterable[Entry]) -> Bases:
    """Reads the list of `base/` once."""
    found = Bases()
    for entry in entries:
        found.counts["objects"] += 1
        if found.youngest is None or entry.modified > found.youngest.modified:
            found.youngest = entry
        folder, _, name = entry.key.removeprefix("base/").partition("/")
        if entry.key.endswith("/") and entry.size == 0:
            continue  # a folder's marker
        if _ID.fullmatch(folder) and (name == INFO or _DATA.fullmatch(name) or _OTHER.fullmatch(name)):
            found.attempts.setdefault(folder, Base(folder)).objects[name] = entry
        else:
            found.foreign.add(entry.key)
    found.counts["base backups"] = len(found.attempts)
    return found


def choose(found: Bases, read: Callable[[str], bytes], now: datetime, patience: int) -> None:
    """Finds the newest that finished; `patience` is how many seconds one may be under way."""
    for base in sorted(found.attempts.values(), key=lambda base: base.id, reverse=True)[:LOOK_BACK]:
        try:
            given = fields(_content(base, read)) if INFO in base.objects else None
            if given is not None and given["status"] == DONE:
                found.info, found.chosen = backup_info(given), base
                return
        except (InfoError, BrokenError) as error:
            found.unreadable.append(f"base/{base.id}/{INFO}: {error}")
            continue
        age = (now - _began(base)).total_seconds()
        found.unfinished.append(_unfinished(base, given or {}, age, now, patience))


def _content(base: Base, read: Callable[[str], bytes]) -> bytes:
    try:
        return read(f"base/{base.id}/{INFO}")
    except MissingError:
        raise InfoError("it was in the list, and is not there: deleted meanwhile, or the store has lost it") from None


def _unfinished(base: Base, given: Mapping[str, str], age: float, now: datetime, patience: int) -> Unfinished:
    status = given.get("status")
    if status == FAILED:
        return Unfinished(
            base.id, True, f"{base.id} failed: {given.get('error', 'it says no reason')[:_LONGEST_REASON]}"
        )
    if status is None:
        main = base.parts("data").get(0)
        if main is not None and main.size < SPLIT and (now - main.modified).total_seconds() > SETTLED:
            return Unfinished(base.id, True, f"{base.id} has its data and no {INFO}: nothing can be restored from it")
    what = f"has the status {status}" if status is not None else f"has no {INFO} yet"
    if age > patience:
        return Unfinished(base.id, True, f"{base.id} {what} {int(age // 60)} min after it began: it was given up")
    return Unfinished(base.id, False, f"{base.id} {what}: it is under way")


def _began(base: Base) -> datetime:
    try:
        return datetime.strptime(base.id, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return min(entry.modified for entry in base.objects.values())


def data_problems(base: Base, info: BackupInfo) -> Iterator[str]:
    """What of a finished backup's files is not there, or cannot be what it should be."""
    for stem in ("data", *(str(tablespace.oid) for tablespace in info.tablespaces)):
        parts = base.parts(stem)
        whose = "the data directory" if stem == "data" else f"the tablespace {stem}"
        if 0 not in parts:
            yield f"base/{base.id}/{stem}.tar is missing: {whose}"
        elif gaps := sorted(set(range(max(parts))) - set(parts)):
            yield f"base/{base.id}/{stem}_{gaps[0]:04d}.tar is missing: a part of {whose}"
    for name, entry in base.data.items():
        if entry.size == 0:
            yield f"{entry.key} is empty"
        elif name.endswith(".tar") and entry.size % 512:
            yield f"{entry.key} has {entry.size} bytes: a tar has whole blocks of 512, so its end is missing"
    known = {"data", *(str(tablespace.oid) for tablespace in info.tablespaces)}
    for name, entry in base.data.items():
        match = _DATA.fullmatch(name)
        if match is not None and match[1] not in known:
            yield f"{entry.key} is of a tablespace that {INFO} does not name"
