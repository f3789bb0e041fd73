"""Damage inside objects: what `--deep` finds, with object and place, and what it does not call damage."""

import gzip
import itertools
import lzma
import struct
from collections.abc import Callable, Iterator

import pytest
from archive_doubles import (
    COMPRESS,
    MIB,
    SWITCH,
    Archive,
    BaseBackup,
    healthy,
    image,
    page,
    pg_control,
    record,
    segment,
    tar,
)
from validator_runs import Ran, endpoints, validate

from seawall.components.cnpg.validator import pages
from seawall.components.cnpg.validator.classes import Failure
from seawall.components.cnpg.validator.crc import crc32c
from seawall.components.cnpg.validator.segments import Numbering

_numbers = itertools.count()
NUMBERING = Numbering(MIB)
DATA = "base/5/16384"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    yield from endpoints()


@pytest.fixture
def archive(endpoint: str) -> Archive:
    return Archive(endpoint, f"deep-{next(_numbers)}", NUMBERING)


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]


def backed_up(archive: Archive, suffix: str = ".gz", **files: bytes | None) -> BaseBackup:
    """A sound archive whose newest backup has other files; None leaves one out."""
    newest = healthy(archive, real=True)
    for key in archive.keys(f"base/{newest.id}/"):
        archive.remove(key)
    given = {**newest.files(), **{name.replace("__", "/"): data for name, data in files.items()}}
    archive.backup(newest, suffix, {name: data for name, data in given.items() if data is not None})
    return newest


def deep(archive: Archive) -> Ran:
    return validate(archive, "--deep", "--all")


