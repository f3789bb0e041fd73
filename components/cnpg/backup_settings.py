"""Settings of backups: where they go, when, how encrypted; how they are validated."""

import itertools
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Literal

from cronsim import CronSim
from pydantic import AfterValidator, Field

from seawall.components.aws.settings import BucketName
from seawall.components.base import Problem, Settings, rule
from seawall.components.fields import (
    Count,
    CronFive,
    DnsLabel,
    DnsName,
    Duration,
    Flag,
    SecretKey,
    Text,
    Whole,
    duration,
)
from seawall.components.problems import RefusedError
from seawall.operators.barman import RETENTION_PATTERN, DataCompression, Encryption, WalCompression
from seawall.operators.cnpg.schedule import ScheduleError, decode, from_five_fields

ARCHIVE_TIMEOUT = "5m"
"""The operator's `archive_timeout`: a WAL file is archived at the latest after this time, full or not."""

_FROM = datetime(2026, 1, 1, tzinfo=UTC)
"""Where the search for the next runs starts; fixed, so that the same settings are always judged alike."""

_SHORTEST_RUN = timedelta(minutes=1)
_SHORTEST = timedelta(hours=1)
"""Base backups that follow each other faster would overlap."""


def _schedule(value: str) -> str:
    risk = "CNPG-DATA-001"
    wanted = "six fields: second minute hour day month weekday"
    if value.strip().startswith("@"):
        raise RefusedError(f"must be {wanted}, written out: the operator takes a macro with a warning only", risk=risk)
    try:
        cadence = decode(value)
        if cadence.given == 5:
            raise RefusedError(
                f"has five fields, but the operator reads seconds first and would make a backup {cadence.text}; "
                f"write `{from_five_fields(value)}` for what a CronJob means by this",
                risk=risk,
            )
        shortest = cadence.shortest_gap(_FROM)
    except ScheduleError as error:
        raise RefusedError(f"is refused by the operator: {error}; must be {wanted}", risk=risk) from None
    if not cadence.next(_FROM, 1):
        raise RefusedError(f"never fires; must be {wanted}", risk=risk)
    if shortest is not None and shortest < _SHORTEST:
        raise RefusedError(f"would make a backup {cadence.text}; must leave an hour between two", risk=risk)
    return " ".join(value.split())


def _retention(value: str) -> str:
    if not re.fullmatch(RETENTION_PATTERN, value):
        raise RefusedError("must be days, weeks or months like 30d, 4w or 6m")
    return value


_LAST_PORT = 65535


def _endpoint(value: str) -> str:
    if value.startswith("http://"):
        raise RefusedError("must be https: over plain http backups and their credentials can be read on the way")
    label = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
    match = re.fullmatch(rf"https://{label}(\.{label})*(:(?P<port>[1-9][0-9]{{0,4}}))?", value, re.ASCII)
    if match is None or int(match["port"] or 443) > _LAST_PORT:
        raise RefusedError("must be https://<host> or https://<host>:<port>, without a path")
    return value


