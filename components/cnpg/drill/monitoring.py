"""The alerts of a restore drill, as plain data: kube-state-metrics sees what became of the CronJob's Jobs."""

from seawall.components.cnpg.args import CnpgSharedClusterArgs
from seawall.components.cnpg.drill.names import drill_name
from seawall.components.cnpg.drill_settings import RestoreDrill
from seawall.components.kubernetes.metadata import Manifest
from seawall.components.kubernetes.monitoring import Alert, about, prometheus_rule, secret_sync_alert


def rules(args: CnpgSharedClusterArgs, drill: RestoreDrill, secrets: tuple[str, ...]) -> Manifest:
    """All alerts of the drill; `secrets` are the ExternalSecrets that it needs."""
    alerts = [*_alerts(args, drill)]
    if secrets:
        alerts.append(secret_sync_alert("CnpgRestoreDrillSecretNotSynced", drill.namespace, secrets))
    return prometheus_rule(
        drill_name(args.name),
        drill.namespace,
        alerts=alerts,
        alert_labels=about("postgresql", args.namespace, args.name),
        runbooks=args.platform.observability.runbooks,
        labels=args.labels,
    )


def _alerts(args: CnpgSharedClusterArgs, drill: RestoreDrill) -> tuple[Alert, ...]:
    name = drill_name(args.name)
    succeeded = f'kube_cronjob_status_last_successful_time{{namespace="{drill.namespace}",cronjob="{name}"}}'
    # Also Jobs that somebody made from the CronJob by hand, when their names begin like it.
    jobs = f'{{namespace="{drill.namespace}",job_name=~"{name}.*"}}'
    failed = f"max(kube_job_created{jobs} and on (namespace, job_name) (kube_job_status_failed{jobs} > 0))"
    return (
        Alert(
            name="CnpgRestoreDrillTooOld",
            expression=f"time() - max({succeeded}) > {drill.max_age_seconds} or absent({succeeded})",
            pending="1h",
            severity="warning",
            summary=f"{args.name} has not been restored for more than {drill.max_age}",
            description="No restore drill has succeeded in this time, or none ever has: nobody knows whether the"
            " backups can be restored.",
        ),
        Alert(
            name="CnpgRestoreDrillFailed",
            expression=f"{failed} > (max({succeeded}) or vector(0))",
            pending="5m",
            severity="warning",
            summary=f"The last restore drill of {args.name} failed",
            description="Its report says what came back and what did not, and whether the backups themselves are at"
            " fault. No drill has succeeded since.",
        ),
    )
