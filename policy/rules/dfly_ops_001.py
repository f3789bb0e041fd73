"""DFLY-OPS-001: the data plane without exactly one budget that lets a drain go on and keeps the cache up."""

from collections.abc import Iterator

from seawall.operators import versions
from seawall.operators.versions import OwnBudget
from seawall.policy.checks.budgets import budgets_over
from seawall.policy.checks.drains import allowance
from seawall.policy.estate.kinds import DRAGONFLY
from seawall.policy.estate.model import Estate, KubeObject, PodSet
from seawall.policy.estate.values import View
from seawall.policy.findings import Rule, Violation

_PDB = ("spec", "pdb")


def check(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Dragonfly whose pods have no budget, more than one, or one that blocks every drain or protects nothing."""
    operator = estate.operator_of(dragonfly)
    pods = next(iter(estate.pods_of(dragonfly)))
    budgets = budgets_over(pods, estate)
    if pods.count <= 1:
        yield _too_few(pods.count)
    elif not budgets:
        yield Violation(
            f"nothing limits how many of its {pods.count} pods a drain may take at once: operator {operator.version} "
            "makes no budget, and none selects them",
            "Upgrade the operator to 1.5 or later and set spec.pdb.minAvailable; until then add one budget yourself.",
        )
    else:
        behaviour = versions.dragonfly_behaviour(operator.version)
        reads = behaviour is not None and behaviour.budget is OwnBudget.FIELD
        yield from _second_budgets(
            budgets, pods, "it belongs into spec.pdb of the Dragonfly" if reads else "one is enough"
        )
        # a second one is wrong whatever it says; the first must be right once the second is gone
        first = next((budget for budget in budgets if budget.projected), budgets[0])
        yield from _judge(dragonfly, first, pods.count)


def check_field(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A budget in the resource, with an operator that does not read it."""
    version = estate.operator_of(dragonfly).version
    behaviour = versions.dragonfly_behaviour(version)
    if behaviour is not None and behaviour.budget is not OwnBudget.FIELD and dragonfly.at(*_PDB).present:
        makes = "makes no budget" if behaviour.budget is OwnBudget.NONE else "always makes maxUnavailable: 1"
        yield Violation(
            f"spec.pdb is not read by operator {version}, which {makes}",
            "Upgrade the operator to 1.5 or later, or remove the field.",
            _PDB,
        )


def _too_few(count: int) -> Violation:
    return Violation(
        f"{count} replica{'' if count == 1 else 's'}: no budget can keep it up, any drain of its node is an outage"
        if count == 1
        else f"{count} replicas: there is no data plane to protect",
        "Run at least 2 replicas, 3 when one may be lost during maintenance.",
        ("spec", "replicas"),
    )


def _second_budgets(budgets: list[KubeObject], pods: PodSet, instead: str) -> Iterator[Violation]:
    """Every budget but one: the operator's own stays, else the first."""
    names = " and ".join(sorted(_origin(budget) for budget in budgets))
    declared = [budget for budget in budgets if not budget.projected]
    for budget in declared[0 if any(b.projected for b in budgets) else 1 :]:
        yield Violation(
            f"{len(budgets)} budgets select its {pods.count} pods ({names}). The eviction API refuses every eviction "
            "of a pod with more than one budget, so a drain of its nodes never ends",
            f"Delete PodDisruptionBudget {budget.name}: {instead}.",
            ("spec", "selector"),
            about=budget,
        )


def _origin(budget: KubeObject) -> str:
    return f"{budget.name}, made by the operator" if budget.projected else budget.name


def _judge(dragonfly: KubeObject, budget: KubeObject, replicas: int) -> Iterator[Violation]:
    """The one budget: it must let at least one pod go, and keep enough of the rest."""
    own = budget.projected
    path = _PDB if own else ("spec",)
    where = "spec.pdb" if own else budget.title
    about = None if own else budget
    wanted = dragonfly.at(*_PDB) if own else budget.at("spec")
    minimum, maximum = wanted.at("minAvailable"), wanted.at("maxUnavailable")
    if minimum.present and maximum.present:
        yield Violation(
            f"{where} sets minAvailable and maxUnavailable; the API server refuses both together",
            f"Keep minAvailable: {replicas - 1}.",
            path,
            about,
        )
        return
    # what cannot be read stands where it is decided
    allowed = allowance(View(budget.at("spec").raw, path, dragonfly if own else budget), replicas)
    keeps = max(replicas - allowed.goes, 0)
    facts = {"replicas": str(replicas), "kept": str(keeps), "may go at once": str(allowed.goes)}
    if allowed.goes < 1:
        yield Violation(
            f"{allowed.said} of {replicas} replicas lets no pod go: every drain of its nodes waits for ever",
            f"Set {where}.minAvailable: {replicas - 1}.",
            path,
            about,
            facts,
        )
    elif keeps < min(2, replicas - 1):
        yield Violation(
            f"{allowed.said} of {replicas} replicas lets a drain take {min(allowed.goes, replicas)} pods at once and "
            f"keeps {keeps}; at least {min(2, replicas - 1)} must stay",
            f"Set {where}.minAvailable: {replicas - 1}.",
            path,
            about,
            facts,
        )


RULE = Rule(
    id="DFLY-OPS-001",
    risks=("DFLY-OPS-001",),
    title="Exactly one disruption budget on the data plane",
    score=6,
    why=(
        "Without a budget a drain may take every replica at once. With two, or with one that lets no pod go, no drain "
        "ever ends. The operator makes one itself, by its version, so a budget beside it is the second."
    ),
    mend="Set spec.pdb.minAvailable to one less than spec.replicas, and write no PodDisruptionBudget over these pods.",
    kinds=(DRAGONFLY,),
    together=(check, check_field),
)
