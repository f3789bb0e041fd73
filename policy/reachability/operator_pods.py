"""The operators' own pods as protected pods, where an estate installs them: nothing is judged by it, all is shown."""

from collections.abc import Iterator, Mapping

from seawall.operators import barman, cnpg, dragonfly
from seawall.policy.estate.families import TITLES, Family
from seawall.policy.estate.installed import Installed, of_family
from seawall.policy.estate.intent import Intent, intent_of
from seawall.policy.estate.kinds import CLUSTER, DRAGONFLY, GroupKind
from seawall.policy.estate.model import Estate, Operator
from seawall.policy.reachability.expectations import Protected, Role, platform_of, scraper
from seawall.policy.reachability.matrix import Matrix, policies_for

_RESOURCES: Mapping[Family, GroupKind] = {"dragonfly": DRAGONFLY, "cnpg": CLUSTER, "barman": CLUSTER}
_METRICS: Mapping[Family, int] = {
    "dragonfly": dragonfly.OPERATOR_METRICS_PORT,
    "cnpg": cnpg.OPERATOR_METRICS_PORT,
    "barman": cnpg.OPERATOR_METRICS_PORT,
}


def operator_matrix(one: Installed, estate: Estate) -> Matrix:
    """Who can open the ports of an operator, on the platform that the first of its resources declares.

    Raises `CannotEvaluateError` when the pods or what is declared cannot be read.
    """
    resources = estate.of(_RESOURCES[one.family])
    intent = intent_of(resources[0]) if resources else Intent(None, None, None, None, None)
    platform = platform_of(intent, estate)
    metrics = _METRICS[one.family]
    case = Protected(
        one.thing,
        one.pods,
        intent,
        platform,
        Operator(one.version or "", one.namespace, "its own pods"),
        (*scraper(intent, frozenset({metrics})), *_callers(one, estate)),
        client_ports=frozenset(),
        clients=None,
        metrics_port=metrics,
        private={},
        judged=frozenset(),
        namespace_labels=estate.namespace_labels(one.namespace),
    )
    return Matrix(case, policies_for(platform, estate))


def _callers(one: Installed, estate: Estate) -> Iterator[Role]:
    """The operator that calls the backup plugin."""
    ports = frozenset({barman.PLUGIN_PORT})
    for caller in of_family(estate, "cnpg") if one.family == "barman" else ():
        harm = "no cluster with backups is reconciled"
        yield Role(TITLES["cnpg"], caller.namespace, caller.pods.labels, ports, ports, harm)
