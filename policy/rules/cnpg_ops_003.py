"""CNPG-OPS-003: secrets of PostgreSQL that do not arrive."""

from seawall.policy.findings import Rule
from seawall.policy.surroundings.secret_checks import checks, kinds

RULE = Rule(
    id="CNPG-OPS-003",
    risks=("CNPG-OPS-003",),
    title="PostgreSQL's secrets arrive with the keys and the type that are read",
    score=4,
    why=(
        "A role's password is read from username and password of a basic-auth Secret, backups sign in by keys of "
        "given names. An ExternalSecret whose target, type or keys are others leaves a role without a password, or "
        "an archive without a writer, and nothing says so until somebody needs it."
    ),
    mend="Let target, type, keys and labels of each ExternalSecret equal what its consumers refer to.",
    kinds=kinds("cnpg"),
    together=checks("cnpg"),
)
