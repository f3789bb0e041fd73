"""What a consumer and its producer must agree on. Paths are those of the consumer's settings."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seawall.components.base import Problem
from seawall.components.consumers.latency import measured
from seawall.components.consumers.services import ClientSecret, ConsumedService, consumed_services
from seawall.operators.cnpg import service_names
from seawall.operators.versions import parse

if TYPE_CHECKING:
    from seawall.components.settings import StackSettings

PRODUCER = ("consumers", "producer")

FIRST_WITH_ENABLE_DEFAULT_DENY = (1, 16)
"""The first Cilium whose policies have `enableDefaultDeny`; an older one drops the field without a word."""


def consumer_problems(mine: "StackSettings", producer: "StackSettings") -> Iterator[Problem]:
    """Both are clusters of one Cilium mesh that know each other, and the producer declares clients here."""
    found = [*_mesh(mine, producer), *_here_and_there(mine, producer)]
    yield from found
    if found:  # who the clients are depends on the clusters' names
        return
    services = consumed_services(producer, mine.platform.cluster)
    if not services:
        here = mine.platform.cluster
        yield _problem(
            mine,
            f"declares no clients on this cluster: there, write `clients: {{{here}: [namespace]}}` for each service "
            "that is used here",
        )
    yield from _names(mine, services)
    yield from _latency(mine, services)


def _problem(mine: "StackSettings", message: str, risk: str | None = None) -> Problem:
    return Problem(PRODUCER, message, mine.consumers.producer if mine.consumers else None, risk)


def _mesh(mine: "StackSettings", producer: "StackSettings") -> Iterator[Problem]:
    """Services of one cluster can be used on another only in a Cilium mesh."""
    platform = mine.platform
    if not producer.makes_services:
        yield _problem(mine, "makes no services: it has neither `dragonfly` nor `cnpg`")
    if platform.cni != "cilium":
        yield Problem(
            ("platform", "cni"),
            "must be cilium: only a Cilium mesh brings services of other clusters, and only its policies name them",
            platform.cni,
            "DFLY-SEC-001",
        )
    elif (parse(platform.cni_version) or (0, 0)) < FIRST_WITH_ENABLE_DEFAULT_DENY:
        yield Problem(
            ("platform", "cni_version"),
            "must be at least 1.16: an older Cilium drops `enableDefaultDeny`, and the policy for the clients' egress "
            "would cut everything else that their pods reach",
            platform.cni_version,
        )
    if producer.platform.cni != "cilium":
        yield _problem(mine, f"has `platform.cni: {producer.platform.cni}`, must have cilium: no mesh without it")


def _here_and_there(mine: "StackSettings", producer: "StackSettings") -> Iterator[Problem]:
    """Two clusters, each of which names the other as its peer."""
    here, there = mine.platform, producer.platform
    if there.cluster == here.cluster:
        yield _problem(
            mine, f"is a stack of this very cluster ({here.cluster}): its clients here need no consumer side"
        )
        return
    if there.context == here.context:
        yield Problem(
            ("platform", "context"),
            f"must be another than that of the producer (cluster {there.cluster}): its Services would be overwritten",
            here.context,
        )
    if there.cluster not in here.peers:
        yield Problem(
            ("platform", "peers"),
            f"must hold {there.cluster}, the cluster of the producer: both are in one mesh",
            list(here.peers),
        )
    if here.cluster not in there.peers:
        yield _problem(mine, f"must have {here.cluster} among its platform.peers: both are in one mesh")


def _latency(mine: "StackSettings", services: tuple[ConsumedService, ...]) -> Iterator[Problem]:
    """The probe is a client like others: it reaches what its namespace may reach."""
    latency = mine.consumers.latency if mine.consumers else None
    if latency is None:
        return
    path, risk = ("consumers", "latency"), "DFLY-PERF-001"
    clients = sorted({client for service in services if service.instance for client in service.clients})
    if latency.namespace not in clients:
        yield Problem(
            (*path, "namespace"),
            f"must be a client of one of the producer's Dragonfly instances on this cluster: {', '.join(clients)}"
            if clients
            else "is of no use: the producer declares no clients of Dragonfly on this cluster",
            latency.namespace,
            risk,
        )
        return
    open_to = {it.instance: it for it in services if it.instance and latency.namespace in it.clients}
    own = mine.dragonfly.clusters if mine.dragonfly is not None else {}
    for service in measured(latency, services):
        probe = own[service.instance].latency if service.instance in own else None
        if probe is not None and probe.namespace == latency.namespace:
            yield Problem(
                (*path, "namespace"),
                f"must be another namespace: the probe of this cluster's own instance {service.instance} runs there, "
                "and both would have the same name",
                latency.namespace,
                risk,
            )
    for index, instance in enumerate(latency.instances):
        if instance not in open_to:
            yield Problem(
                (*path, "instances", index),
                f"must be an instance that {latency.namespace} may use: {', '.join(map(str, open_to))}",
                instance,
                risk,
            )
        elif latency.instances.index(instance) != index:
            yield Problem((*path, "instances", index), "is named twice", instance)
    for service in measured(latency, services):
        if service.connections[0].client_certificate:
            yield Problem(
                (*path, "instances"),
                f"must leave {service.instance} out: it asks for client certificates, and the probe has none",
                list(latency.instances),
                risk,
            )


def _names(mine: "StackSettings", services: tuple[ConsumedService, ...]) -> Iterator[Problem]:
    """What is made here meets neither itself nor what the stack makes besides."""
    taken = dict(_own_services(mine))
    for service in services:
        for place in ((service.namespace, service.name), *((space, name) for name, space in service.aliases)):
            if place in taken:
                yield _problem(
                    mine, f"has the Service {place[1]} in namespace {place[0]}, which here is {taken[place]} already"
                )
            taken.setdefault(place, f"a Service of {service.name}")
    homes = {service.namespace for service in services}
    for client in sorted(homes & {client for service in services for client in service.clients}):
        yield _problem(
            mine,
            f"declares the client namespace {client}, which is made here for the Services: whoever may start a pod "
            "there would be a client, and whoever is a client could change the Services",
            "DFLY-SEC-001",
        )
    fetched: dict[tuple[str, str], ClientSecret] = {}
    for service in services:
        for place, secret in (((client, it.name), it) for client in service.clients for it in service.secrets):
            if fetched.setdefault(place, secret) != secret:
                yield _problem(
                    mine, f"has two different Secrets {place[1]} for the client namespace {place[0]}; rename one there"
                )


def _own_services(mine: "StackSettings") -> Iterator[tuple[tuple[str, str], str]]:
    """Namespace and name of the Services that the stack makes itself → whose they are."""
    if mine.dragonfly is not None:
        for name, instance in mine.dragonfly.clusters.items():
            service = instance.global_service.name if instance.global_service else name
            for it in (service, *instance.aliases):
                yield (mine.dragonfly.namespace, it), f"a Service of {name}"
    if mine.cnpg is not None:
        for name, cluster in mine.cnpg.clusters.items():
            poolers = (cluster.names.pooler_of(application) for application in cluster.applications)
            for it in (*service_names(name).values(), *poolers):
                yield (mine.cnpg.namespace, it), f"a Service of {name}"
