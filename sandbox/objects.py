"""The objects that a cluster has before anybody deploys to it: nodes, namespaces, storage classes (pure functions)."""

import platform
from collections.abc import Mapping
from typing import Any

from seawall.operators.annotations import MANAGED_BY_LABEL
from seawall.operators.labels import HOSTNAME, PSA_AUDIT, PSA_ENFORCE, PSA_WARN, ZONE

Manifest = dict[str, Any]

NODES: Mapping[str, str] = {"node-1": "zone-a", "node-2": "zone-b", "node-3": "zone-c", "node-4": "zone-a"}
"""Simulated nodes and their zones: four nodes, so that three replicas can move; three zones, so that spread shows."""

CNPG_NAMESPACE = "sandbox-cnpg-system"
"""Where CloudNativePG lives. No stack for a real cluster would use this name, so both may be here at once."""
OPERATOR_NAMESPACES = (CNPG_NAMESPACE, "sandbox-dragonfly-operator", "cert-manager")
"""Where the operators live: with Pod Security `restricted` enforced."""

DEFAULT_CLASS = "standard"
WAITING_CLASSES = ("openebs-local-nvme",)
"""Classes that bind when a pod is scheduled, on its node, as local volumes do."""

PROVISIONER = "sandbox.seawall.dev/volumes"  # also in stages.yaml, where kwok plays it

SANDBOX = "seawall-sandbox"
"""Who manages these objects, as their label says."""
_LABELS = {MANAGED_BY_LABEL: SANDBOX}


def architecture() -> str:
    """This machine's architecture as Kubernetes names it; the simulated nodes claim the same."""
    machine = platform.machine().lower()
    return {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(machine, machine)


def node(name: str, zone: str) -> Manifest:
    """A node for kwok to simulate."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                **_LABELS,
                HOSTNAME: name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": architecture(),
                "topology.kubernetes.io/region": "sandbox",
                ZONE: zone,
            },
            "annotations": {"node.alpha.kubernetes.io/ttl": "0", "kwok.x-k8s.io/node": "fake"},
        },
    }


def namespace(name: str, *, restricted: bool = False) -> Manifest:
    """A namespace; `restricted` enforces the Pod Security standard of that name."""
    labels = dict(_LABELS)
    if restricted:
        labels |= dict.fromkeys((PSA_ENFORCE, PSA_AUDIT, PSA_WARN), "restricted")
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def storage_class(name: str, *, default: bool = False, waits: bool = True) -> Manifest:
    """A storage class of the simulated provisioner; `waits` binds a claim only when its pod is scheduled."""
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "labels": dict(_LABELS), "annotations": annotations},
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "allowVolumeExpansion": True,
        "volumeBindingMode": "WaitForFirstConsumer" if waits else "Immediate",
    }


def base() -> list[Manifest]:
    """Everything above, in an order in which it can be applied."""
    return [
        *(namespace(name, restricted=True) for name in OPERATOR_NAMESPACES),
        *(node(name, zone) for name, zone in NODES.items()),
        storage_class(DEFAULT_CLASS, default=True, waits=False),
        *(storage_class(name) for name in WAITING_CLASSES),
    ]
