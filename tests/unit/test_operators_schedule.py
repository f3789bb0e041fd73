"""Schedules of ScheduledBackup, decoded as the operator's own library decodes them."""

from datetime import UTC, datetime, timedelta

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.operators.cnpg.schedule import ScheduleError, decode, from_five_fields

NOW = datetime(2026, 11, 22, 6, 30, 15, tzinfo=UTC)  # a Sunday


def fires(schedule: str, count: int = 3) -> list[str]:
    return [f"{time:%m-%d %H:%M:%S}" for time in decode(schedule).next(NOW, count)]


@pytest.mark.parametrize(
    ("schedule", "text", "times"),
    [
        ("0 0 2 * * *", "at 02:00:00 every day", ["11-23 02:00:00", "11-24 02:00:00", "11-25 02:00:00"]),
        # five fields: minute 2 of every hour, as seen with the real operator
        ("0 2 * * *", "at minute 2 of every hour", ["11-22 07:02:00", "11-22 08:02:00", "11-22 09:02:00"]),
        (
            "30 6 * * *",
            "at second 30 of minute 6 of every hour",
            ["11-22 07:06:30", "11-22 08:06:30", "11-22 09:06:30"],
        ),
        ("0 0 2 * * SUN", "at 02:00:00, on Sunday", ["11-29 02:00:00", "12-06 02:00:00", "12-13 02:00:00"]),
        (
            "0 0 2 ? * mon-tue",
            "at 02:00:00, on Monday and Tuesday",
            ["11-23 02:00:00", "11-24 02:00:00", "11-30 02:00:00"],
        ),
        # neither day field starred: either is enough
        (
            "0 0 2 1 * 1",
            "at 02:00:00, on day 1 of the month or on Monday",
            ["11-23 02:00:00", "11-30 02:00:00", "12-01 02:00:00"],
        ),
        # one of them starred, even with a step: both must hold
        ("0 0 2 */2 * 1", None, ["11-23 02:00:00", "12-07 02:00:00", "12-21 02:00:00"]),
        (
            "0 0 2 1 jan,JUL *",
            "at 02:00:00, on day 1 of the month in January and July",
            ["01-01 02:00:00", "07-01 02:00:00", "01-01 02:00:00"],
        ),
        ("0 15/20 8-9 * * *", None, ["11-22 08:15:00", "11-22 08:35:00", "11-22 08:55:00"]),
        ("16 30 6 * * *", "at 06:30:16 every day", ["11-22 06:30:16", "11-23 06:30:16", "11-24 06:30:16"]),
        ("@daily", "at 00:00:00 every day", ["11-23 00:00:00", "11-24 00:00:00", "11-25 00:00:00"]),
        ("@weekly", "at 00:00:00, on Sunday", ["11-29 00:00:00", "12-06 00:00:00", "12-13 00:00:00"]),
        (
            "@every 1h30m",
            "every 1:30:00, counted from the previous run",
            ["11-22 08:00:15", "11-22 09:30:15", "11-22 11:00:15"],
        ),
        ("0 0 0 29 2 *", "at 00:00:00, on day 29 of the month in February", ["02-29 00:00:00"]),
        ("0 0 2 31 2 *", "at 02:00:00, on day 31 of the month in February", []),
        (", 0 0 * * *", "never", []),
    ],
)
def test_meaning(schedule: str, text: str | None, times: list[str]) -> None:
    assert fires(schedule) == times
    if text is not None:
        assert decode(schedule).text == text


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        ("", "empty"),
        ("0 1 * * 0", "month '0': month goes from 1 to 12"),
        ("0 0 2 * * * *", "7 fields"),
        ("2 * * *", "4 fields"),
        ("0 0 2 * * 7", "day of week '7'"),
        ("60 0 2 * * *", "second '60'"),
        ("0 0 24 * * *", "hour '24'"),
        ("0 0 2 0 * *", "day of month '0'"),
        ("0 0 5-2 * * *", "the range ends before it begins"),
        ("0 0 1-2-3 * * *", "more than one hyphen"),
        ("0 0 1/2/3 * * *", "more than one slash"),
        ("0 0 */0 * * *", "a step of 0"),
        ("0 0 two * * *", "'two' is not a number"),
        ("0 0 -1 * * *", "'' is not a number"),
        ("@nightly", "no macro"),
        ("@every day", "no duration"),
        ("@every 6", "no duration"),
        ("@every 99999999h", "longer than a century"),
        ("CRON_TZ=UTC 0 0 2 * * *", "7 fields"),
    ],
)
def test_refused(schedule: str, why: str) -> None:
    with pytest.raises(ScheduleError, match=why.replace("*", r"\*")):
        decode(schedule)


def test_gaps() -> None:
    assert decode("0 0 2 * * *").longest_gap(NOW) == timedelta(days=1)
    assert decode("0 0 2,3 * * *").shortest_gap(NOW) == timedelta(hours=1)
    assert decode("0 0 2 29 2 *").longest_gap(NOW) is None


@pytest.mark.parametrize(
    ("five", "six"),
    [
        ("0 2 * * *", "0 0 2 * * *"),
        ("0 1 * * 0", "0 0 1 * * 0"),
        ("0 1 * * 7", "0 0 1 * * 0"),
        ("0 1 * * 5-7", "0 0 1 * * 0,5,6"),
        ("0 1 * * 0-7", "0 0 1 * * 0,1,2,3,4,5,6"),
        ("0 1 * * 1-7/2,7", "0 0 1 * * 0,1,3,5,0"),
        ("*/7 1 17 * */7", "0 */7 1 17 * */7"),
    ],
)
def test_from_five_fields(five: str, six: str) -> None:
    assert from_five_fields(five) == six


def _field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    ends = st.tuples(number, number).filter(lambda pair: pair[0] != pair[1])  # the library reads `0-0/1` as a star
    span = ends.map(lambda pair: f"{min(pair)}-{max(pair)}")
    return st.one_of(
        st.just("*"),
        number.map(str),
        span,
        st.tuples(span, st.integers(1, 9)).map(lambda pair: f"{pair[0]}/{pair[1]}"),
        st.lists(number, min_size=1, max_size=3).map(lambda numbers: ",".join(map(str, numbers))),
    )


@settings(max_examples=120, deadline=None)
@given(
    st.tuples(_field(0, 59), _field(0, 23), _field(1, 28), _field(1, 12), _field(0, 6)),
    st.datetimes(datetime(2024, 1, 1), datetime(2031, 1, 1)),
)
def test_six_fields_agree_with_cron_where_both_mean_the_same(fields: tuple[str, ...], start: datetime) -> None:
    """Second 0 in front of a five-field schedule is that schedule, as an independent library decides it."""
    five = " ".join(fields)
    start = start.replace(microsecond=0)
    expected = []
    for time, _ in zip(CronSim(five, start), range(4), strict=False):
        if time.year > start.year + 5:
            break
        expected.append(time)
    assert list(decode(f"0 {five}").next(start.replace(tzinfo=UTC), 4)) == [t.replace(tzinfo=UTC) for t in expected]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30) | st.text("0123456789*/-,? @everyhms", max_size=30))
def test_no_text_escapes(schedule: str) -> None:
    try:
        cadence = decode(schedule)
    except ScheduleError:
        return
    assert cadence.text
    cadence.longest_gap(NOW)
