"""What a program of yours deploys: `from seawall.components import DragonflyCluster, CnpgSharedCluster, BackupBucket`.

The names below are imported when they are first asked for: settings and manifests need no engine SDK.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seawall.components.aws.backup_bucket import BackupBucket, BackupBucketArgs
    from seawall.components.cnpg.cnpg_shared_cluster import BackupTarget, CnpgSharedCluster, CnpgSharedClusterArgs
    from seawall.components.consumers.services import consumed_services
    from seawall.components.consumers.shared_service_consumer import SharedServiceConsumer, SharedServiceConsumerArgs
    from seawall.components.contract import Connection
    from seawall.components.dragonfly.dragonfly_cluster import DragonflyCluster, DragonflyClusterArgs
    from seawall.components.operators.operators import Operators, OperatorsArgs
else:
    _MODULES = {
        "BackupBucket": "aws.backup_bucket",
        "BackupBucketArgs": "aws.backup_bucket",
        "BackupTarget": "cnpg.cnpg_shared_cluster",
        "CnpgSharedCluster": "cnpg.cnpg_shared_cluster",
        "CnpgSharedClusterArgs": "cnpg.cnpg_shared_cluster",
        "Connection": "contract",
        "DragonflyCluster": "dragonfly.dragonfly_cluster",
        "DragonflyClusterArgs": "dragonfly.dragonfly_cluster",
        "Operators": "operators.operators",
        "OperatorsArgs": "operators.operators",
        "SharedServiceConsumer": "consumers.shared_service_consumer",
        "SharedServiceConsumerArgs": "consumers.shared_service_consumer",
        "consumed_services": "consumers.services",
    }

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__} has no attribute {name}")
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


__all__ = [
    "BackupBucket",
    "BackupBucketArgs",
    "BackupTarget",
    "CnpgSharedCluster",
    "CnpgSharedClusterArgs",
    "Connection",
    "DragonflyCluster",
    "DragonflyClusterArgs",
    "Operators",
    "OperatorsArgs",
    "SharedServiceConsumer",
    "SharedServiceConsumerArgs",
    "consumed_services",
]
