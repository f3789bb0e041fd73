"""Checks of what leads clients to the cache and who is admitted there, as it is written on the clusters."""

from collections.abc import Iterator, Sequence

from seawall.components.consumers.args import SharedServiceConsumerArgs
from seawall.components.consumers.manifests import services
from seawall.components.dragonfly.args import DragonflyClusterArgs
from seawall.components.fields import local_clients, remote_clients
from seawall.components.kubernetes.service import GLOBAL_SERVICE
from seawall.operators.annotations import MEASURES, instance
from seawall.operators.dragonfly import API_VERSION, KIND, METRICS_PATH
from seawall.operators.labels import CILIUM_CLUSTER, CILIUM_NAMESPACE, NAMESPACE_NAME
from seawall.qa.checks.context import Context, Manifest
from seawall.qa.checks.looking import as_declared, kubectl, named, some
from seawall.qa.checks.model import Check, UndecidedError, seen
from seawall.qa.checks.stacks import Declared
from seawall.qa.evidence.model import Observation

POLICIES = (("networking.k8s.io/v1", "NetworkPolicy"), ("cilium.io/v2", "CiliumNetworkPolicy"))


def _policies(context: Context) -> Iterator[Observation]:
    settings = context.stack.settings
    if settings.dragonfly is None:
        raise UndecidedError(f"stack {context.stack.name} has no Dragonfly instance")
    place = settings.dragonfly.namespace
    declared = [it for _, kind in POLICIES for it in context.stack.objects(kind, place)]
    yield from as_declared(context.api, some(declared, f"network policy in {place}"))
    ours = {named(it) for it in declared}
    live = [it for kind in POLICIES for it in context.api.every(*kind, place)]
    for cache in context.stack.caches:
        mine = [it for it in live if _selects(it, cache.pods)]
        yield from _admits(context, cache, [it for it in mine if named(it) in ours])
        # Policies add up: one that nobody declared may let anybody in.
        others = [named(it) for it in mine if named(it) not in ours]
        how = kubectl(context.api, "get", "-n", place, "networkpolicies,ciliumnetworkpolicies")
        what = f"further policies over the pods of {place}/{cache.name}"
        yield seen(what, "none", ", ".join(others) or "none", not others, how)


def _selects(policy: Manifest, pods: dict[str, str]) -> bool:
    """Whether a policy may be about these pods; a selector of another form than labels is taken for one that is."""
    spec = policy.get("spec") or {}
    selector = spec.get("podSelector") if policy["kind"] == "NetworkPolicy" else spec.get("endpointSelector")
    return _plain(selector).items() <= pods.items()


def _plain(selector: Manifest | None) -> dict[str, str]:
    """The labels of a selector, without the prefix by which Cilium says where they come from."""
    labels = (selector or {}).get("matchLabels") or {}
    return {str(key).removeprefix("k8s:"): str(value) for key, value in labels.items()}


def _admits(context: Context, cache: DragonflyClusterArgs, policies: Sequence[Manifest]) -> Iterator[Observation]:
    """Every declared client, and the way for metrics."""
    text = [_peers(rule) for it in policies for rule in (it.get("spec") or {}).get("ingress") or []]
    found = [peer for peers in text for peer in peers]
    cluster, declared = context.stack.cluster, cache.settings.clients
    wanted = [(cluster, name) for name in local_clients(declared)]
    wanted += [(other, name) for other, names in remote_clients(declared).items() for name in names]
    where = f"{cache.namespace}/{cache.name}"
    for peer in wanted:
        there = peer in found or ("", peer[1]) in found
        what = f"policy of {where}: clients of namespace {peer[1]} on {peer[0]}"
        yield seen(what, "are admitted", "are admitted" if there else "are not", there)
    observability = context.stack.settings.platform.observability
    rules = [rule for it in policies for rule in (it.get("spec") or {}).get("ingress") or []]
    ways = [
        rule
        for rule in rules
        if any(name == observability.namespace for _, name in _peers(rule)) and _scrape_only(rule, policies)
    ]
    what = f"policy of {where}: the scraper's way to {METRICS_PATH}"
    yield seen(what, "is there", "is there" if ways else "is not there", bool(ways))


def _peers(rule: Manifest) -> list[tuple[str, str]]:
    """Cluster (empty where none is named) and namespace of each peer of a rule."""
    found = []
    for peer in rule.get("fromEndpoints") or []:
        labels = _plain(peer)
        found.append((str(labels.get(CILIUM_CLUSTER, "")), str(labels.get(CILIUM_NAMESPACE, ""))))
    for peer in rule.get("from") or []:
        labels = _plain(peer.get("namespaceSelector"))
        found.append(("", str(labels.get(NAMESPACE_NAME, ""))))
    return found


