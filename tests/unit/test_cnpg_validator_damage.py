"""Damage that names, sizes and metadata show: each kind is told by its check, class and exit code, and no other is."""

import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta

import jsonschema
import pytest
from archive_doubles import OTHER_KEY, Archive, BaseBackup, healthy
from validator_runs import Ran, endpoints, validate

from seawall.components.cnpg import validation_report
from seawall.components.cnpg.validator.classes import CHECKS, CLASSES, Failure

SIZE = 16 << 20
_numbers = itertools.count()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    yield from endpoints()


@pytest.fixture
def archive(endpoint: str) -> Archive:
    return Archive(endpoint, f"damage-{next(_numbers)}")


Damage = Callable[[Archive, BaseBackup], object]


def _key(archive: Archive, number: int, suffix: str = ".gz") -> str:
    return archive.numbering.key(1, number, suffix)


def _again(archive: Archive, newest: BaseBackup, **changes: object) -> None:
    newest.changes.update(changes)
    archive.put(f"base/{newest.id}/backup.info", newest.info().encode(), ago=3600)


def _emptied(archive: Archive) -> None:
    _removed(archive, *archive.keys())


def _removed(archive: Archive, *keys: str) -> None:
    for key in keys:
        archive.remove(key)


def _attempt(archive: Archive, status: str | None, ago: float, data: bool = False) -> None:
    made = archive.base(11 * SIZE + 40, ago=ago, status=status or "DONE")
    if status is not None:
        made.changes.update(end_time=None, end_wal=None, end_xlog=None)
        archive.put(f"base/{made.id}/backup.info", made.info().encode(), ago=ago)
    if data:
        archive.put(f"base/{made.id}/data.tar.gz", ago=ago)


def _aged(archive: Archive, newest: BaseBackup) -> None:
    archive.remove(f"base/{newest.id}/backup.info")
    archive.remove(f"base/{newest.id}/data.tar.gz")
    [older] = archive.keys("base/20")[:1]
    archive.remove(older)
    archive.remove(f"{older.rpartition('/')[0]}/data.tar.gz")
    archive.backup(archive.base(6 * SIZE + 40, ago=27 * 3600))


def _cut(archive: Archive, newest: BaseBackup) -> None:
    key = f"base/{newest.id}/data.tar.gz"
    archive.put(key, archive.content(key)[:-1000], ago=3600)


