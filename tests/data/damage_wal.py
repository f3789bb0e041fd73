"""Damage to WAL and to timelines' histories, and what is expected of everybody; see `damages`."""

import gzip
from datetime import timedelta

import zstandard
from damage_scene import (
    DEEP,
    DEFAULT,
    FAILED,
    SHORT,
    WHOLE,
    Damage,
    Scene,
    flipped,
    packed,
)
from damage_source import PAUSE

from seawall.components.cnpg.validator.classes import Failure

_OLD = PAUSE + timedelta(minutes=1)


def _foreign_wal(scene: Scene, number: int) -> None:
    key = scene.wal(number)
    name = key.rpartition("/")[2]
    other = scene.past.other[f"wals/00000001{name[8:16]}/00000001{name[8:]}"]
    scene.copied.change(key, lambda _: other)


def _swapped(scene: Scene, one: int, two: int) -> None:
    first, second = scene.copied.body(scene.wal(one)), scene.copied.body(scene.wal(two))
    scene.copied.put(scene.wal(one), second)
    scene.copied.put(scene.wal(two), first)


def _renamed(scene: Scene, number: int, suffix: str) -> None:
    key = scene.wal(number)
    scene.copied.put(scene.wal(number, suffix), scene.copied.body(key), like=key)
    scene.copied.remove(key)


def _unpacked_and_cut(scene: Scene) -> None:
    key = scene.wal(2)
    scene.copied.put(scene.wal(2, ""), gzip.decompress(scene.copied.body(key))[:-512], like=key)
    scene.copied.remove(key)


def _record(body: bytes) -> bytes:
    """A bit within a record in the middle of what is written in a segment."""
    used = len(body.rstrip(b"\0"))
    return flipped(used // 2)(body)


WAL = (
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
        {"wal-age": "was archived 3"},
        Failure.WAL_OLD,
        True,
        SHORT,
        "assertion",
    ),
    Damage(
        "nothing was archived for longer than the RPO",
        lambda s: None,
        DEFAULT,
        {"wal-age": "was archived 3"},
        Failure.WAL_OLD,
        True,
        WHOLE,
        None,
        rest=_OLD,
    ),
    Damage(
        "all WAL since the base backup is missing",
        lambda s: s.copied.remove(*s.since),
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
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "an empty WAL file at the end",
        lambda s: s.copied.change(s.wal(-1), lambda _: b""),
        DEFAULT,
        {"wal-objects": "is empty"},
        Failure.WAL_DAMAGED,
        False,
        FAILED,
        "restore",
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
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "the newest WAL file is shorter than a segment when unpacked",
        lambda s: s.copied.change(s.wal(-1), packed(lambda body: body[: len(body) // 2])),
        DEEP,
        {"deep-wal": "a segment has 16777216"},
        Failure.WAL_DAMAGED,
        False,
        FAILED,
        "restore",
    ),
    Damage(
        "a WAL file without compression is cut off",
        _unpacked_and_cut,
        DEFAULT,
        {"wal-objects": "a segment has 16777216"},
        Failure.WAL_DAMAGED,
        False,
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
        lambda s: s.copied.change(s.wal(0), packed(flipped(s.begin + 20))),
        DEEP,
        {"deep-wal": "the checksum of a record is wrong"},
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
)
