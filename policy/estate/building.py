"""From declared objects to the estate: which operator reconciles each, and what it will make of it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from seawall.policy.estate.duplicates import settle
from seawall.policy.estate.kinds import BUDGET, CILIUM_POLICY, NETWORK_POLICY
from seawall.policy.estate.model import Estate, KubeObject, Note, Origin
from seawall.policy.estate.objects import UNPLACED
from seawall.policy.estate.pods import WORKLOADS
from seawall.policy.estate.projecting import RECONCILED, Made, Projecting
from seawall.policy.estate.values import UNKNOWN, UnknownValueError

CLUSTER_SCOPED = frozenset(
    {
        "Namespace",
        "Node",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "StorageClass",
        "PersistentVolume",
        "PriorityClass",
        "ClusterSecretStore",
        "ClusterIssuer",
        "ClusterExternalSecret",
        "ClusterImageCatalog",
        "CiliumClusterwideNetworkPolicy",
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
    }
)

UNREAD_POLICIES = frozenset(
    {
        ("policy.networking.k8s.io", "AdminNetworkPolicy"),
        ("policy.networking.k8s.io", "BaselineAdminNetworkPolicy"),
        ("policy.networking.k8s.io", "ClusterNetworkPolicy"),
        *(
            (group, kind)
            for group in ("projectcalico.org", "crd.projectcalico.org")
            for kind in ("NetworkPolicy", "GlobalNetworkPolicy", "StagedNetworkPolicy", "StagedGlobalNetworkPolicy")
        ),
    }
)
"""Kinds of network policies in dialects that are not read; that they are there is said."""
NO_NAME = "(no name)"
"""Stands for the name of an object that has none."""


def kube_object(manifest: Mapping[str, Any], origin: Origin, *, name: str = "") -> KubeObject | None:
    """The object of a manifest, None when it is not one (no `apiVersion` or no `kind`).

    `name` is taken when the manifest has none yet, as with Pulumi's auto-naming.
    """
    api_version, kind = manifest.get("apiVersion"), manifest.get("kind")
    if not isinstance(api_version, str) or not isinstance(kind, str) or not api_version or not kind:
        return None
    group = api_version.rpartition("/")[0]
    metadata = manifest.get("metadata")
    given = metadata if isinstance(metadata, Mapping) else {}
    called, namespace = given.get("name"), given.get("namespace")
    unknown = ("metadata",) if metadata is UNKNOWN else ("metadata", "name") if called is UNKNOWN else None
    if not isinstance(called, str) or not called:
        prefix = given.get("generateName")
        called = name or (prefix if isinstance(prefix, str) and prefix else NO_NAME)
    if kind in CLUSTER_SCOPED:
        namespace = ""
    elif metadata is UNKNOWN or namespace is UNKNOWN:
        namespace, unknown = UNPLACED, unknown or ("metadata", "namespace")
    elif not isinstance(namespace, str) or not namespace:
        namespace = "default"
    problem = UnknownValueError(unknown) if unknown is not None else None
    thing = KubeObject(group, kind, namespace, called, manifest, origin, unknown=problem)
    if problem is not None:
        problem.about(thing)
    return thing


def build(
    declared: Iterable[KubeObject],
    *,
    others: Iterable[KubeObject] = (),
    notes: Iterable[Note] = (),
    sees: Iterable[str] = (),
) -> Estate:
    """The estate of these objects: declared, plus what the operators make of them by their version.

    `others` are resources that are no Kubernetes objects; `sees` is what the door can show (`Estate.sees`).
    """
    others, sees = tuple(others), tuple(sees)
    kept, left_out = _without_made(declared)
    settled = settle(kept)
    said = [*notes, *settled.notes, *left_out]
    unread = [thing.title for thing in settled.objects if thing.group_kind in UNREAD_POLICIES]
    if unread:
        said.append(Note(f"what these policies admit or deny: {', '.join(unread[:5])}{', …' if unread[5:] else ''}"))
    adrift = [thing.title for thing in settled.objects if thing.unknown is not None]
    if adrift:
        names = f"{', '.join(adrift[:5])}{', …' if adrift[5:] else ''}"
        said.append(Note(f"what surrounds these, whose name or namespace is not known yet: {names}"))
    cache: dict[object, Made] = {}
    first = Projecting(settled.objects, cache)
    said += first.notes()

    def estate(projecting: Projecting, objects: list[KubeObject], variants: tuple[Estate, ...] = ()) -> Estate:
        return Estate(
            objects,
            projecting.made,
            operators=projecting.operators,
            others=others,
            notes=said,
            sees=sees,
            duplicates=settled.duplicates,
            variants=variants,
            unjudged=settled.unjudged,
        )

    made = tuple(estate(Projecting(objects, cache), objects) for objects in settled.variants)
    return estate(first, settled.objects, made)


def _without_made(declared: Iterable[KubeObject]) -> tuple[list[KubeObject], list[Note]]:
    """The objects that somebody declared, and what is said of those that an operator or a workload made of them.

    Exports of a cluster hold both. Counting an operator's budget twice would make it a second budget.
    """
    things = list(declared)
    operators = _made_from([thing for thing in things if thing.group_kind in RECONCILED], things, _adds_up)
    kept = [thing for thing in things if thing not in operators]
    workloads = [thing for thing in kept if thing.group_kind in WORKLOADS]
    references = {_reference(thing) for thing in workloads}
    replicas = _made_from([thing for thing in workloads if not _owned(thing, references)], workloads)
    notes = []
    if operators:
        said = "objects that an operator made were left out: what it makes is worked out instead"
        notes.append(Note(f"{len(operators)} {said}"))
    if replicas:
        said = "pods, Jobs and ReplicaSets were left out: the workload that made each is judged"
        notes.append(Note(f"{len(replicas)} {said}"))
    return [thing for thing in kept if thing not in replicas], notes


def _made_from(
    makers: list[KubeObject], things: list[KubeObject], counts: Callable[[KubeObject], bool] = lambda _: False
) -> set[KubeObject]:
    """What belongs to these makers, and what belongs to that in turn; without what `counts` by itself."""
    owned: dict[tuple[str, str, str], list[KubeObject]] = defaultdict(list)
    for thing in things:
        for owner in () if counts(thing) else thing.owners():
            owned[(thing.namespace, *owner)].append(thing)
    made: set[KubeObject] = set()
    waiting = [_reference(thing) for thing in makers]
    while waiting:
        for thing in owned.pop(waiting.pop(), ()):
            if thing not in made:
                made.add(thing)
                waiting.append(_reference(thing))
    return made


def _reference(thing: KubeObject) -> tuple[str, str, str]:
    return thing.namespace, thing.kind, thing.name


def _owned(thing: KubeObject, owners: set[tuple[str, str, str]]) -> bool:
    return any((thing.namespace, *owner) in owners for owner in thing.owners())


def _adds_up(thing: KubeObject) -> bool:
    """Whether an object counts whoever owns it: a policy widens the others, a budget beside another blocks drains.

    Only a budget with the name of its owner (CloudNativePG: also `<name>-primary`) is the operator's own. A policy of
    that name is kept too: an older operator may have written it, wider than the one that is worked out, and to read it
    twice changes no verdict.
    """
    if thing.group_kind == BUDGET:
        return not any(thing.name in (owner, f"{owner}-primary") for _, owner in thing.owners())
    return thing.group_kind in (NETWORK_POLICY, CILIUM_POLICY)
