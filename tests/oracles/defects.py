"""What the oracles are known to get wrong, or refuse, each with where it can be read.

A defect says which other case the oracle answers: the one that it takes the given one for. A cell is explained by a
defect only when our own decision about that other case is the oracle's answer; so nothing else is excused with it.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from cases import Case, Policy, in_network

from seawall.operators.labels import NAMESPACE_NAME

Selector = dict[str, Any]
Rewrite = Callable[[Case], Case]


@dataclass(frozen=True)
class Defect:
    """Something that an oracle gets wrong."""

    oracle: str
    name: str
    what: str
    """For the page: what it does instead of what is right."""
    citation: str
    """Where the oracle does it, and where it is said what is right."""
    taken_for: Rewrite
    """The case whose right answer is the oracle's answer to the given one; the same case when it is not concerned."""


@dataclass(frozen=True)
class Spelling:
    """A way to write policies that an oracle refuses to read, and how the same is put to it."""

    oracle: str
    name: str
    citation: str
    written: Rewrite


@dataclass(frozen=True)
class Refusal:
    """A policy, or a pod, that an oracle has no answer for, and what is done about it."""

    oracle: str
    name: str
    says: str
    """What its refusal begins with."""
    citation: str


def _sections(policy: Policy) -> Iterator[tuple[str, Any]]:
    for section, peers in (("ingress", "from"), ("egress", "to")):
        for rule in policy["spec"].get(section) or ():
            yield peers, rule


def _selectors(policy: Policy) -> Iterator[tuple[str, Selector]]:
    """The selectors of a NetworkPolicy, each with whether it is about pods or about namespaces."""
    yield "podSelector", policy["spec"]["podSelector"]
    for peers, rule in _sections(policy):
        for peer in rule.get(peers) or ():
            for kind in ("podSelector", "namespaceSelector"):
                if kind in peer:
                    yield kind, peer[kind]


def _edited(case: Case, edit: Callable[[Policy], None]) -> Case:
    copies = deepcopy(case.policies)
    for policy in copies:
        edit(policy)
    return case.with_policies(copies)


def _others(case: Case, kind: str, key: str, values: list[str]) -> list[str]:
    """Every value of a label in the case but these: `NotIn` them is these or absent."""
    labels = [pod.labels for pod in case.pods]
    if kind == "namespaceSelector":
        labels = [case.namespace_labels(pod.namespace) for pod in case.pods]
    return sorted({one[key] for one in labels if key in one} - {*values}) or ["(none)"]


def _also_exists(requirement: Selector) -> Selector:
    return {"key": requirement["key"], "operator": "Exists"}


def _not_in_needs_the_label(case: Case) -> Case:
    def edit(policy: Policy) -> None:
        for _, selector in _selectors(policy):
            asked = selector.get("matchExpressions") or []
            asked += [_also_exists(it) for it in asked if it["operator"] == "NotIn"]

    return _edited(case, edit)


def _empty_value_is_absent(case: Case) -> Case:
    def edit(policy: Policy) -> None:
        for kind, selector in _selectors(policy):
            labels = selector.get("matchLabels") or {}
            for key in [key for key, value in labels.items() if value == ""]:
                del labels[key]
                values = _others(case, kind, key, [""])
                selector.setdefault("matchExpressions", []).append({"key": key, "operator": "NotIn", "values": values})

    return _edited(case, edit)


def _absent_label_of_a_namespace_is_empty(case: Case) -> Case:
    def edit(policy: Policy) -> None:
        for kind, selector in _selectors(policy):
            if kind != "namespaceSelector":
                continue
            labels = selector.get("matchLabels") or {}
            asked = selector.setdefault("matchExpressions", [])
            for key in [key for key, value in labels.items() if value == ""]:
                del labels[key]
                asked.append({"key": key, "operator": "In", "values": [""]})
            for requirement in list(asked):
                if "" not in requirement.get("values", ()):
                    continue
                if requirement["operator"] == "In":
                    requirement["operator"] = "NotIn"
                    requirement["values"] = _others(case, kind, requirement["key"], requirement["values"])
                else:
                    asked.append(_also_exists(requirement))

    return _edited(case, edit)


