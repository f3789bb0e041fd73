"""The drill's runner, piece by piece: what it reads, what it concludes, and how it talks to stores and API servers."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import jsonschema
import pytest
from moto.server import ThreadedMotoServer

from seawall.components.cnpg.drill import names
from seawall.components.cnpg.drill.runner import plan, reasons, recovery, wal
from seawall.components.cnpg.drill.runner.archive import Archive, Backup, NewestWal
from seawall.components.cnpg.drill.runner.checks import Answer, checksum_query, digest_of
from seawall.components.cnpg.drill.runner.failures import DrillError, Failure
from seawall.components.cnpg.drill.runner.report import Report
from seawall.components.cnpg.drill.runner.stop import Interrupted, Stop
from seawall.components.kubernetes.service_account import ROLE_ANNOTATION
from seawall.operators import annotations, cnpg

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHECKOUT = Path(__file__).parents[2]
SCHEMA = json.loads((CHECKOUT / "docs/schemas/drill-report-v1.schema.json").read_text())
NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
MIB = 1024**2


# ── What it knows of us, written twice because nothing of ours is in the image ────────────────────────────────────────


def test_the_runners_own_words_are_ours() -> None:
    assert plan.RESTORES_ANNOTATION == annotations.RESTORES
    assert plan.ROLE_ANNOTATION == ROLE_ANNOTATION
    assert plan.RUN_ANNOTATION.startswith(annotations.PREFIX)
    assert reasons.CLUSTER_LABEL == cnpg.CLUSTER_LABEL
    assert reasons.JOB_ROLE_LABEL == cnpg.JOB_ROLE_LABEL
    assert {f"x-restored-{purpose}" for purpose in recovery.SECRETS} == set(names.restored_secrets("x"))


# ── WAL ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [1 * MIB, 16 * MIB, 64 * MIB, 1024 * MIB])
def test_a_segments_name_and_number_are_the_same_thing(size: int) -> None:
    for number in (0, 1, 2**32 // size - 1, 2**32 // size, 5 * 2**32 // size + 3):
        segment = wal.Segment(7, number)
        assert wal.parse(segment.name(size), size) == segment
    assert wal.Segment(1, 256).name(16 * MIB) == "000000010000000100000000"


@pytest.mark.parametrize("name", ["", "00000002.history", "0" * 23, "0" * 25, "0" * 23 + "g", "0" * 24 + ".gz"])
def test_what_is_no_segment(name: str) -> None:
    assert wal.parse(name, 16 * MIB) is None


def named(*segments: tuple[int, int]) -> list[str]:
    return [wal.Segment(*it).name(16 * MIB) for it in segments]


@pytest.mark.parametrize(
    ("files", "after", "end"),
    [
        (named((2, 5), (2, 6), (1, 3), (1, 4), (1, 5)), 1, (2, 5)),
        (named((1, 3), (1, 4)), 1, None),
        (named((2, 5), (3, 9)), 1, (2, 5)),
        (named((2, 5), (3, 9)), 2, (3, 9)),
        ([*named((4, 9)), "00000004.history", "archive_status"], 3, (4, 9)),
        ([], 1, None),
    ],
)
def test_a_recovery_ends_where_its_own_timeline_begins(
    files: list[str], after: int, end: tuple[int, int] | None
) -> None:
    assert wal.newest_replayed(files, after, 16 * MIB) == (wal.Segment(*end) if end else None)


# ── The plan ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("latest", None),
        ("1h before now", NOW - timedelta(hours=1)),
        ("90s before now", NOW - timedelta(seconds=90)),
        ("2d before now", NOW - timedelta(days=2)),
        ("2026-02-28T12:00:00Z", datetime(2026, 2, 28, 12, tzinfo=UTC)),
        ("2026-02-28T13:00:00+01:00", datetime(2026, 2, 28, 12, tzinfo=UTC)),
    ],
)
def test_targets(target: str, meant: datetime | None) -> None:
    assert plan.moment(target, NOW) == meant


@pytest.mark.parametrize("target", ["", "soon", "1 h before now", "2026-02-28T12:00:00", "2026-03-02T00:00:00Z"])
def test_targets_that_mean_nothing_are_refused(target: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        plan.moment(target, NOW)


def settings(folder: Path, **changes: Any) -> dict[str, str]:
    document = {
        "source": "databases/main",
        "bucket": "backups",
        "archive": "main/main",
        "endpoint": None,
        "report": "main-drill-report",
        "role": "seawall_drill",
        "databases": ["shop"],
        "checks": [{"database": "shop", "name": "one", "query": "SELECT 1", "equals": "1"}],
        **changes,
    }
    (folder / "drill.json").write_text(json.dumps(document))
    cluster = {"metadata": {"name": "main-restored", "annotations": {}}, "spec": {"bootstrap": {"recovery": {}}}}
    (folder / "cluster.json").write_text(json.dumps(cluster))
    return {
        "DRILL_TARGET": "latest",
        "DRILL_TIMEOUT_SECONDS": "60",
        "DRILL_CLEANUP_SECONDS": "60",
        "DRILL_GRACE_SECONDS": "10",
        "DRILL_JOB": "job",
        "DRILL_JOB_UID": "uid",
        "DRILL_POD": "pod",
    }


def made(folder: Path, **changes: Any) -> plan.Plan:
    return plan.read(folder, settings(folder, **changes), NOW)


def test_the_iam_role_reaches_the_recovery_cluster(tmp_path: Path) -> None:
    environment = settings(tmp_path)
    with_role = plan.read(tmp_path, {**environment, "DRILL_IAM_ROLE": "arn:x"}, NOW)
    assert with_role.cluster["spec"]["serviceAccountTemplate"]["metadata"]["annotations"] == {ROLE_ANNOTATION: "arn:x"}
    assert "serviceAccountTemplate" not in plan.read(tmp_path, environment, NOW).cluster["spec"]


@pytest.mark.parametrize("missing", ["DRILL_TARGET", "DRILL_JOB_UID", "DRILL_TIMEOUT_SECONDS", "DRILL_POD"])
def test_a_plan_that_is_not_complete_says_what_is_missing(tmp_path: Path, missing: str) -> None:
    environment = settings(tmp_path)
    del environment[missing]
    with pytest.raises(DrillError, match=missing) as refused:
        plan.read(tmp_path, environment, NOW)
    assert refused.value.failure is Failure.SETTINGS


def test_a_check_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DrillError, match="cannot be read"):
        made(tmp_path, checks=[{"database": "shop", "name": "x", "unknown": 1}])


# ── The archive ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class Bucket:
    """An archive with as little in it as a test is about."""

    def __init__(self, endpoint: str, name: str) -> None:
        self.archive = Archive(name, "main/main", endpoint)
        session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="eu-central-1")
        self.s3: S3Client = session.client("s3", endpoint_url=endpoint)
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        self.name = name

    def put(self, key: str, body: str = "") -> None:
        self.s3.put_object(Bucket=self.name, Key=f"main/main/{key}", Body=body.encode())

    def backup(self, ended: datetime, status: str = "DONE", **more: object) -> str:
        identifier = f"{ended:%Y%m%dT%H%M%S}"
        lines = {"status": status, "end_time": ended.isoformat(sep=" "), "timeline": 1, **more}
        self.put(f"base/{identifier}/backup.info", "".join(f"{key}={value}\n" for key, value in lines.items()))
        return identifier

    def wal(self, *segments: tuple[int, int], ending: str = ".gz") -> None:
        for name in named(*segments):
            self.put(f"wals/{name[:16]}/{name}{ending}")


@pytest.fixture
def bucket(endpoint: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    for name, value in (("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "x"), ("DEFAULT_REGION", "eu-central-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    return Bucket(endpoint, re.sub(r"[^a-z0-9]+", "-", request.node.name)[:60].strip("-"))


def test_the_newest_finished_backup_is_taken_or_the_newest_before_the_target(bucket: Bucket) -> None:
    old = bucket.backup(NOW - timedelta(days=2))
    new = bucket.backup(NOW - timedelta(days=1), xlog_segment_size=32 * MIB, systemid="42")
    bucket.backup(NOW, status="FAILED")
    bucket.backup(NOW + timedelta(hours=1), status="STARTED")
    bucket.put("base/20991231T000000/data.tar", "no backup.info yet")
    found = bucket.archive.newest_backup(None)
    assert (found.identifier, found.segment_bytes, found.system) == (new, 32 * MIB, "42")
    assert bucket.archive.newest_backup(NOW - timedelta(days=1, seconds=1)).identifier == old
    assert bucket.archive.newest_backup(found.ended).identifier == new
    with pytest.raises(DrillError, match=r"none is finished and ended before the target") as refused:
        bucket.archive.newest_backup(NOW - timedelta(days=3))
    assert refused.value.failure is Failure.NO_BACKUP
    assert set(bucket.archive.requests) == {"ListObjectsV2", "GetObject"}


def test_an_archive_without_backups_or_wal_says_so(bucket: Bucket) -> None:
    with pytest.raises(DrillError, match=r"there is no base backup in s3://.*/main/main/base/"):
        bucket.archive.newest_backup(None)
    with pytest.raises(DrillError, match="there is no WAL") as refused:
        bucket.archive.newest_wal(16 * MIB)
    assert refused.value.failure is Failure.NO_BACKUP


def test_the_archive_ends_on_its_newest_timeline(bucket: Bucket) -> None:
    bucket.wal((1, 3), (1, 4), (1, 300))
    bucket.put(f"wals/{named((1, 301))[0][:16]}/{named((1, 301))[0]}.partial.gz")
    bucket.put(f"wals/{named((1, 4))[0][:16]}/{named((1, 4))[0]}.00000028.backup.gz")
    assert bucket.archive.newest_wal(16 * MIB).segment == wal.Segment(1, 300)
    bucket.wal((2, 299), ending=".zst")
    found = bucket.archive.newest_wal(16 * MIB)
    assert (found.segment, found.name) == (wal.Segment(2, 299), named((2, 299))[0])


def test_a_history_alone_opens_a_timeline(bucket: Bucket) -> None:
    bucket.wal((1, 3), (1, 4))
    bucket.put("wals/00000002.history.gz")
    found = bucket.archive.newest_wal(16 * MIB)
    assert (found.segment, found.name) == (wal.Segment(2, 4), "00000002.history")


def test_a_store_that_does_not_answer_says_nothing_about_backups(bucket: Bucket) -> None:
    gone = Archive("no-such-bucket-anywhere", "main/main", bucket.archive.endpoint)
    with pytest.raises(DrillError, match="does not answer") as refused:
        gone.newest_backup(None)
    assert refused.value.failure is Failure.STORE
    assert refused.value.failure.value.restorable is None


# ── The report ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_report_says_what_was_shown_about_the_backups(tmp_path: Path) -> None:
    report = Report(made(tmp_path))
    jsonschema.validate(report.document(NOW), SCHEMA)
    assert (report.exit_code, report.restorable) == (0, True)
    report.left = ["Pod x"]
    document = report.document(NOW)
    assert (document["ok"], document["restorable"], document["failure"]["class"]) == (False, True, "left_behind")
    for failure in Failure:
        report.error = DrillError(failure, "why")
        document = report.document(NOW)
        jsonschema.validate(document, SCHEMA)
        assert document["restorable"] is failure.value.restorable
        assert report.exit_code == failure.value.code == document["failure"]["code"]


def test_rto_and_rpo_are_counted_from_where_they_say(tmp_path: Path) -> None:
    report = Report(made(tmp_path))
    report.created, report.answered = 100.0, 161.04
    report.backup = Backup("20260301T020000", NOW - timedelta(hours=2), 1, 16 * MIB, None)
    report.newest_wal = NewestWal(wal.Segment(1, 4), "x", NOW - timedelta(minutes=3))
    report.last_commit = NOW - timedelta(minutes=5)
    report.answers = [Answer("shop", "sum", "checksum", True, "2 rows", rows=2, digest="a" * 64)]
    assert report.document(NOW)["rpo_seconds"] == {"wal": None, "commit": 300.0}
    report.whole = True
    document = report.document(NOW)
    jsonschema.validate(document, SCHEMA)
    assert (document["rto_seconds"], document["rpo_seconds"]) == (61.0, {"wal": 180.0, "commit": 300.0})


def test_every_failure_has_a_code_of_its_own_and_the_page_tells_them_all() -> None:
    codes = [failure.value.code for failure in Failure]
    assert sorted(set(codes)) == sorted(codes)
    assert not {0, 1} & set(codes)
    assert SCHEMA["properties"]["failure"]["properties"]["class"]["enum"] == [it.name.lower() for it in Failure]
    page = (CHECKOUT / "docs/drill.md").read_text()
    shown = {True: "yes", False: "no", None: "not known"}
    for failure in Failure:
        kind = failure.value
        row = f"| {kind.code} | `{failure.name.lower()}` | {shown[kind.restorable]} | {kind.meaning} |"
        assert row in page, row


# ── Digests ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_digest_is_of_the_rows_and_the_name_cannot_break_out() -> None:
    rows, digest = digest_of(("2", "1", "2", "3", "4"))
    assert (rows, len(digest)) == (2, 64)
    assert digest != digest_of(("2", "1", "2", "3", "5"))[1]
    assert 'FROM "public"."or""ders" AS entire' in checksum_query('public.or"ders')


# ── Signals ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def stop() -> Iterator[Stop]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield Stop()
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_ends_the_work_and_never_the_cleaning_up(stop: Stop) -> None:
    with pytest.raises(Interrupted), stop.heeded():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    os.kill(os.getpid(), signal.SIGTERM)
    assert stop.asked


def test_a_signal_brings_the_end_of_the_cleaning_up_nearer(stop: Stop) -> None:
    far = time.monotonic() + 3600
    end = stop.until(far, 100)
    assert end() == far
    os.kill(os.getpid(), signal.SIGTERM)
    near = end()
    assert near < far
    os.kill(os.getpid(), signal.SIGTERM)
    assert end() == near, "the first one counts: Kubernetes does"
    assert stop.until(near - 50, 100)() == near - 50


def test_a_second_signal_does_not_disturb_the_way_out(stop: Stop) -> None:
    left = False
    with pytest.raises(Interrupted), stop.heeded():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            left = True
    assert left


def test_a_signal_before_the_work_is_heeded_when_it_begins(stop: Stop) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(Interrupted), stop.heeded():
        raise AssertionError("the work has begun")