def test_known_checksums() -> None:
    """CRC-32C by its check value; a page's checksum as PostgreSQL 15 gave it (`pg_checksums`) for a page of zeros."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(b"1234", b"", b"567", b"89") == 0xE3069283
    header = struct.pack("<IIHHHHHHI", 0, 0x1528A08, 0, 0, 24, 8192, 8192, 8196, 0)
    assert _slow(header.ljust(pages.PAGE, b"\0"), 7) == pages.checksum(header.ljust(pages.PAGE, b"\0"), 7)


def _slow(body: bytes, number: int) -> int:
    """The algorithm as it is described, a word at a time."""
    sums = list(struct.unpack("<32I", pages._OFFSETS))
    words = [*struct.unpack("<2048I", body), *([0] * 64)]
    for place, word in enumerate(words):
        mixed = sums[place % 32] ^ word
        sums[place % 32] = (mixed * 16777619 & 0xFFFFFFFF) ^ (mixed >> 17)
    folded = 0
    for one in sums:
        folded ^= one
    return (folded ^ number) % 65535 + 1


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".lz4", ".snappy", ""])
def test_every_compression_of_a_backup_is_read(archive: Archive, suffix: str) -> None:
    backed_up(archive, suffix)
    ran = deep(archive)
    assert (ran.code, ran.failed, ran.report["not_checked"]) == (0, {}, [])
    assert ran.report["restorable_by"] == "content"
    assert ran.report["counts"]["deep pages"] == 8


@pytest.mark.parametrize("suffix", sorted(COMPRESS))
def test_every_compression_of_wal_is_read(archive: Archive, suffix: str) -> None:
    healthy(archive, real=True)
    archive.remove(NUMBERING.key(1, 8, ".gz"))
    archive.real_wal(1, 8, suffix, ago=800)
    ran = deep(archive)
    assert (ran.code, ran.failed) == (0, {})
    body = COMPRESS[suffix](segment(NUMBERING, 1, 8, [record(bytes(range(256)) * 60), SWITCH]))
    archive.wal(1, 8, flipped(body, len(body) // 3) if suffix else flipped(body, 200), suffix, ago=800)
    assert set(deep(archive).failed) == {"deep-wal"}
    archive.wal(1, 8, body[: len(body) // 2], suffix, ago=800)
    assert set(deep(archive).failed) - {"wal-objects"} == {"deep-wal"}


def _body(archive: Archive, newest: BaseBackup, change: Callable[[bytes], bytes], suffix: str = ".gz") -> None:
    key = f"base/{newest.id}/data.tar{suffix}"
    archive.put(key, change(archive.content(key)), ago=3600)


def _unpacked(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda body: gzip.compress(change(gzip.decompress(body)), 1)


@pytest.mark.parametrize(
    ("suffix", "change", "says"),
    [
        (".gz", lambda body: flipped(body, len(body) // 2), "the gzip data are damaged at or before byte"),
        (".gz", _unpacked(lambda body: body[:20480]), "it ends at byte 20480 of the tar"),
        (".gz", lambda body: body[:-4], "its end is missing"),
        (".gz", _unpacked(lambda body: flipped(body, 512 + 3)), "at byte 512 of the tar: no header"),
        (".gz", _unpacked(lambda body: body[:-1] + b"x"), "behind its end, there is something"),
        (".gz", lambda body: b"", None),
        (".bz2", lambda body: flipped(body, len(body) // 2), "the bzip2 data are damaged"),
        (".bz2", lambda body: body[:-100], "its end is missing"),
        (".snappy", lambda body: flipped(body, len(body) // 2), "the snappy data are damaged"),
        (".snappy", lambda body: body[:-100], "its end is missing"),
        (".lz4", lambda body: body[:-100] + bytes(4), "the lz4 data are damaged"),
        ("", lambda body: body[:20480] + bytes(1024), "there is something"),
    ],
)
def test_a_damaged_tar_is_named_with_its_place(
    archive: Archive, suffix: str, change: Callable[[bytes], bytes], says: str | None
) -> None:
    newest = backed_up(archive, suffix)
    _body(archive, newest, change, suffix)
    ran = deep(archive)
    assert ran.report["restorable"] is False
    assert ran.code == Failure.BACKUP_DAMAGED
    if says is None:
        assert "is empty" in ran.failed["backup-data"]
    elif suffix == "":
        assert set(ran.failed) & {"deep-base", "deep-control"}
    else:
        assert f"/base/{newest.id}/data.tar{suffix}: " in ran.failed["deep-base"]
        assert says in ran.failed["deep-base"]
    assert validate(archive).report["restorable_by"] == "objects"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("global__pg_control", pg_control(1), "it is of the server 1, the backup of"),
        ("global__pg_control", flipped(pg_control(), 40), "its checksum is wrong"),
        ("global__pg_control", pg_control()[:4096], "it has 4096 bytes"),
        ("global__pg_control", None, "the backup has no global/pg_control"),
        ("./PG_VERSION", b"14\n", "backup.info says 15"),
        ("./PG_VERSION", None, "the backup has no PG_VERSION"),
        ("backup_label", b"", "names no START WAL LOCATION"),
        ("backup_label", None, "the backup has no backup_label"),
    ],
)
def test_files_of_another_backup_are_named(archive: Archive, name: str, content: bytes | None, says: str) -> None:
    backed_up(archive, **{name: content})
    ran = deep(archive)
    assert set(ran.failed) == {"deep-control"}
    assert says in ran.failed["deep-control"]
    assert ran.report["restorable"] is False


@pytest.mark.parametrize(
    "change", [{"begin_wal": "000000010000000000000004"}, {"begin_xlog": "0/500028"}, {"begin_xlog": "0/600030"}]
)
def test_a_wrong_backup_info_is_not_taken_for_a_wrong_backup_label(archive: Archive, change: dict[str, str]) -> None:
    """PostgreSQL starts at what backup_label says, and never sees backup.info."""
    newest = healthy(archive, real=True)
    archive.real_wal(1, 5, ago=60 + 240 * 6)
    newest.changes.update(change)
    archive.put(f"base/{newest.id}/backup.info", newest.info().encode(), ago=3600)
    ran = deep(archive)
    assert "backup-info" in ran.failed
    assert not {"deep-control", "deep-wal"} & set(ran.failed)


def test_a_wrong_page_is_named_with_its_place(archive: Archive) -> None:
    """Recovery does not read it, so a server comes up, and refuses to read the page: its rows are lost."""
    data = page(0) + flipped(page(1), 5000) + page(2)
    newest = backed_up(archive, **{f"./{DATA}": data, f"./{DATA}.1": page(pages.PAGES_PER_FILE)})
    ran = deep(archive)
    assert set(ran.failed) == {"deep-pages"}
    assert f"{DATA}, page 1 (byte " in ran.failed["deep-pages"]
    place = int(ran.failed["deep-pages"].partition("(byte ")[2].partition(" ")[0])
    unpacked = gzip.decompress(archive.content(f"base/{newest.id}/data.tar.gz"))
    assert unpacked[place : place + pages.PAGE] == flipped(page(1), 5000)
    assert (ran.code, ran.report["restorable"]) == (Failure.BACKUP_DAMAGED, False)
    assert f"{DATA}, page 1 (byte " in ran.report["unrestorable_because"]


@pytest.mark.parametrize("fork", ["fsm", "vm"])
def test_a_wrong_page_of_a_map_loses_no_row(archive: Archive, fork: str) -> None:
    """PostgreSQL takes it for an empty one (`RBM_ZERO_ON_ERROR`)."""
    backed_up(archive, **{f"./{DATA}_{fork}": flipped(page(0), 5000)})
    ran = deep(archive)
    assert set(ran.failed) == {"deep-pages"}
    assert (ran.code, ran.report["restorable"]) == (Failure.BACKUP_DAMAGED, True)


def test_a_page_that_the_backups_wal_writes_anew_may_be_torn(archive: Archive) -> None:
    torn = page(0)[:4096] + page(0, fill=9)[4096:]
    backed_up(archive, **{f"./{DATA}": torn})
    assert set(deep(archive).failed) == {"deep-pages"}
    archive.real_wal(1, 6, stream=[record(image(5, 16384, 1)), SWITCH], ago=1300)
    assert set(deep(archive).failed) == {"deep-pages"}
    archive.real_wal(1, 6, stream=[record(image(5, 16384, 0)), SWITCH], ago=1300)
    assert deep(archive).failed == {}


def test_what_is_not_kept_or_was_written_later_is_no_damage(archive: Archive) -> None:
    later = struct.pack("<II", 0, 0x10000000) + bytes(pages.PAGE - 8)
    torn = page(0)[:4096] + bytes(4096)
    backed_up(
        archive,
        **{
            f"./{DATA}": later + bytes(pages.PAGE),
            "./base/5/t3_16999": torn,
            "./base/5/17000": torn,
            "./base/5/17000_init": bytes(0),
            "./base/5/pg_filenode.map": torn,
            "./base/pgsql_tmp/x": torn,
        },
    )
    assert deep(archive).failed == {}


def test_without_checksums_pages_are_not_judged_and_that_is_said(archive: Archive) -> None:
    for value in ("off", None):
        newest = backed_up(archive, **{f"./{DATA}": flipped(page(0), 5000)})
        newest.changes["data_checksums"] = value
        archive.put(f"base/{newest.id}/backup.info", newest.info().encode(), ago=3600)
        ran = deep(archive)
        assert (ran.code, ran.report["not_checked"]) == (0, ["deep-pages"])


def test_a_sample_of_files_is_the_same_each_time(archive: Archive) -> None:
    many = {f"./base/5/{number}": page(0) for number in range(20000, 20100)}
    backed_up(archive, **many)
    counts = [validate(archive, "--deep", PAGE_PERCENT="30").report["counts"]["deep relation files"] for _ in range(2)]
    assert counts[0] == counts[1]
    assert 10 < counts[0] < 60


@pytest.mark.parametrize("suffix", [".gz", ".lz4"])
def test_tablespaces_are_read(archive: Archive, suffix: str) -> None:
    newest = archive.base(6 * MIB + 40, tablespaces=(("fast", 16500),))
    healthy(archive, real=True)
    archive.remove(f"base/{newest.id}/data.tar.gz")
    archive.backup(newest, suffix)
    assert deep(archive).failed == {}
    wrong = tar({"PG_15_202209061/5/24576": flipped(page(0, fill=4), 99)})
    archive.put(f"base/{newest.id}/16500.tar{suffix}", COMPRESS[suffix](wrong), ago=3600)
    assert "pg_tblspc/16500/PG_15_202209061/5/24576, page 0" in deep(archive).failed["deep-pages"]


def test_long_names_in_a_tar_are_read(archive: Archive) -> None:
    backed_up(archive, **{f"./base/5/{'x' * 150}": b"y", f"./{'z' * 90}/{'x' * 90}": bytes(1000)})
    assert deep(archive).failed == {}


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ({"system": 42}, "it is of the server 42, the backup of"),
        ({"version": 14}, "the page has the mark 0xd10d, PostgreSQL's is 0xd110"),
        ({"timeline": 2}, "the page is of timeline 2"),
        ({"number": 9}, "the page is of 0/900000, expected 0/800000"),
        ({"numbering": Numbering(2 * MIB)}, "it says of itself 2097152 bytes"),
        ({"stream": [flipped(record(b"data of a record"), 30), SWITCH]}, "the checksum of a record is wrong"),
        ({"stream": [record(b"data")]}, "a record of 0 bytes"),
        ({"stream": [record(bytes(9000))]}, "a record of 0 bytes"),
    ],
)
def test_a_wrong_segment_is_named(archive: Archive, made: dict[str, object], says: str) -> None:
    healthy(archive, real=True)
    given: dict[str, object] = {"numbering": NUMBERING, "timeline": 1, "number": 8, **made}
    if "numbering" in made:
        given["number"] = 4
    body = segment(**given)  # type: ignore[arg-type]
    archive.wal(1, 8, gzip.compress(body, 1), ago=800)
    ran = deep(archive)
    assert set(ran.failed) == {"deep-wal"}
    assert says in ran.failed["deep-wal"]
    assert "000000010000000000000008.gz: " in ran.failed["deep-wal"]
    assert (ran.code, ran.report["restorable"]) == (Failure.WAL_DAMAGED, True)
    assert ran.report["restorable_until"]["wal"] == "000000010000000000000007"


def test_a_segment_that_is_shorter_than_it_should_be_stops_recovery(archive: Archive) -> None:
    healthy(archive, real=True)
    archive.wal(1, 8, gzip.compress(segment(NUMBERING, 1, 8)[: -pages.PAGE], 1), ago=800)
    ran = deep(archive)
    assert set(ran.failed) == {"deep-wal"}
    assert "it ends after" in ran.report["unrestorable_because"]
    assert (ran.report["restorable"], ran.report["restorable_until"]) == (False, None)
    archive.remove(NUMBERING.key(1, 7, ".gz"))
    report = deep(archive).report
    assert (report["restorable"], report["restorable_until"]["wal"]) == (True, "000000010000000000000006")


def test_records_before_the_backups_begin_are_not_read(archive: Archive) -> None:
    """Recovery begins in the middle of a segment: what other clients wrote before is not this backup's."""
    healthy(archive, real=True)
    begin = 6 * MIB + 8192 + 24 + 872  # a record of 9024 bytes lies before: 8152 on the first page, then 872
    archive.backup(archive.base(begin, ago=1800))
    wrong = flipped(record(bytes(9000)), 4000)
    archive.real_wal(1, 6, stream=[wrong, record(b"its own"), SWITCH], ago=1300)
    assert deep(archive).failed == {}
    archive.real_wal(1, 6, stream=[wrong, flipped(record(b"its own"), 26), SWITCH], ago=1300)
    ran = deep(archive)
    assert set(ran.failed) == {"deep-wal"}
    assert ran.report["restorable"] is False


