"""PostgreSQL is killed at a random moment, again and again: what it acknowledged and archived comes back.

One round: several clients write at random, a base backup is made, the server is killed (under load, in a base backup,
while a WAL file is archived), in every second round started again and killed once more, and restored from its archive.
"""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from crash_round import KILLS, NOT_ITS_ARCHIVING, UNDER_LOAD, Archived, Plan, Round, name_of, number_of
from data_page import Figures
from data_tools import LONG, Tools
from object_store import ObjectStore
from postgres_server import Postgres
from random_load import LARGE, Verdict
from rendered_validator import Ran

Workplace = Callable[[str], Path]
ROUNDS = 20
SECTION = "Killed at a random moment"
NOTE = (
    "Several clients write at random (rows of all sizes, large objects, tables made and dropped, transactions undone) "
    "while VACUUM, REINDEX, checkpoints and WAL switches come and go. PostgreSQL is killed with `kill -9`; in every "
    "second round it is started again on its own data, where no acknowledged commit may be missing, goes on, and is "
    "killed again. *Archived* are the commits that end in WAL that is in the archive: each of them must be in the "
    "restored server, row by row, and nothing that nobody wrote. *Validator* is what the rendered one, with `--deep`, "
    "says of the archive after the kill: a base backup that the kill ended is named, the one before it is restored."
)


PLANS = [Plan.of(seed) for seed in range(ROUNDS)]
SHORT = replace(Plan.of(1), clients=2, before=0.3, after=0.3, again=False, kills=(NOT_ITS_ARCHIVING, UNDER_LOAD))
"""Killed while archiving, which goes on, started again, killed under load."""


@pytest.mark.parametrize("plan", PLANS if LONG else [SHORT], ids=lambda plan: f"round {plan.seed}")
def test_nothing_that_was_acknowledged_and_archived_is_lost(
    plan: Plan, tools: Tools, store: ObjectStore, workplace: Workplace, figures: Figures
) -> None:
    made = Round(plan, tools, store, workplace)
    made.live_and_die()
    archived = made.archived()
    assert made.wrongly_acknowledged(archived) == []
    assert archived.reach == max(archived.segments), "WAL is missing in the middle"
    assert made.resumed is None or made.resumed.good, made.resumed
    ran = made.validated()
    says_the_truth(ran, made, archived)
    recovery = made.restored()
    verdict = compared(made, recovery.server, archived)
    assert verdict.good, verdict.wrong
    assert verdict.archived > 0
    pages = checked(recovery.server, tools)
    columns = {
        "round": plan.seed,
        "clients": plan.clients,
        "killed during": ", then ".join(made.found),
        "base backups": len(archived.finished),
        "WAL files": len(archived.segments),
        "acknowledged": f"{verdict.acknowledged:,}",
        "archived": f"{verdict.archived:,}",
        "found": f"{verdict.found:,}",
        "rows, all equal": f"{verdict.rows:,}",
        "validator": "; ".join(ran.failed) or "healthy",
        "indexes, tables, pages": pages,
        "RTO": f"{recovery.seconds:.1f} s",
    }
    figures.row(SECTION, columns, note=NOTE)
    print(", ".join(f"{key} {value}" for key, value in columns.items()), flush=True)


def compared(made: Round, server: Postgres, archived: Archived) -> Verdict:
    with server.connect() as connection:
        return made.load.verify(connection, archived=archived.end)


def says_the_truth(ran: Ran, made: Round, archived: Archived) -> None:
    """The validator names the base backup that failed, if it was the last attempt, and nothing else."""
    newest = archived.finished[-1].id
    failed = [it for it in made.archive.backups() if it.status == "FAILED" and it.id > newest]
    assert set(ran.failed) == ({"backup-finished"} if failed else set()), ran.report
    assert all(it.id in ran.failed["backup-finished"] for it in failed)
    assert (ran.report["restorable"], ran.report["restorable_by"]) == (True, "content")
    assert ran.report["backup"]["id"] == newest
    assert ran.report["restorable_until"]["wal"] == name_of(archived.reach)
    assert {it for it in archived.attempts if it > newest} == set(ran.report["backup"]["newer_unfinished"])


