"""Tenants on real servers: every role enters its own database over TLS and no other, and nobody else enters at all.

PostgreSQL and PgBouncer have the lines, roles, certificates and parameters that the stack renders and the operator
adds; the Jobs' SQL is run as the Jobs run it. Every way in is tried, and compared with what the policy pack's second
matrix (`seawall check --matrix`) says of the same objects.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import data_tools
import psycopg
import pytest
import tenant_site
from data_page import Figures
from data_tools import PgBouncer, Tools
from pooled_server import REPLICA_ROLE, server_names
from postgres_server import SUPERUSER
from tenant_matrix import BY_CERTIFICATE, DIRECTLY, NOBODY, Measured, Site, Way, differences
from tenant_stack import TenantStack
from tls_files import Authority

from seawall.operators.cnpg import METRICS_ROLE, dns_forms
from seawall.operators.cnpg.connections import AUTHENTICATION_ROLE
from seawall.sandbox import ports

Workplace = Callable[[str], Path]
SECTION = "Tenants: who enters what"
NOTE = (
    "Every role, into every database, directly and through every pooler, with TLS (`verify-full`) and without, each "
    "with the right password and its certificate, if it has one; also PgBouncer's console and what is not there. "
    "*Open* are the ways by which a role came in. *As predicted* compares each with the policy pack's second matrix "
    "(`seawall check --matrix`) of the same objects. An old PgBouncer looks passwords up in the client's own database, "
    "which the Jobs close to it: with them it lets nobody in, and it is tried without."
)
TABLE = "Tenants: role and database"
TABLE_NOTE = (
    "The cluster of `infra` after its Jobs: the ways by which a role came in, all over TLS; a dash is a database that "
    "it entered by no way. Plaintext let nobody in. The operator's two roles need their certificate."
)
REFUSED = "Tenants: what refused"
REFUSED_NOTE = "The same ways on the cluster of `infra`: what said no, and how often."
NO_REPLICATION = "pg_hba|certificate|no authentication method is found|no such user|login rejected|unsupported startup"
"""What refuses replication: PostgreSQL, or PgBouncer, whose lines about all databases are not about replication."""
OWN_WALLS = (
    ("infra", "trixie"),
    *((("sandbox", "trixie"), ("infra", "bookworm")) if data_tools.LONG else ()),
)
"""Stack and the release whose PgBouncer it is; the sandbox's are also in test_tenants_broken.py."""

pytestmark = pytest.mark.parametrize(("name", "pgbouncer"), OWN_WALLS, indirect=True, scope="module")


@pytest.fixture(scope="module")
def name(request: pytest.FixtureRequest) -> str:
    """A stack."""
    return str(request.param)


@pytest.fixture(scope="module")
def site(name: str, tools: Tools, pgbouncer: PgBouncer, module_workplace: Workplace) -> Iterator[Site]:
    with tenant_site.running(TenantStack(name), tools, pgbouncer, module_workplace) as made:
        yield made


@pytest.fixture
def walled(site: Site, tools: Tools, pgbouncer: PgBouncer) -> Site:
    """The site as it is in the end: its Jobs have run, if its PgBouncer can do with them."""
    if site.looks_up_apart:
        tenant_site.close(site, tools)
    return site


def own_ways(site: Site) -> list[Way]:
    """The ways of the applications into their own databases."""
    return [
        Way(it.role, it.database, route, tls=True)
        for it in site.stack.args.applications
        for route in (DIRECTLY, it.pooler)
    ]


def record(site: Site, measured: Measured, pgbouncer: PgBouncer, figures: Figures) -> None:
    predicted, promised = site.predicted(measured), site.promised(measured)
    open_ways = sum(answer.entered for answer in measured.values())
    figures.row(
        SECTION,
        {
            "cluster": site.stack.args.name,
            "PgBouncer": pgbouncer.label,
            "Jobs": "have run" if site.closed else "not yet",
            "roles": len(site.roles),
            "databases": len(site.databases),
            "routes": len(site.routes),
            "ways tried": len(measured),
            "open": open_ways,
            "refused": len(measured) - open_ways,
            "as predicted": len(measured) - len(differences(measured, predicted)),
            "as promised": len(measured) - len(differences(measured, promised)),
        },
        note=NOTE,
    )


