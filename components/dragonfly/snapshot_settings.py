"""Settings of the snapshots of a Dragonfly instance: to a volume of each pod, or to a bucket."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, pairwise, takewhile
from typing import Annotated, Literal

from cronsim import CronSim
from pydantic import AfterValidator, Field

from seawall.components.aws.hosts import s3_host, sts_host
from seawall.components.aws.settings import BucketName, Region
from seawall.components.base import Problem, Settings, rule
from seawall.components.dragonfly.secret_settings import EXISTS
from seawall.components.fields import ByteQuantity, CronFive, DnsName, SecretKey, Text
from seawall.components.problems import RefusedError

SHORTEST = timedelta(minutes=5)
"""The least time between two snapshots: each one copies the whole data set."""
_FROM, _UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2034, 1, 1, tzinfo=UTC)
"""Fire times that are looked at: two leap days are among them."""
_LOOKED_AT = 2000
"""At most so many of them: with the shortest gap allowed a week, with fewer days in the schedule a year."""


@cache
def _shortest_gap(cron: str) -> timedelta:
    """Kept for each schedule: a stack's instances share few of them, and each look costs a tenth of a second."""
    times = islice(takewhile(lambda time: time < _UNTIL, CronSim(cron.upper(), _FROM)), _LOOKED_AT)
    return min((later - earlier for earlier, later in pairwise(times)), default=_UNTIL - _FROM)


def _spaced(value: str) -> str:
    if _shortest_gap(value) < SHORTEST:
        raise RefusedError(
            "must leave at least 5 minutes between two snapshots: each copies the whole data set, and the next one "
            "would start before the last one ends"
        )
    return value


def _file(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", value):
        raise RefusedError("must be a file name without folder, of letters, digits, `_`, `.` and `-`, like dump")
    return value


def _prefix(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9_-]*)*", value):
        raise RefusedError("must be folders of letters, digits, `_` and `-`, joined by `/`, like dragonfly/cache")
    return value


def _endpoint(value: str) -> str:
    host, _, port = value.partition(":")
    label = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
    if (
        not re.fullmatch(rf"({label}\.)+[a-z]([-a-z0-9]*[a-z0-9])?", host)
        or not (port == "" or re.fullmatch(r"[1-9]\d{0,4}", port))
        or value.endswith(":")
        or int(port or 1) > 65535
    ):
        raise RefusedError(
            "must be a host name, and a port where it is not 443, like s3.example.org:9000; it is always spoken to "
            "over https, so without http:// or https://"
        )
    return value


def _role(value: str) -> str:
    if not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", value):
        raise RefusedError("must be the ARN of an IAM role like arn:aws:iam::123456789012:role/cache-snapshots")
    return value


SnapshotCron = Annotated[CronFive, AfterValidator(_spaced)]
FileName = Annotated[Text, AfterValidator(_file)]
Prefix = Annotated[Text, AfterValidator(_prefix)]
Endpoint = Annotated[Text, AfterValidator(_endpoint)]
RoleArn = Annotated[Text, AfterValidator(_role)]


class BucketKeys(Settings):
    """The reference to the access key that may read and write the bucket."""

    secret: DnsName = Field(description="Name of the Secret with the two keys")
    path: Text | None = Field(default=None, description=EXISTS)
    access_key: SecretKey = Field(
        default="accessKey", description="Field of the entry, and key of the Secret, that holds the access key's id"
    )
    secret_key: SecretKey = Field(
        default="secretKey", description="Field of the entry, and key of the Secret, that holds the secret key"
    )


