"""Services, budgets and monitors that CloudNativePG makes of a Cluster. Known from the source of operator 1.30.0."""

from collections.abc import Mapping
from typing import Any

from seawall.operators import cnpg
from seawall.operators.cnpg.projection_metadata import Manifest, Source
from seawall.operators.reading import UnprojectableError, boolean, mapping, name, sequence, text

_MANAGED = ("spec", "managed", "services", "additional")


def services(source: Source) -> list[Manifest]:
    """The Services `-rw`, `-ro` and `-r`, but those that are disabled, and those of `managed.services.additional`."""
    made = []
    for access, called in cnpg.service_names(source.name).items():
        if access not in source.disabled_services:
            spec = {"type": "ClusterIP", "selector": _selector(source, access), "ports": [_port()]}
            made.append(source.object("v1", "Service", called, source.app_labels, spec=spec))
    return [*made, *(_managed(source, given) for given in sequence(source.cluster, *_MANAGED))]


def _port() -> Manifest:
    return {"name": "postgres", "port": cnpg.POSTGRES_PORT, "targetPort": cnpg.POSTGRES_PORT, "protocol": "TCP"}


def _selector(source: Source, access: str) -> Manifest:
    roles = {"rw": "primary", "ro": "replica"}
    if access in roles:
        return {cnpg.CLUSTER_LABEL: source.name, cnpg.INSTANCE_ROLE_LABEL: roles[access]}
    return cnpg.instance_labels(source.name)


def _managed(source: Source, given: Any) -> Manifest:
    if not isinstance(given, Mapping):
        raise UnprojectableError(_MANAGED, "a list of services")
    called = text(given, "serviceTemplate", "metadata", "name")
    access = given.get("selectorType")
    if not called or access not in ("rw", "ro", "r"):
        raise UnprojectableError(_MANAGED, "a list of services with a name and a selectorType (rw, ro or r)")
    labels = {
        **mapping(given, "serviceTemplate", "metadata", "labels"),
        "cnpg.io/isManaged": "true",
        cnpg.CLUSTER_LABEL: source.name,
        **source.app_labels,
    }
    template = mapping(given, "serviceTemplate", "spec")
    ports = template.get("ports")
    if ports is None or isinstance(ports, list):  # what is no list is passed on, so that readers meet it
        listed = [port for port in ports or () if isinstance(port, Mapping)]
        if not any(port.get("name") == "postgres" or port.get("port") == cnpg.POSTGRES_PORT for port in listed):
            ports = [*(ports or ()), _port()]
    spec = {
        **template,
        "type": template.get("type") or "ClusterIP",
        "selector": _selector(source, access),
        "ports": ports,
    }
    made = source.object("v1", "Service", called, labels, spec=spec)
    own = {**mapping(given, "serviceTemplate", "metadata", "annotations")}
    made["metadata"]["annotations"] = {
        **own,
        "cnpg.io/updateStrategy": given.get("updateStrategy") or "patch",
        **made["metadata"]["annotations"],
    }
    return made


def budgets(source: Source) -> list[Manifest]:
    """The budgets: `<cluster>-primary`, and `<cluster>` over the replicas of three instances and more.

    None with `enablePDB: false`. In a maintenance window that keeps the volumes, which is what it does unless told, the
    replicas have none, and neither has a single instance.
    """
    enabled = boolean(source.cluster, "spec", "enablePDB", default=True)
    window = ("spec", "nodeMaintenanceWindow")
    relaxed = boolean(source.cluster, *window, "inProgress", default=False) and boolean(
        source.cluster, *window, "reusePVC", default=True
    )
    made = []
    for called in cnpg.budget_names(source.name, source.instances, enable_pdb=enabled):
        primary = called != source.name
        if relaxed and not (primary and source.instances > 1):
            continue
        spec = {
            "minAvailable": 1 if primary else source.instances - 2,
            "selector": {
                "matchLabels": {
                    cnpg.CLUSTER_LABEL: source.name,
                    cnpg.INSTANCE_ROLE_LABEL: "primary" if primary else "replica",
                }
            },
        }
        made.append(source.object("policy/v1", "PodDisruptionBudget", called, source.app_labels, spec=spec))
    return made


def monitors(source: Source) -> list[Manifest]:
    """The PodMonitor of `monitoring.enablePodMonitor`, which is deprecated."""
    if not boolean(source.cluster, "spec", "monitoring", "enablePodMonitor", default=False):
        return []
    authority = text(source.cluster, "spec", "certificates", "serverCASecret") or cnpg.authority_secret(source.name)
    spec = {
        "selector": {"matchLabels": cnpg.instance_labels(source.name)},
        "podMetricsEndpoints": [endpoint(source.cluster, authority, f"{source.name}-rw")],
    }
    return [source.object("monitoring.coreos.com/v1", "PodMonitor", source.name, source.app_labels, spec=spec)]


def endpoint(resource: Mapping[str, Any], authority: str, server: str) -> Manifest:
    """The one endpoint of a PodMonitor that the operator makes of a Cluster or a Pooler."""
    made: Manifest = {"port": cnpg.METRICS_PORT_NAME}
    if boolean(resource, "spec", "monitoring", "tls", "enabled", default=False):
        made["scheme"] = "HTTPS"
        made["tlsConfig"] = {
            "ca": {"secret": {"name": authority, "key": cnpg.CA_KEY}},
            "serverName": server,
            "insecureSkipVerify": True,
        }
    given = mapping(resource, "spec", "monitoring")
    for field, becomes in (
        ("podMonitorMetricRelabelings", "metricRelabelings"),
        ("podMonitorRelabelings", "relabelings"),
    ):
        if given.get(field) is not None:
            made[becomes] = given[field]
    return made


def server_names(cluster: Mapping[str, Any], namespace: str) -> tuple[str, ...] | None:
    """The DNS names in the server certificate that the operator makes; None when a certificate of one's own is given.

    Those of the enabled default Services, of the managed ones and `certificates.serverAltDNSNames`; never a pooler's.
    """
    if text(cluster, "spec", "certificates", "serverTLSSecret"):
        return None
    disabled = sequence(cluster, "spec", "managed", "services", "disabledDefaultServices")
    defaults = cnpg.service_names(name(cluster))
    called = [defaults[access] for access in ("rw", "r", "ro") if access not in disabled]
    for given in sequence(cluster, *_MANAGED):
        if isinstance(given, Mapping):
            called.append(text(given, "serviceTemplate", "metadata", "name") or "")
    names = [form for service in called for form in cnpg.dns_forms(service, namespace)]
    return (*names, *sequence(cluster, "spec", "certificates", "serverAltDNSNames"))
