"""Releases of Helm charts, whichever tool makes them: Pulumi's `Release`, and Flux' `HelmRelease` with its sources."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from seawall.policy.estate.kinds import HELM_RELEASE, PULUMI, GroupKind
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.values import CannotEvaluateError, View

PULUMI_RELEASE: GroupKind = (PULUMI, "kubernetes:helm.sh/v3:Release")
PULUMI_CHART: GroupKind = (PULUMI, "kubernetes:helm.sh/v3:Chart")
PULUMI_CHART_V4: GroupKind = (PULUMI, "kubernetes:helm.sh/v4:Chart")
RELEASES: tuple[GroupKind, ...] = (PULUMI_RELEASE, PULUMI_CHART, PULUMI_CHART_V4, HELM_RELEASE)
"""The kinds that install a chart."""

_SOURCES = "source.toolkit.fluxcd.io"
OCI_REPOSITORY: GroupKind = (_SOURCES, "OCIRepository")
HELM_CHART: GroupKind = (_SOURCES, "HelmChart")


@dataclass(frozen=True, eq=False)
class Release:
    """One chart, in one namespace, with values."""

    thing: KubeObject
    chart: str
    """The chart's name: the last part of a reference."""
    version: str | None
    """As written; None when nothing says it, or when it is a range."""
    version_path: tuple[str, ...]
    """Where the version is, or would be, inside `version_of`."""
    version_of: KubeObject
    """The object that says the version: the release, or the source that it names."""
    range: str | None
    """The range or the moving tag that is written in the version's place."""
    name: str
    """What the chart's objects carry as `app.kubernetes.io/instance`."""
    namespace: str
    values: View
    """The values that are to be seen here."""
    complete: bool
    """Whether no other values come from elsewhere (files, ConfigMaps, Secrets)."""

    @property
    def where(self) -> KubeObject | None:
        """The object to blame for the version, None when it is the release itself."""
        return None if self.version_of is self.thing else self.version_of


@dataclass(frozen=True)
class _Source:
    """The chart that a release names."""

    chart: str
    version: str | None
    path: tuple[str, ...]
    says: KubeObject


def release_of(thing: KubeObject, estate: Estate) -> Release | None:
    """The release that an object makes; None when nothing here says which chart.

    Raises `CannotEvaluateError` when it cannot be read.
    """
    return _READERS[thing.group_kind](thing, estate)


def chart_named(thing: KubeObject) -> str | None:
    """The chart that an object names itself, where the rest of its release cannot be read; None when it names none."""
    path = ("spec", "chart", "spec", "chart") if thing.group_kind == HELM_RELEASE else ("chart",)
    try:
        chart = thing.at(*path).text()
    except CannotEvaluateError:
        return None
    return _reference(chart)[0] if chart else None


def _pulumi(thing: KubeObject, _estate: Estate) -> Release | None:
    chart = thing.at("chart").text()
    if not chart:
        return None
    called, version = _reference(chart)
    own = thing.at("version").text()
    return _release(
        thing,
        _Source(called, own or version, ("version",), thing),
        name=thing.at("name").text() or thing.name,
        namespace=thing.at("namespace").text() or "default",
        values=thing.at("values"),
        complete=not any(each.present for each in thing.at("valueYamlFiles").items()),
    )


def _flux(thing: KubeObject, estate: Estate) -> Release | None:
    inline = thing.at("spec", "chart", "spec")
    reference = thing.at("spec", "chartRef")
    if inline.at("chart").present:
        source = _inline(thing, inline)
    elif reference.at("name").present:
        source = _referenced(thing, reference, estate)
    else:
        source = None
    if source is None:
        return None
    target = thing.at("spec", "targetNamespace").text()
    prefix = f"{target}-" if target else ""
    return _release(
        thing,
        source,
        name=thing.at("spec", "releaseName").text() or f"{prefix}{thing.name}",
        namespace=target or thing.namespace,
        values=thing.at("spec", "values"),
        complete=not any(each.present for each in thing.at("spec", "valuesFrom").items()),
    )


def _inline(thing: KubeObject, spec: View) -> _Source | None:
    chart = spec.at("chart").text()
    if not chart:
        return None
    return _Source(_reference(chart)[0], spec.at("version").text(), (*spec.path, "version"), thing)


def _referenced(thing: KubeObject, reference: View, estate: Estate) -> _Source | None:
    """The chart of a source in the estate; None when that source is not here."""
    kind = OCI_REPOSITORY if reference.at("kind").text() == "OCIRepository" else HELM_CHART
    namespace = reference.at("namespace").text() or thing.namespace
    source = estate.find(kind, namespace, reference.at("name").text() or "")
    if source is None:
        return None
    try:
        if kind == HELM_CHART:
            return _inline(source, source.at("spec"))
        url = source.at("spec", "url").text()
        ref = source.at("spec", "ref")
        field = "tag" if ref.at("tag").present else "semver" if ref.at("semver").present else "digest"
        return _Source(_reference(url or "")[0], ref.at(field).text(), ("spec", "ref", field), source)
    except CannotEvaluateError as problem:
        problem.about(source)
        raise


_READERS: Mapping[GroupKind, Callable[[KubeObject, Estate], Release | None]] = {
    PULUMI_RELEASE: _pulumi,
    PULUMI_CHART: _pulumi,
    PULUMI_CHART_V4: _pulumi,
    HELM_RELEASE: _flux,
}


def _release(
    thing: KubeObject,
    source: _Source,
    *,
    name: str,
    namespace: str,
    values: View,
    complete: bool,
) -> Release:
    exact = source.version is not None and _exact(source.version)
    return Release(
        thing,
        source.chart,
        source.version if exact else None,
        source.path,
        source.says,
        None if exact else source.version,
        name,
        namespace,
        values,
        complete,
    )


def _exact(version: str) -> bool:
    """Whether a version names one, and no range (`0.29.x`, `>=1`, `*`), moving tag or digest."""
    number = version.removeprefix("v").partition("-")[0].partition("+")[0]
    parts = number.split(".")
    return len(parts) == 3 and all(part.isdecimal() for part in parts)


def _reference(chart: str) -> tuple[str, str | None]:
    """Name and version of a chart's reference: `oci://registry/path/name:1.2.3`, `./charts/name`, `name-1.2.3.tgz`."""
    last = chart.rstrip("/").rpartition("/")[2].partition("@")[0]
    name, _, version = last.partition(":")
    if name.endswith(".tgz"):
        name, _, version = name.removesuffix(".tgz").rpartition("-")
    return name, version or None
