"""Scraping and alerts of a Postgres cluster, as plain data."""

from datetime import timedelta

from seawall.components.cnpg.args import CnpgSharedClusterArgs
from seawall.components.cnpg.isolation import job_names
from seawall.components.cnpg.parameters import whole
from seawall.components.cnpg.secrets import other_secrets, role_secrets
from seawall.components.fields import duration
from seawall.components.kubernetes.metadata import Manifest
from seawall.components.kubernetes.monitoring import Alert, about, pod_monitor, prometheus_rule, secret_sync_alert
from seawall.operators import barman
from seawall.operators.cnpg import CLUSTER_LABEL, METRICS_PORT_NAME, POD_ROLE_LABEL
from seawall.operators.cnpg.parameters import MAX_CONNECTIONS_DEFAULT


def scrapes(args: CnpgSharedClusterArgs) -> dict[str, Manifest]:
    """What is scraped → PodMonitor: the instances, and all poolers; the operator's own are deprecated."""
    poolers = {CLUSTER_LABEL: args.name, POD_ROLE_LABEL: "pooler"}
    return {
        purpose: pod_monitor(
            f"{args.name}-{purpose}", args.namespace, pods=pods, port=METRICS_PORT_NAME, labels=args.labels
        )
        for purpose, pods in (("instances", args.instances), ("poolers", poolers))
    }


def rules(args: CnpgSharedClusterArgs) -> Manifest:
    """All alerts of the cluster."""
    secrets = [
        manifest["metadata"]["name"] for manifest in (*role_secrets(args).values(), *other_secrets(args).values())
    ]
    alerts = [
        *_backup_alerts(args),
        *_instance_alerts(args),
        *_pooler_alerts(args),
        *_access_alerts(args),
        secret_sync_alert("CnpgSecretNotSynced", args.namespace, secrets),
    ]
    return prometheus_rule(
        args.name,
        args.namespace,
        alerts=alerts,
        alert_labels=about("postgresql", args.namespace, args.name),
        runbooks=args.platform.observability.runbooks,
        labels=args.labels,
    )


def _backup_alerts(args: CnpgSharedClusterArgs) -> list[Alert]:
    """The operator's own backup metrics stay 0 when the plugin makes the backups, so these ask the plugin's."""
    pods, settings = _instances(args), args.settings
    newest = f"max by (namespace) ({barman.METRIC_LAST_BACKUP}{pods})"
    failed = f"max by (namespace) ({barman.METRIC_LAST_FAILED_BACKUP}{pods})"
    limit = settings.validation.max_backup_age_seconds
    validated = (
        f'kube_cronjob_status_last_successful_time{{namespace="{args.namespace}",cronjob="{args.validation_name}"}}'
    )
    waiting = _instances(args, value="ready")
    return [
        Alert(
            name="CnpgBackupTooOld",
            expression=f"time() - {newest} > {limit}",
            pending="15m",
            severity="critical",
            summary=f"The newest base backup of {args.name} is older than {settings.validation.max_backup_age}",
            description="A restore takes longer with every hour, and past the retention it is impossible. Also fires"
            " when there is no backup at all.",
        ),
        Alert(
            name="CnpgBackupUnknown",
            expression=f"absent({barman.METRIC_LAST_BACKUP}{pods})",
            pending="30m",
            severity="critical",
            summary=f"Nobody knows when {args.name} was last backed up",
            description="The plugin's metrics are missing: it does not run, or it is not scraped. The other backup"
            " alerts are blind meanwhile.",
        ),
        Alert(
            name="CnpgBackupFailed",
            expression=f"{failed} > {newest}",
            pending="5m",
            severity="warning",
            summary=f"The last base backup of {args.name} failed",
            description="No base backup has succeeded since. WAL is still archived, so nothing is lost yet.",
        ),
        Alert(
            name="CnpgBackupNotValidated",
            expression=f"time() - max({validated}) > {_validation_limit(args)} or absent({validated})",
            pending="15m",
            severity="critical",
            summary=f"The backups of {args.name} have not been validated",
            description="The check of the object store failed or did not run: age, encryption or the archive itself is"
            " not as agreed. Its log says which.",
        ),
        Alert(
            name="CnpgWalArchivingFailing",
            expression=f"max by (namespace, pod) (cnpg_pg_stat_archiver_last_failed_time{pods})"
            f" > max by (namespace, pod) (cnpg_pg_stat_archiver_last_archived_time{pods})",
            pending="10m",
            severity="critical",
            summary="WAL archiving fails on {{ $labels.pod }}",
            description="What is committed now can be lost with the volumes, and the WAL volume fills up until"
            " PostgreSQL stops.",
        ),
        Alert(
            name="CnpgWalArchiveBacklog",
            expression=f"max by (namespace, pod) (cnpg_collector_pg_wal_archive_status{waiting})"
            f" > {settings.alerts.unarchived_wal}",
            pending="15m",
            severity="warning",
            summary="{{ $value }} WAL files wait to be archived on {{ $labels.pod }}",
            description="Archiving is slower than writing: more is lost in a disaster than the RPO allows.",
        ),
    ]


