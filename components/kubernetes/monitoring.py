"""Scrape and alert objects of the Prometheus operator (VictoriaMetrics' operator converts the same objects)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from seawall.components.kubernetes.metadata import Manifest, metadata

API_VERSION = "monitoring.coreos.com/v1"
RUNBOOKS = "docs/runbooks"
"""The folder of this repository with one page per alert; what links name when no address is given."""

Severity = Literal["critical", "warning", "info"]
"""`critical`: somebody gets up now. `warning`: today. `info`: advisory, nobody is called."""


@dataclass(frozen=True)
class Alert:
    """One alert: when it fires and what it says.

    `pending` is how long the expression must hold (`5m`). `summary` is one line, `description` says what it means for
    the clients; both may use Prometheus' templates (`{{ $labels.pod }}`).
    """

    name: str
    expression: str
    pending: str
    severity: Severity
    summary: str
    description: str


@dataclass(frozen=True)
class Recording:
    """One recorded series: its name (`level:metric:operation`) and the expression whose value it keeps."""

    name: str
    expression: str


def about(service: str, namespace: str, name: str) -> dict[str, str]:
    """Labels that say which instance of which service an alert is about.

    Many expressions end in a series without labels (`absent`, a sum): without these, two instances' alerts would be one
    to the alert manager.
    """
    return {"data_service": service, "data_target": f"{namespace}/{name}"}


def pod_monitor(
    name: str,
    namespace: str,
    *,
    pods: Mapping[str, str],
    port: str,
    path: str = "/metrics",
    pod_labels: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    one_after_another: bool = False,
) -> Manifest:
    """A PodMonitor that scrapes the named container port of the pods with these labels, every 30 seconds.

    `pod_labels` are labels of the pods that every series gets as well. `one_after_another` is for pods that follow each
    other, one at a time: they are one target, and no series says which pod it came from. Otherwise every run of a
    CronJob would leave series of its own behind, hundreds of them a day.
    """
    targets: Manifest = {"podTargetLabels": list(pod_labels)} if pod_labels else {}
    endpoint: Manifest = {"port": port, "path": path, "interval": "30s", "scrapeTimeout": "10s"}
    if one_after_another:
        endpoint["relabelings"] = [
            {"action": "replace", "targetLabel": "instance", "replacement": name},
            {"action": "labeldrop", "regex": "pod"},
        ]
    return {
        "apiVersion": API_VERSION,
        "kind": "PodMonitor",
        "metadata": metadata(name, namespace, labels=labels),
        "spec": {
            "selector": {"matchLabels": dict(pods)},
            "namespaceSelector": {"matchNames": [namespace]},
            "podMetricsEndpoints": [endpoint],
            **targets,
        },
    }


def prometheus_rule(
    name: str,
    namespace: str,
    *,
    alerts: Sequence[Alert],
    recordings: Sequence[Recording] = (),
    alert_labels: Mapping[str, str] | None = None,
    runbooks: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> Manifest:
    """A PrometheusRule with one group: recorded series first, then alerts, each with a link to its runbook page.

    `alert_labels` go to every alert (see `about`); `runbooks` is the https address that the pages are published at
    (`platform.observability.runbooks`), None for their place in the repository.
    """
    rules = [{"record": it.name, "expr": it.expression} for it in recordings]
    rules += [_alert(alert, alert_labels or {}, runbooks or RUNBOOKS) for alert in alerts]
    return {
        "apiVersion": API_VERSION,
        "kind": "PrometheusRule",
        "metadata": metadata(name, namespace, labels=labels),
        "spec": {"groups": [{"name": f"{namespace}.{name}", "rules": rules}]},
    }


def _alert(alert: Alert, labels: Mapping[str, str], runbooks: str) -> Manifest:
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": alert.pending,
        "labels": {"severity": alert.severity, **labels},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": f"{runbooks}/{alert.name}.md",
        },
    }


def secret_sync_alert(name: str, namespace: str, secrets: Sequence[str]) -> Alert:
    """The alert for ExternalSecrets that do not sync, or that nobody reports: a wrong path shows here only.

    A scraper that does not keep the exporter's own labels (the operator's chart leaves `honorLabels` off) renames the
    ExternalSecret's namespace to `exported_namespace`, so both names are asked for.
    """
    mine = f'name=~"{"|".join(sorted(secrets))}"'
    spellings = [f'{label}="{namespace}",{mine}' for label in ("namespace", "exported_namespace")]
    failing = " or ".join(
        f'externalsecret_status_condition{{condition="Ready",status="False",{where}}}' for where in spellings
    )
    known = " or ".join(f'externalsecret_status_condition{{condition="Ready",{where}}}' for where in spellings)
    return Alert(
        name=name,
        expression=f"max by (name) ({failing}) == 1 or count(max by (name) ({known})) < {len(set(secrets))}"
        f" or absent({known})",
        pending="15m",
        severity="warning",
        summary=f"A secret of {namespace} does not sync{{{{ with $labels.name }}}}: {{{{ . }}}}{{{{ end }}}}",
        description="The path in the secret store is wrong, the store does not answer, or the External Secrets operator"
        " is not scraped: a rotated secret does not arrive, and a new instance gets none.",
    )
