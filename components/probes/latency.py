"""The latency of a Dragonfly instance as its clients see it: measured, recorded, and advised on. Plain data.

Dragonfly has no latency quantiles of its own, and the server could not see the network anyway.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

from seawall.components.kubernetes import probe
from seawall.components.kubernetes.external_secret import external_secret
from seawall.components.kubernetes.metadata import Manifest, owned_labels
from seawall.components.kubernetes.monitoring import (
    Alert,
    Recording,
    about,
    prometheus_rule,
    secret_sync_alert,
)
from seawall.components.kubernetes.network import Pods, Rule
from seawall.components.kubernetes.probe import Probe, SecretFiles
from seawall.components.platform import Platform
from seawall.components.probes.image import SCRIPTS, SHARED
from seawall.components.probes.scripts.latency import FAILURES, LATENCY, commands
from seawall.components.probes.settings import LatencyProbe
from seawall.operators import annotations

__all__ = ["Entry", "LatencyProbe", "LatencyTarget", "manifests", "pod_labels", "probe_name"]

Path = Literal["intra-cluster", "cross-cluster"]
RECORDED = "seawall:dragonfly_latency_seconds:p95_5m"
"""Recorded: the 95th percentile of five minutes, by instance, path and command."""
RECORDED_FAILURES = "seawall:dragonfly_latency_failures:increase_5m"
"""Recorded: commands and connections that failed in five minutes, by instance, path and command."""

PROBE = "latency-probe"
"""What the probe's pods are called in `app.kubernetes.io/name`."""

LONGEST_NAME = 52
"""A CronJob's name: the Job's adds 11 characters to it."""


@dataclass(frozen=True)
class Entry:
    """One field of an entry in the secret store; never a value."""

    path: str
    property: str


@dataclass(frozen=True)
class LatencyTarget:
    """The instance that is measured, as the probe's own cluster sees it."""

    dragonfly: str
    """The instance's name."""
    host: str
    """The host name that clients use in the probe's cluster."""
    port: int
    pods: Pods
    """The instance's pods: with their cluster named when the probe runs in another one."""
    path: Path
    password: Entry
    tls: bool = False
    """Whether clients speak TLS to it; the certificate and the host's name are then verified."""
    ca: Entry | None = None
    """The authority of the server's certificate; None for one that the image trusts anyway."""


def probe_name(dragonfly: str) -> str:
    """The name of the probe's objects; shortened, and kept distinct, where a CronJob's would be too long."""
    name = f"{dragonfly}-latency"
    if len(name) <= LONGEST_NAME:
        return name
    mark = hashlib.sha256(dragonfly.encode()).hexdigest()[:8]
    return f"{name[: LONGEST_NAME - 9].rstrip('-')}-{mark}"


def pod_labels(dragonfly: str) -> dict[str, str]:
    """Labels of the probe's pods."""
    return owned_labels(PROBE, dragonfly)