DAMAGES: dict[str, tuple[Damage, dict[str, str], Failure, bool]] = {
    # name: what is done; check → a part of its message; the class; whether a restore still works
    "nothing is there": (
        lambda a, b: _emptied(a),
        {"backup-age": "no finished base backup", "wal-age": "no WAL"},
        Failure.BACKUP_MISSING,
        False,
    ),
    "only an old backup": (
        _aged,
        {"backup-age": "27 h 0 min ago, allowed are 26 h 0 min"},
        Failure.BACKUP_MISSING,
        True,
    ),
    "the newest attempt failed": (
        lambda a, b: _attempt(a, "FAILED", 1800),
        {"backup-finished": "failed"},
        Failure.BACKUP_MISSING,
        True,
    ),
    "backup.info is missing": (
        lambda a, b: a.remove(f"base/{b.id}/backup.info"),
        {"backup-finished": "has its data and no backup.info"},
        Failure.BACKUP_MISSING,
        True,
    ),
    "backup.info is cut off": (
        lambda a, b: a.put(f"base/{b.id}/backup.info", b.info().encode()[:300], ago=3600),
        {"backup-info": "it has no status"},
        Failure.BACKUP_DAMAGED,
        True,
    ),
    "backup.info is empty": (
        lambda a, b: a.put(f"base/{b.id}/backup.info", b"", ago=3600),
        {"backup-info": "it has no status"},
        Failure.BACKUP_DAMAGED,
        True,
    ),
    "backup.info is no text": (
        lambda a, b: a.put(f"base/{b.id}/backup.info", bytes(range(200, 256)), ago=3600),
        {"backup-info": "it is no text"},
        Failure.BACKUP_DAMAGED,
        True,
    ),
    "backup.info lacks a field": (
        lambda a, b: _again(a, b, begin_wal=None),
        {"backup-info": "it has no begin_wal"},
        Failure.BACKUP_DAMAGED,
        True,
    ),
    "backup.info contradicts itself": (
        lambda a, b: _again(a, b, begin_wal="000000010000000000000005"),
        {"backup-info": "begin_wal 000000010000000000000005 does not hold"},
        Failure.BACKUP_DAMAGED,
        True,
    ),
    "the backup is of another timeline than its WAL": (
        lambda a, b: _again(a, b, end_wal="000000020000000000000006"),
        {"backup-info": "is on timeline 2, the backup on 1"},
        Failure.BACKUP_DAMAGED,
        True,
    ),
    "the label is of another backup": (
        lambda a, b: _again(
            a, b, backup_label=repr(b.label.replace("START WAL LOCATION: 0/60", "START WAL LOCATION: 0/50"))
        ),
        {"backup-info": "backup_label starts at 0/5000028"},
        Failure.BACKUP_DAMAGED,
        True,
    ),
    "data.tar is missing": (
        lambda a, b: a.remove(f"base/{b.id}/data.tar.gz"),
        {"backup-data": "data.tar is missing"},
        Failure.BACKUP_DAMAGED,
        False,
    ),
    "a part of data.tar is missing": (
        lambda a, b: a.put(f"base/{b.id}/data_0002.tar.gz", a.content(f"base/{b.id}/data.tar.gz"), ago=3600),
        {"backup-data": "data_0001.tar is missing"},
        Failure.BACKUP_DAMAGED,
        False,
    ),
    "data.tar is empty": (
        lambda a, b: a.put(f"base/{b.id}/data.tar.gz", b"", ago=3600),
        {"backup-data": "data.tar.gz is empty"},
        Failure.BACKUP_DAMAGED,
        False,
    ),
    "data.tar is cut off": (_cut, {"backup-data": "does not end as gzip ends"}, Failure.BACKUP_DAMAGED, False),
    "a tablespace is missing": (
        lambda a, b: _again(a, b, tablespaces="[('fast', 16500, '/fast')]"),
        {"backup-data": "16500.tar is missing: the tablespace 16500"},
        Failure.BACKUP_DAMAGED,
        False,
    ),
    "a tablespace too many": (
        lambda a, b: a.put(f"base/{b.id}/16500.tar.gz", a.content(f"base/{b.id}/data.tar.gz"), ago=3600),
        {"backup-data": "of a tablespace that backup.info does not name"},
        Failure.BACKUP_DAMAGED,
        False,
    ),
    "the backup's WAL is missing": (
        lambda a, b: a.remove(_key(a, 6)),
        {"wal-needed": "000000010000000000000006 missing", "wal-chain": "missing: 000000010000000000000006"},
        Failure.WAL_HOLE,
        False,
    ),
    "WAL is missing in the middle": (
        lambda a, b: a.remove(_key(a, 8)),
        {"wal-chain": "missing: 000000010000000000000008"},
        Failure.WAL_HOLE,
        True,
    ),
    "much WAL is missing": (
        lambda a, b: _removed(a, *(_key(a, number) for number in (7, 8, 9))),
        {"wal-chain": "missing: 3 segments from 000000010000000000000007 to 000000010000000000000009"},
        Failure.WAL_HOLE,
        True,
    ),
    "WAL is missing at the end": (
        lambda a, b: _removed(a, *(_key(a, number) for number in (8, 9, 10, 11))),
        {"wal-age": "000000010000000000000007.gz was archived 17 min"},
        Failure.WAL_OLD,
        True,
    ),
    "no WAL since the backup": (
        lambda a, b: _removed(a, *(_key(a, number) for number in range(6, 12))),
        {"wal-needed": "000000010000000000000006 missing", "wal-chain": "no WAL at or after", "wal-age": "no WAL"},
        Failure.WAL_HOLE,
        False,
    ),
    "the backup's WAL is empty": (
        lambda a, b: a.wal(1, 6, b""),
        {"wal-objects": "is empty", "wal-needed": "is empty, and the backup needs it"},
        Failure.WAL_HOLE,
        False,
    ),
    "later WAL is empty": (
        lambda a, b: a.wal(1, 9, b"", ago=500),
        {"wal-objects": "000000010000000000000009.gz is empty"},
        Failure.WAL_DAMAGED,
        False,
    ),
    "WAL without compression is cut off": (
        lambda a, b: a.wal(1, 12, b"x" * 1000, ""),
        {"wal-objects": "has 1000 bytes, a segment has 16777216"},
        Failure.WAL_DAMAGED,
        False,
    ),
    "a timeline without its history": (
        lambda a, b: a.wal(2, 12),
        {"wal-history": "wals/00000002.history is missing, and there is a timeline 2"},
        Failure.WAL_HOLE,
        True,
    ),
    "a history that cannot be read": (
        lambda a, b: a.put("wals/00000002.history.gz", b"no gzip"),
        {"wal-history": "the gzip data are damaged"},
        Failure.WAL_HOLE,
        False,
    ),
    "a history without a parent": (
        lambda a, b: a.history(2),
        {"wal-history": "it names no parent"},
        Failure.WAL_HOLE,
        False,
    ),
    "a timeline that left before the backup's end": (
        lambda a, b: a.history(2, (1, 6 * SIZE + 48)),
        {"wal-history": "timeline 2 left timeline 1 at 0/6000030, before the backup's end"},
        Failure.WAL_HOLE,
        False,
    ),
    "a timeline of another descent": (
        lambda a, b: (a.history(2, (1, 9 * SIZE)), a.history(3, (2, 10 * SIZE))),
        {"wal-history": "timeline 3 does not descend from the backup's timeline 1"},
        Failure.WAL_HOLE,
        False,
    ),
    "a timeline between is missing": (
        lambda a, b: (a.history(3, (1, 9 * SIZE), (2, 10 * SIZE)), a.wal(3, 10)),
        {"wal-history": "wals/00000002.history is missing, and there is a timeline 3"},
        Failure.WAL_HOLE,
        True,
    ),
    "AES256 where a key is expected": (
        lambda a, b: a.wal(1, 11, encryption="AES256"),
        {"encryption-wal": "is encrypted with AES256, expected aws:kms", "encryption-sample": "AES256"},
        Failure.ENCRYPTION,
        True,
    ),
    "another key": (
        lambda a, b: a.backup(b, kms_key_id=OTHER_KEY),
        {"encryption-backup": OTHER_KEY},
        Failure.ENCRYPTION,
        True,
    ),
    "no encryption in the middle": (
        lambda a, b: a.wal(1, 8, ago=700, encryption=None),
        {"encryption-sample": "is encrypted with nothing"},
        Failure.ENCRYPTION,
        True,
    ),
    "a foreign object": (
        lambda a, b: a.put("wals/notes.txt"),
        {"foreign-objects": "/wals/notes.txt"},
        Failure.FOREIGN_OBJECTS,
        True,
    ),
    "a foreign folder": (
        lambda a, b: a.put("logs/today"),
        {"foreign-objects": "/logs/"},
        Failure.FOREIGN_OBJECTS,
        True,
    ),
    "a foreign object among backups": (
        lambda a, b: a.put(f"base/{b.id}/dump.sql"),
        {"foreign-objects": "dump.sql"},
        Failure.FOREIGN_OBJECTS,
        True,
    ),
    "WAL in a wrong folder": (
        lambda a, b: a.put("wals/0000000100000001/000000010000000000000009.gz"),
        {"foreign-objects": "0000000100000001/000000010000000000000009.gz"},
        Failure.FOREIGN_OBJECTS,
        True,
    ),
    "WAL of another segment size": (
        lambda a, b: a.put("wals/0000000100000000/000000010000000000000100.gz"),
        {"foreign-objects": "000000010000000000000100.gz"},
        Failure.FOREIGN_OBJECTS,
        True,
    ),
    "an object from the future": (
        lambda a, b: a.wal(1, 12, ago=-1000),
        {"clock": "00000001000000000000000C.gz is dated 16 min"},
        Failure.CLOCK,
        True,
    ),
    "a backup from the future": (
        lambda a, b: _again(a, b, end_time=b.ended + timedelta(hours=2)),
        {"clock": "the backup ended 59 min"},
        Failure.CLOCK,
        True,
    ),
}


