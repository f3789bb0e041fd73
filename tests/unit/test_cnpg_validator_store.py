"""A store that refuses, fails, throttles, breaks off or lives in another time: each has its class, within bounds."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from archive_doubles import MIB, Archive, healthy
from failing_store import Fault, failing
from validator_runs import endpoints, validate

from seawall.components.cnpg.validator.classes import Failure
from seawall.components.cnpg.validator.segments import Numbering

_numbers = itertools.count()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    yield from endpoints()


@pytest.fixture
def archive(endpoint: str) -> Archive:
    made = Archive(endpoint, f"store-{next(_numbers)}", Numbering(MIB))
    healthy(made, real=True)
    return made


LIST, INFO, DATA, HEAD = "list-type=2", r"GET .*backup\.info", r"GET .*data\.tar\.gz", "^HEAD"


@pytest.mark.parametrize(
    ("fault", "failure", "says"),
    [
        (
            Fault(LIST, 403, "AccessDenied"),
            Failure.ACCESS_DENIED,
            "ListObjectsV2 base/: the store answers AccessDenied",
        ),
        (Fault(LIST, 403, "SignatureDoesNotMatch"), Failure.ACCESS_DENIED, "SignatureDoesNotMatch"),
        (Fault(LIST, 403, "InvalidAccessKeyId"), Failure.ACCESS_DENIED, "InvalidAccessKeyId"),
        (Fault(LIST, 400, "ExpiredToken"), Failure.ACCESS_DENIED, "ExpiredToken"),
        (Fault(INFO, 403, "AccessDenied"), Failure.ACCESS_DENIED, "backup.info: the store answers AccessDenied"),
        (Fault(INFO, 400, "KMS.DisabledException"), Failure.ACCESS_DENIED, "KMS.DisabledException"),
        (Fault(HEAD, 403), Failure.ACCESS_DENIED, "HeadObject base/"),
        (Fault(LIST, 404, "NoSuchBucket"), Failure.CONFIGURATION, "NoSuchBucket"),
        (Fault(LIST, 404), Failure.CONFIGURATION, "nothing answers to this bucket"),
        (Fault(LIST, 301, "PermanentRedirect"), Failure.CONFIGURATION, "PermanentRedirect"),
        (Fault(LIST, 403, "RequestTimeTooSkewed"), Failure.CLOCK, "RequestTimeTooSkewed"),
        (Fault(LIST, 503, "SlowDown"), Failure.THROTTLED, "SlowDown (503)"),
        (Fault(HEAD, 503), Failure.THROTTLED, "HeadObject base/"),
        (Fault(INFO, 429, "TooManyRequests"), Failure.THROTTLED, "TooManyRequests"),
        (Fault(LIST, 500, "InternalError"), Failure.STORE_UNREACHABLE, "InternalError"),
        (Fault(LIST, broken_after=100), Failure.STORE_UNREACHABLE, "ListObjectsV2"),
    ],
)
def test_a_store_that_fails_has_a_class_and_is_asked_a_few_times(
    archive: Archive, fault: Fault, failure: Failure, says: str
) -> None:
    with failing(archive.endpoint, fault) as address:
        ran = validate(archive, BACKUP_ENDPOINT=address)
    assert (ran.code, ran.report["class"], ran.report["verdict"]) == (failure, failure.label, "unknown")
    assert says in ran.failed["store"]
    assert ran.report["restorable"] == "unknown"
    assert "secret-token" not in str(ran.report)
    retried = failure in (Failure.THROTTLED, Failure.STORE_UNREACHABLE)
    assert max(ran.report["requests"].values()) >= (2 if retried else 1)
    assert sum(ran.report["requests"].values()) <= 30


def test_a_throttle_that_passes_is_no_failure(archive: Archive) -> None:
    with failing(archive.endpoint, Fault(LIST, 503, "SlowDown", times=1)) as address:
        ran = validate(archive, BACKUP_ENDPOINT=address)
    assert ran.code == 0
    assert ran.report["requests"]["ListObjectsV2"] == 4


def test_an_endpoint_that_is_down_is_unreachable(archive: Archive) -> None:
    with failing(archive.endpoint, Fault("x")) as address:
        pass
    ran = validate(archive, BACKUP_ENDPOINT=address)
    assert ran.code == Failure.STORE_UNREACHABLE
    assert f"{address} does not answer" in ran.failed["store"]


def test_reading_goes_on_where_the_connection_broke(archive: Archive) -> None:
    fault = Fault(DATA, times=3, broken_after=4000)
    with failing(archive.endpoint, fault) as address:
        ran = validate(archive, "--deep", BACKUP_ENDPOINT=address)
    assert (ran.code, ran.failed) == (0, {})
    assert fault.times == 0
    with failing(archive.endpoint, Fault(DATA, broken_after=4000)) as address:
        ran = validate(archive, "--deep", BACKUP_ENDPOINT=address)
    assert ran.code == Failure.STORE_UNREACHABLE
    assert ran.report["restorable"] == "unknown"


def test_an_object_that_is_listed_and_not_there_is_damage(archive: Archive) -> None:
    with failing(archive.endpoint, Fault(r"GET .*backup\.info", 404, "NoSuchKey", times=1)) as address:
        ran = validate(archive, BACKUP_ENDPOINT=address)
    assert set(ran.failed) == {"backup-info"}
    assert "was in the list, and is not there" in ran.failed["backup-info"]
    with failing(archive.endpoint, Fault(DATA, 404, "NoSuchKey")) as address:
        ran = validate(archive, BACKUP_ENDPOINT=address)
    assert set(ran.failed) == {"backup-data"}
    assert ran.report["restorable"] is False
    with failing(archive.endpoint, Fault("HEAD .*data.tar", 404)) as address:
        ran = validate(archive, BACKUP_ENDPOINT=address)
    assert set(ran.failed) == {"backup-data"}
    with failing(archive.endpoint, Fault("GET .*08.gz", 404, "NoSuchKey")) as address:
        ran = validate(archive, "--deep", BACKUP_ENDPOINT=address)
    assert set(ran.failed) == {"deep-wal"}


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_differs_from_the_stores_is_told(archive: Archive, hours: int) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    with failing(archive.endpoint, Fault(".", date=date)) as address:
        ran = validate(archive, BACKUP_ENDPOINT=address)
    assert "the store's clock is" in ran.failed["clock"]
    assert ("ahead of" if hours > 0 else "behind") in ran.failed["clock"]
    assert Failure.CLOCK.label in {check.get("class") for check in ran.report["checks"]}


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_a_store_that_tells_no_time_is_taken_as_it_is(archive: Archive, date: str) -> None:
    with failing(archive.endpoint, Fault(".", date=date)) as address:
        assert validate(archive, BACKUP_ENDPOINT=address).code == 0
