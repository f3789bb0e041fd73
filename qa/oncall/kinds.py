"""What the on-call page reads of a cluster, and the right that each needs (docs/examples/on-call-rights.yaml)."""

from dataclasses import dataclass
from typing import Final

from seawall.policy.estate import kinds
from seawall.policy.estate.kinds import GroupKind


@dataclass(frozen=True)
class Wanted:
    """A kind of object that is listed in all namespaces."""

    of: GroupKind
    plural: str
    version: str
    """Asked for when the API server does not say what it serves, or serves it beside others."""

    @property
    def group(self) -> str:
        """API group, empty for the core group."""
        return self.of[0]

    @property
    def right(self) -> str:
        """What a role has to allow, for a person: `list clusters.postgresql.cnpg.io`."""
        return f"list {self.plural}.{self.group}" if self.group else f"list {self.plural}"

    def path(self, version: str) -> str:
        """Where the API server lists it."""
        return f"/apis/{self.group}/{version}/{self.plural}" if self.group else f"/api/{version}/{self.plural}"


BACKUP: Final[GroupKind] = ("postgresql.cnpg.io", "Backup")
VOLUME: Final[GroupKind] = ("", "PersistentVolume")
CLAIM: Final[GroupKind] = ("", "PersistentVolumeClaim")

UNREAD_POLICIES: Final = (
    Wanted(("policy.networking.k8s.io", "ClusterNetworkPolicy"), "clusternetworkpolicies", "v1alpha2"),
    Wanted(("policy.networking.k8s.io", "AdminNetworkPolicy"), "adminnetworkpolicies", "v1alpha1"),
    Wanted(("policy.networking.k8s.io", "BaselineAdminNetworkPolicy"), "baselineadminnetworkpolicies", "v1alpha1"),
    Wanted(("crd.projectcalico.org", "NetworkPolicy"), "networkpolicies", "v1"),
    Wanted(("crd.projectcalico.org", "GlobalNetworkPolicy"), "globalnetworkpolicies", "v1"),
)
"""Policies in dialects that nobody here reads. That there are some makes the question of reach one for a person."""

LISTED: Final = (
    Wanted(kinds.NODE, "nodes", "v1"),
    Wanted(kinds.POD, "pods", "v1"),
    Wanted(kinds.NAMESPACE, "namespaces", "v1"),
    Wanted(CLAIM, "persistentvolumeclaims", "v1"),
    Wanted(VOLUME, "persistentvolumes", "v1"),
    Wanted(kinds.DEPLOYMENT, "deployments", "v1"),
    Wanted(kinds.CRON_JOB, "cronjobs", "v1"),
    Wanted(kinds.JOB, "jobs", "v1"),
    Wanted(kinds.BUDGET, "poddisruptionbudgets", "v1"),
    Wanted(kinds.NETWORK_POLICY, "networkpolicies", "v1"),
    Wanted(kinds.CILIUM_POLICY, "ciliumnetworkpolicies", "v2"),
    Wanted(kinds.CILIUM_CLUSTERWIDE_POLICY, "ciliumclusterwidenetworkpolicies", "v2"),
    Wanted(kinds.CLUSTER, "clusters", "v1"),
    Wanted(kinds.POOLER, "poolers", "v1"),
    Wanted(BACKUP, "backups", "v1"),
    Wanted(kinds.DATABASE, "databases", "v1"),
    Wanted(kinds.DATABASE_ROLE, "databaseroles", "v1"),
    Wanted(kinds.OBJECT_STORE, "objectstores", "v1"),
    Wanted(kinds.DRAGONFLY, "dragonflies", "v1alpha1"),
    Wanted(kinds.EXTERNAL_SECRET, "externalsecrets", "v1"),
    *UNREAD_POLICIES,
)
"""Everything that is listed, in full."""

SECRETS: Final = Wanted(kinds.SECRET, "secrets", "v1")
"""Listed as metadata only: names, and the names of keys as the API server remembers who wrote them. No value leaves it.

The right to list Secrets is the right to read them all the same, so that the page does without where it is missing.
"""

REPORTS: Final = "get configmaps"
"""The right with which the restore drill's report is read, by name."""
LOGS: Final = "get pods/log"
"""The right with which the validator's report is read, the last line of the log of its last run."""

REACH: Final = frozenset(
    {
        kinds.NAMESPACE,
        kinds.DEPLOYMENT,
        kinds.CRON_JOB,
        kinds.JOB,
        kinds.NETWORK_POLICY,
        kinds.CILIUM_POLICY,
        kinds.CILIUM_CLUSTERWIDE_POLICY,
        kinds.CLUSTER,
        kinds.POOLER,
        kinds.DATABASE,
        kinds.DATABASE_ROLE,
        kinds.DRAGONFLY,
        *(it.of for it in UNREAD_POLICIES),
    }
)
"""What the estate is built of, from which reach and the arithmetic of pools are worked out."""
