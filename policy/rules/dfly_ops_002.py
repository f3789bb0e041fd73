"""DFLY-OPS-002: secrets of Dragonfly that do not arrive."""

from seawall.policy.findings import Rule
from seawall.policy.surroundings.secret_checks import checks, kinds

RULE = Rule(
    id="DFLY-OPS-002",
    risks=("DFLY-OPS-002",),
    title="Dragonfly's secrets arrive with the keys that are read",
    score=4,
    why=(
        "Without its password's Secret, or with a key of another name, no pod of a Dragonfly starts, and no client "
        "signs in. An ExternalSecret is refused in a version that is no longer served, and one that fetches once "
        "never brings a rotated password."
    ),
    mend="Let target, type and keys of each ExternalSecret equal what its consumers refer to.",
    kinds=kinds("dragonfly"),
    together=checks("dragonfly"),
)
