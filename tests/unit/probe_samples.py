"""Probes for tests, small and valid; a test changes what it is about."""

from pathlib import Path
from typing import Any

from dragonfly_samples import PLATFORM

from seawall.components.kubernetes.network import Pods
from seawall.components.platform import Platform
from seawall.components.probes import certificates, latency
from seawall.components.probes.settings import CertificateProbe, LatencyProbe


def platform(**changes: Any) -> Platform:
    return Platform.model_validate({**PLATFORM, **changes})


def latency_target(**changes: Any) -> latency.LatencyTarget:
    given = {
        "dragonfly": "cache",
        "host": "dragonfly-global.dragonfly-system.svc.cluster.local",
        "port": 6379,
        "pods": Pods("dragonfly-system", {"app": "cache"}),
        "path": "intra-cluster",
        "password": latency.Entry("infra/dragonfly", "password"),
    }
    return latency.LatencyTarget(**{**given, **changes})


def latency_made(
    settings: dict[str, Any] | None = None, *, on: Platform | None = None, **changes: Any
) -> dict[str, dict[str, Any]]:
    probe = LatencyProbe.model_validate({"namespace": "harbor", **(settings or {})})
    return latency.manifests(probe, latency_target(**changes), on or platform())


def certificate_target(**changes: Any) -> certificates.CertificateTarget:
    given = {
        "postgres": "main",
        "namespace": "databases",
        "hosts": {"main-rw.databases.svc.cluster.local": ("main-rw", "main-rw.databases.svc.cluster.local")},
        "port": 5432,
        "pods": (Pods("databases", {"cnpg.io/cluster": "main"}),),
        "authority_secret": "main-ca",
    }
    return certificates.CertificateTarget(**{**given, **changes})


def certificates_made(
    settings: dict[str, Any] | None = None, *, on: Platform | None = None, **changes: Any
) -> dict[str, dict[str, Any]]:
    probe = CertificateProbe.model_validate(settings or {})
    return certificates.manifests(probe, certificate_target(**changes), on or platform())


def mount(made: dict[str, dict[str, Any]], folder: Path) -> Path:
    """The folder that the pod's container sees at the scripts' mount."""
    pod = pod_of(made)
    [volume] = [volume for volume in pod["volumes"] if "configMap" in volume]
    for item in volume["configMap"]["items"]:
        file = folder / item["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(made["script"]["data"][item["key"]])
    return folder


def pod_of(made: dict[str, dict[str, Any]]) -> dict[str, Any]:
    pod: dict[str, Any] = made["job"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return pod


def environment_of(made: dict[str, dict[str, Any]]) -> dict[str, str]:
    [container] = pod_of(made)["containers"]
    return {entry["name"]: entry["value"] for entry in container["env"]}
