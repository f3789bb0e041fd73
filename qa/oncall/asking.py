"""One page about one cluster: connects, reads, asks."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from seawall.errors import UserError
from seawall.policy.estate.doors.cluster_api import ClusterApi
from seawall.qa.oncall import prometheus
from seawall.qa.oncall.expected import NOTHING, Expected
from seawall.qa.oncall.model import Page
from seawall.qa.oncall.prometheus import NO_METRICS
from seawall.qa.oncall.questions import answers
from seawall.qa.oncall.reading import read
from seawall.qa.oncall.things import span
from seawall.qa.promql import PromQL

TOLD_SKEW_S = 60
"""By how much our clock may differ from the API server's before it is told. Ages are by the server's."""


def ask(
    context: str,
    kubeconfig: Path | None = None,
    *,
    node: str | None = None,
    metrics: str | None = None,
    metrics_token: Path | None = None,
    expected: Expected = NOTHING,
    told: Callable[[str], None] = lambda _: None,
) -> Page:
    """All answers about a cluster, which is only read.

    `metrics_token` is a file with a bearer token for `metrics`, the address of a Prometheus.
    `told` hears what is being read.

    Raises `UserError` for a context, a node, an address or a token that there is not, and `EnvironmentFailure` when the
    API server cannot be reached or does not know us.
    """
    if metrics_token is not None and metrics is None:
        raise UserError("--metrics-token is for --metrics: give that as well")
    store = PromQL(metrics, metrics_token, timeout=prometheus.LONGEST_S) if metrics is not None else None
    api = ClusterApi(context, kubeconfig)
    start = time.perf_counter()
    with ThreadPoolExecutor(1) as beside:
        numbers = beside.submit(prometheus.ask, store) if store is not None else None
        seen = read(api, server=api.server, kubeconfig=kubeconfig, told=told)
        live = numbers.result() if numbers is not None else NO_METRICS
    found = answers(seen, node=node, metrics=live, expected=expected)
    notes = []
    if abs(seen.skew) > TOLD_SKEW_S:
        side = "ahead of" if seen.skew > 0 else "behind"
        notes.append(
            f"this machine's clock is {span(abs(seen.skew))} {side} the API server's: ages are by the server's"
        )
    if live.why:
        notes.append(f"metrics: {live.why}")
    return Page(context, seen.server, seen.now, tuple(found), time.perf_counter() - start, tuple(notes))
