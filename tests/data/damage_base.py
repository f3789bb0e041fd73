"""Damage to the data of base backups, and what is expected of everybody; see `damages`."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable

from damage_scene import (
    BOTH,
    DEEP,
    DEFAULT,
    FAILED,
    HARMED,
    NOBODY,
    UNSURE,
    WHOLE,
    Damage,
    Scene,
    flipped,
    packed,
)

from seawall.components.cnpg.validator.classes import Failure

_PAGE = 8192


def _foreign_base(scene: Scene) -> None:
    [data] = [body for key, body in scene.past.other.items() if key.endswith("/data.tar.gz")]
    scene.copied.change(scene.base(), lambda _: data)
    scene.copied.remove(*scene.copied.keys(scene.base("data_")))


def _foreign_backup(scene: Scene) -> None:
    """A second server that archives into the same folder makes a base backup."""
    for key, body in scene.past.other.items():
        if key.startswith("base/"):
            scene.copied.put(f"{scene.place}{key}", body, like=scene.base("backup.info"))


def _bit_of_a_page(scene: Scene) -> None:
    """A bit of what is packed, where a page of `closed` is: barman unpacks it, and looks at no checksum of gzip."""
    for key in scene.copied.keys(scene.base("data")):
        packed_body = scene.copied.body(key)
        whole = gzip.decompress(packed_body)
        with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
            found = [it for it in tar if it.name.removeprefix("./") == scene.past.relation]
        if not found:
            continue
        wanted = range(found[0].offset_data + 3 * _PAGE, found[0].offset_data + 9 * _PAGE)
        engine, place, made = zlib.decompressobj(wbits=31), 0, 0
        while made < wanted.start + _PAGE:
            made += len(engine.decompress(packed_body[place : place + 64]))
            place += 64
        for each in range(place, place + 2000):
            changed = flipped(each)(packed_body)
            try:
                unpacked = zlib.decompressobj(wbits=31).decompress(changed[:-8])  # as barman: without the checksum
            except zlib.error:
                continue
            same = unpacked[: wanted.start] == whole[: wanted.start] and unpacked[wanted.stop :] == whole[wanted.stop :]
            if len(unpacked) == len(whole) and same:
                scene.copied.put(key, changed)
                return
    raise AssertionError("no bit changes a page alone")


def _without_commit(scene: Scene) -> Callable[[bytes], bytes]:
    """The transaction that wrote `closed` is marked as rolled back."""
    byte, pair = divmod(scene.past.transaction, 4)

    def change(body: bytes) -> bytes:
        value = body[byte] & ~(3 << pair * 2) | 2 << pair * 2
        return body[:byte] + bytes([value]) + body[byte + 1 :]

    return change


BASE = (
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
        "flipped bit in the base backup's packed tar",
        _bit_of_a_page,
        DEEP,
        {"deep-base": "damaged"},
        Failure.BACKUP_DAMAGED,
        False,
        HARMED,
        "assertion",
        also=frozenset({"deep-pages"}),
    ),
    Damage(
        "the tar ends in the middle, and is packed anew",
        lambda s: s.copied.change(s.base(), packed(lambda body: body[: len(body) // 1024 * 512])),
        DEEP,
        {"deep-base": "it ends at byte"},
        Failure.BACKUP_DAMAGED,
        False,
        UNSURE,
        "assertion|restore",
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
        "flipped bit in a page of a table of which no assertion speaks, packed anew",
        lambda s: s.inside(s.past.beside, flipped(3 * _PAGE + 5000)),
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
        UNSURE,
        "assertion|restore",
    ),
    Damage(
        "backup_label is of another backup",
        lambda s: s.inside("backup_label", lambda body: body.replace(b" LOCATION: 0/", b" LOCATION: 7/")),
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
        FAILED,
        "restore",
    ),
    Damage(
        "a tablespace that backup.info does not name",
        lambda s: s.info("tablespaces", "None"),
        DEFAULT,
        {"backup-data": "of a tablespace that backup.info does not name"},
        Failure.BACKUP_DAMAGED,
        False,
        HARMED,
        "assertion",
    ),
    Damage(
        "a part of a split tar is missing",
        lambda s: s.copied.remove(s.base("data_0001.tar.gz")),
        DEFAULT,
        {"backup-data": "data_0001.tar is missing"},
        Failure.BACKUP_DAMAGED,
        False,
        UNSURE,
        "assertion|restore",
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
        "the archive is empty",
        lambda s: s.copied.remove(*s.copied.keys()),
        DEFAULT,
        {"backup-age": "no finished base backup", "wal-age": "no WAL"},
        Failure.BACKUP_MISSING,
        False,
        FAILED,
        "no_backup",
    ),
)
