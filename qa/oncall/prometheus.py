"""Live numbers from a Prometheus query API: a few questions, each asked once; nothing is guessed without an answer."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from seawall.qa.checks.context import RefusedQueryError, Series
from seawall.qa.checks.model import UndecidedError
from seawall.qa.promql import NEEDS, PromQL

LONGEST_S = 10.0
"""Seconds for all of an answer: the page must not hang at night."""

BACKENDS, POOL_SERVERS, POOL_WAITING, POOL_LONGEST, LAG, RECEIVES, IN_SYNC = QUERIES = (
    "sum by (namespace, pod) (cnpg_backends_total)",
    'sum by (namespace, pod) ({__name__=~"cnpg_pgbouncer_pools_sv_(active|idle|used|tested|login)"})',
    "sum by (namespace, pod) (cnpg_pgbouncer_pools_cl_waiting)",
    "max by (namespace, pod) (cnpg_pgbouncer_pools_maxwait)",
    "max by (namespace, pod) (cnpg_pg_replication_lag)",
    "min by (namespace, pod) (cnpg_pg_replication_is_wal_receiver_up)",
    'count by (namespace, app) (dragonfly_connected_replica_lag_records{replica_state=~"stable_sync|online"})',
)
"""Connections by instance; a pooler pod's server connections, waiting clients and the longest wait; how far an instance
is behind, whether it receives; how many replicas follow the master of a Dragonfly. Our alerts ask the same series."""

Key = tuple[str, str]
"""Namespace and pod, or namespace and Dragonfly."""


@dataclass(frozen=True)
class Metrics:
    """What was answered. A question without an answer is absent, and `why` tells."""

    given: bool = False
    """Whether anybody was asked."""
    answers: Mapping[str, Mapping[Key, float]] = field(default_factory=dict)
    why: str = ""
    """Why nothing, or not everything, was answered."""

    def of(self, query: str, key: Key) -> float | None:
        """The number of one pod, None where there is none."""
        return self.answers.get(query, {}).get(key)

    @property
    def unseen(self) -> str:
        """Why there are no numbers, as the end of `unknown, because …`."""
        if not self.given:
            return "no metrics were given (--metrics URL)"
        return self.why or "the metrics have no such series"


NO_METRICS: Final = Metrics()


def ask(store: PromQL) -> Metrics:
    """Asks all questions. A store that does not answer is no error, and is not asked on."""
    found: dict[str, dict[Key, float]] = {}
    for query in QUERIES:
        try:
            found[query] = _by_pod(store.query(query))
        except (UndecidedError, RefusedQueryError) as problem:
            return Metrics(True, found, str(problem).removeprefix(NEEDS))
    return Metrics(True, found)


def _by_pod(answer: Iterable[Series]) -> dict[Key, float]:
    found: dict[Key, float] = {}
    for series in answer:
        namespace = series.labels.get("namespace")
        name = series.labels.get("pod") or series.labels.get("app")
        if isinstance(namespace, str) and isinstance(name, str):
            for number in (value for _, value in series.values if math.isfinite(value)):
                found[namespace, name] = number
    return found
