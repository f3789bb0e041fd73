"""The latency probe's script against a double of the server: what it measures, counts as failed, and hides."""

import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from loopback_server import running
from probe_certificates import Authority, authority
from probe_samples import environment_of, latency_made, mount
from resp_double import RespDouble

from seawall.components.probes.scripts import latency
from seawall.components.probes.scripts.serving import Results, UnusableError

PASSWORD = b"correct horse"
LABELS = {"dragonfly": "cache", "path": "intra-cluster"}


class FakeTime:
    """A clock that moves by a step with every look, and by what is slept."""

    def __init__(self, step: float = 0.001) -> None:
        self.now, self.step = 0.0, step

    def clock(self) -> float:
        self.now += self.step
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def target(port: int, **changes: object) -> latency.Target:
    given = {"host": "127.0.0.1", "port": port, "password": None, "context": None, "labels": LABELS}
    return latency.Target(**{**given, "seconds": 20.0, "pause": 0.1, **changes})


def measured(port: int, **changes: object) -> tuple[bool, dict[str, float]]:
    results, time = Results(), FakeTime()
    wanted = target(port, **changes)
    connected = latency.Measurement(wanted, results, clock=time.clock, sleep=time.sleep).run()
    return connected, series(results.text())


def series(text: str) -> dict[str, float]:
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def failures(found: dict[str, float], command: str) -> float:
    return found[f'{latency.FAILURES}{{command="{command}",dragonfly="cache",path="intra-cluster"}}']


def quantile(found: dict[str, float], command: str, share: str) -> float | None:
    labels = f'command="{command}",dragonfly="cache",path="intra-cluster",quantile="{share}"'
    return found.get(f"{latency.LATENCY}{{{labels}}}")


def test_each_command_gets_three_quantiles_and_no_failure() -> None:
    with running(RespDouble()) as server:
        connected, found = measured(server.port)
    assert connected
    for command in ("ping", "set", "get"):
        for share in ("0.5", "0.95", "0.99"):
            # The fake clock moves by one step between sending and reply.
            assert quantile(found, command, share) == pytest.approx(0.001)
        assert failures(found, command) == 0
    assert failures(found, "connect") == 0


def test_the_only_key_is_its_own_and_expires() -> None:
    with running(RespDouble()) as server:
        measured(server.port, seconds=5.0)
    written = [parts for parts in server.seen if parts[0] == b"SET"]
    assert written
    assert set(server.values) == {latency.KEY}
    assert {(parts[1], *parts[3:]) for parts in written} == {(latency.KEY, b"EX", b"60")}
    assert latency.KEY.startswith(b"seawall:")
    assert {parts[0] for parts in server.seen} == {b"PING", b"SET", b"GET"}


def test_the_load_is_one_command_a_pause() -> None:
    with running(RespDouble()) as server:
        measured(server.port, seconds=10.0, pause=0.2)
    assert 30 < len(server.seen) <= 50 + 3, "the round that has begun is finished"


def test_it_signs_in() -> None:
    with running(RespDouble(password=PASSWORD)) as server:
        connected, found = measured(server.port, password=PASSWORD)
    assert connected
    assert failures(found, "connect") == 0


def test_a_refused_password_is_never_connected_and_never_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with running(RespDouble(password=PASSWORD)) as server:
        connected, found = measured(server.port, password=b"a wrong one")
    assert not connected
    assert failures(found, "connect") > 0
    assert quantile(found, "ping", "0.95") is None
    shown = capsys.readouterr()
    assert "refused the password" in shown.err
    assert "wrong one" not in shown.err + shown.out


@pytest.mark.parametrize(("seconds", "shown"), [(50.0, True), (120.0, False)])
def test_quantiles_of_a_server_that_stopped_answering_go_away(seconds: float, shown: bool) -> None:
    """What was measured a minute ago would otherwise be served as what clients wait for now."""
    time, results = FakeTime(), Results()
    with running(RespDouble()) as server:

        def sleep(seconds: float) -> None:
            time.sleep(seconds)
            if time.now > 30:
                server.replies.update(dict.fromkeys((b"PING", b"SET", b"GET")))

        wanted = target(server.port, seconds=seconds)
        assert latency.Measurement(wanted, results, clock=time.clock, sleep=sleep).run()
    assert (quantile(series(results.text()), "ping", "0.95") is not None) == shown


def test_too_few_samples_give_no_quantile() -> None:
    with running(RespDouble()) as server:
        _, found = measured(server.port, seconds=3.0)
    assert quantile(found, "ping", "0.95") is None


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("get", b"$-1\r\n"),
        ("set", b"-OOM command not allowed when used memory > 'maxmemory'\r\n"),
        ("ping", b"+PANG\r\n"),
    ],
)
def test_a_wrong_answer_is_a_failure_of_that_command_alone(command: str, reply: bytes) -> None:
    with running(RespDouble(replies={command.upper().encode(): reply})) as server:
        connected, found = measured(server.port)
    assert connected
    assert failures(found, command) > 0
    assert quantile(found, command, "0.95") is None
    for other in {"ping", "set"} - {command}:
        assert failures(found, other) == 0
        assert quantile(found, other, "0.95") is not None


