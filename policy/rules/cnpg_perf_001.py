"""CNPG-PERF-001: more server connections than PostgreSQL gives."""

from collections.abc import Iterator

from seawall.operators.cnpg.connections import INSTANCE_MANAGER, slot_managers
from seawall.operators.cnpg.parameters import MAX_CONNECTIONS_DEFAULT, RESERVED_DEFAULT, SUPERUSER_RESERVED_DEFAULT
from seawall.operators.cnpg.pgbouncer import DEFAULTS
from seawall.policy.checks.connections import PoolerDemand, pooler_demand
from seawall.policy.estate.kinds import CLUSTER, POOLER
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.postgresql.entry import entry_of
from seawall.policy.estate.postgresql.postgres import (
    POOLER_PARAMETERS,
    SERVER_PARAMETERS,
    pooler_number,
    server_number,
    usable_number,
)
from seawall.policy.estate.postgresql.tenants import none_adrift, of_cluster
from seawall.policy.estate.values import View
from seawall.policy.findings import Rule, Violation

_SERVER_NUMBERS = {
    "max_connections": MAX_CONNECTIONS_DEFAULT,
    "superuser_reserved_connections": SUPERUSER_RESERVED_DEFAULT,
    "reserved_connections": RESERVED_DEFAULT,
}
_LIMIT = (*SERVER_PARAMETERS, "max_connections")


def texts(subject: KubeObject) -> Iterator[Violation]:
    """Parameters that are no texts, or no numbers where a number is needed."""
    server = subject.group_kind == CLUSTER
    numbers = _SERVER_NUMBERS if server else DEFAULTS
    for name, value in subject.at(*(SERVER_PARAMETERS if server else POOLER_PARAMETERS)).entries():
        if value.known and value.present and not isinstance(value.raw, str):
            yield Violation(
                f"{name} is {_kind(value)}, not a text: the API server refuses it",
                f'Put the value in quotes: {name}: "…".',
                value.path,
            )
        elif name in numbers and value.present and not usable_number(str(value.raw)):
            yield Violation(
                f"{name} is no whole number: {'PostgreSQL' if server else 'PgBouncer'} does not start with it",
                'Give a whole number in quotes, as "100".',
                value.path,
            )


def _kind(value: View) -> str:
    if isinstance(value.raw, bool):
        return "true or false (YAML reads an unquoted on, off, yes and no as that)"
    return "a number" if isinstance(value.raw, int | float) else "a list or a mapping"


def clients(subject: KubeObject) -> Iterator[Violation]:
    """A pooler that takes fewer clients than it has server connections for them."""
    if subject.group_kind != POOLER or not _usable(subject):
        return
    accepted, pool = pooler_number(subject, "max_client_conn"), pooler_number(subject, "default_pool_size")
    reserve = pooler_number(subject, "reserve_pool_size")
    if accepted < pool + reserve:
        yield Violation(
            f"max_client_conn {accepted} is below default_pool_size {pool} + reserve_pool_size {reserve}: "
            f"{pool + reserve - accepted} of them are never used, and further clients are refused instead of queued",
            "Raise max_client_conn well above the pool: queueing clients is what a pooler is for.",
            (*POOLER_PARAMETERS, "max_client_conn"),
        )


def connections(cluster: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Cluster whose poolers can together open more connections to one instance than it gives."""
    if cluster.group_kind != CLUSTER or not _usable(cluster):
        return
    poolers = [pooler for pooler in of_cluster(POOLER, cluster, estate) if _usable(pooler)]
    if not poolers:
        none_adrift(POOLER, cluster, estate)
        return
    limit = server_number(cluster, "max_connections", MAX_CONNECTIONS_DEFAULT)
    entry = entry_of(cluster, estate)
    demands = [pooler_demand(pooler, entry, limit) for pooler in poolers]
    instances = cluster.at("spec", "instances").integer()
    instances = 1 if instances is None else instances
    for where, types, slots in (("primary", ("rw", "r"), slot_managers(instances)), ("replica", ("ro", "r"), 0)):
        asking = [demand for demand in demands if (demand.pooler.at("spec", "type").text() or "rw") in types]
        if asking and (where == "primary" or instances > 1):
            yield from _judge(cluster, where, asking, slots, limit)
    none_adrift(POOLER, cluster, estate)


def _judge(cluster: KubeObject, where: str, asking: list[PoolerDemand], slots: int, limit: int) -> Iterator[Violation]:
    reserved = server_number(cluster, "superuser_reserved_connections", SUPERUSER_RESERVED_DEFAULT)
    reserved += server_number(cluster, "reserved_connections", RESERVED_DEFAULT)
    total = sum(demand.total for demand in asking) + reserved + INSTANCE_MANAGER + slots
    if total <= limit:
        return
    given = "max_connections" if cluster.at(*_LIMIT).present else "max_connections by default"
    rest = f"reserved {reserved}, operator {INSTANCE_MANAGER}{f', slots of replicas {slots}' if slots else ''}"
    terms = "; ".join(demand.text for demand in asking)
    unbound = [demand.pooler.name for demand in asking if not demand.of_database and len(demand.pairs) > 1]
    hint = f", max_db_connections on {', '.join(unbound)}" if unbound else ""
    yield Violation(
        f"a {where} can be asked for {total} connections and gives {limit} ({given}): {terms}; {rest}. When they are "
        "taken, PostgreSQL refuses, and clients fail instead of waiting in the pooler's queue",
        f"Make the pools smaller{hint}, or raise max_connections to {total} (memory for each is needed as well).",
        _LIMIT,
        facts={
            "limit": str(limit),
            "total": str(total),
            **{demand.pooler.name: str(demand.total) for demand in asking},
        },
        key=where,
    )


def _usable(subject: KubeObject) -> bool:
    """Whether every number can be read; one that cannot is told by `texts`."""
    server = subject.group_kind == CLUSTER
    values = subject.at(*(SERVER_PARAMETERS if server else POOLER_PARAMETERS))
    given = (values.at(name).number_or_text() for name in (_SERVER_NUMBERS if server else DEFAULTS))
    return all(value is None or usable_number(value) for value in given)


RULE = Rule(
    id="CNPG-PERF-001",
    risks=("CNPG-PERF-001",),
    title="All poolers together fit into max_connections",
    score=4,
    why=(
        "Every pod of every pooler opens a pool for each pair of role and database that comes through it, one more in "
        "which passwords are looked up, and pods of a rollout hold theirs as well. The sum is what PostgreSQL can be "
        "asked for; above max_connections clients get errors just when the load is highest."
    ),
    mend="Size the pools so that the sum fits: bound each with max_db_connections, and let few pairs in.",
    kinds=(CLUSTER, POOLER),
    alone=(texts, clients),
    together=(connections,),
)
