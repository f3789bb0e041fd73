"""DFLY-SW-022: a field that Dragonfly does not have."""

from collections.abc import Iterator

from seawall.operators.dragonfly.fields import DRAGONFLY as FIELDS
from seawall.policy.estate.kinds import DRAGONFLY
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Rule, Violation
from seawall.policy.surroundings import fields


def check_fields(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Fields that no schema of a Dragonfly has."""
    yield from fields.unknown(dragonfly, FIELDS, fields.version_of(dragonfly, estate))


RULE = Rule(
    id="DFLY-SW-022",
    risks=("DFLY-TECH-002",),
    title="Every field of a Dragonfly exists",
    score=6,
    why=(
        "No webhook looks at a Dragonfly. A field that its schema does not have, like podTemplate, storage, metrics or "
        "livenessProbe, is dropped without a word by a plain create, so the protection that it was to be is not there."
    ),
    mend="Write the field that the operator reads; the message names the nearest one.",
    kinds=(DRAGONFLY,),
    together=(check_fields,),
)
