"""What a drill says of tables that cannot be read. That PostgreSQL refuses them, tests/data shows on a real one."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from seawall.components.cnpg.drill.runner import drill
from seawall.components.cnpg.drill.runner.checks import readable
from seawall.components.cnpg.drill.runner.database import DatabaseError, Session

BROKEN = DatabaseError("invalid page in block 3 of relation base/16385/16389", "XX001")
GONE = DatabaseError("server closed the connection unexpectedly", None)


class Tables:
    """A double of a session: tables that can be read, or what PostgreSQL answers."""

    def __init__(self, tables: Mapping[str, DatabaseError | None]) -> None:
        self._tables = tables
        self.asked: list[str] = []

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        if "pg_catalog.pg_class" in query:
            return [(name,) for name in self._tables]
        self.asked.append(query)
        answer = self._tables[query.rpartition(" ")[2]]
        if answer is not None:
            raise answer
        return [(1,)]


def asked(tables: Mapping[str, DatabaseError | None]) -> tuple[Any, Tables]:
    session = Tables(tables)
    return readable(cast("Session", session), "shop"), session


def test_every_table_is_read_and_not_its_index() -> None:
    answer, session = asked({"public.orders": None, "pg_toast.pg_toast_1": None})
    assert (answer.ok, answer.kind, answer.database) == (True, "readable", "shop")
    assert answer.message == "every page of 2 tables was read"
    assert all("enable_indexonlyscan = off" in query for query in session.asked) and len(session.asked) == 2


def test_the_first_tables_that_cannot_be_read_are_named() -> None:
    answer, session = asked({f"public.t{number}": BROKEN for number in range(5)} | {"public.good": None})
    assert not answer.ok
    assert answer.message.startswith("what came back cannot be read: public.t0: invalid page in block 3 of relation")
    assert "public.t2" in answer.message and "public.t3" not in answer.message
    assert answer.message.endswith("; and 2 more")
    assert len(session.asked) == 6


def test_nobody_is_asked_again_who_has_gone() -> None:
    answer, session = asked({"public.a": GONE, "public.b": None})
    assert not answer.ok and len(session.asked) == 1


@pytest.mark.parametrize(
    ("message", "damaged"),
    [
        ('FATAL:  "base/16385" is not a valid data directory', True),
        ('FATAL:  could not open file "global/pg_filenode.map": No such file or directory', True),
        ("FATAL:  invalid page in block 0 of relation base/16385/2396", True),
        ("FATAL:  the database system is starting up", False),
        ('FATAL:  role "seawall_drill" does not exist', False),
    ],
)
def test_damage_that_shows_at_the_sign_in_is_told_from_what_passes(message: str, damaged: bool) -> None:
    assert (drill._DAMAGED.search(message) is not None) is damaged


def test_a_value_that_postgresql_quotes_is_not_passed_on() -> None:
    answer, _ = asked({"public.orders": DatabaseError('invalid input syntax for type integer: "4711"', "22P02")})
    assert not answer.ok
    assert "public.orders: SQLSTATE 22P02" in answer.message
    assert "4711" not in answer.message
