"""What each door shows, and what it cannot show. The latter is said in every report: silence is no pass."""

from dataclasses import dataclass

from seawall.policy.estate.objects import Note

CLOUD = "cloud"
"""Resources of a Pulumi stack that are no Kubernetes objects."""
WHOLE_CLUSTER = "cluster"
"""All that is in the cluster, not only what somebody declared here."""
SECRETS = "secrets"
"""Every Secret of the cluster, by name."""


@dataclass(frozen=True)
class Sight:
    """What comes through one door."""

    sees: frozenset[str]
    """Of `CLOUD`, `WHOLE_CLUSTER` and `SECRETS`, what it shows besides declared Kubernetes objects."""
    unseen: tuple[str, ...]
    """What it does not show, for a person."""

    @property
    def notes(self) -> tuple[Note, ...]:
        """`unseen` as a report has it."""
        return tuple(Note(text) for text in self.unseen)


_DEFAULTS = (
    "what was left to a default: the API server and the operators' webhooks have written theirs into the objects"
)

FOLDER = Sight(
    frozenset(),
    (
        "buckets, keys and identities: a folder of YAML does not hold them",
        "whatever is in the cluster and not in this folder; policies and budgets there add to these",
    ),
)
STACK = Sight(
    frozenset({CLOUD}),
    ("whatever is in the cluster and not in this stack; policies and budgets there add to these", _DEFAULTS),
)
STATE = Sight(
    frozenset({CLOUD}),
    (*STACK.unseen, "what has changed since the state was written: refresh the stack before it is exported"),
)
LIVE = Sight(
    frozenset({WHOLE_CLUSTER}),
    (
        "buckets, keys and identities: a cluster does not hold them",
        "keys, types and values of Secrets: only their names and labels are asked for",
        _DEFAULTS,
    ),
)
"""With `SECRETS` where the role may list them."""
