"""Starts a PostgreSQL with the poolers of a stack, and runs on it what the stack's Jobs run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import unprivileged
from data_tools import PgBouncer, Tools
from pooled_server import BOOTSTRAPPED, Pooler, SharedPostgres, server_lines
from postgres_server import SUPERUSER
from tenant_matrix import BY_CERTIFICATE, Site
from tenant_stack import TenantStack
from tls_files import Authority

from seawall.operators.cnpg import CA_KEY, METRICS_ROLE
from seawall.operators.cnpg.pgbouncer_files import AUTH_DATABASE_SINCE
from seawall.sandbox import ports

Workplace = Callable[[str], Path]


@contextmanager
def running(stack: TenantStack, tools: Tools, pgbouncer: PgBouncer, workplace: Workplace) -> Iterator[Site]:
    """A site for a block, before its Jobs have run. Even the operator's roles have a password, which they should not.

    Nothing but the lines may keep them out.
    """
    authority = Authority(workplace("authority"))
    shared = SharedPostgres(stack.args, workplace("postgres"), tools, authority, stack.cluster)
    shared.start()
    for number, name in enumerate((SUPERUSER, *BY_CERTIFICATE, METRICS_ROLE, BOOTSTRAPPED)):
        shared.set_password(name, f"password-{number}-of-nobody")
    looks_up_apart = pgbouncer.version >= AUTH_DATABASE_SINCE
    if not looks_up_apart:
        for application in stack.args.applications:
            shared.look_up_in(application.database)
    certificates = {name: authority.issue(name, purpose="client") for name in BY_CERTIFICATE}
    poolers = {name: Pooler(it, shared, pgbouncer, workplace("pooler")) for name, it in stack.poolers.items()}
    for pooler in poolers.values():
        pooler.start()
    try:
        yield Site(stack, shared, poolers, certificates, looks_up_apart)
    finally:
        for pooler in poolers.values():
            pooler.stop()
        shared.server.stop("immediate")


def reopen(site: Site) -> None:
    """Give PUBLIC what the Jobs took."""
    with site.shared.server.connect(autocommit=True) as connection:
        for database in site.closed:
            connection.execute(f"grant connect, temporary on database {database} to public")
    site.closed.clear()


def close(site: Site, tools: Tools, databases: set[str] | None = None) -> None:
    """Run what the Jobs' containers run, as they run it, for some databases or for all that have one.

    Another are the port, the address behind the name of the Service, and the path of the authority's certificate.
    """
    for database, job in site.stack.jobs.items():
        if databases is None or database in databases:
            (container,) = job["spec"]["template"]["spec"]["containers"]
            program, *arguments = container["command"]
            done = unprivileged.run([tools.postgres.path(program), *arguments], env=_environment(site, job, tools))
            assert done.stdout.split() == ["REVOKE", "GRANT", "DO", "DO"], done.stdout + done.stderr
            site.closed.add(database)


def _environment(site: Site, job: dict[str, Any], tools: Tools) -> dict[str, str]:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    values = {item["name"]: item["value"] for item in container["env"] if "value" in item}
    (mount,) = container["volumeMounts"]
    assert values["PGSSLROOTCERT"] == f"{mount['mountPath']}/{CA_KEY}"
    secrets = {item["name"]: item["valueFrom"]["secretKeyRef"] for item in container["env"] if "valueFrom" in item}
    roles = {it.role_secret: it.role for it in site.stack.args.applications}
    stored = {"username": lambda role: role, "password": site.shared.passwords.__getitem__}
    kept = {name: stored[it["key"]](roles[it["name"]]) for name, it in secrets.items()}
    here = {
        "PGPORT": str(site.shared.server.port),
        "PGHOSTADDR": ports.LOOPBACK,
        "PGSSLROOTCERT": str(site.shared.authority.file),
    }
    return {**tools.postgres.environment, **values, **kept, **here}


@contextmanager
def changed(site: Site) -> Iterator[Callable[[], None]]:
    """A block in which a test changes the stack's objects, or takes another stack, and has that applied by a call.

    At its end everything is as before.
    """
    before = site.stack

    def apply() -> None:
        _apply(site)

    site.stack = before.anew()
    try:
        yield apply
    finally:
        site.stack = before
        _apply(site)


def _apply(site: Site) -> None:
    site.shared.server.configure(hba=server_lines(site.stack.cluster))
    site.shared.server.reload()
    for name, manifest in site.stack.poolers.items():
        site.poolers[name].stop()
        site.poolers[name].configure(manifest)
        site.poolers[name].start()
