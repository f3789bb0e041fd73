"""How jobs about backups are recognised, when they look, and whose keys a drill has."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rule_fixtures import DATA

from seawall.operators.cnpg.schedule import decode
from seawall.operators.cron_jobs import decode_five, zone
from seawall.policy.checks.backup_window import shortest_wait, span
from seawall.policy.estate.backups.backup_jobs import Purpose, backup_job
from seawall.policy.estate.building import build, kube_object
from seawall.policy.estate.doors.folder import read_file
from seawall.policy.estate.model import Origin
from seawall.policy.estate.values import UNKNOWN, UnknownValueError
from seawall.policy.judging import judge
from seawall.policy.rules import load

STORE = {
    "apiVersion": "barmancloud.cnpg.io/v1",
    "kind": "ObjectStore",
    "metadata": {"name": "pg", "namespace": "databases"},
    "spec": {"configuration": {"destinationPath": "s3://backups/pg"}},
}
PLUGIN = {
    "name": "barman-cloud.cloudnative-pg.io",
    "isWALArchiver": True,
    "parameters": {"barmanObjectName": "pg"},
}
CLUSTER = {
    "apiVersion": "postgresql.cnpg.io/v1",
    "kind": "Cluster",
    "metadata": {"name": "pg", "namespace": "databases"},
    "spec": {"instances": 1, "plugins": [PLUGIN]},
}


def job(*command: Any, image: str = "registry.example.org/tool:1", **more: Any) -> dict[str, Any]:
    container = {"name": "job", "image": image, "command": list(command), **more}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "job", "namespace": "jobs"},
        "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [container]}}}}},
    }


def recognised(manifest: dict[str, Any]) -> tuple[Purpose | None, list[str]]:
    things = [kube_object(it, Origin()) for it in (STORE, CLUSTER, manifest)]
    estate = build(thing for thing in things if thing is not None)
    [thing] = [thing for thing in estate.declared if thing.kind == "CronJob"]
    found = backup_job(thing, estate)
    return (found.purpose, [it.name for it in found.clusters]) if found is not None else (None, [])


VALIDATES, RESTORES = Purpose.VALIDATES, Purpose.RESTORES


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["barman-cloud-backup-list", "s3://backups/pg", "pg"], (VALIDATES, ["pg"])),
        (["barman-cloud-backup-show", "s3://elsewhere/x", "x", "latest"], (VALIDATES, [])),
        (["barman-cloud-check-wal-archive", "s3://backups/pg", "pg"], (VALIDATES, ["pg"])),
        (["aws", "s3", "ls", "s3://backups/pg/"], (VALIDATES, ["pg"])),
        (["aws", "--endpoint-url", "https://s3.example.org", "s3api", "list-objects-v2", "--bucket", "backups"],
         (VALIDATES, ["pg"])),
        (["sh", "-c", "mc --quiet stat store/backups/pg"], (VALIDATES, ["pg"])),
        (["python", "-c", "s3.head_object(Bucket='backups')"], (VALIDATES, ["pg"])),
        (["aws", "s3", "ls", "s3://other/"], (None, [])),
        (["aws", "s3", "cp", "dump", "s3://backups/"], (None, [])),
        (["sh", "-c", "aws s3 ls s3://backups && aws s3 sync /data s3://backups"], (None, [])),
        (["sh", "-c", "pg_dump pg | aws s3 cp - s3://backups/pg"], (None, [])),
        (["barman-cloud-restore", "s3://backups/pg", "pg", "latest", "/data"], (RESTORES, ["pg"])),
        (["cnpg-drill", "--bucket", "backups"], (RESTORES, ["pg"])),
        (["kubectl", "get", "pods"], (None, [])),
        (["kubectl", UNKNOWN], (None, [])),  # an argument makes no other program of it
    ],
)  # fmt: skip
def test_by_what_it_runs(command: list[Any], expected: tuple[Purpose | None, list[str]]) -> None:
    assert recognised(job(*command)) == expected


@pytest.mark.parametrize("command", [[UNKNOWN, "x"], ["sh", "-ec", UNKNOWN], ["aws", "s3", "ls", UNKNOWN]])
def test_what_may_be_one_and_is_not_known_yet_is_not_passed_over(command: list[Any]) -> None:
    with pytest.raises(UnknownValueError):
        recognised(job(*command))


def test_by_its_image_and_environment() -> None:
    sidecar = "ghcr.io/cloudnative-pg/plugin-barman-cloud-sidecar:v0.14.0"
    variables = [{"name": "BUCKET", "value": "backups"}, {"name": "KEY", "value": UNKNOWN}]
    assert recognised(job("python", image=sidecar, env=variables)) == (VALIDATES, ["pg"])
    assert recognised(job("python", image=sidecar)) == (VALIDATES, [])
    assert recognised(job("python", image="registry.example.org/barman-exporter:1", env=variables)) == (None, [])


def test_by_its_annotation_even_when_nothing_else_can_be_read() -> None:
    broken = job("x")
    broken["spec"] = {"jobTemplate": "text"}
    assert recognised(broken) == (None, [])
    broken["metadata"]["annotations"] = {"seawall.dev/validates-backups": "databases/pg"}
    assert recognised(broken) == (VALIDATES, ["pg"])
    broken["metadata"]["annotations"] = {"seawall.dev/restores": "databases/nobody"}
    assert recognised(broken) == (RESTORES, [])


def test_a_variable_that_is_no_text_hides_nothing() -> None:
    looks = job("aws", "s3", "ls", env=[{"name": "LIMIT", "value": 5}, {"name": "BUCKET", "value": "backups"}])
    assert recognised(looks) == (VALIDATES, ["pg"])


@pytest.mark.parametrize(("store", "found"), [("vault", 1), ("another", 0)])
def test_an_entry_of_another_store_is_another_key(store: str, found: int) -> None:
    [*things, reader] = read_file(DATA / "CNPG-OPS-002" / "failure.fetched-keys.yaml").objects
    manifest = copy.deepcopy(dict(reader.manifest))
    manifest["spec"]["secretStoreRef"]["name"] = store
    changed = kube_object(manifest, Origin())
    assert changed is not None and changed.kind == "ExternalSecret"
    [rule] = [it for it in load() if it.id == "CNPG-OPS-002"]
    assert len(judge(build([*things, changed]), [rule])) == found


@pytest.mark.parametrize(
    ("backup", "run", "where", "wait"),
    [
        ("0 0 2 * * *", "0 3 * * *", None, "1 h"),
        ("0 0 2 * * *", "0 1 * * *", None, "23 h"),
        ("0 0 2 * * *", "30 2 * * *", None, "30 min"),
        ("0 0 2 * * *", "29 2 * * *", None, "24 h 29 min"),
        ("0 0 2 * * *", "0 4 * * 0", None, "2 h"),  # a weekly run after a daily backup
        ("0 0 2 * * 0", "0 3 * * *", None, "1 h"),  # a daily run: on Sunday it sees the backup of that day
        ("0 0 2 * * *", "0 3 1 * *", None, "1 h"),  # whatever the day of the month is today
        ("0 0 2 1 * *", "0 1 1 * *", None, "671 h"),  # February has 28 days
        ("0 0 */6 * * *", "0 3 * * *", None, "3 h"),
        ("0 0 2 * * *", "0 3 * * *", "Asia/Tokyo", "16 h"),
        ("0 0 2 * * *", "0 12 * * *", "Asia/Tokyo", "1 h"),
        ("0 0 2 * * *", "0 3 31 2 *", None, None),
        ("@every 24h", "0 3 * * *", None, None),
    ],
)
@pytest.mark.parametrize("day", ["2026-01-01", "2026-02-27", "2026-07-31"])
def test_how_long_after_the_backup(backup: str, run: str, where: str | None, wait: str | None, day: str) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    found = shortest_wait(decode(backup), decode_five(run), zone(where), start)
    assert (None if found is None else span(found)) == wait


def test_spans() -> None:
    minutes = {5: "5 min", 60: "1 h", 90: "1 h 30 min", 6001: "100 h 1 min", 1440: "24 h", 2880: "2 days"}
    assert {it: span(timedelta(minutes=it)) for it in minutes} == minutes
