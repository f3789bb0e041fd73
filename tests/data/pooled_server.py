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
from seawall.operators.cnpg import METRICS_ROLE, dns_forms, hba, service_names
from seawall.operators.cnpg.connections import AUTHENTICATION_ROLE
from seawall.operators.cnpg.pgbouncer import PREPARED_SINCE
from seawall.operators.cnpg.pgbouncer_files import AUTH_DATABASE, AUTH_DATABASE_SINCE, Place, ini
from seawall.operators.cnpg.pgbouncer_files import hba as pooler_hba
from seawall.sandbox import ports

Manifest = Mapping[str, Any]

_LOOK_UP = """
create or replace function public.user_search(uname text) returns table (usename name, passwd text)
language sql security definer set search_path = pg_catalog, pg_temp as
'select usename, passwd from pg_catalog.pg_shadow where usename = uname'
"""
REPLICA_ROLE = "streaming_replica"
"""As which replicas fetch WAL, with a certificate."""
BOOTSTRAPPED = "app"
"""The database that the operator makes when the Cluster names none, and its owner, which has a password."""
_SINCE = {"auth_dbname": AUTH_DATABASE_SINCE, "max_prepared_statements": PREPARED_SINCE}
"""Setting → the first PgBouncer that knows it; an older one does not start with it."""
_FLAGS = ("login", "superuser", "createdb", "createrole", "replication", "bypassrls")
"""Those of a DatabaseRole that are options of CREATE ROLE as well."""
_WAIT_SECONDS = 30.0


class SharedPostgres:
    """One primary of a shared cluster, with its roles and databases and the operator's own. `start`, then use."""

    def __init__(
        self,
        args: CnpgSharedClusterArgs,
        home: Path,
        tools: Tools,
        authority: Authority,
        manifest: Manifest | None = None,
    ) -> None:
        """`home` as for `Postgres.create`; `manifest` is the Cluster, by default the one that the arguments make."""
        self.args, self.tools = args, tools
        self.passwords = {it.role: secrets.token_hex(16) for it in args.applications}
        """Role → password; made up for this server."""
        self.authority = authority
        self.cluster = manifest or manifests.cluster(args)
        """The Cluster, as the stack renders it."""
        self.host = dns_forms(service_names(args.name)["rw"], args.namespace)[-1]
        """The name of the primary's Service, which leads nowhere here: for `host` beside `hostaddr`."""
        own = self.cluster["spec"]["postgresql"]
        self.certificate, key = authority.issue(f"{args.name}-rw", server_names(self.cluster), purpose="server")
        settings = {
            **own["parameters"],
            "ssl": "on",
            "ssl_cert_file": str(self.certificate),
            "ssl_key_file": str(key),
            "ssl_ca_file": str(authority.file),
        }
        # Over the socket the instance manager's user is `postgres`; here those are who runs the server and who tests.
        users = dict.fromkeys((unprivileged.USER, getpass.getuser()))
        ident = [f"local {user} postgres" for user in users]
        ident += [f"{METRICS_ROLE} {user} {METRICS_ROLE}" for user in users]
        ident.append(f"{AUTHENTICATION_ROLE} {AUTHENTICATION_ROLE} {AUTHENTICATION_ROLE}")
        ident.append(f"cnpg_{REPLICA_ROLE} {REPLICA_ROLE} {REPLICA_ROLE}")
        self.server = Postgres.create(home, tools, settings, hba=server_lines(self.cluster), ident=ident)

    def start(self) -> None:
        """Start it and make roles, databases and the function by which PgBouncer looks passwords up."""
        self.server.start()
        with self.server.connect(autocommit=True) as connection:
            connection.execute(f"create role {REPLICA_ROLE} login replication")
            connection.execute(f"create role {AUTHENTICATION_ROLE} login")
            connection.execute(f"grant connect on database {AUTH_DATABASE} to {AUTHENTICATION_ROLE}")
            connection.execute(f"create role {METRICS_ROLE} login password null")
            connection.execute(f"grant pg_monitor to {METRICS_ROLE}")
            connection.execute(f"create role {BOOTSTRAPPED} login")
            connection.execute(f"create database {BOOTSTRAPPED} owner {BOOTSTRAPPED}")
            for it in self.args.applications:
                role = manifests.database_role(it)["spec"]
                options = sql.SQL(" ".join(f"{'' if role[it] else 'no'}{it}" for it in _FLAGS))
                connection.execute(sql.SQL("create role {} {}").format(sql.Identifier(role["name"]), options))
                database = manifests.database(it)["spec"]
                names = sql.Identifier(database["name"]), sql.Identifier(database["owner"])
                connection.execute(sql.SQL("create database {} owner {}").format(*names))
        for name, password in self.passwords.items():
            self.set_password(name, password)
        self.look_up_in(AUTH_DATABASE)

    def set_password(self, role: str, password: str) -> None:
        """Give a role a password, as the operator does with the one in a Secret."""
        statement = sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(password))
        with self.server.connect(autocommit=True) as connection:
            connection.execute(statement)
        self.passwords[role] = password

    def look_up_in(self, database: str) -> None:
        """Make the function by which PgBouncer looks passwords up; the operator makes it in one database alone."""
        role = sql.Identifier(AUTHENTICATION_ROLE)
        with self.server.connect(dbname=database) as connection:
            connection.execute(_LOOK_UP)
            connection.execute("revoke all on function public.user_search(text) from public")
            connection.execute(sql.SQL("grant execute on function public.user_search(text) to {}").format(role))


