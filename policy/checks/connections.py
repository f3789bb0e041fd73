"""Pool arithmetic: the most server connections that a Cluster's poolers can open, term by term."""

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from seawall.operators.cnpg.connections import ENDING_PODS
from seawall.policy.estate.model import KubeObject
from seawall.policy.estate.postgresql.entry import Entry
from seawall.policy.estate.postgresql.postgres import pooler_number
from seawall.policy.estate.values import View, WrongTypeError

MOST_PAIRS = 1000
"""More pairs of role and database through one pooler are not counted: nobody can have meant them."""


@dataclass(frozen=True)
class PoolerDemand:
    """What one Pooler's pods can open together."""

    pooler: KubeObject
    pods: int
    rolling: int
    """Further pods that hold connections while it is rolled out: new ones, or the one that ends."""
    pairs: frozenset[tuple[str, str]]
    """The pairs of role and database that come in through it; each opens a pool of its own."""
    at_least: bool
    """Whether there may be more pairs than these: they were enough to tell."""
    pool: int
    reserve: int
    of_database: int
    """`max_db_connections`, 0 for no limit."""
    of_role: int
    """`max_user_connections`, 0 for no limit."""

    @property
    def of_pod(self) -> int:
        """The most server connections of one pod: every pair's pool, and the one in which passwords are looked up."""
        size = self.pool + self.reserve
        databases = Counter(database for _, database in self.pairs)
        roles = Counter(role for role, _ in self.pairs)
        bounds = [(len(self.pairs) + 1) * size]
        if self.of_database:
            bounds.append(_bounded(databases.values(), size, self.of_database))
        if self.of_role:
            bounds.append(_bounded(roles.values(), size, self.of_role))
        return min(bounds)

    @property
    def total(self) -> int:
        """Of all pods together."""
        return (self.pods + self.rolling) * self.of_pod

    @property
    def text(self) -> str:
        """The term, written out."""
        pods = f"({self.pods} pods + {self.rolling} in a rollout)" if self.rolling else f"{self.pods} pods"
        pairs = f"{'at least ' if self.at_least else ''}{len(self.pairs)}"
        pools = f"({pairs} role and database + 1 for passwords) × ({self.pool} + {self.reserve})"
        limits = [
            f"{name} {value}"
            for name, value in (("max_db_connections", self.of_database), ("max_user_connections", self.of_role))
            if value
        ]
        held = f", held at {self.of_pod} a pod by {' and '.join(limits)}" if limits else ""
        return f"{self.pooler.name} {self.total}: {pods} × {pools}{held}"


def _bounded(pairs: Iterable[int], size: int, limit: int) -> int:
    """The sum of the pools by database or by role, each bounded; one more for the passwords."""
    return sum(min(count * size, limit) for count in (*pairs, 1))


def pooler_demand(pooler: KubeObject, entry: Entry, limit: int) -> PoolerDemand:
    """The demand of a Pooler on a server that gives `limit` connections. Raises `CannotEvaluateError`."""
    pods = pooler.at("spec", "instances").integer()
    pods = 1 if pods is None else pods
    most = min(max(limit, 1), MOST_PAIRS) + 1  # more than there are connections are enough to tell
    pairs = entry.pairs(entry.through(pooler), most)
    return PoolerDemand(
        pooler=pooler,
        pods=pods,
        rolling=rolling_pods(pooler, pods),
        pairs=frozenset(pairs),
        at_least=len(pairs) >= most,
        pool=pooler_number(pooler, "default_pool_size"),
        reserve=pooler_number(pooler, "reserve_pool_size"),
        of_database=pooler_number(pooler, "max_db_connections"),
        of_role=pooler_number(pooler, "max_user_connections"),
    )


def rolling_pods(pooler: KubeObject, pods: int) -> int:
    """Further pods while a Pooler is rolled out: those that surge, or the one that ends and still holds connections."""
    if pods < 1 or pooler.at("spec", "deploymentStrategy", "type").text() == "Recreate":
        return 0
    return max(surge(pooler, pods), ENDING_PODS)


def surge(pooler: KubeObject, pods: int) -> int:
    """`maxSurge` of a Pooler's Deployment as a number of pods: 25 % when it is absent, rounded up."""
    return _share(pooler.at("spec", "deploymentStrategy", "rollingUpdate", "maxSurge"), pods, up=True)


def unavailable(pooler: KubeObject, pods: int) -> int:
    """`maxUnavailable` of a Pooler's Deployment as a number of pods: 25 % when it is absent, rounded down."""
    return _share(pooler.at("spec", "deploymentStrategy", "rollingUpdate", "maxUnavailable"), pods, up=False)


def _share(view: View, pods: int, *, up: bool) -> int:
    value = view.number_or_text()
    text = "25%" if value is None else str(value)
    if re.fullmatch(r"[0-9]{1,9}", text):
        return int(text)
    if not re.fullmatch(r"[0-9]{1,3}%", text):
        raise view.blamed(WrongTypeError(view.path, "a number or a percentage like 25%", value))
    share = int(text[:-1]) * pods / 100
    return math.ceil(share) if up else math.floor(share)