class SnapshotBucket(Settings):
    """An S3 bucket as the place of snapshots, which only the master writes; the bucket itself is made elsewhere.

    Not verified against a running Dragonfly: it follows the CRD, the operator's source and Dragonfly's source
    (`dir: s3://…`, credentials as the AWS SDK reads them). All pods read and write one place, so a replica never does
    (`enableOnMasterOnly`). A bucket that cannot be read at the start may keep a pod from starting.
    """

    name: BucketName = Field(description="Name of the bucket")
    prefix: Prefix = Field(description="Folder in the bucket, for this instance alone")
    region: Region = Field(description="Region of the bucket; for a store of your own the one that it expects")
    endpoint: Endpoint | None = Field(
        default=None,
        description="Host, and port where it is not 443, of an S3-compatible store outside the cluster, spoken to over "
        "https; absent: AWS",
    )
    keys: BucketKeys | None = Field(default=None, description="Access key for the bucket; or `role_arn`")
    role_arn: RoleArn | None = Field(
        default=None,
        description="IAM role that the pods' service account takes on (EKS, or another issuer that AWS trusts); or "
        "`keys`",
    )
    egress: Literal["fqdn", "world"] = Field(
        default="fqdn",
        description="What the pods may reach beside name service and each other: `fqdn` the store's host names only "
        "(Cilium), `world` everything outside the cluster on the store's port; the only thing that can be said with "
        "`cni: generic`",
    )
    egress_reason: Text | None = Field(default=None, description="Needed for, and only for, `egress: world`: why it is")

    @property
    def directory(self) -> str:
        """The bucket and folder as the process reads them."""
        return f"s3://{self.name}/{self.prefix}"

    @property
    def port(self) -> int:
        """The port that the store answers on."""
        return int(self.endpoint.partition(":")[2] or 443) if self.endpoint else 443

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host names that the process asks for: the bucket's own, the store's, and that of the token service."""
        store = self.endpoint.partition(":")[0] if self.endpoint else s3_host(self.region)
        tokens = (sts_host(self.region),) if self.role_arn else ()
        return (f"{self.name}.{store}", store, *tokens)

    @rule
    def _credentials_are_of_one_kind(self) -> Iterator[Problem]:
        if (self.keys is None) == (self.role_arn is None):
            yield Problem(("keys",), "must be given, or `role_arn`, and not both: the pods need one way to the bucket")
        if self.role_arn is not None and self.endpoint is not None:
            yield Problem(("role_arn",), "must be absent with `endpoint`: only AWS knows roles; give `keys`")

    @rule
    def _a_wider_egress_has_a_reason(self) -> Iterator[Problem]:
        if self.egress == "world" and self.egress_reason is None:
            yield Problem(
                ("egress_reason",),
                "is missing: with `egress: world` a pod that is taken over may send the data anywhere; say why the "
                "store's host names are not enough",
                risk="DFLY-SEC-001",
            )
        if self.egress != "world" and self.egress_reason is not None:
            yield Problem(("egress_reason",), "is read only with `egress: world`; remove it", risk="DFLY-SEC-001")


class Snapshot(Settings):
    """Snapshots of the data set, so that a restart does not start empty: to a volume of each pod, or to a bucket.

    The operator mounts a volume where the snapshots go, so it is one or the other.
    """

    cron: SnapshotCron = Field(
        description="When to write one: five fields, minute first, in UTC; at least 5 minutes between two"
    )
    file: FileName = Field(default="dump", description="Name of the one snapshot file, which the next one replaces")
    size: ByteQuantity | None = Field(default=None, description="Size of each pod's volume; absent with `bucket`")
    storage_class: DnsName | None = Field(default=None, description="StorageClass of the volumes; absent with `bucket`")
    bucket: SnapshotBucket | None = Field(
        default=None, description="A bucket instead of volumes; not verified against a running Dragonfly"
    )

    @rule
    def _one_destination(self) -> Iterator[Problem]:
        for key, value in (("size", self.size), ("storage_class", self.storage_class)):
            if self.bucket is None and value is None:
                yield Problem((key,), "is missing: snapshots need a volume, or a `bucket`")
            if self.bucket is not None and value is not None:
                yield Problem(
                    (key,), "must be absent with `bucket`: the operator mounts a volume where snapshots go", value
                )