def tabulate(site: Site, measured: Measured, figures: Figures) -> None:
    """The table of roles and databases, and what refused."""
    for role in site.roles:
        cells = {}
        for database in site.databases:
            routes = [way.route for way, it in measured.items() if it.entered and way[:2] == (role, database)]
            cells[database] = ", ".join(dict.fromkeys(routes)) or "–"
        figures.row(TABLE, {"role": role, **cells}, note=TABLE_NOTE)
    said = Counter(
        ("directly" if way.route == DIRECTLY else "through a pooler", "yes" if way.tls else "no", it.by)
        for way, it in measured.items()
        if not it.entered
    )
    for (route, tls, by), count in sorted(said.items()):
        figures.row(REFUSED, {"way": route, "TLS": tls, "refused by": by, "ways": count}, note=REFUSED_NOTE)


def test_every_way_is_as_promised_and_as_the_second_matrix_predicts(
    walled: Site, pgbouncer: PgBouncer, name: str, figures: Figures
) -> None:
    measured = walled.measure(walled.ways())
    assert differences(measured, walled.promised(measured)) == {}
    assert differences(measured, walled.predicted(measured)) == {}
    assert {way for way, answer in measured.items() if answer.entered} >= set(own_ways(walled))
    for role, database, pooler, tls, enters in walled.stack.reported():
        assert measured[Way(role, database, pooler or DIRECTLY, tls)].entered is enters
    record(walled, measured, pgbouncer, figures)
    if name == "infra" and walled.closed:
        tabulate(walled, measured, figures)


def test_before_the_jobs_the_lines_alone_keep_tenants_apart(site: Site, pgbouncer: PgBouncer, figures: Figures) -> None:
    tenant_site.reopen(site)
    ways = list(site.ways() if data_tools.LONG else site.ways(site.owners.values(), site.owners))
    measured = site.measure(ways)
    assert differences(measured, site.promised(ways)) == {}
    assert differences(measured, site.predicted(ways)) == {}
    if data_tools.LONG and site.looks_up_apart:
        record(site, measured, pgbouncer, figures)


