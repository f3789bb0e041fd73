"""Healthy archives at random, by seed: real ones after operations that leave an archive sound.

What is in the objects was written by PostgreSQL and barman-cloud. What is done to them here is what time and settings
do: the archive is seen at an earlier moment, retention deletes, the compression, the encryption or the folder's state
changes, a base backup is under way, clocks differ a little.
"""

import gzip
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from archive_doubles import COMPRESS
from damage_store import LocalStore

from seawall.components.cnpg.validator.info import BackupInfo, backup_info, fields
from seawall.components.cnpg.validator.segments import Kind, wal_key

DATA_SUFFIXES = ("", ".gz", ".bz2", ".lz4", ".snappy")
WAL_SUFFIXES = ("", ".gz", ".bz2", ".lz4", ".snappy", ".xz", ".zst")
NEWEST_AGE = (0, 9 * 60)
"""Seconds since the newest WAL was archived; with the stack's RPO it may be 15 minutes, when all modes have run too."""
BACKUP_AGE = (10 * 60, 25 * 3600)
"""Seconds since the newest base backup ended; it may be 26 hours."""
SKEW = 240
"""Seconds by which the database's clock differs from the store's at most; 300 are allowed."""


@dataclass(frozen=True)
class Life:
    """What a real server archived."""

    name: str
    objects: Mapping[str, bytes]
    """By name below the server's folder; all are packed with gzip, but for what is no tar and no WAL."""
    _packed: dict[tuple[str, str], bytes] = field(default_factory=dict, repr=False, compare=False)

    @property
    def backups(self) -> dict[str, BackupInfo]:
        """Finished base backups by id, oldest first."""
        infos = sorted(key for key in self.objects if key.endswith("/backup.info"))
        return {key.split("/")[1]: backup_info(fields(self.objects[key])) for key in infos}

    def packed(self, key: str, suffix: str) -> bytes:
        """An object's content in another compression."""
        if suffix == ".gz":
            return self.objects[key]
        if not suffix:
            return gzip.decompress(self.objects[key])
        if (key, suffix) not in self._packed:
            self._packed[key, suffix] = COMPRESS[suffix](gzip.decompress(self.objects[key]))
        return self._packed[key, suffix]

    def wal(self) -> list[str]:
        """What is below `wals/`, in the order in which it was archived."""
        return sorted((key for key in self.objects if key.startswith("wals/")), key=_order)


def _order(key: str) -> tuple[int, int, int, int]:
    """A timeline begins with its history, which follows the last piece of the one before."""
    known = wal_key(key.removeprefix("wals/"))
    assert known is not None, key
    if known.kind is Kind.HISTORY:
        return known.timeline, -1, 0, 0
    return known.timeline, known.log, known.segment, 0 if known.kind is Kind.SEGMENT else 1


Content = Callable[[], bytes]
"""What is in an object, packed when it is written: not everybody who asks for an archive wants that."""


@dataclass
class Healthy:
    """One archive."""

    seed: int
    life: str
    steps: list[str] = field(default_factory=list)
    """What was done, in words: told when it is called broken."""
    objects: dict[str, tuple[Content, datetime]] = field(default_factory=dict)
    """Name → content, and when it was written."""
    encryption: str = "aws:kms"
    newest: str = ""
    """The last WAL file on the way of a recovery."""

    def put(self, store: LocalStore, folder: str) -> None:
        """Writes it into a bucket."""
        key = store.key if self.encryption == "aws:kms" else None
        for name, (body, moment) in self.objects.items():
            made = store.backend.put_object(
                store.bucket, f"{folder}{name}", body(), encryption=self.encryption, kms_key_id=key
            )
            made.last_modified = moment.replace(tzinfo=None)


def healthy(seed: int, lives: tuple[Life, ...]) -> Healthy:
    """The archive of a seed."""
    return _Making(seed, lives).made()


