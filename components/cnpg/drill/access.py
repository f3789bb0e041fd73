"""What the runner may do in Kubernetes: in the drill's namespace alone, and there as little as a drill needs."""

from seawall.components.cnpg.access import CNPG_GROUP
from seawall.components.cnpg.args import CnpgSharedClusterArgs
from seawall.components.cnpg.drill.names import (
    drill_name,
    report_name,
    restored_claims,
    restored_name,
    restored_secrets,
)
from seawall.components.cnpg.drill_settings import RestoreDrill
from seawall.components.kubernetes.metadata import Manifest
from seawall.components.kubernetes.rbac import Right, role, role_binding


def rights(cluster: str) -> tuple[Right, ...]:
    """The rights, each limited to names where Kubernetes can (not for `create` and `list`).

    Whoever may create a Cluster can start pods that mount any Secret of the namespace: there is only the reader's.
    """
    restored = restored_name(cluster)
    return (
        Right(CNPG_GROUP, ("clusters",), ("create",)),
        Right(CNPG_GROUP, ("clusters",), ("get", "delete"), (restored,)),
        Right("", ("secrets",), ("get",), restored_secrets(cluster)),
        Right("", ("configmaps",), ("patch",), (report_name(cluster),)),
        Right("", ("persistentvolumeclaims",), ("list",)),
        Right("", ("persistentvolumeclaims",), ("delete",), restored_claims(cluster)),
        # For the reasons of a failure.
        Right("", ("pods", "events"), ("list",)),
        Right("", ("pods/log",), ("get",)),
        Right("batch", ("jobs",), ("get", "list")),
    )


def manifests(args: CnpgSharedClusterArgs, drill: RestoreDrill) -> dict[str, Manifest]:
    """Purpose → object: the Role, and its binding to the runner's account."""
    name = drill_name(args.name)
    return {
        "role": role(name, drill.namespace, rights=rights(args.name), labels=args.labels),
        "role-binding": role_binding(name, drill.namespace, accounts=(name,), labels=args.labels),
    }