@pytest.mark.parametrize(
    "reply",
    [None, b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$5\r\nab\r\n\r\n\r\n", b"$999999999999\r\n", b"\r\n"],
)
def test_what_is_no_reply_ends_the_connection(reply: bytes | None) -> None:
    with running(RespDouble(replies={b"PING": reply})) as server:
        connected, found = measured(server.port, seconds=5.0)
    assert connected
    assert failures(found, "ping") > 1, "it connects again"


def test_nobody_there_is_never_connected() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        connected, found = measured(free.getsockname()[1], seconds=5.0)
    assert not connected
    assert failures(found, "connect") > 1


def test_old_samples_are_forgotten() -> None:
    samples = latency.Samples()
    for moment in range(100):
        samples.add(moment, 1.0 if moment < 30 else 0.002)
    assert samples.quantile(0.99) == 0.002
    samples.add(200, 0.5)
    assert samples.quantile(0.5) is None, "one sample is left"


def test_a_quantile_is_a_time_that_was_measured() -> None:
    samples = latency.Samples()
    for number in range(1, 101):
        samples.add(0.0, number / 1000)
    assert [samples.quantile(share) for share in (0.5, 0.95, 0.99)] == [0.05, 0.095, 0.099]


# ── TLS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return authority(tmp_path / "ours")


def serving_tls(ours: Authority, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ours.sign(name))
    return context


@pytest.mark.parametrize(("name", "accepted"), [("localhost", True), ("cache.example.org", False)])
def test_tls_verifies_authority_and_name(ours: Authority, name: str, accepted: bool) -> None:
    trusting = latency.target({**ENVIRONMENT, "PROBE_TLS": "verify", "PROBE_CA_FILE": str(ours.file)}).context
    with running(RespDouble(context=serving_tls(ours, name))) as server:
        connected, _ = measured(server.port, host="localhost", context=trusting, seconds=3.0)
    assert connected is accepted


def test_tls_without_a_file_trusts_public_authorities_only(ours: Authority) -> None:
    trusting = latency.target({**ENVIRONMENT, "PROBE_TLS": "verify"}).context
    assert trusting is not None
    assert trusting.verify_mode is ssl.CERT_REQUIRED
    assert trusting.check_hostname
    with running(RespDouble(context=serving_tls(ours, "localhost"))) as server:
        connected, _ = measured(server.port, host="localhost", context=trusting, seconds=3.0)
    assert not connected


# ── the process ──────────────────────────────────────────────────────────────────────────────────────────────────────

ENVIRONMENT = {
    "PROBE_HOST": "127.0.0.1",
    "PROBE_PORT": "6379",
    "PROBE_DRAGONFLY": "cache",
    "PROBE_PATH": "intra-cluster",
    "PROBE_SECONDS": "1",
    "PROBE_PAUSE_MS": "50",
    "PROBE_METRICS_PORT": "0",
    "PROBE_METRICS_HOST": "127.0.0.1",
}


@pytest.mark.parametrize("key", sorted(ENVIRONMENT.keys() - {"PROBE_METRICS_HOST", "PROBE_METRICS_PORT"}))
def test_a_missing_setting_is_named(key: str) -> None:
    with pytest.raises(UnusableError, match=f"lacks {key}"):
        latency.target({name: value for name, value in ENVIRONMENT.items() if name != key})


def test_wrong_settings_end_it_with_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "password"
    empty.write_bytes(b"")
    assert latency.main({**ENVIRONMENT, "PROBE_PORT": "six"}) == 2
    assert latency.main({**ENVIRONMENT, "PROBE_PASSWORD_FILE": str(empty)}) == 2
    assert latency.main({**ENVIRONMENT, "PROBE_PASSWORD_FILE": str(tmp_path / "none")}) == 2
    assert latency.main({**ENVIRONMENT, "PROBE_TLS": "verify", "PROBE_CA_FILE": str(tmp_path / "none")}) == 2
    assert "whole number" in capsys.readouterr().err


def test_the_password_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b" with blanks \n")
    assert latency.target({**ENVIRONMENT, "PROBE_PASSWORD_FILE": str(file)}).password == b" with blanks \n"


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    return mount(latency_made(), tmp_path / "mounted")


def test_the_exit_code_says_whether_it_was_ever_connected(tmp_path: Path) -> None:
    with running(RespDouble()) as server:
        assert latency.main({**ENVIRONMENT, "PROBE_PORT": str(server.port)}) == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert latency.main({**ENVIRONMENT, "PROBE_PORT": str(free.getsockname()[1])}) == 1


def test_sigterm_ends_it_at_once(mounted: Path) -> None:
    with running(RespDouble()) as server:
        given = {**ENVIRONMENT, "PROBE_PORT": str(server.port), "PROBE_SECONDS": "300"}
        # As in the pod: the ConfigMap's files alone, isolated from this checkout and from the environment.
        process = subprocess.Popen([sys.executable, "-I", "-B", str(mounted)], env=given)
        try:
            while not server.seen:
                assert process.poll() is None
            process.terminate()
            assert process.wait(timeout=60) == 128 + 15
        finally:
            process.kill()
            process.wait()


def test_the_manifest_gives_every_setting(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_bytes(PASSWORD)
    given = environment_of(latency_made(tls=True))
    assert given["PROBE_PASSWORD_FILE"] == "/etc/probe/password/password"
    wanted = latency.target({**given, "PROBE_PASSWORD_FILE": str(password)})
    assert wanted.password == PASSWORD
    assert (wanted.port, wanted.seconds, wanted.pause) == (6379, 240, 0.2)
    assert wanted.labels == LABELS
    assert wanted.context is not None
