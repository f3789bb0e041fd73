"""Every kind of damage: how it is done to a copy of the real archive, and what is expected of everybody.

One place for what the validator must say of it, in which mode, what the restore drill must say, and what a restore
really brings back. docs/data.md has the same table as it was measured.
"""

import gzip
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import zstandard
from damage_scene import (
    Do,
    Fronted,
    Scene,
    another_authority,
    another_bucket,
    another_name,
    as_it_is,
    behind,
    flipped,
    nothing_listens,
    packed,
)
from damage_source import PAUSE
from failing_store import Fault

from seawall.components.cnpg.validator.classes import Failure

DEFAULT, ALL, DEEP, BOTH, NOBODY = "", "--all", "--deep", "--deep --all", "nobody"
"""Modes of the validator, the cheapest first; `nobody`: none of them can see it."""
MODES = (DEFAULT, ALL, DEEP, BOTH)
WHOLE, SHORT, HARMED, FAILED = "whole", "short", "harmed", "failed"


@dataclass(frozen=True)
class Damage:
    """One kind of damage and what is expected."""

    name: str
    do: Do
    mode: str
    """The cheapest mode that names it."""
    says: dict[str, str]
    """Check → a part of its message in that mode; no other check fails."""
    code: Failure | None
    """Its class; None when nobody names it."""
    restorable: bool | None
    """What the validator says in that mode; None: not known."""
    truth: str
    """What a restore really comes to."""
    drill: str | None
    """The class of the drill's failure; None when it succeeds."""
    front: Fronted = as_it_is
    versioned: bool = False
    wary: bool = False
    """Whether the validator calls it not restorable although every row comes back: what is broken is something else."""
    rest: timedelta = field(default=timedelta(minutes=1))
    """How long ago the newest WAL was archived."""


def _second(scene: Scene, name: str) -> str:
    """An object of the older base backup."""
    return f"{scene.place}base/{scene.past.older.id}/{name}"


def _foreign_wal(scene: Scene, number: int) -> None:
    key = scene.wal(number)
    name = scene.past.segments[number]
    other = scene.past.other[f"wals/00000001{name[8:16]}/00000001{name[8:]}.gz"]
    scene.copied.change(key, lambda _: other)


def _foreign_base(scene: Scene) -> None:
    [data] = [body for key, body in scene.past.other.items() if key.endswith("/data.tar.gz")]
    scene.copied.change(scene.base(), lambda _: data)


def _foreign_backup(scene: Scene) -> None:
    """A second server that archives into the same folder makes a base backup."""
    for key, body in scene.past.other.items():
        if key.startswith("base/"):
            scene.copied.put(f"{scene.place}{key}", body, like=scene.base("backup.info"))


def _swapped(scene: Scene, one: int, two: int) -> None:
    first, second = scene.copied.body(scene.wal(one)), scene.copied.body(scene.wal(two))
    scene.copied.put(scene.wal(one), second)
    scene.copied.put(scene.wal(two), first)


def _renamed(scene: Scene, number: int, suffix: str) -> None:
    key = scene.wal(number)
    scene.copied.put(scene.wal(number, suffix), scene.copied.body(key), like=key)
    scene.copied.remove(key)


