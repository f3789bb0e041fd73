"""Is it safe to drain a node? What fine, who takes over, what waits, and what never ends, in words."""

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from seawall.errors import UserError
from seawall.operators.annotations import RESTORES
from seawall.policy.estate.families import family_of_image
from seawall.policy.estate.kinds import BUDGET, CLUSTER, CRON_JOB, DRAGONFLY, NODE, POD, POOLER
from seawall.qa.oncall import drain_dragonfly, drain_postgres
from seawall.qa.oncall.kinds import CLAIM, VOLUME
from seawall.qa.oncall.model import Answer, Topic, unknown
from seawall.qa.oncall.places import Budget, Node, Places, ready
from seawall.qa.oncall.prometheus import Metrics
from seawall.qa.oncall.reading import Seen, jobs_of
from seawall.qa.oncall.remarks import Remark, broken, careful, told, unseen, watch, weighed
from seawall.qa.oncall.things import Thing, clock, mappings, moment

NEEDED = (NODE, POD, BUDGET, CLAIM, VOLUME, CLUSTER, POOLER, DRAGONFLY)
_OPERATORS: Final[Mapping[str, str]] = {
    "cnpg": "CloudNativePG operator",
    "barman": "barman plugin",
    "dragonfly": "Dragonfly operator",
}
_EVERY = "any node"
PAGE: Final = "docs/on-call.md#is-it-safe-to-drain-a-node"
"""What stands against a drain, and what to do then."""


def answers(seen: Seen, metrics: Metrics, node: str | None = None) -> list[Answer]:
    """An answer for each node, or for one. Raises `UserError` when there is no node of this name."""
    missing = seen.missing(*NEEDED)
    if node is None and (missing or not seen.of(NODE)):
        why = missing or "the cluster shows no node"
        return [unknown(Topic.DRAIN, _EVERY, why, command=f"{seen.kubectl} get nodes", runbook=PAGE)]
    known = [thing.name for thing in seen.of(NODE)]
    if node is not None and seen.lists[NODE].why == "" and node not in known:
        near = difflib.get_close_matches(node, known, 1)
        hint = f" Did you mean {near[0]}?" if near else f" There are: {', '.join(sorted(known)[:20])}."
        raise UserError(f"--node {node}: the cluster has no such node.{hint}")
    if missing:
        return [unknown(Topic.DRAIN, str(node), missing, command=_command(str(node), seen), runbook=PAGE)]
    places = Places(seen)
    return [_answer(it, seen, places, metrics) for it in places.nodes.values() if node in (None, it.name)]


def _command(node: str, seen: Seen) -> str:
    return f"{seen.kubectl} drain {node} --ignore-daemonsets --delete-emptydir-data --dry-run=server"


def _answer(node: Node, seen: Seen, places: Places, metrics: Metrics) -> Answer:
    leaving = places.leaving(node)
    found = [*_state(node, leaving), *_remarks(node, seen, places, metrics, leaving)]
    nothing = f"nothing of ours is here; {len(leaving)} other pods go" if leaving else "nothing has to go"
    command, summary = _command(node.name, seen), "" if found else nothing
    return weighed(Topic.DRAIN, node.name, found, command=command, summary=summary, runbook=PAGE)


def _state(node: Node, leaving: list[Thing]) -> Iterator[Remark]:
    """What is to say about the node itself."""
    if not node.ready:
        since = moment(node.thing.conditions.get("Ready", {}).get("lastTransitionTime"))
        when = f" since {clock(since)}" if since is not None else ""
        yield watch(f"the node is not ready{when}: nobody ends its {len(leaving)} pods until its kubelet answers")
    if node.cordoned:
        yield told(f"it is cordoned already: a drain is under way or was left; {len(leaving)} pods have to go")


def _remarks(node: Node, seen: Seen, places: Places, metrics: Metrics, leaving: list[Thing]) -> Iterator[Remark]:
    primaries = {f"{it.namespace}/{it.text('status', 'currentPrimary')}" for it in seen.of(CLUSTER)}
    yield from _budgets(leaving, places, primaries)
    for cluster in seen.of(CLUSTER):
        yield from drain_postgres.remarks(drain_postgres.postgres(cluster, places), node, places, metrics)
    yield from drain_postgres.jobs(leaving)
    yield from drain_postgres.poolers(node, places, seen.of(POOLER))
    for resource in seen.of(DRAGONFLY):
        yield from drain_dragonfly.remarks(resource, node, places, metrics)
    yield from _operators(node, places)
    yield from _drills(seen, leaving)


def _budgets(leaving: list[Thing], places: Places, primaries: set[str]) -> Iterator[Remark]:
    """Budgets that let fewer go than are here; the primary's own opens after the switchover."""
    under: Counter[Budget] = Counter()
    pods: dict[Budget, list[str]] = defaultdict(list)
    for pod in leaving:
        over = places.budgets(pod)
        if len(over) > 1:
            names = " and ".join(it.thing.name for it in over)
            yield broken(f"two budgets over {pod.name} ({names}): no eviction works, the drain never ends")
        if pod.text("status", "phase") == "Pending" or pod.full_name in primaries:
            continue
        for budget in over:
            under[budget] += 1
            pods[budget].append(pod.name)
    for budget, count in under.items():
        allowed = budget.allowed
        if allowed is None:
            yield unseen(f"budget {budget.thing.name} was changed, and its controller has not counted since")
        elif allowed == 0:
            yield broken(
                f"budget {budget.thing.name} lets nobody go now ({budget.counted}): {', '.join(pods[budget])} stay"
            )
        elif allowed < count:
            yield careful(
                f"budget {budget.thing.name} lets {allowed} go at a time and {count} are here: one waits for the other"
            )


def _operators(node: Node, places: Places) -> Iterator[Remark]:
    """Operators whose last ready pod is here."""
    found: dict[tuple[str, str], list[Thing]] = defaultdict(list)
    for pod in places.pods:
        images = [str(it.get("image")) for it in mappings(pod.at("spec", "containers"))]
        family = next((it for it in map(family_of_image, images) if it is not None), None)
        if family is not None and family in _OPERATORS:
            found[family, pod.namespace].append(pod)
    for (operator, namespace), pods in found.items():
        here = [pod for pod in pods if places.node_of(pod) is node]
        if here and not any(ready(pod) for pod in pods if pod not in here):
            yield careful(
                f"{here[0].name} is the only ready pod of the {_OPERATORS[operator]} ({namespace}): until it runs "
                "elsewhere its webhooks answer nobody, and nobody switches over or fails over"
            )


def _drills(seen: Seen, leaving: list[Thing]) -> Iterator[Remark]:
    for cron in seen.of(CRON_JOB):
        source = cron.annotations.get(RESTORES)
        if source is None:
            continue
        jobs = {("Job", job.name) for job in jobs_of(seen, cron)}
        for pod in leaving:
            if pod.namespace == cron.namespace and pod.controller in jobs:
                yield careful(f"a restore drill of {source} runs here ({pod.name}) and begins again elsewhere")
