"""Random writes by several clients at once, each of which knows what the database must hold after each of its commits.

Every client has tables and large objects of its own, and writes the number of its transaction into `position` with it:
so a restored database says itself up to which transaction of each client it goes, and what it must hold then.
"""

import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any, Self

import psycopg
from psycopg import sql

Connect = Callable[[], psycopg.Connection[Any]]
State = dict[str, dict[int, str]]
"""Table → row → digest of its payload. Large objects are the rows of the table with no name."""
LARGE = ""
_SIZES = ((10, 400, 8), (400, 3_000, 4), (10_000, 60_000, 1))
"""Bytes of a payload, from and to, and how often: most fit into a page, some are moved out of line (TOAST)."""
_MOST_TABLES = 4
_KINDS = {"insert": 6, "update": 4, "delete": 2, "large": 2, "create": 1, "drop": 1, "alter": 1, "nothing": 1}
"""What a client does, and how often."""


@dataclass(frozen=True)
class Change:
    """What a transaction did: a row has a new digest, or is gone (`digest` None); a table is made, or gone."""

    table: str
    row: int | None = None
    digest: str | None = None
    made: bool = False


@dataclass
class Commit:
    """One transaction of one client."""

    number: int
    changes: list[Change]
    begun: float
    """By the monotonic clock, as `returned`."""
    returned: float | None = None
    """When COMMIT had returned; None when its answer never came."""
    lsn: int | None = None
    """A position in the WAL that is not before the commit's end; None when the server was gone before it said one."""


@dataclass
class Verdict:
    """What a database holds of what was committed."""

    acknowledged: int = 0
    """Commits whose answer came."""
    archived: int = 0
    """Of them, those that end in the WAL that is archived."""
    found: int = 0
    """Commits that are there."""
    rows: int = 0
    """Rows that are there, large objects included."""
    wrong: list[str] = field(default_factory=list)
    """What is not as it was written: each in words."""

    @property
    def good(self) -> bool:
        """Whether everything that had to be there is there, as it was written, and nothing else."""
        return not self.wrong


