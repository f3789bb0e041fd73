"""The certificates of a Postgres cluster as its clients see them: measured, and alerted on. Plain data.

The operator's authority and certificates are valid for 90 days and renewed 7 days before their end (operator 1.30,
`CERTIFICATE_DURATION` and `EXPIRING_CHECK_THRESHOLD`), so a healthy one has never fewer than 7 days left. Nothing else
notices when a renewal fails, or when a host name that clients use is missing in the certificate.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from seawall.components.kubernetes import probe
from seawall.components.kubernetes.external_secret import external_secret
from seawall.components.kubernetes.metadata import Manifest, owned_labels
from seawall.components.kubernetes.monitoring import Alert, about, prometheus_rule
from seawall.components.kubernetes.network import Pods, Rule
from seawall.components.kubernetes.probe import Probe, SecretFiles
from seawall.components.platform import Platform
from seawall.components.probes.image import SCRIPTS, SHARED
from seawall.components.probes.scripts.certificates import AUTHORITY_NOT_AFTER, NOT_AFTER, VALID
from seawall.components.probes.settings import CertificateProbe
from seawall.operators.cnpg import CA_KEY

__all__ = ["CertificateProbe", "CertificateTarget", "manifests", "pod_labels", "probe_name"]

DAY = 86400


@dataclass(frozen=True)
class CertificateTarget:
    """The Postgres cluster whose certificates are checked."""

    postgres: str
    """The cluster's name."""
    namespace: str
    """Its namespace, in which the probe runs as well."""
    hosts: Mapping[str, tuple[str, ...]]
    """Host to connect to → every name that its certificate must have."""
    port: int
    pods: tuple[Pods, ...]
    """The pods behind the hosts: instances and poolers."""
    authority_secret: str
    """The Secret of the operator's authority; only `ca.crt` of it is mounted, as it also holds the private key."""
    stored_authority: str | None = None
    """The entry in the secret store from which clients in other clusters get `ca.crt`, when there are any."""


def probe_name(postgres: str) -> str:
    """The name of the probe's objects."""
    return f"{postgres}-certs"


def pod_labels(postgres: str) -> dict[str, str]:
    """Labels of the probe's pods; instances and poolers must let them in. Without `cnpg.io/cluster`."""
    return owned_labels("certificate-probe", postgres)


def manifests(settings: CertificateProbe, target: CertificateTarget, platform: Platform) -> dict[str, Manifest]:
    """The probe's objects by purpose: `script account network job scrape rules`, and `ca` for a stored authority.

    The job needs `script`, `account` and `network`; it runs without `ca`, whose absence is then reported.
    """
    name, labels = probe_name(target.postgres), pod_labels(target.postgres)
    cluster = SecretFiles(folder="cluster", secret=target.authority_secret, keys=(CA_KEY,))
    store = SecretFiles(folder="store", secret=f"{name}-ca", keys=(CA_KEY,), optional=True)
    files = (cluster, store) if target.stored_authority else (cluster,)
    environment = {
        "PROBE_HOSTS": json.dumps({host: list(names) for host, names in target.hosts.items()}),
        "PROBE_PORT": str(target.port),
        "PROBE_POSTGRES": target.postgres,
        "PROBE_AUTHORITIES": json.dumps({it.folder: it.path(CA_KEY) for it in files}),
    }
    made = probe.manifests(
        Probe(
            name=name,
            namespace=target.namespace,
            labels=labels,
            pods=labels,
            schedule=settings.schedule,
            seconds=settings.seconds,
            image=settings.image,
            script=SCRIPTS / "certificates.py",
            modules=SHARED,
            environment=environment,
            egress=(Rule(peers=target.pods, tcp=(target.port,)),),
            platform=platform,
            files=files,
        )
    )
    if target.stored_authority:
        made["ca"] = external_secret(
            f"{name}-ca",
            target.namespace,
            store=platform.secret_store.reference,
            path=target.stored_authority,
            fields={CA_KEY: CA_KEY},
            labels=labels,
        )
    made["rules"] = prometheus_rule(
        name,
        target.namespace,
        alerts=alerts(settings, target),
        alert_labels=about("postgresql", target.namespace, target.postgres),
        runbooks=platform.observability.runbooks,
        labels=labels,
    )
    return made


def alerts(settings: CertificateProbe, target: CertificateTarget) -> list[Alert]:
    """Expiry, refusal and silence. Runs are short, so every expression looks back over two of them."""
    minutes = int(settings.look_back.total_seconds()) // 60
    names = len({name for group in target.hosts.values() for name in group})
    left = settings.days_left * DAY

    def seen(metric: str, authority: str = "cluster") -> str:
        where = f'namespace="{target.namespace}",postgres="{target.postgres}",authority="{authority}"'
        return f"{metric}{{{where}}}[{minutes}m]"

    shown = f"min(last_over_time({seen(NOT_AFTER)}))"
    trusted = f"max(last_over_time({seen(AUTHORITY_NOT_AFTER)}))"
    best = f"max by (host) (max_over_time({seen(VALID)}))"
    found = [
        Alert(
            name="CnpgCertificateExpiry",
            expression=f"{shown} - time() < {left} or {trusted} - time() < {left}",
            pending="30m",
            severity="critical",
            summary=f"A certificate of {target.postgres} ends in {{{{ $value | humanizeDuration }}}}",
            description="The operator renews 7 days before the end and has not. At the end every client that verifies,"
            " every pooler and every replica is refused.",
        ),
        Alert(
            name="CnpgCertificateInvalid",
            expression=f"{best} == 0",
            pending="0m",
            severity="critical",
            summary=f"{{{{ $labels.host }}}} of {target.postgres} shows a certificate that clients refuse",
            description="Clients with sslmode=verify-full that use this name cannot connect: the name is not in the "
            "certificate, it has expired, or another authority signed it.",
        ),
        Alert(
            name="CnpgCertificateUnknown",
            expression=f"count({best}) < {names} or absent_over_time({seen(VALID)})",
            pending="30m",
            severity="warning",
            summary=f"Nobody knows whether all certificates of {target.postgres} are valid",
            description="The probe does not run, is not scraped, or cannot reach PostgreSQL or a pooler. The other two "
            "alerts are blind for what is missing.",
        ),
    ]
    if target.stored_authority:
        stored, valid = seen(AUTHORITY_NOT_AFTER, "store"), seen(VALID, "store")
        found.append(
            Alert(
                name="CnpgStoredAuthorityStale",
                expression=f"max(last_over_time({stored})) - time() < {left} or absent_over_time({stored})"
                f" or max by (host) (max_over_time({valid})) == 0",
                pending="1h",
                severity="warning",
                summary=f"Clients in other clusters get an old ca.crt of {target.postgres}, or none",
                description="The entry in the secret store was not renewed with the operator's authority. Clients in "
                "other clusters are refused when it ends.",
            )
        )
    return found
