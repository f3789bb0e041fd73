"""The validator against a real S3 API: what it accepts, what it finds, and that it needs nothing of ours to run."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from seawall.components.cnpg.validator import check as validator

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NOW = datetime.now(UTC)
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": "eu-central-1"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class Archive:
    """A bucket with a key, filled as barman fills it."""

    def __init__(self, endpoint: str, bucket: str) -> None:
        self.endpoint, self.bucket = endpoint, bucket
        session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="eu-central-1")
        self.s3: S3Client = session.client("s3", endpoint_url=endpoint)
        kms = session.client("kms", endpoint_url=endpoint)
        self.key = kms.create_key()["KeyMetadata"]["Arn"]
        self.other_key = kms.create_key()["KeyMetadata"]["Arn"]
        self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})

    @property
    def wanted(self) -> validator.Expectation:
        return validator.Expectation(self.bucket, "main/main", 93600, 900, "aws:kms", self.key, self.endpoint)

    def put(self, key: str, body: str = "", *, kms: str | None = None, sse: str | None = "aws:kms") -> None:
        how: dict[str, Any] = {"ServerSideEncryption": sse} if sse else {}
        if sse == "aws:kms":
            how["SSEKMSKeyId"] = kms or self.key
        self.s3.put_object(Bucket=self.bucket, Key=f"main/main/{key}", Body=io.BytesIO(body.encode()), **how)

    def backup(self, ended: datetime, status: str = "DONE", **how: Any) -> str:
        folder = f"base/{ended:%Y%m%dT%H%M%S}"
        info = f"begin_wal=000000010000000000000002\nend_time={ended.isoformat(sep=' ')}\nstatus={status}\n"
        self.put(f"{folder}/backup.info", info)
        self.put(f"{folder}/data.tar.gz", **how)
        return folder

    def wal(self, name: str = "000000010000000000000003", **how: Any) -> None:
        self.put(f"wals/{name[:16]}/{name}.gz", **how)

    def check(self, now: datetime = NOW, **changes: Any) -> dict[str, validator.Result]:
        return {result.check: result for result in validator.check(self.s3, replace(self.wanted, **changes), now)}

    def failed(self, now: datetime = NOW, **changes: Any) -> dict[str, str]:
        return {name: result.message for name, result in self.check(now, **changes).items() if not result.ok}

    @property
    def environment(self) -> dict[str, str]:
        return {
            **CREDENTIALS,
            "BACKUP_BUCKET": self.bucket,
            "BACKUP_ARCHIVE": "main/main",
            "BACKUP_ENDPOINT": self.endpoint,
            "MAX_BACKUP_AGE_SECONDS": "93600",
            "MAX_WAL_AGE_SECONDS": "900",
            "EXPECTED_ENCRYPTION": "aws:kms",
            "EXPECTED_KMS_KEY": self.key,
        }


@pytest.fixture
def archive(endpoint: str, request: pytest.FixtureRequest) -> Archive:
    return Archive(endpoint, f"b{abs(hash(request.node.name)):x}")


def test_a_sound_archive_passes(archive: Archive) -> None:
    archive.backup(NOW - timedelta(days=2))
    archive.backup(NOW - timedelta(hours=1))
    archive.wal()
    results = archive.check()
    assert {name: result.ok for name, result in results.items()} == dict.fromkeys(
        ("backup-age", "backup-encryption", "wal-age", "wal-encryption"), True
    )


def test_an_empty_archive_fails(archive: Archive) -> None:
    assert set(archive.failed()) == {"backup-age", "wal-age"}


def test_an_old_backup_fails_even_beside_a_young_one_that_did_not_finish(archive: Archive) -> None:
    archive.backup(NOW - timedelta(hours=27))
    archive.backup(NOW - timedelta(hours=1), status="FAILED")
    archive.put(f"base/{NOW:%Y%m%dT%H%M%S}/data.tar.gz")  # one that has just begun has no backup.info
    archive.wal()
    failed = archive.failed()
    assert set(failed) == {"backup-age"}
    assert "ended 27 h 0 min ago, allowed are 26 h 0 min" in failed["backup-age"]


def test_an_old_wal_file_fails_by_the_rpo(archive: Archive) -> None:
    archive.backup(NOW)
    archive.wal()
    written = datetime.now(UTC)  # the object store's own clock decides the age of a WAL file
    assert set(archive.failed(written + timedelta(minutes=16))) == {"wal-age"}
    assert not archive.failed(written + timedelta(minutes=14))


def test_only_whole_wal_files_of_the_newest_timeline_count(archive: Archive) -> None:
    archive.backup(NOW)
    archive.put("wals/0000000100000000/000000010000000000000003.partial")
    archive.put("wals/0000000100000000/000000010000000000000003.00000028.backup.gz")
    archive.put("wals/00000002.history.gz")
    assert set(archive.failed()) == {"wal-age"}
    archive.wal("000000010000000000000004", sse=None)
    archive.wal("000000020000000000000004")
    assert not archive.failed()


def test_unencrypted_files_fail(archive: Archive) -> None:
    archive.backup(NOW, sse=None)
    archive.wal(sse="AES256")
    failed = archive.failed()
    assert set(failed) == {"backup-encryption", "wal-encryption"}
    assert "is encrypted with AES256, expected aws:kms" in failed["wal-encryption"]


def test_another_key_fails(archive: Archive) -> None:
    archive.backup(NOW, kms=archive.other_key)
    archive.wal()
    failed = archive.failed()
    assert set(failed) == {"backup-encryption"}
    assert archive.other_key in failed["backup-encryption"]


def test_an_own_store_needs_no_key(archive: Archive) -> None:
    archive.backup(NOW, sse="AES256")
    archive.wal(sse="AES256")
    assert not archive.failed(encryption="AES256", key=None)


def test_a_backup_without_data_fails(archive: Archive) -> None:
    folder = archive.backup(NOW)
    archive.s3.delete_object(Bucket=archive.bucket, Key=f"main/main/{folder}/data.tar.gz")
    archive.wal()
    assert set(archive.failed()) == {"backup-encryption"}


def run(environment: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Runs the file as the CronJob does: alone, with nothing of ours to import."""
    script = Path(validator.__file__)
    done = subprocess.run(
        [sys.executable, "-I", "-B", str(script)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def test_the_script_runs_alone_and_its_exit_code_says_what_it_found(archive: Archive) -> None:
    code, said = run(archive.environment)
    assert (code, said["ok"]) == (1, False)
    archive.backup(NOW)
    archive.wal()
    code, said = run(archive.environment)
    assert (code, said["ok"]) == (0, True)
    assert {result["check"] for result in said["checks"]} == {
        "backup-age",
        "backup-encryption",
        "wal-age",
        "wal-encryption",
    }


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"BACKUP_BUCKET": "no-such-bucket"}, "NoSuchBucket"),
        ({"MAX_WAL_AGE_SECONDS": "soon"}, "whole number of seconds"),
        ({"BACKUP_BUCKET": None}, "lacks 'BACKUP_BUCKET'"),
        (
            {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_EC2_METADATA_DISABLED": "true"},
            "credentials",
        ),
        ({"BACKUP_ENDPOINT": "nonsense"}, "nonsense"),
    ],
)
def test_what_cannot_be_checked_is_an_error_of_its_own(
    archive: Archive, changes: dict[str, str | None], says: str
) -> None:
    environment = {key: value for key, value in {**archive.environment, **changes}.items() if value is not None}
    code, said = run(environment)
    assert code == 2
    assert says in said["error"]
    assert said["ok"] is False
