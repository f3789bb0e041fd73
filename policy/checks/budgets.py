"""Which disruption budgets select which pods, worked out once for an estate: linear in budgets and in what they select.

A budget without a selector selects nothing; an empty selector selects every pod of its namespace.
"""

from dataclasses import dataclass, field

from seawall.policy.estate.kinds import BUDGET
from seawall.policy.estate.model import Estate, KubeObject, PodSet
from seawall.policy.estate.values import CannotEvaluateError
from seawall.policy.reachability.selectors import read


@dataclass
class _Index:
    over: dict[PodSet, list[KubeObject]] = field(default_factory=dict)
    unreadable: dict[str, CannotEvaluateError] = field(default_factory=dict)
    """Namespace → why one of its budgets cannot be read: nothing can be said of how many select a pod there."""


def budgets_over(pods: PodSet, estate: Estate) -> list[KubeObject]:
    """The budgets that select these pods at some time, declared and projected.

    Raises `CannotEvaluateError` about a budget of the namespace that cannot be read.
    """
    index = estate.memo(_index)
    problem = index.unreadable.get(pods.namespace)
    if problem is not None:
        raise problem.with_traceback(None)
    return index.over.get(pods, [])


def _index(estate: Estate) -> _Index:
    index = _Index()
    for budget in estate.of(BUDGET):
        try:
            selector = budget.at("spec", "selector")
            if not selector.present:
                continue
            for pods in estate.selected(read(selector), budget.namespace):
                index.over.setdefault(pods, []).append(budget)
        except CannotEvaluateError as problem:
            problem.about(budget)
            index.unreadable.setdefault(budget.namespace, problem)
    return index
