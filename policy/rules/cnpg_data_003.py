"""CNPG-DATA-003: a database that every role of its cluster may enter."""

from collections.abc import Iterator

from seawall.operators.annotations import REVOKES_CONNECT, revokes_connect
from seawall.policy.estate.kinds import DATABASE, JOB
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Rule, Violation

_NAME = ("spec", "name")


def check(database: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Database whose CONNECT no Job takes away from PUBLIC, or whose Job is seen not to have succeeded."""
    if database.at("spec", "ensure").text() == "absent":
        return
    cluster, name = database.at("spec", "cluster", "name").text(), database.at(*_NAME).text()
    if not cluster or not name:
        field = _NAME if cluster else ("spec", "cluster", "name")
        yield Violation(f"{'.'.join(field)} is missing", "Name the cluster and the database.", field)
        return
    wanted = revokes_connect(cluster=cluster, database=name)
    jobs = [job for job in estate.of(JOB, database.namespace) if job.annotation(REVOKES_CONNECT) == wanted]
    if not jobs:
        yield Violation(
            f"every role of cluster {cluster} may connect to database {name}: PostgreSQL gives CONNECT to PUBLIC, no "
            f"field of Database takes it away, and no Job with the annotation {REVOKES_CONNECT}: {wanted} is declared",
            f"Declare a Job that says REVOKE CONNECT ON DATABASE {name} FROM PUBLIC as its owner, with that annotation "
            "(CnpgSharedCluster has one); until then pg_hba alone keeps other roles out.",
            _NAME,
        )
        return
    states = [_shortcoming(job) for job in jobs]
    if None not in states:
        yield next(found for found in states if found is not None)


def _shortcoming(job: KubeObject) -> Violation | None:
    """Why the Job has not revoked anything, None when it has, or when nothing of its fate is to be seen."""
    if job.at("spec", "suspend").boolean(default=False):
        return Violation(
            f"{job.title}, which revokes CONNECT from PUBLIC, is suspended and never runs",
            "Remove spec.suspend.",
            ("spec", "suspend"),
            about=job,
        )
    status = job.at("status")
    if not status.known or not status.keys() or (status.at("succeeded").integer() or 0) > 0:
        return None
    conditions = {
        condition.at("type").text()
        for condition in status.at("conditions").items()
        if condition.at("status").text() == "True"
    }
    if "Complete" in conditions:
        return None
    failed = "Failed" in conditions
    return Violation(
        f"{job.title}, which revokes CONNECT from PUBLIC, "
        + ("has failed" if failed else "has not succeeded yet: until it has, every role of the cluster may connect"),
        "Read its pods' log and run the update again." if failed else "Wait for it; if it does not end, read its log.",
        ("status",),
        about=job,
    )


RULE = Rule(
    id="CNPG-DATA-003",
    risks=("CNPG-DATA-003",),
    title="No role enters another application's database",
    score=4,
    why=(
        "In PostgreSQL PUBLIC, that is every role, may connect to every database until its owner says otherwise, and "
        "CloudNativePG appends `host all all all` to pg_hba. On a shared cluster each application could so enter the "
        "others' databases, and see their tables' names if nothing more."
    ),
    mend=(
        "Beside each Database declare a Job that revokes CONNECT from PUBLIC as the database's owner, and see that it "
        "succeeds."
    ),
    kinds=(DATABASE,),
    together=(check,),
)
