"""What keeps tenants apart, broken one at a time: the checks of test_tenants.py see it, and so does the second matrix.

Each wall is also seen to hold alone. On the sandbox's cluster, whose whole form is measured here as well.
"""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tenant_site
import tls_versions
from data_page import Figures
from data_tools import PgBouncer, Tools
from postgres_server import SUPERUSER
from tenant_matrix import DIRECTLY, Measured, Site, Way, breaches, differences
from tenant_stack import TenantStack

from seawall.operators.cnpg.connections import AUTHENTICATION_ROLE

Workplace = Callable[[str], Path]
SECTION = "Tenants: broken on purpose"
NOTE = (
    "On the sandbox's cluster, with one thing changed. *Ways too many* came in and must not, *ways lost* must and did "
    "not, as the tests see it; in the last column those of which the policy pack's second matrix says what was "
    "measured."
)
WALL = "host all all all reject"

pytestmark = pytest.mark.parametrize("pgbouncer", ["trixie"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def site(tools: Tools, pgbouncer: PgBouncer, module_workplace: Workplace) -> Iterator[Site]:
    with tenant_site.running(TenantStack("sandbox"), tools, pgbouncer, module_workplace) as made:
        yield made


@pytest.fixture(autouse=True)
def still_open(site: Site) -> None:
    """No Job has run: what is measured are the lines."""
    tenant_site.reopen(site)


def ways(site: Site) -> list[Way]:
    """Those of the applications, of PgBouncer's role and of the superuser."""
    return list(site.ways([*site.owners.values(), AUTHENTICATION_ROLE, SUPERUSER], [*site.owners, "postgres"]))


def broken(site: Site, what: str, figures: Figures) -> Measured:
    """Measures, and holds the second matrix against it."""
    measured = site.measure(ways(site))
    promised, predicted = site.promised(measured), site.predicted(measured)
    assert differences(measured, predicted) == {}
    wrong = differences(measured, promised)
    open_ways = breaches(measured, promised)
    figures.row(
        SECTION,
        {
            "changed": what,
            "ways too many": len(open_ways),
            "ways lost": len(wrong) - len(open_ways),
            "as predicted": f"{len(measured)} of {len(measured)}",
        },
        note=NOTE,
    )
    return measured


def cross(site: Site, route: str, *, tls: bool) -> set[Way]:
    """The ways of each application into another one's database."""
    return {
        Way(role, database, route, tls)
        for role in site.owners.values()
        for database, owner in site.owners.items()
        if owner != role
    }


def test_the_sandboxs_cluster_is_as_promised_and_as_predicted(site: Site, tools: Tools) -> None:
    tenant_site.close(site, tools)
    measured = site.measure(site.ways())
    assert differences(measured, site.promised(measured)) == {}
    assert differences(measured, site.predicted(measured)) == {}


def test_without_the_last_line_the_operators_own_lets_everybody_in(site: Site, tools: Tools, figures: Figures) -> None:
    with tenant_site.changed(site) as apply:
        site.stack.cluster["spec"]["postgresql"]["pg_hba"].remove(WALL)
        apply()
        measured = broken(site, "the Cluster's last line is gone", figures)
        found = breaches(measured, site.promised(measured))
        assert found >= {way for tls in (True, False) for way in cross(site, DIRECTLY, tls=tls)}
        assert Way(SUPERUSER, "postgres", DIRECTLY, tls=False) in found
        # The poolers' own lines hold, and the Jobs shut the databases to other applications, but not to a superuser.
        assert {way.route for way in found} == {DIRECTLY}
        tenant_site.close(site, tools)
        found = breaches(site.measure(ways(site)), site.promised(ways(site)))
        assert not found & {way for tls in (True, False) for way in cross(site, DIRECTLY, tls=tls)}
        assert Way("shop", "shop", DIRECTLY, tls=False) in found
        assert Way(SUPERUSER, "shop", DIRECTLY, tls=True) in found


def test_a_line_about_everybody_lets_everybody_in(site: Site, figures: Figures) -> None:
    with tenant_site.changed(site) as apply:
        site.stack.cluster["spec"]["postgresql"]["pg_hba"].insert(0, "host all all all scram-sha-256")
        apply()
        measured = broken(site, "the Cluster's first line is `host all all all scram-sha-256`", figures)
        found = breaches(measured, site.promised(measured))
        assert found >= cross(site, DIRECTLY, tls=False)
        assert Way(SUPERUSER, "shop", DIRECTLY, tls=True) in found


def test_a_pooler_without_lines_is_another_ones_way_in(site: Site, figures: Figures) -> None:
    """PostgreSQL still keeps roles in their own databases, but not at their own poolers, with limits of their own."""
    with tenant_site.changed(site) as apply:
        del site.stack.poolers["shop-pooler"]["spec"]["pgbouncer"]["pg_hba"]
        apply()
        measured = broken(site, "a Pooler has no lines of its own", figures)
        found = breaches(measured, site.promised(measured))
        assert Way("identity", "identity", "shop-pooler", tls=True) in found
        assert not found & cross(site, "shop-pooler", tls=True)


def test_both_open_at_once_is_a_way_into_every_database(site: Site, figures: Figures) -> None:
    with tenant_site.changed(site) as apply:
        del site.stack.poolers["shop-pooler"]["spec"]["pgbouncer"]["pg_hba"]
        site.stack.cluster["spec"]["postgresql"]["pg_hba"].remove(WALL)
        apply()
        measured = broken(site, "neither that Pooler nor the Cluster has a last line", figures)
        assert breaches(measured, site.promised(measured)) >= cross(site, "shop-pooler", tls=True)


def test_a_pooler_that_prefers_tls_is_kept_shut_by_its_lines_alone(site: Site, figures: Figures) -> None:
    plain = Way("shop", "shop", "shop-pooler", tls=False)
    assert site.enter(plain).by == "PgBouncer takes TLS only"
    with tenant_site.changed(site) as apply:
        pgbouncer = site.stack.poolers["shop-pooler"]["spec"]["pgbouncer"]
        pgbouncer["parameters"]["client_tls_sslmode"] = "prefer"
        apply()
        measured = broken(site, "`client_tls_sslmode: prefer` at a Pooler", figures)
        assert measured[plain].by == "PgBouncer's HBA lines"
        assert breaches(measured, site.promised(measured)) == set()
        pgbouncer["pg_hba"][0] = pgbouncer["pg_hba"][0].replace("hostssl", "host")
        apply()
        measured = broken(site, "`prefer`, and `host` instead of `hostssl`", figures)
        assert breaches(measured, site.promised(measured)) == {plain}


def test_a_pooler_that_speaks_plaintext_to_postgresql_is_refused(site: Site, figures: Figures) -> None:
    with tenant_site.changed(site) as apply:
        site.stack.poolers["shop-pooler"]["spec"]["pgbouncer"]["parameters"]["server_tls_sslmode"] = "disable"
        apply()
        measured = broken(site, "`server_tls_sslmode: disable` at a Pooler", figures)
        assert set(differences(measured, site.promised(measured))) == {Way("shop", "shop", "shop-pooler", tls=True)}


def test_connect_left_with_public_is_seen(site: Site, tools: Tools) -> None:
    """The rights of PostgreSQL, which no line shows."""
    query = """select datname, array_agg(rolname::text order by rolname) from pg_database, pg_roles
    where rolcanlogin and not rolsuper and datname = any(%s)
    and has_database_privilege(pg_roles.oid, datname, 'CONNECT') group by 1"""

    def may() -> dict[str, set[str]]:
        return {name: set(roles) for name, roles in site.shared.server.sql(query, list(site.owners))}

    closed = {name: {owner, "cnpg_metrics_exporter"} for name, owner in site.owners.items()}
    assert all(may()[name] > closed[name] for name in closed)
    tenant_site.close(site, tools, {"shop"})
    assert may()["shop"] == closed["shop"]
    assert may()["identity"] >= {"shop", AUTHENTICATION_ROLE}
    tenant_site.close(site, tools)
    assert may() == closed


def test_old_versions_of_tls_are_refused(site: Site, figures: Figures) -> None:
    parts = {"PostgreSQL": site.shared.server.port, "PgBouncer": site.poolers["shop-pooler"].port}
    found = {name: [it for it in ssl.TLSVersion if it > 0 and _speaks(port, it)] for name, port in parts.items()}
    assert found["PostgreSQL"] == [ssl.TLSVersion.TLSv1_3]
    assert found["PgBouncer"] == [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
    for name, versions in found.items():
        said = ", ".join(it.name.replace("TLSv1_", "1.") for it in versions)
        figures.row("Tenants: versions of TLS", {"server": name, "speaks": said}, note=_TLS_NOTE)
    site.shared.server.configure({"ssl_min_protocol_version": "TLSv1.2"})
    site.shared.server.reload()
    try:
        assert _speaks(site.shared.server.port, ssl.TLSVersion.TLSv1_2), "the parameter decides, not this machine"
    finally:
        site.shared.server.configure({"ssl_min_protocol_version": "TLSv1.3"})
        site.shared.server.reload()


_TLS_NOTE = (
    "Asked by a client that would speak any. `ssl_min_protocol_version: TLSv1.3` is PostgreSQL's; the operator lets a "
    "Pooler say nothing about versions, and PgBouncer's own choice is 1.2 and newer. The hop between the two is 1.3."
)


def _speaks(port: int, version: ssl.TLSVersion) -> bool:
    return version >= ssl.TLSVersion.TLSv1 and tls_versions.speaks(port, version)
