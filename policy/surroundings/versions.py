"""Versions that are not in the one table, or that do not go together."""

import re
from collections.abc import Iterator, Mapping, Sequence

from seawall.operators import charts, versions
from seawall.operators.fields import KindFields
from seawall.policy.estate.families import TITLES, Family
from seawall.policy.estate.installed import CHARTS, Installed, of_family, operator_by
from seawall.policy.estate.model import Estate, KubeObject, Operator
from seawall.policy.estate.releases import release_of
from seawall.policy.estate.sight import WHOLE_CLUSTER
from seawall.policy.findings import Violation

_MOVING = frozenset(
    {"latest", "stable", "main", "master", "edge", "nightly", "dev", "alpha", "beta", "unstable", "weekly"}
)
"""Tags that mean another image tomorrow."""


def known_versions(family: Family) -> str:
    """The versions of an operator that the table has, for a person."""
    rows: Mapping[Family, list[str]] = {
        "dragonfly": [row.operator for row in versions.DRAGONFLY_COMBINATIONS],
        "cnpg": [row.operator for row in versions.CNPG_COMBINATIONS],
        "barman": [row.version for row in versions.BARMAN_PLUGINS],
    }
    return ", ".join(rows[family])


def is_known(family: Family, version: str) -> bool:
    """Whether the table has this version of an operator."""
    find = {
        "dragonfly": versions.dragonfly_combination,
        "cnpg": versions.cnpg_combination,
        "barman": versions.barman_plugin,
    }[family]
    return find(version) is not None


def operator_of_resource(thing: KubeObject, estate: Estate, family: Family) -> Iterator[Violation]:
    """A resource whose operator is of a version that nobody has looked at, or of another one than is installed."""
    operator = estate.operator_of(thing)
    if operator.assumed:
        return
    if not is_known(family, operator.version):
        read = family == "dragonfly" and versions.dragonfly_behaviour(operator.version) is not None
        who = f"{TITLES[family]} {operator.version} (by {operator.known_from})"
        yield Violation(
            f"{f'which images go with {who}' if read else f'what {who} makes of it'} is not known; the table has "
            f"{known_versions(family)}",
            f"Run {known_versions(family)}, or add a row for {operator.version} to the table after reading what "
            "changed.",
            facts={"version": operator.version},
        )
    for one in of_family(estate, family):
        if one.namespace == operator.namespace and one.version is not None and not _same(one.version, operator.version):
            yield Violation(
                f"it is meant for {TITLES[family]} {operator.version} (by {operator.known_from}), and "
                f"{one.thing.title} installs {one.version}",
                "Say the version that is installed, or install the one that is said.",
                facts={"version": operator.version, "installed": one.version},
            )
    if WHOLE_CLUSTER in estate.sees:
        yield from _elsewhere(operator, of_family(estate, family), family)


def _elsewhere(operator: Operator, running: Sequence[Installed], family: Family) -> Iterator[Violation]:
    """A resource that names a namespace for its operator, while the cluster runs it in others only."""
    namespaces = sorted({one.namespace for one in running})
    if namespaces and operator.namespace not in namespaces:
        yield Violation(
            f"it is meant for {TITLES[family]} in {operator.namespace} (by {operator.known_from}), and the cluster "
            f"runs it in {', '.join(namespaces)}: policies admit it from the wrong namespace",
            "Name the namespace that the operator runs in.",
            facts={"namespace": operator.namespace, "installed": ", ".join(namespaces)},
        )


def _same(one: str, other: str) -> bool:
    ours, theirs = versions.parse(one), versions.parse(other)
    return one == other or (ours is not None and ours == theirs)


def operator_itself(thing: KubeObject, estate: Estate, families: frozenset[Family]) -> Iterator[Violation]:
    """An operator's Deployment or release whose version is not known, or whose image is not its chart's."""
    one = operator_by(thing, estate, families)
    if one is None:
        return
    tag = versions.image_tag(one.image or "")
    if one.image is not None and (tag in _MOVING or (tag is None and "@" not in one.image)):
        yield Violation(
            f"{TITLES[one.family]} runs the image {one.image}, which is another one tomorrow",
            f"Give the tag of a version: {known_versions(one.family)}.",
            _image_path(one),
        )
    elif one.version is not None and not is_known(one.family, one.version):
        yield Violation(
            f"{TITLES[one.family]} {one.version} is not in the table of versions (known: "
            f"{known_versions(one.family)}): what it makes of its resources is not known",
            f"Run {known_versions(one.family)}, or add a row for {one.version} to the table after reading what "
            "changed.",
            _image_path(one),
            facts={"version": one.version},
        )


def _image_path(one: Installed) -> tuple[str, ...]:
    if one.release is None:
        return ("spec", "template", "spec", "containers")
    return (*one.release.values.path, *(("manager", "image") if one.family == "dragonfly" else ("image",)))


