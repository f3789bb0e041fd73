"""The process's arguments, sizes and schedules of snapshots, as Dragonfly reads them."""

from datetime import UTC, datetime, timedelta

import pytest

from seawall.operators.cnpg.schedule import ScheduleError
from seawall.operators.dragonfly.flags import last_of_each, read_arguments, size, truth
from seawall.operators.dragonfly.schedule import decode

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("arguments", "read"),
    [
        (["--maxmemory=1g"], [("maxmemory", "1g", 0)]),
        (["-maxmemory=1g=2"], [("maxmemory", "1g=2", 0)]),
        (["--maxmemory", "1g", "--hz=5"], [("maxmemory", "1g", 0), ("hz", "5", 2)]),
        (["--maxmemory", "--hz=5"], [("maxmemory", "", 0), ("hz", "5", 1)]),
        (["--maxmemory"], [("maxmemory", "", 0)]),
        (["--cache_mode", "word", "--nocache_mode"], [("cache_mode", "true", 0), ("cache_mode", "false", 2)]),
        (["--no_tls_on_admin_port", "--notls"], [("no_tls_on_admin_port", "true", 0), ("tls", "false", 1)]),
        (["word", "-", "--hz=1", "--", "--hz=2"], [("hz", "1", 2)]),
        (["--noport"], [("noport", "", 0)]),
    ],
)
def test_arguments(arguments: list[str], read: list[tuple[str, str, int]]) -> None:
    assert [(it.name, it.value, it.index) for it in read_arguments(arguments)] == read


def test_the_last_of_a_name_wins() -> None:
    final = last_of_each(read_arguments(["--hz=1", "--port=1", "--hz=2"]))
    assert {name: it.value for name, it in final.items()} == {"hz": "2", "port": "1"}


@pytest.mark.parametrize(
    ("value", "meant"),
    [("true", True), ("T", True), ("Yes", True), ("1", True), ("0", False), ("N", False), ("false", False), ("", None)],
)
def test_switches(value: str, meant: bool | None) -> None:
    assert truth(value) is meant


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("1610612736", 1610612736),
        ("1.5g", 1610612736),
        ("1.5GiB", 1610612736),
        ("1.5Gi", 1610612736),
        ("1 g", None),
        ("1i", None),
        ("400mb", 400 * 1024**2),
        ("2K", 2048),
        ("7b", 7),
        ("0", 0),
        ("-1", None),
        ("much", None),
        ("$(MEMORY)", None),
        ("", None),
    ],
)
def test_sizes(value: str, number: int | None) -> None:
    assert size(value) == number


@pytest.mark.parametrize(
    ("schedule", "first"),
    [
        ("0 */6 * * *", datetime(2026, 3, 2, 6, tzinfo=UTC)),
        ("30 2 ? * ?", datetime(2026, 3, 2, 2, 30, tzinfo=UTC)),
        ("5/20 * * * *", datetime(2026, 3, 2, 0, 5, tzinfo=UTC)),
        ("0 0 * * mon-fri", datetime(2026, 3, 3, tzinfo=UTC)),
        ("0 0 1 APR,JUL *", datetime(2026, 4, 1, tzinfo=UTC)),
        ("0  0  *  *  0", datetime(2026, 3, 8, tzinfo=UTC)),
        # both day fields must match: the first Friday that is a thirteenth, where cron would take either
        ("0 0 13 * 5", datetime(2026, 3, 13, tzinfo=UTC)),
        ("0 0 13 * 1", datetime(2026, 4, 13, tzinfo=UTC)),
    ],
)
def test_schedules(schedule: str, first: datetime) -> None:
    [fired] = decode(schedule).next(NOW, 1)
    assert fired == first


def test_steps_from_a_number_go_to_the_end_of_the_field() -> None:
    assert decode("5/20 1-5/2 * * *").fields[1].admitted == {5, 25, 45}
    assert decode("5/20 1-5/2 * * *").fields[2].admitted == {1, 3, 5}


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        ("0 0 * * * *", "6 fields"),
        ("", "0 fields"),
        ("@daily", "1 fields"),
        ("60 * * * *", "minute goes from 0 to 59"),
        ("0 0 * * 7", "day of week goes from 0 to 6"),
        ("0 0 0 * *", "day of month goes from 1 to 31"),
        ("0 0 * ? *", "is not a number"),
        ("0 0 * FEBRUARY *", "is not a number"),
        ("1, * * * *", "ends with a comma"),
        ("1,,2 * * * *", "is not a number"),
        ("1-2-3 * * * *", "more than one hyphen"),
        ("*/5/5 * * * *", "more than one slash"),
        ("9-2 * * * *", "ends before it begins"),
        ("*/0 * * * *", "a step of 0"),
        ("0\t0 * * *", "4 fields"),
        ("0 0 * * MON,MON", "is not a number"),
    ],
)
def test_schedules_at_which_the_process_exits(schedule: str, why: str) -> None:
    with pytest.raises(ScheduleError, match=why):
        decode(schedule)


def test_a_schedule_that_never_fires() -> None:
    assert decode("0 0 30 2 *").next(NOW) == ()
    assert decode("0 0 29 2 *").next(NOW, 1) == (datetime(2028, 2, 29, tzinfo=UTC),)
    assert decode("*/15 * * * *").shortest_gap(NOW) == timedelta(minutes=15)
