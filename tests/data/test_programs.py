"""The ground that the other tests here stand on: where programs come from, and as whom they run."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import data_tools
import debian_packages
import psutil
import psycopg
import pytest
import unprivileged
from data_tools import LONG, Tools
from postgres_server import Postgres, runs
from rich.console import Console

from seawall.sandbox import ports

Workplace = Callable[[str], Path]

DEB822 = """
Types: deb deb-src
# a comment
URIs: https://mirror.example.org/debian https://second.example.org/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian.gpg

Enabled: no
Types: deb
URIs: https://off.example.org/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: https://source.example.org/debian
Suites: bookworm
Components: main

types: deb
uris: https://keys.example.org/debian
suites: trixie
components: main
signed-by:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 -----END PGP PUBLIC KEY BLOCK-----
"""
ONE_LINE = """
# deb https://off.example.org/debian bookworm main
deb-src https://source.example.org/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/debian.gpg] https://mirror.example.org/debian bookworm main contrib # x
deb https://other.example.org/apt stable vendor
deb https://keys.example.org/debian trixie main
"""


def test_mirrors_are_read_from_either_format() -> None:
    own = "https://mirror.example.org/debian", "/usr/share/keyrings/debian.gpg"
    keyless = ("https://keys.example.org/debian", ["trixie"], "")
    suites = ["bookworm", "bookworm-updates"]
    assert list(debian_packages.sources(DEB822)) == [(own[0], suites, own[1]), keyless]
    assert list(debian_packages.lines(ONE_LINE)) == [(own[0], ["bookworm"], own[1]), keyless]


def test_programs_get_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ours")
    monkeypatch.setenv("PGHOST", "ours")
    said = unprivileged.run(["env"], env={"GIVEN": "1"}).stdout
    assert "ours" not in said and "GIVEN=1" in said


def test_nothing_runs_as_root_and_all_of_it_may_read_what_we_may(tools: Tools, tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    ours.write_text("read")
    ours.chmod(0o600)
    said = unprivileged.run(["sh", "-c", f"id -u; cat {ours}; echo x > {tmp_path}/made || echo cannot"], check=False)
    user, rest = said.stdout.split("\n", 1)
    assert user != "0" and rest.startswith("read")
    assert ("cannot" in rest) == (os.geteuid() == 0), "as root, only what is given away can be written"
    assert (
        unprivileged.run([tools.barman.path("barman-cloud-wal-restore"), "--version"])
        .stdout.strip()
        .endswith(tools.barman.version)
    )


def test_a_killed_server_leaves_nothing_and_starts_again(tools: Tools, workplace: Workplace) -> None:
    archiving = {"archive_mode": "on", "archive_command": "sleep 1000"}
    server = Postgres.create(workplace("postgres"), tools, archiving)
    server.start()
    server.sql("create table kept as select 1 as it")
    server.switch_wal()
    first = psutil.Process(server.pid)
    processes = [first]
    while "sleep" not in [name for name, _ in seen(processes)]:
        time.sleep(0.05)
        processes = [first, *first.children(recursive=True)]
    users = [user for _, user in seen(processes)]
    assert users and 0 not in users
    server.kill()
    assert not [it for it in processes if runs(it)]
    with pytest.raises(psycopg.OperationalError):
        server.sql("select 1")
    server.start()
    assert server.sql("select it from kept") == [(1,)]
    server.stop("immediate")
    assert not server.running


def seen(processes: Sequence[psutil.Process]) -> list[tuple[str, int]]:
    """Name and user of each; one may end by itself meanwhile, as a worker of autovacuum does."""
    found = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            found.append((process.name(), process.uids().real))
    return found


def test_a_server_that_does_not_start_says_why(tools: Tools, workplace: Workplace) -> None:
    server = Postgres.create(workplace("postgres"), tools, {"shared_buffers": "few"})
    with pytest.raises(AssertionError, match='invalid value for parameter "shared_buffers"'):
        server.start()


def test_hba_lines_decide_who_comes_in(tools: Tools, workplace: Workplace) -> None:
    server = Postgres.create(workplace("postgres"), tools, hba=("local all all trust", "host all all all reject"))
    server.start()
    assert server.sql("select 1") == [(1,)]
    with pytest.raises(psycopg.OperationalError, match="rejects connection"):
        server.connect(host=ports.LOOPBACK)
    server.configure(hba=("local all all trust", "host all all 127.0.0.1/32 trust"))
    server.reload()
    server.connect(host=ports.LOOPBACK).close()


if LONG:  # it fetches 100 MB, also where PostgreSQL is installed

    def test_debians_package_of_postgresql_runs_unpacked(
        available: Callable[[], AbstractContextManager[Console]], tools: Tools, workplace: Workplace
    ) -> None:
        with available() as console:
            packaged = data_tools.packaged_postgres(console)
        server = Postgres.create(workplace("postgres"), Tools(packaged, tools.barman))
        server.start()
        assert server.sql("show server_version")[0][0].split()[0] == packaged.version
