"""What a drain does to PostgreSQL: instances of a Cluster, its jobs and its poolers.

What the operator does is known from the source of 1.30.0 (`internal/controller/replicas.go`): when the primary's node
is cordoned it switches over, once all instances are ready, all others are on other nodes, and one of them is ready, on
a node that takes pods, and receives WAL. The primary's own budget lets nobody go before that. With a failed instance it
does not wait for the others.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from seawall.operators import cnpg
from seawall.qa.oncall.places import Node, Places, ready
from seawall.qa.oncall.prometheus import LAG, RECEIVES, Metrics
from seawall.qa.oncall.remarks import Remark, broken, careful, fine, never, page, unseen
from seawall.qa.oncall.things import Thing, span

HEALTHY = "Cluster in healthy state"
"""`status.phase` when the operator has nothing to do."""
LONG_LAG_S = 60
"""A switchover waits until its target has replayed everything: above this it is no matter of seconds."""


@dataclass(frozen=True)
class Postgres:
    """A Cluster and its instances' pods."""

    cluster: Thing
    instances: tuple[Thing, ...]

    @property
    def wanted(self) -> int:
        """`spec.instances`."""
        return self.cluster.number("spec", "instances") or 1

    @property
    def primary(self) -> str:
        """The pod that is the primary, empty where nobody says so."""
        return self.cluster.text("status", "currentPrimary")


def postgres(cluster: Thing, places: Places) -> Postgres:
    """A Cluster with the pods of its instances."""
    wanted = cnpg.instance_labels(cluster.name).items()
    pods = (pod for pod in places.pods if pod.namespace == cluster.namespace and wanted <= pod.labels.items())
    return Postgres(cluster, tuple(pods))


def remarks(one: Postgres, node: Node, places: Places, metrics: Metrics) -> Iterator[Remark]:
    """What happens to the instances that are on a node."""
    here = [pod for pod in one.instances if places.node_of(pod) is node]
    if not here:
        return
    yield from _busy(one)
    if not one.primary:
        return
    if one.wanted == 1:
        yield from _single(one, here[0], node, places)
        return
    if len(here) > 1:
        names = " and ".join(pod.name for pod in here)
        yield broken(
            f"{names} of one cluster are both here: the drain of one node takes {len(here)} of {one.wanted} instances, "
            "one after the other",
            page("CnpgInstancesMissing"),
        )
    for pod in here:
        if pod.name == one.primary:
            yield from _primary(one, pod, node, places, metrics)
        else:
            yield from _replica(one, pod)
        yield from _comes_back(one, pod, node, places)


def _busy(one: Postgres) -> Iterator[Remark]:
    """The operator does something, or does not say which instance is the primary."""
    name, phase = one.cluster.full_name, one.cluster.text("status", "phase")
    target = one.cluster.text("status", "targetPrimary")
    if not phase or not one.primary:
        yield unseen(
            f"{name} does not say {'which instance is its primary' if phase else 'how it is: does its operator run?'}"
            f"{f' ({phase})' if phase else ''}",
            page("CnpgNoPrimary"),
        )
    elif target not in ("", one.primary):
        yield broken(
            f"a switchover of {name} is under way ({one.primary} → {target}): wait until it is over",
            page("CnpgNoPrimary"),
        )
    elif phase != HEALTHY:
        yield broken(f"Cluster {name} is not healthy: {phase}", page("CnpgInstancesMissing"))


def _single(one: Postgres, pod: Thing, node: Node, places: Places) -> Iterator[Remark]:
    budgets = places.budgets(pod)
    harm = f"{pod.name} is the only instance of {one.cluster.full_name}: while it moves there is no database"
    if places.pinned(pod, node):
        harm += ", and its volume is on this node: there is none until the node is back"
    if budgets:
        harm += f"; budget {budgets[0].thing.name} lets it never go, the drain waits for ever"
    yield never(harm, page("CnpgInstancesMissing"))


