"""Settings of the Dragonfly clusters: caches that evict, and queues that never do."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from seawall.components.base import Problem, Settings, each, rule
from seawall.components.deletion import UnprotectedReason, unprotected_problems, unprotected_reason
from seawall.components.dragonfly.argument_settings import Argument
from seawall.components.dragonfly.placement_settings import Placement
from seawall.components.dragonfly.secret_settings import Acl, AuthSecret, Tls
from seawall.components.dragonfly.snapshot_settings import Snapshot
from seawall.components.fields import (
    Clients,
    Count,
    DnsLabel,
    Flag,
    Image,
    OwnNamespace,
    ServiceName,
    Text,
    local_clients,
    quantity_bytes,
    quantity_cores,
    remote_clients,
)
from seawall.components.platform import Resources
from seawall.components.probes.settings import LatencyProbe
from seawall.components.problems import RefusedError
from seawall.operators.versions import image_tag

MIB = 1024**2
BYTES_PER_THREAD = 256 * MIB
"""Dragonfly exits when `maxmemory` is below this times its threads."""
MEMORY_SHARE = 0.8
"""The part of the memory limit that data may take: the rest is for buffers, snapshots and replication."""
LONGEST_NAME = 52
"""The StatefulSet's pods carry the label `controller-revision-hash: <name>-<10 characters>`, at most 63 long."""


def _name(value: str) -> str:
    if len(value) > LONGEST_NAME:
        raise RefusedError(f"must be at most {LONGEST_NAME} characters: the operator's labels are made from it")
    return value


def _tagged(value: str) -> str:
    if image_tag(value) is None:
        raise RefusedError(
            "must have a tag, to which a digest may be added (…:v1.34.2@sha256:<digest>): a digest alone does not say "
            "which version it is, and the version must go with the operator",
            risk="DFLY-TECH-002",
        )
    return value


ClusterName = Annotated[ServiceName, AfterValidator(_name)]
TaggedImage = Annotated[Image, AfterValidator(_tagged)]
LuaFlags = Literal["allow-undeclared-keys", "disable-atomicity", "allow-undeclared-keys disable-atomicity"]


