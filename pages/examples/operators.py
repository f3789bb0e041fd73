"""Both operators and the barman plugin, for caches and databases in one namespace each."""

import pulumi
import pulumi_kubernetes

from seawall.components import Operators, OperatorsArgs
from seawall.components.operators import settings
from seawall.components.platform import Platform

cluster = pulumi_kubernetes.Provider("cluster", context="example", enable_server_side_apply=True)
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
operators = Operators(
    "operators",
    OperatorsArgs(operators=settings.Operators(), platform=platform, dragonfly=("caches",), postgres=("databases",)),
    pulumi.ResourceOptions(providers=[cluster]),
)
# What they reconcile waits for them: `after=operators.dragonfly` in DragonflyClusterArgs.