class _Making:
    """Draws one archive."""

    def __init__(self, seed: int, lives: tuple[Life, ...]) -> None:
        self._random = random.Random(seed)
        self._life = lives[seed % len(lives)]
        self._made = Healthy(seed, self._life.name)
        self._now = datetime.now(UTC)

    def made(self) -> Healthy:
        draw, life, made = self._random, self._life, self._made
        backups, wal = life.backups, life.wal()
        kept = list(backups)[: draw.randint(1, len(backups))]
        newest = backups[kept[-1]]
        wal = self._until(wal, newest)
        if len(kept) > 1 and self._happens(0.5, "retention deleted older base backups and their WAL"):
            kept = kept[draw.randrange(1, len(kept)) :]
        first = backups[kept[0]]
        if draw.random() < 0.7:  # before the first backup there is no use for WAL
            wal = [key for key in wal if not self._older(key, first)]
        dates = self._dates(wal, newest)
        self._put_wal(wal, dates)
        self._put_backups(kept, dates)
        self._beside(wal, newest, dates, kept)
        if self._happens(0.3, "AES256 instead of a key"):
            made.encryption = "AES256"
        made.newest = max((key for key in wal if self._kind(key) is Kind.SEGMENT), key=_order).rpartition("/")[2][:24]
        return made

    def _happens(self, chance: float, what: str) -> bool:
        drawn = self._random.random() < chance
        if drawn:
            self._made.steps.append(what)
        return drawn

    def _kind(self, key: str) -> Kind:
        known = wal_key(key.removeprefix("wals/"))
        assert known is not None, key
        return known.kind

    def _older(self, key: str, first: BackupInfo) -> bool:
        """Whether retention deletes it: barman compares names, and keeps histories."""
        return self._kind(key) is not Kind.HISTORY and key.rpartition("/")[2][:24] < first.begin_wal

    def _until(self, wal: list[str], newest: BackupInfo) -> list[str]:
        """The archive at a moment after the backup's end."""
        name = f"wals/{newest.end_wal[:16]}/{newest.end_wal}.gz"
        end = self._random.randint(wal.index(name) + 1, len(wal))
        self._made.steps.append(f"seen when {end} of {len(wal)} WAL objects were archived")
        return wal[:end]

    def _dates(self, wal: list[str], newest: BackupInfo) -> dict[str, datetime]:
        """When each was archived: what the backup needs by its end, the rest since, two at once in any order."""
        draw = self._random
        ended = self._now - timedelta(seconds=draw.uniform(*BACKUP_AGE))
        last = self._now - timedelta(seconds=draw.uniform(*NEWEST_AGE))
        needed = [key for key in wal if self._older(key, newest) or newest.end_wal in key]
        rest = [key for key in wal if key not in needed]
        self._ended = ended
        dates = {key: ended - timedelta(minutes=len(needed) - place) for place, key in enumerate(needed)}
        moments = sorted(ended + draw.random() * (last - ended) for _ in rest)
        dates |= dict(zip(rest, moments, strict=True))
        dates[wal[-1]] = last
        segments = [key for key in wal if self._kind(key) is Kind.SEGMENT]
        dates[segments[-1]] = last
        if len(rest) > 2 and self._happens(0.4, "WAL was archived in parallel, the later file first"):
            place = draw.randrange(len(rest) - 2)
            one, two = rest[place : place + 2]
            dates[one], dates[two] = dates[two], dates[one]
        if self._happens(0.2, "the store's clock is a little ahead"):
            dates[segments[-1]] = self._now + timedelta(seconds=draw.uniform(0, SKEW))
        return dates

    def _put_wal(self, wal: list[str], dates: Mapping[str, datetime]) -> None:
        draw, life = self._random, self._life
        before, after = draw.choice(WAL_SUFFIXES), draw.choice(WAL_SUFFIXES)
        switch = draw.randint(0, len(wal))
        self._made.steps.append(f"WAL {before or 'not packed'}, from {switch} on {after or 'not packed'}")
        for place, key in enumerate(wal):
            suffix = before if place < switch else after
            self._made.objects[key.removesuffix(".gz") + suffix] = (partial(life.packed, key, suffix), dates[key])
            if place == switch - 1 and before != after and self._happens(0.3, "one file was archived twice"):
                self._made.objects[key.removesuffix(".gz") + after] = (partial(life.packed, key, after), dates[key])

    def _put_backups(self, kept: list[str], dates: Mapping[str, datetime]) -> None:
        draw, skew = self._random, timedelta(seconds=self._random.uniform(-SKEW, SKEW))
        life, ended = self._life, self._ended
        for name in reversed(kept):
            begun = ended - timedelta(seconds=draw.uniform(10, 3600))
            suffix = draw.choice(DATA_SUFFIXES)
            self._made.steps.append(f"a base backup {suffix or 'not packed'}")
            folder = f"base/{begun + skew:%Y%m%dT%H%M%S}"
            for key, body in life.objects.items():
                if not key.startswith(f"base/{name}/"):
                    continue
                file = key.rpartition("/")[2]
                if file == "backup.info":
                    times = {"begin_time": begun + skew, "end_time": ended + skew}
                    self._made.objects[f"{folder}/{file}"] = (_same(_with(body, times)), ended)
                else:
                    content = partial(life.packed, key, suffix)
                    self._made.objects[f"{folder}/{file.removesuffix('.gz')}{suffix}"] = (content, ended)
            if self._happens(0.1, "it is kept from retention"):
                self._made.objects[f"{folder}/annotations/keep"] = (_same(b"standalone"), ended)
            ended = begun - timedelta(seconds=draw.uniform(60, 86400))

    def _beside(self, wal: list[str], newest: BackupInfo, dates: Mapping[str, datetime], kept: list[str]) -> None:
        """What else may lie there."""
        draw, made = self._random, self._made
        patience = min((self._now - self._ended).total_seconds() - 60, 5 * 3600)
        if self._happens(0.4, "a base backup is under way"):
            begun = self._now - timedelta(seconds=draw.uniform(5, patience))
            folder = f"base/{begun:%Y%m%dT%H%M%S}"
            source = self._life.objects[f"base/{kept[-1]}/backup.info"]
            made.objects[f"{folder}/backup.info"] = (_same(_started(source, begun)), begun)
            if self._happens(0.5, "its first file is there"):
                data = self._life.objects[f"base/{kept[-1]}/data.tar.gz"]
                made.objects[f"{folder}/data.tar.gz"] = (_same(data), begun)
        pieces = [key for key in wal if self._kind(key) is Kind.PARTIAL]
        left = any(self._kind(key) is Kind.HISTORY and _order(key) > _order(pieces[-1]) for key in wal if pieces)
        if left and self._happens(0.4, "the old primary archived once more on its own timeline"):
            key = pieces[-1]
            made.objects[key.replace(".partial", "")] = (_same(self._life.objects[key]), dates[key])
        elif pieces and self._happens(0.3, "the partial file is gone"):
            made.objects = {name: each for name, each in made.objects.items() if ".partial" not in name}
        if self._happens(0.2, "a program left markers of folders"):
            made.objects |= {"base/": (_same(b""), self._ended), "wals/": (_same(b""), self._ended)}
        if self._happens(0.2, "the labels of base backups were not archived"):
            made.objects = {name: each for name, each in made.objects.items() if ".backup" not in name}


def _same(body: bytes) -> Content:
    return lambda: body


def _with(body: bytes, times: Mapping[str, datetime]) -> bytes:
    lines = []
    for line in body.decode().splitlines():
        name, _, value = line.partition("=")
        lines.append(f"{name}={times.get(name, value)}")
    return "\n".join([*lines, ""]).encode()


def _started(body: bytes, begun: datetime) -> bytes:
    """The backup.info that barman writes when a base backup begins."""
    gone = ("end_", "copy_stats", "size", "deduplicated_size", "status", "begin_time")
    lines = [line for line in body.decode().splitlines() if not line.startswith(gone)]
    return "\n".join([*lines, f"begin_time={begun}", "status=STARTED", ""]).encode()
