"""A bucket for the backups of one Postgres cluster, with its key and its two identities."""

import pulumi
import pulumi_aws

from seawall.components import BackupBucket, BackupBucketArgs
from seawall.components.aws.settings import AwsSettings

account = AwsSettings.model_validate(
    {
        "account": "123456789012",
        "region": "eu-central-1",
        "credentials": "external_secret",
        "kms_admins": ["arn:aws:iam::123456789012:role/platform-admin"],
        "buckets": {"example-backups": {}},
    }
)
aws = pulumi_aws.Provider("aws", region=account.region, allowed_account_ids=[account.account])
backups = BackupBucket(
    "example-backups",
    BackupBucketArgs(bucket="example-backups", aws=account, prefixes=("orders",)),
    pulumi.ResourceOptions(providers=[aws]),
)
pulumi.export("key", backups.key_arn)
