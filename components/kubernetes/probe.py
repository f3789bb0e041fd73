"""A CronJob that measures from inside the cluster and serves what it finds, hardened, as plain data.

Its pod ends after every run, so nothing pushes and nothing is stored: while it measures it serves `/metrics` on one
port, and the scraper reads them there. Scripts are of the standard library alone and run with `python -I`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seawall.components.kubernetes import network
from seawall.components.kubernetes.metadata import Manifest, metadata
from seawall.components.kubernetes.monitoring import pod_monitor
from seawall.components.kubernetes.network import Policy, Rule
from seawall.components.kubernetes.pod_security import container_security_context, pod_security_context
from seawall.components.kubernetes.service_account import service_account
from seawall.components.platform import Platform

METRICS_PORT = 9180
METRICS_PORT_NAME = "metrics"
METRICS_PATH = "/metrics"
"""Where every probe serves what it has measured."""

UID = 65532
"""The user that the scripts run as; the image needs none of that number."""

MOUNT = "/opt/probe"
SECRETS_MOUNT = "/etc/probe"
"""The scripts are mounted below the one, each Secret in a folder of its own below the other."""

GRACE_SECONDS = 120
"""Time beyond the measuring that a run may take (image, connection) before it is ended."""
LATEST_START_SECONDS = 120
"""A run that could not start for this long is given up; the next one comes."""


@dataclass(frozen=True)
class SecretFiles:
    """Keys of one Secret that are mounted as files `/etc/probe/<folder>/<key>`, and no other key of it."""

    folder: str
    secret: str
    keys: tuple[str, ...]
    optional: bool = False
    """Whether the probe runs without it; otherwise its pod waits for the Secret."""

    def path(self, key: str) -> str:
        """The file that holds the value of a key."""
        return f"{SECRETS_MOUNT}/{self.folder}/{key}"


@dataclass(frozen=True)
class Probe:
    """One probe: what runs, when and for how long, what it may read, and whom it may reach."""

    name: str
    """Name of all its objects; a CronJob's may have 52 characters."""
    namespace: str
    labels: Mapping[str, str]
    """Labels of its objects."""
    pods: Mapping[str, str]
    """Labels of its pods; of no other pod."""
    schedule: str
    """Five fields, minute first, UTC."""
    seconds: int
    """How long a run measures."""
    image: str
    script: Path
    """The script that runs."""
    modules: Mapping[str, Path]
    """What it imports besides the standard library: path from where `import` looks (`a/b.py`) → file."""
    environment: Mapping[str, str]
    """Settings of the script; never a secret."""
    egress: tuple[Rule, ...]
    """What it measures. Names are resolved besides."""
    platform: Platform
    files: tuple[SecretFiles, ...] = ()
    resources: Mapping[str, Mapping[str, str]] = field(
        default_factory=lambda: {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"cpu": "250m", "memory": "64Mi"},
        }
    )


def manifests(probe: Probe) -> dict[str, Manifest]:
    """The probe's objects by purpose: `script`, `account`, `network`, `job`, `scrape`; the job needs the first 3."""
    return {
        "script": config_map(probe),
        "account": service_account(probe.name, probe.namespace, labels=probe.labels),
        "network": network.render(policy(probe), cni=probe.platform.cni, cluster=probe.platform.cluster),
        "job": cron_job(probe),
        "scrape": pod_monitor(
            probe.name,
            probe.namespace,
            pods=probe.pods,
            port=METRICS_PORT_NAME,
            path=METRICS_PATH,
            labels=probe.labels,
            one_after_another=True,
        ),
    }


def config_map(probe: Probe) -> Manifest:
    """The scripts; the keys are their paths with `.` for `/`, which a key may not have."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(probe.name, probe.namespace, labels=probe.labels),
        "data": {_key(path): source.read_text(encoding="utf-8") for path, source in _files(probe).items()},
    }


def policy(probe: Probe) -> Policy:
    """What it measures and DNS go out, the scraper comes in; nothing else either way."""
    observability = probe.platform.observability
    scraper = network.Pods(observability.namespace, observability.scraper_labels)
    return Policy(
        name=probe.name,
        namespace=probe.namespace,
        labels=probe.labels,
        pods=probe.pods,
        ingress=(Rule(peers=(scraper,), tcp=(METRICS_PORT,), get=METRICS_PATH),),
        egress=(network.DNS, *probe.egress),
    )


def cron_job(probe: Probe) -> Manifest:
    """The CronJob: one run at a time, ended when it hangs; nothing writable, no root, no token."""
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata(probe.name, probe.namespace, labels=probe.labels),
        "spec": {
            "schedule": probe.schedule,
            "timeZone": "Etc/UTC",
            "suspend": False,  # said, so that an update ends what was suspended by hand
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": LATEST_START_SECONDS,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {
                "metadata": {"labels": dict(probe.pods)},
                "spec": {
                    "activeDeadlineSeconds": probe.seconds + GRACE_SECONDS,
                    # The next run is the retry.
                    "backoffLimit": 0,
                    "template": {"metadata": {"labels": dict(probe.pods)}, "spec": _pod(probe)},
                },
            },
        },
    }


def _pod(probe: Probe) -> Manifest:
    secrets = [{"name": it.folder, "mountPath": f"{SECRETS_MOUNT}/{it.folder}", "readOnly": True} for it in probe.files]
    return {
        "serviceAccountName": probe.name,
        "automountServiceAccountToken": False,
        # The environment would otherwise name every Service of the namespace.
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": pod_security_context(UID, fs_group=UID),
        "containers": [
            {
                "name": "probe",
                "image": probe.image,
                # Isolated: nothing of the environment or the user's folders is imported. -B: no bytecode is written.
                "command": ["python", "-I", "-B", MOUNT],
                "env": [{"name": name, "value": value} for name, value in sorted(_environment(probe).items())],
                "ports": [{"name": METRICS_PORT_NAME, "containerPort": METRICS_PORT}],
                "resources": {kind: dict(amounts) for kind, amounts in probe.resources.items()},
                "securityContext": container_security_context(UID),
                "volumeMounts": [{"name": "script", "mountPath": MOUNT, "readOnly": True}, *secrets],
            }
        ],
        "volumes": [
            {
                "name": "script",
                "configMap": {
                    "name": probe.name,
                    "items": [{"key": _key(path), "path": path} for path in _files(probe)],
                },
            },
            *(_secret_volume(files) for files in probe.files),
        ],
    }


def _environment(probe: Probe) -> dict[str, str]:
    return {
        "PROBE_SECONDS": str(probe.seconds),
        "PROBE_METRICS_PORT": str(METRICS_PORT),
        **probe.environment,
    }


def _secret_volume(files: SecretFiles) -> Manifest:
    # Only the keys that are needed: the same Secret may hold a private key.
    items = [{"key": key, "path": key} for key in files.keys]
    secret: Manifest = {"secretName": files.secret, "defaultMode": 0o440, "items": items}
    if files.optional:
        secret["optional"] = True
    return {"name": files.folder, "secret": secret}


def _files(probe: Probe) -> dict[str, Path]:
    """Path below the mount → file: Python runs a folder by its `__main__.py`, and imports from that folder."""
    return {"__main__.py": probe.script, **probe.modules}


def _key(path: str) -> str:
    return path.replace("/", ".")
