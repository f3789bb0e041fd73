"""Accounts of pods without any right in Kubernetes; what AWS lets them do hangs on a role's name."""

from collections.abc import Mapping

from seawall.components.kubernetes.metadata import Manifest, metadata

ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"
"""On a ServiceAccount: the IAM role that its pods take on (irsa)."""


def service_account(
    name: str, namespace: str, *, role: str | None = None, labels: Mapping[str, str] | None = None
) -> Manifest:
    """A ServiceAccount whose pods get no token for the API server; `role` is the ARN of the IAM role that they take on.

    The token that AWS reads is another one, which the pod identity webhook mounts by itself.
    """
    annotations = {ROLE_ANNOTATION: role} if role is not None else None
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(name, namespace, labels=labels, annotations=annotations),
        "automountServiceAccountToken": False,
    }
