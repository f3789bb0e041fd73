"""Schedules of CronJobs: five fields, as robfig/cron 3 reads them."""

from datetime import UTC, datetime

import pytest

from seawall.operators.cnpg.schedule import ScheduleError
from seawall.operators.cron_jobs import decode_five, zone

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)  # a Thursday


@pytest.mark.parametrize(
    ("schedule", "first"),
    [
        ("0 3 * * *", "2026-01-02T03:00:00"),
        ("30 3 * * 0", "2026-01-04T03:30:00"),
        ("@daily", "2026-01-02T00:00:00"),
        ("0 3 1 * fri", "2026-01-02T03:00:00"),  # two lists of days: either will do
        ("0 3 13 * *", "2026-01-13T03:00:00"),
        ("0 3 */2 * fri", "2026-01-02T03:00:00"),  # version 3: a star with a step is a list, so either will do
        ("0 3 */1 * fri", "2026-01-02T03:00:00"),  # a step of 1 is still a star, so both must hold
    ],
)
def test_when_it_fires(schedule: str, first: str) -> None:
    assert [f"{fired:%Y-%m-%dT%H:%M:%S}" for fired in decode_five(schedule).next(NOON, 1)] == [first]


def test_a_star_with_a_step_is_a_list_of_days() -> None:
    """In version 1, which the operator's own schedules are read with, it is a star, and both day fields must admit."""
    fired = decode_five("0 3 */2 * fri").next(NOON, 3)
    assert [moment.day for moment in fired] == [2, 3, 5]


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        ("0 0 3 * * *", "6 fields instead of five"),
        ("0 3 * * 7", "day of week goes from 0 to 6"),
        ("TZ=UTC 0 3 * * *", "the zone belongs into spec.timeZone"),
        ("CRON_TZ=UTC 0 3 * * *", "the zone belongs into spec.timeZone"),
        ("", "empty"),
        ("@noon", "no macro"),
    ],
)
def test_what_is_refused(schedule: str, why: str) -> None:
    with pytest.raises(ScheduleError, match=why):
        decode_five(schedule)


def test_the_words_are_those_of_five_fields() -> None:
    assert decode_five("0 3 * * *").text == "at 03:00:00 every day"
    assert decode_five("0 3 * * *").schedule == "0 3 * * *"
    assert decode_five("0 3 * * *").given == 5


def test_zones() -> None:
    assert zone(None) is UTC
    assert NOON.astimezone(zone("Asia/Tokyo")).hour == 21
    for name in ("Local", "", "Mars/Olympus", "../etc/passwd"):
        with pytest.raises(ScheduleError, match="no time zone"):
            zone(name)
