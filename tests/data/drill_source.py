"""A source whose archive restore drills bring back: one base backup, rows before and after it, a moment between."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rendered
from barman_archive import Archive
from data_tools import Tools
from object_store import ObjectStore
from postgres_server import Postgres
from row_load import Load

from seawall.components.cnpg.drill.runner.checks import checksum_query, digest_of

SERVER = rendered.CLUSTER
SECRET = "correct-horse-battery"
"""A value in the data, which must be nowhere in what a runner says."""


@dataclass
class Source:
    """A source with one base backup, rows before and after it, and a moment between them."""

    archive: Archive
    store: ObjectStore
    digest: str
    rows: int
    rows_then: int
    then: datetime


def archived(tools: Tools, store: ObjectStore, workplace: Callable[[str], Path]) -> Source:
    """Makes the source with the stack's applications and archives it; it does not run any more."""
    archive = Archive(rendered.object_store(store), store, SERVER, tools, workplace("archive"))
    server = Postgres.create(workplace("source"), tools, archive.settings())
    server.start()
    for application in rendered.cluster(store).applications:
        server.sql(f'CREATE ROLE "{application.role}" LOGIN')
        server.sql(f'CREATE DATABASE "{application.database}" OWNER "{application.role}"')
        server.sql(f'REVOKE CONNECT ON DATABASE "{application.database}" FROM PUBLIC')

    def shop(query: str) -> list[tuple[Any, ...]]:
        return server.sql(query, dbname="harbor")

    shop("CREATE TABLE orders (id int PRIMARY KEY, written timestamptz DEFAULT now(), note text)")
    shop("CREATE TABLE hidden (id int)")
    shop("INSERT INTO hidden VALUES (1), (2)")
    shop("ALTER TABLE hidden ENABLE ROW LEVEL SECURITY")
    shop("ALTER TABLE hidden FORCE ROW LEVEL SECURITY")
    shop("ALTER TABLE orders OWNER TO harbor")
    shop(f"INSERT INTO orders SELECT n, now(), '{SECRET}' FROM generate_series(1, 100) n")
    archive.backup(server)
    load = Load(server.connect).prepare()
    wal = []
    then = datetime.now(UTC)
    for number in range(101, 106):
        shop(f"INSERT INTO orders VALUES ({number})")
        load.write(5)
        wal.append(server.switch_wal())
        if number == 102:
            time.sleep(1)
            then = datetime.now(UTC)
            time.sleep(1)
    server.wait_archived(wal[-1])
    [found] = shop(checksum_query("public.orders"))
    server.kill()
    rows, digest = digest_of(tuple(map(str, found)))
    return Source(archive, store, digest, rows, 102, then)
