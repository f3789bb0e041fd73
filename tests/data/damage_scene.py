"""A copy of the real archive, what is done to it, and what may stand between it and the programs."""

import gzip
import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from damage_source import SERVER, Past
from damage_store import Copied, LocalStore
from failing_store import Fault, failing
from object_store import ObjectStore

from seawall.components.cnpg.validator.classes import Failure
from seawall.sandbox import ports


@dataclass
class Scene:
    """One damaged archive, and how everybody comes to it."""

    past: Past
    copied: Copied
    store: LocalStore
    """What programs are sent to: the copy, or something in front of it."""
    folder: Path
    server: str = SERVER
    """The name in the archive that they are told."""

    @property
    def place(self) -> str:
        """The archive's folder in the bucket."""
        return self.past.archive.prefix

    def base(self, name: str = "data.tar.gz") -> str:
        """An object of the newest base backup."""
        return f"{self.place}base/{self.past.newest.id}/{name}"

    def wal(self, number: int, suffix: str = ".gz") -> str:
        """A WAL file: 0 is that in which the newest backup begins, 1 the first after its end, -1 the newest of all."""
        names = self.past.segments
        place = names.index(self.past.newest.end_wal) + number if number > 0 else number
        return f"{self.place}wals/{names[place][:16]}/{names[place]}{suffix}"

    @property
    def since(self) -> list[str]:
        """All WAL files from the newest backup's begin on."""
        return [f"{self.place}wals/{name[:16]}/{name}.gz" for name in self.past.segments]

    @property
    def begin(self) -> int:
        """Where the newest backup begins, in the WAL file 0."""
        return int(self.field("begin_offset"))

    def field(self, name: str) -> str:
        """A value of the newest backup.info."""
        lines = self.copied.body(self.base("backup.info")).decode().splitlines()
        (line,) = (line for line in lines if line.startswith(f"{name}="))
        return line.partition("=")[2]

    @property
    def history(self) -> str:
        """The history of the second timeline."""
        return f"{self.place}wals/00000002.history.gz"

    def info(self, name: str, value: str) -> None:
        """Replaces a value of the newest backup.info."""
        old = f"{name}={self.field(name)}\n".encode()
        self.copied.change(self.base("backup.info"), lambda body: body.replace(old, f"{name}={value}\n".encode()))

    def inside(self, member: str, change: Callable[[bytes], bytes | None]) -> None:
        """Changes a file within the tars of the newest base backup, or takes it away; the rest is packed as it was."""
        for key in self.copied.keys(self.base("")):
            if ".tar" not in key:
                continue
            body = gzip.decompress(self.copied.body(key))
            if (made := _repacked(body, member, change)) is not None:
                self.copied.put(key, gzip.compress(made, 1))
                return
        raise AssertionError(f"no {member} in the backup")

    def attempt(self, status: str, ago: timedelta) -> None:
        """A newer attempt at a base backup, that began so long ago and has come to this status."""
        begun = datetime.now(UTC) - ago
        text = self.copied.body(self.base("backup.info")).decode().splitlines()
        gone = ("end_", "copy_stats", "deduplicated_size")
        lines = [it for it in text if not it.startswith((*gone, "status", "begin_time"))]
        lines += [f"status={status}", f"begin_time={begun.isoformat(sep=' ')}", "end_time=None"]
        key = f"{self.place}base/{begun:%Y%m%dT%H%M%S}/backup.info"
        self.copied.put(key, "\n".join([*sorted(lines), ""]).encode(), like=self.base("backup.info"))
        self.copied.date(key, ago)


def _repacked(body: bytes, member: str, change: Callable[[bytes], bytes | None]) -> bytes | None:
    """A tar with one file changed; None when it is not in it."""
    out = io.BytesIO()
    found = False
    with (
        tarfile.open(fileobj=io.BytesIO(body)) as source,
        tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as made,
    ):
        for each in source:
            content = source.extractfile(each)
            if content is None:
                made.addfile(each)
                continue
            data: bytes | None = content.read()
            if each.name.removeprefix("./") == member:
                found = True
                data = change(data or b"")
            if data is not None:
                each.size = len(data)
                made.addfile(each, io.BytesIO(data))
    return out.getvalue() if found else None


