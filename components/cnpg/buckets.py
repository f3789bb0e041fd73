"""Which buckets the stack's Postgres clusters need, and what each cluster has to know of its bucket."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from seawall.components.aws.args import BackupBucketArgs
from seawall.components.aws.settings import AwsSettings
from seawall.components.cnpg.args import BackupTarget
from seawall.components.cnpg.cluster_settings import PostgresCluster
from seawall.components.cnpg.drill.names import drill_name, restored_name
from seawall.components.cnpg.object_names import validation_name
from seawall.components.cnpg.settings import CnpgSettings
from seawall.operators.barman import kms_argument

if TYPE_CHECKING:
    from seawall.components.aws.backup_bucket import BackupBucket


def bucket_args(aws: AwsSettings, cnpg: CnpgSettings) -> dict[str, BackupBucketArgs]:
    """Bucket → what it is made from, for every bucket on AWS that a cluster backs up to.

    With IAM roles the clusters' service accounts may write, and those of their validation and drills may read.
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
            reader_service_accounts=tuple(
                account for name, cluster in clusters.items() for account in _readers(cnpg.namespace, name, cluster)
            ),
        )
        for bucket, clusters in using.items()
    }


def _readers(namespace: str, name: str, cluster: PostgresCluster) -> tuple[str, ...]:
    """Who validates, and who restores in a drill: the runner, and the pods that the operator makes for it."""
    drill = cluster.restore_drill
    drills = (drill_name(name), restored_name(name)) if drill is not None else ()
    return (f"{namespace}:{validation_name(name)}", *(f"{drill.namespace}:{it}" for it in drills if drill is not None))


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