def _an_empty_egress_counts(case: Case) -> Case:
    def edit(policy: Policy) -> None:
        if policy["spec"].get("egress") == [] and not policy["spec"].get("policyTypes"):
            policy["spec"]["policyTypes"] = ["Ingress", "Egress"]

    return _edited(case, edit)


def _pods_have_no_address(case: Case) -> Case:
    def edit(policy: Policy) -> None:
        for peers, rule in _sections(policy):
            for peer in rule.get(peers) or ():
                block = peer.get("ipBlock")
                inside = [pod.address for pod in case.pods if block and in_network(pod.address, block["cidr"])]
                if block and inside:
                    block["except"] = [*(block.get("except") or ()), *dict.fromkeys(inside)]

    return _edited(case, edit)


def _exists_means_here(case: Case) -> Case:
    def edit(policy: Policy) -> None:
        here = {"key": NAMESPACE_NAME, "operator": "In", "values": [policy["metadata"]["namespace"]]}
        for peers, rule in _sections(policy):
            for peer in rule.get(peers) or ():
                asked = peer.get("podSelector", {}).get("matchExpressions") or ()
                if "namespaceSelector" in peer and any("values" not in it for it in asked):
                    peer["namespaceSelector"].setdefault("matchExpressions", []).append(here)

    return _edited(case, edit)


def _sections_of_given_types(case: Case) -> Case:
    def edit(policy: Policy) -> None:
        types = policy["spec"].get("policyTypes")
        if types:
            policy["spec"]["policyTypes"] = sorted(types, reverse=True)  # Ingress first
            for section in ("ingress", "egress"):
                if section.capitalize() not in types:
                    policy["spec"].pop(section, None)

    return _edited(case, edit)


_CYCLONUS = "mattfenwick/cyclonus v0.5.6"
_ANALYZER = "network-config-analyzer 2.1.0"
_KUBERNETES_SELECTORS = "k8s.io/apimachinery v0.36.3, pkg/labels/selector.go, Requirement.Matches"

DEFECTS: tuple[Defect, ...] = (
    Defect(
        "cyclonus",
        "NotIn needs the label",
        "`NotIn` does not match what lacks the label; to Kubernetes it does",
        f"{_CYCLONUS}, pkg/kube/labelselector.go, IsMatchExpressionMatchForLabels; against {_KUBERNETES_SELECTORS}",
        _not_in_needs_the_label,
    ),
    Defect(
        "cyclonus",
        "an empty value is an absent label",
        '`matchLabels` with the value "" matches what lacks the label; to Kubernetes it does not',
        f"{_CYCLONUS}, pkg/kube/labelselector.go, IsLabelsMatchLabelSelector; against {_KUBERNETES_SELECTORS}",
        _empty_value_is_absent,
    ),
    Defect(
        "network-config-analyzer",
        "an empty egress counts",
        "`egress: []` without `policyTypes` isolates for egress; to Kubernetes it is the same as none",
        f"{_ANALYZER}, nca/Parsers/K8sPolicyYamlParser.py, parse_policy; against kubernetes/kubernetes#126184 and "
        "v1.36.3 pkg/apis/networking/v1/defaults.go, SetDefaults_NetworkPolicy (`len(obj.Spec.Egress) != 0`)",
        _an_empty_egress_counts,
    ),
    Defect(
        "network-config-analyzer",
        "an absent label of a namespace is empty",
        'a namespace that lacks a label is taken to have it with the value ""',
        f"{_ANALYZER}, nca/NetworkConfig/PeerContainer.py, get_namespace_pods_with_label (`labels.get(key, '')`); "
        f"against {_KUBERNETES_SELECTORS}",
        _absent_label_of_a_namespace_is_empty,
    ),
    Defect(
        "network-config-analyzer",
        "Exists means the policy's namespace",
        "`Exists` and `DoesNotExist` of a `podSelector` beside a `namespaceSelector` match pods of the policy's own "
        "namespace only; to Kubernetes those of the selected ones",
        f"{_ANALYZER}, nca/Parsers/K8sPolicyYamlParser.py, parse_label_selector_requirement "
        "(`get_peers_with_key(self.namespace, …)`, while `In` is looked for everywhere); against Kubernetes' reference "
        "of NetworkPolicyPeer",
        _exists_means_here,
    ),
    Defect(
        "network-config-analyzer",
        "pods have no address",
        "no `ipBlock` matches a pod, whatever its address; on most CNIs one does (Kubernetes leaves it to them)",
        f"{_ANALYZER}, nca/CoreDS/Peer.py, BasePeerSet (pods and addresses are apart); against Kubernetes' reference "
        "of NetworkPolicy, behaviour of to and from selectors",
        _pods_have_no_address,
    ),
)

