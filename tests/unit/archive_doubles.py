"""Archives as barman-cloud leaves them, of any shape, without a PostgreSQL: doubles of what a server would write.

Objects are put straight into moto's memory, so that thousands of them with any date take no time; they are read over
HTTP. The forms (names, backup.info, tar, pages, WAL) are those of barman 3.19 and PostgreSQL 15, seen on the real ones.
"""

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import cramjam
import lz4.frame
import zstandard
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from seawall.components.cnpg.validator import control, pages, records
from seawall.components.cnpg.validator.crc import crc32c
from seawall.components.cnpg.validator.segments import Numbering, history_key, lsn_text

ACCOUNT = "123456789012"
SYSTEM = 7711060897455766648
MIB = 1 << 20
KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
OTHER_KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/99999999-2222-3333-4444-555555555555"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": "eu-central-1"}

COMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": lambda data: gzip.compress(data, 1),
    ".bz2": bz2.compress,
    ".xz": lambda data: lzma.compress(data, preset=0),
    ".lz4": lz4.frame.compress,
    ".zst": lambda data: zstandard.ZstdCompressor().compress(data),  # one is not for two threads at once
    ".snappy": lambda data: bytes(cramjam.snappy.compress(data)),
}


def server() -> ThreadedMotoServer:
    """An S3 API on a port of its own, whose memory is this process's."""
    made = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    made.start()
    return made


def page(number: int, begin: int = 0x28, fill: int = 1) -> bytes:
    """A page of a relation with its right checksum; written at position `begin`."""
    body = struct.pack("<IIHHHHHHI", begin >> 32, begin & 0xFFFFFFFF, 0, 0, 24, 8192, 8192, 8196, 0)
    body += random.Random(number * 7 + fill).randbytes(pages.PAGE - len(body))
    return body[:8] + struct.pack("<H", pages.checksum(body, number)) + body[10:]


def pg_control(system: int = SYSTEM) -> bytes:
    """A pg_control of a version whose checksum stands at byte 288."""
    body = struct.pack("<QII", system, 1300, 202209061).ljust(288, b"\7")
    return (body + struct.pack("<I", crc32c(body))).ljust(control.SIZE, b"\0")


def record(data: bytes, *, manager: int = 10, info: int = 0) -> bytes:
    """A WAL record with its right checksum, without padding."""
    head = struct.pack("<IIQBBxx", 24 + len(data), 700, 0, info, manager)
    return head + struct.pack("<I", crc32c(data, head)) + data


def image(database: int, relation: int, block: int) -> bytes:
    """The data of a record that brings a page whole: its header, and an image of a few bytes."""
    return struct.pack("<BBHHHBIIII", 0, 0x10, 0, 8, 0, 0x02, 1663, database, relation, block) + b"\xff\x00" + bytes(8)


SWITCH = record(b"", manager=0, info=0x40)


def segment(
    numbering: Numbering,
    timeline: int,
    number: int,
    stream: Iterable[bytes] = (SWITCH,),
    *,
    system: int = SYSTEM,
    version: int = 15,
    continued: bytes = b"",
    parent: tuple[int, int] | None = None,
) -> bytes:
    """A segment of these records; `continued` is the rest of one that began in the segment before.

    `parent` is a timeline and the bytes at the begin of the segment that were copied from it. What follows the last
    record is zeros, as after a switch.
    """
    waiting = bytearray(continued)
    left = len(continued)
    rest = [bytes(one) + bytes(-len(one) % 8) for one in stream]
    made = bytearray()
    for place in range(0, numbering.size, records.PAGE):
        if not waiting and not rest:
            made += bytes(numbering.size - place)
            break
        long = place == 0
        of = parent[0] if parent is not None and place < parent[1] else timeline
        flags = (0x0002 if long else 0) | (0x0001 if left else 0)
        head = struct.pack("<HHIQIxxxx", records.MAGIC[version], flags, of, number * numbering.size + place, left)
        if long:
            head += struct.pack("<QII", system, numbering.size, records.PAGE)
        body = bytearray(head)
        while len(body) < records.PAGE and (waiting or rest):
            if not waiting:
                waiting += rest.pop(0)
                left = struct.unpack_from("<I", waiting)[0]
            taken = waiting[: records.PAGE - len(body)]
            del waiting[: len(taken)]
            left = max(left - len(taken), 0)
            body += taken
            if not left and waiting and len(body) < records.PAGE:
                continue
        made += body.ljust(records.PAGE, b"\0")
    return bytes(made)


