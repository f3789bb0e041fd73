"""Scrape and alert objects of the Prometheus operator (VictoriaMetrics' operator converts the same objects)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from seawall.components.kubernetes.metadata import Manifest, metadata

API_VERSION = "monitoring.coreos.com/v1"
RUNBOOKS = "docs/runbooks"
"""The folder of this repository with one page per alert."""


@dataclass(frozen=True)
class Alert:
    """One alert: when it fires and what it says.

    `pending` is how long the expression must hold (`5m`). `summary` is one line, `description` says what it means for
    the clients; both may use Prometheus' templates (`{{ $labels.pod }}`).
    """

    name: str
    expression: str
    pending: str
    severity: Literal["critical", "warning", "info"]
    summary: str
    description: str


def pod_monitor(
    name: str,
    namespace: str,
    *,
    pods: Mapping[str, str],
    port: str,
    path: str = "/metrics",
    pod_labels: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
) -> Manifest:
    """A PodMonitor that scrapes the named container port of the pods with these labels, every 30 seconds.

    `pod_labels` are labels of the pods that every series gets as well.
    """
    targets: Manifest = {"podTargetLabels": list(pod_labels)} if pod_labels else {}
    return {
        "apiVersion": API_VERSION,
        "kind": "PodMonitor",
        "metadata": metadata(name, namespace, labels=labels),
        "spec": {
            "selector": {"matchLabels": dict(pods)},
            "namespaceSelector": {"matchNames": [namespace]},
            "podMetricsEndpoints": [{"port": port, "path": path, "interval": "30s", "scrapeTimeout": "10s"}],
            **targets,
        },
    }


def prometheus_rule(
    name: str, namespace: str, *, alerts: Sequence[Alert], labels: Mapping[str, str] | None = None
) -> Manifest:
    """A PrometheusRule with one group of alerts, each with a link to its runbook page."""
    return {
        "apiVersion": API_VERSION,
        "kind": "PrometheusRule",
        "metadata": metadata(name, namespace, labels=labels),
        "spec": {"groups": [{"name": name, "rules": [_alert(alert) for alert in alerts]}]},
    }


def _alert(alert: Alert) -> Manifest:
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": alert.pending,
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": f"{RUNBOOKS}/{alert.name}.md",
        },
    }


def secret_sync_alert(name: str, namespace: str, secrets: Sequence[str]) -> Alert:
    """The alert for ExternalSecrets that do not sync: a wrong path shows here and nowhere else."""
    matcher = "|".join(sorted(secrets))
    return Alert(
        name=name,
        expression="max by (namespace, name) (externalsecret_status_condition"
        f'{{condition="Ready",status="False",namespace="{namespace}",name=~"{matcher}"}}) == 1',
        pending="15m",
        severity="warning",
        summary="ExternalSecret {{ $labels.namespace }}/{{ $labels.name }} does not sync",
        description="The path in the secret store is wrong, or the store does not answer: a rotated secret does not"
        " arrive, and a new cluster gets none.",
    )
