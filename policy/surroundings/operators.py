"""The operators themselves: enough of them, one budget over them, and policies that let them do their work."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from seawall.operators import barman, cnpg, dragonfly
from seawall.policy.checks.drains import allowance
from seawall.policy.estate.families import TITLES, Family
from seawall.policy.estate.installed import Installed, of_family, operator_by
from seawall.policy.estate.intent import intent_of
from seawall.policy.estate.kinds import BUDGET, CERTIFICATE, CLUSTER, CRD, DRAGONFLY, GroupKind
from seawall.policy.estate.model import Estate, KubeObject, PodSet
from seawall.policy.estate.secrets.providers import secrets
from seawall.policy.estate.sight import SECRETS, WHOLE_CLUSTER
from seawall.policy.estate.values import CannotEvaluateError
from seawall.policy.findings import Violation
from seawall.policy.reachability.decision import Cell, egress_open, ingress_open
from seawall.policy.reachability.expectations import endpoint, platform_of
from seawall.policy.reachability.matrix import policies_for
from seawall.policy.reachability.needs import API_PORTS
from seawall.policy.reachability.parties import Endpoint, Entity, Party, Port
from seawall.policy.reachability.policy_set import PolicySet
from seawall.policy.reachability.selectors import read

Families = frozenset[Family]

_ELECTION = re.compile(r"--?leader-elect(=(true|1|t|T|TRUE|True))?")
_CALLERS = (Entity("kube-apiserver"), Entity("remote-node"), Entity("world"))
"""From where the API server calls a webhook: another node, or outside. The own node gets in whatever a policy says."""
_PLUGIN_SECRETS = {
    "createServerCertificate": "barman-cloud-server-tls",
    "createClientCertificate": "barman-cloud-client-tls",
}
_MOST_NAMED = 3


def replicas(thing: KubeObject, estate: Estate, families: Families) -> Iterator[Violation]:
    """An operator that a lost node stops, or a plugin of which all but one copy refuse every call."""
    one = operator_by(thing, estate, families)
    if one is None or (count := one.replicas()) is None:
        return
    path = ("spec", "replicas") if one.release is None else (*one.release.values.path, "replicaCount")
    if one.family == "barman" and count > 1:
        yield Violation(
            f"{count} replicas of {TITLES[one.family]}: only the one that leads listens, the others count as ready, "
            "and every other call of the operator is refused",
            "Run 1 replica.",
            path,
            facts={"replicas": str(count)},
        )
    elif one.family != "barman" and count < 2:
        yield Violation(
            f"{count} replica{'' if count == 1 else 's'} of {TITLES[one.family]}: while it is drained or its node is "
            "lost, nobody fails over",
            f"Run 2 replicas{'' if one.release is None else ' (replicaCount)'}.",
            path,
            facts={"replicas": str(count)},
        )


def election(thing: KubeObject, estate: Estate, families: Families) -> Iterator[Violation]:
    """Several replicas that all act at once."""
    one = operator_by(thing, estate, families)
    if one is None or one.release is not None or one.family == "barman" or (one.replicas() or 0) < 2:
        return
    given = [
        argument.text() or ""
        for container in one.pods.containers
        for field in ("command", "args")
        for argument in container.at(field).items()
    ]
    if given and not any(_ELECTION.fullmatch(argument) for argument in given):
        yield Violation(
            f"its {one.replicas()} replicas run without --leader-elect: each acts on every resource at the same time",
            "Add the argument --leader-elect.",
            ("spec", "template", "spec", "containers"),
        )


def budgets(thing: KubeObject, estate: Estate, families: Families) -> Iterator[Violation]:
    """No budget over several replicas, more than one, or one that lets no pod go."""
    one = operator_by(thing, estate, families)
    if one is None or (count := one.replicas()) is None:
        return
    found = _budgets_over(one.pods, estate)
    if not found and count >= 2:
        yield Violation(
            f"nothing limits how many of its {count} pods a drain may take at once: no budget selects them, and no "
            "operator's chart makes one",
            f"Add a PodDisruptionBudget with minAvailable: 1 in namespace {one.namespace} that selects "
            f"{', '.join(f'{key}={value}' for key, value in _labels(one).items())}.",
        )
    for other in found[1:]:
        yield Violation(
            f"{len(found)} budgets select its pods ({', '.join(budget.name for budget in found)}): the eviction API "
            "refuses every eviction of such a pod, so a drain never ends",
            f"Delete PodDisruptionBudget {other.name}.",
            ("spec", "selector"),
            other,
            key=other.name,
        )
    for budget in found[:1]:
        yield from _judge(budget, count)


def _judge(budget: KubeObject, count: int) -> Iterator[Violation]:
    """The one budget over an operator."""
    try:
        allowed = allowance(budget.at("spec"), count)
    except CannotEvaluateError as problem:
        problem.about(budget)
        raise
    facts = {"replicas": str(count), "may go at once": str(allowed.goes)}
    if count >= 1 and allowed.goes == 0:
        yield Violation(
            f"{allowed.said} of {budget.title} lets none of its {count} pod{'' if count == 1 else 's'} go: every drain "
            "waits for ever",
            "Set maxUnavailable: 1." if count == 1 else f"Set minAvailable: {count - 1}.",
            allowed.path,
            budget,
            facts,
        )
    elif count >= 2 and allowed.goes >= count:
        yield Violation(
            f"{allowed.said} of {budget.title} lets all {count} pods go at once",
            f"Set minAvailable: {count - 1}.",
            allowed.path,
            budget,
            facts,
        )


def _labels(one: Installed) -> dict[str, str]:
    """The labels by which a budget finds the operator's pods and no others."""
    own = {"dragonfly": dragonfly.OPERATOR_CHART_LABELS, "cnpg": cnpg.OPERATOR_POD_LABELS, "barman": barman.POD_LABELS}
    wanted = own[one.family]
    return dict(wanted if wanted.items() <= one.pods.labels.items() else one.pods.labels)