class Flags(Settings):
    """Behaviour that clients rely on where Redis ran before, so it is on; null takes it away from one instance."""

    default_lua_flags: LuaFlags | None = Field(
        default="allow-undeclared-keys",
        description="What every Lua script may do unasked; without it scripts that build key names (GitLab's) fail",
    )
    cluster_mode: Literal["emulated"] | None = Field(
        default="emulated",
        description="`emulated`: one node answers as a Redis cluster of one; without it cluster-aware clients fail",
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
    image: TaggedImage = Field(
        description="Image of the data pods, with a tag other than latest, to which a digest may be added"
    )
    replicas: Annotated[Count, Field(ge=2)] = Field(
        description="Pods, the master included; each on a node of its own unless `placement` says otherwise"
    )
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
    placement: Placement = Field(default=Placement(), description="How the pods are kept apart from each other")
    snapshot: Snapshot | None = Field(
        default=None,
        description="Snapshots to volumes or a bucket; a queue must have them, a cache without starts empty",
    )
    auth_secret: AuthSecret = Field(description="Reference to the password that clients must give")
    acl: Acl | None = Field(
        default=None, description="Users beside `default`; absent: the one password is all there is"
    )
    tls: Tls | None = Field(
        default=None,
        description="TLS for clients; absent: the client port is plaintext, unless the network itself encrypts",
    )
    plaintext_reason: Text | None = Field(
        default=None, description="Needed for, and only for, an instance without `tls`: why clients go without"
    )
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
    aliases: tuple[ServiceName, ...] = Field(
        default=(),
        description="Former names of the Service in the same namespace, served until clients have moved; needed where "
        "`global_service` renames the only one. A Service of such a name that still exists must be removed first",
    )
    deletion_protection: Flag | None = Field(
        default=None,
        description="Whether the engine refuses to delete the instance. Default: true for a queue, false for a cache",
    )
    unprotected_reason: UnprotectedReason = unprotected_reason()
    latency: LatencyProbe | None = Field(
        default=None, description="What clients on this cluster wait for, measured from the namespace of one of them"
    )
    alerts: Alerts = Field(default=Alerts(), description="Limits of the alerts")

    RISKS: ClassVar[Mapping[str, str]] = {
        "clients": "DFLY-SEC-001",
        "auth_secret": "DFLY-OPS-002",
        "min_available": "DFLY-OPS-001",
        "replicas": "DFLY-OPS-001",
        "image": "DFLY-TECH-002",
        "plaintext_reason": "DFLY-SEC-002",
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
    def protected(self) -> bool:
        """Whether the instance must outlive a mistake: what a queue loses is lost, what a cache loses comes back."""
        return self.purpose == "queue" if self.deletion_protection is None else self.deletion_protection

    @property
    def fetched_secrets(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """The Secrets that ExternalSecrets fill: where the settings name each, and its name."""
        yield ("auth_secret", "name"), self.auth_secret.name
        if self.acl and self.acl.path:
            yield ("acl", "secret"), self.acl.secret
        if self.tls and self.tls.path:
            yield ("tls", "secret"), self.tls.secret
        if self.tls and self.tls.client_ca and self.tls.client_ca.path:
            yield ("tls", "client_ca", "secret"), self.tls.client_ca.secret
        bucket = self.snapshot.bucket if self.snapshot else None
        if bucket and bucket.keys and bucket.keys.path:
            yield ("snapshot", "bucket", "keys", "secret"), bucket.keys.secret

    @property
    def evicts(self) -> bool:
        """Whether full memory evicts old keys."""
        return self.purpose == "cache"

    @rule
    def _unprotected_for_a_reason(self) -> Iterator[Problem]:
        unprotected = self.purpose == "queue" and not self.protected
        return unprotected_problems(unprotected=unprotected, reason=self.unprotected_reason)

    @rule
    def _plaintext_for_a_reason(self) -> Iterator[Problem]:
        if self.tls is None and self.plaintext_reason is None:
            yield Problem(
                ("plaintext_reason",),
                "is missing: without `tls` passwords and data cross the network readable; say why that is accepted, "
                "or give `tls`",
                risk="DFLY-SEC-002",
            )
        if self.tls is not None and self.plaintext_reason is not None:
            yield Problem(("plaintext_reason",), "is read only without `tls`; remove it", risk="DFLY-SEC-002")

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

    @rule
    def _a_client_measures(self) -> Iterator[Problem]:
        local = local_clients(self.clients)
        if self.latency is not None and self.latency.namespace not in local:
            yield Problem(
                ("latency", "namespace"),
                f"must be one of the clients on this cluster ({', '.join(local) or 'none'}): nobody else gets in, and "
                "the numbers are to be a client's",
                self.latency.namespace,
                "DFLY-PERF-001",
            )

    @rule
    def _the_probe_gets_in(self) -> Iterator[Problem]:
        if self.latency is not None and self.tls is not None and self.tls.client_ca is not None:
            yield Problem(
                ("latency",),
                "must be absent with `tls.client_ca`: the probe has no certificate of its own and is turned away",
                risk="DFLY-PERF-001",
            )


class DragonflySettings(Settings):
    """The Dragonfly instances of the stack."""

    namespace: OwnNamespace = Field(description="Namespace of all instances; made here, with Pod Security `restricted`")
    clusters: Annotated[dict[ClusterName, DragonflyClusterSettings], Field(min_length=1)] = Field(
        description="The instances by name"
    )

    @rule
    def _services_are_one_instances(self) -> Iterator[Problem]:
        """Services and aliases of all instances share the namespace."""
        taken: dict[str, str] = {}

        def services(name: str, cluster: DragonflyClusterSettings) -> Iterator[Problem]:
            service = cluster.global_service.name if cluster.global_service else name
            other = taken.setdefault(service, name)
            if other != name:
                yield Problem(
                    ("clusters", name, "global_service", "name"),
                    f"is already the Service of `{other}`; choose another name",
                    service,
                )

        def aliases(name: str, cluster: DragonflyClusterSettings) -> Iterator[Problem]:
            for index, alias in enumerate(cluster.aliases):
                path = ("clusters", name, "aliases", index)
                if alias in taken:
                    yield Problem(path, f"is already a Service of `{taken[alias]}`; remove it here or there", alias)
                elif alias in self.clusters and alias != name:
                    yield Problem(
                        path, "must not be the name of another instance: clients would meet the wrong data", alias
                    )
                taken.setdefault(alias, name)

        yield from each(self.clusters, services)
        yield from each(self.clusters, aliases)

    @rule
    def _secrets_are_one_instances(self) -> Iterator[Problem]:
        """Secrets of all instances share the namespace, and no two ExternalSecrets may fill the same."""
        taken: dict[str, str] = {}

        def check(name: str, cluster: DragonflyClusterSettings) -> Iterator[Problem]:
            for path, secret in cluster.fetched_secrets:
                here = ".".join((name, *path))
                other = taken.setdefault(secret, here)
                if other != here:
                    yield Problem(
                        ("clusters", name, *path),
                        f"is already the Secret of `{other}`: every instance has a password and secrets of its own",
                        secret,
                        "DFLY-OPS-002",
                    )

        yield from each(self.clusters, check)

    @rule
    def _passwords_are_one_instances(self) -> Iterator[Problem]:
        """Who knows the cache's password must not know the queue's."""
        taken: dict[tuple[str, str], str] = {}

        def check(name: str, cluster: DragonflyClusterSettings) -> Iterator[Problem]:
            secret = cluster.auth_secret
            other = taken.setdefault((secret.path, secret.property), name)
            if other != name:
                yield Problem(
                    ("clusters", name, "auth_secret", "path"),
                    f"is already the password of `{other}`: every instance has a password of its own",
                    risk="DFLY-OPS-002",
                )

        yield from each(self.clusters, check)

    @rule
    def _snapshots_are_one_instances(self) -> Iterator[Problem]:
        """Two instances that write the same file destroy each other's snapshots."""
        taken: dict[tuple[str | None, str], str] = {}

        def check(name: str, cluster: DragonflyClusterSettings) -> Iterator[Problem]:
            bucket = cluster.snapshot.bucket if cluster.snapshot else None
            if bucket is None:
                return
            other = taken.setdefault((bucket.endpoint, bucket.directory), name)
            if other != name:
                yield Problem(
                    ("clusters", name, "snapshot", "bucket", "prefix"),
                    f"is already where `{other}` writes: every instance has a folder of its own",
                    bucket.prefix,
                )

        yield from each(self.clusters, check)
