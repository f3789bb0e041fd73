"""CnpgSharedCluster: one shared Postgres cluster with everything that makes it safe to share."""

from collections.abc import Sequence

import pulumi

from seawall.components.cnpg import (
    backup,
    certificates,
    isolation,
    manifests,
    monitoring,
    network,
    pooler,
    secrets,
    validation,
)
from seawall.components.cnpg.args import BackupTarget, CnpgSharedClusterArgs
from seawall.components.cnpg.contract import contract, postgres_connections
from seawall.components.cnpg.drill import access as drill_access
from seawall.components.cnpg.drill import manifests as drill_manifests
from seawall.components.cnpg.drill import monitoring as drill_monitoring
from seawall.components.cnpg.drill.network import network_policies as drill_policies
from seawall.components.cnpg.drill_settings import RestoreDrill
from seawall.components.contract import Connection
from seawall.components.kubernetes.metadata import Manifest
from seawall.components.kubernetes.register import register
from seawall.components.kubernetes.service import external_name

__all__ = ["BackupTarget", "CnpgSharedCluster", "CnpgSharedClusterArgs"]


class CnpgSharedCluster(pulumi.ComponentResource):
    """A Postgres cluster, its backups, their validation and a restore drill; per application role, database, pooler.

    A Job closes each database to every other role; former host names are served as aliases where that is asked for.

    The operator makes instances, Services, certificates and budgets from the Cluster. Needs the CRDs of CloudNativePG,
    the barman plugin, External Secrets, the Prometheus operator, and Cilium with `cni: cilium`.
    """

    contract: dict[str, dict[str, object]]
    """Application → how it connects (host, port, database, role, TLS mode, CA, secret path), and under `connections`
    how each declared client namespace sees it."""
    connections: tuple[Connection, ...]
    """The same for each declared client namespace of each cluster, typed."""

    def __init__(self, name: str, args: CnpgSharedClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("seawall:data:CnpgSharedCluster", name, None, opts)
        self._prefix, self._args = name, args
        self.contract, self.connections = contract(args), postgres_connections(args)
        # The walls stand before the pods do, and the pods find their secrets.
        walls = [
            self._register(f"network-{policy.removeprefix(f'{args.name}-')}", manifest)
            for policy, manifest in network.network_policies(args).items()
        ]
        others = {
            purpose: self._register(purpose, manifest) for purpose, manifest in secrets.other_secrets(args).items()
        }
        roles = {
            application: self._register(f"secret-{application}", manifest)
            for application, manifest in secrets.role_secrets(args).items()
        }
        store = self._register("object-store", backup.object_store(args), *others.values(), keep=True)
        cluster = self._register(
            "cluster", manifests.cluster(args), *walls, store, *others.values(), *roles.values(), keep=True, slow=True
        )
        self._register("scheduled-backup", backup.scheduled_backup(args), cluster)
        self._applications(cluster, walls)
        self._validation(*walls, *others.values())
        for purpose, manifest in monitoring.scrapes(args).items():
            self._register(f"scrape-{purpose}", manifest)
        self._register("alerts", monitoring.rules(args))
        self._certificates()
        if args.settings.restore_drill is not None:
            self._drill(args.settings.restore_drill)
        self.register_outputs({"contract": self.contract})

    def _applications(self, cluster: pulumi.Resource, walls: Sequence[pulumi.Resource]) -> None:
        args = self._args
        jobs = isolation.jobs(args)
        for application in args.applications:
            needed: list[pulumi.Resource] = [cluster]
            if args.has_database_role:
                role = manifests.database_role(application)
                needed.append(self._register(f"role-{application.name}", role, cluster, keep=True))
            database = self._register(
                f"database-{application.name}", manifests.database(application), *needed, keep=True
            )
            self._register(f"isolation-{application.name}", jobs[application.name], database, *walls)
            budget = pooler.budget(application)
            if budget is not None:
                self._register(f"budget-{application.name}", budget)
            self._register(f"pooler-{application.name}", pooler.pooler(application), cluster, database)
            for service, namespace in application.former_services if args.settings.names.serve_old_hosts else ():
                alias = external_name(service, namespace, application.host, args.labels)
                self._register(f"old-host-{service}.{namespace}", alias)

    def _validation(self, *needed: pulumi.Resource) -> None:
        script = self._register("validation-script", validation.config_map(self._args))
        account = self._register("validation-account", validation.service_account(self._args))
        self._register("validation", validation.cron_job(self._args), script, account, *needed)

    def _drill(self, drill: RestoreDrill) -> None:
        """Everything of the restore drill is in its own namespace, and needs nothing of the cluster to be there."""
        args = self._args
        needed = {
            **{
                f"network-{policy.removeprefix(f'{args.name}-')}": manifest
                for policy, manifest in drill_policies(args, drill).items()
            },
            **(secrets := drill_manifests.secrets(args, drill)),
            "object-store": drill_manifests.object_store(args, drill),
            "script": drill_manifests.config_map(args, drill),
            "report": drill_manifests.report(args, drill),
            "account": drill_manifests.service_account(args, drill),
            **drill_access.manifests(args, drill),
        }
        made = [self._register(f"drill-{purpose}", manifest) for purpose, manifest in needed.items()]
        self._register("drill", drill_manifests.cron_job(args, drill), *made)
        names = tuple(manifest["metadata"]["name"] for manifest in secrets.values())
        self._register("drill-alerts", drill_monitoring.rules(args, drill, names))

    def _certificates(self) -> None:
        made = certificates.manifests(self._args)
        job = made.pop("job")
        others = {purpose: self._register(f"certificates-{purpose}", manifest) for purpose, manifest in made.items()}
        self._register("certificates", job, *(others[purpose] for purpose in ("script", "account", "network")))

    def _register(
        self, suffix: str, manifest: Manifest, *needed: pulumi.Resource, keep: bool = False, slow: bool = False
    ) -> pulumi.CustomResource:
        """Registers a child; `keep` is for what holds data, `slow` for what takes minutes to be ready."""
        protected = keep and self._args.settings.deletion_protection
        opts = pulumi.ResourceOptions(
            parent=self,
            depends_on=[*self._args.after, *needed],
            protect=protected,
            retain_on_delete=protected,
            # A new cluster pulls images and copies its first instance to each replica.
            custom_timeouts=pulumi.CustomTimeouts(create="30m", update="30m") if slow else None,
        )
        return register(f"{self._prefix}-{suffix}", manifest, opts)
