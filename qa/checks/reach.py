"""Checks of who really reaches the cache: probes in every allowed place, and in places that nobody has allowed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from seawall.components.contract import Connection
from seawall.qa import register
from seawall.qa.checks.context import Context, Entry, Probe, Result, Where
from seawall.qa.checks.model import Check, Creates, UndecidedError, seen
from seawall.qa.evidence.model import Observation

PINGS = 100
"""Enough for a 95th percentile."""
PONG = "PONG"
SIGNS_IN = f"signs in, {PONG}"
SHUT = "refused or dropped"
CLOSED = ("refused", "dropped", "unreachable")
"""What a denial looks like. A name that does not resolve is none: then nothing was tried."""


@dataclass(frozen=True)
class Attempt:
    """What is tried from one place: connections, each with its step, and the secrets that this takes."""

    where: Where
    connections: Sequence[Connection]
    steps: Sequence[dict[str, Any]]
    secrets: dict[str, Entry]


def told(result: Result) -> str:
    """What a step found, in words."""
    seconds = f" after {result['seconds']:g} s" if "seconds" in result else ""
    more = [str(result[key]) for key in ("reply", "why", "sqlstate") if result.get(key)]
    return f"{result['outcome']}{seconds}" + (f": {', '.join(more)}" if more else "")


def run(context: Context, attempts: Sequence[Attempt]) -> list[tuple[Where, Connection, Result]]:
    """Runs attempts side by side; place, connection and result of every step."""
    found = context.probes.run([Probe(it.where, it.steps, it.secrets) for it in attempts])
    return [
        (attempt.where, connection, result)
        for attempt, results in zip(attempts, found, strict=True)
        for connection, result in zip(attempt.connections, results, strict=True)
    ]


def redis_step(connection: Connection, number: int, **more: object) -> tuple[dict[str, Any], dict[str, Entry]]:
    """The step in which a client signs in, and the secrets that it takes."""
    if connection.client_certificate:
        raise UndecidedError(f"{connection.name} asks its clients for certificates, and a probe has none")
    password, authority = f"PASSWORD_{number}", f"AUTHORITY_{number}"
    credentials = connection.credentials
    secrets = {password: Entry(credentials.path, credentials.fields["password"])}
    step: dict[str, Any] = {
        "kind": "redis-ping",
        "host": connection.host,
        "port": connection.port,
        "password": password,
        **more,
    }
    if connection.tls_mode == "verify-full":
        step["tls"] = True
        if connection.ca is not None and connection.ca.path is not None:
            step["ca"] = authority
            secrets[authority] = Entry(connection.ca.path, connection.ca.key)
    return step, secrets


def inside(connections: Iterable[Connection], **more: object) -> list[Attempt]:
    """Each client's place, with what it must reach."""
    by_place: dict[tuple[str, str], list[Connection]] = {}
    for it in connections:
        by_place.setdefault((it.cluster, it.namespace), []).append(it)
    found = []
    for (cluster, namespace), mine in by_place.items():
        made = [redis_step(it, number, **more) for number, it in enumerate(mine)]
        secrets = {name: entry for _, given in made for name, entry in given.items()}
        found.append(Attempt(Where(cluster, namespace), mine, [step for step, _ in made], secrets))
    return found


def outside(context: Context) -> list[Attempt]:
    """Places with what must stay closed to them: a namespace of the run's own on each cluster, the clients of other
    services, and every pod beside the data, which the operator's own policy would admit.
    """
    stack = context.stack
    connections = stack.cache_connections()
    others = stack.database_connections() if stack.settings.cnpg is not None else []
    clusters = dict.fromkeys([stack.cluster, *(it.cluster for it in connections)])
    places = [(cluster, context.probes.fresh(cluster)) for cluster in clusters]
    places += [(it.cluster, it.namespace) for it in (*connections, *others)]
    places += [(stack.cluster, cache.namespace) for cache in stack.caches]
    found = []
    for cluster, namespace in dict.fromkeys(places):
        closed = {it.name: it for it in connections if cluster in (it.cluster, stack.cluster)}
        for it in connections:
            if (it.cluster, it.namespace) == (cluster, namespace):
                closed.pop(it.name, None)
        steps = [{"kind": "tcp", "host": it.host, "port": it.port} for it in closed.values()]
        if steps:
            found.append(Attempt(Where(cluster, namespace), list(closed.values()), steps, {}))
    return found


