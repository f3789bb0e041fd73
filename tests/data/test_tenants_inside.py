"""What a role can do once it is in: its own database and nothing else; and who else there may be, for some time.

That is the superuser of break-glass, and in a drill's restored Cluster the role that asks.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import tenant_site
from data_page import Figures
from data_tools import PgBouncer, Tools
from pooled_server import server_lines
from postgres_server import SUPERUSER
from psycopg import errors
from tenant_matrix import DIRECTLY, Site, Way, breaches, differences
from tenant_stack import TenantStack, entry

from seawall.components.cnpg.drill.names import ROLE
from seawall.policy.estate.postgresql.hba import Role

Workplace = Callable[[str], Path]
SECTION = "Tenants: inside"
NOTE = (
    "As the role of an application of the sandbox's cluster, in its own database, through its pooler and directly. "
    "Everything here is refused, and the other application's database is as before."
)
BREAK_GLASS = (
    ("cnpg.clusters.sandbox-postgres.superuser_access", True),
    ("cnpg.clusters.sandbox-postgres.superuser_reason", "a test"),
    ("cnpg.clusters.sandbox-postgres.secrets.superuser", "sandbox/postgres/superuser"),
)

FORBIDDEN = {
    "become another role": (
        "set role {other}",
        "set session authorization {other}",
        "set role postgres",
        "set role pg_read_all_data",
    ),
    "change another role": (
        "alter role {other} password 'known'",
        "alter role {other} nologin",
        "drop role {other}",
        "grant {other} to {own}",
        "reassign owned by {other} to {own}",
        "drop owned by {other}",
        "alter default privileges for role {other} grant all on tables to {own}",
    ),
    "raise itself": (
        "alter role {own} superuser",
        "alter role {own} createdb",
        "alter role {own} createrole",
        "alter role {own} replication",
        "alter role {own} bypassrls",
        "grant pg_read_all_data to {own}",
        "create role another",
        "create database another",
    ),
    "take another database": (
        "alter database {other} owner to {own}",
        "alter database {other} rename to taken",
        "alter database {other} connection limit 0",
        "grant connect on database {other} to {own}",
        "revoke connect on database {other} from public",
        "drop database {other}",
        "create database taken template {other}",
    ),
    "reach the server": (
        "copy (select 1) to program 'true'",
        "copy (select 1) to '/written'",
        "select pg_read_file('postgresql.conf')",
        "select pg_ls_dir('.')",
        "select lo_import('/etc/passwd')",
        "alter system set max_connections = 1",
        "select pg_reload_conf()",
        "create extension dblink",
        "create extension file_fdw",
        "load '/library'",
        "create table pg_catalog.mine (i int)",
    ),
    "read secrets": (
        "select * from pg_authid",
        "select * from pg_shadow",
        "select * from pg_hba_file_rules",
        "select setting from pg_file_settings",
    ),
    "disturb others": (
        "select pg_terminate_backend({backend})",
        "select pg_cancel_backend({backend})",
    ),
}
"""What is forbidden → statements, in which the own role, the other application's and its backend stand."""

