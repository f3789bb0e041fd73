"""What operators make of the declared objects: which operator reconciles each, by its version, and what it makes."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from seawall.operators import annotations, cnpg, dragonfly, versions
from seawall.operators.cnpg import projection as cnpg_projection
from seawall.operators.cnpg.projection_identity import pooler_secret
from seawall.operators.dragonfly import projection as dragonfly_projection
from seawall.operators.reading import UnprojectableError
from seawall.policy.estate.defects import DefectError
from seawall.policy.estate.families import Family, family_of_image
from seawall.policy.estate.kinds import CLUSTER, DEPLOYMENT, DRAGONFLY, OBJECT_STORE, POOLER
from seawall.policy.estate.objects import UNPLACED, KubeObject, Note, Operator, Origin
from seawall.policy.estate.suspects import images_of, suspect
from seawall.policy.estate.values import UNKNOWN, CannotEvaluateError, UnknownValueError, View, WrongTypeError

RECONCILED = (DRAGONFLY, CLUSTER, POOLER)
"""The kinds of which an operator makes something."""

Made = list[KubeObject] | CannotEvaluateError

_NAMES: Mapping[Family, str] = {"dragonfly": "Dragonfly operator", "cnpg": "CloudNativePG"}
_DEFAULTS: Mapping[Family, Operator] = {
    "dragonfly": Operator(versions.DRAGONFLY_OPERATOR, dragonfly.OPERATOR_NAMESPACE, "assumed", assumed=True),
    "cnpg": Operator(versions.CNPG_OPERATOR, cnpg.OPERATOR_NAMESPACE, "assumed", assumed=True),
}


class Projecting:
    """The projections of a set of objects, with everything that decides about them beside the object itself.

    Several sets may share one `cache`: what is made of the same object by the same operator from the same surroundings
    is then made once, and is the same object in each.
    """

    def __init__(self, objects: Iterable[KubeObject], cache: dict[object, Made] | None = None) -> None:
        self._cache = {} if cache is None else cache
        self._reconciled: list[KubeObject] = []
        self._stores: dict[str, dict[str, KubeObject]] = defaultdict(dict)
        self._clusters: dict[tuple[str, str], KubeObject] = {}
        self._pooler_secrets: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        self._seen: dict[Family, Operator] = {}
        self._doubts: dict[Family, CannotEvaluateError] = {}
        """By family: why something that may be its operator cannot be read."""
        for thing in objects:
            kind = thing.group_kind
            if kind in RECONCILED:
                self._reconciled.append(thing)
            if kind == OBJECT_STORE:
                self._stores[thing.namespace][thing.name] = thing
            elif kind == CLUSTER:
                self._clusters[thing.namespace, thing.name] = thing
            elif kind == POOLER:
                self._note_secret(thing)
            elif kind == DEPLOYMENT:
                self._look_at(thing)
        self.operators: dict[KubeObject, Operator] = {}
        self.made: dict[KubeObject, Made] = {}
        for thing in self._reconciled:
            self.made[thing] = self._project(thing)

    def notes(self) -> Iterator[Note]:
        """Versions that were assumed, and those of which what they make was never observed."""
        families = {(_family(thing), operator) for thing, operator in self.operators.items()}
        for text in sorted({text for family, operator in families for text in _remarks(family, operator)}):
            yield Note(text)

    def _look_at(self, deployment: KubeObject) -> None:
        problems: list[CannotEvaluateError] = []
        found = _operators_in(deployment, problems)
        if deployment.unknown is not None and deployment.namespace == UNPLACED:
            for family in found:
                self._doubts.setdefault(family, deployment.unknown)
            return
        self._seen.update(found)
        one = suspect(deployment, problems[0]) if problems and not found else None
        for each in one.families if one is not None else ():
            self._doubts.setdefault(each, problems[0])

    def _operator_of(self, thing: KubeObject) -> Operator:
        """The operator that reconciles a resource: by its annotation, else as seen here, else the newest known.

        Raises `CannotEvaluateError` when the annotation, or a Deployment called like the operator, cannot be read.
        """
        family = _family(thing)
        written = annotation_mapping(thing, annotations.OPERATOR)
        default = _DEFAULTS[family]
        if written is not None:
            return Operator(
                written.at("version").text() or default.version,
                written.at("namespace").text() or default.namespace,
                f"annotation {annotations.OPERATOR}",
            )
        doubt = self._doubts.get(family)
        if doubt is not None and family not in self._seen:
            raise doubt.with_traceback(None)
        return self._seen.get(family, default)

    def _note_secret(self, pooler: KubeObject) -> None:
        try:
            secret = pooler_secret(pooler.manifest)
            cluster = pooler.at("spec", "cluster", "name").text()
        except Exception:  # whatever it is, it is said where the pooler itself is projected
            return
        if secret is not None and cluster:
            self._pooler_secrets[pooler.namespace, cluster][secret] = None

    def _project(self, thing: KubeObject) -> Made:
        if thing.unknown is not None:
            return thing.unknown
        try:
            operator = self.operators[thing] = self._operator_of(thing)
            key, make = self._maker(thing, operator)
            if key not in self._cache:
                self._cache[key] = [_projected(manifest, thing, self._cluster_of(thing)) for manifest in make()]
            return self._cache[key]
        except (CannotEvaluateError, UnprojectableError) as problem:
            if isinstance(problem, CannotEvaluateError):
                problem.about(thing)
                return problem
            return _explained(self._blamed(thing, problem), problem)
        except Exception as bug:  # one resource that nobody foresaw must not end the analysis of the others
            defect = DefectError("the projection", bug)
            defect.about(thing)
            return defect

    def _blamed(self, thing: KubeObject, problem: UnprojectableError) -> KubeObject:
        """The object that has the unusable field: the one that is projected, or one that decides beside it."""
        beside = (*self._stores.get(thing.namespace, {}).values(), *self._cluster_of(thing))
        return next((it for it in beside if it.manifest is problem.resource), thing)

    def _cluster_of(self, pooler: KubeObject) -> tuple[KubeObject, ...]:
        """The Cluster of a Pooler, when it is here. Raises `CannotEvaluateError`."""
        if pooler.group_kind != POOLER:
            return ()
        found = self._clusters.get((pooler.namespace, pooler.at("spec", "cluster", "name").text() or ""))
        return (found,) if found is not None else ()

    def _maker(self, thing: KubeObject, operator: Operator) -> tuple[object, Any]:
        """What is made of an object: what that depends on, and the function that makes it."""
        if thing.group_kind == DRAGONFLY:
            return (thing, operator), lambda: _dragonfly(thing, operator)
        manifest = _with_namespace(thing)
        if thing.group_kind == POOLER:
            cluster = next(iter(self._cluster_of(thing)), None)
            return (thing, operator, cluster), lambda: cnpg_projection.project_pooler(
                manifest,
                cluster.manifest if cluster is not None else None,
                version=operator.version,
                operator_image=operator.image,
                unknown=UNKNOWN,
            )
        stores = self._stores.get(thing.namespace, {})
        secrets = tuple(self._pooler_secrets.get((thing.namespace, thing.name), ()))
        return (thing, operator, tuple(stores.values()), secrets), lambda: cnpg_projection.project_cluster(
            manifest,
            version=operator.version,
            operator_image=operator.image,
            stores={name: store.manifest for name, store in stores.items()},
            pooler_secrets=secrets,
            unknown=UNKNOWN,
        )


def _family(thing: KubeObject) -> Family:
    return "dragonfly" if thing.group_kind == DRAGONFLY else "cnpg"


def _remarks(family: Family, operator: Operator) -> Iterator[str]:
    if operator.assumed:
        name = _NAMES[family].removesuffix(" operator")
        yield f"no version of the operator was seen; assumed {name} {operator.version}"
    if family == "dragonfly":
        behaviour = versions.dragonfly_behaviour(operator.version)
        basis = behaviour.basis if behaviour is not None else None
    else:
        combination = versions.cnpg_combination(operator.version)
        basis = combination.basis if combination is not None else None
        if basis is None:
            yield (
                f"what CloudNativePG {operator.version} makes is not in the table of versions; worked out as "
                f"{versions.CNPG_OPERATOR} makes it (before 1.28 without the labels app.kubernetes.io/…)"
            )
    if basis == "source":
        yield f"what {_NAMES[family]} {operator.version} makes is known from its source, not observed"


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


def _operators_in(deployment: KubeObject, problems: list[CannotEvaluateError]) -> dict[Family, Operator]:
    """The operators that a Deployment runs, by the tag of their image; what cannot be read goes to `problems`."""
    found: dict[Family, Operator] = {}
    for image in images_of(deployment, problems):
        family, tag = family_of_image(image), versions.image_tag(image)
        if family is not None and family in _DEFAULTS and tag:
            known_from = f"image of {deployment.title}"
            found[family] = Operator(tag.removeprefix("v"), deployment.namespace, known_from, image=image)
    return found


def _dragonfly(thing: KubeObject, operator: Operator) -> list[dict[str, Any]]:
    behaviour = versions.dragonfly_behaviour(operator.version)
    if behaviour is None:
        raise CannotEvaluateError(
            f"what Dragonfly operator {operator.version} makes of it is not known "
            f"(known: up to {'.'.join(map(str, versions.DRAGONFLY_BEHAVIOURS[-1].first[:2]))}.x)"
        )
    return dragonfly_projection.project(
        thing.manifest, behaviour, operator_version=operator.version, operator_namespace=operator.namespace
    )


def _with_namespace(thing: KubeObject) -> Mapping[str, Any]:
    """The manifest with the namespace that it is in, which some of what is made names."""
    metadata = thing.manifest.get("metadata")
    if not isinstance(metadata, Mapping) or metadata.get("namespace"):
        return thing.manifest
    return {**thing.manifest, "metadata": {**metadata, "namespace": thing.namespace}}


def _projected(manifest: Mapping[str, Any], owner: KubeObject, cluster: Iterable[KubeObject]) -> KubeObject:
    """One object that is made of `owner`; of a Pooler, with what its Cluster says."""
    origin = Origin(
        file=owner.origin.file,
        line=owner.origin.line,
        urn=owner.origin.urn,
        # what waits inside one property of the resource may stand under any property of what is made of it
        awaits=frozenset(manifest) if any(it.origin.awaits for it in (owner, *cluster)) else frozenset(),
        made_by=f"the operator, from {owner.title}",
    )
    group = str(manifest["apiVersion"]).rpartition("/")[0]
    name = str(manifest["metadata"]["name"])
    return KubeObject(group, str(manifest["kind"]), owner.namespace, name, manifest, origin, projected=True)


def _explained(thing: KubeObject, problem: UnprojectableError) -> CannotEvaluateError:
    """An unusable field as what it is to a rule: not known yet, or of the wrong type."""
    value: Any = thing.manifest
    path = problem.path
    for depth, key in enumerate(problem.path):
        if value is UNKNOWN:
            path = problem.path[:depth]
            break
        value = value.get(key) if isinstance(value, Mapping) else None
    told = UnknownValueError(path) if _holds_unknown(value) else WrongTypeError(path, problem.expected, value)
    told.about(thing)
    return told


def _holds_unknown(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_unknown(content) for content in value.values())
    if isinstance(value, list):
        return any(_holds_unknown(content) for content in value)
    return value is UNKNOWN
