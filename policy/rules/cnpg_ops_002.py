"""CNPG-OPS-002: backups that nobody restores, and restores that endanger what they are restored from."""

from collections.abc import Iterator
from datetime import timedelta

from seawall.operators.annotations import RESTORES, UNDRILLED, instance
from seawall.operators.cnpg import ANNOTATION_WORDS, SKIP_EMPTY_ARCHIVE_CHECK
from seawall.policy.checks.backup_job_checks import common, job_of
from seawall.policy.estate.backups.archives import Archive, archives_of, recovery_source, source_of
from seawall.policy.estate.backups.backup_jobs import Purpose, jobs_about
from seawall.policy.estate.backups.credentials import RemoteKeys
from seawall.policy.estate.backups.rights import BUILT_IN, Grant, grants_of
from seawall.policy.estate.backups.uploads import role_of
from seawall.policy.estate.blame import blaming
from seawall.policy.estate.kinds import CLUSTER, CRON_JOB
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.values import CannotEvaluateError, View
from seawall.policy.findings import Rule, Violation

RARELY = timedelta(days=32)
"""A drill that comes less often than every month proves last season's backups."""
_CHANGES = frozenset({"*", "create", "delete", "deletecollection", "patch", "update"})
_BEYOND_ROLES = frozenset({"bind", "escalate", "impersonate"})


def _is_cluster(thing: KubeObject) -> bool:
    return thing.group_kind == CLUSTER


