"""What our stacks archive comes back: every committed row, to the end or as of a time, however it is packed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import get_args

import pytest
import rendered
from barman_archive import Archive, BaseBackup, Recovery
from data_page import Figures
from data_tools import LONG, Tools
from object_store import ObjectStore
from postgres_server import Postgres
from row_load import Load, Verdict

from seawall.components.cnpg import manifests
from seawall.operators.barman import DataCompression, WalCompression

Workplace = Callable[[str], Path]
SERVER = rendered.CLUSTER
COMMITS = 50
"""Transactions between two events of a server's life; more come while the base backup is made."""
SECTION = "Restores"
NOTE = (
    "The source is killed while it writes. *Lost* is what was in the WAL file that was not archived yet; nothing "
    "before it. The times are those of `barman-cloud-restore` (*fetched*) and until the restored server takes writes "
    "(*RTO*), with PostgreSQL's start and one process of barman-cloud for each WAL file in it."
)


@dataclass(frozen=True)
class Past:
    """What happened to a server, and what is left of it: its archive, and our record of its commits."""

    archive: Archive
    load: Load
    backup: BaseBackup
    moment: datetime
    """Between two commits, after the base backup."""
    archived: datetime
    """Every commit before is archived, none after."""
    parameters: dict[str, str]

    @property
    def lost_seconds(self) -> float:
        """From the last commit that is archived to the last one that there was: the RPO of this loss."""
        kept = max(it.returned for it in self.load.commits if it.returned <= self.archived)
        return (self.load.commits[-1].returned - kept).total_seconds()


def live_and_die(archive: Archive, home: Path, tools: Tools, parameters: dict[str, str]) -> Past:
    """A server that is written to while a base backup is made of it, goes on, and is lost with its disk."""
    archive.check_empty()
    source = Postgres.create(home, tools, {**parameters, **archive.settings()})
    source.start()
    load = Load(source.connect).prepare()
    with load:
        load.wait(COMMITS)
        backup = archive.backup(source)
        load.wait(COMMITS)
    moment = datetime.now(UTC)
    with load:
        load.wait(COMMITS)
    source.wait_archived(source.switch_wal())
    archived = datetime.now(UTC)
    with load:
        load.wait(COMMITS)
        source.kill()
    source.remove()
    return Past(archive, load, backup, moment, archived, parameters)


@pytest.fixture(scope="module")
def past(tools: Tools, module_store: ObjectStore, module_workplace: Workplace) -> Past:
    """The cluster of `infra`: AWS, KMS, gzip, and the parameters of its Cluster."""
    args = rendered.cluster(module_store)
    parameters = manifests.cluster(args)["spec"]["postgresql"]["parameters"]
    archive = Archive(rendered.object_store(module_store), module_store, SERVER, tools, module_workplace("archive"))
    return live_and_die(archive, module_workplace("source"), tools, parameters)


@pytest.fixture(scope="module")
def recovered(past: Past, module_workplace: Workplace) -> Recovery:
    """That cluster, restored to the end of its archive."""
    return past.archive.recover(module_workplace("restored"), settings=past.parameters)


def compared(past: Past, recovery: Recovery, *, until: datetime | None = None) -> Verdict:
    with recovery.server.connect() as connection:
        return past.load.verify(connection, until=until)


def told(figures: Figures, past: Past, recovery: Recovery, verdict: Verdict, kind: str) -> None:
    """Add a restore to the page, and print it."""
    configuration = past.archive.manifest["spec"]["configuration"]
    objects = past.archive.objects()
    columns = {
        "restored": kind,
        "encryption": configuration["data"]["encryption"],
        "base backup": configuration["data"]["compression"],
        "WAL": configuration["wal"]["compression"],
        "rows committed": f"{past.load.rows:,}",
        "archived": f"{verdict.committed:,}",
        "found, equal": f"{verdict.found:,}",
        "WAL files": sum("/wals/" in key for key in objects),
        "archive": f"{sum(objects.values()) / 2**20:.1f} MiB",
        "lost": f"{past.lost_seconds:.2f} s",
        "fetched": f"{recovery.fetched_seconds:.1f} s",
        "RTO": f"{recovery.seconds:.1f} s",
    }
    figures.row(SECTION, columns, note=NOTE)
    print(", ".join(f"{key} {value}" for key, value in columns.items()))


def test_everything_archived_comes_back(past: Past, recovered: Recovery, figures: Figures) -> None:
    verdict = compared(past, recovered, until=past.archived)
    assert verdict.whole, verdict
    assert verdict.checksum == past.load.checksum(until=past.archived)
    assert verdict.committed >= 3 * COMMITS
    assert recovered.backup == past.backup
    told(figures, past, recovered, verdict, "all of it")


