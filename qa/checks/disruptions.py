"""Checks that change what runs: a drain, a failover, a paused pooler."""

from collections.abc import Iterator, Mapping
from typing import Any

from seawall.components.contract import Connection
from seawall.components.dragonfly.args import DragonflyClusterArgs
from seawall.components.dragonfly.contract import dragonfly_connections
from seawall.components.fields import duration
from seawall.operators.cnpg import API_VERSION as CNPG
from seawall.operators.dragonfly import API_VERSION as DRAGONFLY
from seawall.operators.dragonfly import KIND
from seawall.qa.checks.clients import client_secrets, client_step
from seawall.qa.checks.context import Context, Manifest, Probe, Where
from seawall.qa.checks.dragonfly import masters, pods_of
from seawall.qa.checks.looking import kubectl, named, node, ready
from seawall.qa.checks.model import Check, Creates, UndecidedError, seen
from seawall.qa.checks.reach import redis_step, told
from seawall.qa.checks.secrets import ALERTS_S, declared_alert, firing
from seawall.qa.evidence.model import Observation

DRAIN_S = 600.0
"""What a drain of one node may take."""
HEALS_S = 600.0
"""What the pods may take to be back after it."""
LOOK_S = 2.0
KEYS = 200
WAITING = "CnpgPoolerClientsWaiting"
OF_THE_NODE = "kubernetes.io/config.mirror"
"""Annotation of a pod that the node itself runs: nobody can evict it."""


def _drain(context: Context) -> Iterator[Observation]:
    for cache in context.stack.caches:
        if not _whole(context, cache):
            raise UndecidedError(
                f"{cache.namespace}/{cache.name}: {_available(context, cache)} of {cache.settings.replicas} data pods "
                "are Ready before the drain"
            )
    for cache in context.stack.caches:
        name, wanted = f"{cache.namespace}/{cache.name}", cache.settings.replicas
        # the drain before this one took whatever was on its node, pods of this instance as well
        if not context.until(lambda it=cache: _whole(context, it), HEALS_S):  # type: ignore[misc]
            yield seen(f"data pods of {name} before its drain", wanted, _available(context, cache), False)
            continue
        up = [it for it in pods_of(context, cache) if ready(it)]
        first = next(iter(masters(up)), up[0])
        yield from _drained(context, cache, node(first))


def _whole(context: Context, cache: DragonflyClusterArgs) -> bool:
    return _available(context, cache) == cache.settings.replicas


def _drained(context: Context, cache: DragonflyClusterArgs, where: str) -> Iterator[Observation]:
    """Drains a node as kubectl does: cordon, then evict every pod, again and again while a budget says no."""
    leaving = [it for it in context.api.every("v1", "Pod") if node(it) == where and _evictable(it)]
    alone = [named(it) for it in leaving if not it["metadata"].get("ownerReferences")]
    if alone:
        raise UndecidedError(f"{where} has pods that nobody would make again: {', '.join(alone[:5])}")
    name, floor = f"{cache.namespace}/{cache.name}", cache.settings.budget
    lowest = cache.settings.replicas
    refused: dict[str, str] = {}
    with context.disrupting.cordoned(where):
        left = leaving

        def over() -> bool:
            nonlocal left, lowest
            context.told(f"drains {where}: {len(left)} pods left")
            refused.clear()
            for it in left:
                why = context.disrupting.evict(it)
                if why is not None:
                    refused[named(it)] = why
                elif cache.pods.items() <= (it["metadata"].get("labels") or {}).items():
                    lowest = min(lowest, _available(context, cache))  # at once: nobody looks more closely than this
            lowest = min(lowest, _available(context, cache))
            left = _still(context, left)
            return not left

        context.until(over, DRAIN_S, LOOK_S)
        how = f"kubectl --context={context.api.context} drain {where} --ignore-daemonsets --delete-emptydir-data"
        why = "; ".join(f"{pod}: {reason}" for pod, reason in list(refused.items())[:2])
        stuck = f"{len(left)} pods left after {DRAIN_S:.0f} s; {why}"
        yield seen(
            f"drain of {where}, the node of the master of {name}", "ends", stuck if left else "ended", not left, how
        )
    yield seen(f"data pods of {name} available meanwhile", f"never fewer than {floor}", lowest, lowest >= floor, how)
    wanted = cache.settings.replicas
    back = context.until(lambda: _whole(context, cache), HEALS_S)
    found = wanted if back else _available(context, cache)
    yield seen(f"data pods of {name} after the node is back", wanted, found, bool(back))


def _evictable(pod: Manifest) -> bool:
    """As `kubectl drain --ignore-daemonsets` sees it: not the node's own, not a DaemonSet's, not done."""
    metadata = pod["metadata"]
    owners = [it.get("kind") for it in metadata.get("ownerReferences") or []]
    done = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    return OF_THE_NODE not in (metadata.get("annotations") or {}) and "DaemonSet" not in owners and not done


def _available(context: Context, cache: DragonflyClusterArgs) -> int:
    return sum(ready(it) for it in pods_of(context, cache))


def _still(context: Context, pods: list[Manifest]) -> list[Manifest]:
    """Those that are still there, by their UIDs: a successor may have the same name."""
    there = {it["metadata"]["uid"] for it in context.api.every("v1", "Pod")}
    return [it for it in pods if it["metadata"]["uid"] in there]


def _failover(context: Context) -> Iterator[Observation]:
    """Writes, waits until every replica has it, has the master evicted, and reads from the next one."""
    for cache in context.stack.caches:
        connections = [it for it in dragonfly_connections(cache) if not it.remote]
        if not connections:
            continue
        yield from _failed_over(context, cache, connections[0])
        return
    raise UndecidedError("no Dragonfly instance has a client on its own cluster")


