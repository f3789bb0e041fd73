"""What the cluster `apps` needs, so that its shop may use a cache of the cluster `infra` over the mesh."""

import pulumi
import pulumi_kubernetes

from seawall.components import SharedServiceConsumer, SharedServiceConsumerArgs, consumed_services
from seawall.components.settings import StackSettings

shared = {
    "cni": "cilium",
    "cni_version": "1.18",
    "nodes": {"count": 3},
    "secret_store": {"kind": "ClusterSecretStore", "name": "vault"},
    "cert_manager": {"present": True},
    "observability": {"namespace": "monitoring", "scraper_labels": {"app.kubernetes.io/name": "prometheus"}},
}
producer = StackSettings.model_validate(
    {
        "platform": {"cluster": "infra", "context": "infra", "peers": ["apps"], **shared},
        "dragonfly": {
            "namespace": "caches",
            "clusters": {
                "shop-cache": {
                    "purpose": "cache",
                    "image": "ghcr.io/dragonflydb/dragonfly:v1.34.2",
                    "replicas": 3,
                    "resources": {
                        "requests": {"cpu": "500m", "memory": "1Gi"},
                        "limits": {"cpu": "2", "memory": "2Gi"},
                    },
                    "maxmemory_bytes": 1610612736,
                    "auth_secret": {"name": "shop-cache-auth", "path": "shop/cache", "property": "password"},
                    "plaintext_reason": "the shop's client library does not speak TLS yet",
                    "clients": {"apps": ["shop"]},
                    "global_service": {"name": "shop-cache-global", "exported_from": "infra"},
                }
            },
        },
    }
)
consumer = StackSettings.model_validate(
    {
        "platform": {"cluster": "apps", "context": "apps", "peers": ["infra"], **shared},
        "consumers": {"producer": "infra"},
    }
)

cluster = pulumi_kubernetes.Provider("cluster", context="apps", enable_server_side_apply=True)
namespace = pulumi_kubernetes.core.v1.Namespace(
    "caches",
    metadata={"name": "caches", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    opts=pulumi.ResourceOptions(provider=cluster),
)
SharedServiceConsumer(
    "from-infra",
    SharedServiceConsumerArgs(
        producer="infra",
        platform=consumer.platform,
        services=consumed_services(producer, "apps"),
        after=(namespace,),
    ),
    pulumi.ResourceOptions(providers=[cluster]),
)
