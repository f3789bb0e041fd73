"""CNPG-OPS-001: databases in the namespace of their operator, and poolers and others apart from their Cluster."""

from collections.abc import Iterator

from seawall.operators import cnpg
from seawall.policy.estate.installed import of_family
from seawall.policy.estate.kinds import (
    CLUSTER,
    DATABASE,
    DATABASE_ROLE,
    OBJECT_STORE,
    POOLER,
    SCHEDULED_BACKUP,
)
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Rule, Violation

_PATH = ("metadata", "namespace")
_MOST = 3
"""Namespaces that a message names."""


def check(subject: KubeObject, estate: Estate) -> Iterator[Violation]:
    """An object of the data plane in the operator's namespace. What belongs to a Cluster is told with the Cluster."""
    if subject.group_kind == CLUSTER:
        operator = estate.operator_of(subject)
        spaces = {operator.namespace: operator.known_from}
    elif _cluster_is_here(subject, estate):
        return
    else:
        spaces = estate.memo(_namespaces)
    if subject.namespace in spaces:
        known = spaces[subject.namespace]
        why = "the default of its chart" if known == "assumed" else known
        yield Violation(
            f"it is in {subject.namespace}, the namespace of its operator ({why}): whoever may write a Cluster or a "
            "Pooler here is a superuser of it, and gets at the operator, its service account and certificates as well",
            "Move it to a namespace of its own, as databases: a new Cluster from a backup, and the clients after it.",
            _PATH,
        )


def _cluster_is_here(subject: KubeObject, estate: Estate) -> bool:
    """Whether it goes with a Cluster that is told itself. An ObjectStore names none: it goes with any of its place."""
    if subject.group_kind == OBJECT_STORE:
        return bool(estate.of(CLUSTER, subject.namespace))
    name = subject.at("spec", "cluster", "name").text()
    return bool(name) and estate.find(CLUSTER, subject.namespace, str(name)) is not None


def apart(subject: KubeObject, estate: Estate) -> Iterator[Violation]:
    """What names a Cluster that is in another namespace. Only what says its namespace itself is compared."""
    if subject.group_kind in (CLUSTER, OBJECT_STORE) or not subject.at(*_PATH).text():
        return
    path = ("spec", "cluster", "name")
    name = subject.at(*path).text() or ""
    if estate.find(CLUSTER, subject.namespace, name) is not None or _told_as_missing(subject, estate):
        return
    elsewhere = estate.memo(_by_name).get(name)
    if elsewhere:
        yield Violation(
            f"there is no Cluster {name} in namespace {subject.namespace}, only in {', '.join(elsewhere[:_MOST])}: "
            "the operator looks for it in the same namespace, and makes nothing of this object",
            f"Move it to namespace {elsewhere[0]}.",
            path,
        )


def _told_as_missing(subject: KubeObject, estate: Estate) -> bool:
    """Whether CNPG-DATA-001 says it, which compares schedules with the Clusters beside them."""
    return subject.group_kind == SCHEDULED_BACKUP and bool(estate.of(CLUSTER, subject.namespace))


def _by_name(estate: Estate) -> dict[str, list[str]]:
    """The namespaces of the Clusters by their name, as far as they say them."""
    found: dict[str, list[str]] = {}
    for cluster in estate.of(CLUSTER):
        if cluster.at(*_PATH).present:
            found.setdefault(cluster.name, []).append(cluster.namespace)
    return found


def _namespaces(estate: Estate) -> dict[str, str]:
    """The namespaces of the operators that are seen, with what shows them; the chart's default when none is."""
    running = (one for one in of_family(estate, "cnpg") if one.release is None)
    found = {one.namespace: f"image of {one.thing.title}" for one in running}
    return found or {cnpg.OPERATOR_NAMESPACE: "assumed"}


RULE = Rule(
    id="CNPG-OPS-001",
    risks=("CNPG-OPS-001",),
    title="Databases are not in their operator's namespace",
    score=4,
    why=(
        "Rights, quotas, policies and Pod Security are given by namespace. Whoever may write a Cluster or a Pooler is "
        "a superuser of it; in the operator's namespace he also gets at the operator, and so at every database it runs."
    ),
    mend="Give the databases a namespace of their own.",
    kinds=(CLUSTER, POOLER, DATABASE, DATABASE_ROLE, SCHEDULED_BACKUP, OBJECT_STORE),
    together=(check, apart),
)
