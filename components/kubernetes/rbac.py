"""Rights in one namespace: Roles, and the people and pods that have them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seawall.components.kubernetes.metadata import Manifest, metadata

API_GROUP = "rbac.authorization.k8s.io"
API_VERSION = f"{API_GROUP}/v1"

READ = ("get", "list", "watch")
WRITE = ("create", "update", "patch", "delete")


@dataclass(frozen=True)
class Right:
    """What may be done with some resources of one API group (empty for the core group).

    `names` limits it to these objects; that works for `get`, `update`, `patch` and `delete`, not for `list`.
    """

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...] = READ
    names: tuple[str, ...] = ()


def role(name: str, namespace: str, *, rights: Sequence[Right], labels: Mapping[str, str] | None = None) -> Manifest:
    """A Role with these rights and no others."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Role",
        "metadata": metadata(name, namespace, labels=labels),
        "rules": [_rule(right) for right in rights],
    }


def _rule(right: Right) -> Manifest:
    made: Manifest = {"apiGroups": [right.group], "resources": list(right.resources), "verbs": list(right.verbs)}
    return {**made, "resourceNames": list(right.names)} if right.names else made


def role_binding(
    name: str,
    namespace: str,
    *,
    groups: Sequence[str] = (),
    accounts: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
) -> Manifest:
    """Gives the Role of the same name to groups of users, and to service accounts of the same namespace."""
    return {
        "apiVersion": API_VERSION,
        "kind": "RoleBinding",
        "metadata": metadata(name, namespace, labels=labels),
        "roleRef": {"apiGroup": API_GROUP, "kind": "Role", "name": name},
        "subjects": [
            *({"apiGroup": API_GROUP, "kind": "Group", "name": group} for group in groups),
            *({"kind": "ServiceAccount", "name": account, "namespace": namespace} for account in accounts),
        ],
    }
