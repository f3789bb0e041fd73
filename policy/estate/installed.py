"""The operators that an estate installs, from their Deployments or from releases of their charts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from seawall.operators import barman, cnpg, dragonfly, versions
from seawall.operators.charts import CLOUDNATIVE_PG, DRAGONFLY_OPERATOR, PLUGIN_BARMAN_CLOUD, chart
from seawall.policy.estate.families import Family, family_of_image
from seawall.policy.estate.kinds import DEPLOYMENT
from seawall.policy.estate.model import Estate, KubeObject, Origin, PodSet, pod_sets
from seawall.policy.estate.objects import UNPLACED
from seawall.policy.estate.releases import RELEASES, Release, chart_named, release_of
from seawall.policy.estate.suspects import Suspect, images_of, suspect
from seawall.policy.estate.values import CannotEvaluateError

CHARTS: Mapping[str, Family] = {
    DRAGONFLY_OPERATOR.name: "dragonfly",
    CLOUDNATIVE_PG.name: "cnpg",
    PLUGIN_BARMAN_CLOUD.name: "barman",
}
"""The charts by name."""
_LABELS: Mapping[Family, Mapping[str, str]] = {
    "dragonfly": {**dragonfly.OPERATOR_POD_LABELS, **dragonfly.OPERATOR_CHART_LABELS},
    "cnpg": cnpg.OPERATOR_POD_LABELS,
    "barman": barman.POD_LABELS,
}
_PORTS: Mapping[Family, tuple[tuple[str, int], ...]] = {
    "dragonfly": (("metrics", dragonfly.OPERATOR_METRICS_PORT),),
    "cnpg": (("webhook-server", cnpg.OPERATOR_WEBHOOK_PORT), ("metrics", cnpg.OPERATOR_METRICS_PORT)),
    "barman": (("grpc", barman.PLUGIN_PORT),),
}


_Value = TypeVar("_Value")


@dataclass(frozen=True, eq=False)
class Installed:
    """One operator in one namespace. What of it cannot be read raises `CannotEvaluateError` when it is asked for."""

    family: Family
    thing: KubeObject
    """The Deployment, or the object that makes the release."""
    namespace: str
    release: Release | None
    _pods: PodSet | CannotEvaluateError
    _image: str | CannotEvaluateError | None

    @property
    def pods(self) -> PodSet:
        """Its pods; those of a release as its chart makes them."""
        return _told(self._pods)

    @property
    def image(self) -> str | None:
        """The image, or what stands for it in a release (`name:tag`); None when nothing says it."""
        return _told(self._image)

    @property
    def version(self) -> str | None:
        """The version without a leading v, by the image's tag, else by the chart; None when nothing says it."""
        tag = versions.image_tag(self.image or "")
        if tag is None and self.release is not None and self.release.version is not None:
            known = chart(self.release.chart, self.release.version)
            tag = known.app_version if known is not None else None
        return tag.removeprefix("v") if tag else None

    def replicas(self) -> int | None:
        """How many pods run it; None when values that are not seen here may say it."""
        if self.release is None:
            return self.pods.count
        given = self.release.values.at("replicaCount").integer()
        return given if given is not None else 1 if self.release.complete else None


def _told(value: _Value | CannotEvaluateError) -> _Value:
    if isinstance(value, CannotEvaluateError):
        raise value.with_traceback(None)
    return value


