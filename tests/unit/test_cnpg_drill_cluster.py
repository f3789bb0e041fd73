"""How the drill's runner sees the cluster that it runs in: why a restore fails, and what the API server answers."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
from loopback_server import LoopbackServer, running

from seawall.components.cnpg.drill.runner import api as api_module
from seawall.components.cnpg.drill.runner import reasons
from seawall.components.cnpg.drill.runner.api import CLUSTER, EVENT, JOB, POD, Api, ApiError, Document, Kind
from seawall.sandbox.pki import Pki

# ── Reasons ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("FATAL:  recovery ended before configured recovery target was reached", "the WAL ends before the target"),
        ("botocore ClientError: An error occurred (AccessDenied) when calling", "refuses the reader's credentials"),
        ("encountered an error while checking the presence of first needed WAL in the archive", "backup's begin"),
        ("FATAL:  requested timeline 3 is not a child of this server's history", "timelines of the archive"),
        ('FATAL:  could not access file "timescaledb": No such file or directory', "lacks a library"),
        ("could not write to file: No space left on device", "a volume is full"),
        ("everything is fine: SELECT secret FROM accounts", None),
    ],
)
def test_known_lines_are_told_in_our_words(line: str, told: str | None) -> None:
    found = reasons.known_causes(f'{{"msg":"{line}"}}\n')
    assert (len(found) == 1 and told in found[0]) if told else found == []
    assert "accounts" not in "".join(found)


def test_the_last_commit_is_read_where_the_log_is_in_utc() -> None:
    line = "LOG:  last completed transaction was at log time {}"
    first, second = "2026-03-01 03:59:01.5+00", "2026-03-01 03:59:58.123456+00"
    assert reasons.last_commit("\n".join(line.format(it) for it in (first, second))) == datetime(
        2026, 3, 1, 3, 59, 58, 123456, tzinfo=UTC
    )
    assert reasons.last_commit(line.format("2026-03-01 04:59:58+01")) is None
    assert reasons.last_commit("") is None


class Cluster:
    """A double of the API server for the observer: what there is, and each pod's log."""

    def __init__(self, *, pods: Any = (), jobs: Any = (), events: Any = (), logs: Any = ()) -> None:
        self._there = {POD: list(pods), JOB: list(jobs), EVENT: list(events)}
        self._logs = dict(logs)

    def list(self, kind: Kind, *, selector: str = "") -> list[Document]:
        assert kind is EVENT or selector == "cnpg.io/cluster=main-restored"
        return self._there[kind]

    def log(self, pod: str, container: str) -> str:
        return str(self._logs.get((pod, container), ""))


def pod(name: str, phase: str, *, job: bool = True, **status: Any) -> Document:
    labels = {"cnpg.io/cluster": "main-restored", **({"cnpg.io/jobRole": "full-recovery"} if job else {})}
    containers = {"containers": [{"name": "full-recovery"}], "initContainers": [{"name": "plugin-barman-cloud"}]}
    return {"metadata": {"name": name, "labels": labels}, "spec": containers, "status": {"phase": phase, **status}}


def observer(**there: Any) -> reasons.Observer:
    return reasons.Observer(cast(Api, Cluster(**there)), "main-restored")


def test_a_failed_restore_is_told_from_one_that_may_still_come() -> None:
    coming: Document = {"status": {"phase": "Setting up primary"}}
    failed = [pod(f"p{number}", "Failed") for number in range(3)]
    assert observer(pods=failed[:2]).failure(coming) is None
    assert "failed 3 times" in (observer(pods=failed).failure(coming) or "")
    assert observer(pods=[pod(f"p{number}", "Failed", job=False) for number in range(3)]).failure(coming) is None
    known = {("p0", "plugin-barman-cloud"): "ClientError (AccessDenied)"}
    assert "refuses the reader's credentials" in (observer(pods=failed[:1], logs=known).failure(coming) or "")
    assert observer(pods=[pod("p0", "Running")], logs=known).failure(coming) is None
    over = {"status": {"conditions": [{"type": "Failed", "status": "True", "message": "BackoffLimitExceeded"}]}}
    assert "BackoffLimitExceeded" in (observer(jobs=[over]).failure(coming) or "")
    for phase in reasons.FATAL_PHASES:
        assert phase in (observer().failure({"status": {"phase": phase}}) or "")


def test_the_last_commit_is_remembered_when_the_jobs_pod_has_gone() -> None:
    line = "last completed transaction was at log time 2026-03-01 03:59:58+00"
    there = Cluster(pods=[pod("p0", "Running")], logs={("p0", "full-recovery"): line})
    seen = reasons.Observer(cast(Api, there), "main-restored")
    seen.failure({})
    there._there[POD].clear()
    seen.failure({})
    assert seen.last_commit == datetime(2026, 3, 1, 3, 59, 58, tzinfo=UTC)


