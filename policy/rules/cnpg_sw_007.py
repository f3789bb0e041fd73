"""CNPG-SW-007: settings of a Cluster that cannot work, or that put its data at risk."""

from collections.abc import Iterator

from seawall.operators.annotations import RESTORES, SINGLE_INSTANCE
from seawall.operators.cnpg.parameters import OPERATOR_OWNED, UNSAFE, WRITTEN_BY_OPERATOR
from seawall.policy.estate.kinds import CLUSTER
from seawall.policy.estate.model import KubeObject
from seawall.policy.estate.postgresql.postgres import SERVER_PARAMETERS
from seawall.policy.findings import Rule, Violation

_SYNCHRONOUS = ("spec", "postgresql", "synchronous")
_INSTANCES = ("spec", "instances")
_TLS = "ssl"
"""Told by CNPG-SEC-002, whose matter it is."""


def synchronous(cluster: KubeObject) -> Iterator[Violation]:
    """Synchronous replication to more standbys than there are."""
    view = cluster.at(*_SYNCHRONOUS)
    if not view.present:
        return
    count, wanted = _count(cluster), view.at("number").integer()
    others = len(view.at("standbyNamesPre").items()) + len(view.at("standbyNamesPost").items())
    if wanted is not None and wanted >= count + others:
        yield Violation(
            f"synchronous.number is {wanted}, and {_standbys(count - 1 + others)}: the operator refuses it, as no "
            "commit would ever end",
            f"Run at least {wanted + 1} instances, or remove synchronous.",
            (*_SYNCHRONOUS, "number"),
        )
    most = view.at("maxStandbyNamesFromCluster").integer()
    if wanted is not None and most is not None and most + others < wanted:
        yield Violation(
            f"maxStandbyNamesFromCluster is {most}, so that only {_named(most + others)} may count, and {wanted} must: "
            "no commit would ever end",
            f"Set maxStandbyNamesFromCluster to {wanted} or more.",
            (*_SYNCHRONOUS, "maxStandbyNamesFromCluster"),
        )


def sync_replicas(cluster: KubeObject) -> Iterator[Violation]:
    """The former fields for the same, with numbers that the operator refuses."""
    count = _count(cluster)
    least = cluster.at("spec", "minSyncReplicas").integer() or 0
    most = cluster.at("spec", "maxSyncReplicas").integer() or 0
    if most and most >= count:
        yield Violation(
            f"maxSyncReplicas is {most}, and {_standbys(count - 1)}: the operator refuses it",
            "Use spec.postgresql.synchronous, with fewer than there are instances.",
            ("spec", "maxSyncReplicas"),
        )
    if least > most:
        yield Violation(
            f"minSyncReplicas {least} is above maxSyncReplicas {most}: the operator refuses it",
            "Use spec.postgresql.synchronous instead of both.",
            ("spec", "minSyncReplicas"),
        )
    if (least or most) and cluster.at(*_SYNCHRONOUS).present:
        yield Violation(
            "spec.postgresql.synchronous stands beside minSyncReplicas and maxSyncReplicas: the operator refuses both",
            "Remove minSyncReplicas and maxSyncReplicas.",
            _SYNCHRONOUS,
        )


def parameters(cluster: KubeObject) -> Iterator[Violation]:
    """Parameters that are the operator's own, or whose values put the data at risk."""
    for name, view in cluster.at(*SERVER_PARAMETERS).entries():
        raw = view.raw if view.present else None
        value = str(raw).lower() if isinstance(raw, bool) else str(raw)
        if name in OPERATOR_OWNED and name != _TLS and value not in WRITTEN_BY_OPERATOR.get(name, ()):
            yield Violation(
                f"parameter {name} is the operator's own: it refuses the Cluster with it",
                "Remove it. What it is to bring about has a field of its own, or is done by the operator.",
                view.path,
            )
        elif name in UNSAFE and value in UNSAFE[name][0]:
            yield Violation(
                f"parameter {name} is {value}: {UNSAFE[name][1]}", "Remove it: the default is right.", view.path
            )


def single(cluster: KubeObject) -> Iterator[Violation]:
    """One instance alone, without a written reason."""
    if _count(cluster) != 1 or (cluster.annotation(SINGLE_INSTANCE) or "").strip() or cluster.annotation(RESTORES):
        return
    yield Violation(
        "1 instance: nothing stands by, so that every drain, every update and every broken volume is an outage; no "
        f"reason is written in the annotation {SINGLE_INSTANCE}",
        "Run 3 instances, or say in that annotation why one is enough.",
        _INSTANCES,
    )


def _count(cluster: KubeObject) -> int:
    count = cluster.at(*_INSTANCES).integer()
    return 1 if count is None else count


def _standbys(count: int) -> str:
    return f"there {'is' if count == 1 else 'are'} {_named(max(count, 0))}"


def _named(count: int) -> str:
    return f"{count or 'no'} standby{'' if count == 1 else 's'}"


RULE = Rule(
    id="CNPG-SW-007",
    risks=("CNPG-OPS-002",),
    title="The cluster can survive what its settings promise",
    score=4,
    why=(
        "Some settings are refused by the operator's webhook, where it is reached, and mean an outage where it is not; "
        "others are taken and cost data at the first crash. One instance alone is an outage at every drain."
    ),
    mend="Run 3 instances, give synchronous fewer than that, and leave the operator's parameters to it.",
    kinds=(CLUSTER,),
    alone=(synchronous, sync_replicas, parameters, single),
)
