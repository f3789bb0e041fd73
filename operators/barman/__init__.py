"""The barman cloud plugin of CloudNativePG. Facts are those of plugin 0.14 and barman 3.19."""

import re
from typing import Literal

API_VERSION = "barmancloud.cnpg.io/v1"
KIND = "ObjectStore"
PLUGIN_NAME = "barman-cloud.cloudnative-pg.io"
"""The name in `Cluster.spec.plugins[].name` and in `ScheduledBackup.spec.pluginConfiguration.name`."""
BACKUP_METHOD = "plugin"
"""What `ScheduledBackup.spec.method` must be; absent, it means the deprecated in-tree `barmanObjectStore`."""

PLUGIN_PORT = 9090
"""gRPC for the operator, with certificates at both ends. Only the pod that leads listens on it."""
POD_LABELS = {"app.kubernetes.io/name": "plugin-barman-cloud"}
"""Labels of the plugin's own pods, in the operator's namespace, when its chart made them: the chart's name. The
project's release manifest labels them `app: barman-cloud` instead."""
SIDECAR_CONTAINER = "plugin-barman-cloud"
"""The init container (a native sidecar) that the plugin adds to every instance pod."""

Encryption = Literal["aws:kms", "AES256"]
"""What `data.encryption` and `wal.encryption` may be. There is no field `sse`."""
DataCompression = Literal["bzip2", "gzip", "lz4", "snappy"]
"""What `data.compression` may be."""
WalCompression = Literal["bzip2", "gzip", "lz4", "snappy", "xz", "zstd"]
"""What `wal.compression` may be."""
RETENTION_PATTERN = r"^[1-9][0-9]*[dwm]$"
"""`ObjectStore.spec.retentionPolicy`: days, weeks or months."""

METRIC_LAST_BACKUP = "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp"
METRIC_LAST_FAILED_BACKUP = "barman_cloud_cloudnative_pg_io_last_failed_backup_timestamp"
METRIC_FIRST_RECOVERABILITY = "barman_cloud_cloudnative_pg_io_first_recoverability_point"
"""Unix times in seconds; 0 means none. The `cnpg_collector_*` namesakes stay 0 when the plugin makes the backups."""

SSE_KMS_ARGUMENT = "--sse-kms-key-id"
"""The argument by which the key travels, in `data.additionalCommandArgs` and `wal.archiveAdditionalCommandArgs`."""

CHECKSUM_ENV = {
    "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
}
"""What the sidecar's environment needs for S3-compatible stores that are not AWS."""


_DAYS = {"d": 1, "w": 7, "m": 30}


def retention_days(policy: str) -> int | None:
    """The days of a retention policy like `30d`, `4w` or `6m`; None for what is none, or longer than centuries."""
    match = re.fullmatch(r"([1-9][0-9]{0,4})([dwm])", policy)
    return int(match[1]) * _DAYS[match[2]] if match else None


def kms_argument(key: str) -> str:
    """The command argument that names the KMS key (id or ARN)."""
    return f"{SSE_KMS_ARGUMENT}={key}"
