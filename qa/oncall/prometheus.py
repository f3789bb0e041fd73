"""Live numbers from a Prometheus query API: a few questions, each asked once; nothing is guessed without an answer."""

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3

from seawall.errors import UserError
from seawall.qa.oncall.things import dig, mappings

TIMEOUT_S = 5
"""Seconds in which something of an answer must arrive: the page must not hang at night."""
LONGEST_S = 10
"""Seconds for all of an answer."""
MOST_BYTES = 16 * 1024**2

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


def base_of(url: str) -> str:
    """The address of the query API. Raises `UserError` for one that is none, or that holds a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UserError("--metrics: this is no address; give one like https://prometheus.example.org") from None
    if parts.username is not None or parts.password is not None:
        raise UserError("--metrics: an address with a user or a password in it would be in the shell's history")
    if parts.query or parts.fragment:
        raise UserError("--metrics: give the address alone, without ? or # and what follows: it may be a secret")
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise UserError(f"--metrics {url}: give the address of a Prometheus, like https://prometheus.example.org")
    return url.rstrip("/")


def ask(url: str) -> Metrics:
    """Asks all questions. Raises `UserError` for an address that is none; a server that does not answer is no error."""
    base = base_of(url)
    found: dict[str, dict[Key, float]] = {}
    with urllib3.PoolManager(timeout=TIMEOUT_S, retries=False) as pool:
        for query in QUERIES:
            try:
                found[query] = _series(_answer(pool, f"{base}/api/v1/query", query))
            except (urllib3.exceptions.HTTPError, OSError, ValueError, RecursionError) as problem:
                return Metrics(True, found, f"{base} did not answer ({_told(problem)})")
    return Metrics(True, found)


def _answer(pool: urllib3.PoolManager, url: str, query: str) -> Any:
    response = pool.request("GET", url, fields={"query": query}, redirect=False, preload_content=False)
    try:
        if response.status != 200:
            raise ValueError(f"HTTP {response.status}")
        content = bytearray()
        until = time.monotonic() + LONGEST_S
        while piece := response.read1(65536, decode_content=True):
            content += piece
            if len(content) > MOST_BYTES:
                raise ValueError(f"more than {MOST_BYTES // 1024**2} MiB")
            if time.monotonic() > until:
                raise ValueError(f"not within {LONGEST_S} s")
        return json.loads(content)
    finally:
        response.close()


def _series(answer: Any) -> dict[Key, float]:
    if dig(answer, "status") != "success" or dig(answer, "data", "resultType") != "vector":
        raise ValueError("the answer is not Prometheus'")
    found: dict[Key, float] = {}
    for sample in mappings(dig(answer, "data", "result")):
        namespace = dig(sample, "metric", "namespace")
        name = dig(sample, "metric", "pod") or dig(sample, "metric", "app")
        value = sample.get("value")
        if isinstance(namespace, str) and isinstance(name, str) and isinstance(value, list) and len(value) == 2:
            number = float(str(value[1]))
            if math.isfinite(number):
                found[namespace, name] = number
    return found


def _told(problem: Exception) -> str:
    if isinstance(problem, json.JSONDecodeError | UnicodeDecodeError | RecursionError):
        return "the answer is no JSON"
    return str(problem) if type(problem) is ValueError else type(problem).__name__