def _budgets_over(pods: PodSet, estate: Estate) -> list[KubeObject]:
    """The budgets over an operator's pods, which may be those of a chart and so in no index."""
    found = []
    for budget in estate.of(BUDGET, pods.namespace):
        try:
            selector = budget.at("spec", "selector")
            if selector.present and read(selector).may_match(pods.labels, pods.later):
                found.append(budget)
        except CannotEvaluateError as problem:
            problem.about(budget)
            raise
    return found


@dataclass(frozen=True)
class _Place:
    """An operator among the policies."""

    one: Installed
    policies: PolicySet
    party: Endpoint

    def cut(self, cells: list[Cell]) -> Cell | None:
        """The first cell when all are closed, None when one is open or may be. Raises what may decide and is unread."""
        if any(cell.open for cell in cells):
            return None
        for cell in cells:
            if cell.unread is not None:
                raise cell.unread
        return cells[0] if cells and all(cell.open is False for cell in cells) else None


def _place(one: Installed, estate: Estate) -> _Place:
    resource = next(iter(_resources(one, estate)), one.thing)
    policies = policies_for(platform_of(intent_of(resource), estate), estate)
    return _Place(one, policies, endpoint(one.pods, estate.namespace_labels(one.namespace)))


_RECONCILES: dict[Family, GroupKind] = {"dragonfly": DRAGONFLY, "cnpg": CLUSTER}


def _resources(one: Installed, estate: Estate) -> Iterator[KubeObject]:
    """The resources that an operator reconciles; where nothing says which one does, the only one of its family."""
    kind = _RECONCILES.get(one.family)
    only = len(of_family(estate, one.family)) == 1
    for thing in estate.of(kind) if kind is not None else ():
        try:
            operator = estate.operator_of(thing)
        except CannotEvaluateError:
            continue  # said where the resource itself is judged
        if (only and operator.assumed) or (not operator.assumed and operator.namespace == one.namespace):
            yield thing


def called(thing: KubeObject, estate: Estate, families: Families) -> Iterator[Violation]:
    """Policies that keep the API server from the operator's webhook, or the operator from the plugin."""
    one = operator_by(thing, estate, families)
    if one is None or one.family == "dragonfly":
        return
    place = _place(one, estate)
    if one.family == "cnpg":
        port, callers = cnpg.OPERATOR_WEBHOOK_PORT, list[Party](_CALLERS)
        what = f"the API server cannot reach its webhook at {port}"
        harm = "no Cluster, Pooler or Database can be created or changed"
        mend = f"Admit the API server to {port} (Cilium: fromEntities [kube-apiserver, host, remote-node])."
    else:
        port = barman.PLUGIN_PORT
        callers = [endpoint(it.pods, estate.namespace_labels(it.namespace)) for it in of_family(estate, "cnpg")]
        what, harm = f"the CloudNativePG operator cannot reach it at {port}", "no Cluster with the plugin comes up"
        mend = f"Admit the operator's pods to {port}."
    cell = place.cut([ingress_open(place.policies, caller, place.party, Port(port)) for caller in callers])
    if cell is not None:
        yield _cut_off(cell, what, harm, mend, "called")