SPELLINGS: tuple[Spelling, ...] = (
    Spelling(
        "network-config-analyzer",
        "a section beside policyTypes",
        f"{_ANALYZER}, nca/Parsers/K8sPolicyYamlParser.py, parse_policy, refuses `policyTypes` in another order than "
        "Ingress, Egress, and a section that they do not name; the API server takes both (kubernetes v1.36.3, "
        "pkg/apis/networking/validation, ValidateNetworkPolicySpec), and such a section has no effect",
        _sections_of_given_types,
    ),
)

REFUSALS: tuple[Refusal, ...] = (
    Refusal(
        "cilium",
        "an ipBlock with local selectors",
        "combining From",
        "cilium v1.18.0, pkg/k8s/network_policy.go, parseNetworkPolicyPeer: with policy-default-local-cluster an "
        "ingress `ipBlock` gets a pod selector, and ParseNetworkPolicy then refuses the whole NetworkPolicy (its "
        "egress half asks for a selector first); the policy is left out on both sides",
    ),
    Refusal(
        "cilium",
        "two kinds of requests at one port",
        "cannot merge conflicting L7 parsers",
        "cilium v1.18.0, pkg/policy/rule.go, mergeRedirect: HTTP and DNS rules about the same peers and port conflict, "
        "and no policy of the pod is worked out at all (its node goes on with what it had); the pod's cells are left "
        "out",
    ),
)


def taken_for(oracle: str, case: Case) -> Iterator[tuple[str, Case]]:
    """The cases that an oracle may take the given one for, by the defects that do it: one alone, then all."""
    changed = [(defect.name, rewritten) for defect in _of(oracle) if (rewritten := defect.taken_for(case)) != case]
    yield from changed
    if len(changed) > 1:
        whole = case
        for defect in _of(oracle):
            whole = defect.taken_for(whole)
        yield " and ".join(name for name, _ in changed), whole


def written_for(oracle: str, case: Case) -> tuple[Case, tuple[str, ...]]:
    """The same case as an oracle reads it, and the spellings that were changed for that."""
    names: list[str] = []
    for spelling in SPELLINGS:
        if spelling.oracle == oracle and (rewritten := spelling.written(case)) != case:
            case, names = rewritten, [*names, spelling.name]
    return case, tuple(names)


def refusal(oracle: str, text: str) -> Refusal | None:
    """The known refusal that a text is one of."""
    return next((known for known in REFUSALS if known.oracle == oracle and text.startswith(known.says)), None)


def without(case: Case, places: set[int]) -> Case:
    """The case without some of its policies."""
    return replace(case, policies=tuple(it for place, it in enumerate(case.policies) if place not in places))


def _of(oracle: str) -> tuple[Defect, ...]:
    return tuple(defect for defect in DEFECTS if defect.oracle == oracle)
