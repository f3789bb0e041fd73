"""Is it safe to drain a node? A table: one thing is changed in a cluster where all is well, and one answer is read."""

import pytest
from oncall_changes import (
    DRAINED,
    GUEST,
    JOIN,
    PG,
    added,
    bare_budget,
    cordoned,
    drilling,
    emptied,
    ended,
    gone,
    labels,
    metrics,
    moved,
    newer_budget,
    no_caches,
    pinned,
    refused,
    same_zone,
    several,
    silent_metrics,
    single,
    spec,
    speechless,
    status,
    two,
    unready,
    without_gate,
)
from oncall_samples import (
    CACHE,
    DATABASES,
    NODES,
    QUEUE,
    Change,
    World,
    budget,
    condition,
    node,
    owned,
    pod,
)

from seawall.errors import UserError
from seawall.qa.oncall.model import Severity, Topic, Verdict

YES, CAREFUL, NO, UNKNOWN = Verdict.YES, Verdict.CAREFUL, Verdict.NO, Verdict.UNKNOWN
FINE, INFO, WARNING, CRITICAL = Severity.FINE, Severity.INFO, Severity.WARNING, Severity.CRITICAL
CASES: list[tuple[str, Change, str, Verdict, Severity, str]] = [
    ("all is well, the primary", lambda _: None, "node-1", CAREFUL, INFO, "this is a queue"),
    ("all is well, a replica", lambda _: None, "node-3", YES, FINE, f"replica {PG}-3 goes, {PG}-2 stays"),
    ("the primary and nothing else", no_caches, "node-1", YES, FINE, f"moves to {PG}-2 or {PG}-3"),
    ("an empty node", emptied, "node-4", YES, FINE, "nothing has to go"),
    (
        "pods of others",
        added(node("node-5"), pod("guests", "guest-0", "node-5", {})),
        "node-5",
        YES,
        FINE,
        "nothing of ours is here; 1 other pods go",
    ),
    (
        "a replica is not ready",
        several(unready(f"{PG}-3"), status("Cluster", PG, readyInstances=2)),
        "node-1",
        NO,
        WARNING,
        "2 of 3 instances are ready",
    ),
    (
        "a failed instance is not waited for",
        several(
            unready(f"{PG}-3"),
            status("Cluster", PG, readyInstances=2, instancesStatus={"failed": [f"{PG}-3"]}),
            no_caches,
        ),
        "node-1",
        YES,
        FINE,
        f"moves to {PG}-2",
    ),
    (
        "nobody can take over",
        several(cordoned("node-2"), cordoned("node-3")),
        "node-1",
        NO,
        WARNING,
        "no other instance is ready on a node that takes pods; the drain never ends",
    ),
    (
        "a drain taint counts as cordoned",
        several(*(spec("Node", it, taints=[DRAINED]) for it in ("node-2", "node-3"))),
        "node-1",
        NO,
        WARNING,
        "nobody can take over",
    ),
    (
        "no replica receives",
        metrics(receives__sandbox_postgres_2=0, receives__sandbox_postgres_3=0),
        "node-1",
        NO,
        WARNING,
        "none of them receives WAL",
    ),
    (
        "one replica receives",
        several(metrics(receives__sandbox_postgres_2=0, receives__sandbox_postgres_3=1), no_caches),
        "node-1",
        YES,
        FINE,
        f"moves to {PG}-3:",
    ),
    (
        "replicas lag",
        several(metrics(lag__sandbox_postgres_2=400, lag__sandbox_postgres_3=1), no_caches),
        "node-1",
        CAREFUL,
        INFO,
        "replay is 6 min 40 s behind",
    ),
    (
        "a switchover is under way",
        status("Cluster", PG, targetPrimary=f"{PG}-2"),
        "node-1",
        NO,
        WARNING,
        f"a switchover of {DATABASES}/{PG} is under way",
    ),
    (
        "an upgrade",
        status("Cluster", PG, phase="Upgrading cluster"),
        "node-3",
        NO,
        WARNING,
        "is not healthy: Upgrading cluster",
    ),
    (
        "no primary is named",
        status("Cluster", PG, currentPrimary=""),
        "node-3",
        UNKNOWN,
        WARNING,
        "does not say which instance is its primary",
    ),
    ("the operator says nothing", speechless, "node-3", UNKNOWN, WARNING, "does its operator run?"),
    ("a single instance", single, "node-1", NO, INFO, "is the only instance"),
    ("a single instance's budget", single, "node-1", NO, INFO, "lets it never go, the drain waits for ever"),
    (
        "a single instance on a local disk",
        several(single, pinned(1, "node-1")),
        "node-1",
        NO,
        INFO,
        "its volume is on this node",
    ),
    (
        "two instances, the replica",
        several(two, no_caches),
        "node-2",
        CAREFUL,
        INFO,
        "is the last replica that is ready",
    ),
    (
        "two of one cluster on a node",
        moved(f"{PG}-3", "node-2"),
        "node-2",
        NO,
        WARNING,
        f"{PG}-2 and {PG}-3 of one cluster are both here",
    ),
    ("a local disk", pinned(3, "node-3"), "node-3", CAREFUL, INFO, f"{PG}-3 is on this node alone"),
    ("a zonal disk", several(pinned(3, "node-3"), same_zone), "node-3", YES, FINE, "goes"),
    ("no other node takes it", cordoned("node-4"), "node-3", CAREFUL, INFO, f"{PG}-3: no other node takes it"),
    (
        "a new instance is joining",
        added(owned(pod(DATABASES, f"{PG}-4-join-x", "node-4", JOIN), "Job", f"{PG}-4-join")),
        "node-4",
        NO,
        WARNING,
        "(join): it would begin again",
    ),
    (
        "a budget lets nobody go",
        status("PodDisruptionBudget", "shop-pooler", disruptionsAllowed=0),
        "node-4",
        NO,
        WARNING,
        "budget shop-pooler lets nobody go now (2 healthy, 1 must stay): shop-pooler-5d-4 stay",
    ),
    (
        "a foreign budget lets nobody go",
        added(GUEST, budget("guests", "guest", {"app": "guest"}, 0)),
        "node-4",
        NO,
        WARNING,
        "budget guest lets nobody go",
    ),
    ("a stale budget", newer_budget, "node-3", UNKNOWN, WARNING, "its controller has not counted since"),
    (
        "two budgets over a pod",
        added(budget(DATABASES, "more", {"cnpg.io/poolerName": "shop-pooler"}, 1)),
        "node-4",
        NO,
        WARNING,
        "the drain never ends",
    ),
    ("a budget without a selector", bare_budget({}, 0), "node-3", YES, FINE, "goes"),
    ("a budget over everybody", bare_budget({"selector": {}}, 1), "node-3", NO, WARNING, "two budgets over"),
    (
        "two pods of a pooler on a node",
        moved("shop-pooler-5d-2", "node-4"),
        "node-4",
        NO,
        WARNING,
        "has no ready pod but here",
    ),
    (
        "the other pod of a pooler is not ready",
        unready("shop-pooler-5d-2"),
        "node-4",
        NO,
        WARNING,
        "pooler sandbox-databases/shop-pooler has no ready pod but here",
    ),
    (
        "a pooler of one pod",
        several(gone("shop-pooler-5d-2"), spec("Pooler", "shop-pooler", instances=1)),
        "node-4",
        NO,
        INFO,
        "has no ready pod but here",
    ),
    ("no master", labels("cache-0", role="replica"), "node-3", NO, CRITICAL, f"Dragonfly {CACHE} has no master now"),
    ("two masters", labels("cache-1", role="master"), "node-4", NO, CRITICAL, f"Dragonfly {CACHE} has 2 masters now"),
    (
        "the master with nobody in sync",
        several(without_gate, metrics(in_sync__cache=0, in_sync__queue=1)),
        "node-2",
        NO,
        WARNING,
        "no replica follows it",
    ),
    (
        "in sync by metrics",
        several(without_gate, metrics(in_sync__cache=2, in_sync__queue=1)),
        "node-2",
        CAREFUL,
        INFO,
        "queue-1 is the last replica",
    ),
    ("sync is not seen", without_gate, "node-2", UNKNOWN, WARNING, "no metrics were given (--metrics URL)"),
    (
        "sync is not seen, metrics silent",
        several(without_gate, silent_metrics),
        "node-2",
        UNKNOWN,
        WARNING,
        "does not answer (HTTP 502)",
    ),
    ("no replica is ready", unready("cache-1", "cache-2"), "node-2", NO, WARNING, "what it holds is gone"),
    (
        "one pod alone",
        several(gone("queue-1"), spec("Dragonfly", "queue", replicas=1)),
        "node-1",
        NO,
        INFO,
        f"queue-0 is the only pod of Dragonfly {QUEUE}",
    ),
    ("a rolling update", status("Dragonfly", "cache", isRollingUpdate=True), "node-4", NO, WARNING, "a rolling update"),
    (
        "two pods of a Dragonfly on a node",
        moved("cache-2", "node-3"),
        "node-3",
        NO,
        WARNING,
        "cache-1 and cache-2 of one Dragonfly are both here",
    ),
    (
        "the last operator pod",
        moved("cnpg-manager-7f-3", "node-4"),
        "node-4",
        CAREFUL,
        INFO,
        "the only ready pod of the CloudNativePG operator",
    ),
    (
        "the other operator pod is not ready",
        unready("dragonfly-manager-7f-3"),
        "node-4",
        CAREFUL,
        INFO,
        "the only ready pod of the Dragonfly operator",
    ),
    ("a drill runs here", drilling, "node-4", CAREFUL, INFO, "a restore drill of"),
    (
        "not ready",
        status("Node", "node-3", conditions=[condition("Ready", "Unknown")]),
        "node-3",
        CAREFUL,
        WARNING,
        "the node is not ready since 2026-03-08 01:00 UTC",
    ),
    ("cordoned already", cordoned("node-3"), "node-3", YES, INFO, "it is cordoned already"),
    (
        "pods of DaemonSets stay",
        added(node("node-5"), owned(pod("guests", "agent-x", "node-5", {}), "DaemonSet", "agent")),
        "node-5",
        YES,
        FINE,
        "nothing has to go",
    ),
    ("pods that ended do not count", ended, "node-4", YES, FINE, "nothing has to go"),
    (
        "no right to budgets",
        refused("PodDisruptionBudget", "you may not list poddisruptionbudgets.policy (HTTP 403)"),
        "any node",
        UNKNOWN,
        WARNING,
        "unknown, because you may not list poddisruptionbudgets.policy (HTTP 403)",
    ),
    (
        "no right to nodes",
        refused("Node", "you may not list nodes (HTTP 403)"),
        "any node",
        UNKNOWN,
        WARNING,
        "you may not list nodes",
    ),
    (
        "no right to volumes",
        refused("PersistentVolume", "you may not list persistentvolumes (HTTP 403)"),
        "any node",
        UNKNOWN,
        WARNING,
        "you may not list persistentvolumes",
    ),
]


