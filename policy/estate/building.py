"""From declared objects to the estate: which operator reconciles each, and what it will make of it."""

from collections.abc import Iterable, Mapping
from typing import Any

from seawall.policy.estate.duplicates import settle
from seawall.policy.estate.kinds import BUDGET, CILIUM_POLICY, NETWORK_POLICY
from seawall.policy.estate.model import Estate, KubeObject, Note, Origin
from seawall.policy.estate.projecting import RECONCILED, Made, Projecting

CLUSTER_SCOPED = frozenset(
    {
        "Namespace",
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

_UNREAD_POLICIES = frozenset(
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
    if not isinstance(called, str) or not called:
        called = name or str(given.get("generateName") or NO_NAME)
    if kind in CLUSTER_SCOPED:
        namespace = ""
    elif not isinstance(namespace, str) or not namespace:
        namespace = "default"
    return KubeObject(group, kind, namespace, called, manifest, origin)


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
    kept, owned = _without_made(declared)
    settled = settle(kept)
    said = [*notes, *settled.notes]
    if owned:
        said.append(Note(f"{owned} objects that an operator made were left out: what it makes is worked out instead"))
    unread = [thing.title for thing in settled.objects if thing.group_kind in _UNREAD_POLICIES]
    if unread:
        said.append(Note(f"what these policies admit or deny: {', '.join(unread[:5])}{', …' if unread[5:] else ''}"))
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


def _without_made(declared: Iterable[KubeObject]) -> tuple[list[KubeObject], int]:
    """The objects that somebody declared, and how many were left out because an operator made them from one of these.

    Exports of a cluster hold both. Counting an operator's budget twice would make it a second budget.
    """
    kept = list(declared)
    total = len(kept)
    owners = {(t.namespace, t.kind, t.name) for t in kept if t.group_kind in RECONCILED}
    while owners:  # a pod's owner is the StatefulSet, whose owner is the resource
        made = {
            thing
            for thing in kept
            if not _adds_up(thing) and any((thing.namespace, *owner) in owners for owner in thing.owners())
        }
        kept = [thing for thing in kept if thing not in made]
        owners = {(thing.namespace, thing.kind, thing.name) for thing in made}
    return kept, total - len(kept)


def _adds_up(thing: KubeObject) -> bool:
    """Whether an object counts whoever owns it: a policy widens the others, a budget beside another blocks drains.

    Only a budget with the name of its owner (CloudNativePG: also `<name>-primary`) is the operator's own. A policy of
    that name is kept too: an older operator may have written it, wider than the one that is worked out, and to read it
    twice changes no verdict.
    """
    if thing.group_kind == BUDGET:
        return not any(thing.name in (owner, f"{owner}-primary") for _, owner in thing.owners())
    return thing.group_kind in (NETWORK_POLICY, CILIUM_POLICY)