def _conforms(ran: Ran) -> None:
    jsonschema.Draft202012Validator(validation_report.schema()).validate(ran.report)


@pytest.mark.parametrize("name", DAMAGES)
def test_each_damage_is_named(archive: Archive, name: str) -> None:
    damage, told, failure, restorable = DAMAGES[name]
    newest = healthy(archive)
    damage(archive, newest)
    ran = validate(archive)
    _conforms(ran)
    assert set(ran.failed) == set(told), ran.failed
    for check, part in told.items():
        assert part in ran.failed[check]
    assert (ran.code, ran.report["class"]) == (failure, failure.label)
    assert ran.report["restorable"] is restorable
    assert (ran.report["restorable_until"] is None) is not restorable


def test_an_archive_without_damage_passes(archive: Archive) -> None:
    newest = healthy(archive)
    ran = validate(archive)
    _conforms(ran)
    assert (ran.code, ran.failed, ran.report["restorable"]) == (0, {}, True)
    assert ran.report["backup"]["id"] == newest.id
    assert ran.report["restorable_until"]["wal"] == "00000001000000000000000B"
    assert ran.report["requests"] == {"GetObject": 2, "HeadObject": 8, "ListObjectsV2": 3}
    assert all(name.startswith("deep-") for name in ran.report["not_checked"])


