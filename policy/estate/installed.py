"""The operators that an estate installs, from their Deployments or from releases of their charts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from seawall.operators import barman, cnpg, dragonfly, versions
from seawall.operators.charts import CLOUDNATIVE_PG, DRAGONFLY_OPERATOR, PLUGIN_BARMAN_CLOUD, chart
from seawall.policy.estate.kinds import DEPLOYMENT
from seawall.policy.estate.model import Estate, KubeObject, Origin, PodSet, pod_sets
from seawall.policy.estate.releases import Release, releases
from seawall.policy.estate.values import UNKNOWN, CannotEvaluateError

Family = Literal["dragonfly", "cnpg", "barman"]

TITLES: Mapping[Family, str] = {
    "dragonfly": "the Dragonfly operator",
    "cnpg": "the CloudNativePG operator",
    "barman": "the barman plugin",
}
CHARTS: Mapping[str, Family] = {
    DRAGONFLY_OPERATOR.name: "dragonfly",
    CLOUDNATIVE_PG.name: "cnpg",
    PLUGIN_BARMAN_CLOUD.name: "barman",
}
"""The charts by name."""
_IMAGES: Mapping[str, Family] = {
    "dragonflydb/operator": "dragonfly",
    "cloudnative-pg/cloudnative-pg": "cnpg",
    "cloudnative-pg/plugin-barman-cloud": "barman",
}
"""Ends of the operators' images, wherever they are mirrored to."""
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


@dataclass(frozen=True, eq=False)
class Installed:
    """One operator in one namespace."""

    family: Family
    thing: KubeObject
    """The Deployment, or the object that makes the release."""
    namespace: str
    pods: PodSet
    image: str | None
    """The image, or what stands for it in a release (`name:tag`); None when nothing says it."""
    release: Release | None

    @property
    def version(self) -> str | None:
        """The version without a leading v, by the image's tag, else by the chart; None when nothing says it."""
        tag = versions.image_tag(self.image or "")
        if tag is None and self.release is not None and self.release.version is not None:
            known = chart(self.release.chart, self.release.version)
            tag = known.app_version if known is not None else None
        return tag.removeprefix("v") if tag else None

    def replicas(self) -> int | None:
        """How many pods run it; None when values that are not seen here may say it. Raises `CannotEvaluateError`."""
        if self.release is None:
            return self.pods.count
        given = self.release.values.at("replicaCount").integer()
        return given if given is not None else 1 if self.release.complete else None


def installed(estate: Estate) -> Mapping[KubeObject, Installed]:
    """The operators by their Deployment or release; use through `estate.memo`.

    Where both are there, as in a cluster, the Deployment is what runs. Those that cannot be read are not here: a rule
    that looks at that object is told.
    """
    found: dict[KubeObject, Installed] = {}
    for thing in estate.of(DEPLOYMENT):
        if not thing.projected and (one := _deployed(thing)) is not None:
            found[thing] = one
    running = {(one.family, one.namespace) for one in found.values()}
    for release in estate.memo(releases).values():
        family = CHARTS.get(release.chart)
        if family is not None and (family, release.namespace) not in running:
            found[release.thing] = _released(release, family)
    return found


def of_family(estate: Estate, family: Family) -> tuple[Installed, ...]:
    """The operators of one family."""
    return tuple(one for one in estate.memo(installed).values() if one.family == family)


def family_of_image(image: str) -> Family | None:
    """The operator whose image this is, None when it is another image."""
    repository = image.partition("@")[0]
    head, _, last = repository.rpartition("/")
    name = f"{head.rpartition('/')[2]}/{last.partition(':')[0]}"
    return _IMAGES.get(name)


def _deployed(thing: KubeObject) -> Installed | None:
    try:
        images = [it.at("image").text() or "" for it in thing.at("spec", "template", "spec", "containers").items()]
        for image in images:
            family = family_of_image(image)
            if family is not None:
                return Installed(family, thing, thing.namespace, pod_sets(thing)[0], image, None)
    except CannotEvaluateError:
        pass  # no image says that it is an operator
    return None


def _released(release: Release, family: Family) -> Installed:
    """An operator as its chart makes it: labels, replicas and image by the release's values."""
    inside: tuple[str, ...] = ("manager", "image") if family == "dragonfly" else ("image",)
    labels = dict(_LABELS[family])
    override = _seen(release, "nameOverride")
    if isinstance(override, str) and override:
        labels["app.kubernetes.io/name"] = override
    labels["app.kubernetes.io/instance"] = release.name
    more = _seen(release, "podLabels")
    if isinstance(more, Mapping):
        labels |= {str(key): value for key, value in more.items() if isinstance(value, str)}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "manager", "ports": _ports(family)}]}}
    manifest = {"metadata": {"name": release.name, "namespace": release.namespace}, "spec": {"template": template}}
    origin = Origin(made_by=f"Helm, from {release.thing.title}")
    deployment = KubeObject(*DEPLOYMENT, release.namespace, release.name, manifest, origin, projected=True)
    repository, tag = _seen(release, *inside, "repository"), _seen(release, *inside, "tag")
    said = (
        f"{repository if isinstance(repository, str) else release.chart}:{tag}"
        if isinstance(tag, str) and tag
        else None
    )
    return Installed(family, release.thing, release.namespace, pod_sets(deployment, release.thing)[0], said, release)


def _ports(family: Family) -> list[dict[str, Any]]:
    return [{"name": name, "containerPort": number, "protocol": "TCP"} for name, number in _PORTS[family]]


def _seen(release: Release, *keys: str) -> Any:
    """A value as it is written, None when it is absent or beyond what cannot be read."""
    try:
        return release.values.at(*keys).raw
    except CannotEvaluateError:
        return UNKNOWN
