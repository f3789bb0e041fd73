"""The certificate probe's script against a double of PostgreSQL's TLS: what is valid, until when, and for whom."""

import socket
from pathlib import Path

import pytest
from loopback_server import running
from postgres_double import PostgresDouble
from probe_certificates import NOW, Authority, authority
from probe_samples import certificates_made, environment_of

from seawall.components.probes.scripts import certificates
from seawall.components.probes.scripts.serving import Results, UnusableError

NAMES = ("main-rw", "main-rw.databases", "localhost")
DAY = 86400


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return authority(tmp_path / "ours")


class FakeTime:
    """A clock that moves only by what is slept."""

    now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def measured(
    port: int, trusted: dict[str, Path], names: tuple[str, ...] = NAMES, *, seconds: float = 60.0
) -> tuple[bool, dict[str, float]]:
    results, time = Results(), FakeTime()
    target = certificates.Target({"127.0.0.1": names}, port, trusted, {"postgres": "main"}, seconds)
    reached = certificates.Measurement(target, results, clock=time.clock, sleep=time.sleep).run()
    lines = [line.rsplit(" ", 1) for line in results.text().splitlines() if not line.startswith("#")]
    return reached, {name: float(value) for name, value in lines}


def labels(host: str, trusted: str = "cluster") -> str:
    return f'{{authority="{trusted}",host="{host}",postgres="main"}}'


def test_a_good_certificate_is_valid_under_every_name_until_its_end(ours: Authority) -> None:
    with running(PostgresDouble(ours.sign(*NAMES, days=30))) as server:
        reached, found = measured(server.port, {"cluster": ours.file})
    assert reached
    for name in NAMES:
        assert found[certificates.VALID + labels(name)] == 1
        assert found[certificates.NOT_AFTER + labels(name)] == NOW.timestamp() + 30 * DAY
    authority_end = found[f'{certificates.AUTHORITY_NOT_AFTER}{{authority="cluster",postgres="main"}}']
    assert authority_end == NOW.timestamp() + 90 * DAY
    assert server.strangers == 0


def test_a_name_that_is_missing_is_invalid_and_the_others_are_not(
    ours: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(PostgresDouble(ours.sign("main-rw"))) as server:
        reached, found = measured(server.port, {"cluster": ours.file})
    assert reached
    assert found[certificates.VALID + labels("main-rw")] == 1
    assert found[certificates.VALID + labels("main-rw.databases")] == 0
    assert certificates.NOT_AFTER + labels("main-rw.databases") not in found
    assert "main-rw.databases (at 127.0.0.1, authority cluster): Hostname mismatch" in capsys.readouterr().err


def test_an_expired_certificate_is_invalid(ours: Authority) -> None:
    with running(PostgresDouble(ours.sign(*NAMES, days=-1))) as server:
        _, found = measured(server.port, {"cluster": ours.file})
    assert {found[certificates.VALID + labels(name)] for name in NAMES} == {0}


def test_only_the_mounted_authority_is_trusted(ours: Authority, tmp_path: Path) -> None:
    other = authority(tmp_path / "other", days=3)
    with running(PostgresDouble(ours.sign(*NAMES))) as server:
        _, found = measured(server.port, {"cluster": ours.file, "store": other.file})
    assert found[certificates.VALID + labels("main-rw")] == 1
    assert found[certificates.VALID + labels("main-rw", "store")] == 0
    stored_end = found[f'{certificates.AUTHORITY_NOT_AFTER}{{authority="store",postgres="main"}}']
    assert stored_end == NOW.timestamp() + 3 * DAY


def test_a_missing_authority_is_said_and_the_other_still_measured(
    ours: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(PostgresDouble(ours.sign(*NAMES))) as server:
        _, found = measured(server.port, {"store": tmp_path / "none", "cluster": ours.file})
    assert found[certificates.VALID + labels("main-rw")] == 1
    assert not [name for name in found if "store" in name]
    assert "authority store: no certificate" in capsys.readouterr().err


def test_a_server_without_tls_is_invalid(ours: Authority) -> None:
    with running(PostgresDouble(None)) as server:
        reached, found = measured(server.port, {"cluster": ours.file})
    assert reached
    assert found[certificates.VALID + labels("main-rw")] == 0


def test_nobody_there_is_a_failure_and_no_verdict(ours: Authority) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        reached, found = measured(free.getsockname()[1], {"cluster": ours.file})
    assert not reached
    assert found[certificates.FAILURES + labels("main-rw")] == 2
    assert certificates.VALID + labels("main-rw") not in found


def test_a_server_that_ends_is_a_failure_and_no_verdict(ours: Authority) -> None:
    with running(PostgresDouble(None, ends=True)) as server:
        reached, found = measured(server.port, {"cluster": ours.file})
    assert not reached
    assert found[certificates.FAILURES + labels("main-rw")] == 2
    assert certificates.VALID + labels("main-rw") not in found


def test_a_certificate_that_becomes_invalid_loses_its_end(ours: Authority) -> None:
    results = Results()
    measurement = certificates.Measurement(
        certificates.Target({}, 1, {}, {"postgres": "main"}, 1.0), results, clock=FakeTime().clock
    )
    about = {"postgres": "main", "host": "h", "authority": "cluster"}
    measurement._outcome(about, 5.0)
    assert certificates.NOT_AFTER + labels("h") in results.text()
    measurement._outcome(about, None)
    assert certificates.NOT_AFTER + labels("h") not in results.text()


# ── the process ──────────────────────────────────────────────────────────────────────────────────────────────────────

ENVIRONMENT = {
    "PROBE_HOSTS": '{"127.0.0.1": ["localhost"]}',
    "PROBE_PORT": "5432",
    "PROBE_POSTGRES": "main",
    "PROBE_SECONDS": "1",
    "PROBE_METRICS_PORT": "0",
    "PROBE_METRICS_HOST": "127.0.0.1",
}


def test_the_exit_code_says_whether_anything_was_reached(ours: Authority) -> None:
    trusted = {"PROBE_AUTHORITIES": f'{{"cluster": "{ours.file}"}}'}
    with running(PostgresDouble(ours.sign("localhost"))) as server:
        assert certificates.main({**ENVIRONMENT, **trusted, "PROBE_PORT": str(server.port)}) == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert certificates.main({**ENVIRONMENT, **trusted, "PROBE_PORT": str(free.getsockname()[1])}) == 1


@pytest.mark.parametrize(("key", "value"), [("PROBE_HOSTS", "[]"), ("PROBE_HOSTS", "{}"), ("PROBE_AUTHORITIES", "x")])
def test_wrong_settings_end_it_with_two(key: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = {**ENVIRONMENT, "PROBE_AUTHORITIES": '{"cluster": "x"}', key: value}
    assert certificates.main(given) == 2
    assert f"{key} must be a JSON object" in capsys.readouterr().err


def test_the_manifest_gives_every_setting() -> None:
    given = environment_of(certificates_made(stored_authority="db/ca"))
    wanted = certificates.target(given)
    assert wanted.hosts == {"main-rw.databases.svc.cluster.local": ("main-rw", "main-rw.databases.svc.cluster.local")}
    assert wanted.authorities == {
        "cluster": Path("/etc/probe/cluster/ca.crt"),
        "store": Path("/etc/probe/store/ca.crt"),
    }
    assert (wanted.port, wanted.seconds) == (5432, 120)
    for missing in given.keys() - {"PROBE_METRICS_PORT"}:
        with pytest.raises(UnusableError, match=missing):
            certificates.target({name: value for name, value in given.items() if name != missing})
