"""The object store: listed, looked at and read, with every request counted and every failure given its class."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from urllib3.exceptions import HTTPError

from .classes import Failure
from .settings import Expectation

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PAGE = 1000
"""Objects of one LIST answer: the most that S3 gives."""
CHUNK = 256 * 1024
"""Bytes that are read at once."""
LISTED = frozenset({"IsTruncated", "KeyCount", "Name"})
"""What every LIST answer has some of; a page of a proxy, say, has none, and would be an empty bucket."""
SMALL = 1 << 20
"""Bytes of the largest object that is read at once: a backup.info has a few KiB."""
RESUMES = 3
"""How often reading one object goes on after the connection broke."""

_MISSING = {"NoSuchKey", "404", "NotFound"}
_THROTTLED = {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests", "503", "429"}
_DENIED = {
    "AccessDenied",
    "AllAccessDisabled",
    "AccountProblem",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "401",
    "403",
}
_CLOCK = {"RequestTimeTooSkewed", "RequestExpired"}


UNSENDABLE = (
    "the credentials cannot be sent: a key or token ends with a line break, or holds one; put it into the secret store "
    "again without it"
)


class StoreError(Exception):
    """The store did not give what was asked for; the text says which request and why, and holds no secret."""

    def __init__(self, failure: Failure, text: str) -> None:
        super().__init__(text)
        self.failure = failure


class MissingError(Exception):
    """An object is not there (any more)."""


class BrokenError(Exception):
    """An object's content does not agree with the checksum or the length that the store has for it."""


@dataclass(frozen=True)
class Entry:
    """An object as a LIST shows it."""

    key: str
    """Relative to the archive."""
    size: int
    modified: datetime


@dataclass(frozen=True)
class Head:
    """An object's encryption as a HEAD shows it."""

    encryption: str | None
    key: str | None
    """ARN of the KMS key; None when no such key is used."""


