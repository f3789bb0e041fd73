"""What the real CloudNativePG operator needs to run outside of a cluster: its objects, its webhooks, its work dir.

All of it comes from the operator's own Go module; the sandbox changes only what ties it to a cluster of containers.
"""

import base64
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from seawall.errors import EnvironmentFailure
from seawall.sandbox.objects import CNPG_NAMESPACE, Manifest, architecture
from seawall.sandbox.pki import Pki

NAMESPACE = CNPG_NAMESPACE
PREFIX = "cnpg-"  # the release manifests' name prefix
DEPLOYMENT = "cnpg-controller-manager"
CONFIG_MAP = "cnpg-controller-manager-config"
MONITORING_CONFIG_MAP = "cnpg-default-monitoring"
REPLICAS = 2


def version(module: Path) -> str:
    """The operator's version, from the folder of its Go module (`…@v1.30.0` → `1.30.0`)."""
    return module.name.rpartition("@v")[2]


def image(module: Path) -> str:
    """The image that the operator would run as."""
    return f"ghcr.io/cloudnative-pg/cloudnative-pg:{version(module)}"


def crds(module: Path) -> list[Path]:
    """The CRDs of a kubebuilder project's module (CloudNativePG and its barman plugin)."""
    return _files(module, "config/crd/bases")


def objects(module: Path) -> list[Manifest]:
    """The operator's account, ConfigMaps and Deployment, as its release manifests name them.

    The Deployment's pods are simulated: the process that does the work is started beside the API server.
    """
    found: list[Manifest] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": CONFIG_MAP, "namespace": NAMESPACE}, "data": {}}
    ]
    for manifest in _manifests(module, "config/manager/default-monitoring.yaml"):
        manifest["metadata"] |= {"name": MONITORING_CONFIG_MAP, "namespace": NAMESPACE}
        found.append(manifest)
    for manifest in _manifests(module, "config/manager/manager.yaml"):
        if manifest["kind"] == "Namespace":
            continue
        manifest["metadata"] |= {"name": PREFIX + manifest["metadata"]["name"], "namespace": NAMESPACE}
        if manifest["kind"] == "Deployment":
            manifest["spec"]["replicas"] = REPLICAS
            pod = manifest["spec"]["template"]["spec"]
            pod["serviceAccountName"] = PREFIX + pod["serviceAccountName"]
            for container in pod["containers"]:
                container["image"] = image(module)
        found.append(manifest)
    return found


def webhooks(module: Path, port: int, pki: Pki) -> list[Manifest]:
    """The operator's webhook configurations, sent to the process on this machine instead of to a Service."""
    bundle = base64.b64encode(pki.ca.read_bytes()).decode("ascii")
    found = []
    for manifest in _manifests(module, "config/webhook/manifests.yaml"):
        manifest["metadata"]["name"] = PREFIX + manifest["metadata"]["name"]
        for webhook in manifest["webhooks"]:
            path = webhook["clientConfig"]["service"]["path"]
            webhook["clientConfig"] = {"url": f"https://127.0.0.1:{port}{path}", "caBundle": bundle}
        found.append(manifest)
    return found


def prepare_work_dir(folder: Path, manager: Path, pki: Pki) -> None:
    """Make the folder that the manager runs in: its serving certificate and the binary that it offers to instances.

    The operator looks for `operator/manager_<arch>` to learn which architectures it can serve.
    """
    (folder / "operator").mkdir(parents=True, exist_ok=True)
    certificates = folder / "webhook"
    certificates.mkdir(exist_ok=True)
    offered = folder / "operator" / f"manager_{architecture()}"
    for link, target in (
        (offered, manager),
        (certificates / "apiserver.crt", pki.cert("server")),
        (certificates / "apiserver.key", pki.key("server")),
    ):
        with contextlib.suppress(FileNotFoundError):
            link.unlink()
        link.symlink_to(target)


def _files(module: Path, folder: str) -> list[Path]:
    files = sorted((module / folder).glob("*_*.yaml"))
    if not files:
        raise EnvironmentFailure(
            f"the Go module {module} has no {folder}/*.yaml: its folder is incomplete; remove it and repeat"
        )
    return files


def _manifests(module: Path, path: str) -> Iterator[dict[str, Any]]:
    try:
        text = (module / path).read_text(encoding="utf-8")
    except OSError as error:
        raise EnvironmentFailure(
            f"the Go module {module} has no {path}: its folder is incomplete; remove it and repeat"
        ) from error
    yield from (document for document in yaml.safe_load_all(text) if document)
