"""BackupBucket: an S3 bucket for backups with the key that encrypts it and the two identities that use it."""

import pulumi
import pulumi_aws as aws

from seawall.components.aws import documents
from seawall.components.aws.args import IDENTITY_PATH, BackupBucketArgs

__all__ = ["BackupBucket", "BackupBucketArgs"]

TAGS = {"managed-by": "seawall"}


class BackupBucket(pulumi.ComponentResource):
    """A bucket that takes encrypted objects over https only and keeps what is deleted, its key, a writer and a reader.

    No access key is made: with `credentials: external_secret` the account's admins issue one for each of the two IAM
    users straight into the secret store, so that none ever is in the stack's state.
    """

    bucket: pulumi.Output[str]
    """The bucket's name."""
    key_arn: pulumi.Output[str]
    """The ARN of the KMS key that every object must be encrypted with."""
    writer_arn: str
    """The ARN of the IAM user or role that archives and backs up."""
    reader_arn: str
    """The ARN of the IAM user or role that validates and restores."""

    def __init__(self, name: str, args: BackupBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("seawall:data:BackupBucket", name, None, opts)
        self._args = args
        self.writer_arn = args.identity_arn("writer")
        self.reader_arn = args.identity_arn("reader")
        identities = [self._identity(name, role) for role in ("writer", "reader")]
        self.key_arn = self._key(name, identities)
        self.bucket = self._bucket(name) if not args.settings.existing else pulumi.Output.from_input(args.bucket)
        for role, identity in zip(("writer", "reader"), identities, strict=True):
            self._grant(name, role, identity)
        self.register_outputs(
            {
                "bucket": self.bucket,
                "keyArn": self.key_arn,
                "writerArn": self.writer_arn,
                "readerArn": self.reader_arn,
            }
        )

    def _child(
        self,
        *,
        holds_data: bool = False,
        stays: bool = False,
        depends_on: list[pulumi.Resource] | None = None,
    ) -> pulumi.ResourceOptions:
        """`stays`: a wall of the bucket, which must not fall when the bucket leaves the stack and stays in the account.

        Taken away, it would be suspended versioning, default encryption and no policy, on a bucket full of backups.
        """
        keep = self._args.settings.deletion_protection
        return pulumi.ResourceOptions(
            parent=self,
            protect=keep and holds_data,
            retain_on_delete=keep and (holds_data or stays),
            depends_on=depends_on,
        )

    def _identity(self, name: str, role: str) -> pulumi.Resource:
        args = self._args
        if args.aws.irsa is None:
            return aws.iam.User(
                f"{name}-{role}", name=f"{args.bucket}-{role}", path=IDENTITY_PATH, tags=TAGS, opts=self._child()
            )
        accounts = args.writer_service_accounts if role == "writer" else args.reader_service_accounts
        return aws.iam.Role(
            f"{name}-{role}",
            name=f"{args.bucket}-{role}",
            path=IDENTITY_PATH,
            assume_role_policy=documents.trust_policy(
                partition=args.aws.partition,
                account=args.aws.account,
                provider=args.aws.irsa.provider,
                service_accounts=accounts,
            ),
            tags=TAGS,
            opts=self._child(),
        )

    def _key(self, name: str, identities: list[pulumi.Resource]) -> pulumi.Output[str]:
        args, settings = self._args, self._args.settings
        if settings.kms_key is not None:
            return pulumi.Output.from_input(settings.kms_key)
        key = aws.kms.Key(
            f"{name}-key",
            description=f"Backups in the bucket {args.bucket}",
            enable_key_rotation=True,
            deletion_window_in_days=settings.key_deletion_days,
            policy=documents.key_policy(
                partition=args.aws.partition,
                account=args.aws.account,
                region=args.aws.region,
                admins=args.aws.kms_admins,
                writer=self.writer_arn,
                reader=self.reader_arn,
            ),
            tags=TAGS,
            # KMS refuses a policy that names identities that are not there.
            opts=self._child(holds_data=True, depends_on=identities),
        )
        aws.kms.Alias(
            f"{name}-key-alias", name=f"alias/seawall/{args.bucket}", target_key_id=key.key_id, opts=self._child()
        )
        return key.arn

    def _bucket(self, name: str) -> pulumi.Output[str]:
        args, settings = self._args, self._args.settings
        arn = documents.bucket_arn(args.aws.partition, args.bucket)
        bucket = aws.s3.Bucket(
            f"{name}-bucket", bucket=args.bucket, force_destroy=False, tags=TAGS, opts=self._child(holds_data=True)
        )
        aws.s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket.bucket,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=self._child(stays=True),
        )
        access = aws.s3.BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._child(stays=True),
        )
        versioning = aws.s3.BucketVersioning(
            f"{name}-versioning",
            bucket=bucket.bucket,
            versioning_configuration={"status": "Enabled"},
            opts=self._child(stays=True),
        )
        locks = self._lock(name, bucket, versioning)
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.bucket,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms",
                        "kms_master_key_id": self.key_arn,
                    },
                    "bucket_key_enabled": True,
                }
            ],
            opts=self._child(stays=True),
        )
        aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.bucket,
            policy=self.key_arn.apply(
                lambda key: documents.bucket_policy(
                    bucket=arn,
                    key=key,
                    identities=[self.writer_arn, self.reader_arn],
                    lock_admins=args.aws.lock_admins(settings),
                )
            ),
            # S3 refuses two changes of a bucket's access at once; the policy forbids others to set the lock's rule.
            opts=self._child(stays=True, depends_on=[access, *locks]),
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.bucket,
            rules=[
                {
                    "id": "deleted-objects",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "noncurrent_version_expiration": {"noncurrent_days": settings.noncurrent_days},
                    "expiration": {"expired_object_delete_marker": True},
                },
                {
                    "id": "unfinished-uploads",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": settings.abort_upload_days},
                },
            ],
            # A rule about noncurrent versions means something only once there are versions.
            opts=self._child(stays=True, depends_on=[versioning]),
        )
        return bucket.bucket

    def _lock(self, name: str, bucket: aws.s3.Bucket, versioning: pulumi.Resource) -> list[pulumi.Resource]:
        """The lock's rule, which also turns object lock on, for a bucket that is there as well.

        The bucket's own property `object_lock_enabled` is left alone: changing it would replace the bucket.
        """
        lock = self._args.settings.object_lock
        if lock is None:
            return []
        return [
            aws.s3.BucketObjectLockConfiguration(
                f"{name}-object-lock",
                bucket=bucket.bucket,
                object_lock_enabled="Enabled",
                rule={"default_retention": {"mode": lock.mode, "days": lock.days}},
                # S3 locks versions, so there must be versions.
                opts=self._child(stays=True, depends_on=[versioning]),
            )
        ]

    def _grant(self, name: str, role: str, identity: pulumi.Resource) -> None:
        args = self._args
        build = documents.writer_policy if role == "writer" else documents.reader_policy
        arn = documents.bucket_arn(args.aws.partition, args.bucket)
        policy = aws.iam.Policy(
            f"{name}-{role}-policy",
            name=f"{args.bucket}-{role}",
            path=IDENTITY_PATH,
            policy=self.key_arn.apply(lambda key: build(bucket=arn, key=key, prefixes=args.prefixes)),
            tags=TAGS,
            opts=self._child(),
        )
        if isinstance(identity, aws.iam.Role):
            aws.iam.RolePolicyAttachment(
                f"{name}-{role}-attachment", role=identity.name, policy_arn=policy.arn, opts=self._child()
            )
        elif isinstance(identity, aws.iam.User):
            aws.iam.UserPolicyAttachment(
                f"{name}-{role}-attachment", user=identity.name, policy_arn=policy.arn, opts=self._child()
            )
