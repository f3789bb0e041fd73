"""CNPG-SW-003: instances and poolers without exactly one disruption budget, and rollouts that never end."""

from collections.abc import Iterator

from seawall.operators.cnpg import INSTANCE_ROLE_LABEL, INSTANCE_ROLES, POD_ROLE_LABEL, POOLER_LABEL
from seawall.operators.labels import HOSTNAME
from seawall.policy.checks.budgets import budgets_over
from seawall.policy.checks.connections import surge, unavailable
from seawall.policy.checks.drains import allowance
from seawall.policy.checks.placement import REQUIRED
from seawall.policy.estate.kinds import CLUSTER, NODE, POOLER
from seawall.policy.estate.model import Estate, KubeObject, PodSet
from seawall.policy.findings import Rule, Violation
from seawall.policy.reachability.selectors import read

_ENABLE = ("spec", "enablePDB")
_INSTANCES = ("spec", "instances")
_STRATEGY = ("spec", "deploymentStrategy")
_REQUIRED = ("affinity", "podAntiAffinity", REQUIRED)


def instances(cluster: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Cluster whose instances have no budget, more than one, or one that blocks every drain."""
    if cluster.group_kind != CLUSTER:
        return
    pods = next(iter(estate.pods_of(cluster)))
    budgets = budgets_over(pods, estate)
    own = [budget for budget in budgets if budget.projected]
    if pods.count == 1 and own:
        yield Violation(
            f"1 instance with enablePDB: the operator's budget {own[0].name} keeps 1 of 1 pods, so that a drain of its "
            "node waits for ever",
            "Set enablePDB: false, so that a drain is a short outage; or run 3 instances.",
            _ENABLE,
        )
    if pods.count > 1 and not budgets and not _in_maintenance(cluster):
        yield Violation(
            f"nothing limits how many of its {pods.count} instances a drain may take at once: enablePDB is false, and "
            "no budget selects them",
            "Remove enablePDB: false. The operator then keeps the primary and all replicas but one.",
            _ENABLE,
        )
    second = _meeting(pods, budgets)
    for budget, others in second.items():
        also = _also_caught(budget, pods, estate)
        yield Violation(
            f"it selects the instances of {cluster.title} beside {' and '.join(others)}: the eviction API refuses "
            f"every eviction of a pod with more than one budget, so a drain of its nodes never ends{also}",
            f"Delete PodDisruptionBudget {budget.name}: the operator's own budgets are enough.",
            ("spec", "selector"),
            about=budget,
        )
    declared = [budget for budget in budgets if not budget.projected and budget not in second]
    if pods.count > 1 and not own:
        for budget in declared[:1]:
            yield from _judge(budget, pods, estate)


def _in_maintenance(cluster: KubeObject) -> bool:
    return cluster.at("spec", "nodeMaintenanceWindow", "inProgress").boolean(default=False)


def _meeting(pods: PodSet, budgets: list[KubeObject]) -> dict[KubeObject, list[str]]:
    """Each declared budget that meets another one on some instance, with the names of those others.

    The operator's own ones are about the primary or the replicas, which an instance becomes only once it runs.
    """
    found: dict[KubeObject, list[str]] = {}
    for role in INSTANCE_ROLES:
        labels, later = {**pods.labels, INSTANCE_ROLE_LABEL: role}, dict(pods.later)
        later.pop(INSTANCE_ROLE_LABEL, None)
        over = [budget for budget in budgets if read(budget.at("spec", "selector")).may_match(labels, later)]
        own = [budget for budget in over if budget.projected]
        declared = sorted((budget for budget in over if not budget.projected), key=lambda it: it.name)
        for place, budget in enumerate(declared):
            others = [*(f"{it.name}, made by the operator" for it in own), *(it.name for it in declared[:place])]
            if others:
                found[budget] = list(dict.fromkeys([*found.get(budget, []), *others]))
    return found


def _also_caught(budget: KubeObject, pods: PodSet, estate: Estate) -> str:
    selected = estate.selected(read(budget.at("spec", "selector")), pods.namespace)
    others = list(dict.fromkeys(it.owner.title for it in selected if it.owner is not pods.owner))
    if not others:
        return ""
    more = f" and {len(others) - 2} more" if len(others) > 2 else ""
    return f". It counts the pods of {', '.join(others[:2])}{more} as well: {POD_ROLE_LABEL} is not in its selector"


def poolers(pooler: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Pooler whose pods have no budget, more than one, or one that blocks every drain or protects nothing."""
    if pooler.group_kind != POOLER:
        return
    pods = next(iter(estate.pods_of(pooler)))
    budgets = budgets_over(pods, estate)
    if pods.count == 1:
        yield Violation(
            "1 instance: any drain of its node, and any rollout of it, cuts every client off",
            "Run at least 2 instances, with one budget.",
            _INSTANCES,
        )
    if pods.count > 1 and not budgets:
        yield Violation(
            f"nothing limits how many of its {pods.count} pods a drain may take at once: the operator makes no budget "
            "for poolers, and none selects them",
            f"Add a PodDisruptionBudget with maxUnavailable: 1 over {POOLER_LABEL}: {pooler.name}.",
        )
    for budget in budgets[1:]:
        yield Violation(
            f"{len(budgets)} budgets select the pods of {pooler.title} ({', '.join(it.name for it in budgets)}): the "
            "eviction API refuses every eviction of a pod with more than one, so a drain of its nodes never ends",
            f"Delete PodDisruptionBudget {budget.name}, or let it select other pods.",
            ("spec", "selector"),
            about=budget,
        )
    if budgets and pods.count > 0:
        yield from _judge(budgets[0], pods, estate)


def _judge(budget: KubeObject, pods: PodSet, estate: Estate) -> Iterator[Violation]:
    """The one budget over some pods: it must let one go, and not all of them."""
    selected = estate.selected(read(budget.at("spec", "selector")), pods.namespace)
    total = sum(it.count for it in selected)
    if budget.at("spec", "minAvailable").present and budget.at("spec", "maxUnavailable").present:
        yield Violation(
            "it sets minAvailable and maxUnavailable; the API server refuses both together",
            "Keep maxUnavailable: 1.",
            ("spec",),
            about=budget,
        )
        return
    allowed = allowance(budget.at("spec"), total)
    among = "" if total == pods.count else f" ({total} pods are selected, with those of others)"
    facts = {"pods": str(total), "may go at once": str(allowed.goes)}
    if allowed.goes < 1:
        yield Violation(
            f"{allowed.said} lets none of the {pods.count} pods of {pods.owner.title} go{among}: every drain of their "
            "nodes waits for ever",
            "Set maxUnavailable: 1.",
            allowed.path,
            budget,
            facts,
        )
    elif allowed.goes >= pods.count > 1:
        yield Violation(
            f"{allowed.said} lets a drain take all {pods.count} pods of {pods.owner.title} at once{among}",
            f"Set maxUnavailable: 1, over {POOLER_LABEL}: {pods.owner.name} alone."
            if pods.owner.group_kind == POOLER
            else "Set maxUnavailable: 1, over its instances alone.",
            allowed.path,
            budget,
            facts,
        )


def rollout(pooler: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Pooler whose rollout wants one pod more than there are nodes for, and takes none away before it is there."""
    if pooler.group_kind != POOLER or pooler.at(*_STRATEGY, "type").text() == "Recreate":
        return
    pods = next(iter(estate.pods_of(pooler)))
    more, fewer = surge(pooler, pods.count), unavailable(pooler, pods.count)
    if pods.count < 2 or more == 0 or fewer > 0 or not _alone_on_its_node(pods):
        return
    nodes = len(estate.of(NODE))
    if nodes > pods.count:
        return
    where = f"there are {nodes}" if nodes else f"on {pods.count} nodes"
    given = "is absent, which means 25 % up and down" if not pooler.at(*_STRATEGY).present else "gives that"
    yield Violation(
        f"a rollout adds {more} and takes away {fewer} of {pods.count} pods (deploymentStrategy {given}), and required "
        f"podAntiAffinity wants a node for each: {where}, the new pod stays Pending and the rollout never ends",
        "Set deploymentStrategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}.",
        _STRATEGY,
    )


def _alone_on_its_node(pods: PodSet) -> bool:
    """Whether each pod refuses a node that has another one."""
    return any(
        term.at("topologyKey").text() == HOSTNAME
        and term.at("labelSelector").present
        and read(term.at("labelSelector")).may_match(pods.labels, pods.later)
        for term in pods.spec.at(*_REQUIRED).items()
    )


RULE = Rule(
    id="CNPG-SW-003",
    risks=(),
    title="Exactly one budget for instances and for each pooler, and rollouts that end",
    score=6,
    why=(
        "The operator makes budgets for instances (`<cluster>-primary` and `<cluster>`) and none for poolers. Without "
        "one a drain may take all pods at once; with two, or with one that lets none go, no drain ever ends."
    ),
    mend=(
        "Leave enablePDB on from 2 instances on and off with 1, write no budget over instances, and for each pooler "
        "one with maxUnavailable: 1."
    ),
    kinds=(CLUSTER, POOLER),
    together=(instances, poolers, rollout),
)