def checked(server: Postgres, tools: Tools) -> str:
    """What PostgreSQL's own programs say of a restored server, which is down then. Raises `AssertionError`."""
    said = []
    has = server.sql("select 1 from pg_available_extensions where name = 'amcheck'")
    if has and (tools.postgres.folder / "pg_amcheck").is_file():
        done = server.run("pg_amcheck", "--all", "--install-missing", "--heapallindexed", "--parent-check")
        assert not done.stdout and not done.stderr, done
        said.append("amcheck")
    server.stop()
    text = server.run("pg_checksums", "--check", "--pgdata", server.data).stdout
    assert re.search(r"^Bad checksums: +0$", text, re.M), text
    return " and ".join([*said, "checksums"]) + " clean"


def test_the_rounds_differ() -> None:
    """Each kind of kill comes as the last one of four rounds, and ten rounds have a new start."""
    assert [Plan.of(seed) for seed in range(ROUNDS)] == PLANS
    assert [sum(plan.kills[-1] == kind for plan in PLANS) for kind in KILLS] == [4] * len(KILLS)
    assert sum(len(plan.kills) == 2 for plan in PLANS) == ROUNDS // 2
    assert len({plan.clients for plan in PLANS}) == 5 and {plan.again for plan in PLANS} == {True, False}


def test_the_comparison_sees_what_is_wrong(tools: Tools, store: ObjectStore, workplace: Workplace) -> None:
    """Each kind of harm, done to the server itself and undone."""
    made = Round(replace(Plan.of(0), pause=0.02), tools, store, workplace)
    server, load = made.source, made.load
    server.start()
    load.prepare()
    load.start()
    while len(load.clients[0].commits) < 40 or not all(load.clients[0].state.values()):
        assert server.running
    load.stop()
    client = load.clients[0]
    table = next(it for it in client.state if it != LARGE)
    row, large, last = min(client.state[table]), min(client.state[LARGE]), client.commits[-1]
    with server.connect() as connection:

        def after(query: str) -> str:
            connection.execute(query)
            verdict = load.verify(connection, archived=1 << 62)
            connection.rollback()
            return "; ".join(verdict.wrong)

        assert after("select 1") == ""
        assert after(f"update {table} set payload = 'x' where id = {row}") == f"{table}: 1 rows of " + (
            f"{len(client.state[table])} differ, [{row}]"
        )
        assert f"{table}: 1 rows" in after(f"delete from {table} where id = {row}")
        assert f"{table}: 1 rows" in after(f"insert into {table} values (0, 'x')")
        assert f"['{table}']" in after(f"drop table {table}")
        assert "['c0_more']" in after("create table c0_more ()")
        assert "large objects: 1 rows" in after(f"select lo_put({large}, 0, 'xxxx')")
        assert "large objects: 1 rows" in after(f"select lo_unlink({large})")
        assert f"client 0 lost [{last.number}]" in after(
            f"update position set number = {last.number} - 1 where client = 0"
        )
        assert "which it never committed" in after("update position set number = number + 1000 where client = 0")
        assert load.verify(connection, archived=0).archived == 0
        assert load.verify(connection).good


if LONG:  # half a minute, and the comparison is tried above

    def test_a_wal_file_that_is_lost_is_missed(tools: Tools, store: ObjectStore, workplace: Workplace) -> None:
        """What a round would say if the archive lost what was archived; and the validator says it as well."""
        made = Round(Plan.of(0), tools, store, workplace)
        made.source.start()
        made.load.prepare()
        made.load.start()
        made.archive.backup(made.source)
        end = number_of(made.archived().finished[-1].end_wal)
        while made.archived().reach < end + 3:
            time.sleep(0.5)
        made.kill(UNDER_LOAD)
        archived = made.archived()
        lost = archived.reach - 1
        assert lost > end
        name = name_of(lost)
        store.client().delete_object(Bucket=store.bucket, Key=f"{made.archive.prefix}wals/{name[:16]}/{name}.gz")
        assert made.archived().reach == lost - 1
        ran = made.validated()
        assert set(ran.failed) == {"wal-chain"} and name in ran.failed["wal-chain"]
        verdict = compared(made, made.restored().server, archived)
        assert not verdict.good and all(" lost " in it for it in verdict.wrong), verdict.wrong
