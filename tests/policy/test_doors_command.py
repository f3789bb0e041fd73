"""`seawall check` with each of its doors: which are given, what they refuse, what they say is not seen."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from check_samples import BAD, RULE
from test_live_door import SECRETS, Double
from typer.testing import CliRunner

from seawall.cli.check import app
from seawall.errors import EnvironmentFailure, UserError
from seawall.policy.estate.doors import cluster_api

ROOT = Path(__file__).resolve().parents[2]
BACKUP: dict[str, Any] = yaml.safe_load(BAD)
BACKUPS = "/apis/postgresql.cnpg.io/v1/scheduledbackups"


def run(*args: object, stdin: str | None = None) -> tuple[int, str]:
    given = [*(str(arg) for arg in args), "--rule", RULE]
    done = CliRunner(env={"COLUMNS": "160"}).invoke(app, given, input=stdin)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, " ".join(done.output.split())


def exported(*resources: Mapping[str, Any]) -> str:
    kind = "kubernetes:postgresql.cnpg.io/v1:ScheduledBackup"
    held = [
        {"urn": f"urn:pulumi:dev::trial::{kind}::{it['metadata']['name']}", "type": kind, "outputs": it}
        for it in resources
    ]
    return json.dumps({"version": 3, "deployment": {"resources": held}})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((), "nothing to check: give a folder"),
        (("x", "--state", "y"), "DIR and --state exclude each other"),
        (("--state", "y", "--context", "z"), "--state and --context exclude each other"),
        (("x", "--state", "y", "--context", "z"), "DIR and --state and --context exclude each other"),
        (("x", "--kubeconfig", "y"), "give --context NAME as well"),
    ],
)
def test_exactly_one_source(given: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        run(*given)


def test_a_state(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text(exported(BACKUP))
    code, output = run("--state", file)
    assert code == 1
    assert "at minute 2 of every hour" in output
    assert "urn:pulumi:dev::trial::kubernetes:postgresql.cnpg.io/v1:ScheduledBackup::daily" in output
    assert "whatever is in the cluster and not in this stack" in output
    assert "what has changed since the state was written" in output
    assert "buckets" not in output, "this door shows them"
    assert run("--state", "-", stdin=exported(BACKUP))[0] == 1


def test_a_state_with_nothing_in_it() -> None:
    with pytest.raises(UserError, match="holds no resources to judge"):
        run("--state", "-", stdin=exported())


def test_no_state(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.json: No such file"):
        run("--state", "nowhere.json")
    with pytest.raises(UserError, match="Is a directory"):
        run("--state", tmp_path)
    with pytest.raises(UserError, match="no such file"):
        run("--state", "a\0b")


def test_a_state_in_the_place_of_a_folder_is_recognised(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text(exported(BACKUP))
    with pytest.raises(UserError, match=r"is the exported state of a stack: check it with --state .*state\.json"):
        run(file)
    (tmp_path / "bad.yaml").write_text(BAD)
    assert "an exported state: give it with --state" in run(tmp_path)[1]


def test_a_verdict_waits_only_where_an_update_will_come() -> None:
    """A placeholder in a folder is what an update will make; in a state an unknown value stays so."""
    waiting = {**BACKUP, "spec": {**BACKUP["spec"], "schedule": "known-after-up"}}
    code, output = run("-", stdin=yaml.safe_dump(waiting))
    assert (code, "deferred" in output) == (0, True)
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:AA"}
    code, output = run("--state", "-", stdin=exported({**BACKUP, "spec": {**BACKUP["spec"], "schedule": secret}}))
    assert (code, "not evaluated" in output, "deferred" in output) == (1, True, False)
    assert "1 value is encrypted" in output


class Cluster(Double):
    """The double with scheduled backups."""

    def __init__(self, statuses: Mapping[str, int] | None = None) -> None:
        super().__init__({BACKUPS: [{"metadata": BACKUP["metadata"], "spec": BACKUP["spec"]}]}, statuses)
        self.groups = {"postgresql.cnpg.io": {"v1": ["ScheduledBackup"]}}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    monkeypatch.setattr(cluster_api, "ClusterApi", lambda context, kubeconfig: made)
    return made


def test_a_cluster(cluster: Cluster) -> None:
    code, output = run("--context", "prod")
    assert code == 1
    assert "at minute 2 of every hour" in output
    assert f"{BACKUPS} of the cluster" in output
    assert "1 object in context prod" in output
    assert "buckets, keys and identities: a cluster does not hold them" in output
    assert "keys, types and values of Secrets" in output


def test_what_a_role_may_not_list_fails_the_check_and_the_rest_is_judged(cluster: Cluster) -> None:
    cluster.statuses[BACKUPS] = 403
    code, output = run("--context", "prod")
    assert code == 2
    assert f"✗ {BACKUPS} every ScheduledBackup: you may not list them (HTTP 403)" in output
    cluster.statuses = {SECRETS: 403}
    code, output = run("--context", "prod")
    assert code == 1
    assert "Secrets: you may not list them (HTTP 403)" in output


def kubeconfig(folder: Path, server: str) -> Path:
    file = folder / "kubeconfig"
    config = {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "prod", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "prod",
    }
    file.write_text(yaml.safe_dump(config))
    return file


def test_a_context_that_there_is_not(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path, "http://127.0.0.1:1")
    with pytest.raises(UserError, match="the kubeconfig has no such context; there are: prod"):
        run("--context", "production", "--kubeconfig", file)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00", b"[]", b"contexts: 3", b"contexts: [{name: prod}]"])
def test_a_kubeconfig_that_cannot_be_used(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "kubeconfig"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=r"cannot be used|no such context"):
        run("--context", "prod", "--kubeconfig", file)


def test_a_cluster_that_does_not_answer(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure, match=r"context prod \(http://127\.0\.0\.1:1\) does not answer"):
        run("--context", "prod", "--kubeconfig", kubeconfig(tmp_path, "http://127.0.0.1:1"))


def test_an_interruption_while_a_cluster_is_read(tmp_path: Path) -> None:
    """One sentence and exit code 130, in the middle of a request."""
    asked, over = threading.Event(), threading.Event()

    class Silent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.set()
            over.wait(60)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    file = kubeconfig(tmp_path, f"http://127.0.0.1:{server.server_port}")
    command = [sys.executable, "-m", "seawall.cli", "check", "--context", "prod", "--kubeconfig", str(file)]
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "TERM": "dumb"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        try:
            assert asked.wait(60)
            started.send_signal(signal.SIGINT)
            out, err = started.communicate(timeout=60)
        finally:
            over.set()
            server.shutdown()
    assert (started.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert "interrupted" in err