def undrilled(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Cluster with an archive that nothing here restores, and no word on how else it is known that one could."""
    if not _is_cluster(thing) or thing.annotation(RESTORES) is not None or (thing.annotation(UNDRILLED) or "").strip():
        return
    archives = archives_of(thing, estate)
    if not archives:
        return
    this = instance(namespace=thing.namespace, name=thing.name)
    drilled, unknown = estate.memo(_restored_by_clusters)
    if this in drilled or jobs_about(thing, estate, Purpose.RESTORES):
        return
    if unknown is not None:
        raise unknown.with_traceback(None)
    yield Violation(
        f"it archives to {archives[0].place.text}, and no restore drill of it is declared here: nobody knows whether "
        "these backups can be restored",
        f"Declare a drill, or mark the CronJob that is one with the annotation {RESTORES}: {this}. Where restores are "
        f"proven elsewhere, say how in the Cluster's annotation {UNDRILLED}.",
        archives[0].path,
    )


def _restored_by_clusters(estate: Estate) -> tuple[frozenset[str], CannotEvaluateError | None]:
    """The Clusters that other Clusters say they are drills of, and why there may be more."""
    found, unknown = set(), None
    for cluster in estate.every(CLUSTER):
        try:
            with blaming(cluster):
                found.add(cluster.annotation(RESTORES) or "")
        except CannotEvaluateError as problem:
            unknown = problem
    return frozenset(found), unknown


def overwrites(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A restored cluster that archives into the archive that it came from."""
    source = source_of(thing, estate) if _is_cluster(thing) else None
    if source is None:
        return
    for archive in archives_of(thing, estate):
        if archive.place == source.place:
            skips = thing.annotation(SKIP_EMPTY_ARCHIVE_CHECK) == ANNOTATION_WORDS[SKIP_EMPTY_ARCHIVE_CHECK]
            switch = f", and the annotation {SKIP_EMPTY_ARCHIVE_CHECK} switches off the check that would stop it"
            yield Violation(
                f"it is restored from {source.place.text} and archives to the same: two clusters write one archive, "
                f"where their timelines meet, and neither is sure to be restored after that{switch if skips else ''}",
                f"Give {'its own store' if archive.store.thing is thing else 'its plugin entry'} another serverName; a "
                "drill archives nothing at all.",
                archive.path,
            )


def drill(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Cluster that is there for a drill, and is more than that."""
    declared = thing.annotation(RESTORES) if _is_cluster(thing) else None
    if declared is None:
        return
    namespace, _, name = declared.partition("/")
    if thing.namespace == namespace:
        yield Violation(
            f"it is a drill of {declared} in the same namespace: whoever cleans up after it has the rights to delete "
            "the real one",
            "Restore into a namespace of its own.",
            ("metadata", "namespace"),
        )
    for archive in archives_of(thing, estate):
        yield Violation(
            f"it is a drill and archives to {archive.place.text}: a drill reads, and writes nothing",
            "Remove spec.plugins and spec.backup from it.",
            archive.path,
        )
    instances = thing.at("spec", "instances").integer()
    if instances is not None and instances > 1:
        yield Violation(
            f"it is a drill with {instances} instances: one proves the same",
            "Set spec.instances: 1.",
            ("spec", "instances"),
        )
    if thing.at("spec", "enablePDB").boolean(default=True):
        yield Violation(
            "it is a drill with a disruption budget: with one instance no node can be drained while it runs",
            "Set spec.enablePDB: false.",
            ("spec", "enablePDB"),
        )
    if recovery_source(thing) is None and not thing.at("spec", "bootstrap", "recovery").present:
        yield Violation(
            "it is a drill and restores nothing: bootstrap.recovery is missing",
            "Set bootstrap.recovery.source to an external cluster that names the archive.",
            ("spec", "bootstrap"),
        )
    real = estate.find(CLUSTER, namespace, name)
    source = source_of(thing, estate)
    if real is not None and source is not None:
        yield from _elsewhere(source, real, estate)
        yield from _writes(thing, source, real, estate)


def _elsewhere(source: Archive, real: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A drill of another archive than the real cluster's: most often the plugin's default, the drill's own name."""
    archives = archives_of(real, estate)
    if archives and all(archive.place != source.place for archive in archives):
        yield Violation(
            f"it is a drill of {real.title} and looks for {source.place.text}, while that archives to "
            f"{archives[0].place.text}: it proves nothing about it",
            "Name the same folder in its ObjectStore, and serverName in the parameters of the external cluster's "
            "plugin (without it the plugin takes the new cluster's own name).",
            source.path,
        )


def _writes(thing: KubeObject, source: Archive, real: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A drill that signs in as the real cluster."""
    for archive in archives_of(real, estate):
        same = _same_secret(source, archive, estate)
        role = role_of(thing) if source.store.inherits else None
        if same is not None or (role is not None and role == role_of(real)):
            what = f"Secret {same}, whose keys write" if same is not None else f"the role {role}, which writes"
            yield Violation(
                f"it is a drill and signs in with {what} the backups of {real.title}",
                "Give it keys or a role that can list and read only.",
                source.path,
            )


def _same_secret(source: Archive, real: Archive, estate: Estate) -> str | None:
    remote = estate.memo(RemoteKeys)
    here, there = source.cluster.namespace, real.cluster.namespace
    written = {key for name in real.store.writer_secrets for key in remote.of(there, name)}
    for name in sorted(source.store.writer_secrets):
        if (here == there and name in real.store.writer_secrets) or (written and written & remote.of(here, name)):
            return name
    return None


def rights(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A drill's service account that may do more in the cluster than a drill needs."""
    job = job_of(thing, estate, Purpose.RESTORES)
    if job is None:
        return
    accounts = {pods.service_account for pods in estate.pods_of(thing)}
    sources = {cluster.namespace for cluster in job.clusters} - {thing.namespace}
    for account in sorted(accounts):
        for grant in grants_of(thing.namespace, account, estate):
            yield from _too_wide(grant, account, sources)


def _too_wide(grant: Grant, account: str, sources: set[str]) -> Iterator[Violation]:
    where = f"in namespace {grant.namespace}" if grant.namespace else "in every namespace"
    blamed = grant.role or grant.binding
    mend = "Name the verbs and resources that a drill needs, in its own namespace only."
    if grant.role is None:
        if grant.role_name in BUILT_IN:
            yield Violation(
                f"its service account {account} has the role {grant.role_name} {where}: it may write Secrets, and so "
                "become anything there",
                mend,
                ("roleRef",),
                about=grant.binding,
            )
        return
    with blaming(grant.role):
        for rule in grant.role.at("rules").items():
            for what in _excess(rule, grant, sources):
                yield Violation(
                    f"its service account {account} may {what} {where} ({grant.role.title})",
                    mend,
                    rule.path,
                    about=blamed,
                )


def _excess(rule: View, grant: Grant, sources: set[str]) -> Iterator[str]:
    verbs, resources, groups = (
        {it.text() or "" for it in rule.at(key).items()} for key in ("verbs", "resources", "apiGroups")
    )
    if "*" in verbs or "*" in resources or "*" in groups:
        yield f"do everything with {', '.join(sorted(resources)) or 'everything'}"
        return
    writes = verbs & _CHANGES
    if writes and "secrets" in resources:
        yield f"{', '.join(sorted(writes))} secrets"
    if verbs & _BEYOND_ROLES:
        yield f"{', '.join(sorted(verbs & _BEYOND_ROLES))} {', '.join(sorted(resources))}"
    in_source = grant.namespace is None or grant.namespace in sources
    if writes and in_source and sources and "clusters" in resources:
        yield f"{', '.join(sorted(writes))} clusters, the real one among them,"


RULE = Rule(
    id="CNPG-OPS-002",
    risks=("CNPG-OPS-002",),
    title="Restores are drilled, and leave what they restore from alone",
    score=6,
    why=(
        "A backup that nobody has restored is a hope, so restores are drilled. But a restored cluster that archives "
        "under the source's server name breaks the source's archive, and a drill runs every week with the right to "
        "make and delete clusters: it must be able to do that in its own namespace, with keys that only read, and "
        "nothing else."
    ),
    mend=(
        "Restore regularly, into a namespace of its own, without spec.plugins, with one instance, enablePDB: false and "
        "read-only keys; give the drill's service account named verbs on named resources there."
    ),
    kinds=(CLUSTER, CRON_JOB),
    together=(undrilled, overwrites, drill, rights, *common(Purpose.RESTORES, rarely=RARELY)),
)
