"""Backups, restores and connections, as tables: one thing is changed where all is well, and one answer is read."""

from typing import Any

import pytest
from oncall_changes import PG, added, holds, refused, several, status
from oncall_samples import (
    DATABASES,
    POSTGRES,
    Change,
    World,
    before,
    condition,
    drill_report,
    owned,
    pod,
    validation_report,
)

from seawall.components.cnpg.drill.runner import report as drill_source
from seawall.components.cnpg.validator import report as validator_source
from seawall.operators.annotations import RESTORES, VALIDATES
from seawall.qa.oncall import backups, restores
from seawall.qa.oncall.expected import Expected, ExpectedCluster
from seawall.qa.oncall.model import Severity, Topic, Verdict
from seawall.qa.oncall.prometheus import BACKENDS, POOL_LONGEST, POOL_SERVERS, POOL_WAITING, Metrics
from seawall.qa.oncall.reading import Document

YES, CAREFUL, NO, UNKNOWN, NONE = Verdict.YES, Verdict.CAREFUL, Verdict.NO, Verdict.UNKNOWN, Verdict.NONE
FINE, INFO, WARNING, CRITICAL = Severity.FINE, Severity.INFO, Severity.WARNING, Severity.CRITICAL
NEW, HERE = "sandbox-postgres-new", (DATABASES, "sandbox-postgres-1")
Case = tuple[str, Change, Verdict, Severity, str]


def backup(phase: str, **status: Any) -> Change:
    """One more Backup of the Cluster."""
    metadata = {"namespace": DATABASES, "name": NEW, "creationTimestamp": before(minutes=10)}
    given = {"phase": phase, "stoppedAt": before(minutes=5), **status}
    return added(
        {"kind": "Backup", "metadata": metadata, "spec": {"cluster": {"name": PG}}, "status": given},
    )


def last_backup(stopped: str | None) -> Change:
    """When the last backup ended, for all who know it."""

    def change(world: World) -> None:
        window = world.one("ObjectStore", PG, DATABASES)["status"]["serverRecoveryWindow"][PG]
        if stopped is None:
            world.remove("Backup")
            window.clear()
        else:
            window["lastSuccessfulBackupTime"] = stopped
            world.one("Backup", f"{PG}-1")["status"]["stoppedAt"] = stopped

    return change


def archiving(value: str, message: str = "") -> Change:
    found = [condition("ContinuousArchiving", value, message=message)]
    return status("Cluster", PG, conditions=found)


def cron(annotation: str, part: str, **values: Any) -> Change:
    """Fields of the CronJob that validates or restores."""
    return lambda world: world.cron(annotation)[part].update(values)


def log(**values: Any) -> Change:
    """The validator's report."""
    return lambda world: setattr(world, "log", Document(validation_report(**values)))


def unread_log(world: World) -> None:
    world.log = Document(why="you may not get pods/log in sandbox-databases (HTTP 403)")


def failed_validation(world: World) -> None:
    job = {"kind": "Job", "metadata": {"namespace": DATABASES, "name": "v2", "creationTimestamp": before(minutes=4)}}
    owned(job, "CronJob", "sandbox-postgres-validation")["status"] = {"conditions": [condition("Failed")]}
    ended = owned(pod(DATABASES, "v2-x", "node-4", {}), "Job", "v2")
    ended["metadata"]["creationTimestamp"] = before(minutes=4)
    message = "wal-hole: segment 00000001000000000000000A is missing"
    state = {"terminated": {"exitCode": 22, "message": message}}
    ended["status"].update(phase="Failed", containerStatuses=[{"state": state}])
    world.objects += [job, ended]


def no_cron(annotation: str) -> Change:
    return lambda world: world.remove("CronJob", world.cron(annotation)["metadata"]["name"])


