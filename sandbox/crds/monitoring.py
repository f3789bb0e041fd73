"""Models of `PodMonitor`, `ServiceMonitor` and `PrometheusRule` (monitoring.coreos.com/v1).

For a sandbox that has no vendor's CRDs: what a monitor or rule of a database needs, with the vendor's types.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from seawall.sandbox.crds.schema import IntOrString, Kind, LabelSelector, Model, SecretKeySelector

_DURATION = (
    r"^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$"  # Prometheus' own
)
Duration = Annotated[str, Field(pattern=_DURATION)]
Scheme = Literal["http", "https", "HTTP", "HTTPS"]
Action = Literal[
    "replace",
    "keep",
    "drop",
    "hashmod",
    "labelmap",
    "labeldrop",
    "labelkeep",
    "lowercase",
    "uppercase",
    "keepequal",
    "dropequal",
]


class NamespaceSelector(Model):
    """Namespaces that are looked at; the object's own when absent."""

    any: bool | None = Field(default=None, description="Every namespace.")
    match_names: list[str] | None = Field(default=None, description="These namespaces.")


class Relabeling(Model):
    """One relabelling step."""

    source_labels: list[str] | None = Field(default=None, description="Labels that are joined.")
    separator: str | None = Field(default=None, description="Between joined values.")
    regex: str | None = Field(default=None, description="What the joined value must match.")
    modulus: int | None = Field(default=None, ge=0, description="Of the hash.")
    replacement: str | None = Field(default=None, description="New value.")
    target_label: str | None = Field(default=None, description="Label that gets it.")
    action: Action = Field(default="replace", description="What to do.")


class SafeTls(Model):
    """TLS towards the target."""

    insecure_skip_verify: bool | None = Field(default=None, description="The certificate is not verified.")
    server_name: str | None = Field(default=None, description="Name in the certificate.")


class Endpoint(Model):
    """What is scraped."""

    port: str | None = Field(default=None, description="Name of the port.")
    target_port: IntOrString | None = Field(default=None, description="Name or number of the container's port.")
    path: str | None = Field(default=None, description="Path; /metrics when absent.")
    scheme: Scheme | None = Field(default=None, description="http or https.")
    params: dict[str, list[str]] | None = Field(default=None, description="Query parameters.")
    interval: Duration | None = Field(default=None, description="How often.")
    scrape_timeout: Duration | None = Field(default=None, description="How long at most.")
    honor_labels: bool | None = Field(default=None, description="The target's labels win.")
    honor_timestamps: bool | None = Field(default=None, description="The target's timestamps win.")
    follow_redirects: bool | None = Field(default=None, description="Redirects are followed.")
    enable_http2: bool | None = Field(default=None, alias="enableHttp2", description="HTTP/2 may be used.")
    filter_running: bool | None = Field(default=None, description="Only pods that run.")
    tls_config: SafeTls | None = Field(default=None, description="TLS towards the target.")
    bearer_token_secret: SecretKeySelector | None = Field(default=None, description="Secret key with a token.")
    relabelings: list[Relabeling] | None = Field(default=None, description="Before the scrape.")
    metric_relabelings: list[Relabeling] | None = Field(default=None, description="After the scrape.")


class PodEndpoint(Endpoint):
    """What is scraped of a pod."""

    port_number: int | None = Field(default=None, ge=1, description="Number of the pod's port.")


class _Monitor(Model):
    selector: LabelSelector = Field(description="What is monitored.")
    selector_mechanism: Literal["RelabelConfig", "RoleSelector"] | None = Field(
        default=None, description="Where the selector is evaluated."
    )
    namespace_selector: NamespaceSelector | None = Field(default=None, description="Where.")
    job_label: str | None = Field(default=None, description="Label whose value names the job.")
    pod_target_labels: list[str] | None = Field(default=None, description="Pod labels that metrics get.")
    sample_limit: int | None = Field(default=None, ge=0, description="Samples per scrape.")
    target_limit: int | None = Field(default=None, ge=0, description="Targets.")
    label_limit: int | None = Field(default=None, ge=0, description="Labels per sample.")


class PodMonitorSpec(_Monitor):
    """Pods to scrape."""

    pod_metrics_endpoints: list[PodEndpoint] | None = Field(default=None, description="Endpoints.")


class ServiceMonitorSpec(_Monitor):
    """Services to scrape."""

    endpoints: list[Endpoint] = Field(description="Endpoints.")
    target_labels: list[str] | None = Field(default=None, description="Service labels that metrics get.")


class _SnakeCase(Model):
    model_config = ConfigDict(alias_generator=None)  # Prometheus' own rule format is not camelCase


class Rule(_SnakeCase):
    """An alert or a recording rule."""

    alert: str | None = Field(default=None, description="Name of the alert.")
    record: str | None = Field(default=None, description="Name of the recorded series.")
    expr: IntOrString = Field(description="PromQL expression.")
    for_: Duration | None = Field(default=None, alias="for", description="How long it must hold.")
    keep_firing_for: Duration | None = Field(default=None, description="How long it fires after it held.")
    labels: dict[str, str] | None = Field(default=None, description="Labels.")
    annotations: dict[str, str] | None = Field(default=None, description="Annotations.")


class RuleGroup(_SnakeCase):
    """Rules that are evaluated together."""

    name: str = Field(min_length=1, description="Name.")
    interval: Duration | None = Field(default=None, description="How often.")
    query_offset: Duration | None = Field(default=None, description="How far in the past.")
    limit: int | None = Field(default=None, description="Alerts or series at most.")
    labels: dict[str, str] | None = Field(default=None, description="Labels of every rule.")
    rules: list[Rule] | None = Field(default=None, description="Rules.")


class PrometheusRuleSpec(Model):
    """Groups of rules."""

    groups: list[RuleGroup] | None = Field(
        default=None,
        description="Groups by name.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )


class MonitoringStatus(Model):
    """The vendor's operator writes who uses the object; the sandbox runs none, so nothing is declared."""


def _kind(kind: str, plural: str, spec: type[Model]) -> Kind:
    return Kind(
        group="monitoring.coreos.com",
        version="v1",
        kind=kind,
        plural=plural,
        spec=spec,
        status=MonitoringStatus,
    )


POD_MONITOR = _kind("PodMonitor", "podmonitors", PodMonitorSpec)
SERVICE_MONITOR = _kind("ServiceMonitor", "servicemonitors", ServiceMonitorSpec)
PROMETHEUS_RULE = _kind("PrometheusRule", "prometheusrules", PrometheusRuleSpec)