def calls(thing: KubeObject, estate: Estate, families: Families) -> Iterator[Violation]:
    """Policies that keep the operator from what it must reach: the API server, the data pods, the plugin."""
    one = operator_by(thing, estate, families)
    if one is None:
        return
    place = _place(one, estate)
    api = place.cut([egress_open(place.policies, place.party, Entity("kube-apiserver"), Port(it)) for it in API_PORTS])
    if api is not None:
        yield _cut_off(
            api,
            "it cannot reach the API server",
            "it does nothing at all",
            "Allow egress to the API server (Cilium: toEntities [kube-apiserver]; else by ipBlock).",
            "API server",
        )
    yield from _data(place, estate)
    if one.family == "cnpg":
        for plugin in of_family(estate, "barman"):
            if plugin.namespace != one.namespace:
                continue
            target = endpoint(plugin.pods, estate.namespace_labels(plugin.namespace))
            cell = place.cut([egress_open(place.policies, place.party, target, Port(barman.PLUGIN_PORT))])
            if cell is not None:
                yield _cut_off(
                    cell,
                    f"it cannot reach the barman plugin at {barman.PLUGIN_PORT}",
                    "no Cluster with the plugin comes up",
                    f"Allow egress to {barman.PLUGIN_PORT} of the plugin's pods.",
                    "plugin",
                )


def _data(place: _Place, estate: Estate) -> Iterator[Violation]:
    port, harm = (
        (dragonfly.ADMIN_PORT, "no pod becomes master and the Service has no endpoints")
        if place.one.family == "dragonfly"
        else (cnpg.STATUS_PORT, "it neither sees nor manages the instances")
    )
    shut: list[tuple[KubeObject, Cell]] = []
    for thing in _resources(place.one, estate):
        try:
            pods = estate.pods_of(thing)[0]
        except CannotEvaluateError:
            continue  # said where the resource itself is judged
        target = endpoint(pods, estate.namespace_labels(pods.namespace))
        cell = place.cut([egress_open(place.policies, place.party, target, Port(port))])
        if cell is not None:
            shut.append((thing, cell))
    if shut:
        names = ", ".join(thing.title for thing, _ in shut[:_MOST_NAMED])
        more = f" and {len(shut) - _MOST_NAMED} more" if len(shut) > _MOST_NAMED else ""
        yield _cut_off(
            shut[0][1],
            f"it cannot reach {port} of {names}{more}",
            harm,
            f"Allow egress to {port} of these pods.",
            "data",
        )


def _cut_off(cell: Cell, what: str, harm: str, mend: str, key: str) -> Violation:
    policies = ", ".join(dict.fromkeys(ground.policy.title for ground in cell.by))
    ground = cell.by[0]
    return Violation(
        f"{what}: {policies} isolates and allows no such connection, so {harm}",
        mend,
        ground.path,
        ground.policy,
        key=key,
    )


def certificates(thing: KubeObject, estate: Estate, families: Families) -> Iterator[Violation]:
    """A plugin whose certificates nothing makes: it needs cert-manager, or Secrets that somebody else fills."""
    one = operator_by(thing, estate, families)
    if one is None or one.family != "barman":
        return
    for value, secret in _PLUGIN_SECRETS.items():
        if one.release is not None:
            view = one.release.values.at("certificate", value)
            made, path = view.boolean(default=True), view.path
        else:
            # a folder without any has them elsewhere; in a cluster, what was made is there
            made = SECRETS not in estate.sees and not estate.of(CERTIFICATE, one.namespace)
            path = ("spec", "template", "spec", "volumes")
        if not made and not estate.memo(secrets).of(one.namespace, secret):
            estate.memo(secrets).readable(one.namespace, secret)
            yield Violation(
                f"nothing here makes the Secret {secret}, with which the plugin and the operator know each other: the "
                "plugin does not start",
                "Declare a cert-manager Certificate with this Secret, or let the chart do it "
                f"(certificate.{value}: true); both need cert-manager in the cluster{_without_cert_manager(estate)}.",
                path,
                key=secret,
            )


def _without_cert_manager(estate: Estate) -> str:
    """That cert-manager is missing, where its CRDs would be seen."""
    crds = estate.of(CRD) if WHOLE_CLUSTER in estate.sees else []
    there = not crds or any(crd.name.endswith(".cert-manager.io") for crd in crds)
    return "" if there else ", which has none of its CRDs"
