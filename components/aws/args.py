"""What a backup bucket is made from."""

from dataclasses import dataclass

from seawall.components.aws import documents
from seawall.components.aws.settings import AwsSettings, BucketSettings
from seawall.errors import UserError

IDENTITY_PATH = "/seawall/"
"""The IAM path of the identities made here, so that an admin finds them and a policy can name them together."""


@dataclass(frozen=True)
class BackupBucketArgs:
    """What a `BackupBucket` is made from. Raises `UserError` when it does not fit together."""

    bucket: str
    """The name of the bucket; a key of `aws.buckets`."""
    aws: AwsSettings
    """Account, region, credentials and the bucket's own settings."""
    prefixes: tuple[str, ...]
    """The folders that writer and reader may touch, one per Postgres cluster; `/` at either end is dropped."""
    writer_service_accounts: tuple[str, ...] = ()
    """With `credentials: irsa`: the service accounts (`namespace:name`) that may write."""
    reader_service_accounts: tuple[str, ...] = ()
    """With `credentials: irsa`: the service accounts (`namespace:name`) that may read."""

    def __post_init__(self) -> None:
        if self.bucket not in self.aws.buckets:
            known = ", ".join(sorted(self.aws.buckets)) or "none"
            raise UserError(f"aws.buckets has no `{self.bucket}` (it has: {known}); add it, or name one that is there")
        if not self.prefixes or not all(prefix.strip("/") for prefix in self.prefixes):
            raise UserError(
                f"bucket {self.bucket}: name at least one folder that backups go to, and none of them empty"
            )
        if self.aws.credentials == "irsa" and not (self.writer_service_accounts and self.reader_service_accounts):
            raise UserError(
                f"bucket {self.bucket}: `credentials: irsa` needs the service accounts (namespace:name) that may write "
                "and those that may read"
            )

    @property
    def settings(self) -> BucketSettings:
        """The bucket's own settings."""
        return self.aws.buckets[self.bucket]

    def identity_arn(self, role: str) -> str:
        """The ARN that the `writer` or `reader` has, known before it is made."""
        make = documents.role_arn if self.aws.credentials == "irsa" else documents.user_arn
        return make(self.aws.partition, self.aws.account, f"{self.bucket}-{role}", IDENTITY_PATH)
