"""`seawall status` with a cluster: arguments, exit codes, and every way in which a server may not answer."""

import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from api_double import BUILT_IN, Handler, Server, groups, kubeconfig, serving
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from seawall.cli import failures
from seawall.cli.app import app
from seawall.qa.oncall import drain, reach, remarks
from seawall.qa.oncall.kinds import LISTED
from seawall.qa.oncall.model import Severity, Topic, Verdict

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "on-call-v1.schema.json").read_text())


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "seawall.cli", "status", *arguments]


@dataclass(frozen=True)
class Done:
    """What a command line came to."""

    returncode: int
    stdout: str
    stderr: str


def run(*arguments: str, **variables: str) -> Done:
    """The command line in this process: another one would take seconds to load for each case."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in {"COLUMNS": "80", "LINES": "24", "TERM": "dumb", **variables}.items():
            patch.setenv(name, value)
        code = failures._code(lambda: app(args=["status", *arguments], prog_name="seawall"))
    return Done(code, out.getvalue(), err.getvalue())


def ask(server: Server, folder: Path, *arguments: str) -> Done:
    file = kubeconfig(folder, server.server_port)
    done = run("--context", "there", "--kubeconfig", str(file), *arguments)
    assert "open-sesame-42" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def page(server: Server, folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = ask(server, folder, "--format", "json", *arguments)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(found, SCHEMA)
    return done.returncode, found


def test_the_schema_has_every_word() -> None:
    answer = SCHEMA["$defs"]["Answer"]["properties"]
    assert answer["topic"]["enum"] == [it.value for it in Topic]
    assert answer["verdict"]["enum"] == [it.value for it in Verdict]
    assert SCHEMA["$defs"]["Severity"]["enum"] == [it.value for it in Severity]


RUNBOOKS = sorted(
    {
        f"docs/runbooks/{name}.md"
        for file in (ROOT / "qa" / "oncall").glob("*.py")
        for name in re.findall(r'page\("([^"]+)"\)', file.read_text())
    }
    | {remarks.PAGE, drain.PAGE, reach.PAGE}
)


@pytest.mark.parametrize("runbook", RUNBOOKS)
def test_every_runbook_that_an_answer_names_is_there(runbook: str) -> None:
    file, _, anchor = runbook.partition("#")
    text = (ROOT / file).read_text()
    assert not anchor or anchor in {
        re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    }


def test_a_cluster_without_any_of_our_kinds(server: Server, tmp_path: Path) -> None:
    code, found = page(server, tmp_path)
    assert code == 1
    told = {(it["topic"], it["verdict"]): it["summary"] for it in found["answers"]}
    wrong = "it has no Cluster, no Dragonfly and no secret of ours: is this the context that you mean?"
    assert told["this cluster", "no"] == wrong
    assert told["last backup", "none"] == "the cluster has no Cluster: its CRD is not installed"
    assert told["cache access", "none"] == "the cluster has no Dragonfly: its CRD is not installed"
    assert told["drain", "unknown"] == "unknown, because the cluster shows no node"
    asked = {it.partition("?")[0] for it in server.asked}
    assert not any("cnpg.io" in it for it in asked), "what is not served is not asked for"
    assert {it.partition("?")[0] for it in server.asked if it != "/apis"} <= {it.path(it.version) for it in _all()}


def _all() -> list[Any]:
    from seawall.qa.oncall.kinds import SECRETS

    return [*LISTED, SECRETS]


def test_kinds_in_another_version_are_asked_for_in_it(server: Server, tmp_path: Path) -> None:
    served = {**BUILT_IN, "external-secrets.io": ["v1beta1"], "cilium.io": ["v2alpha1", "v2"]}
    server.replies["/apis"] = (200, groups(served))
    page(server, tmp_path)
    asked = {it.partition("?")[0] for it in server.asked}
    assert "/apis/external-secrets.io/v1beta1/externalsecrets" in asked
    assert "/apis/cilium.io/v2/ciliumnetworkpolicies" in asked


def test_a_server_that_does_not_say_what_it_serves(server: Server, tmp_path: Path) -> None:
    server.replies["/apis"] = (403, {})
    server.other = (404, {})
    _, found = page(server, tmp_path)
    assert "/apis/dragonflydb.io/v1alpha1/dragonflies?limit=500" in server.asked
    assert "its CRD is not installed" in json.dumps(found)


def test_pages_and_lists_that_grow_too_old(server: Server, tmp_path: Path) -> None:
    state = {"old": True}

    def nodes(handler: Handler) -> None:
        if "continue" not in handler.path:
            item = {"metadata": {"name": "node-a"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
            handler.say(200, {"items": [item], "metadata": {"continue": "more"}})
        elif state.pop("old", False):
            handler.say(410, {})
        else:
            handler.say(200, {"items": [{"metadata": {"name": "node-b"}}], "metadata": {}})

    server.replies["/api/v1/nodes"] = nodes
    _, found = page(server, tmp_path)
    assert [it["about"] for it in found["answers"] if it["topic"] == "drain"] == ["node-b", "node-a"]
    assert sum(it.startswith("/api/v1/nodes") for it in server.asked) == 4


JUNK: list[Any] = [
    {"items": "none"},
    {"items": [1, None, {"metadata": 3, "spec": [], "status": "x"}]},
    {"items": [{"metadata": {"name": "a;rm -rf", "namespace": {}, "labels": [1], "annotations": "x"}, "spec": 7}]},
    {"items": [{"metadata": {"name": "x", "namespace": "y", "creationTimestamp": "9" * 99}, "status": []}]},
    {"items": None},
    [],
    b"<html>sign in</html>",
]


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_junk_is_an_answer_and_no_crash(junk: Any, server: Server, tmp_path: Path) -> None:
    server.replies["/apis"] = (200, groups({**BUILT_IN, **{it.group: [it.version] for it in LISTED if it.group}}))
    server.other = (200, junk)
    done = ask(server, tmp_path, "--no-pager")
    assert done.returncode == 1, done.stderr
    assert "rm -rf" not in done.stdout


def test_a_clock_that_differs_is_told_and_ages_are_the_servers(server: Server, tmp_path: Path) -> None:
    server.now = datetime(2026, 3, 8, 3, 0, tzinfo=UTC)
    _, found = page(server, tmp_path)
    assert found["at"] == "2026-03-08T03:00:00Z"
    assert "the API server's: ages are by the server's" in found["notes"][0]


def test_a_server_without_a_clock(server: Server, tmp_path: Path) -> None:
    server.now = None
    _, found = page(server, tmp_path)
    assert found["notes"] == []


def test_one_list_that_breaks_off_does_not_spoil_the_rest(server: Server, tmp_path: Path) -> None:
    def cut(handler: Handler) -> None:
        handler.say(200, b'{"items": [', **{"Content-Length": "1000"})
        handler.close_connection = True

    server.replies["/api/v1/pods"] = cut
    code, found = page(server, tmp_path)
    assert code == 1
    told = next(it["summary"] for it in found["answers"] if it["topic"] == "drain")
    assert told.startswith("unknown, because list pods did not come to an end")


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, "does not know you (HTTP 401)"),
        (302, "does not say what it serves (GET /apis: HTTP 302)"),
        (500, "does not say what it serves (GET /apis: HTTP 500)"),
    ],
)
def test_a_server_that_refuses(status: int, told: str, server: Server, tmp_path: Path) -> None:
    server.replies["/apis"] = lambda it: it.say(status, {}, Location="/elsewhere")
    done = ask(server, tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert told in done.stderr
    assert server.asked == ["/apis"], "no redirect is followed"


def test_a_token_that_ends_on_the_way(server: Server, tmp_path: Path) -> None:
    server.replies["/api/v1/pods"] = (401, {})
    done = ask(server, tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert "does not know you (HTTP 401)" in done.stderr


def test_nobody_is_there(server: Server, tmp_path: Path) -> None:
    file = kubeconfig(tmp_path, server.server_port)
    server.shutdown()
    server.server_close()
    done = run("--context", "there", "--kubeconfig", str(file))
    assert (done.returncode, done.stdout) == (3, "")
    assert "does not answer (" in done.stderr


def _certificate(folder: Path, ended: bool) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    until = now - timedelta(days=1) if ended else now + timedelta(days=1)
    here, elsewhere = x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("elsewhere.example.org")
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([here if ended else elsewhere]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    files = folder / "crt", folder / "key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(private)
    return files


@pytest.mark.parametrize(("ended", "told"), [(True, "certificate has expired"), (False, "mismatch")])
def test_a_certificate_that_is_not_right(ended: bool, told: str, tmp_path: Path) -> None:
    files = _certificate(tmp_path, ended)
    with serving(files) as server:
        file = kubeconfig(tmp_path, server.server_port, authority=files[0])
        done = run("--context", "there", "--kubeconfig", str(file))
    assert (done.returncode, done.stdout) == (3, "")
    assert "is not trusted: " in done.stderr
    assert told in done.stderr


def test_an_interrupt_ends_it_at_once(server: Server, tmp_path: Path) -> None:
    server.replies["/api/v1/pods"] = lambda it: bool(it.server.over.wait(60)) and None
    file = kubeconfig(tmp_path, server.server_port)
    running = subprocess.Popen(
        command("--context", "there", "--kubeconfig", str(file)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not any(it.startswith("/api/v1/pods") for it in server.asked):
        assert running.poll() is None
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=20)  # far less than the answer that never comes
    assert running.returncode == 130
    assert "Traceback" not in out + err
    assert "interrupted" in err


WRONG = [
    (["--kubeconfig", "k"], "these options are about a cluster: say which with --context NAME"),
    (["--node", "n"], "these options are about a cluster"),
    (["--format", "json"], "these options are about a cluster"),
    (["--format", "xml", "--context", "x"], "--format xml: there are terminal and json"),
    (["--sandbox", "--context", "x"], "--sandbox names a context and a kubeconfig itself"),
    (["--stack", "infra", "--context", "x"], "--context x: stack infra is for context infra; leave one of the two out"),
    (["--stack", "infar"], "did you mean `infra`?"),
    (["--context", "x", "--metrics", "https://me:hush@m"], "--metrics: must not hold a password"),
    (["--context", "x", "--metrics", "m:9090"], "--metrics 'm:9090': must be an address like"),
    (["--context", "x", "--metrics-token", "file"], "--metrics-token is for --metrics"),
    (["--context", "x", "--metrics", "http://[m"], "--metrics 'http://[m': must be an address like"),
]


@pytest.mark.parametrize(("arguments", "told"), WRONG)
def test_a_mistake_in_the_arguments(arguments: list[str], told: str, tmp_path: Path) -> None:
    done = run(*arguments, SEAWALL_STATE=str(tmp_path / "none"))
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "hush" not in done.stderr


def test_a_context_that_is_not_there(server: Server, tmp_path: Path) -> None:
    file = kubeconfig(tmp_path, server.server_port)
    done = run("--context", "prod", "--kubeconfig", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert "context = 'prod': the kubeconfig has no such context; there are: there" in done.stderr
    assert server.asked == []


def test_the_sandbox_is_not_there(tmp_path: Path) -> None:
    done = run("--sandbox", SEAWALL_STATE=str(tmp_path / "none"))
    assert done.returncode == 3
    assert "there is no sandbox" in done.stderr


def test_without_a_cluster_it_says_how_to_ask_one(tmp_path: Path) -> None:
    done = run(SEAWALL_STATE=str(tmp_path / "none"))
    assert done.returncode == 0
    assert "a cluster is asked with `seawall status --context NAME`" in done.stdout


def test_metrics_are_asked_and_their_silence_is_told(server: Server, tmp_path: Path) -> None:
    with serving() as prometheus:
        prometheus.other = (502, {})
        _, found = page(server, tmp_path, "--metrics", f"http://127.0.0.1:{prometheus.server_port}/")
        assert prometheus.asked == ["/api/v1/query"]
    assert found["notes"] == [f"metrics: http://127.0.0.1:{prometheus.server_port} does not answer: HTTP 502"]