@dataclass
class BaseBackup:
    """A base backup to be put: what its backup.info says and what its tars hold."""

    id: str
    begin: int
    end: int
    timeline: int
    numbering: Numbering
    ended: datetime
    status: str = "DONE"
    version: int = 150018
    system: int = SYSTEM
    tablespaces: tuple[tuple[str, int], ...] = ()
    changes: dict[str, Any] = field(default_factory=dict)
    """Fields of backup.info that are not what they should be; None leaves one out."""

    @property
    def label(self) -> str:
        """The text of backup_label."""
        name = self.numbering.name(self.timeline, self.numbering.at(self.begin))
        return (
            f"START WAL LOCATION: {lsn_text(self.begin)} (file {name})\n"
            f"CHECKPOINT LOCATION: {lsn_text(self.begin + 0x70)}\nBACKUP METHOD: streamed\nBACKUP FROM: primary\n"
            f"START TIME: 2026-01-01 00:00:00 UTC\nLABEL: Barman backup cloud {self.id}\n"
            f"START TIMELINE: {self.timeline}\n"
        )

    def info(self) -> str:
        """The text of backup.info."""
        name = self.numbering.name
        values: dict[str, Any] = {
            "backup_label": repr(self.label),
            "begin_offset": self.begin % self.numbering.size,
            "begin_time": self.ended - timedelta(minutes=1),
            "begin_wal": name(self.timeline, self.numbering.at(self.begin)),
            "begin_xlog": lsn_text(self.begin),
            "compression": None,
            "data_checksums": "on",
            "end_time": self.ended,
            "end_wal": name(self.timeline, self.numbering.before(self.end)),
            "end_xlog": lsn_text(self.end),
            "error": None,
            "pgdata": "/var/lib/postgresql/data/pgdata",
            "server_name": "cloud",
            "size": None,
            "status": self.status,
            "systemid": self.system,
            "tablespaces": repr([(*one, f"/tablespaces/{one[0]}") for one in self.tablespaces])
            if self.tablespaces
            else None,
            "timeline": self.timeline,
            "version": self.version,
            "xlog_segment_size": self.numbering.size,
            **self.changes,
        }
        return "".join(f"{key}={value}\n" for key, value in sorted(values.items()) if key not in self.left_out)

    @property
    def left_out(self) -> set[str]:
        """Fields that a test took away."""
        return {key for key, value in self.changes.items() if value is None}

    def files(self) -> dict[str, bytes]:
        """What the data directory's tar holds, at least: the named files and three relations."""
        return {
            "./PG_VERSION": b"15\n",
            "./base/5/16384": b"".join(page(number) for number in range(4)),
            "./base/5/16384.1": page(pages.PAGES_PER_FILE),
            "./base/5/16384_fsm": page(0, fill=2) + bytes(pages.PAGE),
            "./global/1262": page(0, fill=3),
            "./pg_xact/0000": bytes(pages.PAGE),
            "global/pg_control": pg_control(self.system),
            "backup_label": self.label.encode(),
        }