pytestmark = pytest.mark.parametrize("pgbouncer", ["trixie"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def site(tools: Tools, pgbouncer: PgBouncer, module_workplace: Workplace) -> Iterator[Site]:
    with tenant_site.running(TenantStack("sandbox"), tools, pgbouncer, module_workplace) as made:
        tenant_site.close(made, tools)
        yield made


def ends(site: Site, role: str) -> Iterator[Way]:
    """The ways of an application into its database."""
    for route in (DIRECTLY, f"{role}-pooler"):
        yield Way(role, role, route, tls=True)


def state_of(site: Site) -> list[Any]:
    """All that statements of others might have changed: roles, their members, databases and their rights."""
    queries = (
        "select rolname, rolpassword, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolcanlogin "
        "from pg_authid order by 1",
        "select roleid, member from pg_auth_members order by 1, 2",
        "select datname, datdba, datacl::text, datconnlimit from pg_database order by 1",
    )
    return [site.shared.server.sql(query) for query in queries]


def test_a_role_can_do_nothing_outside_its_own_database(site: Site, figures: Figures) -> None:
    before = state_of(site)
    with site.connect(Way("identity", "identity", DIRECTLY, tls=True)) as other:
        names = {"own": "shop", "other": "identity", "backend": other.info.backend_pid}
        for what, statements in FORBIDDEN.items():
            for way in ends(site, "shop"):
                for statement in statements:
                    with site.connect(way) as connection, pytest.raises(errors.InsufficientPrivilege):
                        connection.execute(statement.format(**names), prepare=False)
            figures.row(SECTION, {"what": what, "statements": len(statements), "refused": "all"}, note=NOTE)
        assert other.execute("select 1").fetchone() == (1,), "the other one goes on"
    assert state_of(site) == before


def test_in_its_own_it_can_do_its_work(site: Site) -> None:
    """Otherwise the test above would show nothing."""
    for way in ends(site, "shop"):
        with site.connect(way) as connection:
            for statement in (
                "create schema work",
                "create table work.items (i int primary key)",
                "insert into work.items select generate_series(1, 10)",
                "drop schema work cascade",
                "create temporary table t (i int)",
                "drop table t",
            ):
                connection.execute(statement, prepare=False)


def test_what_another_one_asks_is_not_shown(site: Site) -> None:
    with site.connect(Way("identity", "identity", DIRECTLY, tls=True)) as other:
        other.execute("select 'confidential'")
        with site.connect(Way("shop", "shop", DIRECTLY, tls=True)) as connection:
            seen = connection.execute("select query from pg_stat_activity where usename = 'identity'").fetchall()
    assert seen
    assert {query for (query,) in seen} == {"<insufficient privilege>"}


def test_break_glass_lets_the_superuser_in_by_one_way_while_it_is_on(site: Site) -> None:
    """Directly, over TLS and with its password; poolers never let it in."""
    ways = list(site.ways([SUPERUSER], [*site.owners, "postgres"]))
    with tenant_site.changed(site) as apply:
        site.stack = TenantStack("sandbox", *BREAK_GLASS)
        apply()
        measured = site.measure(ways)
        assert differences(measured, site.predicted(ways)) == {}
        wanted = {way for way in ways if way.route == DIRECTLY and way.tls}
        assert breaches(measured, site.promised(ways)) == wanted
        assert {site.enter(way, password="wrong").by for way in wanted} == {"password"}
        # The operator takes the password away when it is off again; the lines go at another moment.
        site.shared.server.sql("alter role postgres password null")
        assert {site.enter(way).by for way in wanted} == {"password"}
        site.shared.set_password(SUPERUSER, site.shared.passwords[SUPERUSER])
    assert not any(answer.entered for answer in site.measure(ways).values())


def test_in_a_restored_cluster_the_drill_reads_everything_and_nobody_else_enters(site: Site) -> None:
    manifest = site.stack.drilled
    (role,) = manifest["spec"]["managed"]["roles"]
    assert role["name"] == ROLE
    with site.connect(Way("shop", "shop", DIRECTLY, tls=True)) as owner:
        owner.execute("create table kept as select 42 as i")
    server = site.shared.server
    flags = " ".join(f"{'' if role[it] else 'no'}{it}" for it in ("login", "superuser", "createdb", "createrole"))
    server.sql(f"create role {ROLE} {flags} in role {', '.join(role['inRoles'])}")
    site.shared.set_password(ROLE, "of-the-drill")
    with tenant_site.changed(site):
        server.configure(hba=server_lines(manifest))
        server.reload()
        matrix = entry([manifest])
        ways = [
            Way(name, database, DIRECTLY, tls)
            for name in (*site.roles, ROLE)
            for database in (*site.owners, "postgres")
            for tls in (True, False)
        ]
        for way in ways:
            known = matrix.tenants.roles.get(way.role, Role(way.role))
            line = matrix.cell(known, way.database, matrix.direct, tls=way.tls).line
            answer = site.enter(way)
            predicted = line is not None and line.admits and not (line.method == "cert" and way.database in site.closed)
            certified = line is None or line.method != "cert" or way.role in site.certificates
            assert answer.entered == (predicted and certified), way
            if way.role == ROLE:
                assert answer.entered == way.tls
            elif way.role in site.owners.values() or way.role == SUPERUSER:
                assert not answer.entered
        read_only = {"options": "-c default_transaction_read_only=on"}
        with site.connect(Way(ROLE, "shop", DIRECTLY, tls=True), **read_only) as drill:
            assert drill.execute("select i from kept").fetchone() == (42,)
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                drill.execute("delete from kept")
    server.sql(f"drop role {ROLE}")
    with site.connect(Way("shop", "shop", DIRECTLY, tls=True)) as owner:
        owner.execute("drop table kept")
