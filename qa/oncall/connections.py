"""Has every application connections left? What the settings allow at the most, and what is in use now."""

from collections.abc import Iterator

from seawall.operators.cnpg import POOLER_LABEL
from seawall.operators.cnpg.connections import INSTANCE_MANAGER, slot_managers
from seawall.operators.cnpg.parameters import MAX_CONNECTIONS_DEFAULT, RESERVED_DEFAULT, SUPERUSER_RESERVED_DEFAULT
from seawall.policy.checks.connections import PoolerDemand, pooler_demand
from seawall.policy.estate.kinds import CLUSTER, DATABASE, DATABASE_ROLE, POD, POOLER
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.postgresql.entry import entry_of
from seawall.policy.estate.postgresql.postgres import server_number
from seawall.policy.estate.postgresql.tenants import of_cluster
from seawall.policy.estate.values import CannotEvaluateError
from seawall.qa.oncall.expected import Expected
from seawall.qa.oncall.model import Answer, Topic
from seawall.qa.oncall.prometheus import BACKENDS, POOL_LONGEST, POOL_SERVERS, POOL_WAITING, Metrics
from seawall.qa.oncall.reading import Seen
from seawall.qa.oncall.remarks import Remark, broken, fine, grave, page, told, unseen, watch, weighed
from seawall.qa.oncall.things import Thing, name_of, span

NEEDED = (CLUSTER, POOLER, DATABASE, DATABASE_ROLE, POD)
HIGH_PERCENT = 90
"""Of `max_connections`, where no stack says when it is too much: the default of `alerts.connections_percent`."""
LONG_WAIT_S = 10
"""A client that waits so long for a connection: the default of `alerts.pooler_wait`."""
_ASK = 'psql -XAt -c "SELECT usename, count(*) FROM pg_stat_activity GROUP BY 1 ORDER BY 2 DESC"'
_PRIMARYS = ("rw", "r")
"""The types of poolers that may ask the primary."""


def answer(cluster: Thing, estate: Estate, seen: Seen, metrics: Metrics, expected: Expected) -> Answer:
    """The answer for one Cluster and all its applications."""
    pod = name_of(cluster.at("status", "currentPrimary")) or f"{cluster.name}-1"
    command = f"{seen.kubectl} exec -n {cluster.namespace} {pod} -c postgres -- {_ASK}"
    missing = seen.missing(*NEEDED)
    thing = estate.find(CLUSTER, cluster.namespace, cluster.name)
    summary = ""
    if missing or thing is None:
        found = [unseen(missing or "the Cluster cannot be read")]
    else:
        try:
            found, summary = _remarks(thing, cluster, estate, seen, metrics, expected)
        except CannotEvaluateError as problem:
            found = [unseen(f"the settings of its poolers cannot be read: {problem.why}")]
    return weighed(
        Topic.CONNECTIONS,
        cluster.full_name,
        found,
        command=command,
        summary=summary,
        runbook=page("CnpgConnectionsHigh"),
    )


def _remarks(
    thing: KubeObject, cluster: Thing, estate: Estate, seen: Seen, metrics: Metrics, expected: Expected
) -> tuple[list[Remark], str]:
    limit = server_number(thing, "max_connections", MAX_CONNECTIONS_DEFAULT)
    reserved = server_number(thing, "superuser_reserved_connections", SUPERUSER_RESERVED_DEFAULT)
    reserved += server_number(thing, "reserved_connections", RESERVED_DEFAULT)
    own = INSTANCE_MANAGER + slot_managers(cluster.number("spec", "instances") or 1)
    entry = entry_of(thing, estate)
    demands = [pooler_demand(pooler, entry, limit) for pooler in of_cluster(POOLER, thing, estate)]
    asking = [it for it in demands if (it.pooler.at("spec", "type").text() or "rw") in _PRIMARYS]
    most = sum(it.total for it in asking) + reserved + own
    text = f"at most {most} of {limit} by the settings"
    written = f"{text}: poolers {sum(it.total for it in asking)}, reserved {reserved}, operator {own}"
    found: list[Remark] = []
    if not demands:
        found.append(told("no pooler leads to it: applications connect directly, and nobody bounds them"))
    elif most > limit:
        over = f"the poolers can ask for more than PostgreSQL gives: {written}"
        found.append(broken(over, page("CnpgConnectionsHigh")))
    else:
        found.append(fine(written))
    stack = expected.clusters.get(cluster.full_name)
    percent = stack.connections_percent if stack is not None else HIGH_PERCENT
    used = list(_used(cluster, limit, percent, metrics))
    found += used
    for demand in demands:
        found += _application(demand, seen, metrics)
    now = metrics.of(BACKENDS, (cluster.namespace, cluster.text("status", "currentPrimary")))
    live = f"{now:g} in use now; " if now is not None else ""
    unasked = "" if metrics.given else "; live numbers need --metrics"
    return found, f"{live}{text}{unasked}"


def _used(cluster: Thing, limit: int, percent: int, metrics: Metrics) -> Iterator[Remark]:
    """What is in use at the primary now."""
    primary = cluster.text("status", "currentPrimary")
    now = metrics.of(BACKENDS, (cluster.namespace, primary))
    if now is None:
        if metrics.given:
            yield unseen(f"how many connections {primary or 'the primary'} has now is not seen: {metrics.unseen}")
        else:
            yield told(f"what is in use now is not seen: {metrics.unseen}")
        return
    text = f"{primary} has {now:g} of {limit} connections now"
    if now >= limit * percent / 100:
        yield grave(f"{text}: soon it refuses", page("CnpgConnectionsHigh"))
    else:
        yield fine(text)


def _application(demand: PoolerDemand, seen: Seen, metrics: Metrics) -> Iterator[Remark]:
    """What one pooler may ask for and has."""
    pooler = demand.pooler
    pods = [
        (pod.namespace, pod.name)
        for pod in seen.of(POD)
        if pod.namespace == pooler.namespace and pod.labels.get(POOLER_LABEL) == pooler.name
    ]
    text = f"{pooler.name}: at most {demand.total}, {demand.of_pod} a pod"
    servers = [it for pod in pods if (it := metrics.of(POOL_SERVERS, pod)) is not None]
    if not servers:
        missing = f"; what it has now is not seen: {metrics.unseen}" if metrics.given else ""
        yield (unseen if metrics.given and pods else told)(f"{text}{missing}")
        return
    waiting = sum(metrics.of(POOL_WAITING, pod) or 0 for pod in pods)
    longest = max((metrics.of(POOL_LONGEST, pod) or 0 for pod in pods), default=0)
    room = demand.of_pod * len(pods)
    text = f"{pooler.name}: {sum(servers):g} of {room} connections in use on {len(pods)} pods, {waiting:g} clients wait"
    if longest >= LONG_WAIT_S:
        yield watch(f"{text}, one for {span(longest)}", page("CnpgPoolerClientsWaiting"))
    else:
        yield fine(text)
