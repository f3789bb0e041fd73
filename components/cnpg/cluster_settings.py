"""Settings of one shared Postgres cluster."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from seawall.components.base import Problem, Settings, rule
from seawall.components.cnpg import parameters as pg
from seawall.components.cnpg.alert_settings import AlertThresholds
from seawall.components.cnpg.application_settings import Application, Names, fill, sql_name_problem
from seawall.components.cnpg.backup_settings import Backup, Validation
from seawall.components.cnpg.connections import demand, direct_demand
from seawall.components.cnpg.drill_checks import drill_problems
from seawall.components.cnpg.drill_settings import RestoreDrill
from seawall.components.cnpg.secret_settings import SecretPaths
from seawall.components.deletion import UnprotectedReason, unprotected_problems, unprotected_reason
from seawall.components.fields import (
    ByteQuantity,
    Count,
    DnsName,
    Flag,
    Image,
    ServiceName,
    Text,
    as_duration,
    duration,
    remote_clients,
)
from seawall.components.platform import Amounts, Resources
from seawall.components.probes.settings import CertificateProbe
from seawall.components.problems import RefusedError
from seawall.operators.versions import image_tag


def _postgres_image(value: str) -> str:
    tag = image_tag(value)
    if tag is None or not re.match(r"\d+(\.\d+)?([-.]|$)", tag):
        raise RefusedError("must have a tag that starts with PostgreSQL's version, like 16.8: the operator reads it")
    return value


def _parameter(value: Any) -> Any:
    if not isinstance(value, str):
        raise RefusedError(
            'must be text: put it in quotes, as "200" or "on" (the API server refuses a number, and YAML reads an '
            "unquoted on as true)"
        )
    return value


PostgresImage = Annotated[Image, AfterValidator(_postgres_image)]
Parameter = Annotated[str, BeforeValidator(_parameter)]


class Storage(Settings):
    """Volumes of one instance."""

    storage_class: DnsName = Field(description="StorageClass of both volumes")
    data: ByteQuantity = Field(description="Size of the data volume")
    wal: ByteQuantity = Field(
        description="Size of the volume for WAL, which is always one of its own (and cannot be taken away later): a "
        "stuck archive fills it, not the data's"
    )


class Synchronous(Settings):
    """Synchronous replication: how many standbys have a commit before the client hears of it."""

    method: Literal["any", "first"] = Field(default="any", description="Any of the standbys, or the first in the list")
    number: Count = Field(default=1, description="How many standbys must have it")
    max_standby_names: Count | None = Field(
        default=None, description="How many standbys of the cluster may count; by default all of them"
    )
    data_durability: Literal["preferred", "required"] = Field(
        default="preferred",
        description="`preferred` goes on without a standby when none is there, `required` stops writing until one is",
    )


def _sidecar_resources() -> Resources:
    """The barman sidecar compresses one WAL file at a time and streams base backups."""
    return Resources(requests=Amounts(cpu="100m", memory="128Mi"), limits=Amounts(cpu="1", memory="512Mi"))


class PostgresCluster(Settings):
    """One shared Postgres cluster: instances, backups, and the applications on it."""

    image: PostgresImage = Field(description="PostgreSQL's image; its tag starts with the version")
    instances: Annotated[Count, Field(le=20)] = Field(default=3, description="Instances, one of them the primary")
    single_instance_reason: Text | None = Field(
        default=None,
        description="Needed for, and only for, `instances: 1`: why nothing stands by, and every drain of the node, "
        "every update and every broken volume is an outage",
    )
    storage: Storage = Field(description="Volumes of one instance")
    resources: Resources = Field(description="CPU and memory of PostgreSQL in one instance")
    sidecar_resources: Resources = Field(
        default_factory=_sidecar_resources, description="CPU and memory of the barman sidecar in one instance"
    )
    synchronous: Synchronous | None = Field(
        default=None, description="Synchronous replication; on by default (any 1 standby) from two instances on"
    )
    asynchronous_reason: Text | None = Field(
        default=None,
        description="Turns synchronous replication off, and says why: a failover may then lose acknowledged commits",
    )
    parameters: dict[str, Parameter] = Field(
        default_factory=dict, description="PostgreSQL parameters; every value is text, in quotes"
    )
    other_connections: Count = Field(
        default=15,
        description="Connections kept for whoever needs no pooler: instance managers and metrics, base backups, SQL "
        "Jobs, the certificate probe, a person. Replication has a limit of its own",
    )
    superuser_access: Flag = Field(
        default=False,
        description="Whether `postgres` has a password and may sign in over the network; break-glass only",
    )
    superuser_reason: Text | None = Field(
        default=None, description="Needed for, and only for, `superuser_access: true`"
    )
    deletion_protection: Flag = Field(
        default=True,
        description="Cluster, databases and roles are protected from deletion, and stay when they leave the stack",
    )
    unprotected_reason: UnprotectedReason = unprotected_reason()
    backup: Backup = Field(description="Base backups and WAL archive")
    validation: Validation = Field(description="The check of what the backups left in the object store")
    certificates: CertificateProbe = Field(
        default_factory=CertificateProbe,
        description="The check of the certificates that clients are shown: validity, and every name of every pooler",
    )
    restore_drill: RestoreDrill | None = Field(
        default=None, description="The regular restore, without which nobody knows whether backups can be restored"
    )
    undrilled_reason: Text | None = Field(
        default=None,
        description="Needed for, and only for, no `restore_drill`: how else it is known that backups restore",
    )
    secrets: SecretPaths = Field(description="Where secrets are in the secret store")
    names: Names = Field(default_factory=Names, description="How the names of an application's objects are made")
    applications: Annotated[dict[ServiceName, Application], Field(min_length=1)] = Field(
        description="The applications by name, each with a role, a database and a pooler of its own"
    )
    alerts: AlertThresholds = Field(default_factory=AlertThresholds, description="When alerts fire")

    RISKS: ClassVar[Mapping[str, str]] = {
        "synchronous": "CNPG-OPS-002",
        "single_instance_reason": "CNPG-OPS-002",
        "other_connections": "CNPG-PERF-001",
        "superuser_access": "CNPG-TECH-001",
        "superuser_reason": "CNPG-TECH-001",
        "undrilled_reason": "CNPG-OPS-002",
    }

    @property
    def replication(self) -> Synchronous | None:
        """Synchronous replication as it is really used: by default on from two instances on."""
        if self.synchronous is not None or self.instances == 1 or self.asynchronous_reason is not None:
            return self.synchronous
        return Synchronous(max_standby_names=self.instances - 1)

    @rule
    def _synchronous_has_standbys(self) -> Iterator[Problem]:
        if self.asynchronous_reason is not None and self.instances == 1:
            yield Problem(("asynchronous_reason",), "is read only from 2 instances on: one alone replicates to nobody")
        if self.synchronous is None:
            return
        standbys = self.instances - 1
        if self.asynchronous_reason is not None:
            yield Problem(("asynchronous_reason",), "contradicts `synchronous`; keep one of the two")
        if self.synchronous.number > standbys:
            yield Problem(
                ("synchronous", "number"),
                f"must be at most {standbys}: of {self.instances} instance{'s' * (standbys > 0)} one is the primary"
                + ("" if standbys else "; remove `synchronous`"),
                self.synchronous.number,
                "CNPG-OPS-002",
            )
        most = self.synchronous.max_standby_names
        if most is not None and not self.synchronous.number <= most <= max(standbys, 1):
            yield Problem(
                ("synchronous", "max_standby_names"),
                f"must be {self.synchronous.number} (number) to {standbys} (the standbys)",
                most,
            )

    @rule
    def _a_single_instance_has_a_reason(self) -> Iterator[Problem]:
        if self.instances == 1 and self.single_instance_reason is None:
            yield Problem(
                ("instances",),
                "must be at least 2: with 1 nothing stands by, and a drain of its node is an outage; if that is "
                "acceptable, say why in `single_instance_reason`",
                1,
                "CNPG-OPS-002",
            )
        if self.instances > 1 and self.single_instance_reason is not None:
            yield Problem(
                ("single_instance_reason",), "is read only with `instances: 1`; remove it", risk="CNPG-OPS-002"
            )

    @rule
    def _unprotected_for_a_reason(self) -> Iterator[Problem]:
        return unprotected_problems(unprotected=not self.deletion_protection, reason=self.unprotected_reason)

    @rule
    def _superuser_has_a_reason(self) -> Iterator[Problem]:
        if self.superuser_access and self.superuser_reason is None:
            yield Problem(
                ("superuser_access",),
                "must be false; for break-glass say why in `superuser_reason`, and turn it off again",
                True,
                "CNPG-TECH-001",
            )
        if self.superuser_access and self.secrets.superuser is None:
            yield Problem(
                ("secrets", "superuser"), "is missing: `superuser_access: true` reads the password from there"
            )
        if not self.superuser_access and self.superuser_reason is not None:
            yield Problem(
                ("superuser_reason",), "is read only with `superuser_access: true`; remove it", risk="CNPG-TECH-001"
            )

    @rule
    def _parameters_are_sound(self) -> Iterator[Problem]:
        found = pg.check(self.parameters, memory_request=self.resources.requests.memory, wal_volume=self.storage.wal)
        yield from (problem.under("parameters") for problem in found)

    @rule
    def _direct_clients_fit(self) -> Iterator[Problem]:
        direct = direct_demand(len(self.applications), self.instances)
        if self.other_connections < direct.total:
            yield Problem(
                ("other_connections",),
                f"must be at least {direct.total}: {direct.explain()}",
                self.other_connections,
                "CNPG-PERF-001",
            )

    @rule
    def _connections_fit(self) -> Iterator[Problem]:
        wanted = demand(self.applications, self.parameters, self.other_connections)
        if not wanted.fits:
            yield Problem(
                ("parameters", "max_connections"),
                f"must be at least {wanted.total}, or the pools must be smaller. Each pooler can open (instances + 1 "
                f"that ends) × 2 databases × (default_pool_size + reserve_pool_size): {wanted.explain()}",
                str(wanted.limit),
                "CNPG-PERF-001",
            )

    @rule
    def _names_are_distinct(self) -> Iterator[Problem]:
        seen: dict[tuple[str, str], str] = {}
        for application in self.applications:
            made = {
                "role": self.names.role_of(application),
                "database": self.names.database_of(application),
                "pooler": self.names.pooler_of(application),
            }
            for kind, name in made.items():
                other = seen.setdefault((kind, name), application)
                if other != application:
                    yield Problem(
                        ("names", kind),
                        f"must contain `{{app}}`: {other} and {application} would both have the {kind} {name}",
                        getattr(self.names, kind),
                        "CNPG-DATA-003",
                    )
                wrong = None if kind == "pooler" else sql_name_problem(name)
                if wrong is not None:
                    yield Problem(("applications", application), f"would have the {kind} {name}, which {wrong}")

    @rule
    def _remote_clients_find_the_authority(self) -> Iterator[Problem]:
        remote = sorted(name for name, found in self.applications.items() if remote_clients(found.clients))
        if remote and self.secrets.ca is None:
            yield Problem(
                ("secrets", "ca"),
                f"is missing: {', '.join(remote)} {'has' if len(remote) == 1 else 'have'} clients in other clusters, "
                "which cannot read the authority's certificate here and could not verify the server",
                risk="CNPG-SEC-002",
            )

    @rule
    def _backups_can_be_young_enough(self) -> Iterator[Problem]:
        if self.backup.longest_gap > duration(self.validation.max_backup_age):
            yield Problem(
                ("validation", "max_backup_age"),
                f"must be at least the {as_duration(self.backup.longest_gap)} between two backups of "
                f"`{self.backup.schedule}`",
                self.validation.max_backup_age,
                "CNPG-DATA-001",
            )

    @rule
    def _the_tool_fits_the_store(self) -> Iterator[Problem]:
        if self.validation.tool == "mc" and self.backup.endpoint is None:
            yield Problem(
                ("validation", "tool"),
                "is for S3-compatible stores, and `backup` has no `endpoint`; on AWS it must be validator or aws-cli",
                "mc",
                "CNPG-SEC-001",
            )

    @rule
    def _restores_are_drilled(self) -> Iterator[Problem]:
        if self.restore_drill is None and self.undrilled_reason is None:
            yield Problem(
                ("restore_drill",),
                "is missing: a backup that nobody has restored is a hope; if restores are proven elsewhere, say how in "
                "`undrilled_reason`",
                risk="CNPG-OPS-002",
            )
        if self.restore_drill is not None and self.undrilled_reason is not None:
            yield Problem(("undrilled_reason",), "is read only without `restore_drill`; remove it")

    @rule
    def _the_drill_fits(self) -> Iterator[Problem]:
        if self.restore_drill is not None:
            yield from drill_problems(self, self.restore_drill)

    @rule
    def _entries_differ(self) -> Iterator[Problem]:
        if len(self.applications) > 1 and "{app}" not in self.secrets.roles:
            yield Problem(
                ("secrets", "roles"),
                "must contain `{app}`: otherwise all applications share one password",
                risk="CNPG-OPS-003",
            )
        if self.secrets.backup_writer is not None and self.secrets.backup_writer == self.secrets.backup_reader:
            yield Problem(
                ("secrets", "backup_reader"),
                "must be another entry than backup_writer: whoever validates must not be able to write or delete",
                risk="CNPG-SEC-001",
            )

    def secret_path(self, application: str) -> str:
        """The entry with an application's role and password."""
        return fill(self.secrets.roles, application)
