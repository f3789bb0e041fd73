"""The checks of the two rules about versions that are about charts and CRDs, for one service's operators each."""

from collections.abc import Iterator, Mapping

from seawall.operators.fields import KindFields
from seawall.policy.estate.families import Family
from seawall.policy.estate.kinds import CRD
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.releases import RELEASES
from seawall.policy.findings import Together, Violation
from seawall.policy.surroundings import values, versions


def checks(families: frozenset[Family], tables: Mapping[str, KindFields]) -> tuple[Together, ...]:
    """What is judged of the releases of these operators, and of their CRDs; `tables` are by the kind's name."""
    groups = {values.GROUPS[family] for family in families}

    def chart(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
        """A release of the operator's chart in an unknown version, or with CRDs of another one."""
        if thing.group_kind in RELEASES:
            yield from versions.chart_itself(thing, estate, families)

    def unread(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
        """Values that the chart ignores."""
        if thing.group_kind in RELEASES:
            yield from values.unread(thing, estate, families)

    def crds(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
        """CRDs that are not replaced with the operator, or that are older than it."""
        if thing.group_kind in RELEASES:
            yield from values.crds(thing, estate, families)
        elif thing.group_kind == CRD and thing.at("spec", "group").text() in groups:
            yield from versions.crd(thing, tables)

    return chart, unread, crds
