"""The real archive that is damaged: two base backups, two timelines, a tablespace, and every row of it known.

A server is written to, backed up, written to, promoted to a second timeline, written to, and lost. Each row is recorded
outside the database with its place in the WAL, so it is known which rows a recovery up to a segment has to bring.
"""

import copy
import gzip
import hashlib
import random
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import rendered
from barman_archive import Archive, BaseBackup, Manifest
from damage_store import Copied, LocalStore
from data_tools import Tools
from postgres_server import Postgres
from stack_samples import GONE

from seawall.components.cnpg.drill.runner.checks import checksum_query, digest_of

SERVER = rendered.CLUSTER
DATABASE = "harbor"
"""The application's database in which the rows are."""
CHANGES: tuple[tuple[str, Any], ...] = (
    ("applications.gitlab", GONE),
    ("applications.synergyflow", GONE),
    ("applications.keycloak", GONE),
    ("restore_drill.assertions", {}),
)
"""Of the stack's applications one is enough, and what it knows of its data is not in ours."""
SEGMENT = 16 << 20
CLOSED = 3000
"""Rows that are written before the base backups and never again: what a table of a closed year is."""
EACH = 40
"""Rows of one transaction; a segment gets three."""
PAUSE = timedelta(minutes=30)
"""From one WAL file to the next, as their dates and the application's `pulse` tell it: more than an RPO."""
BACKED_UP = timedelta(hours=8)
"""How long ago the newest base backup ended, by everything that tells it."""
SETTINGS = {"autovacuum": "off", "wal_compression": "off"}


@dataclass(frozen=True)
class Row:
    """A row of `ledger`."""

    digest: str
    before: int
    """A position in the WAL that its commit begins at or after."""
    after: int
    """And one that it ends at or before."""


@dataclass(frozen=True)
class Truth:
    """What a restore really brought back."""

    kind: str
    """`whole`: every row. `short`: every row up to a commit, and none after it. `harmed`: something else is wrong.
    `failed`: no server came up."""
    rows: int = 0
    """Rows of `ledger` that are there."""
    why: str = ""


@dataclass
class Past:
    """What happened to the server, and what is left of it."""

    store: LocalStore
    archive: Archive
    older: BaseBackup
    newest: BaseBackup
    rows: list[Row]
    """Of `ledger`, in order of their `id`, which counts from 0."""
    closed: str
    """Digest of the rows that never change."""
    checksum: str
    """The same as a restore drill computes it."""
    relation: str
    """Where the file of `closed` is in the data directory."""
    index: str
    """And the file of its index."""
    beside: str
    """The file of `beside`, in the tablespace's tar."""
    space: str
    """The number of the tablespace."""
    place: Path
    """And where it is, in the source and in everything that is restored."""
    transaction: int
    """The transaction that wrote `closed`."""
    pulse: datetime
    """The newest moment in the application's table `pulse`."""
    other: dict[str, bytes]
    """Objects of another server's archive, by their names below the server's folder."""

    @property
    def segments(self) -> list[str]:
        """Names of the WAL files from the newest backup's first on, along the timelines."""
        names = [key.rpartition("/")[2] for key in self.archive.objects() if key.endswith(".gz")]
        found = sorted((name[:24] for name in names if len(name) == 27), key=lambda name: name[8:])
        return [name for name in found if name[8:] >= self.newest.begin_wal[8:]]

    def copied(self, bucket: str, *, versioned: bool = False, rest: timedelta = timedelta(minutes=1)) -> Copied:
        """A copy whose newest WAL was archived so long ago, each before it `PAUSE` earlier, and the backups before."""
        made = Copied(self.store, bucket, versioned=versioned)
        segments = sorted(made.keys("/wals/"), key=lambda it: it.rpartition("/")[2][8:])
        for number, name in enumerate(reversed(segments)):
            made.date(name, rest + number * PAUSE)
        for number, backup in enumerate((self.newest, self.older)):
            for name in made.keys(f"/base/{backup.id}/"):
                made.date(name, BACKED_UP + number * PAUSE)
        return made

    def truth(self, server: Postgres) -> Truth:
        """What is there, compared row by row."""
        found: list[tuple[int, str]] = []
        try:
            with server.connect(dbname=DATABASE) as connection:
                found = [(int(row), digest(body)) for row, body in _rows(connection, "ledger")]
                closed = _digest_of(_rows(connection, "closed"))
                beside = _digest_of(_rows(connection, "beside"))
        except psycopg.Error as error:
            return Truth("harmed", len(found), str(error).splitlines()[0])
        wanted = [(number, row.digest) for number, row in enumerate(self.rows)]
        if closed != self.closed or beside != self.closed:
            return Truth("harmed", len(found), "rows that never changed are other ones")
        if found != wanted[: len(found)]:
            return Truth("harmed", len(found), "the rows are not those that were written")
        return Truth("whole" if len(found) == len(wanted) else "short", len(found))

    def rows_until(self, wal: str, *, more: bool = False) -> range:
        """How many rows of `ledger` the WAL up to a segment, that one included, brings.

        With `more` the next segment may bring some as well: it is damaged, at a place that is not known.
        """
        end = (int(wal[8:16], 16) * 256 + int(wal[16:], 16) + 1) * SEGMENT
        last = end + SEGMENT if more else end
        return range(sum(row.after <= end for row in self.rows), sum(row.before < last for row in self.rows) + 1)


