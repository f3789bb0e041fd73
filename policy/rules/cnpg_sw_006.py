"""CNPG-SW-006: objects that meet what the operator makes of a Cluster or a Pooler, by name."""

from collections.abc import Iterator

from seawall.operators.cnpg.names import (
    LONGEST_CLUSTER,
    LONGEST_POOLER,
    PASSWORD_SECRETS,
    any_service,
    cluster_services,
)
from seawall.policy.checks.made_names import meetings
from seawall.policy.estate.blame import blaming
from seawall.policy.estate.kinds import CLUSTER, EXTERNAL_SECRET, POOLER, SECRET, SERVICE
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.values import CannotEvaluateError
from seawall.policy.findings import Rule, Violation

_NAME = ("metadata", "name")
_REFUSES = "it refuses to go on with a Service that it did not make, and reconciles nothing of this any more"


def lengths(subject: KubeObject) -> Iterator[Violation]:
    """Names that are refused, or cut off in the names of pods."""
    count = len(subject.name)
    if subject.group_kind == CLUSTER and count > LONGEST_CLUSTER:
        yield Violation(
            f"the name has {count} characters, and the operator takes {LONGEST_CLUSTER} at most",
            "Choose a shorter name.",
            _NAME,
        )
    if subject.group_kind == POOLER and count > LONGEST_POOLER:
        yield Violation(
            f"the name has {count} characters: Kubernetes cuts what its pods are called by after {LONGEST_POOLER}, so "
            "that metrics and logs cannot tell them from another pooler's",
            f"Choose a name of at most {LONGEST_POOLER} characters.",
            _NAME,
        )


def cluster_name(pooler: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Pooler that is called like a Cluster of its namespace."""
    if pooler.group_kind == POOLER and estate.find(CLUSTER, pooler.namespace, pooler.name) is not None:
        yield Violation(
            f"it has the name of Cluster {pooler.namespace}/{pooler.name}: the operator refuses that for its own "
            "Cluster, and both write the service account, Role and RoleBinding of that name",
            f"Call it {pooler.name}-pooler.",
            _NAME,
        )


def declared(subject: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A declared object with the kind and name of one that the operator makes."""
    for meeting in meetings(subject, estate):
        if meeting.twice_made:
            continue
        made = meeting.made
        if made.group_kind == SERVICE and subject.group_kind == CLUSTER:
            does = _REFUSES
        elif made.group_kind == SECRET:
            does = _of_secret(made.name)
        else:
            does = "it writes its own over it, or fails, each time that it reconciles"
        yield Violation(
            f"{made.title} is declared, and the operator makes one of that name: {does}",
            f"Give the declared {made.kind} another name, or remove it"
            + (" and name it in the Cluster." if made.group_kind == SECRET else "."),
            _NAME,
            about=meeting.other,
            facts={"made": made.title},
        )


def external(cluster: KubeObject, estate: Estate) -> Iterator[Violation]:
    """An ExternalSecret that fills a Secret of a name that the operator makes."""
    if cluster.group_kind != CLUSTER:
        return
    targets = estate.memo(_targets)
    for made in estate.made_of(cluster):
        source = targets.get((made.namespace, made.name)) if made.group_kind == SECRET else None
        if source is not None:
            yield Violation(
                f"it fills {made.title}, and the operator makes a Secret of that name: {_of_secret(made.name)}",
                "Give its target another name, and name that in the Cluster.",
                ("spec", "target", "name"),
                about=source,
                facts={"made": made.title},
            )


def _of_secret(name: str) -> str:
    if name.rpartition("-")[2] in PASSWORD_SECRETS:
        return "whoever comes first decides the password, and the other one never learns it"
    return "what is in it is written over, and what was there first is taken for a certificate of its own"


def _targets(estate: Estate) -> dict[tuple[str, str], KubeObject]:
    """Namespace and name of a Secret → the ExternalSecret that fills it."""
    found: dict[tuple[str, str], KubeObject] = {}
    for source in estate.of(EXTERNAL_SECRET):
        try:
            name = source.at("spec", "target", "name").text() or source.name
        except CannotEvaluateError:
            continue  # the rule about ExternalSecrets says so
        found[source.namespace, name] = source
    return found


def twice(subject: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Two resources of which the operators make objects of one name; told once, of the latter."""
    others: dict[KubeObject, list[str]] = {}
    for meeting in meetings(subject, estate):
        other = meeting.other
        # a Pooler with the name of a Cluster is told in its own words
        if (
            meeting.twice_made
            and other.name != subject.name
            and (other.kind, other.name) < (subject.kind, subject.name)
        ):
            others.setdefault(other, []).append(f"{meeting.made.kind} {meeting.made.name}")
    for other, names in others.items():
        yield Violation(
            f"{', '.join(dict.fromkeys(names))}: made of {other.title} as well, so that each is written in turn, and "
            "clients or drains meet now the one, now the other",
            "Rename one of the two.",
            _NAME,
            facts={"other": other.title},
            key=other.title,
        )


def kept_names(cluster: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Services in the place of those that the operator does not make now, but looks at all the same."""
    if cluster.group_kind != CLUSTER:
        return
    made = {thing.name for thing in estate.made_of(cluster) if thing.group_kind == SERVICE}
    for name in (*cluster_services(cluster.name), any_service(cluster.name)):
        found = None if name in made else estate.find(SERVICE, cluster.namespace, name)
        if found is None or found.projected:
            continue
        with blaming(found):
            owned = found.belongs_to(cluster)
        if not owned:
            yield Violation(
                f"{found.title} is declared, a name that the operator keeps for itself though it makes no such Service "
                f"here: {_REFUSES}",
                "Give the Service another name.",
                _NAME,
                about=found,
            )


RULE = Rule(
    id="CNPG-SW-006",
    risks=(),
    title="Nothing meets what CloudNativePG makes",
    score=6,
    why=(
        "The operator makes Services, budgets, Secrets, Deployments and service accounts whose names follow from "
        "those of Clusters and Poolers. An object of that name that it did not make stops it, or is written over."
    ),
    mend="Give objects of your own names that do not follow from a Cluster's or a Pooler's.",
    kinds=(CLUSTER, POOLER),
    alone=(lengths,),
    together=(cluster_name, declared, external, twice, kept_names),
)
