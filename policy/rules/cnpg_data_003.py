"""CNPG-DATA-003: databases that nobody declares, that nobody owns, or that every role of their cluster may enter."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from seawall.operators.annotations import REVOKES_CONNECT, revokes_connect
from seawall.operators.cnpg import service_names
from seawall.policy.estate.kinds import CLUSTER, CRON_JOB, DATABASE, JOB, POOLER
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.postgresql.postgres import pooler_hba
from seawall.policy.estate.postgresql.tenants import cluster_of, none_adrift, of_cluster, tenants_of
from seawall.policy.estate.values import CannotEvaluateError, View
from seawall.policy.findings import Rule, Violation

_NAME = ("spec", "name")
_CREATES: Final = re.compile(r"\bcreate\s+database\b|\bcreatedb\b", re.IGNORECASE)
_SQL = ("postInitSQL", "postInitApplicationSQL", "postInitTemplateSQL")
_OWN_DATABASES: Final = frozenset({"postgres", "template0", "template1", "pgbouncer"})
"""Databases of PostgreSQL's and PgBouncer's own."""


def check(database: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Database whose CONNECT no Job takes away from PUBLIC, or whose Job is seen not to have succeeded."""
    if database.group_kind != DATABASE or database.at("spec", "ensure").text() == "absent":
        return
    cluster, name = database.at("spec", "cluster", "name").text(), database.at(*_NAME).text()
    if not cluster or not name:
        field = _NAME if cluster else ("spec", "cluster", "name")
        yield Violation(f"{'.'.join(field)} is missing", "Name the cluster and the database.", field)
        return
    if _alone(database, estate):
        return
    wanted = revokes_connect(cluster=cluster, database=name)
    said = estate.memo(_revoking)
    jobs = said.jobs.get((database.namespace, wanted), [])
    if not jobs and database.namespace in said.unreadable:
        raise said.unreadable[database.namespace].with_traceback(None)
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
        if database.namespace in said.unreadable:
            raise said.unreadable[database.namespace].with_traceback(None)
        yield next(found for found in states if found is not None)


def _alone(database: KubeObject, estate: Estate) -> bool:
    """Whether nobody but its owner, and superusers, signs in to the cluster: there is no role to keep out."""
    cluster = cluster_of(database, estate)
    if cluster is None:
        return False
    tenants = tenants_of(cluster, estate)
    return not tenants.roles.keys() - tenants.superusers - {database.at("spec", "owner").text()}


@dataclass
class _Revoking:
    """The Jobs that say that they revoke something, by namespace and what they say."""

    jobs: dict[tuple[str, str], list[KubeObject]] = field(default_factory=dict)
    unreadable: dict[str, CannotEvaluateError] = field(default_factory=dict)
    """Namespace → why one of its Jobs cannot be read: it may be the one that is looked for."""


def _revoking(estate: Estate) -> _Revoking:
    found = _Revoking()
    for job in estate.of(JOB):
        try:
            said = job.annotation(REVOKES_CONNECT)
        except CannotEvaluateError as problem:
            problem.about(job)
            found.unreadable.setdefault(job.namespace, problem)
        else:
            if said is not None:
                found.jobs.setdefault((job.namespace, said), []).append(job)
    return found


def kept(database: KubeObject) -> Iterator[Violation]:
    """A Database that goes, with all that is in it, when its object does."""
    policy = ("spec", "databaseReclaimPolicy")
    if database.group_kind == DATABASE and database.at(*policy).text() == "delete":
        yield Violation(
            "databaseReclaimPolicy is delete: whoever deletes this object, or its namespace, drops the database with "
            "it",
            "Set databaseReclaimPolicy: retain (the default), and drop the database by hand when it is not wanted.",
            policy,
        )


