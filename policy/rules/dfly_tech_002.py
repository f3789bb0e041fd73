"""DFLY-TECH-002: operator, CRD, chart and image versions of Dragonfly that drift apart."""

from collections.abc import Iterator

from seawall.operators import versions
from seawall.operators.dragonfly.fields import DRAGONFLY as FIELDS
from seawall.policy.estate.families import Family
from seawall.policy.estate.kinds import CRD, DEPLOYMENT, DRAGONFLY
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.releases import RELEASES
from seawall.policy.findings import Rule, Violation
from seawall.policy.surroundings import fields, release_checks
from seawall.policy.surroundings import versions as judged

_FAMILIES: frozenset[Family] = frozenset({"dragonfly"})
_IMAGE = ("spec", "image")


def check_operator(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Dragonfly of an operator that is not known, or an operator of a version that is not."""
    if thing.group_kind == DRAGONFLY:
        yield from judged.operator_of_resource(thing, estate, "dragonfly")
    else:
        yield from judged.operator_itself(thing, estate, _FAMILIES)


def check_image(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Dragonfly whose image is left to the operator, moves, or is outside the tested range."""
    if thing.group_kind != DRAGONFLY:
        return
    row = versions.dragonfly_combination(estate.operator_of(thing).version)
    if row is None:
        return  # said with the operator
    image = thing.at(*_IMAGE).text()
    if not image:
        yield Violation(
            f"no image is given: operator {row.operator} runs {row.default_image}, and the next operator another one, "
            "at a time that nobody chose",
            f"Give spec.image a version from {_text(row.image_first)} to {_text(row.image_last)}.",
            _IMAGE,
        )
        return
    yield from judged.image(image, first=row.image_first, last=row.image_last, path=_IMAGE, operator=row.operator)


def _text(version: versions.Version) -> str:
    return f"{version[0]}.{version[1]}"


def check_deprecated(thing: KubeObject) -> Iterator[Violation]:
    """Fields that a coming version removes."""
    if thing.group_kind == DRAGONFLY:
        yield from fields.deprecated(thing, FIELDS)


RULE = Rule(
    id="DFLY-TECH-002",
    risks=("DFLY-TECH-002",),
    title="Operator, chart, CRD and image of Dragonfly go together",
    score=4,
    why=(
        "What the operator makes of a Dragonfly differs by version, CRDs of a former version drop new fields without "
        "an error, and Helm ignores values that a chart does not read. So a version that nobody has looked at, or a "
        "value in the wrong place, is a protection that may not be there."
    ),
    mend="Use a row of the table of versions, and only values that the chart reads.",
    kinds=(DRAGONFLY, DEPLOYMENT, *RELEASES, CRD),
    alone=(check_deprecated,),
    together=(check_operator, check_image, *release_checks.checks(_FAMILIES, {DRAGONFLY[1]: FIELDS})),
)
