"""Questions to the restored databases, and their answers. Values stay out of the report unless a check says `show`."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from .database import DatabaseError, Session
from .plan import Check

CLOCKS_DIFFER_S = 300
"""A moment that is this much later than the restored point is no proof of freshness, but of a wrong clock or column."""

_SHOWN = 200

_NAMED = 3
"""Tables that a message names."""

_STORED = (
    "SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'm', 't', 'S') AND c.relpersistence = 'p' ORDER BY c.oid"
)
"""What has rows of its own in files: tables, materialised views, what is stored out of line, sequences."""

_WITHOUT_DATA = frozenset({"08", "25", "28", "3D", "42", "53", "57", "58", "XX"})
"""Classes of SQLSTATE whose messages name objects, files and rights, and never a value."""


@dataclass(frozen=True)
class Answer:
    """The outcome of one check."""

    database: str
    name: str
    kind: str
    """`answers`, `readable`, `equals`, `newer_than` or `checksum`."""
    ok: bool
    message: str
    rows: int | None = None
    """Rows of the table, for a checksum."""
    digest: str | None = None
    """Digest of the table's content, for a checksum."""
    age_seconds: float | None = None
    """How long before the restored point the moment was."""
    value: str | None = None
    """Only with `show`."""


def answers(session: Session, database: str) -> Answer:
    """Whether a database answers and shows its catalogue; the number of tables is the application's own."""
    [(tables,)] = session.rows(
        "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') "
        "AND n.nspname NOT LIKE 'pg\\_%'"
    )
    return Answer(database, "answers", "answers", True, f"it answers; tables: {tables}")


def readable(session: Session, database: str) -> Answer:
    """Whether every table can be read to its end: PostgreSQL looks at each page's checksum when it reads it.

    A restore copies files, and recovery reads only what the WAL names, so a damaged page shows first when it is asked
    for. Indexes are left out: they hold no rows of their own.
    """
    tables = [name for (name,) in session.rows(_STORED)]
    unread = []
    for name in tables:
        try:
            session.rows(f"SET LOCAL enable_indexonlyscan = off; SELECT pg_catalog.count(*) FROM ONLY {name}")  # noqa: S608 - quoted by PostgreSQL
        except DatabaseError as error:
            unread.append(f"{name}: {_said(error)}")
            if error.code is None:
                break  # nobody answers any more
    message = f"every page of {len(tables)} tables was read"
    if unread:
        more = f"; and {len(unread) - _NAMED} more" if len(unread) > _NAMED else ""
        message = f"what came back cannot be read: {'; '.join(unread[:_NAMED])}{more}"
    return Answer(database, "every table", "readable", not unread, message)


def ask(session: Session, check: Check, point: datetime) -> Answer:
    """Asks one question; `point` is the moment that was restored to. A refusal of PostgreSQL is a failed check."""
    kind = "checksum" if check.table else "equals" if check.equals is not None else "newer_than"
    try:
        if check.table:
            return _checksum(session, check, check.table)
        if check.equals is not None:
            return _equals(session, check, check.equals)
        return _newer(session, check, point)
    except DatabaseError as error:
        return Answer(check.database, check.name, kind, False, f"PostgreSQL refuses the question: {_said(error)}")


def _said(error: DatabaseError) -> str:
    """What a report may hold of it: PostgreSQL quotes a value that it cannot convert, and functions say anything."""
    told = error.code is None or error.code[:2] in _WITHOUT_DATA
    return str(error) if told else f"SQLSTATE {error.code}"


def _equals(session: Session, check: Check, wanted: str) -> Answer:
    value, problem = _value(session, check, "x::text")
    ok = problem is None and value == wanted
    message = problem or ("as expected" if ok else "the answer is another one than expected")
    if not ok and problem is None and not check.show:
        message += "; `show: true` puts it into the report"
    return Answer(check.database, check.name, "equals", ok, message, value=_shown(check, value))


def _newer(session: Session, check: Check, point: datetime) -> Answer:
    value, problem = _value(session, check, "extract(epoch FROM x::timestamptz)::text")
    if problem is not None or value is None:
        return Answer(check.database, check.name, "newer_than", False, problem or "there is no moment: NULL")
    age = point.timestamp() - float(Decimal(value))
    allowed = check.newer_than or 0
    if age < -CLOCKS_DIFFER_S:
        message = f"the moment is {-age:.0f} s after the restored point: a clock or the column is wrong"
        return Answer(check.database, check.name, "newer_than", False, message, age_seconds=round(age, 1))
    shown = datetime.fromtimestamp(float(Decimal(value)), UTC).isoformat() if check.show else None
    message = f"{age:.0f} s before the restored point, allowed are {allowed} s"
    return Answer(
        check.database, check.name, "newer_than", age <= allowed, message, age_seconds=round(age, 1), value=shown
    )


def _checksum(session: Session, check: Check, table: str) -> Answer:
    found = session.rows(checksum_query(table))
    rows, digest = digest_of(found[0])
    ok = check.checksum is None or check.checksum == digest
    message = f"{rows} rows"
    if check.checksum is None:
        message += "; nothing to compare with: record the digest as `checksum` when the table does not change"
    elif not ok:
        message += "; the digest is another one than recorded"
    return Answer(check.database, check.name, "checksum", ok, message, rows=rows, digest=digest)


def checksum_query(table: str) -> str:
    """The query whose one row `digest_of` turns into a table's digest. The order of the rows does not matter."""
    name = ".".join('"' + part.replace('"', '""') + '"' for part in table.split("."))
    lanes = ", ".join(
        f"coalesce(pg_catalog.sum(('x' || pg_catalog.substr(h, {start}, 16))::bit(64)::bigint), 0)::text"
        for start in (1, 17, 33, 49)
    )
    return (
        f"SELECT pg_catalog.count(*)::text, {lanes} FROM (SELECT pg_catalog.encode(pg_catalog.sha256("  # noqa: S608
        f"pg_catalog.convert_to(entire::text, 'UTF8')), 'hex') AS h FROM {name} AS entire) AS hashes"
    )


def digest_of(row: tuple[str, ...]) -> tuple[int, str]:
    """Number of rows and digest, from the row of `checksum_query`."""
    return int(row[0]), hashlib.sha256(":".join(row).encode()).hexdigest()


def _value(session: Session, check: Check, expression: str) -> tuple[str | None, str | None]:
    """The one value of the query as text, and what is wrong with the answer."""
    query = check.query or ""
    columns = session.columns(query)
    if columns != 1:
        return None, f"the query must answer with one column, not {columns}"
    found = session.rows(f"SELECT {expression} FROM (\n{query}\n) AS answer(x)", most=2)  # noqa: S608 - a setting
    if len(found) != 1:
        return None, f"the query must answer with one row, not {'none' if not found else 'several'}"
    return found[0][0], None


def _shown(check: Check, value: str | None) -> str | None:
    return value[:_SHOWN] if check.show and value is not None else None


def by_database(checks: tuple[Check, ...]) -> Iterator[tuple[str, list[Check]]]:
    """The checks of each database, in the order in which the databases are first named."""
    for database in dict.fromkeys(check.database for check in checks):
        yield database, [check for check in checks if check.database == database]
