"""Which buckets the stack's Postgres clusters need, and what each cluster has to know of its bucket."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from seawall.components.aws.args import BackupBucketArgs
from seawall.components.aws.settings import AwsSettings
from seawall.components.cnpg.args import BackupTarget
from seawall.components.cnpg.cluster_settings import PostgresCluster
from seawall.components.cnpg.object_names import validation_name
from seawall.components.cnpg.settings import CnpgSettings
from seawall.operators.barman import kms_argument

if TYPE_CHECKING:
    from seawall.components.aws.backup_bucket import BackupBucket


def bucket_args(aws: AwsSettings, cnpg: CnpgSettings) -> dict[str, BackupBucketArgs]:
    """Bucket → what it is made from, for every bucket on AWS that a cluster backs up to.

    With IAM roles the clusters' service accounts may write, and those of their validation may read.
    """
    using: dict[str, dict[str, PostgresCluster]] = {}
    for name, cluster in cnpg.clusters.items():
        if cluster.backup.endpoint is None:
            using.setdefault(cluster.backup.bucket, {})[name] = cluster
    return {
        bucket: BackupBucketArgs(
            bucket=bucket,
            aws=aws,
            prefixes=tuple(sorted(cluster.backup.prefix for cluster in clusters.values())),
            writer_service_accounts=tuple(f"{cnpg.namespace}:{name}" for name in clusters),
            reader_service_accounts=tuple(f"{cnpg.namespace}:{validation_name(name)}" for name in clusters),
        )
        for bucket, clusters in using.items()
    }


def backup_target(aws: AwsSettings, cluster: PostgresCluster, buckets: Mapping[str, "BackupBucket"]) -> BackupTarget:
    """The object store's side of one cluster; `buckets` are those made from `bucket_args`.

    Of all of it only the key is unknown before the bucket is made, and it is a field of its own in every object.
    """
    if cluster.backup.endpoint is not None:
        return BackupTarget()
    bucket = buckets[cluster.backup.bucket]
    roles = aws.credentials == "irsa"
    return BackupTarget(
        region=aws.region,
        key=bucket.key_arn,
        key_argument=bucket.key_arn.apply(kms_argument),
        writer_role=bucket.writer_arn if roles else None,
        reader_role=bucket.reader_arn if roles else None,
    )