def tar(files: Mapping[str, bytes]) -> bytes:
    """A tar as barman writes it: a stream in Python's own format."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w|", bufsize=64 << 10) as archive:
        folder = tarfile.TarInfo(".")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


@dataclass
class Archive:
    """An archive in a bucket of its own, `main/main` in it."""

    endpoint: str
    bucket: str
    numbering: Numbering = field(default_factory=lambda: Numbering(16 * MIB))
    encryption: str | None = "aws:kms"
    key: str | None = KEY
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self.backend = s3_backends[ACCOUNT]["aws"]
        self.backend.create_bucket(self.bucket, "eu-central-1")

    def put(self, key: str, body: bytes = b"x", *, ago: float = 60, **how: Any) -> None:
        """Puts an object, dated so many seconds ago; `encryption` and `kms_key_id` are the archive's own by default."""
        how.setdefault("encryption", self.encryption)
        how.setdefault("kms_key_id", self.key if how["encryption"] == "aws:kms" else None)
        made = self.backend.put_object(self.bucket, f"main/main/{key}", body, **how)
        made.last_modified = (self.now - timedelta(seconds=ago)).replace(tzinfo=None)

    def remove(self, key: str) -> None:
        """Deletes an object, or puts a delete marker over it where versions are kept."""
        self.backend.delete_object(self.bucket, f"main/main/{key}", bypass=False)

    def content(self, key: str) -> bytes:
        """An object's content."""
        return bytes(self.backend.get_object(self.bucket, f"main/main/{key}").value)

    def keys(self, prefix: str = "") -> list[str]:
        """The objects' names, sorted."""
        whole = sorted(self.backend.buckets[self.bucket].keys)
        return [key.removeprefix("main/main/") for key in whole if key.startswith(f"main/main/{prefix}")]

    def wal(self, timeline: int, number: int, body: bytes = b"x", suffix: str = ".gz", **how: Any) -> str:
        """Puts a segment; its content is nothing, as long as nobody reads it."""
        key = self.numbering.key(timeline, number, suffix)
        self.put(key, body, **how)
        return key

    def real_wal(self, timeline: int, number: int, suffix: str = ".gz", ago: float = 60, **how: Any) -> str:
        """Puts a segment with content."""
        body = COMPRESS[suffix](segment(self.numbering, timeline, number, **how))
        return self.wal(timeline, number, body, suffix, ago=ago)

    def history(self, timeline: int, *parents: tuple[int, int], suffix: str = ".gz", **how: Any) -> str:
        """Puts a history: parents and the positions at which each was left."""
        text = "".join(f"{parent}\t{lsn_text(end)}\tno recovery target specified\n\n" for parent, end in parents)
        key = history_key(timeline, suffix)
        self.put(key, COMPRESS[suffix](text.encode()), **how)
        return key

    def base(self, begin: int, *, ago: float = 3600, timeline: int = 1, length: int = 0x140, **how: Any) -> BaseBackup:
        """A base backup that begins at a position and ended so many seconds ago; not yet put."""
        ended = (self.now - timedelta(seconds=ago)).replace(microsecond=0)
        name = f"{ended - timedelta(minutes=1):%Y%m%dT%H%M%S}"
        return BaseBackup(name, begin, begin + length, timeline, self.numbering, ended, **how)

    def backup(
        self, backup: BaseBackup, suffix: str = ".gz", files: Mapping[str, bytes] | None = None, **how: Any
    ) -> str:
        """Puts a base backup; gives its folder."""
        folder, ago = f"base/{backup.id}", (self.now - backup.ended).total_seconds()
        self.put(f"{folder}/data.tar{suffix}", COMPRESS[suffix](tar(files or backup.files())), ago=ago, **how)
        for _, oid in backup.tablespaces:
            body = tar({"PG_15_202209061/5/24576": page(0, fill=4)})
            self.put(f"{folder}/{oid}.tar{suffix}", COMPRESS[suffix](body), ago=ago, **how)
        self.put(f"{folder}/backup.info", backup.info().encode(), ago=ago, **how)
        return folder

    @property
    def environment(self) -> dict[str, str]:
        """What the CronJob would say."""
        return {
            **CREDENTIALS,
            "BACKUP_BUCKET": self.bucket,
            "BACKUP_ARCHIVE": "main/main",
            "BACKUP_ENDPOINT": self.endpoint,
            "MAX_BACKUP_AGE_SECONDS": "93600",
            "MAX_WAL_AGE_SECONDS": "900",
            "EXPECTED_ENCRYPTION": self.encryption or "AES256",
            **({"EXPECTED_KMS_KEY": self.key} if self.key is not None else {}),
            "MAX_ATTEMPTS": "2",
        }


def healthy(archive: Archive, *, real: bool = False, wals: int = 6) -> BaseBackup:
    """A sound archive: an older backup, the newest, WAL from before the older on to a minute ago."""
    size = archive.numbering.size
    older, newest = archive.base(3 * size + 40, ago=86400 + 3600), archive.base(6 * size + 40)
    archive.backup(older)
    archive.backup(newest)
    for number in range(2, 6 + wals):
        put = archive.real_wal if real and number >= 6 else archive.wal
        put(1, number, ago=60 + 240 * (6 + wals - 1 - number))
    archive.put(f"wals/{'0' * 7}1{'0' * 8}/{archive.numbering.name(1, 6)}.00000028.backup.gz")
    return newest