def _record(body: bytes) -> bytes:
    """A bit within a record in the middle of what is written in a segment."""
    used = len(body.rstrip(b"\0"))
    return flipped(used // 2)(body)


def _lines(text: str) -> Callable[[bytes], bytes]:
    return lambda _: gzip.compress(text.encode())


def _moment(minutes: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)


def _only_old(scene: Scene) -> None:
    """Both base backups ended two days ago, by their backup.info."""
    for key in (scene.base("backup.info"), _second(scene, "backup.info")):
        lines = scene.copied.body(key).decode().splitlines()
        times = {"begin_time": 2882, "end_time": 2881}
        made = [
            f"{name}={datetime.now(UTC) - timedelta(minutes=times[name])}" if name in times else line
            for line in lines
            for name in [line.partition("=")[0]]
        ]
        scene.copied.put(key, "\n".join([*made, ""]).encode())


def _ends_later(scene: Scene) -> None:
    text = scene.copied.body(scene.base("backup.info")).decode()
    old = next(it for it in text.splitlines() if it.startswith("end_time="))
    scene.info(old, f"end_time={datetime.now(UTC) + timedelta(hours=2)}")


def _field(scene: Scene, name: str) -> str:
    text = scene.copied.body(scene.base("backup.info")).decode()
    return next(it for it in text.splitlines() if it.startswith(f"{name}="))


def _without_commit(scene: Scene) -> Callable[[bytes], bytes]:
    """The transaction that wrote `closed` is marked as rolled back."""
    byte, pair = divmod(scene.past.transaction, 4)

    def change(body: bytes) -> bytes:
        value = body[byte] & ~(3 << pair * 2) | 2 << pair * 2
        return body[:byte] + bytes([value]) + body[byte + 1 :]

    return change


_OLD = PAUSE + timedelta(minutes=1)
_KEY = "arn:aws:kms:eu-central-1:123456789012:key/99999999-2222-3333-4444-555555555555"
_PAGE = 8192

DAMAGES = (
    Damage(
        "WAL is missing in the middle",
        lambda s: s.copied.remove(s.wal(2)),
        DEFAULT,
        {"wal-chain": "missing: 0000000100000000000000"},
        Failure.WAL_HOLE,
        True,
        SHORT,
        "incomplete",
    ),
    Damage(
        "WAL is missing in the middle of the newest timeline",
        lambda s: s.copied.remove(s.wal(-2)),
        DEFAULT,
        {"wal-chain": "missing: 0000000200000000000000"},
        Failure.WAL_HOLE,
        True,
        SHORT,
        "incomplete",
    ),
    Damage(
        "the WAL in which the newest timeline begins is missing",
        lambda s: s.copied.remove(s.wal(-3)),
        DEFAULT,
        {"wal-chain": "missing: 0000000200000000000000"},
        Failure.WAL_HOLE,
        True,
        SHORT,
        "incomplete",
    ),
    Damage(
        "the WAL that the base backup itself needs is missing",
        lambda s: s.copied.remove(s.wal(0)),
        DEFAULT,
        {"wal-needed": "missing, which the backup needs", "wal-chain": "missing: 0000000100000000000000"},
        Failure.WAL_HOLE,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "WAL is missing at the end, for longer than the RPO",
        lambda s: s.copied.remove(s.wal(-1)),
        DEFAULT,
        {"wal-age": "was archived 31 min"},
        Failure.WAL_OLD,
        True,
        SHORT,
        "assertion",
    ),
    Damage(
        "nothing was archived for longer than the RPO",
        lambda s: None,
        DEFAULT,
        {"wal-age": "was archived 31 min"},
        Failure.WAL_OLD,
        True,
        WHOLE,
        None,
        rest=_OLD,
    ),
    Damage(
        "all WAL since the base backup is missing",
        lambda s: s.copied.remove(*(s.wal(number) for number in range(len(s.past.segments)))),
        DEFAULT,
        {"wal-needed": "missing", "wal-chain": "no WAL at or after", "wal-age": "no WAL"},
        Failure.WAL_HOLE,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "the newest timeline's history is missing",
        lambda s: s.copied.remove(s.history),
        DEFAULT,
        {"wal-age": "was archived", "wal-history": "00000002.history is missing, and there is a timeline 2"},
        Failure.WAL_HOLE,
        True,
        SHORT,
        "incomplete",
    ),
    Damage(
        "the history is empty",
        lambda s: s.copied.change(s.history, lambda _: b""),
        DEFAULT,
        {"wal-age": "was archived", "wal-history": "it names no parent", "wal-objects": "is empty"},
        Failure.WAL_HOLE,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "the history's compression is broken",
        lambda s: s.copied.change(s.history, flipped(20)),
        DEFAULT,
        {"wal-age": "was archived", "wal-history": "the gzip data are damaged"},
        Failure.WAL_HOLE,
        False,
        SHORT,
        "incomplete",
    ),
    Damage(
        "the history is no history",
        lambda s: s.copied.change(s.history, lambda _: gzip.compress(b"something else\n")),
        DEFAULT,
        {"wal-age": "was archived", "wal-history": "names no timeline and position"},
        Failure.WAL_HOLE,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "the history leaves the timeline before the base backup",
        lambda s: s.copied.change(s.history, lambda _: gzip.compress(b"1\t0/4000000\tno recovery target specified\n")),
        DEFAULT,
        {"wal-age": "was archived", "wal-history": "before the backup's end"},
        Failure.WAL_HOLE,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "the history of a timeline without WAL, which leaves earlier",
        lambda s: s.copied.put(
            s.history.replace("00000002.", "00000003."),
            gzip.compress(b"1\t0/4000000\tno recovery target specified\n"),
            like=s.history,
        ),
        DEFAULT,
        {"wal-age": "was archived", "wal-history": "before the backup's end"},
        Failure.WAL_HOLE,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "an empty WAL file in the middle",
        lambda s: s.copied.change(s.wal(2), lambda _: b""),
        DEFAULT,
        {"wal-objects": "is empty"},
        Failure.WAL_DAMAGED,
        True,
        SHORT,
        "incomplete",
    ),
    Damage(
        "an empty WAL file at the end",
        lambda s: s.copied.change(s.wal(-1), lambda _: b""),
        DEFAULT,
        {"wal-objects": "is empty"},
        Failure.WAL_DAMAGED,
        True,
        SHORT,
        "assertion",
    ),
    Damage(
        "the WAL that the base backup needs is empty",
        lambda s: s.copied.change(s.wal(0), lambda _: b""),
        DEFAULT,
        {"wal-objects": "is empty", "wal-needed": "is empty, and the backup needs it"},
        Failure.WAL_HOLE,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "a WAL object is cut off",
        lambda s: s.copied.change(s.wal(2), lambda body: body[: len(body) // 2]),
        DEEP,
        {"deep-wal": "its end is missing"},
        Failure.WAL_DAMAGED,
        True,
        SHORT,
        "incomplete",
    ),
    Damage(
        "a WAL file is shorter than a segment when unpacked",
        lambda s: s.copied.change(s.wal(2), packed(lambda body: body[: len(body) // 2])),
        DEEP,
        {"deep-wal": "a segment has 16777216"},
        Failure.WAL_DAMAGED,
        True,
        FAILED,
        "restore",
    ),
    Damage(
        "the newest WAL file is shorter than a segment when unpacked",
        lambda s: s.copied.change(s.wal(-1), packed(lambda body: body[: len(body) // 2])),
        DEEP,
        {"deep-wal": "a segment has 16777216"},
        Failure.WAL_DAMAGED,
        True,
        FAILED,
        "restore",
    ),
    Damage(
        "a WAL file without compression is cut off",
        lambda s: (
            s.copied.put(s.wal(2, ""), gzip.decompress(s.copied.body(s.wal(2)))[:-512], like=s.wal(2)),
            s.copied.remove(s.wal(2)),
        ),
        DEFAULT,
        {"wal-objects": "a segment has 16777216"},
        Failure.WAL_DAMAGED,
        True,
        FAILED,
        "restore",
    ),
    Damage(
        "flipped bit in a WAL object",
        lambda s: s.copied.change(s.wal(2), lambda body: flipped(len(body) // 2)(body)),
        DEEP,
        {"deep-wal": "at"},
        Failure.WAL_DAMAGED,
        True,
        SHORT,
        "incomplete",
    ),
    Damage(
        "flipped bit in a record of a WAL file, packed anew",
        lambda s: s.copied.change(s.wal(2), packed(_record)),
        DEEP,
        {"deep-wal": "the checksum of a record is wrong"},
        Failure.WAL_DAMAGED,
        True,
        SHORT,
        "incomplete",
    ),
    Damage(
        "flipped bit in a record of the newest WAL file, packed anew",
        lambda s: s.copied.change(s.wal(-1), packed(_record)),
        DEEP,
        {"deep-wal": "the checksum of a record is wrong"},
        Failure.WAL_DAMAGED,
        True,
        SHORT,
        "assertion",
    ),
    Damage(
        "flipped bit in the WAL that the base backup needs, packed anew",
        lambda s: s.copied.change(s.wal(0), packed(flipped(60))),
        DEEP,
        {"deep-wal": "a"},
        Failure.WAL_DAMAGED,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "a wrong page header in a WAL file",
        lambda s: s.copied.change(s.wal(2), packed(flipped(1))),
        DEEP,
        {"deep-wal": "the page has the mark"},
        Failure.WAL_DAMAGED,
        True,
        SHORT,
        "incomplete",
    ),
    Damage(
        "two WAL files have each other's names",
        lambda s: _swapped(s, 2, 3),
        DEEP,
        {"deep-wal": "expected"},
        Failure.WAL_DAMAGED,
        True,
        SHORT,
        "incomplete",
    ),
    Damage(
        "another server's WAL file in the middle",
        lambda s: _foreign_wal(s, 2),
        DEEP,
        {"deep-wal": "it is of the server"},
        Failure.WAL_DAMAGED,
        True,
        SHORT,
        "incomplete",
    ),
    Damage(
        "another server's WAL file at the end",
        lambda s: _foreign_wal(s, -1),
        DEEP,
        {"deep-wal": "it is of the server"},
        Failure.WAL_DAMAGED,
        True,
        SHORT,
        "assertion",
    ),
    Damage(
        "another server's WAL in the place of what the base backup needs",
        lambda s: _foreign_wal(s, 0),
        DEEP,
        {"deep-wal": "it is of the server"},
        Failure.WAL_DAMAGED,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "WAL of a compression that nobody knows",
        lambda s: _renamed(s, 2, ".br"),
        DEFAULT,
        {"wal-chain": "missing: 0000000100000000000000", "foreign-objects": ".br"},
        Failure.WAL_HOLE,
        True,
        SHORT,
        "incomplete",
    ),
    Damage(
        "WAL of another compression than its name says",
        lambda s: s.copied.change(s.wal(2), lambda body: zstandard.ZstdCompressor().compress(gzip.decompress(body))),
        DEEP,
        {"deep-wal": "the gzip data are damaged"},
        Failure.WAL_DAMAGED,
        True,
        SHORT,
        "incomplete",
    ),
    Damage(
        "the base backup's tar is missing",
        lambda s: s.copied.remove(s.base()),
        DEFAULT,
        {"backup-data": "data.tar is missing"},
        Failure.BACKUP_DAMAGED,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "the base backup's tar is empty",
        lambda s: s.copied.change(s.base(), lambda _: b""),
        DEFAULT,
        {"backup-data": "data.tar.gz is empty"},
        Failure.BACKUP_DAMAGED,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "the base backup's tar is cut off",
        lambda s: s.copied.change(s.base(), lambda body: body[: len(body) // 2]),
        DEFAULT,
        {"backup-data": "it was cut off"},
        Failure.BACKUP_DAMAGED,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "flipped bit in the base backup's tar",
        lambda s: s.copied.change(s.base(), lambda body: flipped(len(body) // 2)(body)),
        DEEP,
        {"deep-base": "damaged"},
        Failure.BACKUP_DAMAGED,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "the tar ends in the middle, and is packed anew",
        lambda s: s.copied.change(s.base(), packed(lambda body: body[: len(body) // 1024 * 512])),
        DEEP,
        {"deep-base": "it ends at byte"},
        Failure.BACKUP_DAMAGED,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "flipped bit in a page of a table, packed anew",
        lambda s: s.inside(s.past.relation, flipped(3 * _PAGE + 5000)),
        BOTH,
        {"deep-pages": "page 3"},
        Failure.BACKUP_DAMAGED,
        False,
        HARMED,
        "assertion",
    ),
    Damage(
        "flipped bit in a page of an index, packed anew",
        lambda s: s.inside(s.past.index, flipped(3 * _PAGE + 5000)),
        BOTH,
        {"deep-pages": "page 3"},
        Failure.BACKUP_DAMAGED,
        False,
        WHOLE,
        None,
        wary=True,
    ),
    Damage(
        "flipped bits in a file without checksums (pg_xact), packed anew",
        lambda s: s.inside("pg_xact/0000", _without_commit(s)),
        NOBODY,
        {},
        None,
        True,
        HARMED,
        "assertion",
    ),
    Damage(
        "the base backup is another server's",
        _foreign_base,
        DEEP,
        {"deep-control": "it is of the server"},
        Failure.BACKUP_DAMAGED,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "another server makes its base backups into the same folder",
        _foreign_backup,
        DEEP,
        {"deep-wal": "it is of the server"},
        Failure.WAL_DAMAGED,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "pg_control is damaged, packed anew",
        lambda s: s.inside("global/pg_control", flipped(40)),
        DEEP,
        {"deep-control": "its checksum is wrong"},
        Failure.BACKUP_DAMAGED,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "pg_control is missing",
        lambda s: s.inside("global/pg_control", lambda _: None),
        DEEP,
        {"deep-control": "the backup has no global/pg_control"},
        Failure.BACKUP_DAMAGED,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "backup_label is missing",
        lambda s: s.inside("backup_label", lambda _: None),
        DEEP,
        {"deep-control": "the backup has no backup_label"},
        Failure.BACKUP_DAMAGED,
        False,
        HARMED,
        "assertion",
    ),
    Damage(
        "backup_label is of another backup",
        lambda s: s.inside("backup_label", lambda body: body.replace(b"START WAL LOCATION: 0/", b"START WAL LOCATION: 7/")),
        DEEP,
        {"deep-control": "backup_label starts at 7/"},
        Failure.BACKUP_DAMAGED,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "PG_VERSION is of another version",
        lambda s: s.inside("PG_VERSION", lambda _: b"13\n"),
        DEEP,
        {"deep-control": "backup.info says 15"},
        Failure.BACKUP_DAMAGED,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "a tablespace's tar is missing",
        lambda s: s.copied.remove(s.base(f"{s.past.space}.tar.gz")),
        DEFAULT,
        {"backup-data": "is missing: the tablespace"},
        Failure.BACKUP_DAMAGED,
        False,
        HARMED,
        "assertion",
    ),
    Damage(
        "a tablespace that backup.info does not name",
        lambda s: s.info(_field(s, "tablespaces"), "tablespaces=None"),
        DEFAULT,
        {"backup-data": "of a tablespace that backup.info does not name"},
        Failure.BACKUP_DAMAGED,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "a part of a split tar is missing",
        lambda s: s.copied.remove(s.base("data_0001.tar.gz")),
        DEFAULT,
        {"backup-data": "data_0001.tar is missing"},
        Failure.BACKUP_DAMAGED,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "the last part of a split tar is missing",
        lambda s: s.copied.remove(s.copied.keys(s.base("data_"))[-1]),
        DEEP,
        {"deep-control": "the backup has no backup_label"},
        Failure.BACKUP_DAMAGED,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "backup.info is missing",
        lambda s: (
            s.copied.remove(s.base("backup.info")),
            s.copied.date(s.base(), timedelta(hours=1)),
        ),
        DEFAULT,
        {"backup-finished": "has its data and no backup.info"},
        Failure.BACKUP_MISSING,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "backup.info is no text",
        lambda s: s.copied.change(s.base("backup.info"), lambda _: bytes(range(200, 256))),
        DEFAULT,
        {"backup-info": "it is no text"},
        Failure.BACKUP_DAMAGED,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "backup.info is cut off",
        lambda s: s.copied.change(s.base("backup.info"), lambda body: body[:300]),
        DEFAULT,
        {"backup-info": "is no name=value"},
        Failure.BACKUP_DAMAGED,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "backup.info is empty",
        lambda s: s.copied.change(s.base("backup.info"), lambda _: b""),
        DEFAULT,
        {"backup-info": "it has no status"},
        Failure.BACKUP_DAMAGED,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "backup.info names another begin than the backup has",
        lambda s: s.info(_field(s, "begin_wal"), "begin_wal=000000010000000000000004"),
        DEFAULT,
        {"backup-info": "does not hold"},
        Failure.BACKUP_DAMAGED,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "the newest base backup failed",
        lambda s: s.attempt("FAILED", timedelta(minutes=5)),
        DEFAULT,
        {"backup-finished": "failed"},
        Failure.BACKUP_MISSING,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "the newest base backup was begun and never finished",
        lambda s: s.attempt("STARTED", timedelta(hours=7)),
        DEFAULT,
        {"backup-finished": "it was given up"},
        Failure.BACKUP_MISSING,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "the base backup is too old",
        _only_old,
        DEFAULT,
        {"backup-age": "ended 48 h"},
        Failure.BACKUP_MISSING,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "the archive is empty",
        lambda s: s.copied.remove(*s.copied.keys()),
        DEFAULT,
        {"backup-age": "no finished base backup", "wal-age": "no WAL"},
        Failure.BACKUP_MISSING,
        False,
        FAILED,
        "no_backup",
    ),
    Damage(
        "AES256 where a KMS key is expected, on the base backup",
        lambda s: s.copied.encrypt(s.base(), "AES256"),
        DEFAULT,
        {"encryption-backup": "is encrypted with AES256, expected aws:kms"},
        Failure.ENCRYPTION,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "AES256 where a KMS key is expected, on the newest WAL",
        lambda s: s.copied.encrypt(s.wal(-1), "AES256"),
        DEFAULT,
        {"encryption-wal": "AES256", "encryption-sample": "AES256"},
        Failure.ENCRYPTION,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "another key than agreed",
        lambda s: s.copied.encrypt(s.base("backup.info"), "aws:kms", _KEY),
        DEFAULT,
        {"encryption-backup": "is encrypted under the key"},
        Failure.ENCRYPTION,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "no encryption",
        lambda s: s.copied.encrypt(s.wal(3), None),
        DEFAULT,
        {"encryption-sample": "is encrypted with nothing"},
        Failure.ENCRYPTION,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "one WAL file from before the base backup is not encrypted as agreed",
        lambda s: s.copied.encrypt(f"{s.place}wals/0000000100000000/000000010000000000000002.gz", "AES256"),
        ALL,
        {"encryption-sample": "000000010000000000000002.gz is encrypted with AES256"},
        Failure.ENCRYPTION,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "a delete marker over the base backup",
        lambda s: s.copied.remove(s.base()),
        DEFAULT,
        {"backup-data": "data.tar is missing"},
        Failure.BACKUP_DAMAGED,
        False,
        FAILED,
        "restore",
        versioned=True,
    ),
    Damage(
        "a delete marker over a WAL file",
        lambda s: s.copied.remove(s.wal(2)),
        DEFAULT,
        {"wal-chain": "missing: 0000000100000000000000"},
        Failure.WAL_HOLE,
        True,
        SHORT,
        "incomplete",
        versioned=True,
    ),
    Damage(
        "foreign objects in the folder",
        lambda s: s.copied.put(f"{s.place}wals/notes.txt", b"x", like=s.wal(2)),
        DEFAULT,
        {"foreign-objects": "/wals/notes.txt"},
        Failure.FOREIGN_OBJECTS,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "the store's clock is ahead",
        lambda s: None,
        DEFAULT,
        {"clock": "ahead of the validator's"},
        Failure.CLOCK,
        True,
        WHOLE,
        None,
        front=behind(lambda: Fault(".", date=_moment(10))),
        rest=timedelta(minutes=-10),
    ),
    Damage(
        "the store's clock is behind",
        lambda s: None,
        DEFAULT,
        {"clock": "behind the validator's"},
        Failure.CLOCK,
        True,
        WHOLE,
        None,
        front=behind(lambda: Fault(".", date=_moment(-10))),
        rest=timedelta(minutes=11),
    ),
    Damage(
        "the database's clock is ahead",
        _ends_later,
        DEFAULT,
        {"clock": "by the database's clock"},
        Failure.CLOCK,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "the reader is refused",
        lambda s: None,
        DEFAULT,
        {"store": "AccessDenied"},
        Failure.ACCESS_DENIED,
        None,
        FAILED,
        "store",
        front=behind(lambda: Fault(".", 403, "AccessDenied")),
    ),
    Damage(
        "the reader may list and not read",
        lambda s: None,
        DEFAULT,
        {"store": "AccessDenied"},
        Failure.ACCESS_DENIED,
        None,
        FAILED,
        "store",
        front=behind(lambda: Fault("GET /[^?]+/(base|wals)/", 403, "AccessDenied")),
    ),
    Damage(
        "the key is off",
        lambda s: None,
        DEFAULT,
        {"store": "KMS.DisabledException"},
        Failure.ACCESS_DENIED,
        None,
        FAILED,
        "store",
        front=behind(lambda: Fault("GET /[^?]+/(base|wals)/", 400, "KMS.DisabledException")),
    ),
    Damage(
        "the store throttles, past every retry",
        lambda s: None,
        DEFAULT,
        {"store": "SlowDown"},
        Failure.THROTTLED,
        None,
        FAILED,
        "store",
        front=behind(lambda: Fault(".", 503, "SlowDown")),
    ),
    Damage(
        "nothing listens at the endpoint",
        lambda s: None,
        DEFAULT,
        {"store": "does not answer"},
        Failure.STORE_UNREACHABLE,
        None,
        FAILED,
        "store",
        front=nothing_listens,
    ),
    Damage(
        "the endpoint's certificate is of another authority",
        lambda s: None,
        DEFAULT,
        {"store": "CERTIFICATE_VERIFY_FAILED"},
        Failure.STORE_UNREACHABLE,
        None,
        FAILED,
        "store",
        front=another_authority,
    ),
    Damage(
        "the bucket is not there",
        lambda s: None,
        DEFAULT,
        {"store": "NoSuchBucket"},
        Failure.CONFIGURATION,
        None,
        FAILED,
        "store",
        front=another_bucket,
    ),
    Damage(
        "the name of the server in the archive is a wrong one",
        lambda s: None,
        DEFAULT,
        {"backup-age": "no finished base backup", "wal-age": "no WAL"},
        Failure.BACKUP_MISSING,
        False,
        FAILED,
        "no_backup",
        front=another_name,
    ),
)
