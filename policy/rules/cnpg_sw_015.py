"""CNPG-SW-015: backups that nobody looks at."""

from collections.abc import Iterator

from seawall.operators.annotations import RESTORES, VALIDATES, instance
from seawall.policy.estate.backups.archives import archives_of
from seawall.policy.estate.backups.backup_jobs import Purpose, jobs_about
from seawall.policy.estate.kinds import CLUSTER
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Rule, Violation


def check(cluster: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Cluster with an archive that no validator reads.

    A drill is none: it comes seldom, and restores backups that are old or not encrypted as well as any.
    """
    archives = archives_of(cluster, estate)
    if cluster.annotation(RESTORES) is not None:
        return  # a drill writes nothing, or CNPG-OPS-002 says so
    if not archives or jobs_about(cluster, estate, Purpose.VALIDATES):
        return
    yield Violation(
        f"it archives to {archives[0].place.text}, and no CronJob here looks whether backups are there, young enough "
        "and encrypted",
        "Declare one that reads the bucket with keys that can only read, or mark the one that does with the annotation "
        f"{VALIDATES}: {instance(namespace=cluster.namespace, name=cluster.name)}.",
        archives[0].path,
    )


RULE = Rule(
    id="CNPG-SW-015",
    risks=("CNPG-SEC-001",),
    title="Somebody looks whether the backups are there",
    score=4,
    why=(
        "That a schedule exists says nothing about what lies in the bucket: uploads are refused, keys expire, a "
        "lifecycle deletes. The operator's metrics tell its own view, not the bucket's."
    ),
    mend="Run a job that reads the bucket after each backup and fails when the newest one is old or not encrypted.",
    kinds=(CLUSTER,),
    together=(check,),
)
