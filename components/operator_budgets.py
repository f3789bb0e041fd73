"""OperatorBudgets: disruption budgets for the operators themselves, which no chart of theirs brings."""

from dataclasses import dataclass

import pulumi

from seawall.components.kubernetes.budget import disruption_budget
from seawall.components.kubernetes.metadata import Manifest
from seawall.components.kubernetes.register import register
from seawall.components.operators import Operators
from seawall.operators import barman, cnpg, dragonfly


@dataclass(frozen=True)
class OperatorBudgetsArgs:
    """The operators that get budgets."""

    operators: Operators
    """Where the operators run; their namespaces must exist."""
    after: tuple[pulumi.Resource, ...] = ()
    """Resources that must be there first."""


def budgets(operators: Operators) -> dict[str, Manifest]:
    """The budgets by the operator's short name.

    One replica of each operator stays: a leader and a stand-by are asked for. The plugin's chart runs one replica, so
    its budget only says that no more than one may go at a time: it never holds up a drain.
    """
    return {
        "dragonfly": disruption_budget(
            "dragonfly-operator", operators.dragonfly.namespace, pods=dragonfly.OPERATOR_POD_LABELS, min_available=1
        ),
        "cnpg": disruption_budget(
            "cloudnative-pg", operators.cnpg.namespace, pods=cnpg.OPERATOR_POD_LABELS, min_available=1
        ),
        "barman": disruption_budget(
            "barman-cloud", operators.cnpg.namespace, pods=barman.POD_LABELS, max_unavailable=1
        ),
    }


class OperatorBudgets(pulumi.ComponentResource):
    """One disruption budget for each operator, in the operator's own namespace."""

    def __init__(self, name: str, args: OperatorBudgetsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("seawall:data:OperatorBudgets", name, None, opts)
        for operator, manifest in budgets(args.operators).items():
            child = pulumi.ResourceOptions(parent=self, depends_on=list(args.after))
            register(f"{name}-{operator}", manifest, child)
        self.register_outputs({})