def _scrape_only(rule: Manifest, policies: Sequence[Manifest]) -> bool:
    """Where the dialect can say it: nothing but GET of the page of metrics."""
    if all(it["kind"] == "NetworkPolicy" for it in policies):
        return True
    http = [it for port in rule.get("toPorts") or [] for it in (port.get("rules") or {}).get("http") or []]
    return http == [{"method": "GET", "path": METRICS_PATH}]


def _consumers(context: Context) -> Iterator[Observation]:
    """Everything that leads clients to the global Service, on both clusters."""
    exported = [it for it in context.stack.caches if it.settings.global_service is not None]
    for cache in some_caches(exported, "instance with a global Service"):
        resource = context.api.find(API_VERSION, KIND, cache.name, cache.namespace) or {}
        service = ((resource.get("spec") or {}).get("serviceSpec")) or {}
        how = kubectl(context.api, "get", "-n", cache.namespace, KIND, cache.name, "-o yaml")
        where = f"Dragonfly {cache.namespace}/{cache.name}"
        name = service.get("name", "none")
        yield seen(f"{where}: name of its Service", cache.service_name, name, name == cache.service_name, how)
        annotations = service.get("annotations") or {}
        right = GLOBAL_SERVICE.items() <= annotations.items()
        yield seen(f"{where}: annotations of its Service", GLOBAL_SERVICE, annotations, right, how)
        former = [
            it
            for it in context.stack.objects("Service", cache.namespace)
            if it["metadata"]["name"] in cache.settings.aliases
        ]
        yield from as_declared(context.api, former)
        yield from _measuring(context, context.stack, cache)
    for cluster in context.stack.remote_clusters:
        yield from _imported(context, cluster)


def some_caches(caches: Sequence[DragonflyClusterArgs], what: str) -> Sequence[DragonflyClusterArgs]:
    """The same. Raises `UndecidedError` when there is none."""
    if not caches:
        raise UndecidedError(f"the stack has no {what}")
    return caches


def _measuring(context: Context, stack: Declared, cache: DragonflyClusterArgs) -> Iterator[Observation]:
    """The latency probes of an instance are its clients too."""
    wanted = instance(namespace=cache.namespace, name=cache.name)
    cluster = context.api if stack is context.stack else context.clients
    mine = [it for it in stack.objects("CronJob") if (it["metadata"].get("annotations") or {}).get(MEASURES) == wanted]
    yield from as_declared(cluster, mine)


def _imported(context: Context, cluster: str) -> Iterator[Observation]:
    consumer = context.consumer
    if consumer is None or consumer.cluster != cluster:
        raise UndecidedError(f"needs api of {cluster}, where clients are: give --peer")
    used = [it for it in context.stack.consumed_on(cluster) if it.instance is not None]
    args = SharedServiceConsumerArgs(
        producer=context.stack.cluster, platform=consumer.settings.platform, services=tuple(used)
    )
    for manifest in services(args).values():
        metadata = manifest["metadata"]
        live = context.clients.find("v1", "Service", metadata["name"], metadata["namespace"])
        how = kubectl(context.clients, "get", "-n", metadata["namespace"], "service", metadata["name"], "-o yaml")
        annotations = ((live or {}).get("metadata") or {}).get("annotations") or {}
        wanted = metadata.get("annotations") or {}
        spec = (live or {}).get("spec") or {}
        target = manifest["spec"].get("externalName")
        right = live is not None and wanted.items() <= annotations.items() and spec.get("externalName") == target
        # With a selector it could get endpoints of its own: a second master behind the same name.
        right = right and not spec.get("selector")
        expected = f"leads to {target}" if target else "a stub of the global Service, without pods of its own"
        found = "not there" if live is None else f"{spec.get('externalName') or annotations}, {spec.get('selector')}"
        yield seen(f"{named(manifest)} on {cluster}", expected, found, right, how)
    for cache in context.stack.caches:
        if any(it.instance == cache.name for it in used):
            yield from _measuring(context, consumer, cache)


CHECKS = (
    Check(
        "DFLY-INT-009",
        "reads the instances' global Services here, the stubs and aliases on the cluster of the clients",
        _consumers,
        peer=True,
    ),
    Check("DFLY-INT-010", "reads the policies over the data pods and holds them against the stack's", _policies),
)
