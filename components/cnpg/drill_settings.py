"""Settings of the restore drill: when a cluster's backups are restored, where, to which point, what is asked."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from seawall.components.base import Problem, RefusedError, Settings, rule
from seawall.components.cnpg.backup_settings import longest_wait
from seawall.components.fields import (
    ByteQuantity,
    CronFive,
    DnsName,
    Duration,
    Flag,
    OwnNamespace,
    ServiceName,
    Text,
    duration,
)
from seawall.components.platform import Resources

LATEST = "latest"
_LONGEST_VALUE = 1024

CLEANUP = timedelta(minutes=10)
"""What the removal may take, besides the timeout."""
_PART = r"[a-z_][a-z0-9_$]{0,62}"


def _target(value: str) -> str:
    before = value.removesuffix(" before now")
    if value == LATEST:
        return value
    if before == value or not re.fullmatch(r"[1-9][0-9]{0,5}[smhdw]", before):
        raise RefusedError(f"must be `{LATEST}`, or a time before the drill begins, like `1h before now`")
    return value


def _query(value: str) -> str:
    if ";" in value:
        raise RefusedError("must be one query without `;`")
    if not re.match(r"(?i)(select|with|values|table)\b", value):
        raise RefusedError("must begin with SELECT, WITH, VALUES or TABLE: a drill reads, and changes nothing")
    return value


def _table(value: str) -> str:
    if not re.fullmatch(rf"{_PART}\.{_PART}", value):
        raise RefusedError("must be a table with its schema, in lower case, like public.orders")
    return value


def _digest(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise RefusedError("must be the digest that a drill reported: 64 hexadecimal digits")
    return value


def _value(value: str) -> str:
    if len(value) > _LONGEST_VALUE or "\0" in value:
        raise RefusedError(f"must be at most {_LONGEST_VALUE} characters without a zero byte: ask for a digest instead")
    return value


Target = Annotated[str, AfterValidator(_target)]
Query = Annotated[Text, AfterValidator(_query)]
Value = Annotated[str, AfterValidator(_value)]
Table = Annotated[str, AfterValidator(_table)]
Digest = Annotated[str, AfterValidator(_digest)]


class Assertion(Settings):
    """One thing that must be true of a restored database. It is asked in a read-only transaction."""

    name: Text = Field(description="What it is called in the report; once per application")
    query: Query | None = Field(
        default=None,
        description="A query whose answer is one value: one row, one column; with `equals` or `newer_than`",
    )
    equals: Value | None = Field(
        default=None, description="What that value must be, as PostgreSQL writes it, in quotes"
    )
    newer_than: Duration | None = Field(
        default=None,
        description="How long before the restored point (the drill's begin, or its target) that value, a timestamp, "
        "may be at most, like 1h; without a time zone it is read as UTC",
    )
    table: Table | None = Field(
        default=None,
        description="Instead of a query: a table, as `schema.table`, whose content is summed up in a digest",
    )
    checksum: Digest | None = Field(
        default=None,
        description="What the table's digest must be, for a table that does not change; without it the digest is only "
        "reported",
    )
    show: Flag = Field(
        default=False, description="Whether the value may be in the report; without it nothing of the data is"
    )

    @rule
    def _asks_one_thing(self) -> Iterator[Problem]:
        if (self.query is None) == (self.table is None):
            yield Problem(("query",), "must be given, or `table`, and not both")
        elif self.query is not None and (self.equals is None) == (self.newer_than is None):
            yield Problem(("equals",), "must be given with a query, or `newer_than`, and not both")
        for name in ("equals", "newer_than") if self.table is not None and self.query is None else ():
            if getattr(self, name) is not None:
                yield Problem((name,), "is read only with a query; remove it")
        if self.checksum is not None and self.table is None:
            yield Problem(("checksum",), "is read only with a `table`; remove it")
        if self.show and self.table is not None:
            yield Problem(("show",), "is read only with a query: of a table nothing but the digest is known")


class DrillStorage(Settings):
    """Volumes of the restored instance, where they are not to be like the cluster's."""

    storage_class: DnsName | None = Field(default=None, description="StorageClass; by default the cluster's")
    data: ByteQuantity | None = Field(
        default=None, description="Size of the data volume, which must hold the whole cluster; by default the cluster's"
    )
    wal: ByteQuantity | None = Field(default=None, description="Size of the WAL volume; by default the cluster's")


class RestoreDrill(Settings):
    """The regular restore that proves that backups can be restored."""

    namespace: OwnNamespace = Field(
        description="A namespace of its own, for this cluster alone, so that a drill can never touch the real cluster"
    )
    schedule: CronFive = Field(description="When it runs: five fields, minute first, UTC")
    max_age: Duration = Field(description="How old the last successful drill may be, like 8d")
    target: Target = Field(
        default=LATEST,
        description=f"Which point is restored to: `{LATEST}`, the newest that the archive has, or one before the drill "
        "begins, like `1h before now`",
    )
    timeout: Duration = Field(
        default="2h", description="How long a drill may take until the last assertion; removing it comes on top"
    )
    storage: DrillStorage = Field(default_factory=DrillStorage, description="Volumes of the restored instance")
    resources: Resources | None = Field(
        default=None, description="CPU and memory of the restored instance; by default the cluster's"
    )
    assertions: dict[ServiceName, tuple[Assertion, ...]] = Field(
        default_factory=dict,
        description="Application → what must be true of its database. That every database answers is asked anyway",
    )

    RISKS: ClassVar[Mapping[str, str]] = {
        "namespace": "CNPG-OPS-002",
        "schedule": "CNPG-OPS-002",
        "max_age": "CNPG-OPS-002",
        "target": "CNPG-OPS-002",
        "assertions": "CNPG-OPS-002",
    }

    @property
    def before_now(self) -> timedelta | None:
        """How long before its begin the drill restores to; None for `latest`."""
        if self.target == LATEST:
            return None
        span = self.target.removesuffix(" before now")
        return 7 * duration(f"{span[:-1]}d") if span.endswith("w") else duration(span)

    @property
    def timeout_seconds(self) -> int:
        """How long a drill may take until the last assertion, in seconds."""
        return int(duration(self.timeout).total_seconds())

    @property
    def max_age_seconds(self) -> int:
        """How old the last successful drill may be, in seconds."""
        return int(duration(self.max_age).total_seconds())

    @rule
    def _the_next_one_ends_in_time(self) -> Iterator[Problem]:
        longest = longest_wait(self.schedule) + duration(self.timeout) + CLEANUP
        if duration(self.max_age) < longest:
            yield Problem(
                ("max_age",),
                f"must be at least {longest}: `{self.schedule}`, the timeout and the removal, or the alert fires while "
                "all is well",
                self.max_age,
                "CNPG-OPS-002",
            )

    @rule
    def _there_is_time(self) -> Iterator[Problem]:
        if duration(self.timeout) < timedelta(minutes=5):
            yield Problem(
                ("timeout",), "must be at least 5m: volumes, images and a restore take their time", self.timeout
            )

    @rule
    def _names_once(self) -> Iterator[Problem]:
        for application, assertions in self.assertions.items():
            names = [assertion.name for assertion in assertions]
            for index, name in enumerate(names):
                if names.index(name) != index:
                    yield Problem(("assertions", application, index, "name"), "is taken by another assertion", name)
