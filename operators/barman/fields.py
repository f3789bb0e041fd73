"""The fields of an `ObjectStore`, as the CRDs of barman plugin 0.13 to 0.15 have them."""

from typing import Final

from seawall.operators.fields import KindFields, Types
from seawall.operators.kubernetes_fields import KUBERNETES

TYPES: Final = Types(
    {
        "AzureCredentials": """
            connectionString(key name) inheritFromAzureAD storageAccount(key name) storageKey(key name)
            storageSasToken(key name) useDefaultAzureCredentials
        """,
        "GoogleCredentials": "applicationCredentials(key name) gkeEnvironment",
        "S3Credentials": """
            accessKeyId(key name) inheritFromIAMRole region(key name) secretAccessKey(key name) sessionToken(key name)
        """,
        "WalOptions": "archiveAdditionalCommandArgs compression encryption maxParallel restoreAdditionalCommandArgs",
    },
    extends=KUBERNETES,
)
"""What CloudNativePG's deprecated in-tree backups have in common with the plugin's."""

_SPEC = """
    configuration(azureCredentials:AzureCredentials data(additionalCommandArgs compression encryption
    immediateCheckpoint jobs restoreAdditionalCommandArgs) destinationPath endpointCA(key name) endpointURL
    googleCredentials:GoogleCredentials historyTags* s3Credentials:S3Credentials serverName tags* wal:WalOptions)
    instanceSidecarConfiguration(additionalContainerArgs env:EnvVar logLevel resources:Resources
    retentionPolicyIntervalSeconds) retentionPolicy
"""

_ENCRYPTION = (
    "There is no such field: set spec.configuration.data.encryption and spec.configuration.wal.encryption, each "
    "AES256 or aws:kms."
)

OBJECT_STORE: Final = KindFields(
    version="0.15.0",
    spec=TYPES.parse(_SPEC),
    meant={
        "*.sse": _ENCRYPTION,
        "*.serverSideEncryption": _ENCRYPTION,
        "configuration.encryption": _ENCRYPTION,
        "*.kmsKeyId": "The key travels as --sse-kms-key-id=… in data.additionalCommandArgs and "
        "wal.archiveAdditionalCommandArgs.",
        "schedule": "Backups are scheduled by a ScheduledBackup with method: plugin.",
    },
)
