"""Whether a workload's pods can come to share a node, as the scheduler reads their affinity and spread constraints."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from seawall.operators.labels import HOSTNAME, REGION, REVISION, ZONE
from seawall.policy.checks.hardening import Path, Weakness
from seawall.policy.estate.kinds import NAMESPACE
from seawall.policy.estate.model import Estate, KubeObject, PodSet
from seawall.policy.estate.values import CannotEvaluateError, View
from seawall.policy.reachability.selectors import Selector, read

_KUBERNETES = ("kubernetes.io", "k8s.io")

_ANTI = ("affinity", "podAntiAffinity")
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_SPREAD = ("topologySpreadConstraints",)


@dataclass(frozen=True)
class _Term:
    """One rule of placement that concerns the pods themselves or is meant to."""

    what: str
    """For a person: `required podAntiAffinity`."""
    path: Path
    view: View
    spread: bool
    hard: bool


def placement(pods: PodSet, estate: Estate, own: Mapping[str, str]) -> Iterator[Weakness]:
    """Pods that nothing keeps on different nodes, with the reason for each rule that seems to; and rules gone wrong.

    `own` are labels that these pods have and no others; the mend names them.
    """
    if pods.count <= 1:
        return
    terms = list(_terms(pods))
    shortcomings = [(term, _shortcoming(term, pods, estate)) for term in terms]
    if not terms:
        yield Weakness(
            _ANTI,
            f"nothing keeps its {pods.count} pods on different nodes: no podAntiAffinity and no "
            "topologySpreadConstraints, so the failure of one node may take all of them",
            _mend(own),
        )
    elif all(reason is not None for _, reason in shortcomings):
        for term, reason in shortcomings:
            yield Weakness(term.path, f"its {pods.count} pods may share a node: {term.what} {reason}", _mend(own))
    for term, reason in shortcomings:
        if reason is None:
            yield from _too_wide(term, pods, estate, own)
        elif term.spread and _without_effect(term, pods) and any(other is None for _, other in shortcomings):
            yield Weakness(term.path, f"{term.what} has no effect: it {reason}", "Correct its selector, or remove it.")


def attraction(pods: PodSet, estate: Estate) -> Iterator[Weakness]:
    """Pods that must stand on the node of another one of them."""
    path = ("affinity", "podAffinity", REQUIRED)
    for index, view in enumerate(pods.spec.at(*path).items()):
        selects = _selector(view).may_match(pods.labels, pods.later)
        if pods.count > 1 and view.at("topologyKey").text() == HOSTNAME and selects and _own(view, pods, estate):
            yield Weakness(
                (*path, f"[{index}]"),
                f"required podAffinity puts all of its {pods.count} pods on one node: it selects them by "
                f"{_selector(view).text}",
                "Remove it, or let it select the pods that these are to stand beside.",
            )


def _mend(own: Mapping[str, str]) -> str:
    labels = ", ".join(f"{key}: {value}" for key, value in own.items())
    return f"Require podAntiAffinity ({REQUIRED}) over {HOSTNAME} with matchLabels {{{labels}}}."


def _terms(pods: PodSet) -> Iterator[_Term]:
    for index, view in enumerate(pods.spec.at(*_ANTI, REQUIRED).items()):
        yield _Term("required podAntiAffinity", (*_ANTI, REQUIRED, f"[{index}]"), view, spread=False, hard=True)
    for index, weighted in enumerate(pods.spec.at(*_ANTI, _PREFERRED).items()):
        path = (*_ANTI, _PREFERRED, f"[{index}]")
        view = weighted.at("podAffinityTerm")
        yield _Term("preferred podAntiAffinity", path, view, spread=False, hard=False)
    for index, view in enumerate(pods.spec.at(*_SPREAD).items()):
        hard = view.at("whenUnsatisfiable").text() != "ScheduleAnyway"
        what = f"the topology spread over {view.at('topologyKey').text()}"
        yield _Term(what, (*_SPREAD, f"[{index}]"), view, spread=True, hard=hard)


def _shortcoming(term: _Term, pods: PodSet, estate: Estate) -> str | None:
    """Why a rule does not keep two of these pods from one node, None when it does."""
    selector, key = _selector(term.view), term.view.at("topologyKey").text() or ""
    if not term.view.at("labelSelector").present:
        return "has no labelSelector, so it selects no pod at all"
    if not selector.may_match(pods.labels, pods.later):
        return f"selects none of them: it asks for {selector.text}, and they have {_listed(pods)}"
    if not selector.always_matches(pods.labels, pods.later):
        later = sorted({one.key for one in selector.requirements} & pods.later.keys())
        return f"selects by {', '.join(later)}, which they do not have when they are placed"
    reason = _keys(term.view, pods)
    if reason is not None:
        return reason
    if not term.spread and not _own(term.view, pods, estate):
        return f"looks at other namespaces than {pods.namespace}"
    if not _every_node_has(key):
        return f"goes by the node label {key or '(none)'}, which nodes do not have: where it is missing nothing holds"
    if not term.hard:
        soft = "whenUnsatisfiable: ScheduleAnyway is" if term.spread else "it is"
        return f"does not keep them apart: {soft} a wish, and pods that were placed stay where they are"
    return _uneven(term.view, key, pods) if term.spread else None


def _uneven(view: View, key: str, pods: PodSet) -> str | None:
    skew, domains = view.at("maxSkew").integer() or 1, view.at("minDomains").integer() or 1
    over = "nodes" if key == HOSTNAME else f"values of {key}"
    if skew > 1:
        return f"lets {skew} of them share a node (maxSkew: {skew})"
    if domains < pods.count:
        said = f"minDomains: {domains}" if view.at("minDomains").present else "no minDomains"
        return f"with maxSkew: 1 and {said} accepts fewer than {pods.count} {over}, and then puts two on one"
    return None


def _keys(view: View, pods: PodSet) -> str | None:
    """`matchLabelKeys` and `mismatchLabelKeys` narrow the selector by the incoming pod's own labels."""
    for key in (name.text() or "" for name in view.at("matchLabelKeys").items()):
        if key == REVISION:
            return f"has {key} in matchLabelKeys: pods of two versions of the template do not see each other"
        if len(pods.later.get(key, ())) > 1 and key not in pods.labels and _one_each(key, pods):
            return f"has {key} in matchLabelKeys, which every pod has another value of: each sees itself alone"
    for key in (name.text() or "" for name in view.at("mismatchLabelKeys").items()):
        if key in pods.labels:
            return f"has {key} in mismatchLabelKeys, which all of them have alike: none sees another"
    return None