class Client:
    """One client: a connection, a thread, and what it knows."""

    def __init__(self, name: int, connect: Connect, seed: int, pause: float) -> None:
        self.name = name
        self.commits: list[Commit] = []
        self.state: State = {LARGE: {}}
        """After the last commit whose answer came, or that is known to be there."""
        self._connect = connect
        self._random = random.Random(seed)
        self._pause = pause
        self._number = 0
        self._names = 0
        self._row = 0

    def run(self, over: threading.Event) -> None:
        """Commits one transaction after the other until it is over or the server is gone."""

        def work(connection: psycopg.Connection[Any]) -> None:
            done = 0
            while not over.is_set():
                self._transact(connection)
                done += 1
                # Slower with time: a base backup waits for archiving, which a slow machine does slower than we write.
                over.wait(self._random.random() * self._pause * (1 + done / 30))

        until_gone(self._connect, work)

    def settle(self, connection: psycopg.Connection[Any]) -> None:
        """Learns from a server that went on whether the commit without an answer is there."""
        if self.commits and self.commits[-1].returned is None:
            last = self.commits[-1]
            if _position(connection, self.name) == last.number:
                last.returned = time.monotonic()
                apply(self.state, last.changes)
            else:
                self.commits.pop()

    def _transact(self, connection: psycopg.Connection[Any]) -> None:
        self._number += 1
        commit = Commit(self._number, [], time.monotonic())
        undone = self._random.random() < 0.08
        draft: State = {table: dict(rows) for table, rows in self.state.items()}
        connection.execute("begin")
        for _ in range(self._random.randint(1, 4)):
            self._act(connection, draft, commit.changes)
        if undone:
            connection.execute("rollback")
            return
        connection.execute("update position set number = %s where client = %s", (commit.number, self.name))
        self.commits.append(commit)
        connection.execute("commit")
        commit.returned = time.monotonic()
        self.state = draft
        [(lsn,)] = connection.execute("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchall()
        commit.lsn = int(lsn)

    def _act(self, connection: psycopg.Connection[Any], draft: State, changes: list[Change]) -> None:
        """One random change in an open transaction, noted in `changes` and made in `draft`."""
        tables = [name for name in draft if name != LARGE]
        [kind] = self._random.choices(list(_KINDS), list(_KINDS.values()))
        if not tables or (kind == "create" and len(tables) < _MOST_TABLES):
            made = self._create(connection)
        elif kind == "large":
            made = self._large(connection, draft[LARGE])
        else:
            table = self._random.choice(tables)
            made = self._change(connection, kind, table, sorted(draft[table]))
        apply(draft, made)
        changes += made

    def _create(self, connection: psycopg.Connection[Any]) -> list[Change]:
        self._names += 1
        table = f"c{self.name}_{self._number}_{self._names}"
        name = sql.Identifier(table)
        connection.execute(sql.SQL("create table {} (id bigint primary key, payload bytea not null)").format(name))
        if self._random.random() < 0.5:
            connection.execute(sql.SQL("create index on {} (md5(payload))").format(name))
        return [Change(table, made=True)]

    def _change(self, connection: psycopg.Connection[Any], kind: str, table: str, rows: list[int]) -> list[Change]:
        name = sql.Identifier(table)
        if kind == "drop" and len(rows) > 20:
            if self._random.random() < 0.5:
                connection.execute(sql.SQL("drop table {}").format(name))
                return [Change(table)]
            connection.execute(sql.SQL("truncate {}").format(name))
            return [Change(table, row) for row in rows]
        if kind == "alter":
            column = sql.Identifier(f"x{self._number}_{len(rows)}_{self._names}")
            self._names += 1
            connection.execute(sql.SQL("alter table {} add column {} int default 7").format(name, column))
            return []
        if kind == "nothing":  # what is undone leaves no trace
            connection.execute("savepoint s")
            connection.execute(sql.SQL("delete from {}").format(name))
            connection.execute("rollback to savepoint s")
            return []
        some = self._random.sample(rows, min(len(rows), self._random.choice((1, 2, 20))))
        if kind == "update" and some:
            payloads = {row: self._payload() for row in some}
            query = sql.SQL("update {} set payload = %s where id = %s").format(name)
            connection.cursor().executemany(query, [(payload, row) for row, payload in payloads.items()])
        elif kind == "delete" and some:
            connection.execute(sql.SQL("delete from {} where id = any(%s)").format(name), (some,))
            return [Change(table, row) for row in some]
        else:
            count = self._random.choice((1, 1, 5, 20, 100))
            payloads = {self._row + number: self._payload() for number in range(1, count + 1)}
            self._row += count
            query = sql.SQL("insert into {} (id, payload) values (%s, %s)").format(name)
            connection.cursor().executemany(query, list(payloads.items()))
        return [Change(table, row, _digest(payload)) for row, payload in payloads.items()]

    def _large(self, connection: psycopg.Connection[Any], known: dict[int, str]) -> list[Change]:
        if known and self._random.random() < 0.4:
            one = self._random.choice(sorted(known))
            connection.execute("select lo_unlink(%s)", (one,))
            return [Change(LARGE, one)]
        payload = self._random.randbytes(self._random.randint(1, 40_000))
        [(made,)] = connection.execute("select lo_from_bytea(0, %s)", (payload,)).fetchall()
        return [Change(LARGE, int(made), _digest(payload))]

    def _payload(self) -> bytes:
        low, high, _ = self._random.choices(_SIZES, [weight for *_, weight in _SIZES])[0]
        return self._random.randbytes(self._random.randint(low, high))


def until_gone(connect: Connect, work: Callable[[psycopg.Connection[Any]], None]) -> None:
    """Works with a connection of its own until the work is done or the server is gone."""
    try:
        connection = connect()
    except psycopg.OperationalError:
        return
    with closing(connection):
        connection.autocommit = True
        try:
            work(connection)
        except psycopg.OperationalError:
            if not connection.broken:
                raise


def apply(state: State, changes: list[Change]) -> None:
    """Makes changes in what is known of a database."""
    for it in changes:
        if it.row is None and it.made:
            state[it.table] = {}
        elif it.row is None:
            del state[it.table]
        elif it.digest is None:
            del state[it.table][it.row]
        else:
            state[it.table][it.row] = it.digest


class RandomLoad:
    """Several clients and somebody who keeps the database: VACUUM, checkpoints, WAL switches, new indexes."""

    def __init__(self, connect: Connect, *, seed: int, clients: int, pause: float = 0.05) -> None:
        """`pause` is the longest between two transactions of a client at first, in seconds; it grows with time."""
        self.clients = [Client(name, connect, seed * 1000 + name, pause) for name in range(clients)]
        self._connect = connect
        self._random = random.Random(seed)
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._broken: list[BaseException] = []

    def prepare(self) -> Self:
        """Makes the table by which a database says how far it goes."""
        with self._connect() as connection:
            connection.execute("create table position (client int primary key, number bigint not null)")
            for client in self.clients:
                connection.execute("insert into position values (%s, 0)", (client.name,))
        return self

    def start(self) -> None:
        """Lets everybody work, each in a thread, until `stop` or until the server is gone."""
        self._over.clear()
        work = [*(client.run for client in self.clients), self._keep]
        self._threads = [threading.Thread(target=self._guarded, args=(it,), daemon=True) for it in work]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends everybody after the transaction that is under way. Raises what one died of, unless it was the server."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        if self._broken:
            raise self._broken[0]

    def settle(self, connection: psycopg.Connection[Any]) -> None:
        """Learns from a server that went on which commits without an answer are there."""
        for client in self.clients:
            client.settle(connection)

    @property
    def acknowledged(self) -> int:
        """Commits whose answer came."""
        return sum(it.returned is not None for client in self.clients for it in client.commits)

    def _guarded(self, work: Callable[[threading.Event], None]) -> None:
        try:
            work(self._over)
        except BaseException as error:
            self._broken.append(error)

    def _keep(self, over: threading.Event) -> None:
        chores = ["checkpoint"] * 2 + ["vacuum"] * 2 + ["select pg_switch_wal()", "vacuum freeze", "analyze"]

        def work(connection: psycopg.Connection[Any]) -> None:
            while not over.wait(self._random.uniform(0.2, 1.2)):
                tables = [it.table for client in self.clients for it in _made(client)]
                if not tables or self._random.random() < 0.7:
                    connection.execute(self._random.choice(chores))
                    continue
                again = sql.SQL(self._random.choice(("reindex table {}", "vacuum full {}")))
                with suppress(psycopg.errors.UndefinedTable):
                    connection.execute(again.format(sql.Identifier(self._random.choice(tables))))

        until_gone(self._connect, work)

    def verify(self, connection: psycopg.Connection[Any], *, archived: int | None = None) -> Verdict:
        """Compares a database with what was committed, row by row.

        Every commit that ends before the position `archived` must be there; without one, every acknowledged one.
        """
        verdict = Verdict()
        large: dict[int, str] = {}
        present: list[Commit] = []
        tables = {str(name) for (name,) in connection.execute("select tablename from pg_tables where tablename ~ '^c'")}
        for client in self.clients:
            number = _position(connection, client.name)
            there = [it for it in client.commits if it.number <= number]
            if (there[-1].number if there else 0) != number:
                verdict.wrong.append(f"client {client.name} is at {number}, which it never committed")
            answered = [it for it in client.commits if it.returned is not None]
            needed = [it for it in answered if archived is None or (it.lsn is not None and it.lsn <= archived)]
            lost = [it.number for it in needed if it.number > number]
            if lost:
                verdict.wrong.append(f"client {client.name} lost {lost[:5]} of its commits, it is at {number}")
            verdict.acknowledged += len(answered)
            verdict.archived += len(needed)
            verdict.found += len(there)
            present += there
            state: State = {LARGE: {}}
            for commit in there:
                apply(state, commit.changes)
            large |= state.pop(LARGE)
            own = {it for it in tables if it.startswith(f"c{client.name}_")}
            if own != set(state):
                verdict.wrong.append(f"client {client.name} has the tables {sorted(own ^ set(state))} or has them not")
            for table in own & set(state):
                query = sql.SQL("select id, encode(sha256(payload), 'hex') from {}").format(sql.Identifier(table))
                verdict.rows += self._compare(table, state[table], connection.execute(query).fetchall(), verdict.wrong)
        objects = connection.execute("select oid, encode(sha256(lo_get(oid)), 'hex') from pg_largeobject_metadata")
        verdict.rows += self._compare("large objects", large, objects.fetchall(), verdict.wrong)
        verdict.wrong += self._out_of_order(present)
        return verdict

    def _compare(self, what: str, wanted: dict[int, str], found: list[tuple[Any, ...]], wrong: list[str]) -> int:
        there = {int(row): str(digest) for row, digest in found}
        differing = sorted(row for row in {*wanted, *there} if wanted.get(row) != there.get(row))
        if differing:
            wrong.append(f"{what}: {len(differing)} rows of {len(wanted)} differ, {differing[:5]}")
        return len(there)

    def _out_of_order(self, present: list[Commit]) -> Iterator[str]:
        """A commit that was acknowledged before another one began must be there when that one is."""
        begun = max((it.begun for it in present), default=0.0)
        kept = {id(it) for it in present}
        for client in self.clients:
            for it in client.commits:
                if it.returned is not None and it.returned < begun and id(it) not in kept:
                    yield f"client {client.name} lost {it.number}, and a later commit of another is there"


def _made(client: Client) -> list[Change]:
    return [it for commit in client.commits[-20:] for it in commit.changes if it.made]


def _position(connection: psycopg.Connection[Any], client: int) -> int:
    [(number,)] = connection.execute("select number from position where client = %s", (client,)).fetchall()
    return int(number)


def _digest(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()