def test_the_backups_own_wal_of_another_server_cannot_be_restored(archive: Archive) -> None:
    healthy(archive, real=True)
    archive.real_wal(1, 6, system=42, ago=1300)
    ran = deep(archive)
    assert ran.report["restorable"] is False
    assert "of the server 42" in ran.report["unrestorable_because"]


def test_records_go_on_over_pages_and_segments(archive: Archive) -> None:
    healthy(archive, real=True)
    long = record(bytes(range(256)) * 8200)  # two segments and a little
    room = MIB - 40 - (MIB // 8192 - 1) * 24

    def put(number: int, begun: bytes, *then: bytes) -> None:
        body = segment(NUMBERING, 1, number, then, continued=begun)
        archive.wal(1, number, gzip.compress(body, 1), ago=1500 - 100 * number)

    archive.wal(1, 7, gzip.compress(segment(NUMBERING, 1, 7, [long]), 1), ago=900)
    put(8, long[room:])
    put(9, long[2 * room :] + bytes(-len(long) % 8), SWITCH)
    assert deep(archive).failed == {}
    put(8, flipped(long, room + 70)[room:])
    assert "the checksum of a record is wrong" in deep(archive).failed["deep-wal"]


def test_a_segment_in_which_a_timeline_begins_holds_its_parents_pages(archive: Archive) -> None:
    healthy(archive, real=True)
    archive.history(2, (1, 12 * MIB + 8192 + 64))
    body = segment(NUMBERING, 2, 12, [record(bytes(8000)), record(bytes(9000)), SWITCH], parent=(1, 16384))
    archive.wal(2, 12, lzma.compress(body, preset=0), ".xz")
    assert deep(archive).failed == {}
    archive.wal(2, 13, gzip.compress(segment(NUMBERING, 2, 13, parent=(1, 8192)), 1), ago=30)
    assert "the page is of timeline 1" in deep(archive).failed["deep-wal"]


def test_memory_stays_bounded_whatever_an_object_unpacks_to(archive: Archive) -> None:
    """A tar of zeros packs a thousandfold; no more than pieces of it are ever held."""
    import tracemalloc

    backed_up(archive, **{"./pg_xact/0001": bytes(64 * MIB)})
    assert validate(archive).failed == {}  # what the first client of a process loads, and keeps, is not counted
    tracemalloc.start()
    try:
        assert deep(archive).failed == {}
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 32 * MIB  # it needs about 12; how far the store, in this process too, is ahead is left to chance