def test_every_class_that_an_archive_can_have_is_among_the_damages() -> None:
    of_archives = {check.failure for check in CHECKS if not check.deep and check.name not in ("settings", "store")}
    assert {failure for _, _, failure, _ in DAMAGES.values()} == of_archives


def test_the_order_of_gravity_is_that_of_the_codes() -> None:
    """The short scripts of the other tools take the smallest."""
    codes = [int(row.failure) for row in CLASSES]
    assert codes == sorted(Failure)


def test_a_backup_under_way_is_no_failure_and_one_that_hangs_is(archive: Archive) -> None:
    healthy(archive)
    _attempt(archive, "STARTED", 600)
    ran = validate(archive)
    assert ran.code == 0
    assert "has the status STARTED: it is under way" in ran.passed["backup-finished"]
    hung = validate(archive, MAX_BACKUP_DURATION_SECONDS="500")
    assert set(hung.failed) == {"backup-finished"}
    assert "given up" in hung.failed["backup-finished"]
    assert hung.report["restorable"] is True


def test_of_an_attempt_without_backup_info_the_data_tell(archive: Archive) -> None:
    """Older barman writes backup.info at the end; a moment after the data it may not be there yet."""
    healthy(archive)
    _attempt(archive, None, 300, data=True)
    assert validate(archive).code == 0
    [key] = [key for key in archive.keys("base/") if archive.content(key) == b"x"]
    archive.put(key, ago=1000)
    assert "has its data and no backup.info" in validate(archive).failed["backup-finished"]


def test_a_hole_ends_what_can_be_restored(archive: Archive) -> None:
    healthy(archive)
    archive.remove(_key(archive, 9))
    until = validate(archive).report["restorable_until"]
    assert until["wal"] == "000000010000000000000008"


def test_wal_of_another_size_than_a_segment_stops_recovery_where_recovery_reads_it(archive: Archive) -> None:
    """PostgreSQL ends with an error at a file of a wrong size, instead of with what came before it."""
    healthy(archive)
    archive.remove(_key(archive, 9))
    archive.wal(1, 10, b"", ago=300)
    report = validate(archive).report
    assert (report["restorable"], report["restorable_until"]["wal"]) == (True, "000000010000000000000008")
    archive.wal(1, 8, b"", ago=800)
    report = validate(archive).report
    assert (report["restorable"], report["restorable_until"]) == (False, None)
    assert "000000010000000000000008.gz is empty: recovery stops there" in report["unrestorable_because"]


def test_wal_of_a_timeline_that_recovery_has_left_may_be_empty(archive: Archive) -> None:
    healthy(archive)
    archive.history(2, (1, 11 * SIZE + 40))
    archive.wal(2, 11)
    archive.wal(1, 11, b"", ago=70)
    ran = validate(archive)
    assert set(ran.failed) == {"wal-objects"}
    assert (ran.report["restorable"], ran.report["restorable_until"]["wal"]) == (True, "00000002000000000000000B")


def test_a_delete_marker_hides_what_is_below_it(archive: Archive) -> None:
    """The reader may not list versions: what a marker hides is missing, and that is told."""
    archive.backend.put_bucket_versioning(archive.bucket, "Enabled")
    newest = healthy(archive)
    archive.remove(_key(archive, 8))
    archive.remove(f"base/{newest.id}/data.tar.gz")
    assert set(validate(archive).failed) == {"wal-chain", "backup-data"}


def test_the_sample_is_the_same_each_time_and_all_finds_what_it_misses(archive: Archive) -> None:
    healthy(archive)
    archive.wal(1, 3, ago=90000, encryption=None)  # older than the backup: no sample reaches it
    for number in range(6, 11):
        archive.wal(1, number, ago=900 - number, encryption=None)
    two = [validate(archive, "--sample", "2").failed for _ in range(2)]
    assert two[0] == two[1]
    assert two[0]["encryption-sample"].count("encrypted with nothing") in (1, 2)
    assert validate(archive, "--sample", "0").code == 0
    every = validate(archive, "--all").failed["encryption-sample"]
    assert "and 1 more" in every


def test_an_own_store_needs_no_key(endpoint: str) -> None:
    archive = Archive(endpoint, f"damage-{next(_numbers)}", encryption="AES256", key=None)
    healthy(archive)
    assert validate(archive).code == 0


def test_the_kept_mark_of_barman_and_folder_markers_are_not_foreign(archive: Archive) -> None:
    newest = healthy(archive)
    archive.put(f"base/{newest.id}/annotations/keep", b"standalone")
    archive.put("wals/", b"")
    assert validate(archive).code == 0
