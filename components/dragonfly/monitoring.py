"""Scraping and alerts of a Dragonfly instance."""

from seawall.components.dragonfly.args import DragonflyClusterArgs
from seawall.components.dragonfly.secrets import secret_names
from seawall.components.fields import quantity_bytes
from seawall.components.kubernetes.metadata import Manifest
from seawall.components.kubernetes.monitoring import Alert, about, pod_monitor, prometheus_rule, secret_sync_alert
from seawall.operators.dragonfly import ADMIN_PORT_NAME, METRICS_PATH, SNAPSHOT_VOLUME

QUEUE_HIGH, QUEUE_CRITICAL = 0.7, 0.85
"""Shares of `maxmemory` at which a queue's alerts fire."""


def scrape(args: DragonflyClusterArgs) -> Manifest:
    """The PodMonitor over the admin port, where the metrics are; the label `app` of the pods goes to each series."""
    return pod_monitor(
        args.name,
        args.namespace,
        pods=args.pods,
        port=ADMIN_PORT_NAME,
        path=METRICS_PATH,
        pod_labels=["app"],
        labels=args.labels,
    )


def rules(args: DragonflyClusterArgs) -> Manifest:
    """The PrometheusRule with the instance's alerts."""
    return prometheus_rule(
        args.name,
        args.namespace,
        alerts=alerts(args),
        alert_labels=about("dragonfly", args.namespace, args.name),
        runbooks=args.platform.observability.runbooks,
        labels=args.labels,
    )


def alerts(args: DragonflyClusterArgs) -> list[Alert]:
    """Every alert of the instance, limited to its own series."""
    return [
        *_availability(args),
        *_memory(args),
        *_disk(args),
        *_load(args),
        *_replication(args),
        secret_sync_alert("DragonflySecretNotSynced", args.namespace, [*secret_names(args)]),
    ]


def _series(args: DragonflyClusterArgs) -> str:
    """The labels that every series of the instance has."""
    return f'{{namespace="{args.namespace}",app="{args.name}"}}'


def _availability(args: DragonflyClusterArgs) -> list[Alert]:
    mine, replicas = _series(args), args.settings.replicas
    where = f"{args.namespace}/{args.name}"
    return [
        Alert(
            name="DragonflyDown",
            expression=f"absent(up{mine} == 1)",
            pending="2m",
            severity="critical",
            summary=f"Dragonfly {where} is down",
            description="No pod answers the scraper: clients have no service, or the scraper is locked out.",
        ),
        Alert(
            name="DragonflyNoPrimary",
            # `absent` is the case of no master at all: a sum over nothing is no series, and would never fire.
            expression=f"sum by (namespace, app) (dragonfly_master{mine}) != 1 or absent(dragonfly_master{mine})",
            pending="1m",
            severity="critical",
            summary=f"Dragonfly {where} does not have exactly one master",
            description="With none the Service has no endpoints; with two, writes are split.",
        ),
        Alert(
            name="DragonflyReplicaCountLow",
            expression=f"count by (namespace, app) (up{mine} == 1) < {replicas}",
            pending="10m",
            severity="warning",
            summary=f"Dragonfly {where} runs fewer than {replicas} pods",
            description="One more failure or drain may take the last replica that is in sync.",
        ),
    ]


def _memory(args: DragonflyClusterArgs) -> list[Alert]:
    """A cache lives at its limit: for it the pod's own memory says more than the share that data takes.

    A queue evicts nothing and refuses writes at the limit, so its alerts come earlier: there must be time to grow it.
    """
    mine, where = _series(args), f"{args.namespace}/{args.name}"
    limit = quantity_bytes(args.settings.resources.limits.memory)
    used = f"dragonfly_memory_used_bytes{mine} / dragonfly_memory_max_bytes{mine}"
    resident = f"dragonfly_used_memory_rss_bytes{mine} / {limit}"
    evicts = args.settings.evicts
    return [
        Alert(
            name="DragonflyMemoryHigh",
            expression=f"{resident} > 0.9" if evicts else f"{used} > {QUEUE_HIGH}",
            pending="10m",
            severity="warning",
            summary=f"Dragonfly {where}: memory is getting full on {{{{ $labels.pod }}}}",
            description="The pod is close to its memory limit, above which it is killed."
            if evicts
            else "At the limit writes fail: a queue evicts nothing.",
        ),
        Alert(
            name="DragonflyMemoryCritical",
            expression=f"{resident} > 0.95" if evicts else f"{used} > {QUEUE_CRITICAL} or {resident} > 0.95",
            pending="5m",
            severity="critical",
            summary=f"Dragonfly {where}: memory is full on {{{{ $labels.pod }}}}",
            description="The pod is about to be killed." if evicts else "Writes fail soon, or the pod is killed.",
        ),
        Alert(
            name="DragonflyWritesRefused",
            expression=f"sum by (namespace, app, pod) (increase(dragonfly_oom_errors_total{mine}[5m])) > 0",
            pending="0m",
            severity="critical",
            summary=f"Dragonfly {where}: {{{{ $labels.pod }}}} refuses writes, its memory is full",
            description="Clients get errors now. A cache that refuses does not evict fast enough; a queue loses new "
            "jobs unless the client tries again.",
        ),
    ]


