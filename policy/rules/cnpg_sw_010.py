"""CNPG-SW-010: a cluster whose WAL goes nowhere, to two places, or into another cluster's archive."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from seawall.operators import barman, versions
from seawall.operators.annotations import RESTORES
from seawall.operators.cnpg import IN_TREE_BACKUPS_UNTIL
from seawall.policy.estate.backups.archives import (
    IN_TREE,
    Place,
    Store,
    archives_of,
    enabled_plugins,
    in_tree_store,
    plugin_uses,
    recovery_source,
    restored_only,
    schedules_of,
    source_of,
    store_of,
    written,
)
from seawall.policy.estate.backups.uploads import ROLE_ANNOTATION, role_of
from seawall.policy.estate.blame import blaming
from seawall.policy.estate.kinds import CLUSTER, OBJECT_STORE, PULUMI
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.sight import WHOLE_CLUSTER
from seawall.policy.estate.values import CannotEvaluateError, View
from seawall.policy.findings import Alone, Rule, Together, Violation

_PLUGINS = ("spec", "plugins")
_POD_IDENTITY = (PULUMI, "aws:eks/podIdentityAssociation:PodIdentityAssociation")
_KEY_VALUES = frozenset({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"})


def archivers(cluster: KubeObject) -> Iterator[Violation]:
    """A barman plugin that archives nothing, and WAL that would go to two places."""
    uses = plugin_uses(cluster)
    archiving = [entry for entry in enabled_plugins(cluster) if entry.at("isWALArchiver").boolean(default=False)]
    in_tree = in_tree_store(cluster) is not None
    if uses and not archiving and not in_tree and not _reads_only(cluster):
        yield Violation(
            "the barman plugin is wired and isWALArchiver is not true: no WAL is archived, so that a backup cannot be "
            "brought to a consistent state, nor to any later moment",
            "Set isWALArchiver: true on the plugin's entry.",
            (*uses[0].view.path, "isWALArchiver"),
        )
    if len(archiving) > 1:
        names = ", ".join(entry.at("name").text() or "(no name)" for entry in archiving)
        yield Violation(
            f"{len(archiving)} plugins archive WAL ({names}): the operator takes one",
            "Leave isWALArchiver: true on one of them.",
            _PLUGINS,
        )
    if in_tree and any(use.archives for use in uses):
        yield Violation(
            "WAL is archived by the barman plugin and by the in-tree spec.backup.barmanObjectStore at once: the "
            "webhook refuses two archivers",
            "Remove spec.backup.barmanObjectStore once a backup through the plugin exists.",
            IN_TREE,
        )
    if uses and not in_tree and cluster.at("spec", "backup", "retentionPolicy").text():
        yield Violation(
            "spec.backup.retentionPolicy is read by the in-tree backups only: with the plugin nothing is ever deleted "
            "by it",
            "Move it to spec.retentionPolicy of the ObjectStore.",
            ("spec", "backup", "retentionPolicy"),
        )


def stores(cluster: KubeObject, estate: Estate) -> Iterator[Violation]:
    """An ObjectStore that is not there."""
    for use in plugin_uses(cluster):
        path = (*use.view.path, "parameters", "barmanObjectName")
        if not use.store_name:
            if not _reads_only(cluster):
                yield Violation(
                    "the barman plugin's entry names no ObjectStore: nothing is archived",
                    "Set parameters: {barmanObjectName: <ObjectStore>}.",
                    path,
                )
        elif estate.find(OBJECT_STORE, cluster.namespace, use.store_name) is None:
            use.view.at("parameters", "barmanObjectName").settled()
            elsewhere = sorted(estate.memo(_namespaces).get(use.store_name, ()))
            there = f", only in {', '.join(elsewhere[:3])}" if elsewhere else ""
            missing = "there is no" if WHOLE_CLUSTER in estate.sees else "nothing here declares"
            unless = "" if WHOLE_CLUSTER in estate.sees or elsewhere else "unless somebody else does, "
            yield Violation(
                f"{missing} ObjectStore {use.store_name} in namespace {cluster.namespace}{there}: {unless}archiving "
                "fails, and the WAL piles up until the volume is full",
                "Declare it in the Cluster's own namespace.",
                path,
            )


def _namespaces(estate: Estate) -> Mapping[str, list[str]]:
    """The namespaces of the ObjectStores by their name."""
    found: dict[str, list[str]] = defaultdict(list)
    for thing in estate.of(OBJECT_STORE):
        found[thing.name].append(thing.namespace)
    return found


def _reads_only(cluster: KubeObject) -> bool:
    """Whether the plugin is there for a recovery or a replica: then the external cluster names the store."""
    return bool(recovery_source(cluster) or cluster.at("spec", "replica", "source").text())


def shared(cluster: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Two clusters that write into one archive: each overwrites what the other would be restored from."""
    for archive in archives_of(cluster, estate):
        together = [it.cluster for it in estate.memo(written).get(archive.place, ())]
        if any(archive.place == _source(it, estate) for it in together):
            continue  # a restore into its own source: CNPG-OPS-002
        others = [it for it in together if it is not cluster]
        if others:
            yield Violation(
                f"it archives to {archive.place.text}, and so does {others[0].title}: their WAL files have the same "
                "names, and neither can be restored",
                "Give each Cluster a serverName or a destinationPath of its own.",
                archive.path,
                facts={"archive": archive.place.text},
            )


