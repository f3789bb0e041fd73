"""Real servers whose archives are what the random ones are made of: each with barman-cloud's own objects."""

from collections.abc import Callable
from pathlib import Path

import rendered
import unprivileged
from barman_archive import Archive
from damage_source import CHANGES, SERVER, Past, promoted
from damage_store import LocalStore
from data_tools import LONG, Tools
from healthy_archives import Life
from postgres_server import SUPERUSER, Postgres

from seawall.sandbox import ports

Workplace = Callable[[str], Path]
_FEW = {"autovacuum": "off", "max_wal_size": "64MB", "min_wal_size": "32MB"}


def lives(past: Past, tools: Tools, workplace: Workplace) -> tuple[Life, ...]:
    """Those that there are anyway; in the long form two more."""
    more = [_three_timelines, _from_a_standby] if LONG else []
    return (
        Life("a server with two timelines, a tablespace and a split base backup", _objects(past.archive)),
        Life("a server that was backed up when it was new, and has idled", past.other),
        *(make(past.store, tools, workplace) for make in more),
    )


def _objects(archive: Archive) -> dict[str, bytes]:
    client, store = archive.store.client(), archive.store
    return {
        key.removeprefix(archive.prefix): client.get_object(Bucket=store.bucket, Key=key)["Body"].read()
        for key in archive.objects()
    }


def _archive(store: LocalStore, name: str, tools: Tools, workplace: Workplace) -> Archive:
    where = store.in_bucket(f"{store.bucket}-{name}")
    return Archive(rendered.object_store(where, *CHANGES), where, SERVER, tools, workplace("archive"))


def _written(server: Postgres, segments: int) -> str:
    """Rows in so many WAL files; the last one's name."""
    name = ""
    for _ in range(segments):
        server.sql("CREATE TABLE IF NOT EXISTS written (row text)")
        server.sql("INSERT INTO written SELECT repeat(md5(n::text), 3) FROM generate_series(1, 2000) n")
        name = server.switch_wal()
    return name


def _three_timelines(store: LocalStore, tools: Tools, workplace: Workplace) -> Life:
    """WAL segments of 1 MiB, two promotions, a base backup on each timeline."""
    archive = _archive(store, "timelines", tools, workplace)
    server = Postgres.create(workplace("source"), tools, {**_FEW, **archive.settings()}, segment_mib=1)
    server.start()
    last = ""
    for timeline in (1, 2, 3):
        if timeline > 1:
            promoted(server)
        _written(server, 2)
        archive.backup(server)
        last = _written(server, 3)
    server.wait_archived(last)
    server.kill()
    server.remove()
    return Life("a server with small WAL segments and three timelines", _objects(archive))


def _from_a_standby(store: LocalStore, tools: Tools, workplace: Workplace) -> Life:
    """Base backups are made of a standby, as the stack's `prefer-standby` asks for."""
    archive = _archive(store, "standby", tools, workplace)
    primary = Postgres.create(workplace("source"), tools, {**_FEW, **archive.settings()})
    primary.start()
    _written(primary, 1)
    home = workplace("standby")
    copied = ("--pgdata", home / "data", "--checkpoint=fast", "--no-sync", "--write-recovery-conf")
    primary.run("pg_basebackup", *copied, "--host", ports.LOOPBACK)
    address = f"host={ports.LOOPBACK} port={primary.port} user={SUPERUSER}"
    standby = Postgres.adopt(unprivileged.own(home), tools, {**_FEW, "primary_conninfo": address})
    standby.start()
    _written(primary, 1)
    archive.backup(standby)
    _written(primary, 2)
    archive.backup(standby)
    last = _written(primary, 3)
    primary.wait_archived(last)
    for server in (standby, primary):
        server.kill()
        server.remove()
    return Life("a server whose standby is backed up", _objects(archive))