BACKUPS: list[Case] = [
    ("all is well", lambda _: None, YES, FINE, "1 h 25 min ago; restorable up to 2026-03-08 02:27 UTC"),
    ("too old", last_backup(before(hours=40)), NO, CRITICAL, "1 d 16 h ago (2026-03-06 11:00 UTC); it may be 26 h old"),
    ("none ever", last_backup(None), NO, CRITICAL, "no backup has ever finished"),
    (
        "the newest failed",
        backup("failed", error="AccessDenied"),
        CAREFUL,
        WARNING,
        "5 min ago (2026-03-08 02:55 UTC): AccessDenied",
    ),
    ("an older one failed", backup("failed", stoppedAt=before(hours=9)), YES, FINE, "ago"),
    ("one is running", backup("running"), YES, INFO, "a backup is running now"),
    (
        "from the future",
        last_backup(before(hours=-2)),
        UNKNOWN,
        WARNING,
        "2 h in the future (2026-03-08 05:00 UTC): clocks disagree",
    ),
    ("a little ahead", last_backup(before(minutes=-2)), YES, FINE, "0 s ago"),
    ("WAL is not archived", archiving("False", "exit code 4"), NO, CRITICAL, "WAL is not archived: exit code 4"),
    ("archiving is not said", archiving("Unknown"), YES, INFO, "whether WAL is archived the Cluster does not say"),
    ("the validation failed", failed_validation, NO, WARNING, "the last validation failed: wal-hole: segment"),
    (
        "it was never validated",
        cron(VALIDATES, "status", lastSuccessfulTime=None),
        CAREFUL,
        WARNING,
        "never been validated",
    ),
    (
        "validated long ago",
        cron(VALIDATES, "status", lastSuccessfulTime=before(hours=30)),
        CAREFUL,
        WARNING,
        "1 d 6 h ago (2026-03-06 21:00 UTC), too long ago",
    ),
    ("suspended", cron(VALIDATES, "spec", suspend=True), CAREFUL, WARNING, "is suspended: nobody validates"),
    ("nobody validates", no_cron(VALIDATES), CAREFUL, INFO, "nobody validates the archive"),
    (
        "it cannot be restored",
        log(restorable=False, unrestorable_because="no begin WAL"),
        NO,
        CRITICAL,
        "could not be restored: no begin WAL (validated 30 min ago",
    ),
    (
        "a report of another form",
        log(schema="validation-report-v9"),
        UNKNOWN,
        WARNING,
        "another form than validation-report-v1",
    ),
    (
        "no right to the log",
        unread_log,
        YES,
        INFO,
        "is not seen: you may not get pods/log in sandbox-databases (HTTP 403)",
    ),
    ("a log that is none", lambda w: setattr(w, "log", Document([])), YES, INFO, "the report cannot be read"),
    (
        "no right to backups",
        refused("Backup", "you may not list backups.postgresql.cnpg.io (HTTP 403)"),
        UNKNOWN,
        WARNING,
        "you may not list backups",
    ),
    ("control characters", backup("failed", error="\x1b[2Jno"), CAREFUL, WARNING, "\\x1b[2Jno"),
]


def report(last: str | None, good: str | None) -> Change:
    """What the drill's ConfigMap holds."""
    data = {key: text for key, text in (("last.json", last), ("last-good.json", good)) if text is not None}
    return lambda world: setattr(world, "report", Document(data))


OLD, YOUNG = before(days=12), before(days=2)
GOOD = drill_report(YOUNG)
RESTORED: list[Case] = [
    ("all is well", lambda _: None, YES, FINE, "2 d ago; RTO 4 min 12 s, RPO 3 min 7 s"),
    ("what was measured", lambda _: None, YES, FINE, "3 of 3 checks held; target latest"),
    (
        "too old",
        report(drill_report(OLD), drill_report(OLD)),
        NO,
        WARNING,
        "12 d ago (2026-02-24 03:00 UTC), and may be 8 d 1 h old",
    ),
    (
        "the newest failed",
        report(drill_report(before(hours=5), ok=False, restorable=None), GOOD),
        NO,
        WARNING,
        "the newest drill failed 5 h ago (2026-03-07 22:00 UTC): restore: replay ended with an error; it proved",
    ),
    (
        "it showed that nothing restores",
        report(drill_report(before(hours=5), ok=False, restorable=False), GOOD),
        NO,
        CRITICAL,
        "the backups do not restore",
    ),
    ("a failure before the last good one", report(drill_report(before(days=3), ok=False), GOOD), YES, FINE, "2 d ago"),
    ("never, and it is time", report(None, None), NO, WARNING, "no drill has succeeded yet"),
    (
        "never, and it is new",
        several(report(None, None), lambda w: w.cron(RESTORES)["metadata"].update(creationTimestamp=before(days=1))),
        CAREFUL,
        WARNING,
        "it is 1 d old, the next run comes",
    ),
    (
        "another version",
        report('{"version": 2}', GOOD),
        UNKNOWN,
        WARNING,
        "last.json of the report is none of version 1",
    ),
    ("no JSON", report(GOOD, "{"), UNKNOWN, WARNING, "last-good.json of the report is none"),
    (
        "of another Cluster",
        report(drill_report(YOUNG, source="a/b"), GOOD),
        UNKNOWN,
        WARNING,
        "the report is about a/b",
    ),
    (
        "from the future",
        report(drill_report(before(hours=-3)), drill_report(before(hours=-3))),
        UNKNOWN,
        WARNING,
        "clocks disagree",
    ),
    ("suspended", cron(RESTORES, "spec", suspend=True), CAREFUL, WARNING, "is suspended: no drill comes"),
    ("nobody restores", no_cron(RESTORES), NO, INFO, "nobody restores its backups"),
    (
        "no right",
        lambda w: setattr(
            w, "report", Document(why="you may not get configmaps in sandbox-databases-drill (HTTP 403)")
        ),
        UNKNOWN,
        WARNING,
        "unknown, because you may not get configmaps",
    ),
    (
        "no right to CronJobs",
        refused("CronJob", "you may not list cronjobs.batch (HTTP 403)"),
        UNKNOWN,
        WARNING,
        "you may not list cronjobs",
    ),
    (
        "a point in time",
        report(
            drill_report(YOUNG, target="2026-03-01T00:00:00.000Z", rpo_seconds={"wal": None, "commit": None}),
            drill_report(YOUNG, rpo_seconds={"wal": None}),
        ),
        YES,
        FINE,
        "RPO not measured",
    ),
]


