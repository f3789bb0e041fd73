"""The restore drill as rendered, from its CronJob's command to an empty namespace, against a real archive.

Real: the runner in a process of its own with the rights of its rendered Role, the API server, the operator and its
webhook, the archive made by barman-cloud with the rendered options, barman-cloud-restore, PostgreSQL, TLS and SCRAM.
A double (`drill_double.InstanceDouble`) stands for the kubelet alone.
"""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from data_page import Figures
from drill_run import Deploy, Play
from drill_source import SECRET, Source

pytestmark = pytest.mark.timeout(300, func_only=True)

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schemas/drill-report-v1.schema.json").read_text())


def question(name: str, query: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "query": query, **more}


def test_what_was_archived_comes_back_is_asked_and_is_removed(
    source: Source, make: Deploy, played: Play, figures: Figures
) -> None:
    drill = make(
        question("rows", "SELECT count(*) FROM orders", equals=str(source.rows), show=True),
        question("notes", "SELECT DISTINCT note FROM orders WHERE note IS NOT NULL", equals=SECRET),
        question("fresh", "SELECT max(written) FROM orders", newer_than="1h"),
        question("behind a row policy", "SELECT count(*) FROM hidden", equals="2"),
        {"name": "orders", "table": "public.orders", "checksum": source.digest},
    )
    with played(drill) as double:
        outcome = drill.run()
        assert drill.remains() == set()

    report = outcome.report
    assert (outcome.code, report["ok"], report["restorable"]) == (0, True, True), outcome
    jsonschema.validate(report, SCHEMA)
    assert double.restored == 1
    assert report["recovered"]["whole"] is True
    assert report["rto_seconds"] > 0
    assert report["rpo_seconds"]["wal"] >= 0
    answers = {it["name"]: it for it in report["checks"]}
    assert all(it["ok"] for it in answers.values()), answers
    assert [it["database"] for it in report["checks"] if it["kind"] == "answers"] == [
        application.database for application in drill.args.applications
    ]
    assert answers["rows"]["value"] == str(source.rows)
    assert answers["orders"]["digest"] == source.digest
    assert SECRET not in json.dumps(report) + outcome.log
    assert set(report["archive"]["requests"]) == {"GetObject", "ListObjectsV2"}
    assert drill.kept() == {"last.json": report, "last-good.json": report}
    figures.row(
        "A restore drill",
        {
            "RTO": f"{report['rto_seconds']} s",
            "RPO (WAL)": f"{report['rpo_seconds']['wal']} s",
            **{f"{phase} (s)": took for phase, took in report["seconds"].items()},
            "requests of the runner": sum(report["archive"]["requests"].values()),
        },
        note="The rendered drill against the sandbox's API server and operator; a double stands for the kubelet alone.",
    )


@pytest.mark.long_form
def test_a_point_in_time_is_restored_with_what_was_there_then(source: Source, make: Deploy, played: Play) -> None:
    drill = make(
        question("rows", "SELECT count(*) FROM orders", equals=str(source.rows_then)),
        question("fresh then", "SELECT max(written) FROM orders", newer_than="30s"),
    )
    with played(drill):
        outcome = drill.run(DRILL_TARGET=source.then.isoformat())
    assert outcome.code == 0, outcome
    jsonschema.validate(outcome.report, SCHEMA)
    assert outcome.report["rpo_seconds"] == {"wal": None, "commit": None}
    assert drill.remains() == set()


@pytest.mark.long_form
def test_an_assertion_that_does_not_hold_is_a_failure_that_shows_nothing(make: Deploy, played: Play) -> None:
    drill = make(
        question("notes", "SELECT DISTINCT note FROM orders WHERE note IS NOT NULL", equals="another"),
        question("stale", "SELECT '2020-01-01'::timestamptz", newer_than="1h"),
        question("broken", "SELECT note::int FROM orders LIMIT 1", equals="1"),
        question("writes", "WITH gone AS (DELETE FROM orders RETURNING 1) SELECT count(*) FROM gone", equals="0"),
        question("several rows", "SELECT id FROM orders", equals="1"),
        question("no row", "SELECT id FROM orders WHERE false", equals="1"),
        question("two columns", "SELECT 1, 2", equals="1"),
        question("never written", "SELECT max(written) FROM orders WHERE false", newer_than="1h"),
        question("from the future", "SELECT now() + interval '1 hour'", newer_than="1h"),
        {"name": "other content", "table": "public.orders", "checksum": "0" * 64},
        {"name": "no such table", "table": "public.nothing"},
    )
    with played(drill):
        outcome = drill.run()
    assert outcome.code == 9
    jsonschema.validate(outcome.report, SCHEMA)
    assert outcome.report["restorable"] is False
    assert {it["name"] for it in outcome.report["checks"] if not it["ok"]} == {
        "notes",
        "stale",
        "broken",
        "writes",
        "several rows",
        "no row",
        "two columns",
        "never written",
        "from the future",
        "other content",
        "no such table",
    }
    assert SECRET not in json.dumps(outcome.report) + outcome.log
    assert drill.remains() == set()
    assert set(drill.kept()) == {"last.json"}


