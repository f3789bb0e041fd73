"""The drill's runner against hostile answers: of the API server, of the object store, of functions in a database."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import certifi
import psycopg2
import pytest
from answering_server import Answer, answering
from archive_doubles import CREDENTIALS, MIB, Archive, healthy
from test_cnpg_drill_runner import made, settings
from validator_runs import endpoints

from seawall.components.cnpg.drill.runner import api, archive, database, plan, recovery
from seawall.components.cnpg.drill.runner.failures import DrillError, Failure
from seawall.components.cnpg.validator.segments import Numbering

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
BACKUP = archive.Backup("20260301T020000", NOW, 1, 16 * MIB, "1")
BROKEN: tuple[Answer, ...] = (
    (200, {}, b'{"metadata": {"annot'),
    (200, {"Content-Length": "5000"}, b'{"metadata"'),
    (200, {}, b""),
    (200, {}, b"[]"),
    (200, {}, b"<html>sign in</html>"),
    (500, {"Content-Length": "5000"}, b'{"kind"'),
    (429, {}, b"slow down"),
    (503, {}, b"null"),
)
CLUSTERS = "/apis/postgresql.cnpg.io/v1/namespaces/drill/clusters"


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "_PAUSE_S", 0.0)


@pytest.fixture
def account(tmp_path: Path) -> Path:
    folder = tmp_path / "account"
    folder.mkdir()
    (folder / "namespace").write_text("drill")
    (folder / "token").write_text("token")
    (folder / "ca.crt").write_text(Path(certifi.where()).read_text())
    return folder


def found(document: object) -> Answer:
    return 200, {}, json.dumps(document).encode()


NOTHING: Answer = (404, {}, b'{"reason": "NotFound"}')
MINE = {"metadata": {"name": "main-restored", "uid": "u", "annotations": {plan.RUN_ANNOTATION: "pod"}}}


class Server:
    """A double of an API server with one Cluster in it, or none; `before` are answers that come first."""

    def __init__(self, *before: Answer, cluster: bool = True) -> None:
        self.before, self.cluster, self.asked = list(before), cluster, list[str]()

    def __call__(self, method: str, path: str) -> Answer:
        self.asked.append(method)
        if self.before:
            return self.before.pop(0)
        if method == "DELETE":
            self.cluster = False
            return found({})
        if path.startswith(f"{CLUSTERS}/"):
            return found(MINE) if self.cluster else NOTHING
        return NOTHING if "/secrets/" in path else found({"items": []})


@pytest.fixture
def removal(account: Path, tmp_path: Path) -> Iterator[Callable[[Server], list[str]]]:
    def remove(server: Server) -> list[str]:
        with answering(server) as address:
            return recovery.Recovery(api.Api(address, account), made(tmp_path), pause=0.01).remove(far)

    yield remove


def far() -> float:
    return time.monotonic() + 60


@pytest.mark.parametrize("answer", BROKEN)
def test_an_answer_that_is_none_is_a_refusal(account: Path, answer: Answer) -> None:
    with answering(lambda *_: answer) as address, pytest.raises(api.ApiError):
        api.Api(address, account).get(api.CLUSTER, "x")


@pytest.mark.parametrize("answer", BROKEN)
def test_the_removal_goes_on_after_it(removal: Callable[[Server], list[str]], answer: Answer) -> None:
    server = Server(*[answer] * 6)
    assert removal(server) == []
    assert not server.cluster


def test_a_token_that_is_gone_is_a_refusal(account: Path) -> None:
    (account / "token").unlink()
    with pytest.raises(api.ApiError, match="token cannot be read"):
        api.Api("http://127.0.0.1:1", account).get(api.CLUSTER, "x")


def test_a_cluster_that_is_made_after_the_runner_was_told_to_stop_is_removed(account: Path, tmp_path: Path) -> None:
    """The request to make it was under way when the signal came: the first looks do not see it yet."""
    server = Server(cluster=False)

    def late(method: str, path: str) -> Answer:
        if method == "POST":
            return 200, {"Content-Length": "5000"}, b"{"  # nobody reads it to its end
        if server.asked.count("GET") == 3:
            server.cluster = True
        return server(method, path)

    with answering(late) as address:
        made_by = recovery.Recovery(api.Api(address, account), made(tmp_path), pause=0.01)
        with pytest.raises(DrillError):
            made_by.create(BACKUP)
        assert made_by.remove(far) == []
    assert "DELETE" in server.asked
    assert not server.cluster


def test_a_cluster_that_was_refused_is_not_waited_for(account: Path, tmp_path: Path) -> None:
    server = Server(cluster=False)
    with answering(lambda method, path: (422, {}, b"{}") if method == "POST" else server(method, path)) as address:
        made_by = recovery.Recovery(api.Api(address, account), made(tmp_path), pause=3600)
        with pytest.raises(DrillError):
            made_by.create(BACKUP)
        assert made_by.remove(far) == []


@pytest.mark.parametrize(
    "target", ["999999999999d before now", "9999999w before now", "0001-01-01T00:00:00+14:00", "nan"]
)
def test_a_target_before_all_time_is_a_wrong_setting(tmp_path: Path, target: str) -> None:
    environment = {**settings(tmp_path), "DRILL_TARGET": target}
    with pytest.raises(DrillError) as refused:
        plan.read(tmp_path, environment, NOW)
    assert refused.value.failure is Failure.SETTINGS


# ── The object store ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    yield from endpoints()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.usefixtures("credentials")
def test_a_backup_info_that_cannot_be_is_passed_over(endpoint: str) -> None:
    stored = Archive(endpoint, "hostile-drill", Numbering(MIB))
    sound = healthy(stored)
    text = sound.info()
    for number, (old, new) in enumerate(
        (
            ("xlog_segment_size=1048576", "xlog_segment_size=0"),
            ("xlog_segment_size=1048576", f"xlog_segment_size={1 << 40}"),
            ("timeline=1\n", f"timeline={'9' * 5000}\n"),
            (f"end_time={sound.ended}", "end_time=0001-01-01T00:00:00+23:59"),
            ("status=DONE", f"x={'y' * (2 << 20)}\nstatus=DONE"),
        )
    ):
        assert old in text
        hostile = new + "\n" + text.replace(old, new) if "yy" in new else text.replace(old, new)
        stored.put(f"base/2099010{number}T000000/backup.info", hostile.encode())
    stored.put("base/zzz/backup.info", text.encode())
    assert archive.Archive("hostile-drill", "main/main", endpoint).newest_backup(None).identifier == sound.id


def test_credentials_with_a_line_break_are_not_shown(endpoint: str, credentials: pytest.MonkeyPatch) -> None:
    credentials.setenv("AWS_SESSION_TOKEN", "tokenOfTheReader\n")
    with pytest.raises(DrillError, match="line break") as refused:
        archive.Archive("hostile-none", "main/main", endpoint).newest_backup(None)
    assert "tokenOfTheReader" not in str(refused.value)


def test_no_client_is_a_wrong_setting(credentials: pytest.MonkeyPatch) -> None:
    credentials.setenv("AWS_DEFAULT_REGION", "no region!")
    with pytest.raises(DrillError) as refused:
        archive.Archive("b", "main/main", "https://s3.example.org")
    assert refused.value.failure is Failure.SETTINGS


@pytest.mark.usefixtures("credentials")
def test_a_page_of_somebody_else_is_no_archive_without_backups() -> None:
    with answering(lambda *_: (200, {}, b"<html>Please sign in</html>")) as store, pytest.raises(DrillError) as refused:
        archive.Archive("b", "main/main", store).newest_backup(None)
    assert refused.value.failure is Failure.STORE


@pytest.mark.usefixtures("credentials")
def test_a_store_that_redirects_in_circles_does_not_answer() -> None:
    with (
        answering(lambda _, path: (301, {"Location": path}, b"")) as store,
        pytest.raises(DrillError) as refused,
    ):
        archive.Archive("b", "main/main", store).newest_backup(None)
    assert refused.value.failure is Failure.STORE


# ── PostgreSQL ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("context", "told"), [(None, True), ("parallel worker", True), ("PL/pgSQL function f() line 3 at RAISE", False)]
)
def test_what_a_function_raises_is_its_own_text_and_not_passed_on(context: str | None, told: bool) -> None:
    """Under a code that else names objects only: the owner of a database writes its functions."""

    class Raised(psycopg2.Error):
        diag = SimpleNamespace(context=context)  # type: ignore[assignment]
        pgcode = "42501"

    with pytest.raises(database.DatabaseError) as raised, database._translated():
        raise Raised("a row of the table\nand more")
    assert ("a row of the table" in str(raised.value)) == told
    assert raised.value.code == "42501"
