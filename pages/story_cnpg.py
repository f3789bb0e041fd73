"""docs/stories/STORY-DB-CNPG-SHARED-CLUSTER.md."""

from collections.abc import Iterator, Mapping

from seawall.components.cnpg.cluster_settings import PostgresCluster
from seawall.components.cnpg.settings import CnpgSettings
from seawall.operators.cnpg import POOLER_PORT, dns_forms
from seawall.operators.cnpg.schedule import decode
from seawall.pages import commands, markdown, stories
from seawall.pages.stacks import Stack, Stacks
from seawall.pages.traceability import link
from seawall.qa.gate.stories import STORIES
from seawall.qa.register import Register

TITLE = STORIES["cnpg"].id


def page(stacks: Stacks, stack: Stack, register: Register) -> str:
    """The story, for the stack that makes the shared PostgreSQL."""
    mine = stack.settings.cnpg
    if mine is None:
        raise LookupError(f"the stack {stack.name} makes no PostgreSQL")
    return stories.page(
        "cnpg",
        TITLE,
        register,
        "The shared PostgreSQL: what QA asks of the story, and where the answer is. Everything here is made from "
        f"`Pulumi.{stack.name}.yaml`.",
        "## Links",
        stories.links(stack, list(_links(mine))),
        "Connections of each client: [contracts](../contracts.md). Procedures: [docs](../README.md#runbooks).",
        "## Namespace",
        f"Everything of the data plane is in `{mine.namespace}`; the operator stays in "
        f"`{stack.settings.operators.cnpg.namespace}`. {_tests('SW-CNPG-002')}",
        markdown.block(
            f"kubectl --context={stack.settings.platform.context} -n {stack.settings.operators.cnpg.namespace} get "
            "clusters.postgresql.cnpg.io,poolers.postgresql.cnpg.io,databases.postgresql.cnpg.io  # none",
            "sh",
        ),
        *(part for name in mine.clusters for part in _cluster(stacks, stack, mine, name)),
    )


def _links(mine: CnpgSettings) -> Iterator[tuple[str, str, str, str]]:
    first, by, where = next(iter(mine.clusters)), "CnpgSharedCluster", "cnpg"
    folder = "kubernetes/workloads/platform/databases/cloudnative-pg/shared-cluster"
    yield f"`{folder}/scheduledbackup.yaml`", f"`ScheduledBackup/{first}`, `spec.schedule`", by, where
    yield f"`{folder}/backup-validation.yaml`", f"`CronJob/{first}-validation`", by, where
    yield (
        f"`{folder}/cluster.yaml`: encryption of backups",
        f"`ObjectStore/{first}`, `spec.configuration.data` and `.wal`; the bucket's own part by "
        "[BackupBucket](../components/BackupBucket.md)",
        by,
        where,
    )
    yield f"`{folder}/cluster.yaml`: superuser", f"`Cluster/{first}`, `spec.enableSuperuserAccess`", by, where
    yield "namespace of the data plane", f"`Namespace/{mine.namespace}` and everything in it", by, where


def _tests(*names: str) -> str:
    return "Tests " + ", ".join(link(name, stories.TRACEABILITY) for name in names) + "."


def _cluster(stacks: Stacks, stack: Stack, mine: CnpgSettings, name: str) -> Iterator[str]:
    cluster, known = mine.clusters[name], commands.contexts(stacks)
    here = stack.settings.platform.cluster
    yield f"## {name}: schedule of backups"
    yield _schedule(cluster)
    yield f"## {name}: poolers, their Services and names"
    yield _tests("DB.CNPG.SHARED-INT-005", "DB.CNPG.SHARED-E2E-003", "DB.CNPG.SHARED-E2E-005")
    yield f"With this function, for the names from a client's own namespace:\n\n{markdown.block(commands.TRY, 'sh')}"
    yield _services(stack, mine, cluster, known)
    yield f"## {name}: who gets in"
    yield _tests("SW-CNPG-001", "SW-CNPG-004") + " The port first; who gets that far still needs its own role."
    for application, settings in cluster.applications.items():
        host = dns_forms(cluster.names.pooler_of(application), mine.namespace)[-1]
        clients = stories.by_cluster(settings.clients, here)
        others = [stories.by_cluster(it.clients, here) for it in cluster.applications.values()]
        strangers = stories.strangers(clients, others, [here, *stack.settings.platform.peers])
        yield f"### {application}"
        yield stories.walls(clients, strangers, host, POOLER_PORT, known)
    yield "### Policy of a pooler"
    pooler = cluster.names.pooler_of(next(iter(cluster.applications)))
    yield stories.shown(
        stack, "CiliumNetworkPolicy" if stack.settings.platform.cni == "cilium" else "NetworkPolicy", pooler
    )
    yield f"## {name}: alerts"
    yield _tests("DB.CNPG.SHARED-INT-008", "DB.CNPG.SHARED-INT-010", "DB.CNPG.SHARED-E2E-006")
    yield stories.alerts(stack, name)


def _schedule(cluster: PostgresCluster) -> str:
    schedule = cluster.backup.schedule
    five = " ".join(schedule.split()[1:])
    return (
        f"{_tests('DB.CNPG.SHARED-UNIT-001', 'DB.CNPG.SHARED-INT-003')} The operator reads **six fields, seconds "
        f"first**: {markdown.code(schedule)} is {decode(schedule).text}. The five fields {markdown.code(five)} are "
        f"taken with a warning only, and are {decode(five).text}. A CronJob and Dragonfly's snapshots have five fields."
    )


def _services(stack: Stack, mine: CnpgSettings, cluster: PostgresCluster, known: Mapping[str, str]) -> str:
    here = stack.settings.platform.cluster
    lines = [
        f"kubectl --context={commands.context(here, known)} -n {mine.namespace} get svc -l cnpg.io/poolerName",
        f"kubectl --context={commands.context(here, known)} -n {mine.namespace} get poolers.postgresql.cnpg.io",
    ]
    for application, settings in cluster.applications.items():
        old = [f"{host}.svc.cluster.local" for host in cluster.names.old_hosts_of(application)]
        host = dns_forms(cluster.names.pooler_of(application), mine.namespace)[-1]
        for cluster_name, namespaces in stories.by_cluster(settings.clients, here).items():
            where = commands.context(cluster_name, known)
            lines.append(commands.resolves(where, namespaces[0], host))
            if cluster_name == here and cluster.names.serve_old_hosts:
                lines += [commands.resolves(where, namespaces[0], name) for name in old]
    return markdown.block("\n".join(lines), "sh")