class TidyArchive(Archive):
    """An archive with a tablespace, whose place is emptied before each restore: it is the same for all of them."""

    def __init__(self, *given: Any) -> None:
        *rest, self._place = given
        super().__init__(*rest)

    def restore(self, into: Path, **how: Any) -> BaseBackup:
        """Fetches a base backup, as the archive does."""
        empty(self._place)
        return super().restore(into, **how)


def empty(folder: Path) -> None:
    """Removes everything in a folder."""
    for each in folder.iterdir():
        shutil.rmtree(each)


def lived(tools: Tools, store: LocalStore, workplace: Callable[[str], Path]) -> Past:
    """Makes the server, its archive, and its end; and beside it another one."""
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(_other, tools, store, workplace)
        return _lived(tools, store, workplace, other)


def _lived(tools: Tools, store: LocalStore, workplace: Callable[[str], Path], other: Future[dict[str, bytes]]) -> Past:
    archive = Archive(rendered.object_store(store, *CHANGES), store, SERVER, tools, workplace("archive"))
    archive.check_empty()
    server = Postgres.create(workplace("source"), tools, {**SETTINGS, **archive.settings()})
    server.start()
    for application in rendered.cluster(store, *CHANGES).applications:
        server.sql(f'CREATE ROLE "{application.role}" LOGIN')
        server.sql(f'CREATE DATABASE "{application.database}" OWNER "{application.role}"')
        server.sql(f'REVOKE CONNECT ON DATABASE "{application.database}" FROM PUBLIC')
    place = workplace("fast")
    server.sql(f"CREATE TABLESPACE fast LOCATION '{place}'")
    source = _Writer(server)
    closed, transaction = source.closed()
    ((relation, index, beside, space),) = source.ask(
        "SELECT pg_relation_filepath('closed'), pg_relation_filepath('closed_pkey'), pg_relation_filepath('beside'), "
        "(SELECT oid::text FROM pg_tablespace WHERE spcname = 'fast')"
    )
    split = Archive(_in_parts(archive.manifest), store, SERVER, tools, archive.home)
    older = archive.backup(server)
    source.segment()
    newest = _under_load(split, server, source)
    for _ in range(2):
        source.segment()
    source.write()  # what the server is stopped in is archived as well
    promoted(server)
    for _ in range(3):
        last = source.segment()
    assert int(last[16:], 16) <= _SWITCHES, f"{last}: the other server has not as many WAL files"
    server.wait_archived(last)
    # Now, as reading sets hint bits, and those of pages with a checksum are in the WAL.
    rows, checksum = digest_of(tuple(map(str, source.ask(checksum_query("public.closed"))[0])))
    assert rows == CLOSED
    server.kill()
    server.remove()
    empty(place)
    return Past(
        store=store,
        archive=archive,
        older=_moved(archive, older, BACKED_UP + PAUSE),
        newest=_moved(archive, newest, BACKED_UP),
        rows=source.rows,
        closed=closed,
        checksum=checksum,
        relation=relation,
        index=index,
        beside=beside.partition(f"/{space}/")[2],
        space=space,
        place=place,
        transaction=transaction,
        pulse=source.pulse,
        other=other.result(),
    )


def _in_parts(manifest: Manifest) -> Manifest:
    """The same ObjectStore with a base backup in several tars, as that of a large server is."""
    made: dict[str, Any] = copy.deepcopy(dict(manifest))
    arguments = made["spec"]["configuration"]["data"].setdefault("additionalCommandArgs", [])
    arguments.append("--max-archive-size=1MB")
    return made


def _under_load(archive: Archive, server: Postgres, source: "_Writer") -> BaseBackup:
    """A base backup while rows are written and checkpoints are made: it is of no single moment, but for its label."""
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(archive.backup, server)
        while not made.done():
            source.write()
            server.sql("CHECKPOINT")
            time.sleep(0.1)
        return made.result()


