"""What service accounts may do in the cluster, by the roles that are bound to them."""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from seawall.policy.estate.kinds import CLUSTER_ROLE, CLUSTER_ROLE_BINDING, ROLE, ROLE_BINDING
from seawall.policy.estate.model import Estate
from seawall.policy.estate.objects import KubeObject
from seawall.policy.estate.values import CannotEvaluateError

BUILT_IN = frozenset({"admin", "cluster-admin", "edit"})
"""Roles of every cluster that may write Secrets, and so become anything."""


class Grant(NamedTuple):
    """One role, bound to a service account."""

    binding: KubeObject
    role: KubeObject | None
    """The Role or ClusterRole; None when it is not declared here."""
    role_name: str
    namespace: str | None
    """Where it holds; None is everywhere."""


def grants(estate: Estate) -> Mapping[tuple[str, str], tuple[Grant, ...]]:
    """What is bound to each service account, by namespace and name; `estate.memo(grants)`. Bindings that cannot be read
    are left out."""
    found: dict[tuple[str, str], list[Grant]] = defaultdict(list)
    for kind in (ROLE_BINDING, CLUSTER_ROLE_BINDING):
        for binding in estate.of(kind):
            try:
                grant = _grant(binding, estate)
                for subject in binding.at("subjects").items():
                    if subject.at("kind").text() == "ServiceAccount":
                        namespace = subject.at("namespace").text() or binding.namespace
                        found[namespace, subject.at("name").text() or ""].append(grant)
            except CannotEvaluateError:
                continue
    return {account: tuple(granted) for account, granted in found.items()}


def _grant(binding: KubeObject, estate: Estate) -> Grant:
    kind = CLUSTER_ROLE if binding.at("roleRef", "kind").text() == "ClusterRole" else ROLE
    name = binding.at("roleRef", "name").text() or ""
    role = estate.find(kind, "" if kind == CLUSTER_ROLE else binding.namespace, name)
    return Grant(binding, role, name, binding.namespace if binding.group_kind == ROLE_BINDING else None)
