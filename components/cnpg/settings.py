"""Settings of all shared Postgres clusters of a stack, and what they must not share with each other."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from seawall.components.base import Problem, Settings, each, rule
from seawall.components.cnpg.access_settings import Access
from seawall.components.cnpg.cluster_settings import PostgresCluster
from seawall.components.cnpg.object_names import collisions
from seawall.components.fields import OwnNamespace, ServiceName
from seawall.components.problems import RefusedError
from seawall.operators.cnpg import service_names
from seawall.operators.cnpg.names import LONGEST_POOLER

_SERVICE = r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?"


def _cluster_name(value: str) -> str:
    if len(value) > 40:
        raise RefusedError("must be at most 40 characters: longer names are made from it, and a CronJob's may have 52")
    return value


ClusterName = Annotated[ServiceName, AfterValidator(_cluster_name)]


class CnpgSettings(Settings):
    """The shared Postgres clusters of the stack."""

    namespace: OwnNamespace = Field(
        description="Namespace of everything here; not the operator's: whoever may write there owns the databases"
    )
    clusters: Annotated[dict[ClusterName, PostgresCluster], Field(min_length=1)] = Field(
        description="The clusters by name"
    )
    access: Access = Field(
        default_factory=Access, description="Which groups of people may act here, besides the cluster's administrators"
    )

    RISKS: ClassVar[Mapping[str, str]] = {"namespace": "CNPG-OPS-001"}

    @rule
    def _names_are_free(self) -> Iterator[Problem]:
        taken = {name: f"cluster {name}" for name in self.clusters}
        taken |= {service: f"cluster {name}" for name in self.clusters for service in service_names(name).values()}

        def check(name: str, cluster: PostgresCluster) -> Iterator[Problem]:
            for application in cluster.applications:
                pooler = cluster.names.pooler_of(application)
                where = ("clusters", name, "names", "pooler")
                if not re.fullmatch(_SERVICE, pooler) or len(pooler) > LONGEST_POOLER:
                    yield Problem(
                        where,
                        f"gives {pooler}, which is no name of a pooler (a letter, then letters, digits, `-`; at most "
                        f"{LONGEST_POOLER}, because its pods' names are longer)",
                    )
                owner = f"pooler of {application} in {name}"
                if taken.setdefault(pooler, owner) != owner:
                    yield Problem(where, f"gives {pooler}, which is taken by {taken[pooler]}", cluster.names.pooler)

        yield from each(self.clusters, check)
        yield from each(self.clusters, lambda name, cluster: self._former(name, cluster, taken))

    def _former(self, name: str, cluster: PostgresCluster, taken: dict[str, str]) -> Iterator[Problem]:
        """Former names that are served become Services: each is a valid name, of one pooler, and not taken.

        `taken` are the Services here by name, elsewhere by name and namespace; it grows.
        """
        if not cluster.names.serve_old_hosts:
            return
        where = ("clusters", name, "names", "old_hosts")
        for application in cluster.applications:
            for service, namespace in cluster.names.former_services_of(application):
                host = f"{service}.{namespace}"
                if not (re.fullmatch(_SERVICE, service) and re.fullmatch(_SERVICE, namespace)):
                    yield Problem(
                        where, f"gives {host}, which is no Service and namespace (letters, digits, `-`; at most 63)"
                    )
                owner = f"former name of {application} in {name}"
                holder = taken.setdefault(service if namespace == self.namespace else host, owner)
                if holder != owner:
                    yield Problem(
                        where, f"gives {host}, which is taken by {holder}: it cannot be served", risk="CNPG-OPS-001"
                    )

    @rule
    def _objects_are_one_clusters(self) -> Iterator[Problem]:
        yield from collisions(self.clusters)

    @rule
    def _drills_are_elsewhere(self) -> Iterator[Problem]:
        def check(name: str, cluster: PostgresCluster) -> Iterator[Problem]:
            if cluster.restore_drill is not None and cluster.restore_drill.namespace == self.namespace:
                yield Problem(
                    ("clusters", name, "restore_drill", "namespace"),
                    "must be another namespace than the cluster's: a drill beside it could write into its archive",
                    self.namespace,
                    "CNPG-OPS-002",
                )

        yield from each(self.clusters, check)

    @rule
    def _drills_are_apart(self) -> Iterator[Problem]:
        seen: dict[str, str] = {}

        def check(name: str, cluster: PostgresCluster) -> Iterator[Problem]:
            namespace = cluster.restore_drill.namespace if cluster.restore_drill is not None else None
            if namespace is not None and seen.setdefault(namespace, name) != name:
                yield Problem(
                    ("clusters", name, "restore_drill", "namespace"),
                    f"must be a namespace of its own: the drill of {seen[namespace]} has it, whose keys and account "
                    "would be within reach",
                    namespace,
                    "CNPG-OPS-002",
                )

        yield from each(self.clusters, check)

    @rule
    def _archives_are_apart(self) -> Iterator[Problem]:
        seen: dict[tuple[str | None, str, str], str] = {}

        def check(name: str, cluster: PostgresCluster) -> Iterator[Problem]:
            backup = cluster.backup
            other = seen.setdefault((backup.endpoint, backup.bucket, backup.prefix), name)
            if other != name:
                yield Problem(
                    ("clusters", name, "backup", "prefix"),
                    f"must be a folder of its own: {other} writes to {backup.bucket}/{backup.prefix} as well",
                    backup.prefix,
                    "CNPG-OPS-002",
                )

        yield from each(self.clusters, check)
