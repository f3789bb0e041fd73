"""What the Postgres settings must agree on with the rest of the stack. Paths are those of the stack's settings."""

import re
from collections.abc import Iterator

from seawall.components.aws.settings import AwsSettings
from seawall.components.base import Problem, each
from seawall.components.cnpg.cluster_settings import PostgresCluster
from seawall.components.cnpg.drill_checks import authority_problems
from seawall.components.cnpg.settings import CnpgSettings
from seawall.components.operators import Operators
from seawall.components.platform import Platform, client_problems, node_problems
from seawall.operators.versions import cnpg_combination, image_tag, parse


def cnpg_problems(platform: Platform, cnpg: CnpgSettings, operators: Operators) -> Iterator[Problem]:
    """Clients, nodes, namespaces and versions fit the platform and the operator."""
    taken = {operators.cnpg.namespace, operators.dragonfly.namespace}
    if cnpg.namespace in taken:
        yield Problem(
            ("cnpg", "namespace"),
            "must not be an operator's namespace: whoever may write a Cluster or Pooler is a superuser of it, and must "
            "not get at the operator as well",
            cnpg.namespace,
            "CNPG-OPS-001",
        )

    def check(name: str, cluster: PostgresCluster) -> Iterator[Problem]:
        path = ("cnpg", "clusters", name)
        yield from node_problems((*path, "instances"), cluster.instances, platform, "CNPG-OPS-001")
        yield from _image(path, cluster, operators)
        yield from _egress(path, cluster, platform)
        if cluster.restore_drill is not None and cluster.restore_drill.namespace in taken:
            where = (*path, "restore_drill", "namespace")
            yield Problem(where, "must be a namespace of its own, not an operator's", cluster.restore_drill.namespace)
        if cluster.restore_drill is not None and cluster.restore_drill.namespace == platform.observability.namespace:
            yield Problem(
                (*path, "restore_drill", "namespace"),
                "must be a namespace of its own, not platform.observability.namespace: the scraper's pods would stand "
                "beside the reader's keys",
                cluster.restore_drill.namespace,
                "CNPG-OPS-002",
            )
        if cluster.restore_drill is not None:
            yield from authority_problems(path, name, cluster)
        for application, settings in cluster.applications.items():
            where = (*path, "applications", application)
            yield from client_problems((*where, "clients"), settings.clients, platform, "CNPG-OPS-001")
            yield from node_problems((*where, "instances"), settings.instances, platform, "CNPG-PERF-001")

    yield from each(cnpg.clusters, check)


def _egress(path: tuple[str | int, ...], cluster: PostgresCluster, platform: Platform) -> Iterator[Problem]:
    """Cilium's rules for what is outside the cluster never match a Service of it, nor a host name an address."""
    if platform.cni != "cilium":
        if cluster.backup.egress == "fqdn":
            yield Problem(
                (*path, "backup", "egress"),
                "must be `world` with `cni: generic`, whose policies cannot name a host: every address is open on the "
                "store's port; say in `egress_reason` why that is accepted",
                "fqdn",
                "CNPG-SEC-001",
            )
        return
    host = cluster.backup.endpoint_host
    if host is None:
        return
    where = (*path, "backup", "endpoint")
    if host.endswith((".svc", ".svc.cluster.local")):
        yield Problem(
            where,
            "must be a store outside this cluster: with `cni: cilium` no rule would let backups through to a Service "
            "of it, and what is lost with the cluster is no backup",
            cluster.backup.endpoint,
            "CNPG-OPS-002",
        )
    elif cluster.backup.egress == "fqdn" and re.fullmatch(r"[0-9.]+", host):
        yield Problem(
            where,
            "must be a host name with `egress: fqdn`, which lets the pods reach exactly that host",
            cluster.backup.endpoint,
            "CNPG-SEC-001",
        )


def _image(path: tuple[str | int, ...], cluster: PostgresCluster, operators: Operators) -> Iterator[Problem]:
    row = cnpg_combination(operators.cnpg.version)
    version = parse(image_tag(cluster.image) or "")
    if row is None or version is None:
        return
    if not row.postgresql_first <= version[0] <= row.postgresql_last:
        yield Problem(
            (*path, "image"),
            f"must be PostgreSQL {row.postgresql_first} to {row.postgresql_last}, which operator {row.operator} runs",
            cluster.image,
        )


def backup_problems(aws: AwsSettings | None, cnpg: CnpgSettings) -> Iterator[Problem]:
    """Every backup has a bucket, and credentials of the kind that the account uses.

    `aws` may be None where no backup goes to AWS.
    """
    buckets = aws.buckets if aws else {}

    def check(name: str, cluster: PostgresCluster) -> Iterator[Problem]:
        path = ("cnpg", "clusters", name)
        on_aws = cluster.backup.endpoint is None
        if on_aws and cluster.backup.bucket not in buckets:
            known = ", ".join(sorted(buckets)) or "none"
            yield Problem(
                (*path, "backup", "bucket"),
                f"must be one of aws.buckets ({known}), or on a store of your own (`endpoint`)",
                cluster.backup.bucket,
                "CNPG-DATA-002",
            )
        if on_aws and aws is not None and aws.credentials == "irsa":
            return
        for role in ("backup_writer", "backup_reader"):
            if getattr(cluster.secrets, role) is None:
                yield Problem(
                    (*path, "secrets", role),
                    "is missing: without IAM roles the keys come from this entry of the secret store",
                    risk="CNPG-OPS-003",
                )

    yield from each(cnpg.clusters, check)
