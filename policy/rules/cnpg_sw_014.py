"""CNPG-SW-014: a cluster that is meant to stay up, and has no backup."""

from collections.abc import Iterator

from seawall.operators.annotations import RESTORES
from seawall.policy.estate.backups.archives import enabled_plugins, in_tree_store
from seawall.policy.estate.kinds import CLUSTER
from seawall.policy.estate.model import KubeObject
from seawall.policy.findings import Rule, Violation

SEVERAL = 2
"""Who runs a standby wants the database to survive; one instance alone may be anybody's experiment."""


def check(cluster: KubeObject) -> Iterator[Violation]:
    """A Cluster with standbys that archives nowhere, takes no snapshots and is no copy of another one."""
    instances = cluster.at("spec", "instances").integer() or 1
    if instances < SEVERAL or _is_copy(cluster):
        return
    backed_up = (
        any(True for _ in enabled_plugins(cluster))
        or in_tree_store(cluster) is not None
        or cluster.at("spec", "backup", "volumeSnapshot").present
    )
    if not backed_up:
        yield Violation(
            f"it has {instances} instances and no backup: standbys repeat a DROP TABLE within milliseconds, and a "
            "lost cluster is lost with all of them",
            "Wire it to an ObjectStore through the barman plugin and declare a ScheduledBackup.",
            ("spec", "plugins"),
        )


def _is_copy(cluster: KubeObject) -> bool:
    replica = cluster.at("spec", "replica")
    follows = replica.at("source").text() is not None and replica.at("enabled").boolean(default=True)
    return follows or cluster.annotation(RESTORES) is not None


RULE = Rule(
    id="CNPG-SW-014",
    risks=("CNPG-OPS-002",),
    title="A cluster with standbys has backups",
    score=4,
    why=(
        "Replication is no backup: what is deleted on the primary is deleted on every standby at once. A cluster that "
        "is important enough for standbys is important enough for an archive."
    ),
    mend="Wire the Cluster to an object store and declare a ScheduledBackup.",
    kinds=(CLUSTER,),
    alone=(check,),
)
