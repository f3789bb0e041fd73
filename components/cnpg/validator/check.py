"""Checks what the backups left in the object store: a young base backup, a young WAL file, both encrypted as agreed.

Runs in the barman sidecar's image, which has Python and boto3 and no shell, with credentials that can only read. Prints
one line of JSON. Exit code: 0 all is well, 1 a check failed, 2 nothing could be checked (settings, network, rights).
"""

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

WAL_FILE = re.compile(r"^[0-9A-F]{24}(\.(gz|bz2|lz4|snappy|xz|zst))?$")
"""A whole WAL segment, compressed or not; timeline histories, backup labels and partial segments are none."""

BACKUP_DATA = re.compile(r"^data\.tar(\.[a-z0-9]+)?$")
"""The main file of a base backup (tablespaces have files of their own)."""


@dataclass(frozen=True)
class Expectation:
    """What must be true of the archive; ages in seconds."""

    bucket: str
    archive: str
    """Folder of the cluster in the bucket, with `base/` and `wals/` below it."""
    max_backup_age: int
    max_wal_age: int
    encryption: str
    """`aws:kms` or `AES256`."""
    key: str | None
    """ARN of the KMS key; None with `AES256`."""
    endpoint: str | None
    """Address of an S3-compatible store; None for AWS."""


@dataclass(frozen=True)
class Result:
    """The outcome of one check, in a sentence."""

    check: str
    ok: bool
    message: str


class UnusableError(Exception):
    """Nothing could be checked; the text says why."""


def expectation(environment: Mapping[str, str]) -> Expectation:
    """What the CronJob's environment asks for. Raises `UnusableError` when it is not complete."""
    try:
        return Expectation(
            bucket=environment["BACKUP_BUCKET"],
            archive=environment["BACKUP_ARCHIVE"].strip("/"),
            max_backup_age=int(environment["MAX_BACKUP_AGE_SECONDS"]),
            max_wal_age=int(environment["MAX_WAL_AGE_SECONDS"]),
            encryption=environment["EXPECTED_ENCRYPTION"],
            key=environment.get("EXPECTED_KMS_KEY") or None,
            endpoint=environment.get("BACKUP_ENDPOINT") or None,
        )
    except KeyError as missing:
        raise UnusableError(f"the environment lacks {missing}") from None
    except ValueError as error:
        raise UnusableError(f"an age is not a whole number of seconds: {error}") from None


def check(s3: "S3Client", wanted: Expectation, now: datetime) -> list[Result]:
    """All checks, each with its outcome. Raises `UnusableError` when the store does not answer."""
    try:
        return [*_check_backup(s3, wanted, now), *_check_wal(s3, wanted, now)]
    except (ClientError, BotoCoreError) as error:
        raise UnusableError(f"the object store does not answer: {error}") from error


def _check_backup(s3: "S3Client", wanted: Expectation, now: datetime) -> Iterator[Result]:
    newest = _newest_backup(s3, wanted)
    if newest is None:
        yield Result("backup-age", False, f"no finished base backup in s3://{wanted.bucket}/{wanted.archive}/base/")
        return
    folder, ended = newest
    age = now - ended
    yield Result(
        "backup-age",
        age <= timedelta(seconds=wanted.max_backup_age),
        f"the newest finished base backup {folder.rstrip('/').rpartition('/')[2]} ended {_span(age)} ago, "
        f"allowed are {_span(timedelta(seconds=wanted.max_backup_age))}",
    )
    data = [item["Key"] for item in _objects(s3, wanted, folder) if BACKUP_DATA.match(item["Key"].rpartition("/")[2])]
    if not data:
        yield Result("backup-encryption", False, f"s3://{wanted.bucket}/{folder} has no data.tar")
        return
    yield _check_encryption(s3, wanted, "backup-encryption", data[0])


