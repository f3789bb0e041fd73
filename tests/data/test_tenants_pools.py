"""Pool arithmetic on real servers: under full load PostgreSQL has no more connections than the settings computed.

As many PgBouncers run as the poolers have pods at the worst (one of each is ending). Every client signs in while
look-ups of passwords are slow, so that the pools for those fill as well, and keeps a transaction open.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import data_tools
import psycopg
import pytest
import tenant_pools
from data_page import Figures
from data_tools import PgBouncer, Tools
from pool_load import Crowd, State
from pooled_server import Pooler
from tenant_pools import DIRECT, Pools
from tenant_stack import TenantStack

from seawall.components.cnpg.args import ApplicationArgs
from seawall.operators.cnpg.connections import AUTHENTICATION_ROLE
from seawall.sandbox import ports

Workplace = Callable[[str], Path]
SECTION = "Tenants: pool arithmetic"
NOTE = (
    "Every pod of every pooler, and one of each that is ending, with its clients: each keeps a transaction open or "
    "waits for a server connection, while look-ups of passwords take seconds. *Computed* is what the settings count "
    "on, *seen* the most server connections at once. Beside them as many direct clients as `other_connections` says "
    "were let in, and a superuser after that; when the transactions ended, every client that had waited was served."
)
FULL = "Tenants: more clients than a pooler takes"
FULL_NOTE = "One PgBouncer of the pooler with its rendered `max_client_conn`: those beyond it are refused at once."
SLOW_SECONDS = 6.0
"""How long a look-up takes: longer than the 5 seconds after which PgBouncer opens its reserve."""

pytestmark = [
    pytest.mark.parametrize("pgbouncer", ["trixie"], indirect=True, scope="module"),
    pytest.mark.timeout(1200 if data_tools.LONG else 300, func_only=True),
]


@pytest.fixture(scope="module", params=("infra", "sandbox") if data_tools.LONG else ("sandbox",))
def every_pod(
    request: pytest.FixtureRequest, tools: Tools, pgbouncer: PgBouncer, module_workplace: Workplace
) -> Iterator[Pools]:
    with tenant_pools.running(TenantStack(request.param), tools, pgbouncer, module_workplace) as made:
        yield made


@pytest.fixture
def pools(every_pod: Pools) -> Pools:
    """The pods of the poolers, with nothing seen yet."""
    every_pod.forget()
    return every_pod


AT_ONCE = 20
"""Clients of one PgBouncer that sign in together: it closes those that take longer than a minute, on a slow machine."""


def first(application: ApplicationArgs) -> int:
    """Clients of one PgBouncer that come first: twice its server connections."""
    return 2 * application.settings.max_db_connections


def later(begin: int, application: ApplicationArgs) -> int:
    """Clients that come after `begin` others that came later than the first, as long as PgBouncer takes them."""
    left = application.settings.max_client_conn - first(application) - begin
    return max(0, min(AT_ONCE, left))


def all_signed_in(crowd: Crowd) -> bool:
    return not crowd.states()[State.SIGNING_IN]


def held(pools: Pools, crowd: Crowd) -> bool:
    """Whether every pod has as many transactions open as it may have server connections, the reserve included."""
    return all(crowd.states(name)[State.HOLDING] >= pools.most(it) for name, it in pools.applications.items())


def test_a_full_house_stays_below_what_the_settings_computed(
    pools: Pools, pgbouncer: PgBouncer, figures: Figures
) -> None:
    demand, server = pools.demand, pools.shared.server
    assert demand.fits
    ((limit,),) = server.sql("show max_connections")
    assert int(limit) == demand.limit
    pools.slow_down(SLOW_SECONDS)
    look_ups = sum(map(pools.most, pools.applications.values()))
    with Crowd() as crowd:
        pools.come(crowd, first)
        crowd.until(lambda: pools.peaks[AUTHENTICATION_ROLE] >= look_ups, pools.look)
        pools.slow_down(0)
        most = max(it.settings.max_client_conn for it in pools.applications.values())
        for begin in range(0, most, AT_ONCE) if data_tools.LONG else ():
            crowd.until(lambda: all_signed_in(crowd), pools.look)
            pools.come(crowd, partial(later, begin))
        crowd.until(lambda: all_signed_in(crowd) and held(pools, crowd), pools.look)
        with ExitStack() as others:
            for number in range(demand.others):
                application = list(pools.applications.values())[number % len(pools.applications)]
                others.enter_context(direct(pools, application))
            pools.look_beside(demand.others)
            with server.connect() as superuser:
                assert superuser.execute("select 1").fetchone() == (1,)
        assert pools.exceeded() == {}
        assert pools.peak == sum(demand.poolers.values()), "the sum is what really comes, not only more than it"
        waited = crowd.states()[State.WAITING]
        assert waited > 0
        crowd.leave()
        crowd.until(lambda: crowd.states()[State.DONE] == len(crowd.clients), pools.look)
    assert pools.exceeded() == {}
    for application in pools.applications.values():
        figures.row(
            SECTION,
            {
                "cluster": pools.stack.args.name,
                "role": application.role,
                "pods": len(pools.pods[application.name]),
                "mode": application.settings.pool_mode,
                "clients": len([it for it in crowd.clients if it.group == application.name]),
                "computed": pools.most(application),
                "seen": pools.peaks[application.role],
            },
            note=NOTE,
        )
    row = {"cluster": pools.stack.args.name, "computed": look_ups}
    figures.row(SECTION, {**row, "role": AUTHENTICATION_ROLE, "seen": pools.peaks[AUTHENTICATION_ROLE]})
    row |= {"role": "all of them", "clients": len(crowd.clients), "computed": sum(demand.poolers.values())}
    text = f"{demand.total} of {demand.limit}: {demand.explain()}"
    figures.row(SECTION, {**row, "seen": pools.peak, "with others and reserved": text})


def direct(pools: Pools, application: ApplicationArgs) -> psycopg.Connection[tuple[object, ...]]:
    """A client without a pooler, such as a Job."""
    options = {**pools.pods[application.name][0].options(application), "port": pools.shared.server.port}
    own = {"host": pools.shared.host, "hostaddr": ports.LOOPBACK, "application_name": DIRECT}
    return psycopg.connect(**{**options, **own})


@pytest.mark.parametrize("every_pod", ["sandbox"], indirect=True)
def test_larger_pools_than_the_settings_know_are_seen(pools: Pools) -> None:
    """A Pooler that was changed by hand; the settings refuse such a size."""
    with ExitStack() as kept:
        for pod in pools.pods["shop"]:
            kept.callback(again, pod, pod.ini)
            larger = pod.ini.replace("default_pool_size = 5\n", "default_pool_size = 15\n")
            assert larger != pod.ini
            again(pod, larger.replace("max_db_connections = 6\n", "max_db_connections = 16\n"))
        with Crowd() as crowd:
            pools.come(crowd, lambda application: 20 if application.name == "shop" else 1)
            crowd.until(lambda: pools.peaks["shop"] >= 45, pools.look)
        assert pools.exceeded()["shop"] == (pools.peaks["shop"], 18)


def again(pod: Pooler, ini: str) -> None:
    """Starts it with another file."""
    pod.stop()
    pod.ini = ini
    pod.start()


@pytest.mark.parametrize("every_pod", ["sandbox"], indirect=True)
def test_clients_beyond_the_limit_are_refused_and_the_others_go_on(pools: Pools, figures: Figures) -> None:
    application = pools.applications["shop"]
    most = application.settings.max_client_conn
    pod = pools.pods["shop"][0]
    with Crowd() as crowd:
        crowd.come("shop", pod.options(application), most)
        crowd.until(lambda: all_signed_in(crowd))
        assert crowd.states()[State.REFUSED] == 0
        crowd.come("too many", pod.options(application), 5)
        crowd.until(lambda: all_signed_in(crowd), pools.look, refusals=5)
        assert crowd.states("too many")[State.REFUSED] == 5
        assert all("no more connections allowed" in said for said in crowd.said())
        crowd.leave()
        crowd.until(lambda: crowd.states("shop")[State.DONE] == most, pools.look, refusals=5)
    assert pools.exceeded() == {}
    columns = {"pooler": application.pooler, "clients let in": most, "server connections": pools.peaks["shop"]}
    figures.row(FULL, {**columns, "refused": 5, "served in the end": most}, note=FULL_NOTE)
