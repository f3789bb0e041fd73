"""Looks into an object store with the user's own credentials, as the AWS command line would find them. Read-only."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from seawall.errors import UserError
from seawall.qa.checks.context import Stored
from seawall.qa.checks.model import UndecidedError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3Store:
    """One object store. Raises `UserError` for an address that is none."""

    def __init__(
        self, endpoint: str | None = None, region: str | None = None, session: boto3.Session | None = None
    ) -> None:
        """`endpoint` None: AWS itself. `session`: with which keys; None: those of the environment."""
        if endpoint is not None and "@" in endpoint:  # whatever else is wrong with it: it is not shown
            raise UserError(
                "--s3-endpoint: must not hold a password: keys are those that the AWS command line would use"
            )
        self._where = endpoint or "AWS"
        calm = Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 3})
        try:
            self._client: S3Client = (session or boto3.Session()).client(
                "s3", endpoint_url=endpoint, region_name=region, config=calm
            )
        except (BotoCoreError, ValueError) as error:
            raise UserError(f"--s3-endpoint {endpoint}: {error}") from None

    def list(self, bucket: str, prefix: str) -> list[Stored]:
        """Every object below a prefix; none where there is no such bucket."""
        found: list[Stored] = []
        with self._told(f"ListObjectsV2 s3://{bucket}/{prefix}"), suppress(self._client.exceptions.NoSuchBucket):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                found += [Stored(it["Key"], it["Size"], it["LastModified"]) for it in page.get("Contents", [])]
        return found

    def head(self, bucket: str, key: str) -> Mapping[str, str]:
        """How an object is encrypted: `encryption` and, with a KMS key, `key`."""
        with self._told(f"HeadObject s3://{bucket}/{key}"):
            answer = self._client.head_object(Bucket=bucket, Key=key)
        wanted = {"encryption": answer.get("ServerSideEncryption"), "key": answer.get("SSEKMSKeyId")}
        return {name: str(value) for name, value in wanted.items() if value}

    def read(self, bucket: str, key: str) -> bytes:
        """The content of a small object."""
        with self._told(f"GetObject s3://{bucket}/{key}"):
            return self._client.get_object(Bucket=bucket, Key=key)["Body"].read(1024 * 1024)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "an error")
            raise UndecidedError(f"needs object-store: {self._where} answers {what} with {code}") from None
        except (BotoCoreError, OSError) as error:
            raise UndecidedError(f"needs object-store: {what}: {type(error).__name__}") from None