def _failed_over(context: Context, cache: DragonflyClusterArgs, connection: Connection) -> Iterator[Observation]:
    name = f"{cache.namespace}/{cache.name}"
    pods = pods_of(context, cache)
    leading = masters(pods)
    if len(leading) != 1 or sum(map(ready, pods)) != cache.settings.replicas:
        raise UndecidedError(f"{name} is not whole before the failover: {len(leading)} masters")
    [master] = leading
    resource = context.api.find(DRAGONFLY, KIND, cache.name, cache.namespace) or {}
    image = (resource.get("spec") or {}).get("image", "none")
    running = {str(it["image"]) for pod in pods for it in pod["spec"]["containers"]}
    upgraded = running == {cache.settings.image} == {image}
    yield seen(f"image of {name}, of its pods as well", cache.settings.image, sorted(running), upgraded)
    where = Where(connection.cluster, connection.namespace)
    prefix = f"seawall:verify:{master['metadata']['uid']}"
    replicas = cache.settings.replicas - 1
    step, secrets = redis_step(connection, 0, prefix=prefix, count=KEYS)
    [[wrote]] = context.probes.run([Probe(where, [{**step, "kind": "redis-write", "replicas": replicas}], secrets)])
    if wrote.get("written") != KEYS or wrote.get("replicas") != replicas:
        synced = f"{wrote.get('written', 0)} written, {wrote.get('replicas', 0)} of {replicas} replicas have all"
        raise UndecidedError(f"{name}: {synced}: {told(wrote)}; what was not replicated may be lost")
    why = context.disrupting.evict(master)
    if why is not None:
        raise UndecidedError(f"the master of {name} is not let go: {why}")
    context.told(f"waits for another master of {name}")
    other = context.until(lambda: _another(context, cache, master), HEALS_S)
    yield seen(f"another master of {name}", "is elected", "is" if other else "is not", bool(other))
    again = _read_back(context, Probe(where, [{**step, "kind": "redis-read"}], secrets))
    good = again.get("read") == KEYS
    told_back = f"{again.get('read', 0)} of {KEYS}, {again.get('missing', KEYS)} missing: {told(again)}"
    yield seen(f"acknowledged and replicated writes of {name} after the failover", KEYS, told_back, good)
    back = context.until(lambda: _available(context, cache) == cache.settings.replicas, HEALS_S)
    yield seen(f"data pods of {name} after it", cache.settings.replicas, "all" if back else "fewer", bool(back))


def _another(context: Context, cache: DragonflyClusterArgs, before: Manifest) -> bool:
    found = [it for it in masters(pods_of(context, cache)) if ready(it)]
    return len(found) == 1 and found[0]["metadata"]["uid"] != before["metadata"]["uid"]


def _read_back(context: Context, probe: Probe) -> Mapping[str, Any]:
    """Once the Service leads to the new master."""
    last: list[Mapping[str, Any]] = [{}]

    def read() -> bool:
        [[last[0]]] = context.probes.run([probe])
        return bool(last[0].get("master"))

    context.until(read, 120, pause=5)
    return last[0]


def _alert(context: Context) -> Iterator[Observation]:
    """Pauses one pooler while one client waits at it, until the alert fires."""
    postgres = context.stack.databases[0]
    connections = [it for it in context.stack.database_connections() if not it.remote]
    connections = connections or context.stack.database_connections()
    first = connections[0]
    application = next(it for it in postgres.applications if it.name == first.name)
    alert = declared_alert(context, WAITING, f"{postgres.namespace}/{postgres.name}")
    expression = firing(alert)
    if context.prometheus.query(expression):
        raise UndecidedError(f"{WAITING} fires already")
    patience = duration(postgres.settings.alerts.pooler_wait).total_seconds() + ALERTS_S
    patience += duration(str(alert["for"])).total_seconds()
    seconds = int(patience) + 120
    waiting = Probe(
        Where(first.cluster, first.namespace),
        [client_step(first, "postgres-wait", duration=seconds)],
        client_secrets(first),
        seconds,
    )
    how = kubectl(context.api, "get", "-n", postgres.namespace, "pooler", application.pooler)
    pause = {"spec": {"pgbouncer": {"paused": True}}}
    changed = context.disrupting.changed
    with context.probes.running(waiting), changed(CNPG, "Pooler", application.pooler, postgres.namespace, pause):
        context.told(f"waits up to {patience / 60:.0f} minutes for {WAITING}")
        fired = context.until(lambda: context.prometheus.query(expression), patience, pause=15)
    what = f"alert {WAITING} while {application.pooler} is paused and a client waits"
    yield seen(what, "fires", "fires" if fired else "does not", bool(fired), expression)
    over = context.until(lambda: not context.prometheus.query(expression), patience, pause=15)
    yield seen(
        f"alert {WAITING} after {application.pooler} goes on", "ends", "ended" if over else "fires", bool(over), how
    )


CHECKS = (
    Check(
        "DFLY-E2E-005",
        "drains the node of each instance's master (every pod goes but those of DaemonSets), counts the data pods "
        "meanwhile, uncordons it",
        _drain,
        Creates.DISRUPTIVE,
    ),
    Check(
        "DB.CNPG.SHARED-E2E-006",
        "pauses one pooler while one client waits at it, until CnpgPoolerClientsWaiting fires (some 15 minutes), and "
        "lets it go on",
        _alert,
        Creates.DISRUPTIVE,
        peer=True,
    ),
    Check(
        "SW-DFLY-001",
        f"writes {KEYS} keys that expire after 15 minutes, waits for the replicas, has the master evicted, reads them",
        _failover,
        Creates.DISRUPTIVE,
    ),
)
