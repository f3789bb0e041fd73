"""What a shared Postgres cluster is made from, and the names of its objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seawall.components.cnpg.application_settings import Application
from seawall.components.cnpg.cluster_settings import PostgresCluster
from seawall.components.cnpg.object_names import break_glass_secret, role_secret, validation_name
from seawall.components.kubernetes.metadata import owned_labels
from seawall.components.operators import CnpgOperator
from seawall.components.platform import Platform
from seawall.errors import UserError
from seawall.operators.cnpg import dns_forms, instance_labels
from seawall.operators.versions import parse

if TYPE_CHECKING:
    import pulumi

Leaf = Any
"""Text, or an output of the engine that becomes text; only ever a single field of a manifest, never a part of one."""

FIRST_WITH_DATABASE_ROLE = (1, 30, 0)
"""The first operator that has `DatabaseRole`; older ones know roles only in the Cluster."""


@dataclass(frozen=True)
class BackupTarget:
    """The side of the object store: what AWS (or a store of one's own) has for this cluster's backups."""

    region: str | None = None
    """Region of the bucket; None for a store of one's own."""
    key: Leaf = None
    """ARN of the KMS key that every object is encrypted with; None for a store of one's own."""
    key_argument: Leaf = None
    """The same as barman's argument, see `seawall.operators.barman.kms_argument`."""
    writer_role: str | None = None
    """ARN of the IAM role that archives and backs up; None when access keys do."""
    reader_role: str | None = None
    """ARN of the IAM role that validates and restores; None when access keys do."""


@dataclass(frozen=True)
class CnpgSharedClusterArgs:
    """One Postgres cluster: its name, where it is, its settings, the platform around it, where its backups go.

    Raises `UserError` when the backup's side does not fit the settings.
    """

    name: str
    """Name of the Cluster resource."""
    namespace: str
    """Namespace of all its objects; it must exist or be in `after`."""
    settings: PostgresCluster
    """The cluster's own settings."""
    platform: Platform
    """The Kubernetes cluster that it runs on."""
    operator: CnpgOperator
    """The operator and the plugin that reconcile it."""
    target: BackupTarget
    """The object store's side."""
    after: tuple["pulumi.Resource", ...] = ()
    """Resources that must be there first, such as the namespace and the bucket."""

    def __post_init__(self) -> None:
        backup, target = self.settings.backup, self.target
        if backup.endpoint is None and (target.key is None or target.region is None):
            raise UserError(
                f"Postgres {self.name}: backups on AWS need the bucket's region and KMS key (CNPG-DATA-002): give "
                "`target` from the BackupBucket"
            )
        if (target.writer_role is None) != (target.reader_role is None):
            raise UserError(f"Postgres {self.name}: give IAM roles for writer and reader, or for neither")
        secrets = self.settings.secrets
        if target.writer_role is None and (secrets.backup_writer is None or secrets.backup_reader is None):
            raise UserError(
                f"Postgres {self.name}: without IAM roles `secrets.backup_writer` and `secrets.backup_reader` must "
                "name the entries with the access keys (CNPG-OPS-003)"
            )

    @property
    def labels(self) -> dict[str, str]:
        """Labels of every object of the cluster."""
        return owned_labels("postgresql", self.name)

    @property
    def instances(self) -> dict[str, str]:
        """The labels by which objects of ours select the instances, and neither poolers nor jobs."""
        return instance_labels(self.name)

    @property
    def intent(self) -> dict[str, str]:
        """Annotations by which an object says where it is, who reconciles it and who scrapes it."""
        return self.platform.intent(operator_namespace=self.operator.namespace, operator_version=self.operator.version)

    @property
    def uses_roles(self) -> bool:
        """Whether pods sign in to AWS with IAM roles; otherwise with access keys from the secret store."""
        return self.target.writer_role is not None

    @property
    def has_database_role(self) -> bool:
        """Whether the operator has `DatabaseRole`, which its documentation prefers."""
        return (parse(self.operator.version) or (0, 0, 0)) >= FIRST_WITH_DATABASE_ROLE

    @property
    def server_name(self) -> str:
        """The cluster's folder in the archive."""
        return self.settings.backup.server_name or self.name

    @property
    def destination(self) -> str:
        """Where barman writes: base backups and WAL are in `<destination>/<server name>/{base,wals}`."""
        return f"s3://{self.settings.backup.bucket}/{self.settings.backup.prefix}"

    @property
    def writer_secret(self) -> str:
        """The Secret with the keys that archive and back up."""
        return f"{self.name}-backup-writer"

    @property
    def reader_secret(self) -> str:
        """The Secret with the keys that validate and restore."""
        return f"{self.name}-backup-reader"

    @property
    def superuser_secret(self) -> str:
        """The Secret with the superuser's password, there only while `superuser_access` is on."""
        return break_glass_secret(self.name)

    @property
    def validation_name(self) -> str:
        """The name of the CronJob that validates backups, and of what belongs to it."""
        return validation_name(self.name)

    @property
    def validation_pods(self) -> dict[str, str]:
        """The labels of the pods that validate backups; without `cnpg.io/cluster`, which would let them in."""
        return {"app.kubernetes.io/name": "backup-validation", "app.kubernetes.io/instance": self.name}

    @property
    def isolation_pods(self) -> dict[str, str]:
        """The labels of the pods that close databases to other roles; without `cnpg.io/cluster`, as above."""
        return {"app.kubernetes.io/name": "tenant-isolation", "app.kubernetes.io/instance": self.name}

    @property
    def applications(self) -> Sequence["ApplicationArgs"]:
        """The applications, by name."""
        return [
            ApplicationArgs(self, name, self.settings.applications[name]) for name in sorted(self.settings.applications)
        ]

    @property
    def server_names(self) -> list[str]:
        """The names that the server's certificate must have besides the operator's own: the poolers', old and new.

        Poolers present the same certificate as the instances, so without these `verify-full` to a pooler fails.
        """
        names: dict[str, None] = {}
        for application in self.applications:
            for service, namespace in application.services:
                names |= dict.fromkeys(dns_forms(service, namespace))
        return list(names)


@dataclass(frozen=True)
class ApplicationArgs:
    """One application on the cluster, and the names of its objects."""

    cluster: CnpgSharedClusterArgs
    name: str
    settings: Application

    @property
    def role(self) -> str:
        """The PostgreSQL role."""
        return self.cluster.settings.names.role_of(self.name)

    @property
    def database(self) -> str:
        """The PostgreSQL database, which the role owns."""
        return self.cluster.settings.names.database_of(self.name)

    @property
    def pooler(self) -> str:
        """The Pooler, its Service and its budget."""
        return self.cluster.settings.names.pooler_of(self.name)

    @property
    def object_name(self) -> str:
        """The name of the Database and DatabaseRole objects."""
        return f"{self.cluster.name}-{self.name}"

    @property
    def role_secret(self) -> str:
        """The Secret with the role's name and password."""
        return role_secret(self.cluster.name, self.name)

    @property
    def former_services(self) -> list[tuple[str, str]]:
        """The Services under which clients called the pooler in former times, with their namespaces."""
        return self.cluster.settings.names.former_services_of(self.name)

    @property
    def services(self) -> list[tuple[str, str]]:
        """The Services under which clients call the pooler, with their namespaces: today's, then former ones."""
        return [(self.pooler, self.cluster.namespace), *self.former_services]

    @property
    def host(self) -> str:
        """The host name that clients use."""
        return f"{self.pooler}.{self.cluster.namespace}.svc.cluster.local"
