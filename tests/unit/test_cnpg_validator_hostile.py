"""The validator against hostile input: settings, stores and archives whose content is meant to break what reads it."""

import gzip
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from answering_server import Answer, answering
from archive_doubles import MIB, Archive, BaseBackup, healthy
from failing_store import Fault, failing
from validator_runs import Ran, endpoints, validate

from seawall.components.cnpg.validator import run
from seawall.components.cnpg.validator.classes import Failure
from seawall.components.cnpg.validator.segments import Numbering
from seawall.components.cnpg.validator.store import SMALL

_numbers = itertools.count()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    yield from endpoints()


@pytest.fixture
def archive(endpoint: str) -> Archive:
    return Archive(endpoint, f"hostile-{next(_numbers)}", Numbering(MIB))


# ── Settings ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("MAX_BACKUP_AGE_SECONDS", "9" * 5000, "at most 12 digits"),
        ("SAMPLE", "9" * 5000, "at most 12 digits"),
        ("MAX_ATTEMPTS", "1" * 13, "at most 12 digits"),
        ("MAX_WAL_AGE_SECONDS", "NaN", "must be a whole number"),
        ("BACKUP_ARCHIVE", "/", "not the whole bucket"),
        ("EXPECTED_KMS_KEY", " ", "is missing"),
        ("BACKUP_ENDPOINT", "https://user:hunter2@s3.example.org", "without user and password"),
    ],
)
def test_wrong_settings_are_named(archive: Archive, name: str, value: str, told: str) -> None:
    found = validate(archive, **{name: value})
    assert found.code == Failure.CONFIGURATION
    assert name in found.failed["settings"]
    assert told in found.failed["settings"]
    assert "hunter2" not in str(found.report)
    assert len(found.failed["settings"]) < 200


@pytest.mark.parametrize(
    ("name", "secret"), [("AWS_ACCESS_KEY_ID", "AKIDOFTHEREADER"), ("AWS_SESSION_TOKEN", "tokenOfTheReader")]
)
def test_credentials_with_a_line_break_are_said_and_not_shown(archive: Archive, name: str, secret: str) -> None:
    healthy(archive)
    found = validate_with(archive, name, f"{secret}\n")
    assert found.code == Failure.CONFIGURATION
    assert "line break" in found.failed["store"]
    assert secret not in str(found.report)
    assert "Signature" not in str(found.report)