def _instance_alerts(args: CnpgSharedClusterArgs) -> list[Alert]:
    pods, settings = _instances(args), args.settings
    lag = int(duration(settings.alerts.replication_lag).total_seconds())
    connections = whole(settings.parameters, "max_connections", MAX_CONNECTIONS_DEFAULT)
    volumes = f'namespace="{args.namespace}",persistentvolumeclaim=~"{args.name}-[0-9]+(-wal)?"'
    return [
        Alert(
            name="CnpgInstancesMissing",
            expression=f"sum(cnpg_collector_up{pods}) < {settings.instances} or absent(cnpg_collector_up{pods})",
            pending="5m",
            severity="warning",
            summary=f"{args.name} has fewer than {settings.instances} running instances",
            description="One failure more may stop writes.",
        ),
        Alert(
            name="CnpgNoPrimary",
            expression=f"(sum(cnpg_pg_replication_in_recovery{pods} == bool 0) or vector(0)) != 1",
            pending="2m",
            severity="critical",
            summary=f"{args.name} has no primary, or more than one",
            description="Nobody can write, or two instances accept writes that will not come together again.",
        ),
        Alert(
            name="CnpgReplicationLag",
            expression=f"max by (namespace, pod) (cnpg_pg_replication_lag{pods}) > {lag}",
            pending="5m",
            severity="warning",
            summary="{{ $labels.pod }} is {{ $value | humanizeDuration }} behind its primary",
            description="A failover to it would take long, or lose what it does not have.",
        ),
        Alert(
            name="CnpgReplicaNotStreaming",
            expression=f"max by (namespace, pod) (cnpg_pg_replication_in_recovery{pods}"
            f" - cnpg_pg_replication_is_wal_receiver_up{pods}) > 0",
            pending="5m",
            severity="critical",
            summary="{{ $labels.pod }} does not stream from its primary",
            description="It falls behind for good; with too few others synchronous replication is off or writes stop.",
        ),
        Alert(
            name="CnpgVolumeAlmostFull",
            expression=f"max by (namespace, persistentvolumeclaim) (kubelet_volume_stats_used_bytes{{{volumes}}}"
            f" / kubelet_volume_stats_capacity_bytes{{{volumes}}}) * 100 > {settings.alerts.volume_percent}",
            pending="10m",
            severity="critical",
            summary="Volume {{ $labels.persistentvolumeclaim }} is {{ $value | humanize }} % full",
            description="A full volume stops PostgreSQL. If it is the WAL volume, look at archiving and slots first.",
        ),
        Alert(
            name="CnpgConnectionsHigh",
            expression=f"sum by (namespace, pod) (cnpg_backends_total{pods})"
            f" > {connections * settings.alerts.connections_percent // 100}",
            pending="10m",
            severity="warning",
            summary=f"{{{{ $labels.pod }}}} has {{{{ $value }}}} of {connections} connections",
            description="The poolers cannot take more than their share, so somebody connects past them.",
        ),
    ]


def _pooler_alerts(args: CnpgSharedClusterArgs) -> list[Alert]:
    names = "|".join(application.pooler for application in args.applications)
    # Hash and suffix hold no `-`: with `.+` the pods of another cluster's pooler `x-y` would count as those of `x`.
    pods = f'{{namespace="{args.namespace}",pod=~"({names})-[a-z0-9]+-[a-z0-9]+"}}'
    wait = int(duration(args.settings.alerts.pooler_wait).total_seconds())
    wanted = sum(application.settings.instances for application in args.applications)
    return [
        Alert(
            name="CnpgPoolerClientsWaiting",
            expression=f"max by (namespace, pod, database) (cnpg_pgbouncer_pools_maxwait{pods}) > {wait}",
            pending="5m",
            severity="warning",
            summary="Clients of {{ $labels.database }} wait {{ $value | humanizeDuration }} at {{ $labels.pod }}",
            description="All server connections of the pool are busy: long transactions, or a pool that is too small.",
        ),
        Alert(
            name="CnpgPoolersMissing",
            expression=f"sum(cnpg_pgbouncer_up{pods}) < {wanted} or absent(cnpg_pgbouncer_up{pods})",
            pending="10m",
            severity="warning",
            summary=f"Fewer than {wanted} pooler pods of {args.name} are up",
            description="Applications reach PostgreSQL only through their poolers.",
        ),
    ]


def _access_alerts(args: CnpgSharedClusterArgs) -> list[Alert]:
    """Doors that are open, seen from what was declared: no metric shows either of them."""
    jobs = " or ".join(
        f'label_replace(absent(kube_job_status_succeeded{{namespace="{args.namespace}",job_name="{job}"}} > 0),'
        f' "application", "{application}", "", "")'
        for application, job in job_names(args).items()
    )
    alerts = [
        Alert(
            name="CnpgTenantIsolationNotApplied",
            expression=jobs,
            pending="30m",
            severity="warning",
            summary=f"{args.name}: PUBLIC may still connect to the database of {{{{ $labels.application }}}}",
            description="The Job that revokes it has not succeeded, or is gone. pg_hba still keeps other roles out: the"
            " second wall is missing, not the first.",
        )
    ]
    if args.settings.superuser_access:
        alerts.append(
            Alert(
                name="CnpgSuperuserAccessOn",
                # Rendered only while it is on: the declaration is the fact, and no metric tells.
                expression="vector(1)",
                pending="0m",
                severity="warning",
                summary=f"{args.name}: postgres may sign in with a password",
                description="Break-glass access is on; whoever knows the password owns every database. It ends when"
                " the settings turn it off again.",
            )
        )
    return alerts


def _instances(args: CnpgSharedClusterArgs, **more: str) -> str:
    """The matcher for the instances: the plugin's metrics carry no label of the cluster, only the pod's name."""
    labels = {"namespace": f'="{args.namespace}"', "pod": f'=~"{args.name}-[0-9]+"'}
    labels |= {name: f'="{value}"' for name, value in more.items()}
    return "{" + ",".join(f"{name}{match}" for name, match in labels.items()) + "}"


def _validation_limit(args: CnpgSharedClusterArgs) -> int:
    """Seconds after which a validation is overdue: the longest time between two runs, and an hour."""
    return int((args.settings.validation.longest_gap + timedelta(hours=1)).total_seconds())