def server_lines(cluster: Manifest) -> tuple[str, ...]:
    """The pg_hba.conf that the operator writes for a Cluster."""
    return (*hba.SERVER_FIRST, *cluster["spec"]["postgresql"]["pg_hba"], *hba.SERVER_LAST)


def server_names(cluster: Manifest) -> list[str]:
    """The names in the certificate that the operator makes for a Cluster: its Services' and those that it is given."""
    name, namespace = cluster["metadata"]["name"], cluster["metadata"]["namespace"]
    own = [form for service in service_names(name).values() for form in dns_forms(service, namespace)]
    return [*own, *cluster["spec"]["certificates"]["serverAltDNSNames"]]


class Pooler:
    """One PgBouncer with the files that the operator writes for a Pooler. `start`, then `connect`, then `stop`."""

    def __init__(
        self,
        manifest: Manifest,
        shared: SharedPostgres,
        pgbouncer: PgBouncer,
        home: Path,
        *,
        as_written: bool = False,
    ) -> None:
        """`home` is a folder of the unprivileged user with a short path: PgBouncer's socket is in it.

        What this PgBouncer does not know is left out of its files, unless they are to be `as_written`.
        """
        self.home = home
        self.port = ports.choose(["pgbouncer"])["pgbouncer"]
        self.log = home / "pgbouncer.log"
        self._shared = shared
        self._command = pgbouncer.command
        self._process: subprocess.Popen[bytes] | None = None
        self._psql, self._environment = shared.tools.postgres.path("psql"), shared.tools.postgres.environment
        self._unknown = () if as_written else tuple(it for it, since in _SINCE.items() if pgbouncer.version < since)
        self.ini, self.hba = "", ""
        """What is in its pgbouncer.ini and its HBA file; change it before `start` to try something else."""
        self.configure(manifest)

    def configure(self, manifest: Manifest) -> None:
        """Take the files of this Pooler; a start reads them."""
        server = f"host={ports.LOOPBACK} port={self._shared.server.port}"
        place = Place(str(self.home), str(self.home), ports.LOOPBACK, self.port, server)
        lines = ini(manifest, place).splitlines(keepends=True)
        self.ini = "".join(line for line in lines if line.partition(" =")[0] not in self._unknown)
        self.hba = pooler_hba(manifest)

    def start(self, *, wait: bool = True) -> None:
        """Start it. With `wait`, raises `AssertionError` with its log when it does not serve."""
        authority = self._shared.authority
        # Clients are shown the server's own certificate.
        server = self._shared.certificate
        pairs = {
            "client-tls": (server, server.with_suffix(".key")),
            "authUser": authority.issue(AUTHENTICATION_ROLE, purpose="client"),
        }
        for folder, pair in pairs.items():
            (self.home / folder).mkdir(exist_ok=True)
            for source, name in zip(pair, ("tls.crt", "tls.key"), strict=True):
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
        return psycopg.connect(**{**self.options(application), **options})

    def options(self, application: ApplicationArgs) -> dict[str, Any]:
        """What an application's clients are told, as options of libpq; the host name leads nowhere here."""
        return {
            "host": application.host,
            "hostaddr": ports.LOOPBACK,
            "port": self.port,
            "user": application.role,
            "dbname": application.database,
            "password": self._shared.passwords[application.role],
            "sslmode": "verify-full",
            "sslrootcert": str(self._shared.authority.file),
            "connect_timeout": 10,
        }

    def configuration(self) -> dict[str, str]:
        """What PgBouncer itself says of its settings, at its console, which only its own user on its socket enters."""
        command: list[str | Path] = [
            self._psql,
            "-XAtF",
            "=",
            "-h",
            self.home,
            "-p",
            str(self.port),
            "-U",
            "pgbouncer",
            "pgbouncer",
        ]
        said = unprivileged.run([*command, "-c", "show config"], env=self._environment).stdout
        return {line.split("=")[0]: line.split("=")[1] for line in said.splitlines()}

    def stop(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
