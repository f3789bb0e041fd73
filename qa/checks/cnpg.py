"""Checks of PostgreSQL's clusters and poolers: resources, pods, nodes, Services."""

from collections.abc import Iterator

from seawall.operators import barman
from seawall.operators.cnpg import (
    API_VERSION,
    CLUSTER_LABEL,
    INSTANCE_ROLE_LABEL,
    POOLER_LABEL,
    dns_forms,
    pooler_labels,
    service_names,
)
from seawall.qa.checks.context import Context, Manifest, Probe, Where
from seawall.qa.checks.looking import condition, kubectl, named, node, ready, spread
from seawall.qa.checks.model import Check, Creates, UndecidedError, seen
from seawall.qa.evidence.model import Observation

SERVICE_NAME = "kubernetes.io/service-name"
"""Label of an EndpointSlice: whose it is."""
DATA_KINDS = ("Cluster", "Pooler", "Database", "DatabaseRole", "ScheduledBackup", "Backup")


def _cluster(context: Context) -> Iterator[Observation]:
    for postgres in context.stack.databases:
        where = f"{postgres.namespace}/{postgres.name}"
        how = kubectl(context.api, "get", "-n", postgres.namespace, "clusters.postgresql.cnpg.io", postgres.name)
        found = context.api.find(API_VERSION, "Cluster", postgres.name, postgres.namespace)
        state = condition(found, "Ready") if found is not None else "not there"
        yield seen(f"Cluster {where}: Ready", "True", state, state == "True", how)
        primary = str(((found or {}).get("status") or {}).get("currentPrimary") or "none")
        pods = context.api.every("v1", "Pod", postgres.namespace, postgres.instances)
        leading = [
            it["metadata"]["name"] for it in pods if it["metadata"]["labels"].get(INSTANCE_ROLE_LABEL) == "primary"
        ]
        right = leading == [primary]
        yield seen(f"Cluster {where}: primary", "one, as the Cluster says", f"{primary}; {leading}", right, how)


def _instances(context: Context) -> Iterator[Observation]:
    for postgres in context.stack.databases:
        where = f"{postgres.namespace}/{postgres.name}"
        how = kubectl(context.api, "get", "-n", postgres.namespace, "pods", "-l", f"{CLUSTER_LABEL}={postgres.name}")
        pods = [it for it in context.api.every("v1", "Pod", postgres.namespace, postgres.instances) if ready(it)]
        wanted = postgres.settings.instances
        yield seen(f"instances of {where} that are Ready", wanted, len(pods), len(pods) == wanted, how)
        shared = spread(pods)
        yield seen(f"nodes of the instances of {where}", "one each", shared or "one each", not shared, how)


def _poolers(context: Context) -> Iterator[Observation]:
    for postgres in context.stack.databases:
        for application in postgres.applications:
            how = kubectl(context.api, "get", "-n", postgres.namespace, "deployment", application.pooler)
            made = context.api.find("apps/v1", "Deployment", application.pooler, postgres.namespace)
            count = ((made or {}).get("status") or {}).get("availableReplicas") or 0
            wanted = application.settings.instances
            what = f"pooler {postgres.namespace}/{application.pooler}: available replicas"
            yield seen(what, wanted, count, count == wanted, how)


def _pooler_nodes(context: Context) -> Iterator[Observation]:
    for postgres in context.stack.databases:
        for application in postgres.applications:
            place, labels = postgres.namespace, pooler_labels(application.pooler)
            how = kubectl(
                context.api, "get", "-n", place, "pods", "-l", f"{POOLER_LABEL}={application.pooler}", "-o wide"
            )
            pods = [it for it in context.api.every("v1", "Pod", place, labels) if _runs(it)]
            wanted, what = application.settings.instances, f"pods of pooler {place}/{application.pooler}"
            yield seen(f"{what} on a node", wanted, len(pods), len(pods) == wanted, how)
            shared = spread(pods)
            yield seen(f"nodes of the {what}", "one each", shared or "one each", not shared, how)


def _runs(pod: Manifest) -> bool:
    """On a node, not done and not on its way out."""
    phase = (pod.get("status") or {}).get("phase")
    return bool(node(pod)) and "deletionTimestamp" not in pod["metadata"] and phase not in ("Succeeded", "Failed")


