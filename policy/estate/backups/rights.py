"""What service accounts may do in the cluster, by the roles that are bound to them."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from seawall.policy.estate.blame import blaming
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


def grants_of(namespace: str, account: str, estate: Estate) -> Iterator[Grant]:
    """What is bound to a service account.

    Raises `CannotEvaluateError` at the end when a binding of its namespace, or of the cluster, may be about it as well.
    """
    grants = estate.memo(_grants)
    yield from grants.found.get((namespace, account), ())
    for place in (namespace, ""):
        if place in grants.unread:
            raise grants.unread[place].with_traceback(None)


class _Grants:
    """What is bound to each service account, by namespace and name."""

    def __init__(self, estate: Estate) -> None:
        self.found: dict[tuple[str, str], list[Grant]] = defaultdict(list)
        self.unread: dict[str, CannotEvaluateError] = {}
        """Namespace of a binding (empty: of a cluster's) → why nobody can tell what it gives to whom."""
        for kind in (ROLE_BINDING, CLUSTER_ROLE_BINDING):
            for binding in estate.of(kind):
                try:
                    with blaming(binding):
                        self._read(binding, estate)
                except CannotEvaluateError as problem:
                    self.unread.setdefault(binding.namespace, problem)

    def _read(self, binding: KubeObject, estate: Estate) -> None:
        grant = _grant(binding, estate)
        for subject in binding.at("subjects").items():
            if subject.at("kind").text() == "ServiceAccount":
                namespace = subject.at("namespace").text() or binding.namespace
                self.found[namespace, subject.at("name").text() or ""].append(grant)


def _grants(estate: Estate) -> _Grants:
    return _Grants(estate)


def _grant(binding: KubeObject, estate: Estate) -> Grant:
    kind = CLUSTER_ROLE if binding.at("roleRef", "kind").text() == "ClusterRole" else ROLE
    name = binding.at("roleRef", "name").text() or ""
    role = estate.find(kind, "" if kind == CLUSTER_ROLE else binding.namespace, name)
    return Grant(binding, role, name, binding.namespace if binding.group_kind == ROLE_BINDING else None)