def live(backends: float | None = 40, servers: float | None = 6, longest: float = 0) -> Change:
    """Live numbers of the primary and of every pooler pod."""

    def change(world: World) -> None:
        pods = [it["metadata"]["name"] for it in world.all("Pod") if "pooler" in it["metadata"]["name"]]
        keys = [(DATABASES, name) for name in pods]
        answers = {POOL_WAITING: dict.fromkeys(keys, 1.0), POOL_LONGEST: dict.fromkeys(keys, longest)}
        if backends is not None:
            answers[BACKENDS] = {HERE: backends}
        if servers is not None:
            answers[POOL_SERVERS] = dict.fromkeys(keys, servers)
        world.metrics = Metrics(True, answers)

    return change


def parameters(**values: str) -> Change:
    return lambda world: world.one("Cluster", PG)["spec"]["postgresql"]["parameters"].update(values)


CONNECTIONS: list[Case] = [
    ("by the settings", lambda _: None, YES, INFO, "at most 106 of 120 by the settings; live numbers need --metrics"),
    (
        "too few",
        parameters(max_connections="100"),
        NO,
        WARNING,
        "the poolers can ask for more than PostgreSQL gives: at most 106 of 100",
    ),
    ("live", live(), YES, FINE, "40 in use now; at most 106 of 120"),
    ("each application", live(), YES, FINE, "shop-pooler: 12 of 24 connections in use on 2 pods, 2 clients wait"),
    (
        "nearly all",
        live(backends=110),
        NO,
        CRITICAL,
        "sandbox-postgres-1 has 110 of 120 connections now: soon it refuses",
    ),
    ("clients wait", live(longest=42), CAREFUL, WARNING, "2 clients wait, one for 42 s"),
    ("no series of the primary", live(backends=None), UNKNOWN, WARNING, "the metrics have no such series"),
    ("no series of a pooler", live(servers=None), UNKNOWN, WARNING, "what it has now is not seen"),
    (
        "the metrics do not answer",
        lambda w: setattr(w, "metrics", Metrics(True, {}, "https://m does not answer (HTTP 503)")),
        UNKNOWN,
        WARNING,
        "does not answer (HTTP 503)",
    ),
    ("settings that cannot be read", parameters(max_connections="many"), UNKNOWN, WARNING, "cannot be read"),
    ("no pooler", lambda w: w.remove("Pooler"), YES, INFO, "no pooler leads to it"),
    (
        "no right to poolers",
        refused("Pooler", "you may not list poolers.postgresql.cnpg.io (HTTP 403)"),
        UNKNOWN,
        WARNING,
        "you may not list poolers",
    ),
]


TABLES = {
    (Topic.BACKUP, POSTGRES): BACKUPS,
    (Topic.RESTORE, POSTGRES): RESTORED,
    (Topic.CONNECTIONS, POSTGRES): CONNECTIONS,
}

CASES = [(*question, *case[1:]) for question, table in TABLES.items() for case in table]
IDS = [f"{topic}: {case[0]}" for (topic, _), table in TABLES.items() for case in table]


@pytest.mark.parametrize(("topic", "about", "change", "verdict", "severity", "text"), CASES, ids=IDS)
def test_each_case(topic: Topic, about: str, change: Change, verdict: Verdict, severity: Severity, text: str) -> None:
    holds(topic, about, change, verdict, severity, text)


def test_a_stack_says_how_old_things_may_be() -> None:
    strict = Expected("sandbox", None, {POSTGRES: ExpectedCluster(3600, 86400, 30)})
    world = World()
    live(backends=40)(world)
    found = {it.topic: it for it in world.answers(expected=strict) if it.about == POSTGRES}
    assert "it may be 1 h old" in found[Topic.BACKUP].summary
    assert found[Topic.RESTORE].summary.endswith("and may be 1 d old (and 0 more)".removesuffix(" (and 0 more)"))
    assert (found[Topic.CONNECTIONS].verdict, found[Topic.CONNECTIONS].severity) == (NO, CRITICAL)


def test_the_forms_of_the_reports_are_those_that_are_written() -> None:
    assert backups.VERSION == validator_source.VERSION
    assert restores.VERSION == drill_source.VERSION
