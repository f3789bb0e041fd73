"""CNPG-SW-001: a database that more can open than was declared, or that its own operator, peers or poolers cannot."""

from collections.abc import Iterator

from seawall.operators import cnpg as facts
from seawall.policy.estate.kinds import CLUSTER, POOLER
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Rule, Violation
from seawall.policy.reachability import needs
from seawall.policy.reachability.exposure import listed, locked_in, refused, shut_out, too_wide
from seawall.policy.reachability.matrix import Matrix, matrix


def isolated(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Instances or poolers that are not isolated, or whose policies admit others than those who are declared."""
    found = matrix(thing, estate)
    yield from refused(found)
    if found.isolated:
        yield from too_wide(found)
    elif not found.side.unread:
        yield _not_isolated(found)
    if found.unread is not None:
        raise found.unread


def reached(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Instances or poolers that those who need them cannot open."""
    found = matrix(thing, estate)
    if found.isolated:
        yield from shut_out(found)
    yield from locked_in(found)


def reaching(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Instances or poolers that cannot reach what they need."""
    yield from needs.missing(matrix(thing, estate), estate)


def _not_isolated(found: Matrix) -> Violation:
    case = found.protected
    ports = listed(sorted({port.number for port in case.ports}))
    instances = case.thing.group_kind == CLUSTER
    labels = facts.instance_labels(case.thing.name) if instances else facts.pooler_labels(case.thing.name)
    asked = ", ".join(f"{key}={value}" for key, value in labels.items())
    what = f"{case.pods.count} {'instance' if instances else 'pod'}{'' if case.pods.count == 1 else 's'}"
    who = (
        f"the operator and its instances to {facts.POSTGRES_PORT} and {facts.STATUS_PORT}, its poolers and jobs, and "
        f"clients that use no pooler, to {facts.POSTGRES_PORT}"
        if instances
        else f"declared clients to {listed(sorted(case.client_ports))}"
    )
    return Violation(
        f"every pod of the cluster may open {ports} of its {what}: no policy that selects them at every time isolates "
        "them for ingress, and CloudNativePG makes none",
        f"Add a policy in namespace {case.pods.namespace} that selects {asked} and admits only {who}, and the "
        f"scraper to {case.metrics_port}.",
    )


RULE = Rule(
    id="CNPG-SW-001",
    risks=(),
    title="Only declared clients can open PostgreSQL",
    score=6,
    why=(
        "CloudNativePG writes no NetworkPolicy: every pod of the cluster may open PostgreSQL until one isolates its "
        "pods, and a password is then all that keeps it out. A policy that forgets the operator, the other instances, "
        "the poolers, the API server or the object store stops the cluster instead."
    ),
    mend=(
        "Isolate instances and poolers. To instances admit the operator (8000, 5432), the instances (5432, 8000), the "
        "poolers and jobs (5432) and the scraper (9187); to poolers the declared clients (5432) and the scraper (9127)."
    ),
    kinds=(CLUSTER, POOLER),
    together=(isolated, reached, reaching),
    reaches=True,
)