def manifests(settings: LatencyProbe, target: LatencyTarget, platform: Platform) -> dict[str, Manifest]:
    """The probe's objects by purpose: `script account network job scrape rules password`, and `ca` where there is one.

    All are in the probe's namespace of `platform`'s cluster. The job needs all of them but `scrape` and `rules`.
    """
    name = probe_name(target.dragonfly)
    labels = pod_labels(target.dragonfly)
    secrets = {"password": target.password} | ({"ca": target.ca} if target.ca else {})
    keys = {"password": "password", "ca": "ca.crt"}
    store = (platform.secret_store.kind, platform.secret_store.name)
    fetched = {
        purpose: external_secret(
            f"{name}-{purpose}",
            settings.namespace,
            store=store,
            path=entry.path,
            fields={keys[purpose]: entry.property},
            labels=labels,
        )
        for purpose, entry in secrets.items()
    }
    files = {
        purpose: SecretFiles(folder=purpose, secret=f"{name}-{purpose}", keys=(keys[purpose],)) for purpose in secrets
    }
    environment = {
        "PROBE_HOST": target.host,
        "PROBE_PORT": str(target.port),
        "PROBE_DRAGONFLY": target.dragonfly,
        "PROBE_PATH": target.path,
        "PROBE_PAUSE_MS": str(settings.pause_ms),
        "PROBE_PASSWORD_FILE": files["password"].path(keys["password"]),
        **({"PROBE_TLS": "verify"} if target.tls else {}),
        **({"PROBE_CA_FILE": files["ca"].path(keys["ca"])} if target.ca else {}),
    }
    made = probe.manifests(
        Probe(
            name=name,
            namespace=settings.namespace,
            labels=labels,
            pods=labels,
            schedule=settings.schedule,
            seconds=settings.seconds,
            image=settings.image,
            script=SCRIPTS / "latency.py",
            modules=SHARED,
            environment=environment,
            egress=(Rule(peers=(target.pods,), tcp=(target.port,)),),
            platform=platform,
            files=tuple(files.values()),
        )
    )
    measured = annotations.instance(namespace=target.pods.namespace, name=target.dragonfly)
    made["job"]["metadata"]["annotations"] = {annotations.MEASURES: measured}
    rules = prometheus_rule(
        name,
        settings.namespace,
        alerts=alerts(settings, target),
        recordings=recordings(settings, target),
        alert_labels=about("dragonfly", target.pods.namespace, target.dragonfly),
        runbooks=platform.observability.runbooks,
        labels=labels,
    )
    return {**fetched, **made, "rules": rules}


def recordings(settings: LatencyProbe, target: LatencyTarget) -> list[Recording]:
    """What is recorded, whatever pod measured it: every run has a pod of its own."""
    mine, by = _series(settings, target), "by (dragonfly, path, command)"
    p95 = mine[:-1] + ',quantile="0.95"}'
    return [
        Recording(RECORDED, f"max {by} (avg_over_time({LATENCY}{p95}[5m]))"),
        Recording(RECORDED_FAILURES, f"sum {by} (increase({FAILURES}{mine}[5m]))"),
    ]


def alerts(settings: LatencyProbe, target: LatencyTarget) -> list[Alert]:
    """Advisory alerts on what was recorded: nobody is called for them."""
    intra = target.path == "intra-cluster"
    limit = settings.intra_cluster_ms if intra else settings.cross_cluster_ms
    recorded = f'{{dragonfly="{target.dragonfly}",path="{target.path}"}}'
    where = f"{target.dragonfly} ({target.path}, from {settings.namespace})"
    return [
        Alert(
            name="DragonflyLatencyIntraClusterHigh" if intra else "DragonflyLatencyCrossClusterHigh",
            expression=f"{RECORDED}{recorded} > {limit / 1000:g}",
            pending="15m",
            severity="info",
            summary=f"{{{{ $labels.command }}}} on Dragonfly {where}: p95 is {{{{ $value | humanizeDuration }}}}",
            description=f"More than {limit} ms for 15 minutes. Clients wait longer; nothing is lost.",
        ),
        Alert(
            name="DragonflyLatencyUnknown",
            expression=f"count({RECORDED}{recorded}) < {len(commands(b''))} or absent({RECORDED}{recorded})",
            pending="30m",
            severity="warning",
            summary=f"Nobody knows the latency of Dragonfly {where}",
            description="The probe does not run, cannot sign in, gets no answers to one or all of its commands, or is "
            "not scraped. A client in its namespace may have the same trouble.",
        ),
        secret_sync_alert(
            "DragonflyLatencySecretNotSynced",
            settings.namespace,
            [f"{probe_name(target.dragonfly)}-{purpose}" for purpose in ("password", *(["ca"] if target.ca else []))],
        ),
    ]


def _series(settings: LatencyProbe, target: LatencyTarget) -> str:
    """The labels of everything that this probe measures."""
    return f'{{namespace="{settings.namespace}",dragonfly="{target.dragonfly}",path="{target.path}"}}'
