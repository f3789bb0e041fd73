"""Settings of the Dragonfly clusters: caches that evict, and queues that never do."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from seawall.components.base import Problem, Settings, each, rule
from seawall.components.fields import (
    ByteQuantity,
    Clients,
    Count,
    CronFive,
    DnsLabel,
    DnsName,
    Flag,
    Image,
    OwnNamespace,
    SecretKey,
    ServiceName,
    Text,
    quantity_bytes,
    quantity_cores,
    remote_clients,
)
from seawall.components.platform import Resources
from seawall.components.problems import RefusedError
from seawall.operators.dragonfly import arg_name, forbidden_arg

MIB = 1024**2
BYTES_PER_THREAD = 256 * MIB
"""Dragonfly exits when `maxmemory` is below this times its threads."""
MEMORY_SHARE = 0.8
"""The part of the memory limit that data may take: the rest is for buffers, snapshots and replication."""
LONGEST_NAME = 52
"""The StatefulSet's pods carry the label `controller-revision-hash: <name>-<10 characters>`, at most 63 long."""

OWN_ARGS: Mapping[str, str] = {
    "maxmemory": "maxmemory_bytes",
    "proactor_threads": "threads",
    "cache_mode": "purpose",
    "dbfilename": "snapshot.file",
    "default_lua_flags": "flags.default_lua_flags",
    "cluster_mode": "flags.cluster_mode",
}
"""Arguments that have a setting of their own → that setting."""


def _argument(value: str) -> str:
    name = arg_name(value)
    if not value.startswith("--") or not name:
        raise RefusedError("must start with `--`, like --hz=100")
    if reason := forbidden_arg(value):
        raise RefusedError(f"`--{name}` must not be given: {reason}", risk="DFLY-SEC-001")
    if name in OWN_ARGS:
        raise RefusedError(f"`--{name}` has a setting of its own: {OWN_ARGS[name]}")
    if name == "version_check":
        raise RefusedError("`--version_check` must not be given: it is off, because nothing may phone home")
    return value


def _name(value: str) -> str:
    if len(value) > LONGEST_NAME:
        raise RefusedError(f"must be at most {LONGEST_NAME} characters: the operator's labels are made from it")
    return value


def _file(value: str) -> str:
    if "/" in value or value.startswith("."):
        raise RefusedError("must be a file name without folder, like dump")
    return value


Argument = Annotated[Text, AfterValidator(_argument)]
ClusterName = Annotated[ServiceName, AfterValidator(_name)]
LuaFlags = Literal["allow-undeclared-keys", "disable-atomicity", "allow-undeclared-keys disable-atomicity"]


class Snapshot(Settings):
    """Snapshots of the data set to a volume of each pod, so that a restart does not start empty."""

    cron: CronFive = Field(description="When to write one: five fields, minute first, in UTC")
    file: Annotated[Text, AfterValidator(_file)] = Field(
        default="dump", description="Name of the one snapshot file, which the next one replaces"
    )
    size: ByteQuantity = Field(description="Size of each pod's volume")
    storage_class: DnsName = Field(description="StorageClass of the volumes")


class AuthSecret(Settings):
    """The reference to the password; its value never appears in settings."""

    name: DnsName = Field(description="Name of the Secret, and of the ExternalSecret that fills it")
    path: Text = Field(description="Entry in the secret store")
    property: Text = Field(description="Field of the entry that holds the password")
    key: SecretKey = Field(default="password", description="Key of the Secret that holds the password")


class Flags(Settings):
    """Behaviour that today's clients rely on; dropping it can break Lua scripts and cluster-aware clients."""

    default_lua_flags: LuaFlags | None = Field(default=None, description="What every Lua script may do unasked")
    cluster_mode: Literal["emulated"] | None = Field(
        default=None, description="`emulated`: one node answers as a Redis cluster of one"
    )


class GlobalService(Settings):
    """The Service by which the other clusters of the mesh find this one."""

    name: ServiceName = Field(description="Name of the Service; local clients use it as well")
    exported_from: DnsLabel = Field(
        description="The one cluster whose pods are behind it: two independent masters behind one Service split writes"
    )


class Alerts(Settings):
    """Limits of the alerts that depend on how the instance is used."""

    commands_per_second: Count = Field(
        default=50_000, description="Commands per second and pod above which the load is worth a look"
    )
    replication_lag_records: Count = Field(
        default=10_000, description="Records that a replica may be behind for five minutes"
    )