def _one_each(key: str, pods: PodSet) -> bool:
    return len(pods.later[key]) == pods.count


def _selector(view: View) -> Selector:
    return read(view.at("labelSelector"))


def _without_effect(term: _Term, pods: PodSet) -> bool:
    selects = _selector(term.view).may_match(pods.labels, pods.later)
    return not selects or not term.view.at("labelSelector").present


def _own(view: View, pods: PodSet, estate: Estate) -> bool:
    """Whether an affinity term looks at the pods' own namespace."""
    names = [name.text() for name in view.at("namespaces").items()]
    selector = view.at("namespaceSelector")
    if not selector.present:
        return not names or pods.namespace in names
    if pods.namespace in names:
        return True
    wanted = read(selector)
    estate.find(NAMESPACE, "", pods.namespace)  # raises while one without a name may be it
    labels = estate.namespace_labels(pods.namespace)
    if labels is None and not wanted.everything:
        raise CannotEvaluateError(
            f"whether {'.'.join(selector.path)} selects namespace {pods.namespace} is not known: it is not declared",
            selector.path,
        )
    return wanted.matches(labels or {})


def _every_node_has(key: str) -> bool:
    """Whether nodes have such a label; what others than Kubernetes name is taken to be there."""
    if key in (HOSTNAME, ZONE, REGION):
        return True
    domain = key.rpartition("/")[0]
    return bool(domain) and not domain.endswith(_KUBERNETES)


def _listed(pods: PodSet) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(pods.labels.items())[:6])


class _Wide:
    """Who else is selected, by namespace and selector: asked once for all pods that use the same."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, Selector], tuple[tuple[KubeObject, ...], int]] = {}


def _wide(_estate: Estate) -> _Wide:
    return _Wide()


def _too_wide(term: _Term, pods: PodSet, estate: Estate, own: Mapping[str, str]) -> Iterator[Weakness]:
    """A rule that holds for these pods and for others' as well: they then repel each other."""
    selector = _selector(term.view)
    cache = estate.memo(_wide).found
    key = (pods.namespace, selector)
    if key not in cache:
        selected = estate.selected(selector, pods.namespace)
        owners = dict.fromkeys(one.owner for one in selected)
        cache[key] = tuple(owners)[:2], len(owners)
    owners_seen, count = cache[key]
    other = next((owner for owner in owners_seen if owner is not pods.owner), None)
    if other is not None:
        more = f" and {count - 2} more" if count > 2 else ""
        yield Weakness(
            term.path,
            f"{term.what} selects by {selector.text} the pods of {other.title}{more} as well: they repel each other, "
            "and where nodes are few some stay Pending",
            f"Select by what these pods alone have: {', '.join(f'{key}: {value}' for key, value in own.items())}.",
        )