def test_what_was_not_archived_is_lost_and_nothing_before_it(past: Past, recovered: Recovery) -> None:
    verdict = compared(past, recovered)
    late = {row for commit in past.load.commits if commit.returned > past.archived for row in commit.rows}
    assert verdict.consistent, verdict
    assert set(verdict.missing) == late and len(late) >= COMMITS


def test_it_comes_back_as_of_a_time(past: Past, workplace: Workplace, figures: Figures) -> None:
    recovery = past.archive.recover(workplace("restored"), target_time=past.moment, settings=past.parameters)
    verdict = compared(past, recovery, until=past.moment)
    assert verdict.whole, verdict
    assert verdict.checksum == past.load.checksum(until=past.moment) != past.load.checksum(until=past.archived)
    told(figures, past, recovery, verdict, "as of a time")


def test_every_object_is_encrypted_under_the_key(past: Past) -> None:
    objects = past.archive.objects()
    assert any("/base/" in key for key in objects) and any("/wals/" in key for key in objects)
    for key in objects:
        head = past.archive.store.head(key)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", past.archive.store.key), key


def test_a_restored_server_leaves_its_source_alone(past: Past, recovered: Recovery) -> None:
    before = past.archive.objects()
    recovered.server.sql("create table after_the_restore ()")
    assert recovered.server.sql("select pg_walfile_name(pg_switch_wal()) > %s", past.backup.end_wal) == [(True,)]
    assert recovered.server.sql("select archived_count + failed_count from pg_stat_archiver") == [(0,)]
    assert past.archive.objects() == before


def test_an_archive_in_use_is_not_taken_for_a_new_one(past: Past) -> None:
    with pytest.raises(AssertionError, match="Expected empty archive"):
        past.archive.check_empty()


def test_the_comparison_sees_what_is_wrong(past: Past, recovered: Recovery) -> None:
    """Each kind of harm, done to the restored database and undone."""
    committed = [commit for commit in past.load.commits if commit.returned <= past.archived]
    first, last = committed[1], committed[-1]
    one, two = sorted(first.rows)[:2]
    with recovered.server.connect() as connection:

        def after(query: str) -> Verdict:
            connection.execute(query)
            verdict = past.load.verify(connection, until=past.archived)
            connection.rollback()
            return verdict

        good = after("select 1")
        changed = after(f"update load set payload = payload || ' ' where id = {one}")
        torn = after(f"delete from load where id = {two}")
        hole = after(f"delete from load where transaction = {first.number}")
        short = after(f"delete from load where transaction = {last.number}")
        more = after(f"insert into load values (1, {first.number}, now(), '')")
    assert good.whole and good.checksum == past.load.checksum(until=past.archived)
    assert changed.wrong == [one] and changed.checksum != good.checksum
    assert torn.torn == [first.number] and torn.missing == [two]
    assert hole.holes == [first.number] and set(hole.missing) == set(first.rows)
    assert short.missing == sorted(last.rows) and short.consistent and not short.whole
    assert more.wrong == [1] and more.torn == [first.number]


def test_the_restored_pages_have_their_checksums(past: Past, recovered: Recovery) -> None:
    """The server must be down for it; the others of this module want it up."""
    recovered.server.stop()
    said = recovered.server.run("pg_checksums", "--check", "--pgdata", recovered.server.data).stdout
    recovered.server.start()
    assert "Bad checksums:  0" in said and "Files scanned:" in said


PACKED = [
    (("aws:kms", "AES256")[(row + column) % 2], data, wal)
    for (row, data), (column, wal) in product(enumerate(get_args(DataCompression)), enumerate(get_args(WalCompression)))
]
"""Every compression of base backups with every one of WAL, and each of them with both encryptions."""
SHORT = [("AES256", "snappy", "zstd")]


@pytest.mark.parametrize(("encryption", "data", "wal"), PACKED if LONG else SHORT)
def test_it_comes_back_however_it_is_packed(
    encryption: str,
    data: str,
    wal: str,
    tools: Tools,
    request: pytest.FixtureRequest,
    workplace: Workplace,
    figures: Figures,
) -> None:
    store: ObjectStore = request.getfixturevalue("store" if encryption == "aws:kms" else "own_store")
    changes = (("backup.compression.data", data), ("backup.compression.wal", wal))
    manifest = rendered.object_store(store, *changes)
    configuration = manifest["spec"]["configuration"]
    assert configuration["data"]["encryption"] == configuration["wal"]["encryption"] == encryption
    archive = Archive(manifest, store, SERVER, tools, workplace("archive"))
    past = live_and_die(archive, workplace("source"), tools, {})
    recovery = archive.recover(workplace("restored"))
    verdict = compared(past, recovery, until=past.archived)
    assert verdict.whole, verdict
    assert verdict.checksum == past.load.checksum(until=past.archived)
    assert {store.head(key)["ServerSideEncryption"] for key in archive.objects()} == {encryption}
    told(figures, past, recovery, verdict, "all of it")