def _reach(context: Context) -> Iterator[Observation]:
    doors = inside(context.stack.cache_connections())
    # A closed door proves something only while the same door opens to others: before, and after.
    before = run(context, doors)
    closed = run(context, outside(context))
    after = run(context, doors)
    served = {it.name for _, it, result in before if result.get("reply") == PONG}
    served &= {it.name for _, it, result in after if result.get("reply") == PONG}
    doubts: list[str] = []
    found: list[tuple[str, Observation]] = []
    for which, results in (("before", before), ("after", after)):
        for where, it, result in results:
            what = f"{it.name} from {where}, {which} the others"
            found.append((it.name, seen(what, SIGNS_IN, told(result), result.get("reply") == PONG, how(it))))
    for where, it, result in closed:
        shut = result["outcome"] in CLOSED
        if result["outcome"] == "unresolved":
            doubts.append(f"{it.name} from {where}: {told(result)}; nothing was tried, so nothing was denied")
        else:
            found.append((it.name, seen(f"{it.name} from {where}", SHUT, told(result), shut, how(it))))
    unserved = sorted({it.name for _, it, _ in before} - served)
    doubts += [
        f"{name} answers no allowed place in this run, so that a closed door proves nothing" for name in unserved
    ]
    if not any(not it.ok and (name in served or it.expected == SHUT) for name, it in found) and doubts:
        raise UndecidedError(doubts[0])
    yield from (it for _, it in found)


def how(connection: Connection) -> str:
    """A command with which a person sees the same, from a pod of the place."""
    return f"nc -zv -w 8 {connection.host} {connection.port}"


def _from_the_other_cluster(context: Context) -> Iterator[Observation]:
    remote = [it for it in context.stack.cache_connections() if it.remote]
    if not remote:
        raise UndecidedError(f"stack {context.stack.name} has no clients in other clusters")
    attempts = inside(remote, times=PINGS)
    names = [
        Probe(it.where, [{"kind": "dns", "host": connection.host} for connection in it.connections]) for it in attempts
    ]
    for probe, results in zip(names, context.probes.run(names), strict=True):
        for step, result in zip(probe.steps, results, strict=True):
            good = result["outcome"] == "resolved"
            addresses = ", ".join(result.get("addresses", [])) or told(result)
            yield seen(f"{step['host']} from {probe.where}", "resolves", addresses, good)
    slo = register.load().risks["DFLY-PERF-001"].slo
    limit = slo.p95_cross_cluster_ms if slo is not None else 0
    for where, it, result in run(context, attempts):
        good = result.get("reply") == PONG
        yield seen(f"{it.name}:{it.port} from {where}", SIGNS_IN, told(result), good, how(it))
        p95 = result.get("p95_ms")
        measured = f"{p95} ms of {result.get('samples')} PINGs" if p95 is not None else "not measured"
        expected = f"on record (advisory limit: {limit} ms)"
        yield seen(f"95th percentile of {it.name} from {where}", expected, measured, p95 is not None)


CHECKS = (
    Check(
        "DFLY-E2E-002",
        "from every client namespace of the other cluster: resolves the global Service, signs in, 100 PINGs",
        _from_the_other_cluster,
        Creates.PROBES,
        peer=True,
    ),
    Check(
        "DFLY-E2E-003",
        "signs in from every allowed namespace; tries the port from a new namespace on each cluster, from clients of "
        "other services and from beside the data; signs in from the allowed ones again",
        _reach,
        Creates.PROBES,
        peer=True,
    ),
)
