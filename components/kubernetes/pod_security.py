"""Security contexts that pass Pod Security Admission's level `restricted`, and more: read-only root, fixed user."""

from seawall.components.kubernetes.metadata import Manifest


def pod_security_context(uid: int, *, fs_group: int | None = None) -> Manifest:
    """The pod's context: never root, this user and group, the runtime's seccomp profile.

    With `fs_group` volumes belong to that group; ownership is mended only where the volume's root differs, because
    walking a large volume at every start takes minutes.
    """
    context: Manifest = {
        "runAsNonRoot": True,
        "runAsUser": uid,
        "runAsGroup": uid,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if fs_group is not None:
        context |= {"fsGroup": fs_group, "fsGroupChangePolicy": "OnRootMismatch"}
    return context


def container_security_context(uid: int) -> Manifest:
    """The container's context: no escalation, read-only root, no capabilities, and the pod's promises once more."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        **pod_security_context(uid),
    }
