"""Postgres clusters and buckets for tests, small and valid; a test changes what it is about."""

import copy
from typing import Any, Final

from seawall.components.aws.settings import AwsSettings
from seawall.components.cnpg.args import BackupTarget, CnpgSharedClusterArgs
from seawall.components.cnpg.cluster_settings import PostgresCluster
from seawall.components.operators import CnpgOperator
from seawall.components.platform import Platform

KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
GONE: Final = object()
"""As a value: the key is taken away."""

PLATFORM: dict[str, Any] = {
    "cluster": "infra",
    "context": "infra",
    "peers": ["apps"],
    "cni": "cilium",
    "cni_version": "1.18",
    "nodes": {"count": 3},
    "secret_store": {"kind": "ClusterSecretStore", "name": "onepassword"},
    "cert_manager": {"present": True},
    "observability": {"namespace": "observability", "scraper_labels": {"app.kubernetes.io/name": "vmagent"}},
}

AWS: dict[str, Any] = {
    "account": "123456789012",
    "region": "eu-central-1",
    "credentials": "external_secret",
    "kms_admins": ["arn:aws:iam::123456789012:role/platform-admin"],
    "buckets": {"backups": {}},
}

POSTGRES: dict[str, Any] = {
    "image": "ghcr.io/cloudnative-pg/postgresql:16.8",
    "instances": 3,
    "storage": {"storage_class": "local", "data": "10Gi", "wal": "5Gi"},
    "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}},
    "parameters": {"max_connections": "200", "shared_buffers": "256MB"},
    "backup": {"bucket": "backups", "prefix": "main", "schedule": "0 0 2 * * *", "retention": "30d"},
    "validation": {"schedule": "0 3 * * *", "max_backup_age": "26h", "rpo": "10m"},
    "undrilled_reason": "a test",
    "secrets": {"roles": "db/{app}", "backup_writer": "db/writer", "backup_reader": "db/reader", "ca": "db/ca"},
    "applications": {
        "shop": {
            "pool_mode": "transaction",
            "default_pool_size": 5,
            "min_pool_size": 2,
            "reserve_pool_size": 1,
            "clients": {"this": ["shop"], "apps": ["web"]},
            "extensions": ["pg_trgm"],
        },
        "single-sign-on": {
            "pool_mode": "session",
            "default_pool_size": 8,
            "reserve_pool_size": 2,
            "clients": {"this": ["sso"]},
        },
    },
}


ALONE: list[tuple[str, Any]] = [("instances", 1), ("single_instance_reason", "a test")]
"""Changes to a cluster of one instance."""


def changed(base: dict[str, Any], *changes: tuple[str, Any]) -> dict[str, Any]:
    """A copy with values replaced, by dotted path; `GONE` takes a key away."""
    made = copy.deepcopy(base)
    for path, value in changes:
        *keys, last = path.split(".")
        place = made
        for key in keys:
            place = place.setdefault(key, {})
        if value is GONE:
            del place[last]
        else:
            place[last] = value
    return made


def postgres(*changes: tuple[str, Any]) -> PostgresCluster:
    return PostgresCluster.model_validate(changed(POSTGRES, *changes))


def aws(*changes: tuple[str, Any]) -> AwsSettings:
    return AwsSettings.model_validate(changed(AWS, *changes))


AWS_TARGET = BackupTarget(region="eu-central-1", key=KEY, key_argument=f"--sse-kms-key-id={KEY}")
ROLES = BackupTarget(
    region="eu-central-1",
    key=KEY,
    key_argument=f"--sse-kms-key-id={KEY}",
    writer_role="arn:aws:iam::123456789012:role/seawall/backups-writer",
    reader_role="arn:aws:iam::123456789012:role/seawall/backups-reader",
)


def args(
    *changes: tuple[str, Any],
    platform: dict[str, Any] | None = None,
    version: str = "1.30.0",
    target: BackupTarget = AWS_TARGET,
) -> CnpgSharedClusterArgs:
    operator = CnpgOperator.model_construct(namespace="cnpg-system", version=version, replicas=2, plugin="0.14.0")
    return CnpgSharedClusterArgs(
        name="main",
        namespace="databases",
        settings=postgres(*changes),
        platform=Platform.model_validate({**PLATFORM, **(platform or {})}),
        operator=operator,
        target=target,
    )


def on_own_store(**more: Any) -> CnpgSharedClusterArgs:
    """A cluster that backs up to an S3-compatible store with a certificate authority of its own."""
    store = {
        "endpoint": "https://minio.example.org:9000",
        "endpoint_ca": {"secret": "minio-ca"},
        "encryption": "AES256",
    }
    return args(*((f"backup.{key}", value) for key, value in store.items()), target=BackupTarget(), **more)


def generic() -> CnpgSharedClusterArgs:
    """A cluster on a platform without a mesh."""
    return args(("applications.shop.clients", {"this": ["shop"]}), platform={"cni": "generic", "peers": []})
