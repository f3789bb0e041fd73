"""Who may do what in the namespace of the databases, as plain data.

Whoever may write a Cluster or a Pooler can become superuser of its databases: an image, a `pg_hba` line or a template
of a pod is enough. So admins here are the databases' superusers, and the operator's own namespace is another one. No
role reads Secrets, starts a process in a pod (`exec`) or makes pods, which could mount any Secret.
"""

from collections.abc import Sequence

from seawall.components.cnpg.access_settings import Access
from seawall.components.kubernetes.metadata import Manifest, owned_labels
from seawall.components.kubernetes.rbac import READ, WRITE, Right, role, role_binding

ADMIN = "databases-admin"
VIEWER = "databases-viewer"
BREAK_GLASS = "databases-break-glass"

CNPG_GROUP = "postgresql.cnpg.io"
CNPG_RESOURCES = (
    "backups",
    "clusters",
    "databaseroles",
    "databases",
    "failoverquorums",
    "imagecatalogs",
    "poolers",
    "publications",
    "scheduledbackups",
    "subscriptions",
)
BARMAN_GROUP = "barmancloud.cnpg.io"
BARMAN_RESOURCES = ("objectstores",)

SURROUNDINGS = (
    Right("", ("pods", "services", "persistentvolumeclaims", "events")),
    Right("events.k8s.io", ("events",)),
    Right("apps", ("deployments",)),
    Right("batch", ("cronjobs", "jobs")),
    Right("policy", ("poddisruptionbudgets",)),
)
"""What one has to see to understand the state of a cluster; Secrets and ConfigMaps are not among it."""


def manifests(namespace: str, access: Access, break_glass: Sequence[str] = ()) -> dict[str, Manifest]:
    """Purpose → object: a Role for admins and one for viewers, and a binding for each that has groups.

    `break_glass` names the Secrets with the passwords of superusers that may sign in now: admins may read those, one by
    one, and no others.
    """
    owned = (Right(CNPG_GROUP, CNPG_RESOURCES), Right(BARMAN_GROUP, BARMAN_RESOURCES))
    changing = (
        Right(CNPG_GROUP, CNPG_RESOURCES, (*READ, *WRITE)),
        # A switchover by hand is a change of the status: that is where the operator reads the primary that is wanted.
        Right(CNPG_GROUP, ("clusters/status",), ("get", "update", "patch")),
        Right(BARMAN_GROUP, BARMAN_RESOURCES, (*READ, *WRITE)),
        Right("", ("pods/log",), ("get",)),
    )
    labels = owned_labels("postgresql", "access")
    made = {
        "admin": role(ADMIN, namespace, rights=(*changing, *SURROUNDINGS), labels=labels),
        "viewer": role(VIEWER, namespace, rights=(*owned, *SURROUNDINGS), labels=labels),
    }
    for purpose, name, groups in (("admin", ADMIN, access.admins), ("viewer", VIEWER, access.viewers)):
        if groups:
            made[f"{purpose}-binding"] = role_binding(name, namespace, groups=groups, labels=labels)
    if break_glass and access.admins:
        secrets = Right("", ("secrets",), ("get",), tuple(break_glass))
        made["break-glass"] = role(BREAK_GLASS, namespace, rights=(secrets,), labels=labels)
        made["break-glass-binding"] = role_binding(BREAK_GLASS, namespace, groups=access.admins, labels=labels)
    return made