def validate_with(archive: Archive, name: str, value: str) -> Ran:
    """Runs it with a variable that boto3 reads itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials that it has read once
        patch.setenv(name, value)
        return validate(archive, **{name: value})


# ── Stores ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [301, 307])
def test_a_store_that_only_redirects_is_no_store_and_is_not_followed(archive: Archive, status: int) -> None:
    asked: list[str] = []

    def elsewhere(_: str, path: str) -> Answer:
        asked.append(path)
        return 200, {}, b"<ListBucketResult/>"

    with (
        answering(elsewhere) as other,
        answering(lambda _, path: (status, {"Location": f"{other}{path}"}, b"")) as store,
    ):
        found = validate(archive, BACKUP_ENDPOINT=store)
    assert found.code == Failure.CONFIGURATION
    assert asked == []


@pytest.mark.parametrize(
    "item",
    [
        b"<Size>1</Size>",
        b"<Key>main/main/base/x</Key>",
        b"<Key>main/main/base/x</Key><Size>many</Size><LastModified>2026-01-01T00:00:00Z</LastModified>",
        b"<Key>main/main/base/x</Key><Size>1</Size><LastModified>9999999999999</LastModified>",
    ],
)
def test_a_list_that_is_none_is_a_store_that_is_none(archive: Archive, item: bytes) -> None:
    body = b"<ListBucketResult><Contents>" + item + b"</Contents></ListBucketResult>"
    with answering(lambda *_: (200, {}, body)) as store:
        found = validate(archive, BACKUP_ENDPOINT=store)
    assert found.code == Failure.CONFIGURATION


@pytest.mark.parametrize("body", [b"<html>Please sign in</html>", b""])
def test_a_page_of_somebody_else_is_no_empty_bucket(archive: Archive, body: bytes) -> None:
    with answering(lambda *_: (200, {}, body)) as store:
        found = validate(archive, BACKUP_ENDPOINT=store)
    assert found.code == Failure.CONFIGURATION
    assert "no S3-compatible store" in found.failed["store"]
    assert found.report["restorable"] == "unknown"


def test_a_store_that_lists_the_same_page_for_ever_is_left(archive: Archive) -> None:
    body = b"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>"
    with answering(lambda *_: (200, {}, body + b"</ListBucketResult>")) as store:
        found = validate(archive, BACKUP_ENDPOINT=store)
    assert found.code == Failure.CONFIGURATION
    assert "the same page again" in found.failed["store"]


def test_a_store_without_ranges_is_not_read_as_a_whole(archive: Archive) -> None:
    healthy(archive)
    with failing(archive.endpoint, Fault(r"GET .*/data\.tar", strips_range=True)) as store:
        found = validate(archive, BACKUP_ENDPOINT=store)
    assert found.code == Failure.CONFIGURATION
    assert "Range" in found.failed["store"]


# ── backup.info ───────────────────────────────────────────────────────────────────────────────────────────────────────


def told(archive: Archive, old: bytes, new: bytes, *arguments: str) -> Ran:
    """A healthy archive in whose newest backup.info one text is another."""
    base: BaseBackup = healthy(archive)
    content = base.info().encode()
    assert old in content
    archive.put(f"base/{base.id}/backup.info", content.replace(old, new))
    return validate(archive, *arguments)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"START WAL LOCATION: 0/600028", b"START WAL LOCATION: zz"),
        (b"START TIMELINE: 1", b"START TIMELINE: " + b"9" * 5000),
        (b"timeline=1\n", b"timeline=-5\n"),
        (b"timeline=1\n", b"timeline=" + b"9" * 4000 + b"\n"),
        (b"xlog_segment_size=1048576", b"xlog_segment_size=0"),
        (b"tablespaces=None", b"tablespaces=" + b"[" * 100_000),
        (b"tablespaces=None", b"tablespaces=" + b"-" * 100_000 + b"1"),
        (b"tablespaces=None", b"tablespaces=__import__('os').system('id')"),
        (b"error=None", b"x=" + b"y" * SMALL),
    ],
)
def test_a_hostile_backup_info_is_a_damaged_one(archive: Archive, old: bytes, new: bytes) -> None:
    found = told(archive, old, new)
    assert found.code == Failure.BACKUP_DAMAGED
    assert "backup-info" in found.failed
    assert len(str(found.report)) < 20_000


def test_a_reason_of_any_length_is_cut(archive: Archive) -> None:
    found = told(archive, b"status=DONE", b"status=FAILED\nerror=" + b"because " * 50_000)
    assert "because" in found.failed["backup-finished"]
    assert len(str(found.report)) < 20_000


# ── Tars ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def member(name: bytes, size: bytes = b"00000000000", kind: bytes = b"0", body: bytes = b"") -> bytes:
    """A member of a tar with a header that says what it is told to, and its right checksum."""
    head = name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + size.ljust(12, b"\0") + b"00000000000\0"
    rest = kind + bytes(100) + b"ustar\x0000"
    total = sum(head) + 8 * 32 + sum(rest)
    return (head + b"%06o\0 " % total + rest).ljust(512, b"\0") + body + bytes(-len(body) % 512)


def extended(records: bytes) -> bytes:
    """A pax header before a member."""
    return member(b"pax", b"%011o" % len(records), b"x", records) + member(b"a")


@pytest.mark.parametrize(
    "content",
    [
        member(b"a", b"-7"),
        member(b"a", b"-7", b"x"),
        extended(b"12 size=abc\n"),
        extended(b"14 size=-5000\n"),
        extended(b"5011 size=" + b"9" * 5000 + b"\n"),
        extended(b"9" * 6000 + b" a=b\n"),
        extended(b"-5 a=b\n"),
    ],
)
def test_a_tar_with_numbers_that_are_none_is_damaged(archive: Archive, content: bytes) -> None:
    base = healthy(archive, real=True)
    archive.put(f"base/{base.id}/data.tar.gz", gzip.compress(content + bytes(1024)))
    found = validate(archive, "--deep")
    assert found.code == Failure.BACKUP_DAMAGED
    assert re.search(r"at byte \d+ of the tar: ", found.failed["deep-base"])


def test_a_label_that_is_junk_is_the_labels_damage(archive: Archive) -> None:
    base = healthy(archive, real=True)
    label = b"START WAL LOCATION: \xff\xff (file " + b"0" * 24 + b")\n"
    content = member(b"backup_label", b"%011o" % len(label), body=label) + bytes(1024)
    archive.put(f"base/{base.id}/data.tar.gz", gzip.compress(content))
    found = validate(archive, "--deep")
    assert found.code == Failure.BACKUP_DAMAGED
    assert "backup_label" in found.failed["deep-control"]


def test_a_verdict_that_no_file_can_hold_ends_no_run(tmp_path: Path) -> None:
    run._replace(tmp_path / "verdict", "\ud800", whole=False)