def chart_itself(thing: KubeObject, estate: Estate, families: frozenset[Family]) -> Iterator[Violation]:
    """A release of an operator's chart in no known version, or with an operator that the chart's CRDs are not for."""
    release = release_of(thing, estate)
    if release is None or (family := CHARTS.get(release.chart)) not in families:
        return
    known = [row.version for row in charts.CHARTS if row.name == release.chart]
    if release.version is None:
        said = (
            f"the version of chart {release.chart} is {release.range!r}"
            if release.range
            else "no chart version is given"
        )
        yield Violation(
            f"{said}: which operator and which CRDs are installed is decided by the day of the upgrade",
            f"Give one version: {', '.join(known)}.",
            release.version_path,
            release.where,
        )
        return
    chart = charts.chart(release.chart, release.version)
    if chart is None and not release.values.keys():
        return
    if chart is None:
        yield Violation(
            f"chart {release.chart} {release.version} is not in the table (known: {', '.join(known)}): which values it "
            "reads is not known, so none of them was judged",
            f"Use {', '.join(known)}, or add {release.version} to the table after reading its templates.",
            release.version_path,
            release.where,
            {"chart": release.version},
        )
        return
    one = operator_by(thing, estate, families)
    if one is None or one.version is None or _goes_with(family, chart, one.version):
        return
    yield Violation(
        f"chart {release.chart} {release.version} brings the CRDs of {TITLES[family]} "
        f"{chart.app_version.removeprefix('v')}, and the image is {one.version}: they drift apart",
        f"Use the chart that belongs to {one.version}, or leave the image's tag to the chart.",
        _image_path(one),
        facts={"chart": release.version, "version": one.version},
    )


def _goes_with(family: Family, chart: charts.Chart, version: str) -> bool:
    if _same(chart.app_version, version):
        return True
    row = versions.barman_plugin(version) if family == "barman" else None
    return row is not None and row.chart == chart.version


def image(
    reference: str,
    *,
    first: versions.Version,
    last: versions.Version,
    path: tuple[str, ...],
    operator: str,
) -> Iterator[Violation]:
    """An image outside the range that an operator was tested with. One that moves is the hardening's business."""
    tag = versions.image_tag(reference)
    if tag is None or tag in _MOVING:
        return  # pinned by a digest, or not at all: which version it is cannot be read from it
    span = f"{_text(first)} to {_text(last)}"
    number = tagged(tag)
    if number is None:
        yield Violation(
            f"the image's tag {tag} is no version, so nobody can say whether it goes with operator {operator}",
            f"Give the tag of a version from {span}.",
            path,
        )
    elif number > last:
        yield Violation(
            f"the image's version {tag} is newer than any that is known to go with operator {operator} ({span})",
            f"Try it with operator {operator} before it serves anybody, and add the combination to the table; until "
            f"then use a version from {span}.",
            path,
            facts={"image": tag, "known": span},
        )
    elif number < first:
        yield Violation(
            f"the image's version {tag} is outside of what operator {operator} was tested with ({span})",
            f"Use a version from {span}, or add the combination to the table after testing it.",
            path,
            facts={"image": tag, "known": span},
        )


def tagged(tag: str) -> versions.Version | None:
    """The version that a tag tells, None when it tells none."""
    return versions.parse(tag) or _major(tag)


def _major(tag: str) -> versions.Version | None:
    """The version of a tag that says a major version only, as PostgreSQL's images have: `18`, `17-minimal-trixie`."""
    match = re.fullmatch(r"([0-9]{2})(-[a-z0-9.-]+)?", tag)
    return (int(match[1]), 0, 0) if match else None


def _text(version: versions.Version) -> str:
    parts = [str(part) for part in version if part != 999]
    while len(parts) > 1 and parts[-1] == "0":
        parts.pop()
    return ".".join(parts)


def crd(thing: KubeObject, tables: Mapping[str, KindFields]) -> Iterator[Violation]:
    """A CRD that lacks fields which the operator's version has: it drops them. `tables` are by the kind's name."""
    table = tables.get(thing.at("spec", "names", "kind").text() or "")
    if table is None:
        return
    for version in thing.at("spec", "versions").items():
        spec = version.at("schema", "openAPIV3Schema", "properties", "spec", "properties")
        has = frozenset(spec.keys())
        lacks = sorted(table.spec.inside.keys() - has) if has else []
        if lacks and version.at("served").boolean(default=True):
            yield Violation(
                f"this CRD is older than {table.version}: it lacks spec.{', spec.'.join(lacks[:5])}"
                f"{', …' if len(lacks) > 5 else ''}, and the API server drops them from every resource",
                "Replace the CRD with every upgrade of the operator.",
                spec.path,
                facts={"lacks": ", ".join(lacks)},
            )
