"""Who should be able to open which port of protected pods: from what their resources declare, never from policies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from seawall.operators import cnpg, dragonfly
from seawall.operators.annotations import REVOKES_CONNECT, THIS_CLUSTER
from seawall.policy.estate.blame import blaming
from seawall.policy.estate.families import Family
from seawall.policy.estate.installed import of_family
from seawall.policy.estate.intent import Intent, intent_of
from seawall.policy.estate.kinds import (
    CILIUM_CLUSTERWIDE_POLICY,
    CILIUM_POLICY,
    CLUSTER,
    DRAGONFLY,
    JOB,
    POOLER,
)
from seawall.policy.estate.model import ContainerPort, Estate, KubeObject, Operator, PodSet
from seawall.policy.estate.postgresql.tenants import none_adrift, of_cluster
from seawall.policy.estate.values import CannotEvaluateError
from seawall.policy.reachability.parties import Endpoint, Port
from seawall.policy.reachability.platform import Platform
from seawall.policy.reachability.scope import Scope

INSTANCE = "app.kubernetes.io/instance"
"""The recommended label that says which installation a pod belongs to."""
_NOBODY: frozenset[int] = frozenset()


@dataclass(frozen=True, eq=False)
class Role:
    """Somebody who has business with protected pods."""

    title: str
    """For a person: `the operator`."""
    namespace: str
    labels: Mapping[str, str] | None
    """What its pods carry; None: any pods of the namespace."""
    may: frozenset[int]
    """The ports that it may open."""
    must: frozenset[int] = _NOBODY
    """The ports that it has to open; without them something stops."""
    harm: str = ""
    """What stops, for a person."""
    cluster: str | None = None
    """Its mesh cluster, None for the own one."""
    marks: tuple[Mapping[str, str], ...] = ()
    """A peer that asks for one of these sets of labels is about it alone; none given: all of `labels`."""
    any_one_namespace: bool = False
    """Whether its namespace is only assumed, so that any single one may be it."""
    among: bool = False
    """Whether its pods carry more than `labels`, which nobody knows here."""
    pods: Endpoint | None = None
    """Its pods, where their egress is in the estate as well."""

    def is_all_of(self, asked: Scope, cluster: str | None) -> bool:
        """Whether the pods of its namespace that a peer is about are this role's and no others.

        `cluster` is the mesh cluster that they are in, None for the own one.
        """
        if asked.reserved or cluster != self.cluster or asked.namespaces is None:
            return False
        if not self.any_one_namespace and self.namespace not in asked.namespaces:
            return False
        return self.labels is None or any(asked.pods.demands(mark) for mark in self.marks or (self.labels,))

    def endpoint(self, namespace: str | None = None) -> Endpoint:
        """Its pods as the source of a connection."""
        if self.pods is not None and namespace is None:
            return self.pods
        labels = None if self.labels is None else frozenset(self.labels.items())
        return _somebody(namespace or self.namespace, labels, self.cluster)


@lru_cache(maxsize=4096)
def _somebody(namespace: str, labels: frozenset[tuple[str, str]] | None, cluster: str | None) -> Endpoint:
    """One party for equal roles: the same operator has business with every resource, and is decided once."""
    return Endpoint(namespace, None if labels is None else dict(sorted(labels)), cluster=cluster)


@dataclass(frozen=True, eq=False)
class Protected:
    """Pods that hold data, with everybody who should get at them."""

    thing: KubeObject
    pods: PodSet
    intent: Intent
    platform: Platform
    operator: Operator
    roles: tuple[Role, ...]
    client_ports: frozenset[int]
    """The ports for clients; the others are for the roles alone."""
    clients: Mapping[str | None, frozenset[str]] | None
    """Declared client namespaces by mesh cluster (None: the own one); None: nobody declared any."""
    metrics_port: int
    """The port that a scraper reads."""
    private: Mapping[int, str]
    """The ports that are for roles alone, with what is said to whoever else can open them."""
    judged: frozenset[int]
    """The ports that are judged although nobody declared any clients."""
    namespace_labels: Mapping[str, str] | None = None

    @cached_property
    def target(self) -> Endpoint:
        """The pods as the target of a connection."""
        return endpoint(self.pods, self.namespace_labels)

    @cached_property
    def _by_place(self) -> Mapping[tuple[str, str | None], tuple[Role, ...]]:
        places: dict[tuple[str, str | None], list[Role]] = {}
        for role in self.roles:
            if not role.any_one_namespace:
                places.setdefault((role.namespace, role.cluster), []).append(role)
        return {place: tuple(roles) for place, roles in places.items()}

    def role_of(self, asked: Scope, namespace: str, cluster: str | None, port: int | None = None) -> Role | None:
        """The role that the pods of one namespace which a peer is about are, among those that may open a port."""
        for role in (*self._by_place.get((namespace, cluster), ()), *self._of_any_place):
            if (port is None or port in role.may) and role.is_all_of(asked, cluster):
                return role
        return None

    @cached_property
    def _of_any_place(self) -> tuple[Role, ...]:
        return tuple(role for role in self.roles if role.any_one_namespace)

    @cached_property
    def ports(self) -> tuple[ContainerPort, ...]:
        """The ports of the pods, each once."""
        return tuple({(port.number, port.protocol): port for port in self.pods.ports}.values())

    def port(self, number: int) -> Port:
        """A port as it is opened."""
        return self._by_number.get(number) or Port(number)

    @cached_property
    def _by_number(self) -> Mapping[int, Port]:
        return {port.number: Port(port.number, port.protocol.upper()) for port in reversed(self.ports)}

    def cluster_key(self, named: str | None) -> str | None:
        """A mesh cluster by its name: None for the own one."""
        return None if named == self.platform.cluster else named


def endpoint(pods: PodSet, namespace_labels: Mapping[str, str] | None) -> Endpoint:
    """Pods of the estate as a party."""
    return Endpoint(
        pods.namespace,
        pods.labels,
        namespace_labels,
        service_account=pods.service_account,
        ports=pods.ports,
        later=pods.later,
    )


def platform_of(intent: Intent, estate: Estate) -> Platform:
    """What enforces the policies around a resource: as it declares, else by the kinds of policies that are there."""
    if intent.cni is not None:
        return Platform(intent.cni, intent.cni_version or None, intent.cluster)
    cilium = estate.of(CILIUM_POLICY) or estate.of(CILIUM_CLUSTERWIDE_POLICY)
    return Platform("cilium" if cilium else "generic", None, intent.cluster)


def protected(thing: KubeObject, estate: Estate) -> Protected:
    """The pods of a Dragonfly, of a Cluster (its instances) or of a Pooler, and who should get at them.

    Raises `CannotEvaluateError` when the pods or what is declared cannot be read.
    """
    makers = {DRAGONFLY: _dragonfly, CLUSTER: _instances, POOLER: _pooler}
    intent = intent_of(thing)
    return makers[thing.group_kind](thing, estate, intent, platform_of(intent, estate))


def _clients(intent: Intent) -> Mapping[str | None, frozenset[str]] | None:
    if intent.clients is None:
        return None
    return {
        None if cluster in (THIS_CLUSTER, intent.cluster) else cluster: names
        for cluster, names in intent.clients.items()
    }


def _dragonfly(thing: KubeObject, estate: Estate, intent: Intent, platform: Platform) -> Protected:
    pods = next(iter(estate.pods_of(thing)))
    operator = estate.operator_of(thing)
    admin = frozenset({dragonfly.ADMIN_PORT})
    every = frozenset(port.number for port in pods.ports)
    own = _own(thing, pods, estate, every, admin if pods.count > 1 else _NOBODY, "replicas never sync")
    marks = ({"app": thing.name},)
    roles = [
        _operator(estate, operator, "dragonfly", admin, "no pod becomes master and the Service has no endpoints"),
        Role(own.title, own.namespace, own.labels, own.may, own.must, own.harm, marks=marks, pods=own.pods),
        *scraper(intent, admin),
    ]
    clients = _clients(intent)
    roles += _client_roles(clients, frozenset({dragonfly.CLIENT_PORT}), every - admin)
    return Protected(
        thing,
        pods,
        intent,
        platform,
        operator,
        tuple(roles),
        client_ports=every - admin,
        clients=clients,
        metrics_port=dragonfly.ADMIN_PORT,
        private={dragonfly.ADMIN_PORT: f"{dragonfly.ADMIN_PORT} needs no password and can write, flush and re-parent"},
        judged=every,
        namespace_labels=estate.namespace_labels(thing.namespace),
    )


def _instances(thing: KubeObject, estate: Estate, intent: Intent, platform: Platform) -> Protected:
    pods, *jobs = estate.pods_of(thing)
    poolers = of_cluster(POOLER, thing, estate)
    none_adrift(POOLER, thing, estate)
    clients = _clients(intent)
    if clients is None and any(_declares_clients(pooler) for pooler in poolers):
        clients = {}  # applications are declared at the poolers: none comes directly
    postgres, status = frozenset({cnpg.POSTGRES_PORT}), frozenset({cnpg.STATUS_PORT})
    operator = estate.operator_of(thing)
    several = pods.count > 1
    every = frozenset(port.number for port in pods.ports)
    harm = "replicas cannot stream and a primary calls itself isolated"
    roles = [
        _operator(estate, operator, "cnpg", postgres | status, "it can neither see nor manage the instances"),
        _own(thing, pods, estate, every, (postgres | status) if several else _NOBODY, harm),
        *(_pooler_role(pooler, made, estate) for pooler in poolers for made in estate.pods_of(pooler)[:1]),
        *(_job_role(job, estate) for job in jobs),
        *_tools(thing, thing.name, estate, every),
        *scraper(intent, frozenset({cnpg.INSTANCE_METRICS_PORT})),
        *_client_roles(clients, postgres, postgres),
    ]
    return Protected(
        thing,
        pods,
        intent,
        platform,
        operator,
        tuple(roles),
        client_ports=postgres,
        clients=clients,
        metrics_port=cnpg.INSTANCE_METRICS_PORT,
        private={
            cnpg.STATUS_PORT: f"{cnpg.STATUS_PORT} is how the operator manages an instance",
            cnpg.INSTANCE_METRICS_PORT: f"{cnpg.INSTANCE_METRICS_PORT} tells names and sizes of every database",
        },
        judged=postgres,
        namespace_labels=estate.namespace_labels(thing.namespace),
    )


def _pooler(thing: KubeObject, estate: Estate, intent: Intent, platform: Platform) -> Protected:
    pods = next(iter(estate.pods_of(thing)))
    client = frozenset({cnpg.POOLER_PORT})
    every = frozenset(port.number for port in pods.ports)
    clients = _clients(intent)
    roles = [
        _own(thing, pods, estate, every, _NOBODY, ""),
        *_tools(thing, thing.at("spec", "cluster", "name").text() or "", estate, every),
        *scraper(intent, frozenset({cnpg.POOLER_METRICS_PORT})),
        *_client_roles(clients, client, client),
    ]
    return Protected(
        thing,
        pods,
        intent,
        platform,
        estate.operator_of(thing),
        tuple(roles),
        client_ports=client,
        clients=clients,
        metrics_port=cnpg.POOLER_METRICS_PORT,
        private={cnpg.POOLER_METRICS_PORT: f"{cnpg.POOLER_METRICS_PORT} tells names of databases and users"},
        judged=client,
        namespace_labels=estate.namespace_labels(thing.namespace),
    )


def _declares_clients(pooler: KubeObject) -> bool:
    with blaming(pooler):
        return intent_of(pooler).clients is not None


def _operator(estate: Estate, operator: Operator, family: Family, ports: frozenset[int], harm: str) -> Role:
    if family == "cnpg":
        marks: tuple[Mapping[str, str], ...] = (cnpg.OPERATOR_POD_LABELS,)
    else:
        marks = (dragonfly.OPERATOR_POD_LABELS, dragonfly.OPERATOR_CHART_LABELS)
    running = [one for one in of_family(estate, family) if one.namespace == operator.namespace]
    labels = running[0].pods.labels if running else {key: value for mark in marks for key, value in mark.items()}
    return Role(
        "the operator",
        operator.namespace,
        labels,
        ports,
        ports,
        harm,
        marks=(*marks, labels),
        any_one_namespace=operator.assumed and not running,
    )


def _own(thing: KubeObject, pods: PodSet, estate: Estate, may: frozenset[int], must: frozenset[int], harm: str) -> Role:
    made = endpoint(pods, estate.namespace_labels(pods.namespace))
    if thing.group_kind == CLUSTER:
        marks: tuple[Mapping[str, str], ...] = (cnpg.cluster_labels(thing.name), cnpg.instance_labels(thing.name))
    elif thing.group_kind == POOLER:
        marks = (cnpg.pooler_labels(thing.name),)
    else:
        marks = ({"app": thing.name},)
    title = "its own pod" if pods.count == 1 else f"its own {pods.count} pods"
    return Role(title, pods.namespace, pods.labels, may, must, harm, marks=marks, pods=made)


def _pooler_role(pooler: KubeObject, pods: PodSet, estate: Estate) -> Role:
    ports = frozenset({cnpg.POSTGRES_PORT})
    made = endpoint(pods, estate.namespace_labels(pods.namespace))
    harm = "its clients get no connection"
    marks = (cnpg.pooler_labels(pooler.name),)
    return Role(f"Pooler {pooler.name}", pods.namespace, pods.labels, ports, ports, harm, marks=marks, pods=made)


def _job_role(pods: PodSet, estate: Estate) -> Role:
    """A job that fills a volume: the one that joins copies from the primary, the others need nobody."""
    role = pods.labels.get(cnpg.JOB_ROLE_LABEL, "")
    ports = frozenset({cnpg.POSTGRES_PORT})
    must, harm = (ports, "no further instance can be made") if role == "join" else (_NOBODY, "")
    made = endpoint(pods, estate.namespace_labels(pods.namespace))
    return Role(f"the {role} job", pods.namespace, pods.labels, ports, must, harm, pods=made)


def _tools(thing: KubeObject, cluster: str, estate: Estate, ports: frozenset[int]) -> Iterator[Role]:
    """Pods of the same namespace that say to belong to this installation, and jobs that work on its databases."""
    yield Role("pods of its own installation", thing.namespace, {INSTANCE: cluster}, ports, among=True)
    if thing.group_kind != CLUSTER:
        return
    jobs = estate.memo(_revoking_jobs)
    if thing.namespace in jobs.unread:
        raise jobs.unread[thing.namespace].with_traceback(None)
    for job in jobs.found.get((thing.namespace, cluster), ()):
        for pods in estate.pods_of(job)[:1]:
            made = endpoint(pods, estate.namespace_labels(pods.namespace))
            must, harm = frozenset({cnpg.POSTGRES_PORT}), "it can take no right away"
            yield Role(job.title, pods.namespace, pods.labels, must, must, harm, pods=made)


class _RevokingJobs:
    """The Jobs that take rights away, by namespace and name of their Cluster."""

    def __init__(self, estate: Estate) -> None:
        self.found: dict[tuple[str, str], list[KubeObject]] = {}
        self.unread: dict[str, CannotEvaluateError] = {}
        """Namespace → why nobody can tell what one of its Jobs is for."""
        for job in estate.of(JOB):
            try:
                said = job.annotation(REVOKES_CONNECT)
            except CannotEvaluateError as problem:
                problem.about(job)
                self.unread.setdefault(job.namespace, problem)
            else:
                if said:
                    self.found.setdefault((job.namespace, said.partition("/")[0]), []).append(job)


def _revoking_jobs(estate: Estate) -> _RevokingJobs:
    return _RevokingJobs(estate)


def scraper(intent: Intent, ports: frozenset[int]) -> Iterator[Role]:
    """The declared scraper, where there is one."""
    if intent.scraper is not None:
        yield Role("the scraper", intent.scraper.namespace, intent.scraper.labels, ports)


def _client_roles(
    clients: Mapping[str | None, frozenset[str]] | None, must: frozenset[int], may: frozenset[int]
) -> Iterator[Role]:
    for cluster, namespaces in sorted((clients or {}).items(), key=lambda pair: pair[0] or ""):
        for namespace in sorted(namespaces):
            yield Role(f"the declared client {namespace}", namespace, None, may, must, cluster=cluster)
