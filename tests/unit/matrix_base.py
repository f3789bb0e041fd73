"""The stack that the matrix of features starts from."""

from typing import Any, Final

Config = dict[str, Any]

_IMAGE = "ghcr.io/dragonflydb/dragonfly:v1.34.2"
RESOURCES = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
_VOLUME = {"cron": "0 */6 * * *", "size": "1Gi", "storage_class": "standard"}
ADMIN = "arn:aws:iam::123456789012:role/admin"

BASE: Final[Config] = {
    "pulumi:disable-default-providers": ["*"],
    "seawall:platform": {
        "cluster": "here",
        "context": "here",
        "peers": ["there"],
        "cni": "cilium",
        "cni_version": "1.18",
        "nodes": {"count": 3},
        "secret_store": {"kind": "ClusterSecretStore", "name": "store"},
        "cert_manager": {"present": True},
        "observability": {"namespace": "metrics", "scraper_labels": {"app.kubernetes.io/name": "vmagent"}},
    },
    "seawall:aws": {
        "account": "123456789012",
        "region": "eu-central-1",
        "credentials": "external_secret",
        "kms_admins": [ADMIN],
        "buckets": {"backups": {}},
    },
    "seawall:operators": {"dragonfly": {}, "cnpg": {}},
    "seawall:dragonfly": {
        "namespace": "caches",
        "clusters": {
            "cache": {
                "purpose": "cache",
                "image": _IMAGE,
                "replicas": 3,
                "resources": RESOURCES,
                "maxmemory_bytes": 268435456,
                "snapshot": _VOLUME,
                "auth_secret": {"name": "cache-auth", "path": "here/cache", "property": "password"},
                "plaintext_reason": "a test",
                "clients": {"this": ["web"], "there": ["far"]},
                "global_service": {"name": "cache-global", "exported_from": "here"},
            },
            "queue": {
                "purpose": "queue",
                "image": _IMAGE,
                "replicas": 2,
                "resources": RESOURCES,
                "maxmemory_bytes": 268435456,
                "snapshot": _VOLUME,
                "auth_secret": {"name": "queue-auth", "path": "here/queue", "property": "password"},
                "plaintext_reason": "a test",
                "clients": {"this": ["web"]},
            },
        },
    },
    "seawall:cnpg": {
        "namespace": "databases",
        "clusters": {
            "main": {
                "image": "ghcr.io/cloudnative-pg/postgresql:16.8",
                "instances": 3,
                "storage": {"storage_class": "standard", "data": "2Gi", "wal": "2Gi"},
                "resources": RESOURCES,
                "parameters": {"max_connections": "120", "shared_buffers": "128MB"},
                "backup": {"bucket": "backups", "prefix": "main", "schedule": "0 30 1 * * *", "retention": "7d"},
                "validation": {"schedule": "30 2 * * *", "max_backup_age": "26h", "rpo": "10m"},
                "undrilled_reason": "a test",
                "secrets": {
                    "roles": "here/postgres/{app}",
                    "backup_writer": "here/postgres/writer",
                    "backup_reader": "here/postgres/reader",
                    "ca": "here/postgres/ca",
                },
                "applications": {
                    "shop": {
                        "pool_mode": "transaction",
                        "instances": 2,
                        "default_pool_size": 5,
                        "clients": {"this": ["web"], "there": ["far"]},
                    },
                    "single-sign-on": {
                        "pool_mode": "session",
                        "instances": 2,
                        "default_pool_size": 8,
                        "clients": {"this": ["login"]},
                    },
                },
            },
        },
    },
}
"""A small stack with both services and clients in both clusters."""
