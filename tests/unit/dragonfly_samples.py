"""Dragonfly instances for tests, small and valid; a test changes what it is about."""

from typing import Any

from pydantic import ValidationError

from seawall.components.dragonfly.args import DragonflyClusterArgs
from seawall.components.dragonfly.settings import DragonflyClusterSettings
from seawall.components.operators import DragonflyOperator
from seawall.components.platform import Platform

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

CACHE: dict[str, Any] = {
    "purpose": "cache",
    "image": "ghcr.io/dragonflydb/dragonfly:v1.34.2",
    "replicas": 3,
    "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}},
    "maxmemory_bytes": 1610612736,
    "snapshot": {"cron": "0 */6 * * *", "size": "10Gi", "storage_class": "local"},
    "auth_secret": {"name": "dragonfly-auth", "path": "infra/dragonfly", "property": "password"},
    "plaintext_reason": "a test",
    "clients": {"this": ["harbor"], "apps": ["gitlab-system"]},
    "global_service": {"name": "dragonfly-global", "exported_from": "infra"},
}

ACL: dict[str, Any] = {"secret": "dragonfly-acl", "path": "infra/dragonfly-acl", "property": "users"}
TLS: dict[str, Any] = {"secret": "dragonfly-tls", "path": "infra/dragonfly-tls"}
CLIENT_CA: dict[str, Any] = {"secret": "dragonfly-client-ca", "path": "infra/dragonfly-client-ca", "property": "ca"}

BUCKET: dict[str, Any] = {
    "name": "cache-snapshots",
    "prefix": "infra/dragonfly",
    "region": "eu-central-1",
    "keys": {"secret": "dragonfly-bucket", "path": "infra/dragonfly-bucket"},
}
"""A bucket of AWS, reached with an access key."""
WORLD: dict[str, Any] = {"egress": "world", "egress_reason": "a test"}


def bucket_snapshot(**changes: Any) -> dict[str, Any]:
    """Snapshots to the bucket; keyword arguments replace its settings, `None` removes one."""
    given = {key: value for key, value in {**BUCKET, **changes}.items() if value is not None}
    return {"cron": "0 */6 * * *", "bucket": given}


BUCKET_SNAPSHOT = bucket_snapshot()
OWN_BUCKET_SNAPSHOT = bucket_snapshot(endpoint="s3.example.org:9000")
ROLE_SNAPSHOT = bucket_snapshot(keys=None, role_arn="arn:aws:iam::123456789012:role/cache-snapshots")
WORLD_SNAPSHOT = bucket_snapshot(**WORLD)


def args(
    name: str = "dragonfly", *, platform: dict[str, Any] | None = None, version: str = "1.6.1", **settings: Any
) -> DragonflyClusterArgs:
    """A cache; keyword arguments replace its settings, `None` removes one. With TLS it needs no reason."""
    plain = {"plaintext_reason": None} if settings.get("tls") else {}
    given = {key: value for key, value in {**CACHE, **plain, **settings}.items() if value is not None}
    operator = DragonflyOperator.model_construct(namespace="dragonfly-operator-system", version=version, replicas=2)
    return DragonflyClusterArgs(
        name=name,
        namespace="dragonfly-system",
        settings=DragonflyClusterSettings.model_validate(given),
        platform=Platform.model_validate({**PLATFORM, **(platform or {})}),
        operator=operator,
    )


def problems(**settings: Any) -> list[str]:
    """What is wrong with a cache with these settings; fails when nothing is."""
    try:
        args(**settings)
    except ValidationError as error:
        found = [line.get("ctx", {}).get("error") for line in error.errors()]
        return [str(problem) for inner in found for problem in inner.problems]
    raise AssertionError(f"{settings} was accepted")


def generic(**settings: Any) -> DragonflyClusterArgs:
    """A cache on a cluster without a mesh."""
    mine = {"clients": {"this": ["harbor"]}, "global_service": None, **settings}
    return args(platform={"cni": "generic", "peers": []}, **mine)
