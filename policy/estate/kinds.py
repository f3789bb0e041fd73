"""The kinds of Kubernetes objects that the estate and the rules know by name."""

from functools import cache

PULUMI = "pulumi"
"""The group of a Pulumi resource that is no Kubernetes object (a bucket, a key, a Helm release); its kind is the type
token, as in `("pulumi", "aws:s3/bucket:Bucket")`."""

GroupKind = tuple[str, str]
"""API group (empty for the core group) and kind: what an object is, whatever the API version."""

POD: GroupKind = ("", "Pod")
NAMESPACE: GroupKind = ("", "Namespace")
DEPLOYMENT: GroupKind = ("apps", "Deployment")
STATEFUL_SET: GroupKind = ("apps", "StatefulSet")
BUDGET: GroupKind = ("policy", "PodDisruptionBudget")
NETWORK_POLICY: GroupKind = ("networking.k8s.io", "NetworkPolicy")
CILIUM_POLICY: GroupKind = ("cilium.io", "CiliumNetworkPolicy")
CILIUM_CLUSTERWIDE_POLICY: GroupKind = ("cilium.io", "CiliumClusterwideNetworkPolicy")
DRAGONFLY: GroupKind = ("dragonflydb.io", "Dragonfly")
CLUSTER: GroupKind = ("postgresql.cnpg.io", "Cluster")
POOLER: GroupKind = ("postgresql.cnpg.io", "Pooler")
SCHEDULED_BACKUP: GroupKind = ("postgresql.cnpg.io", "ScheduledBackup")
DATABASE: GroupKind = ("postgresql.cnpg.io", "Database")
JOB: GroupKind = ("batch", "Job")
REPLICA_SET: GroupKind = ("apps", "ReplicaSet")
DAEMON_SET: GroupKind = ("apps", "DaemonSet")
CRON_JOB: GroupKind = ("batch", "CronJob")
SERVICE: GroupKind = ("", "Service")
SECRET: GroupKind = ("", "Secret")
CONFIG_MAP: GroupKind = ("", "ConfigMap")
SERVICE_ACCOUNT: GroupKind = ("", "ServiceAccount")
ROLE: GroupKind = ("rbac.authorization.k8s.io", "Role")
CLUSTER_ROLE: GroupKind = ("rbac.authorization.k8s.io", "ClusterRole")
ROLE_BINDING: GroupKind = ("rbac.authorization.k8s.io", "RoleBinding")
CLUSTER_ROLE_BINDING: GroupKind = ("rbac.authorization.k8s.io", "ClusterRoleBinding")
DATABASE_ROLE: GroupKind = ("postgresql.cnpg.io", "DatabaseRole")
OBJECT_STORE: GroupKind = ("barmancloud.cnpg.io", "ObjectStore")
EXTERNAL_SECRET: GroupKind = ("external-secrets.io", "ExternalSecret")
POD_MONITOR: GroupKind = ("monitoring.coreos.com", "PodMonitor")
SERVICE_MONITOR: GroupKind = ("monitoring.coreos.com", "ServiceMonitor")
PROMETHEUS_RULE: GroupKind = ("monitoring.coreos.com", "PrometheusRule")
CERTIFICATE: GroupKind = ("cert-manager.io", "Certificate")
HELM_RELEASE: GroupKind = ("helm.toolkit.fluxcd.io", "HelmRelease")
CRD: GroupKind = ("apiextensions.k8s.io", "CustomResourceDefinition")
IMAGE_CATALOG: GroupKind = ("postgresql.cnpg.io", "ImageCatalog")
CLUSTER_IMAGE_CATALOG: GroupKind = ("postgresql.cnpg.io", "ClusterImageCatalog")
SEALED_SECRET: GroupKind = ("bitnami.com", "SealedSecret")
SECRET_STORE: GroupKind = ("external-secrets.io", "SecretStore")
CLUSTER_SECRET_STORE: GroupKind = ("external-secrets.io", "ClusterSecretStore")
NODE: GroupKind = ("", "Node")


@cache
def known() -> frozenset[GroupKind]:
    """All of them."""
    return frozenset(value for name, value in globals().items() if name.isupper() and isinstance(value, tuple))