def _read_write(context: Context) -> Iterator[Observation]:
    names = []
    for postgres in context.stack.databases:
        name, place = service_names(postgres.name)["rw"], postgres.namespace
        how = kubectl(context.api, "get", "-n", place, "endpointslices", "-l", f"{SERVICE_NAME}={name}")
        service = context.api.find("v1", "Service", name, place)
        yield seen(f"Service {place}/{name}", "is there", "there" if service else "not there", service is not None, how)
        count = _endpoints(context, name, place)
        yield seen(f"Service {place}/{name}: ready endpoints", "1, the primary", count, count == 1, how)
        names.append(dns_forms(name, place)[-1])
    yield from _resolved(context, names)


def _endpoints(context: Context, service: str, namespace: str) -> int:
    slices = context.api.every("discovery.k8s.io/v1", "EndpointSlice", namespace, {SERVICE_NAME: service})
    return sum(
        len(it.get("addresses") or [])
        for one in slices
        for it in one.get("endpoints") or []
        if (it.get("conditions") or {}).get("ready") is not False
    )


def _resolved(context: Context, names: list[str]) -> Iterator[Observation]:
    here = context.stack.cluster
    where = Where(here, context.probes.fresh(here))
    [results] = context.probes.run([Probe(where, [{"kind": "dns", "host": name} for name in names])])
    for name, result in zip(names, results, strict=True):
        good = result["outcome"] == "resolved"
        told = ", ".join(result.get("addresses", [])) or result.get("why", result["outcome"])
        yield seen(f"{name}, asked for in {where}", "resolves", told, good)


def _pooler_services(context: Context) -> Iterator[Observation]:
    names = []
    for postgres in context.stack.databases:
        for application in postgres.applications:
            found = context.api.every("v1", "Service", postgres.namespace, pooler_labels(application.pooler))
            how = kubectl(context.api, "get", "-n", postgres.namespace, "services", "-l", POOLER_LABEL)
            there = ", ".join(it["metadata"]["name"] for it in found) or "none"
            what = f"Services with {POOLER_LABEL}={application.pooler}"
            yield seen(what, application.pooler, there, there == application.pooler, how)
            names.append(application.host)
    yield from _resolved(context, names)


def _operators_namespace(context: Context) -> Iterator[Observation]:
    """Everything of the data plane: what is declared, and what the operator makes of it."""
    settings = context.stack.settings
    if settings.cnpg is None:
        raise UndecidedError(f"stack {context.stack.name} has no PostgreSQL cluster")
    place = settings.operators.cnpg.namespace
    wanted = [*((API_VERSION, kind) for kind in DATA_KINDS), (barman.API_VERSION, barman.KIND)]
    for api_version, kind in wanted:
        found = [named(it) for it in context.api.every(api_version, kind, place)]
        how = kubectl(context.api, "get", "-n", place, kind)
        yield seen(f"{kind} objects in {place}", "none", ", ".join(found) or "none", not found, how)
    for kind in ("Pod", "PersistentVolumeClaim"):
        everything = context.api.every("v1", kind, place)
        found = [named(it) for it in everything if CLUSTER_LABEL in (it["metadata"].get("labels") or {})]
        how = kubectl(context.api, "get", "-n", place, kind, "-l", CLUSTER_LABEL)
        yield seen(f"{kind} objects of a Cluster in {place}", "none", ", ".join(found) or "none", not found, how)


CHECKS = (
    Check("DB.CNPG.SHARED-INT-001", "reads the Clusters: Ready, and their primary", _cluster),
    Check(
        "DB.CNPG.SHARED-INT-002",
        "reads the Service -rw and its endpoints, resolves its name in a probe pod",
        _read_write,
        Creates.PROBES,
    ),
    Check("DB.CNPG.SHARED-INT-005", "reads the Deployments of the poolers", _poolers),
    Check("DB.CNPG.SHARED-INT-006", "reads on which nodes the poolers' pods are", _pooler_nodes),
    Check("DB.CNPG.SHARED-E2E-001", "reads the instances and their nodes", _instances),
    Check(
        "DB.CNPG.SHARED-E2E-003",
        "reads the poolers' Services by their label, resolves their names in a probe pod",
        _pooler_services,
        Creates.PROBES,
    ),
    Check(
        "SW-CNPG-002",
        "looks for objects of the data plane in the operator's namespace; that every other check is run again is what "
        "the gate asks of each of them",
        _operators_namespace,
    ),
)