def flipped(place: int, bit: int = 0x10) -> Callable[[bytes], bytes]:
    """A bit at a byte; a negative place counts from the end."""
    return lambda body: (
        body[: place % len(body)] + bytes([body[place % len(body)] ^ bit]) + body[place % len(body) + 1 :]
    )


def packed(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """A change of what is inside a gzip, which is whole again afterwards."""
    return lambda body: gzip.compress(change(gzip.decompress(body)), 1)


Do = Callable[[Scene], object]
Fronted = Callable[[Scene], AbstractContextManager[Scene]]


@contextmanager
def as_it_is(scene: Scene) -> Iterator[Scene]:
    """Nothing is between the programs and the store."""
    yield scene


def behind(fault: Callable[[], Fault]) -> Fronted:
    """A double in front of the store fails."""

    @contextmanager
    def made(scene: Scene) -> Iterator[Scene]:
        with failing(scene.store.endpoint, fault()) as endpoint:
            yield _at(scene, endpoint)

    return made


def _at(scene: Scene, endpoint: str, bucket: str = "") -> Scene:
    store = copy(scene.store)
    store.endpoint = endpoint
    store.bucket = bucket or store.bucket
    return replace(scene, store=store)


@contextmanager
def nothing_listens(scene: Scene) -> Iterator[Scene]:
    """Nobody is at the endpoint."""
    yield _at(scene, f"http://{ports.LOOPBACK}:9")


@contextmanager
def another_authority(scene: Scene) -> Iterator[Scene]:
    """The endpoint shows a certificate of an authority that nobody trusts."""
    store = ObjectStore(scene.folder, tls=True)
    try:
        yield _at(scene, store.start().endpoint)
    finally:
        store.stop()


@contextmanager
def another_bucket(scene: Scene) -> Iterator[Scene]:
    """The bucket is not there."""
    yield _at(scene, scene.store.endpoint, f"{scene.store.bucket}-gone")


@contextmanager
def another_name(scene: Scene) -> Iterator[Scene]:
    """They are told a server's name that has no archive."""
    yield replace(scene, server="shared-postgres-2")


DEFAULT, ALL, DEEP, BOTH, NOBODY = "", "--all", "--deep", "--deep --all", "nobody"
"""Modes of the validator, the cheapest first; `nobody`: none of them can see it."""
MODES = (DEFAULT, ALL, DEEP, BOTH)
WHOLE, SHORT, HARMED, FAILED = "whole", "short", "harmed", "failed"
"""What a restore comes to: see `damage_source.Truth`."""
UNSURE = f"{HARMED}|{FAILED}"
"""One of the two: it depends on what PostgreSQL happens to read first."""


@dataclass(frozen=True)
class Damage:
    """One kind of damage and what is expected."""

    name: str
    do: Do
    mode: str
    """The cheapest mode that names it."""
    says: dict[str, str]
    """Check → a part of its message in that mode; no other check fails, but for `also`."""
    code: Failure | None
    """Its class; None when nobody names it."""
    restorable: bool | None
    """What the validator says in that mode; None: not known."""
    truth: str
    """What a restore really comes to; with `|` one of several."""
    drill: str | None
    """The class of the drill's failure, with `|` one of several; None when it succeeds."""
    front: Fronted = as_it_is
    versioned: bool = False
    wary: bool = False
    """Whether the validator calls it not restorable although every row comes back: what is broken is something else."""
    also: frozenset[str] = frozenset()
    """Checks that may fail as well: what they look at is a sample."""
    rest: timedelta = field(default=timedelta(minutes=1))
    """How long ago the newest WAL was archived."""