def _moved(archive: Archive, backup: BaseBackup, ago: timedelta) -> BaseBackup:
    """Has a base backup made earlier, by its name and its backup.info, so that it fits the dates of the WAL."""
    client, bucket, base = archive.store.client(), archive.store.bucket, f"{archive.prefix}base/"
    begun = datetime.now(UTC) - ago
    name = f"{begun:%Y%m%dT%H%M%S}"
    times = {"begin_time": begun, "end_time": begun + timedelta(seconds=20)}
    for key in archive.store.objects(f"{base}{backup.id}/"):
        body = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        if key.endswith("/backup.info"):
            lines = body.decode().splitlines()
            made = [f"{it.partition('=')[0]}={times.get(it.partition('=')[0], it.partition('=')[2])}" for it in lines]
            body = "\n".join([*made, ""]).encode()
        under = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": archive.store.key}
        client.put_object(Bucket=bucket, Key=key.replace(backup.id, name), Body=body, **under)
        client.delete_object(Bucket=bucket, Key=key)
    (moved,) = (it for it in archive.backups() if it.id == name)
    return moved


def _other(tools: Tools, store: LocalStore, workplace: Callable[[str], Path]) -> dict[str, bytes]:
    """What another server archived, with more WAL files than the first one has."""
    where = store.in_bucket(f"{store.bucket}-other")
    archive = Archive(rendered.object_store(where, *CHANGES), where, SERVER, tools, workplace("archive"))
    kept = workplace("wal")
    settings = {**archive.settings(), "archive_command": f"cp %p {kept}/%f"}  # nobody restores it: names are enough
    server = Postgres.create(workplace("other"), tools, settings)
    server.start()
    archive.backup(server)
    for _ in range(_SWITCHES):
        server.sql("SELECT pg_logical_emit_message(true, '', '')")
        name = server.switch_wal()
    server.wait_archived(name)
    server.kill()
    server.remove()
    found = {
        key.removeprefix(archive.prefix): where.backend.get_object(where.bucket, key).value for key in archive.objects()
    }
    where.drop(where.bucket)
    names = [it.name for it in kept.iterdir() if len(it.name) == 24]
    return found | {f"wals/{name[:16]}/{name}.gz": gzip.compress((kept / name).read_bytes(), 1) for name in names}


_SWITCHES = 14
_POSITION = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"


class _Writer:
    """Writes rows, and knows them."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._random = random.Random(1)
        self.rows: list[Row] = []
        self.pulse = datetime.now(UTC).replace(microsecond=0) - 6 * PAUSE

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return self._server.sql(query, dbname=DATABASE)

    def closed(self) -> tuple[str, int]:
        """The tables; digest and transaction of the rows that never change."""
        for table, where in (("closed", ""), ("beside", "TABLESPACE fast"), ("ledger", "")):
            self.ask(f"CREATE TABLE {table} (id int PRIMARY KEY, body text) {where}")
        self.ask("CREATE TABLE pulse (at timestamptz)")
        for table in ("closed", "beside", "ledger", "pulse"):
            self.ask(f"ALTER TABLE {table} OWNER TO harbor")
        rows = [(number, self._random.randbytes(60).hex()) for number in range(CLOSED)]
        with self._server.connect(dbname=DATABASE) as connection:
            for table in ("closed", "beside"):
                with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
            one = connection.execute("SELECT pg_current_xact_id()::text").fetchone()
        assert one is not None
        return _digest_of(rows), int(one[0])

    def write(self) -> None:
        """A transaction."""
        bodies = [self._random.randbytes(200).hex() for _ in range(EACH)]
        with self._server.connect(dbname=DATABASE) as connection:
            cursor = connection.cursor()
            first = len(self.rows)
            cursor.executemany("INSERT INTO ledger VALUES (%s, %s)", list(enumerate(bodies, first)))
            before = connection.execute(_POSITION).fetchone()
        ((after,),) = self.ask(_POSITION)
        assert before is not None
        self.rows += [Row(digest(body), int(before[0]), int(after)) for body in bodies]

    def segment(self) -> str:
        """Transactions until the WAL file is ended; its name."""
        for _ in range(3):
            self.write()
        self.pulse += PAUSE
        self.ask(f"INSERT INTO pulse VALUES ('{self.pulse.isoformat()}')")
        return self._server.switch_wal()


def promoted(server: Postgres) -> None:
    """A failover: the server comes back as a standby, and is promoted to a timeline of its own."""
    server.stop()
    (server.data / "standby.signal").touch()
    server.start(wait=False)
    server.wait()
    server.sql("SELECT pg_promote()")
    server.wait(primary=True)


def _rows(connection: psycopg.Connection[Any], table: str) -> list[tuple[int, str]]:
    # Without the index: what is asked for is the rows themselves.
    connection.execute("SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off")
    return connection.execute(f"SELECT id, body FROM {table} ORDER BY id").fetchall()


def digest(body: str) -> str:
    """Of one row."""
    return hashlib.sha256(body.encode()).hexdigest()


def _digest_of(rows: list[tuple[int, str]]) -> str:
    return digest("\n".join(f"{number} {body}" for number, body in rows))
