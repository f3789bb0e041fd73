"""DFLY-SEC-001: a cache that more can open than was declared."""

from collections.abc import Iterator

from seawall.operators import dragonfly as facts
from seawall.policy.estate.kinds import DRAGONFLY
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Rule, Violation
from seawall.policy.reachability.exposure import listed, locked_in, refused, shut_out, too_wide
from seawall.policy.reachability.matrix import Matrix, matrix


def isolated(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Dragonfly whose pods are not isolated, or whose policies admit others than those it declares."""
    found = matrix(dragonfly, estate)
    yield from refused(found)
    if found.isolated:
        yield from too_wide(found)
    elif not found.side.unread:
        yield _not_isolated(dragonfly, found)
    if found.unread is not None:
        raise found.unread


def reached(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Dragonfly that its operator, its own pods or declared clients cannot open."""
    found = matrix(dragonfly, estate)
    if found.isolated:
        yield from shut_out(found)
    yield from locked_in(found)


def _not_isolated(dragonfly: KubeObject, found: Matrix) -> Violation:
    case = found.protected
    ports = listed(sorted({port.number for port in case.ports}))
    off = not dragonfly.at("spec", "networkPolicyEnabled").boolean(default=True)
    if off:
        reason = "spec.networkPolicyEnabled is false and no policy of the namespace selects them"
    else:
        reason = f"operator {case.operator.version} makes no NetworkPolicy and none of the namespace selects them"
    labels = ", ".join(f"{key}={value}" for key, value in facts.pod_labels(dragonfly.name).items())
    return Violation(
        f"every pod of the cluster may open {ports} of its {case.pods.count} "
        f"pod{'' if case.pods.count == 1 else 's'}, {facts.ADMIN_PORT} without a password: {reason}",
        f"Add a policy in namespace {case.pods.namespace} that selects {labels} and admits only declared clients to "
        f"{facts.CLIENT_PORT}, the operator, the pods themselves and the exact scraper to {facts.ADMIN_PORT}.",
        ("spec", "networkPolicyEnabled") if off else (),
    )


RULE = Rule(
    id="DFLY-SEC-001",
    risks=("DFLY-SEC-001",),
    title="Only declared clients can open the cache",
    score=6,
    why=(
        "Pods accept connections from everywhere unless a policy isolates them, policies only ever add up, and the "
        "operator writes one of its own, by its version. The admin port 9999 needs no password."
    ),
    mend=(
        "Isolate the pods; admit declared client namespaces to 6379 and, to 9999, only the operator, the pods "
        "themselves and the exact scraper."
    ),
    kinds=(DRAGONFLY,),
    together=(isolated, reached),
    reaches=True,
)
