"""Writes that are recorded outside the database: what was committed, what was not, and when.

A row counts as committed once COMMIT has returned. A commit whose answer never came is in doubt: after a restore its
rows may be there or not, but never in part.
"""

import hashlib
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

import psycopg

ROWS_EACH = 5
"""Rows of one transaction."""
_TABLE = """
create table if not exists load (
    id bigint primary key, transaction bigint not null, written timestamptz not null, payload text not null
)
"""


@dataclass(frozen=True)
class Commit:
    """One transaction."""

    number: int
    rows: dict[int, str]
    """Row → digest of its payload."""
    returned: datetime
    """When COMMIT had returned, by our clock."""


@dataclass(frozen=True)
class Verdict:
    """What a restored database holds of what was committed."""

    committed: int
    """Rows that had to be there."""
    found: int
    """Rows that are there."""
    missing: list[int] = field(default_factory=list)
    """Committed rows that are not there."""
    wrong: list[int] = field(default_factory=list)
    """Rows that are there with another payload than was written, or that nobody wrote."""
    torn: list[int] = field(default_factory=list)
    """Transactions that are there in part."""
    holes: list[int] = field(default_factory=list)
    """Transactions that are missing although a later one is there: an archive may lose its end, nothing before."""
    last: datetime | None = None
    """When the last commit that is there had returned."""
    checksum: str = ""
    """Of all rows that are there, the same as `Load.checksum` of as many transactions."""

    @property
    def whole(self) -> bool:
        """Whether every committed row is there, unharmed, and nothing else."""
        return not (self.missing or self.wrong or self.torn or self.holes)

    @property
    def consistent(self) -> bool:
        """Whether what is there is what was written up to some commit; later ones may be lost."""
        return not (self.wrong or self.torn or self.holes)


class Load:
    """One client that commits small transactions one after the other, in a thread of its own or when told.

    Use as a context manager for the thread. `connect` gives a connection; it is asked again when one breaks.
    """

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]], *, seed: int = 1, pause: float = 0.0) -> None:
        """`pause` is waited for between two transactions, in seconds; payloads follow from `seed`."""
        self.commits: list[Commit] = []
        """Every transaction whose commit returned, in order."""
        self.in_doubt: dict[int, dict[int, str]] = {}
        """Transactions whose commit did not return: number → rows."""
        self.failures: list[str] = []
        """Why connections broke."""
        self._connect = connect
        self._random = random.Random(seed)
        self._pause = pause
        self._number = 0
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._broken: BaseException | None = None

    def prepare(self) -> Self:
        """Make the table."""
        with self._connect() as connection:
            connection.execute(_TABLE)
        return self

    def write(self, transactions: int = 1) -> datetime:
        """Commit so many transactions now, in this thread; when the last one had returned."""
        with self._connect() as connection:
            for _ in range(transactions):
                self._commit(connection)
        return self.commits[-1].returned

    def __enter__(self) -> Self:
        self._over.clear()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the thread after its transaction. Raises what it died of, unless a broken connection."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._broken is not None:
            raise self._broken

    def wait(self, commits: int, seconds: float = 60.0) -> None:
        """Wait until so many more transactions are committed."""
        wanted, end = len(self.commits) + commits, time.monotonic() + seconds
        while len(self.commits) < wanted:
            assert time.monotonic() < end, f"{len(self.commits)} of {wanted} commits; {self.failures[-3:]}"
            time.sleep(0.01)

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                try:
                    with self._connect() as connection:
                        while not self._over.is_set():
                            self._commit(connection)
                            self._over.wait(self._pause)
                except psycopg.OperationalError as error:  # the server was ended, or is not up yet
                    self.failures.append(str(error))
                    self._over.wait(0.05)
        except BaseException as error:
            self._broken = error

    def _commit(self, connection: psycopg.Connection[Any]) -> None:
        self._number += 1
        number, first = self._number, self._number * ROWS_EACH
        payloads = {first + index: self._random.randbytes(40).hex() for index in range(ROWS_EACH)}
        rows = {row: _digest(payload) for row, payload in payloads.items()}
        written = datetime.now(UTC)
        with connection.cursor() as cursor:
            for row, payload in payloads.items():
                values = (row, number, written, payload)
                cursor.execute("insert into load (id, transaction, written, payload) values (%s, %s, %s, %s)", values)
        self.in_doubt[number] = rows
        connection.commit()
        del self.in_doubt[number]
        self.commits.append(Commit(number, rows, datetime.now(UTC)))

    @property
    def rows(self) -> int:
        """Rows whose commit returned."""
        return sum(len(commit.rows) for commit in self.commits)

    def checksum(self, *, until: datetime | None = None) -> str:
        """Of every committed row in order, up to a commit that returned at this time."""
        rows = [it.rows for it in self.commits if until is None or it.returned <= until]
        return _checksum({row: digest for each in rows for row, digest in each.items()})

    def verify(self, connection: psycopg.Connection[Any], *, until: datetime | None = None) -> Verdict:
        """Compare what a database holds with what was committed; with `until`, nothing later may be there either."""
        found = connection.execute("select id, transaction, payload from load order by id").fetchall()
        digests = {int(row): _digest(payload) for row, _, payload in found}
        there: dict[int, set[int]] = {}
        for row, number, _ in found:
            there.setdefault(int(number), set()).add(int(row))
        wanted = [commit for commit in self.commits if until is None or commit.returned <= until]
        late = {row for commit in self.commits if until is not None and commit.returned > until for row in commit.rows}
        known = {row: digest for commit in self.commits for row, digest in commit.rows.items()}
        known |= {row: digest for rows in self.in_doubt.values() for row, digest in rows.items()}
        committed = {row for commit in wanted for row in commit.rows}
        newest = max(there, default=0)
        all_rows = {commit.number: set(commit.rows) for commit in self.commits}
        all_rows |= {number: set(rows) for number, rows in self.in_doubt.items()}
        kept = [commit.returned for commit in self.commits if commit.number in there]
        return Verdict(
            committed=len(committed),
            found=len(digests),
            missing=sorted(committed - set(digests)),
            wrong=sorted(row for row, digest in digests.items() if known.get(row) != digest or row in late),
            torn=sorted(number for number, rows in there.items() if rows != all_rows.get(number)),
            holes=sorted(it.number for it in self.commits if it.number < newest and it.number not in there),
            last=max(kept, default=None),
            checksum=_checksum(digests),
        )


def _digest(payload: str) -> str:
    return hashlib.sha256(payload.encode()).hexdigest()


def _checksum(digests: dict[int, str]) -> str:
    return hashlib.sha256("\n".join(f"{row} {digests[row]}" for row in sorted(digests)).encode()).hexdigest()
