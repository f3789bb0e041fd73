"""As many PgBouncers as the poolers of a stack have pods at the worst, and the server connections that they open."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from data_tools import PgBouncer, Tools
from pool_load import Crowd
from pooled_server import Pooler, SharedPostgres
from postgres_server import SUPERUSER
from tenant_stack import TenantStack
from tls_files import Authority

from seawall.components.cnpg.args import ApplicationArgs
from seawall.components.cnpg.connections import Demand, demand
from seawall.operators.cnpg.connections import AUTHENTICATION_ROLE, ENDING_PODS

Workplace = Callable[[str], Path]
DIRECT = "without a pooler"
"""As which (`application_name`) clients come that are to be counted apart."""
_COUNT = """select usename, count(*) from pg_stat_activity
where backend_type = 'client backend' and pid <> pg_backend_pid() and (application_name = %s) = %s group by 1"""
_WAIT_SECONDS = 60.0
_SLOW = """create or replace function public.user_search(uname text) returns table (usename name, passwd text)
language sql security definer set search_path = pg_catalog, pg_temp as
'select pg_sleep({seconds}); select usename, passwd from pg_catalog.pg_shadow where usename = uname'"""


@dataclass
class Pools:
    """A running PostgreSQL with every pod of every pooler, one that is ending included."""

    stack: TenantStack
    shared: SharedPostgres
    pods: Mapping[str, list[Pooler]]
    """Application → its PgBouncers."""
    peaks: Counter[str] = field(default_factory=Counter)
    """Role → the most connections of it that were seen at once."""
    peak: int = 0
    """The most connections of all roles together."""
    _watcher: psycopg.Connection[Any] = field(init=False)

    def __post_init__(self) -> None:
        """Starts to watch, as superuser."""
        self._watcher = self.shared.server.connect(autocommit=True)

    @property
    def demand(self) -> Demand:
        """What the settings computed."""
        settings = self.stack.args.settings
        return demand(settings.applications, settings.parameters, settings.other_connections)

    @property
    def applications(self) -> Mapping[str, ApplicationArgs]:
        """The applications by name."""
        return {it.name: it for it in self.stack.args.applications}

    def most(self, application: ApplicationArgs) -> int:
        """Connections to one database that all pods of a pooler may open together."""
        return (application.settings.instances + ENDING_PODS) * application.settings.max_db_connections

    def forget(self) -> None:
        """Forget what was seen, when the connections of PgBouncers that were ended are gone as well."""
        end = time.monotonic() + _WAIT_SECONDS
        while True:
            self.peaks.clear()
            self.peak = 0
            self.look()
            if not self.exceeded():
                return
            assert time.monotonic() < end, f"connections stay: {self.exceeded()}"
            time.sleep(0.1)

    def look(self) -> None:
        """Count the server connections now."""
        found = self._count(direct=False)
        self.peaks |= found
        self.peak = max(self.peak, found.total())

    def look_beside(self, others: int) -> None:
        """Hold all connections together against `max_connections`, when so many came without a pooler.

        Raises `AssertionError` when they are not all there, or what is reserved is not free.
        """
        assert self._count(direct=True).total() == others
        count = self._count(direct=False).total() + others + 1  # and who watches
        assert count <= self.demand.limit - self.demand.reserved, f"{count} connections leave nothing in reserve"

    def _count(self, *, direct: bool) -> Counter[str]:
        found = Counter(dict(self._watcher.execute(_COUNT, (DIRECT, direct)).fetchall()))
        del found[SUPERUSER]
        return found

    def exceeded(self) -> dict[str, tuple[int, int]]:
        """What was exceeded: role, or all of them → the most that was seen, and what was computed."""
        limits = {it.role: self.most(it) for it in self.applications.values()}
        limits[AUTHENTICATION_ROLE] = sum(limits.values())
        seen = {role: (self.peaks[role], most) for role, most in limits.items() if self.peaks[role] > most}
        computed = sum(self.demand.poolers.values())
        return {**seen, **({"all": (self.peak, computed)} if self.peak > computed else {})}

    def slow_down(self, seconds: float) -> None:
        """Have each look-up of a password take so long, so that many are under way at once."""
        with self.shared.server.connect(autocommit=True) as connection:
            connection.execute(_SLOW.format(seconds=seconds))

    def come(self, crowd: Crowd, clients: Callable[[ApplicationArgs], int]) -> None:
        """So many clients of each application come to each of its PgBouncers."""
        for name, pods in self.pods.items():
            for pod in pods:
                options = pod.options(self.applications[name])
                crowd.come(name, options, clients(self.applications[name]))


@contextmanager
def running(stack: TenantStack, tools: Tools, pgbouncer: PgBouncer, workplace: Workplace) -> Iterator[Pools]:
    """All of it, for a block."""
    authority = Authority(workplace("authority"))
    shared = SharedPostgres(stack.args, workplace("postgres"), tools, authority, stack.cluster)
    shared.start()
    pods = {
        it.name: [
            Pooler(stack.poolers[it.pooler], shared, pgbouncer, workplace("pooler"))
            for _ in range(it.settings.instances + ENDING_PODS)
        ]
        for it in stack.args.applications
    }
    every = [pod for each in pods.values() for pod in each]
    for pod in every:
        pod.start(wait=False)
    for pod in every:
        pod.wait()
    try:
        yield Pools(stack, shared, pods)
    finally:
        for pod in every:
            pod.stop()
        shared.server.stop("immediate")
