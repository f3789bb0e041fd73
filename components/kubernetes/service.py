"""Services of our own; those in front of instances and poolers are made by the operators."""

from collections.abc import Mapping

from seawall.components.kubernetes.metadata import Manifest, metadata

GLOBAL_SERVICE = {"service.cilium.io/global": "true", "service.cilium.io/shared": "true"}
"""Annotations of a Service that is one over the Cilium mesh, with this cluster's pods behind it."""
STUB_SERVICE = {**GLOBAL_SERVICE, "service.cilium.io/shared": "false"}
"""The same on the clusters of its clients: it adds nothing of its own to the other clusters."""


def external_name(name: str, namespace: str, target_host: str, labels: Mapping[str, str] | None = None) -> Manifest:
    """A Service that is another name for `target_host` and nothing more: name service answers with a CNAME.

    No connection passes through it, so network policies judge the client and the pods behind `target_host`, and a
    server's certificate must carry the name that the client asked for, which is this Service's. It has no ports; a
    client keeps the port that it used.
    """
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(name, namespace, labels=labels),
        "spec": {"type": "ExternalName", "externalName": target_host},
    }