def _disk(args: DragonflyClusterArgs) -> list[Alert]:
    snapshot = args.settings.snapshot
    if snapshot is None:
        return []
    mine, where = _series(args), f"{args.namespace}/{args.name}"
    claims = f'{{namespace="{args.namespace}",persistentvolumeclaim=~"{SNAPSHOT_VOLUME}-{args.name}-[0-9]+"}}'
    volume = Alert(
        name="DragonflyDiskNearFull",
        expression=f"kubelet_volume_stats_used_bytes{claims} / kubelet_volume_stats_capacity_bytes{claims} > 0.85",
        pending="15m",
        severity="warning",
        summary=f"Dragonfly {where}: volume {{{{ $labels.persistentvolumeclaim }}}} is almost full",
        description="The next snapshot may not fit, and a restart then starts from the last one that did.",
    )
    failed = Alert(
        name="DragonflySnapshotFailed",
        expression=f"increase(dragonfly_failed_backups_total{mine}[6h]) > 0",
        pending="0m",
        severity="warning",
        summary=f"Dragonfly {where}: a snapshot failed on {{{{ $labels.pod }}}}",
        description="A restart would start from an older snapshot.",
    )
    return [failed] if snapshot.bucket else [volume, failed]


def _load(args: DragonflyClusterArgs) -> list[Alert]:
    most = args.settings.alerts.commands_per_second
    return [
        Alert(
            name="DragonflyCommandRateHigh",
            # One series per listener: the admin port's commands count as well.
            expression="sum by (namespace, app, pod)"
            f" (rate(dragonfly_commands_processed_total{_series(args)}[5m])) > {most}",
            pending="15m",
            severity="warning",
            summary=f"Dragonfly {args.namespace}/{args.name}: more than {most} commands a second",
            description="A client may be looping, or the instance has outgrown its threads.",
        )
    ]


def _replication(args: DragonflyClusterArgs) -> list[Alert]:
    mine, where = _series(args), f"{args.namespace}/{args.name}"
    in_sync = f'{mine[:-1]},replica_state=~"stable_sync|online"}}'
    most = args.settings.alerts.replication_lag_records
    return [
        Alert(
            name="DragonflyReplicationLagHigh",
            expression=f"max by (namespace, app, pod) (dragonfly_connected_replica_lag_records{mine}) > {most}",
            pending="5m",
            severity="warning",
            summary=f"Dragonfly {where}: a replica is more than {most} records behind",
            description="A failover now would lose what the replica has not yet received.",
        ),
        Alert(
            name="DragonflyReplicationBroken",
            # What the master sees, because only Dragonfly 1.39 and newer say it on the replica (master_link_status).
            # Held against the pods that are up: a missing pod is DragonflyReplicaCountLow. Without any replica in sync
            # the count is no series, so that a zero stands in for it.
            expression=f"(count by (namespace, app) (dragonfly_connected_replica_lag_records{in_sync})"
            f" or max by (namespace, app) (dragonfly_master{mine}) * 0)"
            f" < count by (namespace, app) (up{mine} == 1) - 1",
            pending="5m",
            severity="critical",
            summary=f"Dragonfly {where}: only {{{{ $value }}}} of the running replicas follow the master",
            description="A replica that is up does not follow: a failover to it would bring old data back.",
        ),
    ]
