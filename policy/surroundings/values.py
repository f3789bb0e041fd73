"""Values of an operator's Helm release that its chart does not read, and how the release treats the CRDs."""

from collections.abc import Iterator, Mapping
from typing import Any

from seawall.operators import charts
from seawall.policy.estate.families import Family
from seawall.policy.estate.installed import CHARTS
from seawall.policy.estate.kinds import CRD
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.releases import Release, release_of
from seawall.policy.estate.values import UNKNOWN
from seawall.policy.findings import Violation

GROUPS: Mapping[Family, str] = {
    "dragonfly": "dragonflydb.io",
    "cnpg": "postgresql.cnpg.io",
    "barman": "barmancloud.cnpg.io",
}
"""The API groups of the operators' own kinds."""
_INSTALLS: Mapping[Family, tuple[str, ...]] = {
    "dragonfly": ("crds", "install"),
    "cnpg": ("crds", "create"),
    "barman": ("crds", "create"),
}
_KEEPS: Mapping[Family, tuple[str, ...]] = {"dragonfly": ("crds", "keep")}
"""The values by which a chart treats its CRDs, which are templates of it. CRDs of the other charts are always kept."""


def _operator_release(thing: KubeObject, estate: Estate, families: frozenset[Family]) -> Release | None:
    release = release_of(thing, estate)
    return release if release is not None and CHARTS.get(release.chart) in families else None


def unread(thing: KubeObject, estate: Estate, families: frozenset[Family]) -> Iterator[Violation]:
    """Values that the chart ignores, or that it cannot use."""
    release = _operator_release(thing, estate, families)
    if release is None or not release.values.present:
        return
    chart = charts.chart(release.chart, release.version or "")
    if chart is None:
        return  # said with the version
    values = release.values.raw
    if not isinstance(values, Mapping):
        release.values.keys()
        return
    for path, problem in chart.unread(_known(values)):
        yield Violation(
            f"the value {'.'.join(path)} {problem}",
            "Move it to a path that the chart reads, or remove it: as it is, it does nothing.",
            (*release.values.path, *path),
        )


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values without what is not known yet, and without nulls, which only take a default away."""
    kept: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            inner = _known(value)
            if inner or not value:
                kept[str(key)] = inner
        elif value is not UNKNOWN and value is not None:
            kept[str(key)] = value
    return kept


def crds(thing: KubeObject, estate: Estate, families: frozenset[Family]) -> Iterator[Violation]:
    """A release that does not bring its CRDs along, or that takes all resources away with it."""
    release = _operator_release(thing, estate, families)
    if release is None or not release.values.present:
        return
    family = CHARTS[release.chart]
    installs = release.values.at(*_INSTALLS[family])
    if not installs.boolean(default=True) and not _declares_crds(estate, GROUPS[family]):
        yield Violation(
            f"the value {'.'.join(_INSTALLS[family])} is false and no CRD of {GROUPS[family]} is declared here: an "
            "upgrade of the operator leaves the CRDs of its former version, which drop the new fields without an error",
            f"Set {'.'.join(_INSTALLS[family])}: true, so that CRDs are created and replaced with every upgrade.",
            installs.path,
        )
    keeps = release.values.at(*_KEEPS[family]) if family in _KEEPS else None
    if keeps is not None and not keeps.boolean(default=True):
        yield Violation(
            f"the value {'.'.join(_KEEPS[family])} is false: removing the release removes the CRDs, and with them "
            "every resource of their kinds and its data",
            f"Set {'.'.join(_KEEPS[family])}: true.",
            keeps.path,
        )


def _declares_crds(estate: Estate, group: str) -> bool:
    return any(crd.name.endswith(f".{group}") for crd in estate.of(CRD))
