"""Dragonfly instances for tests, small and valid; a test changes what it is about."""

from typing import Any

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
    "clients": {"this": ["harbor"], "apps": ["gitlab-system"]},
    "global_service": {"name": "dragonfly-global", "exported_from": "infra"},
}


def args(
    name: str = "dragonfly", *, platform: dict[str, Any] | None = None, version: str = "1.6.1", **settings: Any
) -> DragonflyClusterArgs:
    """A cache; keyword arguments replace its settings, `None` removes one."""
    given = {key: value for key, value in {**CACHE, **settings}.items() if value is not None}
    operator = DragonflyOperator.model_construct(namespace="dragonfly-operator-system", version=version, replicas=2)
    return DragonflyClusterArgs(
        name=name,
        namespace="dragonfly-system",
        settings=DragonflyClusterSettings.model_validate(given),
        platform=Platform.model_validate({**PLATFORM, **(platform or {})}),
        operator=operator,
    )


def generic(**settings: Any) -> DragonflyClusterArgs:
    """A cache on a cluster without a mesh."""
    mine = {"clients": {"this": ["harbor"]}, "global_service": None, **settings}
    return args(platform={"cni": "generic", "peers": []}, **mine)