def test_a_hole_in_the_wal_is_seen_although_postgresql_comes_up(source: Source, make: Deploy, played: Play) -> None:
    store, prefix = source.store, f"{source.archive.prefix}wals/"
    segments = sorted(key for key in store.objects(prefix) if len(key.rpartition("/")[2]) == 27)
    missing = segments[-3]
    body = store.client().get_object(Bucket=store.bucket, Key=missing)["Body"].read()
    store.client().delete_object(Bucket=store.bucket, Key=missing)
    drill = make()
    try:
        with played(drill) as double:
            outcome = drill.run()
    finally:
        store.client().put_object(Bucket=store.bucket, Key=missing, Body=body)
    assert double.restored == 1
    assert (outcome.code, outcome.report["failure"]["class"]) == (8, "incomplete"), outcome
    assert drill.remains() == set()


def test_a_damaged_base_backup_is_a_failed_restore(source: Source, make: Deploy, played: Play) -> None:
    store = source.store
    [data] = [key for key in store.objects(f"{source.archive.prefix}base/") if "data.tar" in key]
    body = store.client().get_object(Bucket=store.bucket, Key=data)["Body"].read()
    store.client().put_object(Bucket=store.bucket, Key=data, Body=body[: len(body) // 2])
    drill = make()
    try:
        with played(drill):
            outcome = drill.run()
    finally:
        store.client().put_object(Bucket=store.bucket, Key=data, Body=body)
    assert (outcome.code, outcome.report["restorable"]) == (7, False), outcome
    assert drill.remains() == set()


@pytest.mark.long_form
def test_an_application_that_is_not_in_the_backup_is_named(source: Source, make: Deploy, played: Play) -> None:
    drill = make()
    with played(drill) as double:
        double.before_start = lambda server: server.sql("DROP DATABASE keycloak") and None
        outcome = drill.run()
    assert outcome.code == 9, outcome
    assert 'database "keycloak" does not exist' in outcome.report["failure"]["message"]
    assert drill.remains() == set()


@pytest.mark.long_form
def test_data_of_another_cluster_is_not_taken_for_this_ones(source: Source, make: Deploy, played: Play) -> None:
    store = source.store
    [info] = [key for key in store.objects(f"{source.archive.prefix}base/") if key.endswith("backup.info")]
    text = store.client().get_object(Bucket=store.bucket, Key=info)["Body"].read()
    line = next(it for it in text.decode().splitlines() if it.startswith("systemid="))
    store.client().put_object(Bucket=store.bucket, Key=info, Body=text.replace(line.encode(), b"systemid=1"))
    drill = make()
    try:
        with played(drill):
            outcome = drill.run()
    finally:
        store.client().put_object(Bucket=store.bucket, Key=info, Body=text)
    assert (outcome.code, outcome.report["failure"]["class"]) == (8, "incomplete"), outcome


def test_without_a_backup_nothing_is_created(source: Source, make: Deploy) -> None:
    drill = make()
    document = json.loads((drill.folder / "mount" / "drill.json").read_text())
    (drill.folder / "mount" / "drill.json").write_text(json.dumps({**document, "archive": "nowhere"}))
    outcome = drill.run()
    assert (outcome.code, outcome.report["failure"]["class"]) == (4, "no_backup")
    assert drill.remains() == set()


def test_a_target_outside_of_the_archive_is_refused_before_anything_is_made(source: Source, make: Deploy) -> None:
    drill = make()
    early = drill.run(DRILL_TARGET="2020-01-01T00:00:00Z")
    late = drill.run(DRILL_TARGET="1s before now")
    assert (early.code, late.code) == (4, 4), (early, late)
    assert drill.remains() == set()


def test_a_store_that_does_not_answer_says_nothing_about_the_backups(make: Deploy) -> None:
    outcome = make().run(AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert (outcome.code, outcome.report["restorable"]) == (3, None)


@pytest.mark.long_form
def test_a_drill_that_takes_too_long_ends_with_what_it_was_waiting_for(make: Deploy) -> None:
    drill = make()
    outcome = drill.run(DRILL_TIMEOUT_SECONDS="30")
    assert outcome.code == 11, outcome
    assert "phase: " in outcome.report["failure"]["message"]
    assert drill.remains() == set()


def test_what_the_operator_refuses_is_told_in_its_words(make: Deploy) -> None:
    drill = make()
    file = drill.folder / "mount" / "cluster.json"
    document = json.loads(file.read_text())
    document["spec"]["postgresql"]["parameters"]["port"] = "1"
    file.write_text(json.dumps(document))
    outcome = drill.run()
    assert (outcome.code, outcome.report["failure"]["class"]) == (5, "cluster")
    assert "fixed configuration parameter" in outcome.report["failure"]["message"]
    assert drill.remains() == set()


@pytest.mark.long_form
def test_a_server_that_lets_nobody_in_is_told_from_one_that_does_not_come(make: Deploy, played: Play) -> None:
    drill = make()
    with played(drill) as double:
        double.before_start = lambda server: server.sql("REVOKE keycloak FROM seawall_drill") and None
        outcome = drill.start(pause=0.02).outcome()
    assert (outcome.code, outcome.report["restorable"]) == (10, None), outcome
    assert 'permission denied for database "keycloak"' in outcome.report["failure"]["message"]
    assert drill.remains() == set()