def _source(cluster: KubeObject, estate: Estate) -> Place | None:
    source = source_of(cluster, estate)
    return source.place if source is not None else None


def scheduled(cluster: KubeObject, estate: Estate) -> Iterator[Violation]:
    """WAL without a base backup to replay it onto."""
    archives = archives_of(cluster, estate)
    if cluster.annotation(RESTORES) is not None:
        return  # a drill writes nothing, or CNPG-OPS-002 says so
    if archives and next(schedules_of(cluster, estate), None) is None:
        yield Violation(
            f"its WAL goes to {archives[0].store.title}, and no ScheduledBackup makes a base backup of it: without one "
            "the WAL restores nothing",
            "Declare a ScheduledBackup for it in its namespace.",
            archives[0].path,
        )


def in_time(cluster: KubeObject, estate: Estate) -> Iterator[Violation]:
    """In-tree backups under an operator that has none any more."""
    operator = estate.operator_of(cluster)
    number = versions.parse(operator.version)
    if in_tree_store(cluster) is not None and number is not None and number >= IN_TREE_BACKUPS_UNTIL:
        yield Violation(
            f"spec.backup.barmanObjectStore is not read by operator {operator.version}: nothing is backed up",
            "Move to the barman plugin: an ObjectStore, spec.plugins, and schedules with method: plugin.",
            IN_TREE,
        )


def served(thing: KubeObject) -> Iterator[Violation]:
    """Fields of an ObjectStore that the API server refuses or that mean nothing to it."""
    if thing.group_kind != OBJECT_STORE:
        return
    name = thing.at("spec", "configuration", "serverName")
    if name.present:
        yield Violation(
            "configuration.serverName is refused: with the plugin the server's name belongs to the Cluster",
            "Set serverName in the parameters of the Cluster's plugin entry.",
            name.path,
        )
    retention = thing.at("spec", "retentionPolicy").text()
    if retention is not None and not re.fullmatch(barman.RETENTION_PATTERN, retention):
        yield Violation(
            f'retentionPolicy "{retention}" is refused: it must be days, weeks or months',
            "Write 30d, 4w or 6m.",
            ("spec", "retentionPolicy"),
        )
    if not thing.at("spec", "configuration", "destinationPath").text():
        yield Violation(
            "configuration.destinationPath is missing: there is nowhere to archive to",
            "Set destinationPath: s3://<bucket>/<folder>.",
            ("spec", "configuration", "destinationPath"),
        )


def credentials(thing: KubeObject) -> Iterator[Violation]:
    """Keys to the store that are missing, or written down where everybody reads them."""
    store = store_of(thing)
    if store is None:
        return
    for variable in _environment(store):
        if variable.at("name").text() in _KEY_VALUES and variable.at("value").text():
            yield Violation(
                f"the value of {variable.at('name').text()} is in the object itself: whoever may read it, or its "
                "repository, has the backups",
                "Refer to a Secret in s3Credentials.",
                variable.path,
            )
    if "@" in (store.endpoint or ""):
        yield Violation(
            "endpointURL holds credentials: whoever may read the object has the backups",
            "Refer to a Secret in s3Credentials, and take them out of the address.",
            (*store.config.path, "endpointURL"),
        )
    keys = store.config.at("s3Credentials")
    if not store.is_s3 or store.inherits:
        return
    missing = [key for key in ("accessKeyId", "secretAccessKey") if not keys.at(key, "name").text()]
    if missing:
        yield Violation(
            f"s3Credentials names no Secret for {' and '.join(missing)}, and inheritFromIAMRole is not true: every "
            "upload is refused",
            "Refer to a Secret for both, or set inheritFromIAMRole: true with a role for the pods.",
            keys.path,
        )


