"""What the archive holds: the base backup to start from, and where its WAL ends. LIST for names, GET for contents."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .failures import DrillError, Failure
from .wal import HISTORY, SEGMENT, Segment, parse

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_WAL_SEGMENT_BYTES = 16 * 1024**2
"""PostgreSQL's default, for a backup.info that does not say."""


_WAL_SEGMENT_SIZES = frozenset(1 << power for power in range(20, 31))
"""What `initdb --wal-segsize` allows, in bytes."""
_LONGEST_INFO = 1 << 20
_IS_BACKUP = re.compile(r"/\d{8}T\d{6}/$")
"""The folder of a base backup; what others have put beside it is not restored."""
_LISTED = frozenset({"IsTruncated", "KeyCount", "Name"})
"""What every LIST answer has some of; a page of a proxy, say, has none, and would be an empty bucket."""
_UNANSWERED = (BotoCoreError, ValueError, RuntimeError)


@dataclass(frozen=True)
class Backup:
    """A finished base backup."""

    identifier: str
    ended: datetime
    timeline: int
    segment_bytes: int
    system: str | None
    """PostgreSQL's system identifier of the cluster that it was taken from."""


@dataclass(frozen=True)
class NewestWal:
    """The last whole WAL segment of the newest timeline."""

    segment: Segment
    name: str
    archived: datetime


@dataclass
class Archive:
    """One server's archive. Every method raises `DrillError` when the store does not answer."""

    bucket: str
    folder: str
    endpoint: str | None
    requests: Counter[str] = field(default_factory=Counter)
    """How often each operation was asked for."""

    def __post_init__(self) -> None:
        try:
            self._s3: S3Client = boto3.client(
                "s3",
                endpoint_url=self.endpoint,
                config=Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard", "max_attempts": 4}),
            )
        except (BotoCoreError, ValueError) as error:
            raise DrillError(Failure.SETTINGS, f"there can be no client for the object store: {error}") from None

    def newest_backup(self, until: datetime | None) -> Backup:
        """The newest finished base backup, of those that ended before `until` when that is given."""
        seen = 0
        for prefix in sorted(filter(_IS_BACKUP.search, self._folders("base/")), reverse=True):
            seen += 1
            found = self._backup(prefix)
            if found is not None and (until is None or found.ended <= until):
                return found
        what = (
            f"of the {seen} base backups in {self._url('base/')} none is finished"
            if seen
            else (f"there is no base backup in {self._url('base/')}")
        )
        if until is not None and seen:
            what = f"{what} and ended before the target {until:%Y-%m-%dT%H:%M:%SZ}"
        raise DrillError(Failure.NO_BACKUP, what)

    def newest_wal(self, segment_bytes: int) -> NewestWal:
        """Where the archive ends, on the newest timeline that it knows, be it by a history file alone."""
        folders, histories = [], []
        for page in self._pages("wals/", delimiter="/"):
            folders += [it["Prefix"] for it in page.get("CommonPrefixes", [])]
            histories += [it["Key"].rpartition("/")[2] for it in page.get("Contents", [])]
        for prefix in sorted(folders, reverse=True):
            files = {}
            for page in self._pages(prefix.removeprefix(f"{self.folder}/")):
                for item in page.get("Contents", []):
                    match = SEGMENT.fullmatch(item["Key"].rpartition("/")[2])
                    segment = parse(match["name"], segment_bytes) if match else None
                    if segment is not None:
                        files[segment] = item["LastModified"]
            if files:
                last = max(files)
                known = max((int(it["timeline"], 16) for it in map(HISTORY.fullmatch, histories) if it), default=0)
                if known > last.timeline:
                    # A promotion whose first segment is not archived yet: recovery follows it all the same.
                    last = Segment(known, last.number)
                    return NewestWal(last, f"{known:08X}.history", max(files.values()))
                return NewestWal(last, last.name(segment_bytes), files[last])
        raise DrillError(Failure.NO_BACKUP, f"there is no WAL in {self._url('wals/')}")

    def _backup(self, prefix: str) -> Backup | None:
        info = self._info(f"{prefix}backup.info")
        ended = _moment(info.get("end_time", ""))
        if info.get("status") != "DONE" or ended is None:
            return None
        try:
            size = int(info.get("xlog_segment_size", _WAL_SEGMENT_BYTES))
            timeline = int(info.get("timeline", "1"))
        except ValueError:
            return None
        if size not in _WAL_SEGMENT_SIZES:
            return None
        system = info.get("systemid")
        return Backup(
            prefix.rstrip("/").rpartition("/")[2], ended, timeline, size, None if system in (None, "None") else system
        )

    def _info(self, key: str) -> dict[str, str]:
        self.requests["GetObject"] += 1
        try:
            body = self._s3.get_object(Bucket=self.bucket, Key=key)["Body"]
            text = body.read(_LONGEST_INFO).decode(errors="replace")
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return {}  # a backup that has just begun
            raise self._unanswered(error) from error
        except _UNANSWERED as error:
            raise self._unanswered(error) from error
        return {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in text.splitlines())}

    def _folders(self, prefix: str) -> Iterator[str]:
        for page in self._pages(prefix, delimiter="/"):
            for folder in page.get("CommonPrefixes", []):
                yield folder["Prefix"]

    def _pages(self, prefix: str, delimiter: str = "") -> Iterator[Any]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=f"{self.folder}/{prefix}", Delimiter=delimiter
        )
        try:
            for page in pages:
                self.requests["ListObjectsV2"] += 1
                if not page.keys() & _LISTED:
                    raise DrillError(Failure.STORE, f"what answers for {self._url('')} is no S3-compatible store")
                yield page
        except (ClientError, *_UNANSWERED) as error:
            raise self._unanswered(error) from error

    def _unanswered(self, error: Exception) -> DrillError:
        if "Invalid header value" in str(error):  # whose text holds the credentials
            return DrillError(Failure.STORE, "the reader's keys cannot be sent: one holds a line break or ends with it")
        if isinstance(error, RecursionError):
            return DrillError(Failure.STORE, f"the object store for {self._url('')} sends from one place to another")
        return DrillError(Failure.STORE, f"the object store does not answer for {self._url('')}: {error}")

    def _url(self, path: str) -> str:
        return f"s3://{self.bucket}/{self.folder}/{path}"


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