class Store:
    """One archive in one bucket. May be used by several threads at once."""

    def __init__(self, wanted: Expectation, client: "S3Client | None" = None) -> None:
        self._wanted = wanted
        self._lock = threading.Lock()
        self.requests: Counter[str] = Counter()
        """Requests by operation, those that were repeated included."""
        self.skew: float | None = None
        """By how many seconds the store's clock is ahead of ours; None before its first answer."""
        with self._told("the client"):
            self._s3 = client or _client(wanted)
        self._s3.meta.events.register("before-send.s3.*", self._count)

    def now(self) -> datetime:
        """The time by the store's clock, which dates its objects; ours before its first answer."""
        return datetime.fromtimestamp(datetime.now(UTC).timestamp() + (self.skew or 0.0), UTC)

    def objects(self, prefix: str = "") -> Iterator[Entry]:
        """Every object below a folder of the archive, in the order of names."""
        for page in self._pages(prefix):
            for item in page.get("Contents", []):
                with self._told(f"ListObjectsV2 {prefix}"):
                    entry = Entry(self._relative(item["Key"]), item["Size"], item["LastModified"].astimezone(UTC))
                yield entry

    def top(self) -> Iterator[str]:
        """What is directly in the archive's folder: folders with a slash at their end, and objects."""
        for page in self._pages("", Delimiter="/"):
            yield from (self._relative(item["Prefix"]) for item in page.get("CommonPrefixes", []))
            yield from (self._relative(item["Key"]) for item in page.get("Contents", []))

    def head(self, key: str) -> Head:
        """Looks at an object. Raises `MissingError` when it is not there."""
        answer = self._asked("HeadObject", key, self._s3.head_object)
        return Head(answer.get("ServerSideEncryption"), answer.get("SSEKMSKeyId"))

    def read(self, key: str) -> bytes:
        """A small object's content. Raises `MissingError`, and `BrokenError` also for one that is not small."""
        content = b""
        for piece in self.stream(key):
            content += piece
            if len(content) > SMALL:
                raise BrokenError(f"it has more than {SMALL} bytes, so it is none")
        return content

    def stream(self, key: str) -> Iterator[bytes]:
        """An object's content, piece by piece; goes on where it was when the connection breaks.

        Raises `MissingError` and `BrokenError`.
        """
        done, tag, resumes = 0, "", 0
        while True:
            where = {"Range": f"bytes={done}-", "IfMatch": tag} if done else {}
            answer = self._asked("GetObject", key, self._s3.get_object, where)
            self._from_the_middle(answer, where)
            tag, length = answer["ETag"], answer["ContentLength"] + done
            try:
                with self._told(f"GetObject {key}"):
                    for piece in answer["Body"].iter_chunks(CHUNK):
                        done += len(piece)
                        yield piece
                return
            except StoreError as broken:
                resumes += 1
                if resumes > RESUMES or done >= length:
                    raise broken from None
            finally:
                answer["Body"].close()

    def tail(self, key: str, length: int) -> bytes:
        """An object's last bytes. Raises `MissingError`."""
        answer = self._asked("GetObject", key, self._s3.get_object, {"Range": f"bytes=-{length}"})
        if answer["ContentLength"] > length:
            self._from_the_middle(answer, {"Range": ""})
        with self._told(f"GetObject {key}"):
            return bytes(answer["Body"].read())

    def _pages(self, prefix: str, **more: str) -> Iterator[Any]:
        below = f"{self._wanted.archive}/{prefix}"
        arguments: dict[str, Any] = {"Bucket": self._wanted.bucket, "Prefix": below, **more}
        while True:
            try:
                with self._told(f"ListObjectsV2 {prefix}"):
                    page = self._s3.list_objects_v2(**arguments, MaxKeys=PAGE)
            except MissingError as error:
                raise StoreError(Failure.CONFIGURATION, f"{error}: nothing answers to this bucket there") from None
            self._clock(page)
            if not page.keys() & LISTED:
                where = self._wanted.endpoint or "AWS"
                raise StoreError(Failure.CONFIGURATION, f"what answers at {where} is no S3-compatible store")
            yield page
            token = page.get("NextContinuationToken")
            if not token:
                return
            if token == arguments.get("ContinuationToken"):
                where = self._wanted.endpoint or "AWS"
                raise StoreError(
                    Failure.CONFIGURATION, f"{where} lists the same page again: it is no S3-compatible store"
                )
            arguments["ContinuationToken"] = token

    def _asked(
        self, operation: str, key: str, request: Callable[..., Any], more: Mapping[str, str] | None = None
    ) -> Any:
        with self._told(f"{operation} {key}"):
            answer = request(Bucket=self._wanted.bucket, Key=f"{self._wanted.archive}/{key}", **(more or {}))
        self._clock(answer)
        return answer

    def _from_the_middle(self, answer: Mapping[str, Any], asked: Mapping[str, str]) -> None:
        """A store that ignores the range would give the whole object: of any size, or once more from its begin."""
        if "Range" in asked and answer["ResponseMetadata"]["HTTPStatusCode"] != 206:
            answer["Body"].close()
            where = self._wanted.endpoint or "AWS"
            raise StoreError(Failure.CONFIGURATION, f"{where} does not answer to `Range`: it is no S3-compatible store")

    def _relative(self, key: str) -> str:
        return key[len(self._wanted.archive) + 1 :]

    def _count(self, event_name: str, **_: object) -> None:
        with self._lock:
            self.requests[event_name.rpartition(".")[2]] += 1

    def _clock(self, answer: Mapping[str, Any]) -> None:
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        try:
            moment = parsedate_to_datetime(date or "")
        except ValueError:
            return  # a store that says no time: then ours is all there is
        with self._lock:
            self.skew = moment.timestamp() - datetime.now(UTC).timestamp()

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Gives every failure of a request its class."""
        where = self._wanted.endpoint or "AWS"
        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if code in _MISSING:
                raise MissingError(what) from None
            raise StoreError(_class_of(code, status), f"{what}: the store answers {code} ({status})") from None
        except FlexibleChecksumError as error:
            raise BrokenError(str(error)) from None
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise StoreError(Failure.CONFIGURATION, f"{what}: {error}") from None
        except ParamValidationError as error:
            raise StoreError(Failure.CONFIGURATION, f"{what}: {str(error).replace(chr(10), ' ')}") from None
        except (ConnectionError, HTTPClientError, HTTPError, OSError) as error:
            if "Invalid header value" in str(error):  # whose text holds the credentials
                raise StoreError(Failure.CONFIGURATION, f"{what}: {UNSENDABLE}") from None
            raise StoreError(
                Failure.STORE_UNREACHABLE, f"{what}: {where} does not answer: {type(error).__name__}: {error}"
            ) from None
        except (RuntimeError, KeyError, TypeError) as error:
            raise StoreError(
                Failure.CONFIGURATION, f"{what}: {where} does not answer as S3 does ({type(error).__name__})"
            ) from None
        except (BotoCoreError, ValueError) as error:
            unread = "IncompleteRead" in type(error).__name__
            failure = Failure.STORE_UNREACHABLE if unread else Failure.CONFIGURATION
            raise StoreError(failure, f"{what}: {error}") from None


def _class_of(code: str, status: int) -> Failure:
    if code in _THROTTLED or status == 429:
        return Failure.THROTTLED
    if code in _CLOCK:
        return Failure.CLOCK
    if code in _DENIED or code.startswith("KMS.") or status in (401, 403):
        return Failure.ACCESS_DENIED
    if status >= 500:
        return Failure.STORE_UNREACHABLE
    return Failure.CONFIGURATION


def _client(wanted: Expectation) -> "S3Client":
    """A client with bounded patience: a store that does not answer is reported, not waited for."""
    return boto3.client(
        "s3",
        endpoint_url=wanted.endpoint,
        config=Config(
            connect_timeout=10,
            read_timeout=30,
            retries={"mode": "standard", "total_max_attempts": wanted.attempts},
            max_pool_connections=16,
        ),
    )