def role(cluster: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Pods that are to sign in by a role, and have none."""
    for archive in archives_of(cluster, estate):
        if not archive.store.inherits or not archive.store.is_aws or role_of(cluster) or _associated(cluster, estate):
            continue
        yield Violation(
            f"{archive.store.title} says inheritFromIAMRole, and the Cluster's service account names no role: the pods "
            "have the role of their node at best, as every other pod there",
            f"Set spec.serviceAccountTemplate.metadata.annotations[{ROLE_ANNOTATION}]; where EKS Pod Identity gives "
            "the role from outside, waive this.",
            ("spec", "serviceAccountTemplate"),
        )


def _associated(cluster: KubeObject, estate: Estate) -> bool:
    """Whether EKS Pod Identity gives a Cluster's pods a role. Raises `CannotEvaluateError` when that cannot be told."""
    associations = estate.memo(_associations)
    if (cluster.namespace, cluster.name) in associations.found:
        return True
    for problem in associations.unread:
        raise problem.with_traceback(None)
    return False


class _Associations:
    """Namespaces and names of the service accounts to which EKS Pod Identity gives a role."""

    def __init__(self, estate: Estate) -> None:
        self.found: set[tuple[str | None, str | None]] = set()
        self.unread: list[CannotEvaluateError] = []
        for it in estate.of(_POD_IDENTITY):
            try:
                with blaming(it):
                    self.found.add((it.at("namespace").text(), it.at("serviceAccount").text()))
            except CannotEvaluateError as problem:
                self.unread.append(problem)


def _associations(estate: Estate) -> _Associations:
    return _Associations(estate)


def checksums(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """An S3-compatible store without the two settings that keep today's client from sending what it does not know."""
    store = store_of(thing)
    if store is None or not store.is_s3 or store.is_aws or restored_only(thing, estate):
        return
    if "minio" in store.host:
        return  # knows them; the operator's own tests archive to it with the client as it comes
    given = {
        variable.at("name").text(): variable.at("value").text()
        for variable in _environment(store)
        if variable.at("name").text() in barman.CHECKSUM_ENV
    }
    missing = [name for name, value in barman.CHECKSUM_ENV.items() if (given.get(name) or "").lower() != value]
    if missing:
        yield Violation(
            f"{store.host} is not AWS, and {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not "
            "when_required: the client adds checksums that many S3-compatible stores refuse",
            "Set both to when_required in "
            f"{'spec.env of the Cluster' if store.in_tree else 'spec.instanceSidecarConfiguration.env'}.",
            ("spec", "env") if store.in_tree else ("spec", "instanceSidecarConfiguration", "env"),
        )


def _environment(store: Store) -> list[View]:
    where = ("spec", "env") if store.in_tree else ("spec", "instanceSidecarConfiguration", "env")
    return store.thing.at(*where).items()


def _of_clusters(check: Together) -> Together:
    def only(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
        if thing.group_kind == CLUSTER:
            yield from check(thing, estate)

    only.__doc__ = check.__doc__
    return only


def _of_cluster(check: Alone) -> Alone:
    def only(thing: KubeObject) -> Iterator[Violation]:
        if thing.group_kind == CLUSTER:
            yield from check(thing)

    only.__doc__ = check.__doc__
    return only


RULE = Rule(
    id="CNPG-SW-010",
    risks=("CNPG-OPS-002", "CNPG-DATA-001"),
    title="Every cluster archives into one archive of its own",
    score=6,
    why=(
        "A Cluster, its plugin entry, the ObjectStore and the schedule name each other by text, and no webhook "
        "compares them. A store that is not there, an archiver that is not switched on, or two clusters in one folder "
        "are found when somebody restores, or when the WAL has filled the volume."
    ),
    mend=(
        "One plugin entry with isWALArchiver: true, an ObjectStore in the same namespace, a serverName or folder of "
        "its own for each Cluster, and a ScheduledBackup."
    ),
    kinds=(CLUSTER, OBJECT_STORE),
    alone=(_of_cluster(archivers), served, credentials),
    together=(*(_of_clusters(check) for check in (stores, shared, scheduled, in_time, role)), checksums),
)
