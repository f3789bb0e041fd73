"""What a drain does to a Dragonfly.

The operator makes a ready replica the master when the master's pod goes; what the replica has not received by then is
lost, for replication is asynchronous. With `enableReplicationReadinessGate` a replica is ready only when it is in sync.
"""

from collections.abc import Iterator

from seawall.operators import dragonfly
from seawall.operators.annotations import PURPOSE
from seawall.qa.oncall.places import Node, Places, ready
from seawall.qa.oncall.prometheus import IN_SYNC, Metrics
from seawall.qa.oncall.remarks import Remark, broken, careful, fine, grave, never, page, unseen
from seawall.qa.oncall.things import Thing, dig

GATE = "dragonflydb.io/replication-ready"
"""The readiness gate on the pods, and the condition that the operator sets."""


def remarks(resource: Thing, node: Node, places: Places, metrics: Metrics) -> Iterator[Remark]:
    """What happens to the pods of one Dragonfly that are on a node."""
    pods = places.dragonfly_pods(resource)
    here = [pod for pod in pods if places.node_of(pod) is node]
    if not here:
        return
    name = resource.full_name
    if (resource.number("spec", "replicas") or 0) <= 1:
        yield never(
            f"{here[0].name} is the only pod of Dragonfly {name}: its clients have nothing while it moves",
            page("DragonflyDown"),
        )
        return
    masters = [pod for pod in pods if pod.labels.get(dragonfly.ROLE_LABEL) == "master" and not pod.going]
    if len(masters) != 1:
        count = f"{len(masters)} masters" if masters else "no master"
        yield grave(f"Dragonfly {name} has {count} now: mend that first", page("DragonflyNoPrimary"))
        return
    if resource.at("status", "isRollingUpdate") is True:
        yield broken(f"a rolling update of Dragonfly {name} is under way: wait until it is over")
    if len(here) > 1:
        names = " and ".join(pod.name for pod in here)
        yield broken(
            f"{names} of one Dragonfly are both here: the drain of one node takes {len(here)} of {len(pods)} pods",
            page("DragonflyReplicaCountLow"),
        )
    rest = [pod for pod in pods if pod not in here and ready(pod)]
    if masters[0] in here:
        yield _master(resource, masters[0], rest, metrics)
    else:
        yield _replica(here[0], masters[0], rest)
    yield from _come_back(here, pods, node, places)


def _master(resource: Thing, master: Thing, rest: list[Thing], metrics: Metrics) -> Remark:
    name = resource.full_name
    if not rest:
        return broken(
            f"master {master.name} of {name} is here, and no replica on another node is ready: what it holds is gone",
            page("DragonflyReplicaCountLow"),
        )
    in_sync = [pod for pod in rest if _gated(pod)]
    told = metrics.of(IN_SYNC, (resource.namespace, resource.name))
    if not in_sync and told is None:
        return unseen(
            f"no replica of {name} is known to be in sync with {master.name}, the master, which is here: its pods have "
            f"no readiness gate for it, and {metrics.unseen}",
            page("DragonflyReplicationBroken"),
        )
    if told == 0:
        return broken(
            f"master {master.name} of {name} is here, and no replica follows it: a failover brings old data back",
            page("DragonflyReplicationBroken"),
        )
    names = " or ".join(pod.name for pod in in_sync or rest)
    text = f"master {master.name} gives way to {names}: connections break for seconds"
    if resource.annotations.get(PURPOSE) == "queue":
        return careful(f"{text}; what was written in the last moments may be lost, and this is a queue")
    return fine(text)


def _replica(pod: Thing, master: Thing, rest: list[Thing]) -> Remark:
    others = [it for it in rest if it is not master]
    if others:
        return fine(f"replica {pod.name} goes, {', '.join(it.name for it in others)} stays")
    return careful(f"{pod.name} is the last replica that is ready: without it nobody takes over from {master.name}")


def _gated(pod: Thing) -> bool:
    """Whether a pod is ready because it is in sync."""
    gates = {dig(it, "conditionType") for it in pod.items("spec", "readinessGates")}
    return GATE in gates and pod.condition(GATE) == "True"


def _come_back(here: list[Thing], pods: list[Thing], node: Node, places: Places) -> Iterator[Remark]:
    for pod in here:
        pinned = places.pinned(pod, node)
        if pinned:
            yield careful(f"{pod.name}: its snapshots ({', '.join(pinned)}) are on this node, for which it waits")
        elif not places.free(pod, node, pods):
            yield careful(f"{pod.name}: no other node takes it, so that it waits until this one is back")
