"""What the operators' settings must agree on with the rest of the stack."""

from collections.abc import Iterator

from seawall.components.base import Problem
from seawall.components.operators.settings import DragonflyOperator, ManagedPods, Operators
from seawall.components.platform import Platform, node_problems


def operator_problems(platform: Platform, operators: Operators, *, dragonfly: bool, cnpg: bool) -> Iterator[Problem]:
    """What contradicts the platform; `dragonfly` and `cnpg` say whether the stack has such data, and so the operator.

    Paths are relative to the stack.
    """
    if dragonfly:
        yield from _managed(("operators", "dragonfly"), operators.dragonfly, operators.dragonfly.namespace, platform)
    if cnpg:
        yield from _managed(("operators", "cnpg"), operators.cnpg, operators.cnpg.namespace, platform)
        yield from _cert_manager(platform)
    if dragonfly and cnpg and operators.dragonfly.managed and operators.cnpg.managed:
        yield from _apart(operators)


def _managed(path: tuple[str, ...], operator: ManagedPods, namespace: str, platform: Platform) -> Iterator[Problem]:
    if not operator.managed:
        return
    risk = "DFLY-TECH-002" if isinstance(operator, DragonflyOperator) else None
    yield from node_problems((*path, "replicas"), operator.replicas, platform, risk)
    if namespace == "default" or namespace.startswith("kube-"):
        yield Problem(
            (*path, "namespace"),
            "must be a namespace of the operator's own: it is made here and admits only restricted pods; `default` and "
            "`kube-…` belong to Kubernetes",
            namespace,
        )
    if namespace == platform.observability.namespace:
        yield Problem(
            (*path, "namespace"),
            "must not be platform.observability.namespace, which exists already: the operator's is made here",
            namespace,
        )


def _cert_manager(platform: Platform) -> Iterator[Problem]:
    if not platform.cert_manager.present:
        yield Problem(
            ("platform", "cert_manager", "present"),
            "must be true: the barman plugin gets its certificates from cert-manager; install it",
            False,
        )


def _apart(operators: Operators) -> Iterator[Problem]:
    if operators.dragonfly.namespace == operators.cnpg.namespace:
        yield Problem(
            ("operators", "dragonfly", "namespace"),
            "must be another namespace than operators.cnpg.namespace: who may act on one operator must not act on the "
            "other, whose rights reach every database",
            operators.dragonfly.namespace,
        )
