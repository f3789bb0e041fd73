"""CNPG-SW-012: backups by a field that the next version of the operator does not have."""

from collections.abc import Iterator

from seawall.operators import versions
from seawall.operators.cnpg import IN_TREE_BACKUPS_UNTIL, PLUGINS_SINCE
from seawall.policy.estate.backups.archives import IN_TREE
from seawall.policy.estate.kinds import CLUSTER
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Rule, Violation


def check(cluster: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Cluster with in-tree backups or an in-tree recovery source, under an operator that has the plugin."""
    version = estate.operator_of(cluster).version
    number = versions.parse(version)
    if number is None or not PLUGINS_SINCE <= number < IN_TREE_BACKUPS_UNTIL:
        return
    if cluster.at(*IN_TREE).present:
        yield _ends(version, IN_TREE, "its backups end")
    for index, external in enumerate(cluster.at("spec", "externalClusters").items()):
        if external.at("barmanObjectStore").present:
            yield _ends(
                version, ("spec", "externalClusters", f"[{index}]", "barmanObjectStore"), "recovery from it ends"
            )


def _ends(version: str, path: tuple[str, ...], what: str) -> Violation:
    return Violation(
        f"{'.'.join(path).replace('.[', '[')} is deprecated in operator {version} and gone in 1.31: {what} with that "
        "upgrade",
        "Move to the barman plugin: an ObjectStore with the same destinationPath, spec.plugins with the same "
        "serverName, and schedules with method: plugin.",
        path,
    )


RULE = Rule(
    id="CNPG-SW-012",
    risks=("CNPG-OPS-002",),
    title="Backups go on after the next upgrade of the operator",
    score=3,
    why=(
        "CloudNativePG 1.31 drops the in-tree object store. A Cluster that still has the field is archived nowhere "
        "after the upgrade, and nothing says so until the volume is full."
    ),
    mend="Move to the barman plugin before the operator is upgraded to 1.31.",
    kinds=(CLUSTER,),
    together=(check,),
)
