"""PostgreSQL and PgBouncer as the operator sets them up for our Cluster and its Poolers."""

import getpass
import secrets
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import unprivileged
from data_tools import PgBouncer, Tools
from postgres_server import Postgres
from psycopg import sql
from tls_files import Authority

from seawall.components.cnpg import manifests
from seawall.components.cnpg.args import ApplicationArgs, CnpgSharedClusterArgs
from seawall.operators.cnpg import hba
from seawall.operators.cnpg.connections import AUTHENTICATION_ROLE
from seawall.operators.cnpg.pgbouncer_files import AUTH_DATABASE, Place, ini
from seawall.operators.cnpg.pgbouncer_files import hba as pooler_hba
from seawall.sandbox import ports

Manifest = Mapping[str, Any]

_LOOK_UP = """
create or replace function public.user_search(uname text) returns table (usename name, passwd text)
language sql security definer as
'select usename, passwd from pg_catalog.pg_shadow where usename = uname'
"""
_WAIT_SECONDS = 30.0


class SharedPostgres:
    """One primary of a shared cluster, with a role and a database for each application. `start`, then use."""

    def __init__(self, args: CnpgSharedClusterArgs, home: Path, tools: Tools, authority: Authority) -> None:
        """`home` as for `Postgres.create`."""
        self.args = args
        self.passwords = {it.role: secrets.token_hex(16) for it in args.applications}
        """Role → password; made up for this server."""
        self.authority = authority
        self.cluster = manifests.cluster(args)
        """The Cluster, as the stack renders it."""
        certificate, key = authority.issue(f"{args.name}-rw")
        own = self.cluster["spec"]["postgresql"]
        settings = {
            **own["parameters"],
            "ssl": "on",
            "ssl_cert_file": str(certificate),
            "ssl_key_file": str(key),
            "ssl_ca_file": str(authority.file),
        }
        lines = (*hba.SERVER_FIRST, *own["pg_hba"], *hba.SERVER_LAST)
        # Over the socket the instance manager's user is `postgres`; here those are who runs the server and who tests.
        users = dict.fromkeys((unprivileged.USER, getpass.getuser()))
        ident = [f"local {user} postgres" for user in users]
        ident.append(f"{AUTHENTICATION_ROLE} {AUTHENTICATION_ROLE} {AUTHENTICATION_ROLE}")
        self.server = Postgres.create(home, tools, settings, hba=lines, ident=ident)

    def start(self) -> None:
        """Start it and make roles, databases and the function by which PgBouncer looks passwords up."""
        self.server.start()
        with self.server.connect(autocommit=True) as connection:
            connection.execute(sql.SQL("create role {} login").format(sql.Identifier(AUTHENTICATION_ROLE)))
            for it in self.args.applications:
                role, database = sql.Identifier(it.role), sql.Identifier(it.database)
                password = sql.Literal(self.passwords[it.role])
                connection.execute(sql.SQL("create role {} login password {}").format(role, password))
                connection.execute(sql.SQL("create database {} owner {}").format(database, role))
        self.look_up_in(AUTH_DATABASE)

    def look_up_in(self, database: str) -> None:
        """Make the function by which PgBouncer looks passwords up; the operator makes it in one database alone."""
        role = sql.Identifier(AUTHENTICATION_ROLE)
        with self.server.connect(dbname=database) as connection:
            connection.execute(_LOOK_UP)
            connection.execute("revoke all on function public.user_search(text) from public")
            connection.execute(sql.SQL("grant execute on function public.user_search(text) to {}").format(role))


class Pooler:
    """One PgBouncer with the files that the operator writes for a Pooler. `start`, then `connect`, then `stop`."""

    def __init__(self, manifest: Manifest, shared: SharedPostgres, pgbouncer: PgBouncer, home: Path) -> None:
        """`home` is a folder of the unprivileged user with a short path: PgBouncer's socket is in it."""
        self.home = home
        self.port = ports.choose(["pgbouncer"])["pgbouncer"]
        self.log = home / "pgbouncer.log"
        self._shared = shared
        self._command = pgbouncer.command
        self._process: subprocess.Popen[bytes] | None = None
        server = f"host={ports.LOOPBACK} port={shared.server.port}"
        place = Place(str(home), str(home), ports.LOOPBACK, self.port, server)
        self.ini = ini(manifest, place)
        """What is in its pgbouncer.ini; change it before `start` to try something else."""
        self.hba = pooler_hba(manifest)
        """The same for its HBA file."""

    def start(self, *, wait: bool = True) -> None:
        """Start it. With `wait`, raises `AssertionError` with its log when it does not serve."""
        authority = self._shared.authority
        pairs = {"client-tls": f"{self._shared.args.name}-rw", "authUser": AUTHENTICATION_ROLE}
        for folder, user in pairs.items():
            (self.home / folder).mkdir(exist_ok=True)
            for source, name in zip(authority.issue(user), ("tls.crt", "tls.key"), strict=True):
                target = self.home / folder / name
                target.touch(mode=0o600)
                target.write_bytes(source.read_bytes())
        for folder in ("server-tls", "client-ca"):
            (self.home / folder).mkdir(exist_ok=True)
            (self.home / folder / "ca.crt").write_bytes(authority.file.read_bytes())
        (self.home / "pgbouncer.ini").write_text(self.ini)
        (self.home / "pg_hba.conf").write_text(self.hba)
        unprivileged.own(self.home)
        command = (*self._command, str(self.home / "pgbouncer.ini"))
        self._process = unprivileged.start(command, self.log, cwd=self.home)
        if wait:
            self.wait()

    def wait(self) -> None:
        """Wait until it listens. Raises `AssertionError` with its log when it ended instead."""
        end = time.monotonic() + _WAIT_SECONDS
        while ports.is_free(self.port):
            assert not self.ended and time.monotonic() < end, f"PgBouncer does not serve: {self.log.read_text()}"
            time.sleep(0.05)

    @property
    def ended(self) -> bool:
        """Whether it has ended by itself: it does when it cannot read its files."""
        assert self._process is not None, "it was never started"
        return self._process.poll() is not None

    def wait_ended(self) -> str:
        """Wait until it has ended by itself; what it said. Raises `subprocess.TimeoutExpired` when it goes on."""
        assert self._process is not None, "it was never started"
        self._process.wait(_WAIT_SECONDS)
        return self.log.read_text()

    def connect(self, application: ApplicationArgs, **options: Any) -> psycopg.Connection[Any]:
        """A connection of an application as its clients are told to make it; `options` are those of psycopg."""
        given = {
            "host": ports.LOOPBACK,
            "port": self.port,
            "user": application.role,
            "dbname": application.database,
            "password": self._shared.passwords[application.role],
            "sslmode": "verify-full",
            "sslrootcert": str(self._shared.authority.file),
            "connect_timeout": 10,
            **options,
        }
        return psycopg.connect(**given)

    def stop(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