def _newest_backup(s3: "S3Client", wanted: Expectation) -> tuple[str, datetime] | None:
    """Folder and end of the newest base backup that barman calls done; their names are times, so they sort."""
    for folder in sorted(_folders(s3, wanted, f"{wanted.archive}/base/"), reverse=True):
        info = _backup_info(s3, wanted, f"{folder}backup.info")
        if info.get("status") == "DONE" and (ended := _moment(info.get("end_time", ""))) is not None:
            return folder, ended
    return None


def _backup_info(s3: "S3Client", wanted: Expectation, key: str) -> dict[str, str]:
    try:
        text = s3.get_object(Bucket=wanted.bucket, Key=key)["Body"].read().decode()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return {}  # a backup that has just begun
        raise
    return {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in text.splitlines())}


def _check_wal(s3: "S3Client", wanted: Expectation, now: datetime) -> Iterator[Result]:
    newest = _newest_wal(s3, wanted)
    if newest is None:
        yield Result("wal-age", False, f"no WAL file in s3://{wanted.bucket}/{wanted.archive}/wals/")
        return
    key, modified = newest
    age = now - modified
    yield Result(
        "wal-age",
        age <= timedelta(seconds=wanted.max_wal_age),
        f"the newest WAL file {key.rpartition('/')[2]} was archived {_span(age)} ago, "
        f"allowed are {_span(timedelta(seconds=wanted.max_wal_age))}",
    )
    yield _check_encryption(s3, wanted, "wal-encryption", key)


def _newest_wal(s3: "S3Client", wanted: Expectation) -> tuple[str, datetime] | None:
    """Key and time of the newest WAL file. Folders and files are named by timeline and position, so they sort."""
    for folder in sorted(_folders(s3, wanted, f"{wanted.archive}/wals/"), reverse=True):
        files = [item for item in _objects(s3, wanted, folder) if WAL_FILE.match(item["Key"].rpartition("/")[2])]
        if files:
            newest = max(files, key=lambda item: str(item["Key"]))
            return newest["Key"], newest["LastModified"]
    return None


def _check_encryption(s3: "S3Client", wanted: Expectation, name: str, key: str) -> Result:
    head: Mapping[str, Any] = s3.head_object(Bucket=wanted.bucket, Key=key)
    found, found_key = head.get("ServerSideEncryption"), head.get("SSEKMSKeyId")
    where = f"s3://{wanted.bucket}/{key}"
    if found != wanted.encryption:
        return Result(name, False, f"{where} is encrypted with {found or 'nothing'}, expected {wanted.encryption}")
    if wanted.key is not None and found_key != wanted.key:
        return Result(name, False, f"{where} is encrypted under the key {found_key}, expected {wanted.key}")
    return Result(name, True, f"{where} is encrypted with {found}{' under the expected key' if wanted.key else ''}")


def _folders(s3: "S3Client", wanted: Expectation, prefix: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=wanted.bucket, Prefix=prefix, Delimiter="/"):
        for folder in page.get("CommonPrefixes", []):
            yield folder["Prefix"]


def _objects(s3: "S3Client", wanted: Expectation, prefix: str) -> Iterator[Any]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=wanted.bucket, Prefix=prefix):
        yield from page.get("Contents", [])


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _span(span: timedelta) -> str:
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def client(wanted: Expectation) -> "S3Client":
    """A client with short timeouts: a store that does not answer is reported, not waited for."""
    return boto3.client(
        "s3",
        endpoint_url=wanted.endpoint,
        config=Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard", "max_attempts": 3}),
    )


def main(environment: Mapping[str, str]) -> int:
    """Runs every check and prints the outcome as one line of JSON; returns the exit code."""
    try:
        wanted = expectation(environment)
        results = check(client(wanted), wanted, datetime.now(UTC))
    except (UnusableError, BotoCoreError, ValueError) as error:
        print(json.dumps({"ok": False, "error": str(error)}))
        return 2
    ok = all(result.ok for result in results)
    print(json.dumps({"ok": ok, "checks": [vars(result) for result in results]}))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main(os.environ))