def test_what_a_drill_waits_for_is_said_by_whoever_says_it() -> None:
    unschedulable = [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]
    waiting = [{"name": "full-recovery", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]
    mine = {"kind": "PersistentVolumeClaim", "name": "main-restored-1"}
    events = [
        {"type": "Warning", "message": "no class\nslow", "involvedObject": mine, "lastTimestamp": "1"},
        {"type": "Normal", "message": "fine", "involvedObject": mine},
        {"type": "Warning", "message": "another's", "involvedObject": {"kind": "Pod", "name": "other-1"}},
    ]
    pods = [
        pod("p0", "Pending", conditions=unschedulable),
        pod("p1", "Pending", containerStatuses=waiting),
        pod("p2", "Failed", containerStatuses=[{"name": "x", "state": {"terminated": {"exitCode": 2}}}]),
    ]
    cluster = {
        "status": {
            "phase": "Setting up primary",
            "phaseReason": "Creating primary",
            "managedRolesStatus": {"cannotReconcile": {"seawall_drill": ["role shop does not exist"]}},
        }
    }
    said = observer(pods=pods, events=events).reason(cluster)
    for part in (
        "phase: Setting up primary Creating primary",
        "role seawall_drill cannot be made: role shop does not exist",
        "pod p0 has no node: 0/3 nodes are available",
        "pod p1, full-recovery: ImagePullBackOff",
        "pod p2, x: ended, exit code 2",
        "PersistentVolumeClaim main-restored-1: no class slow",
    ):
        assert part in said
    assert "fine" not in said
    assert "another's" not in said
    assert observer().reason({}) == "nobody says why"
    assert "somebody else deleted it" in observer().reason(None)


# ── The API server ────────────────────────────────────────────────────────────────────────────────────────────────────


class Answering(BaseHTTPRequestHandler):
    """A double of an API server: gives the answers that are left, in order, and keeps what it was asked."""

    answers: ClassVar[list[tuple[int, bytes]]] = []
    asked: ClassVar[list[tuple[str, str, dict[str, str], bytes]]] = []

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.asked.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
        status, body = self.answers.pop(0)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = do_PATCH = answer  # noqa: N815 - as the base class calls them

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    pki = Pki(tmp_path / "pki")
    pki.ensure()
    for name, text in (("token", "first"), ("namespace", "drills"), ("ca.crt", (tmp_path / "pki/ca.crt").read_text())):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(api_module, "_PAUSE_S", 0.0)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    Answering.answers, Answering.asked = [], []
    with running(LoopbackServer(Answering)) as server:
        yield Api(f"http://127.0.0.1:{server.port}", tmp_path)


def test_a_busy_api_server_is_asked_again_and_a_refusal_is_not(api: Api, tmp_path: Path) -> None:
    Answering.answers = [(503, b""), (429, b"busy"), (200, b'{"kind": "Pod"}')]
    assert api.get(POD, "x") == {"kind": "Pod"}
    (tmp_path / "token").write_text("renewed")
    Answering.answers = [(403, b'{"reason": "Forbidden", "message": "may not"}')]
    with pytest.raises(ApiError, match="may not") as refused:
        api.get(POD, "x")
    assert (refused.value.status, refused.value.reason) == (403, "Forbidden")
    tokens = [headers["Authorization"] for _, _, headers, _ in Answering.asked]
    assert tokens == ["Bearer first"] * 3 + ["Bearer renewed"]
    Answering.answers = [(500, b"[]")] * 5
    with pytest.raises(ApiError, match="HTTP status 500"):
        api.list(POD)


def test_what_is_gone_or_taken_is_no_mistake_where_it_is_none(api: Api) -> None:
    Answering.answers = [(404, b"{}"), (404, b"{}"), (409, b"{}"), (404, b"")]
    assert api.get(CLUSTER, "x") is None
    api.delete(CLUSTER, "x")
    api.delete(CLUSTER, "x", uid="1")
    assert api.log("x", "full-recovery") == ""
    body = json.loads(Answering.asked[2][3])
    assert body == {"propagationPolicy": "Background", "preconditions": {"uid": "1"}}
    assert Answering.asked[0][1] == "/apis/postgresql.cnpg.io/v1/namespaces/drills/clusters/x"
    assert Answering.asked[3][1].startswith("/api/v1/namespaces/drills/pods/x/log?container=full-recovery&")


def test_an_api_server_that_does_not_answer_says_so(tmp_path: Path, api: Api) -> None:
    with pytest.raises(ApiError, match="does not answer") as failed:
        Api("http://127.0.0.1:9", tmp_path).get(POD, "x")
    assert failed.value.status == 0