class _Operators:
    """The operators of an estate, and what may install one and cannot be read."""

    def __init__(self, estate: Estate) -> None:
        self.found: dict[KubeObject, Installed] = {}
        self.suspects: dict[KubeObject, Suspect] = {}
        for thing in estate.every(DEPLOYMENT):
            if not thing.projected:
                self._add_deployment(thing)
        running = {(one.family, one.namespace) for one in self.found.values()}
        maybe = {(family, it.thing.namespace): it for it in self.suspects.values() for family in it.families}
        for kind in RELEASES:
            for thing in estate.of(kind):
                self._add_release(thing, estate, running)
        self.doubted: dict[KubeObject, Suspect] = {}
        """Releases beside a Deployment that cannot be read, and that may be what runs in their place."""
        for thing, one in self.found.items():
            doubt = maybe.get((one.family, one.namespace)) or maybe.get((one.family, UNPLACED))
            if one.release is not None and doubt is not None:
                self.doubted[thing] = doubt
        families = {one.family for one in self.found.values()}
        self.doubts: dict[Family, Suspect] = {}
        """For the families of which none was found: what may be one."""
        for it in self.suspects.values():
            for family in it.families - families:
                self.doubts.setdefault(family, it)

    def _add_deployment(self, thing: KubeObject) -> None:
        problems: list[CannotEvaluateError] = []
        for image in images_of(thing, problems):
            family = family_of_image(image)
            if family is not None and thing.unknown is not None:
                self.suspects[thing] = Suspect(thing, frozenset({family}), thing.unknown)
                return
            if family is not None:
                pods = _pods_of(thing)
                self.found[thing] = Installed(family, thing, thing.namespace, None, pods, image)
                return
        self._suspect(thing, problems)

    def _add_release(self, thing: KubeObject, estate: Estate, running: set[tuple[Family, str]]) -> None:
        try:
            release = release_of(thing, estate)
        except CannotEvaluateError as problem:
            named = chart_named(thing)
            if named is None:
                self._suspect(thing, [problem])
            elif named in CHARTS:
                problem.about(thing)
                self.suspects[thing] = Suspect(thing, frozenset({CHARTS[named]}), problem)
            return
        family = CHARTS.get(release.chart) if release is not None else None
        if release is not None and family is not None and (family, release.namespace) not in running:
            self.found[thing] = _released(release, family)

    def _suspect(self, thing: KubeObject, problems: list[CannotEvaluateError]) -> None:
        one = suspect(thing, problems[0]) if problems else None
        if one is not None:
            self.suspects[thing] = one


def _operators(estate: Estate) -> _Operators:
    return _Operators(estate)


def installed(estate: Estate) -> Mapping[KubeObject, Installed]:
    """The operators by their Deployment or release.

    Where both are there, as in a cluster, the Deployment is what runs. Those that cannot be read are not here.
    """
    return estate.memo(_operators).found


def operator_by(thing: KubeObject, estate: Estate, families: Iterable[Family]) -> Installed | None:
    """The operator that an object installs, None when it is none of these families.

    Raises `CannotEvaluateError` when it may be one of them and cannot be read.
    """
    operators = estate.memo(_operators)
    one = operators.found.get(thing)
    doubt = operators.suspects.get(thing) or operators.doubted.get(thing)
    if one is not None and (doubt is None or one.family not in families):
        return one if one.family in families else None
    if doubt is not None and doubt.families.intersection(families):
        raise doubt.problem.with_traceback(None)
    return None


def of_family(estate: Estate, family: Family) -> tuple[Installed, ...]:
    """The operators of one family.

    Raises `CannotEvaluateError` when there is none, and something that cannot be read is called like one.
    """
    operators = estate.memo(_operators)
    doubt = operators.doubts.get(family)
    if doubt is not None:
        raise doubt.problem.with_traceback(None)
    return tuple(one for one in operators.found.values() if one.family == family)


def _pods_of(deployment: KubeObject, owner: KubeObject | None = None) -> PodSet | CannotEvaluateError:
    try:
        return pod_sets(deployment, owner)[0]
    except CannotEvaluateError as problem:
        return problem


def _released(release: Release, family: Family) -> Installed:
    """An operator as its chart makes it: labels, replicas and image by the release's values."""
    pods: PodSet | CannotEvaluateError
    image: str | CannotEvaluateError | None
    try:
        pods = _pods_of(_deployment(release, family), release.thing)
    except CannotEvaluateError as problem:
        problem.about(release.thing)
        pods = problem
    try:
        image = _image(release, family)
    except CannotEvaluateError as problem:
        problem.about(release.thing)
        image = problem
    return Installed(family, release.thing, release.namespace, release, pods, image)


def _deployment(release: Release, family: Family) -> KubeObject:
    labels = dict(_LABELS[family])
    override = release.values.at("nameOverride").text()
    if override:
        labels["app.kubernetes.io/name"] = override
    labels["app.kubernetes.io/instance"] = release.name
    labels |= release.values.at("podLabels").texts()
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "manager", "ports": _ports(family)}]}}
    manifest = {"metadata": {"name": release.name, "namespace": release.namespace}, "spec": {"template": template}}
    origin = Origin(made_by=f"Helm, from {release.thing.title}")
    return KubeObject(*DEPLOYMENT, release.namespace, release.name, manifest, origin, projected=True)


def _image(release: Release, family: Family) -> str | None:
    inside: tuple[str, ...] = ("manager", "image") if family == "dragonfly" else ("image",)
    tag = release.values.at(*inside, "tag").text()
    return f"{release.values.at(*inside, 'repository').text() or release.chart}:{tag}" if tag else None


def _ports(family: Family) -> list[dict[str, Any]]:
    return [{"name": name, "containerPort": number, "protocol": "TCP"} for name, number in _PORTS[family]]
