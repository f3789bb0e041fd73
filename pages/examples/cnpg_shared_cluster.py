"""A shared PostgreSQL for two applications, backed up to an S3-compatible store of one's own."""

import pulumi
import pulumi_kubernetes

from seawall.components import BackupTarget, CnpgSharedCluster, CnpgSharedClusterArgs
from seawall.components.cnpg.cluster_settings import PostgresCluster
from seawall.components.operators import CnpgOperator
from seawall.components.platform import Platform

cluster = pulumi_kubernetes.Provider("cluster", context="example", enable_server_side_apply=True)
namespace = pulumi_kubernetes.core.v1.Namespace(
    "databases",
    metadata={"name": "databases", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    opts=pulumi.ResourceOptions(provider=cluster),
)
drills = pulumi_kubernetes.core.v1.Namespace(
    "databases-drill",
    metadata={"name": "databases-drill", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    opts=pulumi.ResourceOptions(provider=cluster),
)
platform = Platform.model_validate(
    {
        "cluster": "example",
        "context": "example",
        "cni": "cilium",
        "cni_version": "1.18",
        "nodes": {"count": 3},
        "secret_store": {"kind": "ClusterSecretStore", "name": "vault"},
        "cert_manager": {"present": True},
        "observability": {"namespace": "monitoring", "scraper_labels": {"app.kubernetes.io/name": "prometheus"}},
    }
)
settings = PostgresCluster.model_validate(
    {
        "image": "ghcr.io/cloudnative-pg/postgresql:16.8",
        "instances": 3,
        "storage": {"storage_class": "local", "data": "20Gi", "wal": "5Gi"},
        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}},
        "parameters": {"max_connections": "120", "max_wal_size": "2GB"},
        "backup": {
            "bucket": "backups",
            "prefix": "orders",
            "schedule": "0 0 2 * * *",
            "retention": "30d",
            "endpoint": "https://s3.example.org",
            "encryption": "AES256",
        },
        "validation": {"schedule": "0 3 * * *", "max_backup_age": "26h", "rpo": "10m"},
        "restore_drill": {"namespace": "databases-drill", "schedule": "0 4 * * 0", "max_age": "8d"},
        "secrets": {
            "roles": "databases/{app}",
            "backup_writer": "databases/backup-writer",
            "backup_reader": "databases/backup-reader",
        },
        "applications": {
            "orders": {"pool_mode": "transaction", "default_pool_size": 5, "clients": {"this": ["orders"]}},
            "invoices": {"pool_mode": "session", "default_pool_size": 5, "clients": {"this": ["invoices"]}},
        },
    }
)
postgres = CnpgSharedCluster(
    "orders",
    CnpgSharedClusterArgs(
        name="orders",
        namespace="databases",
        settings=settings,
        platform=platform,
        operator=CnpgOperator(),
        target=BackupTarget(),
        after=(namespace, drills),
    ),
    pulumi.ResourceOptions(providers=[cluster]),
)