@pytest.mark.parametrize(
    ("change", "about", "verdict", "severity", "text"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_each_case(change: Change, about: str, verdict: Verdict, severity: Severity, text: str) -> None:
    world = World()
    change(world)
    [found] = [it for it in world.drains() if it.about == about]
    told = " | ".join([found.summary, *(fact.text for fact in found.facts)])
    assert (found.verdict, found.severity) == (verdict, severity), told
    assert text in told
    if verdict is not YES:
        assert found.facts[0].text in found.summary if found.facts else "unknown" in found.summary


def test_one_node_is_asked_for() -> None:
    [found] = World().drains("node-3")
    assert found.topic is Topic.DRAIN
    assert found.about == "node-3"
    assert (
        found.command
        == "kubectl --context here drain node-3 --ignore-daemonsets --delete-emptydir-data --dry-run=server"
    )


def test_a_node_that_is_not_there() -> None:
    with pytest.raises(UserError, match=r"--node node3: the cluster has no such node. Did you mean node-3\?"):
        World().drains("node3")
    with pytest.raises(UserError, match=f"There are: {', '.join(NODES)}"):
        World().drains("elsewhere")


def test_one_node_without_rights_is_unknown() -> None:
    world = World()
    world.refused["Node"] = "you may not list nodes (HTTP 403)"
    [found] = world.drains("worker-9")
    assert (found.about, found.verdict) == ("worker-9", UNKNOWN)
