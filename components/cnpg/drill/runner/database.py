"""Connections to the restored PostgreSQL: over verified TLS, read-only, and interruptible at any moment."""

import select
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import extensions

_CONNECT_S = 10.0
_SESSION = {
    "default_transaction_read_only": "on",
    # A value is text in the same form everywhere, or a digest of it would not be stable.
    "TimeZone": "UTC",
    "DateStyle": "ISO,YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
}


_OWN_CONTEXTS = (None, "parallel worker")
"""Where PostgreSQL itself speaks."""


class DatabaseError(Exception):
    """PostgreSQL's refusal or silence; the text is its first line, which may quote a value (see `checks`)."""

    def __init__(self, message: str, code: str | None) -> None:
        super().__init__(message)
        self.code = code
        """SQLSTATE; None without an answer."""


class _Wait:
    """How psycopg2 waits: in Python, so that a signal is served, and until a deadline."""

    deadline = float("inf")

    def __call__(self, connection: Any) -> None:
        while (state := connection.poll()) != extensions.POLL_OK:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise psycopg2.OperationalError("no answer in time")
            readers = [connection.fileno()] if state == extensions.POLL_READ else []
            writers = [connection.fileno()] if state == extensions.POLL_WRITE else []
            select.select(readers, writers, [], min(left, 1.0))


_wait = _Wait()
extensions.set_wait_callback(_wait)


@dataclass(frozen=True)
class Server:
    """The restored PostgreSQL: where it is and who asks. `libpq` reads port and address from its own environment."""

    host: str
    """Name of its Service; the certificate must carry it."""
    role: str
    password: str
    authority: Path
    """File with the certificate authority of its Cluster."""

    @contextmanager
    def session(self, database: str, deadline: float) -> Iterator["Session"]:
        """A connection that ends at `deadline` (monotonic clock) at the latest. Raises `DatabaseError`."""
        _wait.deadline = min(deadline, time.monotonic() + _CONNECT_S)
        with _translated():
            connection = psycopg2.connect(
                host=self.host,
                dbname=database,
                user=self.role,
                password=self.password,
                sslmode="verify-full",
                sslrootcert=str(self.authority),
                gssencmode="disable",
                application_name="seawall-drill",
                options=" ".join(f"-c {name}={value}" for name, value in _SESSION.items()),
            )
        try:
            with _translated():
                connection.set_session(readonly=True, isolation_level="REPEATABLE READ")
            yield Session(connection, deadline)
        finally:
            connection.close()


class Session:
    """One read-only transaction after another."""

    def __init__(self, connection: Any, deadline: float) -> None:
        self._connection, self._deadline = connection, deadline

    def rows(self, query: str, most: int = 100_000) -> list[tuple[Any, ...]]:
        """The answer to a query, at most so many rows. Raises `DatabaseError`."""
        with self._transaction() as cursor:
            cursor.execute(query)
            found: list[tuple[Any, ...]] = cursor.fetchmany(most)
            return found

    def columns(self, query: str) -> int:
        """How many columns a query's answer has, without running it. Raises `DatabaseError`."""
        with self._transaction() as cursor:
            cursor.execute(f"SELECT * FROM (\n{query}\n) AS answer LIMIT 0")  # noqa: S608 - a setting, read-only
            return len(cursor.description or ())

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        _wait.deadline = self._deadline
        with _translated(), self._connection.cursor() as cursor:
            try:
                left = max(1, int((self._deadline - time.monotonic()) * 1000))
                cursor.execute(f"SET LOCAL statement_timeout = {left}")
                yield cursor
                self._connection.rollback()
            except psycopg2.Error:
                with suppress(psycopg2.Error):  # the first one tells more
                    self._connection.rollback()
                raise


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except psycopg2.Error as error:
        lines = str(error).strip().splitlines() or ["no answer"]
        # What a function raises is its own text, under any code that it likes.
        own = error.diag.context in _OWN_CONTEXTS
        told = lines[0] if own else f"SQLSTATE {error.pgcode}, within a function or another statement"
        raise DatabaseError(told, error.pgcode) from None
