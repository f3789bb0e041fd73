"""From declared objects to the estate: which operator reconciles each, and what it will make of it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from seawall.operators import annotations, cnpg, dragonfly, versions
from seawall.operators.cnpg import projection as cnpg_projection
from seawall.operators.dragonfly import projection as dragonfly_projection
from seawall.operators.reading import UnprojectableError
from seawall.policy.estate.kinds import BUDGET, CILIUM_POLICY, CLUSTER, DEPLOYMENT, DRAGONFLY, NETWORK_POLICY, POOLER
from seawall.policy.estate.model import Estate, KubeObject, Note, Operator, Origin
from seawall.policy.estate.values import UNKNOWN, CannotEvaluateError, UnknownValueError, View, WrongTypeError

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


def build(declared: Iterable[KubeObject], *, others: Iterable[KubeObject] = (), notes: Iterable[Note] = ()) -> Estate:
    """The estate of these objects: declared, plus what the operators make of them by their version."""
    objects, owned = _without_made(declared)
    objects, repeated = _last_of_each(objects)
    told = [*notes, *repeated]
    if owned:
        told.append(Note(f"{owned} objects that an operator made were left out: what it makes is worked out instead"))
    unread = [thing.title for thing in objects if thing.group_kind in _UNREAD_POLICIES]
    if unread:
        told.append(Note(f"what these policies admit or deny: {', '.join(unread[:5])}{', …' if unread[5:] else ''}"))
    seen = _operators_seen(objects)
    projections: dict[KubeObject, list[KubeObject] | CannotEvaluateError] = {}
    operators: dict[KubeObject, Operator] = {}
    assumed: set[str] = set()
    for thing in objects:
        if thing.group_kind not in _PROJECTORS:
            continue
        try:
            operator = operators[thing] = operator_of(thing, seen)
            if operator.assumed:
                assumed.add(f"{'Dragonfly' if thing.group_kind == DRAGONFLY else 'CloudNativePG'} {operator.version}")
            made = _PROJECTORS[thing.group_kind](thing, operator)
        except CannotEvaluateError as problem:
            projections[thing] = problem
        except UnprojectableError as problem:
            projections[thing] = _explained(thing, problem)
        else:
            origin = Origin(
                file=thing.origin.file,
                line=thing.origin.line,
                urn=thing.origin.urn,
                awaits=thing.origin.awaits,
                made_by=f"the operator, from {thing.title}",
            )
            projections[thing] = [_projected(manifest, thing, origin) for manifest in made]
    told += [Note(f"no version of the operator was seen; assumed {which}") for which in sorted(assumed)]
    return Estate(objects, projections, operators=operators, others=others, notes=told)


def _without_made(declared: Iterable[KubeObject]) -> tuple[list[KubeObject], int]:
    """The objects that somebody declared, and how many were left out because an operator made them from one of these.

    Exports of a cluster hold both. Counting an operator's budget twice would make it a second budget.
    """
    kept = list(declared)
    total = len(kept)
    owners = {(t.namespace, t.kind, t.name) for t in kept if t.group_kind in _PROJECTORS}
    while owners:  # a pod's owner is the StatefulSet, whose owner is the resource
        made = {
            thing
            for thing in kept
            if not _adds_up(thing) and any((thing.namespace, *owner) in owners for owner in _owners(thing))
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
        return not any(thing.name in (owner, f"{owner}-primary") for _, owner in _owners(thing))
    return thing.group_kind in (NETWORK_POLICY, CILIUM_POLICY)


def _last_of_each(things: list[KubeObject]) -> tuple[list[KubeObject], list[Note]]:
    """The objects without those that a later one replaces, as applying them in this order does, and notes of those."""
    last = {(thing.group_kind, thing.namespace, thing.name): thing for thing in things if thing.name != NO_NAME}
    kept: list[KubeObject] = []
    notes: list[Note] = []
    for thing in things:
        winner = last.get((thing.group_kind, thing.namespace, thing.name), thing)
        if winner is thing:
            kept.append(thing)
        else:
            notes.append(
                Note(
                    f"{thing.title} is declared again at {winner.origin.text()}; that one is judged",
                    thing.origin.text(),
                )
            )
    return kept, notes


def _owners(thing: KubeObject) -> Iterator[tuple[str, str]]:
    metadata = thing.manifest.get("metadata")
    references = metadata.get("ownerReferences") if isinstance(metadata, Mapping) else None
    for reference in references if isinstance(references, list) else ():
        if isinstance(reference, Mapping):
            yield str(reference.get("kind")), str(reference.get("name"))


def operator_of(thing: KubeObject, seen: Mapping[str, Operator]) -> Operator:
    """The operator that reconciles a resource: by its annotation, else as seen in the estate, else the newest known.

    Raises `CannotEvaluateError` when the annotation cannot be read.
    """
    family = "dragonfly" if thing.group_kind == DRAGONFLY else "cnpg"
    written = annotation_mapping(thing, annotations.OPERATOR)
    default = _DEFAULTS[family]
    if written is not None:
        return Operator(
            written.at("version").text() or default.version,
            written.at("namespace").text() or default.namespace,
            f"annotation {annotations.OPERATOR}",
        )
    return seen.get(family, default)


def annotation_mapping(thing: KubeObject, key: str) -> View | None:
    """The JSON mapping in an annotation, None when it is absent. Raises `CannotEvaluateError` when it is not JSON."""
    text = thing.annotation(key)
    if text is None:
        return None
    path = ("metadata", "annotations", key)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise CannotEvaluateError(f"the annotation {key} is not JSON", path) from None
    if not isinstance(value, dict):
        raise WrongTypeError(path, "a JSON mapping", value)
    return View(value, path)


_DEFAULTS = {
    "dragonfly": Operator(versions.DRAGONFLY_OPERATOR, dragonfly.OPERATOR_NAMESPACE, "assumed", assumed=True),
    "cnpg": Operator(versions.CNPG_OPERATOR, cnpg.OPERATOR_NAMESPACE, "assumed", assumed=True),
}
_OPERATOR_IMAGES = {"dragonflydb/operator": "dragonfly", "cloudnative-pg/cloudnative-pg": "cnpg"}


def _operators_seen(objects: Iterable[KubeObject]) -> dict[str, Operator]:
    """The operators whose own Deployments are in the estate, by the tag of their image."""
    seen: dict[str, Operator] = {}
    for thing in objects:
        if thing.group_kind != DEPLOYMENT:
            continue
        try:
            containers = thing.at("spec", "template", "spec", "containers").items()
            images = [container.at("image").text() or "" for container in containers]
        except CannotEvaluateError:
            continue
        for image in images:
            repository = image.partition("@")[0].rpartition(":")[0]
            tag = versions.image_tag(image)
            for suffix, family in _OPERATOR_IMAGES.items():
                if repository.endswith(suffix) and tag:
                    seen[family] = Operator(tag.removeprefix("v"), thing.namespace, f"image of {thing.title}")
    return seen


def _project_dragonfly(thing: KubeObject, operator: Operator) -> list[dict[str, Any]]:
    behaviour = versions.dragonfly_behaviour(operator.version)
    if behaviour is None:
        raise CannotEvaluateError(
            f"what Dragonfly operator {operator.version} makes of it is not known "
            f"(known: up to {'.'.join(map(str, versions.DRAGONFLY_BEHAVIOURS[-1].first[:2]))}.x)"
        )
    return dragonfly_projection.project(
        thing.manifest, behaviour, operator_version=operator.version, operator_namespace=operator.namespace
    )


def _project_cluster(thing: KubeObject, _operator: Operator) -> list[dict[str, Any]]:
    return cnpg_projection.project_cluster(thing.manifest)


def _project_pooler(thing: KubeObject, _operator: Operator) -> list[dict[str, Any]]:
    return cnpg_projection.project_pooler(thing.manifest)


_PROJECTORS = {DRAGONFLY: _project_dragonfly, CLUSTER: _project_cluster, POOLER: _project_pooler}


def _projected(manifest: Mapping[str, Any], owner: KubeObject, origin: Origin) -> KubeObject:
    group = str(manifest["apiVersion"]).rpartition("/")[0]
    name = str(manifest["metadata"]["name"])
    return KubeObject(group, str(manifest["kind"]), owner.namespace, name, manifest, origin, projected=True)


def _explained(thing: KubeObject, problem: UnprojectableError) -> CannotEvaluateError:
    """An unusable field as what it is to a rule: not known yet, or of the wrong type."""
    value: Any = thing.manifest
    for depth, key in enumerate(problem.path):
        if value is UNKNOWN:
            return UnknownValueError(problem.path[:depth])
        value = value.get(key) if isinstance(value, Mapping) else None
    if value is UNKNOWN:
        return UnknownValueError(problem.path)
    return WrongTypeError(problem.path, problem.expected, value)