def owned(database: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Database whose owner is declared nowhere, or is the superuser."""
    if database.group_kind != DATABASE or database.at("spec", "ensure").text() == "absent":
        return
    cluster, owner = cluster_of(database, estate), database.at("spec", "owner").text()
    path = ("spec", "owner")
    if owner == "postgres":
        yield Violation(
            "its owner is the superuser postgres: the application then needs the superuser, or owns nothing of its own",
            "Declare a role for the application, and let it own the database.",
            path,
        )
    elif cluster is not None and owner and owner not in tenants_of(cluster, estate).declared_roles:
        database.at(*path).settled()
        yield Violation(
            f"its owner {owner} is declared nowhere: neither managed.roles of {cluster.title}, nor a DatabaseRole, nor "
            "its bootstrap makes that role, and until somebody does by hand the database is not made",
            f"Declare {owner} as a DatabaseRole, or in managed.roles where the operator is older than 1.30, with login "
            "and a passwordSecret.",
            path,
        )


def ad_hoc_sql(cluster: KubeObject) -> Iterator[Violation]:
    """A Cluster whose initdb makes further databases, once, and never again."""
    initdb = ("spec", "bootstrap", "initdb")
    for where in _SQL if cluster.group_kind == CLUSTER else ():
        for statement in cluster.at(*initdb, where).items():
            if _CREATES.search(statement.text() or ""):
                yield Violation(
                    f"initdb.{where} makes a database by SQL, once when the cluster is born: a cluster that is "
                    "restored or imported has none of it, and nobody sees what is missing",
                    "Declare a Database for it.",
                    statement.path,
                )


def ad_hoc_job(cluster: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Cluster of which a Job makes databases by hand."""
    if cluster.group_kind != CLUSTER:
        return
    making = estate.memo(_making)
    for job, container, text in making.found.get(cluster.namespace, ()):
        if _meant(job, text, estate) is cluster:
            yield Violation(
                f"container {container.at('name').text()} of {job.title} makes a database of it by hand: nothing says "
                "who owns it, and nothing makes it again after a restore",
                "Declare a Database and a role instead of the Job.",
                container.path,
                about=job,
            )
    if cluster.namespace in making.unreadable:
        raise making.unreadable[cluster.namespace].with_traceback(None)


@dataclass
class _Making:
    """The containers of Jobs whose command makes a database, with its words, by namespace."""

    found: dict[str, list[tuple[KubeObject, View, str]]] = field(default_factory=dict)
    unreadable: dict[str, CannotEvaluateError] = field(default_factory=dict)


def _making(estate: Estate) -> _Making:
    making = _Making()
    for job in (it for kind in (JOB, CRON_JOB) for it in estate.of(kind) if not it.projected):
        try:
            for pods in estate.pods_of(job):
                for container in pods.containers:
                    words = [word.text() or "" for key in ("command", "args") for word in container.at(key).items()]
                    if _CREATES.search(text := " ".join(words)):
                        making.found.setdefault(job.namespace, []).append((job, container, text))
        except CannotEvaluateError as problem:
            problem.about(job)
            making.unreadable.setdefault(job.namespace, problem)
    return making


def _meant(job: KubeObject, text: str, estate: Estate) -> KubeObject | None:
    """The Cluster that a Job's commands are about: that of its namespace, or one whose Service they name."""
    here = estate.of(CLUSTER, job.namespace)
    if len(here) == 1:
        return here[0]
    return next((it for it in here if any(name in text for name in service_names(it.name).values())), None)


def unnamed(cluster: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Databases that poolers let roles into, and that nobody declares, where poolers serve several."""
    if cluster.group_kind != CLUSTER:
        return
    named: dict[str, str] = {}
    for pooler in of_cluster(POOLER, cluster, estate):
        for line in pooler_hba(pooler, estate).lines:
            if line.admits and line.index is not None:
                for database in line.databases.exact:
                    named.setdefault(database, pooler.name)
    declared = tenants_of(cluster, estate).databases
    missing = sorted(named.keys() - declared.keys() - _OWN_DATABASES)
    if len(named) > 1 and missing:
        told = ", ".join(f"{database} ({named[database]})" for database in missing[:4])
        more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
        yield Violation(
            f"its poolers let roles into {len(named)} databases, and no Database declares {told}{more}: they are made "
            "by hand, or not at all",
            "Declare a Database for each, with its owner.",
            ("spec", "bootstrap"),
        )
    none_adrift(POOLER, cluster, estate)


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
    title="Databases and owners are declared, and no role enters another's",
    score=4,
    why=(
        "In PostgreSQL PUBLIC, that is every role, may connect to every database until its owner says otherwise, and "
        "CloudNativePG appends `host all all all` to pg_hba. On a shared cluster each application could so enter the "
        "others' databases, and see their tables' names if nothing more. A database that a Job or initdb made by hand "
        "has no declared owner, and is not there after a restore into a new cluster."
    ),
    mend=(
        "Declare a Database and its role for each application, and beside each Database a Job that revokes CONNECT "
        "from PUBLIC as the database's owner, and see that it succeeds."
    ),
    kinds=(DATABASE, CLUSTER),
    alone=(kept, ad_hoc_sql),
    together=(check, owned, ad_hoc_job, unnamed),
)