class DragonflyClusterSettings(Settings):
    """One Dragonfly instance: a master and its replicas, for one purpose."""

    purpose: Literal["cache", "queue"] = Field(
        description="`cache`: full memory evicts old keys. `queue`: nothing is ever evicted, writes fail instead; for "
        "job queues and sessions"
    )
    image: Image = Field(description="Image of the data pods, with a tag other than latest or a digest")
    replicas: Annotated[Count, Field(ge=2)] = Field(description="Pods, the master included; each on a node of its own")
    min_available: Count | None = Field(
        default=None,
        description="Pods that a node drain must leave in sync and ready: below `replicas`, and 2 where there are 3 or "
        "more. Default: all but one",
    )
    resources: Resources = Field(description="CPU and memory of each pod")
    maxmemory_bytes: Count = Field(
        description="Memory for data, in bytes: at least 256 MiB per thread, at most 0.8 of the memory limit"
    )
    threads: Count | None = Field(default=None, description="Threads. Default: the whole cores of the CPU limit")
    cache_mode: Flag | None = Field(
        default=None,
        description="Whether full memory evicts; follows from `purpose`, and must agree with it when given",
    )
    snapshot: Snapshot | None = Field(
        default=None, description="Snapshots to a volume; a queue must have them, a cache without starts empty"
    )
    auth_secret: AuthSecret = Field(description="Reference to the password that clients must give")
    flags: Flags = Field(default=Flags(), description="Behaviour that today's clients rely on")
    args: tuple[Argument, ...] = Field(
        default=(),
        description="Further arguments of the process; those with a setting, or of the operator, are refused",
    )
    clients: Clients = Field(
        description="Who may connect: `this` (the stack's own cluster) or the name of a peer → namespaces"
    )
    global_service: GlobalService | None = Field(
        default=None, description="The Service for clients in other clusters; needed when there are any"
    )
    alerts: Alerts = Field(default=Alerts(), description="Limits of the alerts")

    RISKS: ClassVar[Mapping[str, str]] = {
        "clients": "DFLY-SEC-001",
        "auth_secret": "DFLY-OPS-002",
        "min_available": "DFLY-OPS-001",
        "replicas": "DFLY-OPS-001",
        "image": "DFLY-TECH-002",
    }

    @property
    def budget(self) -> int:
        """The pods that a drain must leave available."""
        return self.replicas - 1 if self.min_available is None else self.min_available

    @property
    def proactor_threads(self) -> int:
        """The threads of the process."""
        return self.threads or max(1, int(quantity_cores(self.resources.limits.cpu)))

    @property
    def evicts(self) -> bool:
        """Whether full memory evicts old keys."""
        return self.purpose == "cache"

    @rule
    def _budget_leaves_room(self) -> Iterator[Problem]:
        least = min(2, self.replicas - 1)
        if not least <= self.budget < self.replicas:
            allowed = str(least) if least == self.replicas - 1 else f"from {least} to {self.replicas - 1}"
            yield Problem(
                ("min_available",),
                f"must be {allowed} of {self.replicas} replicas: with all of them no node can ever be drained, with "
                "fewer a drain may take the last replica in sync",
                self.budget,
                "DFLY-OPS-001",
            )

    @rule
    def _threads_fit(self) -> Iterator[Problem]:
        cores = max(quantity_cores(self.resources.limits.cpu), Decimal(1))
        if self.proactor_threads > cores:
            yield Problem(("threads",), f"must be at most the CPU limit of {cores:f} cores", self.threads)

    @rule
    def _memory_is_enough(self) -> Iterator[Problem]:
        least = BYTES_PER_THREAD * self.proactor_threads
        if self.maxmemory_bytes < least:
            yield Problem(
                ("maxmemory_bytes",),
                f"must be at least {least} (256 MiB for each of {self.proactor_threads} threads), or the process exits",
                self.maxmemory_bytes,
            )

    @rule
    def _memory_fits(self) -> Iterator[Problem]:
        limit = self.resources.limits.memory
        most = int(quantity_bytes(limit) * MEMORY_SHARE)
        if self.maxmemory_bytes > most:
            yield Problem(
                ("maxmemory_bytes",),
                f"must be at most {most} (0.8 of the memory limit {limit}): above it the pod is killed under load",
                self.maxmemory_bytes,
            )

    @rule
    def _cache_mode_fits_the_purpose(self) -> Iterator[Problem]:
        if self.cache_mode is not None and self.cache_mode != self.evicts:
            why = "a cache that does not evict refuses writes" if self.evicts else "a queue that evicts loses jobs"
            yield Problem(
                ("cache_mode",),
                f"must be {str(self.evicts).lower()} for `purpose: {self.purpose}`: {why}",
                self.cache_mode,
            )

    @rule
    def _a_queue_is_kept(self) -> Iterator[Problem]:
        if self.purpose == "queue" and self.snapshot is None:
            yield Problem(("snapshot",), "is missing: a queue without snapshots loses its jobs with its pods")

    @rule
    def _remote_clients_find_it(self) -> Iterator[Problem]:
        if self.global_service is None and remote_clients(self.clients):
            yield Problem(("global_service",), "is missing: clients in other clusters find the service by it")


class DragonflySettings(Settings):
    """The Dragonfly instances of the stack."""

    namespace: OwnNamespace = Field(description="Namespace of all instances; made here, with Pod Security `restricted`")
    clusters: Annotated[dict[ClusterName, DragonflyClusterSettings], Field(min_length=1)] = Field(
        description="The instances by name"
    )

    @rule
    def _names_are_one_instances(self) -> Iterator[Problem]:
        """Services and Secrets of the instances share the namespace."""
        services: dict[str, str] = {}
        secrets: dict[str, str] = {}

        def check(name: str, cluster: DragonflyClusterSettings) -> Iterator[Problem]:
            service = cluster.global_service.name if cluster.global_service else name
            other = services.setdefault(service, name)
            if other != name:
                yield Problem(
                    ("clusters", name, "global_service", "name"), f"is already the Service of `{other}`", service
                )
            other = secrets.setdefault(cluster.auth_secret.name, name)
            if other != name:
                yield Problem(
                    ("clusters", name, "auth_secret", "name"),
                    f"is already the Secret of `{other}`: every instance has a password of its own",
                    cluster.auth_secret.name,
                    "DFLY-OPS-002",
                )

        yield from each(self.clusters, check)
