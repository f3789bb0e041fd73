"""A shared cache with three pods for one application."""

import pulumi
import pulumi_kubernetes

from seawall.components import DragonflyCluster, DragonflyClusterArgs
from seawall.components.dragonfly.settings import DragonflyClusterSettings
from seawall.components.operators import DragonflyOperator
from seawall.components.platform import Platform

cluster = pulumi_kubernetes.Provider("cluster", context="example", enable_server_side_apply=True)
namespace = pulumi_kubernetes.core.v1.Namespace(
    "caches",
    metadata={"name": "caches", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
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
settings = DragonflyClusterSettings.model_validate(
    {
        "purpose": "cache",
        "image": "ghcr.io/dragonflydb/dragonfly:v1.34.2",
        "replicas": 3,
        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}},
        "maxmemory_bytes": 1610612736,
        "auth_secret": {"name": "shop-cache-auth", "path": "shop/cache", "property": "password"},
        "plaintext_reason": "the shop's client library does not speak TLS yet",
        "clients": {"this": ["shop"]},
    }
)
cache = DragonflyCluster(
    "shop-cache",
    DragonflyClusterArgs(
        name="shop-cache",
        namespace="caches",
        settings=settings,
        platform=platform,
        operator=DragonflyOperator(),
        after=(namespace,),
    ),
    pulumi.ResourceOptions(providers=[cluster]),
)
