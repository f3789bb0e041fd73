"""A program of somebody else: the components from an installed package, settings through the models, no stack file.

Run by test_foreign_program.py in a process of its own, in which the checkout cannot be found.
"""

import json
from typing import Any

import pulumi
import pulumi_aws
import pulumi_kubernetes
from pulumi.runtime import mocks
from pulumi.runtime.stack import run_pulumi_func
from pulumi.runtime.sync_await import _sync_await

import seawall
from seawall.components import (
    BackupBucket,
    BackupBucketArgs,
    BackupTarget,
    CnpgSharedCluster,
    CnpgSharedClusterArgs,
    DragonflyCluster,
    DragonflyClusterArgs,
)
from seawall.components.aws.settings import AwsSettings
from seawall.components.cnpg.cluster_settings import PostgresCluster
from seawall.components.dragonfly.settings import DragonflyClusterSettings
from seawall.components.operators.settings import CnpgOperator, DragonflyOperator
from seawall.components.platform import Platform
from seawall.operators.barman import kms_argument

SIZES = {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "2Gi"}}

platform = Platform.model_validate(
    {
        "cluster": "blue",
        "context": "blue",
        "cni": "generic",
        "cni_version": "1.0",
        "nodes": {"count": 3},
        "secret_store": {"kind": "ClusterSecretStore", "name": "vault"},
        "cert_manager": {"present": True},
        "observability": {"namespace": "metrics", "scraper_labels": {"app": "prometheus"}},
    }
)
cache = DragonflyClusterSettings.model_validate(
    {
        "purpose": "cache",
        "image": "ghcr.io/dragonflydb/dragonfly:v1.34.2",
        "replicas": 3,
        "resources": SIZES,
        "maxmemory_bytes": 2**30,
        "auth_secret": {"name": "cache-auth", "path": "shop/cache", "property": "password"},
        "plaintext_reason": "a test",
        "clients": {"this": ["shop"]},
        "latency": {"namespace": "shop"},
    }
)
postgres = PostgresCluster.model_validate(
    {
        "image": "ghcr.io/cloudnative-pg/postgresql:16.8",
        "storage": {"storage_class": "fast", "data": "10Gi", "wal": "5Gi"},
        "resources": SIZES,
        "backup": {"bucket": "shop-backups", "prefix": "main", "schedule": "0 0 2 * * *", "retention": "30d"},
        "validation": {"schedule": "0 3 * * *", "max_backup_age": "26h", "rpo": "10m"},
        "undrilled_reason": "a test",
        "secrets": {"roles": "shop/{app}", "backup_writer": "shop/writer", "backup_reader": "shop/reader"},
        "applications": {
            "shop": {"pool_mode": "transaction", "default_pool_size": 5, "clients": {"this": ["shop"]}},
        },
    }
)
account = AwsSettings.model_validate(
    {
        "account": "123456789012",
        "region": "eu-central-1",
        "credentials": "external_secret",
        "kms_admins": ["arn:aws:iam::123456789012:role/admin"],
        "buckets": {"shop-backups": {}},
    }
)
seen: dict[str, Any] = {}


class Echo(pulumi.runtime.Mocks):
    """Every resource gets what it asked for."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        state = dict(args.inputs)
        if args.typ.startswith("aws:"):
            state.setdefault("arn", f"arn:aws:test:::{args.name}")
        return f"{args.name}-id", state

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:
        raise AssertionError(args.token)


def program() -> None:
    kubernetes = pulumi.ResourceOptions(provider=pulumi_kubernetes.Provider("blue", context="blue"))
    aws = pulumi.ResourceOptions(provider=pulumi_aws.Provider("account", region="eu-central-1"))
    bucket = BackupBucket("backups", BackupBucketArgs("shop-backups", account, ("main",), (), ()), aws)
    cached = DragonflyCluster(
        "cache", DragonflyClusterArgs("cache", "caches", cache, platform, DragonflyOperator()), kubernetes
    )
    target = BackupTarget(region="eu-central-1", key=bucket.key_arn, key_argument=bucket.key_arn.apply(kms_argument))
    stored = CnpgSharedCluster(
        "main",
        CnpgSharedClusterArgs("main", "databases", postgres, platform, CnpgOperator(), target, after=(bucket,)),
        kubernetes,
    )
    seen["cache"], seen["postgres"] = cached.connection, stored.contract
    seen["package"] = seawall.__file__
    seen["typed"] = [it.to_dict() for it in (*cached.connections, *stored.connections)]


pulumi.runtime.set_mocks(Echo(), project="shop", stack="prod")
_sync_await(run_pulumi_func(program))
print(json.dumps(seen))