def test_without_the_right_proof_nobody_enters(walled: Site) -> None:
    """The ways that are open with it."""
    roles = list(walled.owners.values())
    for number, way in enumerate(own_ways(walled)):
        another = walled.shared.passwords[next(it for it in roles[number // 2 :] + roles if it != way.role)]
        for password in ("wrong", another, walled.shared.passwords[way.role] + " ", ""):
            assert walled.enter(way, password=password).by == "password", way
        assert walled.enter(way, password=None).by == "password", way


def test_nobody_enters_as_postgres(walled: Site) -> None:
    """It has a password here, with which every way is tried above; neither does a certificate in its name help."""
    certificate, key = walled.shared.authority.issue(SUPERUSER, purpose="client")
    proofs = (
        {"password": walled.shared.passwords[SUPERUSER]},
        {"password": "wrong"},
        {"password": None},
        {"password": None, "sslcertmode": "allow", "sslcert": str(certificate), "sslkey": str(key)},
    )
    databases = ["postgres", "template1", *walled.owners] if data_tools.LONG else ["postgres"]
    for way in walled.ways([SUPERUSER], databases):
        for proof in proofs:
            assert not walled.enter(way, **proof).entered, (way, proof)


def test_the_operators_roles_need_their_certificate(walled: Site) -> None:
    foreign = Authority(walled.shared.authority.folder / "foreign")
    for role in BY_CERTIFICATE:
        way = Way(role, "postgres", DIRECTLY, tls=True)
        assert walled.enter(way).entered
        (other,) = set(BY_CERTIFICATE) - {role}
        assert walled.enter(way, sslcertmode="disable").by == "no certificate"
        assert walled.enter(way, **files(walled.certificates[other])).by == "another's certificate"
        assert walled.enter(way, **files(walled.shared.authority.issue("harbor", purpose="client"))).by == (
            "another's certificate"
        )
        forged = foreign.issue(role, purpose="client")
        assert walled.enter(way, **files(forged)).by == "a foreign authority's certificate"
        assert walled.enter(way._replace(tls=False)).by == "pg_hba"


def files(pair: tuple[Path, Path]) -> dict[str, str]:
    """A certificate and its key as options of libpq."""
    return {"sslcertmode": "allow", "sslcert": str(pair[0]), "sslkey": str(pair[1])}


def test_nobody_but_the_replicas_replicates(walled: Site) -> None:
    """Physical replication copies every database: neither a way to one nor shut by CONNECT."""
    for role in walled.roles:
        for route in walled.routes:
            way = Way(role, "postgres", route, tls=True)
            options = {**walled.options(way), "replication": "true"}
            if role == REPLICA_ROLE and route == DIRECTLY:
                psycopg.connect(**options).close()
                continue
            with pytest.raises(psycopg.OperationalError, match=NO_REPLICATION):
                psycopg.connect(**options)


def test_a_database_stays_shut_by_the_lines_when_its_owner_opens_it(walled: Site) -> None:
    """An owner may give CONNECT away, and each of the two walls holds without the other."""
    first, second, *_ = walled.stack.args.applications
    with walled.connect(Way(first.role, first.database, DIRECTLY, tls=True)) as owner:
        owner.execute(f"grant all on database {first.database} to {second.role}")
        try:
            for route in walled.routes:
                assert not walled.enter(Way(second.role, first.database, route, tls=True)).entered
        finally:
            owner.execute(f"revoke all on database {first.database} from {second.role}")


def test_every_name_that_clients_are_told_is_in_the_certificate_and_no_other(walled: Site) -> None:
    for application in walled.stack.args.applications:
        way = Way(application.role, application.database, application.pooler, tls=True)
        for service, namespace in application.services:
            for form in dns_forms(service, namespace):
                assert walled.enter(way, host=form).entered, form
        for host in (f"{application.pooler}.elsewhere", "another.example.org", ports.LOOPBACK):
            with pytest.raises(psycopg.OperationalError, match="does not match host name"):
                walled.connect(way, host=host)
    with pytest.raises(psycopg.OperationalError, match=r"certificate verify failed|signature"):
        walled.connect(way, sslrootcert=str(Authority(walled.shared.authority.folder / "another").file))
    assert len(set(server_names(walled.stack.cluster))) == len(server_names(walled.stack.cluster))


def test_the_second_hop_is_encrypted_too(walled: Site) -> None:
    for way in own_ways(walled):
        with walled.connect(way) as connection:
            query = "select ssl, version from pg_stat_ssl where pid = pg_backend_pid()"
            assert connection.execute(query, prepare=False).fetchone() == (True, "TLSv1.3"), way


def test_none_of_them_has_more_than_a_role_that_signs_in(walled: Site) -> None:
    query = """select rolname from pg_roles where rolcanlogin and rolname <> %s
    and (rolsuper or rolcreatedb or rolcreaterole or rolbypassrls or rolreplication and rolname <> %s)"""
    assert walled.shared.server.sql(query, SUPERUSER, REPLICA_ROLE) == []
    members = "select pg_get_userbyid(member), pg_get_userbyid(roleid) from pg_auth_members where member > 16383"
    assert walled.shared.server.sql(members) == [(METRICS_ROLE, "pg_monitor")]
    assert (NOBODY,) not in walled.shared.server.sql("select rolname from pg_roles")
    assert AUTHENTICATION_ROLE in walled.roles