def _prefix(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*", value) or ".." in value:
        raise RefusedError("must be a folder in the bucket, like shared-postgres, without a slash at either end")
    return value


def longest_wait(schedule: str) -> timedelta:
    """The longest time between two of the next 50 runs of a schedule of five fields."""
    runs = itertools.islice(CronSim(schedule.upper(), _FROM), 50)
    return max((later - earlier for earlier, later in itertools.pairwise(runs)), default=timedelta(days=366))


def shortest_wait(schedule: str) -> timedelta:
    """The shortest time between two of the next 50 runs of a schedule of five fields."""
    runs = itertools.islice(CronSim(schedule.upper(), _FROM), 50)
    return min((later - earlier for earlier, later in itertools.pairwise(runs)), default=timedelta(days=366))


Schedule = Annotated[str, AfterValidator(_schedule)]
"""When base backups are made, as CloudNativePG reads it: six fields, seconds first, UTC."""
Retention = Annotated[str, AfterValidator(_retention)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
Prefix = Annotated[str, AfterValidator(_prefix)]


class EndpointCa(Settings):
    """The certificate authority of a store of one's own."""

    secret: DnsName = Field(description="Name of the Secret, in the namespace of the cluster")
    key: SecretKey = Field(default="ca.crt", description="Key in that Secret")


class Compression(Settings):
    """How base backups and WAL are compressed."""

    data: DataCompression = Field(default="gzip", description="Base backups")
    wal: WalCompression = Field(default="gzip", description="WAL files")


class Backup(Settings):
    """Where a cluster's backups and WAL go, and when a base backup is made."""

    bucket: BucketName = Field(description="Bucket; on AWS one of `seawall:aws.buckets`")
    prefix: Prefix = Field(description="Folder in the bucket, for this cluster alone")
    server_name: DnsLabel | None = Field(
        default=None, description="The cluster's name inside that folder; by default the cluster's own"
    )
    schedule: Schedule = Field(
        description="When a base backup is made: six fields, seconds first, UTC: `0 0 2 * * *` is daily at 02:00"
    )
    retention: Retention = Field(description="How long backups are kept: days, weeks or months like 30d")
    compression: Compression = Field(default_factory=Compression, description="Compression of base backups and of WAL")
    target: Literal["prefer-standby", "primary"] = Field(
        default="prefer-standby", description="The instance that a base backup is taken from"
    )
    encryption: Encryption = Field(
        default="aws:kms",
        description="Encryption of base backups and of WAL alike: `aws:kms` on AWS, `AES256` on S3-compatible stores",
    )
    endpoint: Endpoint | None = Field(
        default=None, description="An S3-compatible store: https://<host>[:<port>]. Without it: AWS"
    )
    endpoint_ca: EndpointCa | None = Field(
        default=None, description="Its certificate authority, when that is not a public one"
    )

    egress: Literal["fqdn", "world"] = Field(
        default="fqdn",
        description="Whom the pods with the store's keys may reach on its port: `fqdn` the store by its exact host "
        "names, `world` everything outside the cluster. Only Cilium can tell: `cni: generic` needs `world`",
    )
    egress_reason: Text | None = Field(default=None, description="Needed for, and only for, `egress: world`")

    RISKS: ClassVar[Mapping[str, str]] = {
        "schedule": "CNPG-DATA-001",
        "encryption": "CNPG-DATA-002",
        "endpoint": "CNPG-SEC-002",
        "egress": "CNPG-SEC-001",
        "egress_reason": "CNPG-SEC-001",
    }

    @rule
    def _open_egress_has_a_reason(self) -> Iterator[Problem]:
        if self.egress == "world" and self.egress_reason is None:
            yield Problem(
                ("egress",),
                "must be fqdn; if the store's names are not known or change, say so in `egress_reason`",
                "world",
                "CNPG-SEC-001",
            )
        if self.egress != "world" and self.egress_reason is not None:
            yield Problem(("egress_reason",), "is read only with `egress: world`; remove it", risk="CNPG-SEC-001")

    @property
    def endpoint_host(self) -> str | None:
        """The host of a store of one's own; None for AWS."""
        return None if self.endpoint is None else self.endpoint.removeprefix("https://").partition(":")[0]

    @property
    def retained(self) -> timedelta:
        """How far back a restore can go: the retention, a month with its 31 days."""
        return timedelta(days=int(self.retention[:-1]) * {"d": 1, "w": 7, "m": 31}[self.retention[-1]])

    @property
    def longest_gap(self) -> timedelta:
        """The longest time between two of the next 50 base backups; five years when at most one is made in them."""
        return decode(self.schedule).longest_gap(_FROM) or timedelta(days=5 * 365)

    @rule
    def _encryption_fits_the_store(self) -> Iterator[Problem]:
        if self.endpoint is None and self.encryption != "aws:kms":
            yield Problem(
                ("encryption",),
                "must be aws:kms on AWS: the bucket's policy refuses anything else",
                self.encryption,
                "CNPG-DATA-002",
            )
        if self.endpoint is not None and self.encryption != "AES256":
            yield Problem(
                ("encryption",),
                "must be AES256 with an `endpoint`: an S3-compatible store has no AWS KMS",
                self.encryption,
                "CNPG-DATA-002",
            )
        if self.endpoint is None and self.endpoint_ca is not None:
            yield Problem(("endpoint_ca",), "is read only with an `endpoint`; remove it")


class Validation(Settings):
    """The check that a restore would find what it needs: backups, WAL, encryption."""

    schedule: CronFive = Field(description="When it runs: five fields, minute first, UTC")
    max_backup_age: Duration = Field(description="How old the newest base backup may be, like 26h")
    rpo: Duration = Field(
        description="How much may be lost: the newest WAL file may be this and the archive timeout (5m) old"
    )
    max_backup_duration: Duration = Field(
        default="6h", description="How long a base backup may be under way before it counts as one that failed"
    )
    tool: Literal["validator", "aws-cli", "mc"] = Field(
        default="validator",
        description="What looks: `validator` is ours and checks everything; `aws-cli` and `mc` run a short script of "
        "shell on their vendors' images, which sees age and encryption of the newest and no hole in the WAL",
    )
    deep: Flag = Field(
        default=False,
        description="Reads the newest base backup and a sample of WAL whole, every time: damage inside objects is seen",
    )
    all_objects: Flag = Field(
        default=False, description="Looks at the encryption of every object instead of a sample, a request for each"
    )
    sample: Annotated[Whole, Field(le=10_000)] = Field(
        default=20, description="How many WAL objects since the backup are looked at; with `deep` so many are read"
    )
    page_percent: Annotated[Count, Field(le=100)] = Field(
        default=20, description="With `deep`: of how many of 100 relation files the page checksums are verified"
    )
    timeout: Duration = Field(default="10m", description="How long a run may take; with `deep` give it more")

    RISKS: ClassVar[Mapping[str, str]] = {"schedule": "CNPG-DATA-001", "tool": "CNPG-SEC-001"}

    @rule
    def _a_short_script_has_no_depth(self) -> Iterator[Problem]:
        if self.tool != "validator":
            for name in sorted({"deep", "all_objects", "sample", "page_percent"} & self.model_fields_set):
                yield Problem((name,), f"is read only with `tool: validator`; `{self.tool}` looks at the newest alone")

    @rule
    def _a_run_ends_before_the_next_begins(self) -> Iterator[Problem]:
        if duration(self.timeout) < _SHORTEST_RUN:
            yield Problem(("timeout",), "must be at least 1m: node, image and store take their time", self.timeout)
        between = shortest_wait(self.schedule)
        if duration(self.timeout) >= between:
            yield Problem(("timeout",), f"must be shorter than the {between} between two runs", self.timeout)

    @property
    def longest_gap(self) -> timedelta:
        """The longest time between two of the next 50 runs."""
        return longest_wait(self.schedule)

    @property
    def max_backup_age_seconds(self) -> int:
        """How old the newest base backup may be, in seconds."""
        return int(duration(self.max_backup_age).total_seconds())

    @property
    def max_backup_duration_seconds(self) -> int:
        """How long a base backup may be under way, in seconds."""
        return int(duration(self.max_backup_duration).total_seconds())

    @property
    def timeout_seconds(self) -> int:
        """How long a run may take, in seconds."""
        return int(duration(self.timeout).total_seconds())

    @property
    def max_wal_age_seconds(self) -> int:
        """How old the newest WAL file may be, in seconds: the RPO and the archive timeout."""
        return int((duration(self.rpo) + duration(ARCHIVE_TIMEOUT)).total_seconds())