def _primary(one: Postgres, pod: Thing, node: Node, places: Places, metrics: Metrics) -> Iterator[Remark]:
    others = [it for it in one.instances if it is not pod and places.node_of(it) is not node]
    good = [it for it in others if ready(it) and _is_open(places.node_of(it))]
    count = one.cluster.number("status", "readyInstances") or 0
    failed = bool(one.cluster.at("status", "instancesStatus", "failed"))
    if count < one.wanted and not failed:
        yield broken(
            f"{count} of {one.wanted} instances are ready, and primary {pod.name} is here: the operator switches over "
            "when all are, and the drain waits until then",
            page("CnpgInstancesMissing"),
        )
        return
    candidates = [it for it in good if metrics.of(RECEIVES, (it.namespace, it.name)) != 0]
    if not candidates:
        why = "none of them receives WAL" if good else "no other instance is ready on a node that takes pods"
        yield broken(
            f"nobody can take over from primary {pod.name}: {why}; the drain never ends",
            page("CnpgReplicaNotStreaming" if good else "CnpgInstancesMissing"),
        )
        return
    names = " or ".join(it.name for it in candidates)
    lag = max((metrics.of(LAG, (it.namespace, it.name)) or 0.0 for it in candidates), default=0.0)
    text = f"primary {pod.name} moves to {names}: the operator switches over, writes fail meanwhile"
    if lag >= LONG_LAG_S:
        yield careful(f"{text}; replay is {span(lag)} behind, and that long it takes", page("CnpgReplicationLag"))
    else:
        yield fine(f"{text} (seconds)")


def _is_open(node: Node | None) -> bool:
    return node is not None and node.open


def _replica(one: Postgres, pod: Thing) -> Iterator[Remark]:
    rest = [it for it in one.instances if it is not pod and it.name != one.primary and ready(it)]
    if not rest:
        yield careful(
            f"{pod.name} is the last replica that is ready: without it nobody takes over when "
            f"{one.primary or 'the primary'} fails"
        )
    else:
        yield fine(f"replica {pod.name} goes, {', '.join(it.name for it in rest)} stays")


def _comes_back(one: Postgres, pod: Thing, node: Node, places: Places) -> Iterator[Remark]:
    """Whether it is started somewhere else."""
    pinned = places.pinned(pod, node)
    if pinned:
        yield careful(
            f"{pod.name}: {', '.join(pinned)} {'is' if len(pinned) == 1 else 'are'} on this node alone, so that "
            f"{one.cluster.name} has an instance less until the node is back"
        )
    elif not places.free(pod, node, one.instances):
        yield careful(f"{pod.name}: no other node takes it, so that it waits until this one is back")


def jobs(pods: Iterable[Thing]) -> Iterator[Remark]:
    """Jobs of the operator that fill a volume."""
    for pod in pods:
        role = pod.labels.get(cnpg.JOB_ROLE_LABEL)
        if role is not None:
            cluster = pod.labels.get(cnpg.CLUSTER_LABEL, "?")
            yield broken(
                f"{pod.name} makes an instance of {pod.namespace}/{cluster} ({role}): it would begin again elsewhere",
                page("CnpgInstancesMissing"),
            )


def poolers(node: Node, places: Places, known: Iterable[Thing]) -> Iterator[Remark]:
    """What happens to the pods of poolers."""
    for pooler in known:
        pods = places.pooler_pods(pooler)
        here = [pod for pod in pods if places.node_of(pod) is node]
        if not here:
            continue
        rest = [pod for pod in pods if ready(pod) and pod not in here]
        if not rest:
            text = f"pooler {pooler.full_name} has no ready pod but here: its application has no database meanwhile"
            alone = (pooler.number("spec", "instances") or 1) == 1
            yield (never if alone else broken)(text, page("CnpgPoolersMissing"))
        else:
            yield fine(f"{pooler.name}: {len(here)} of {len(here) + len(rest)} ready pods are here, clients reconnect")
