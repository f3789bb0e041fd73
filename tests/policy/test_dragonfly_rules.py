"""The rules about Dragonfly: values that are not known yet, secrets, cost, and our own example."""

import copy
from pathlib import Path
from typing import Any

import pytest
from engine_doubles import UNKNOWN_TEXT, analyze_stack, secret, vendor_messages

from seawall.operators import annotations
from seawall.policy.estate.building import build, kube_object
from seawall.policy.estate.doors.folder import read_file
from seawall.policy.estate.model import Estate, Origin, PodSet
from seawall.policy.estate.values import UNKNOWN
from seawall.policy.findings import Finding, Outcome
from seawall.policy.judging import judge
from seawall.policy.reachability.selectors import Selector
from seawall.policy.rules import load

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(__file__).parent / "data"
MINE = {
    "DFLY-OPS-001",
    "DFLY-PERF-001",
    "DFLY-SEC-002",
    "DFLY-TECH-001",
    *(f"DFLY-SW-00{number}" for number in range(1, 6)),
}
RULES = [rule for rule in load() if rule.id in MINE]

CACHE: dict[str, Any] = next(
    dict(thing.manifest)
    for thing in read_file(ROOT / "docs" / "examples" / "dragonfly-gitlab.yaml").objects
    if thing.kind == "Dragonfly"
)
"""An instance in which none of these rules finds anything but what a test puts there."""


def judged(*manifests: dict[str, Any], preview: bool = False) -> list[Finding]:
    things = [kube_object(manifest, Origin(awaits=frozenset({"spec"}))) for manifest in manifests]
    return judge(build([thing for thing in things if thing is not None]), RULES, preview=preview)


def changed(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    manifest = copy.deepcopy(CACHE)
    inner: Any = manifest
    for key in path[:-1]:
        inner = inner.setdefault(key, {}) if isinstance(inner, dict) else inner[key]
    inner[path[-1]] = value
    return manifest


def test_our_example_has_no_finding() -> None:
    assert [f"{finding.rule.id} {finding.message}" for finding in judged(CACHE)] == []


@pytest.mark.parametrize(
    ("path", "rules"),
    [
        (("spec", "replicas"), MINE - {"DFLY-PERF-001"}),
        (("spec", "args", 0), {"DFLY-SW-002", "DFLY-SW-003", "DFLY-SW-004"}),
        (("spec", "affinity", "podAntiAffinity"), {"DFLY-TECH-001"}),
        (("spec", "containerSecurityContext"), {"DFLY-SW-001"}),
        (("spec", "podSecurityContext", "runAsNonRoot"), {"DFLY-SW-001"}),
        (("spec", "resources", "limits", "memory"), {"DFLY-SW-004"}),
        (("spec", "snapshot", "cron"), {"DFLY-SW-004", "DFLY-SW-003"}),
        (("spec", "pdb", "minAvailable"), {"DFLY-OPS-001"}),
        (("spec", "image"), {"DFLY-SW-001"}),
        (("metadata", "annotations", "seawall.dev/purpose"), {"DFLY-SW-003"}),
        (("metadata", "annotations", "seawall.dev/plaintext-clients"), {"DFLY-SEC-002"}),
        (("metadata", "annotations", "seawall.dev/clients"), {"DFLY-PERF-001"}),
    ],
)
def test_what_is_not_known_is_neither_found_nor_passed(path: tuple[str | int, ...], rules: set[str]) -> None:
    found = judged(changed(path, UNKNOWN), preview=True)
    undecided = {finding.rule.id for finding in found if finding.outcome is not Outcome.VIOLATED}
    assert rules <= undecided
    assert {finding.outcome for finding in found} <= {Outcome.DEFERRED, Outcome.NOT_EVALUATED}
    if path[0] == "spec":
        assert {finding.outcome for finding in found} == {Outcome.DEFERRED}


def test_an_unknown_argument_hides_nothing_else() -> None:
    manifest = changed(("spec", "args", 0), UNKNOWN)
    manifest["spec"]["containerSecurityContext"]["privileged"] = True
    manifest["spec"]["snapshot"]["cron"] = "0 0 0 * * *"
    found = judged(manifest, preview=True)
    said = [finding.message for finding in found if finding.outcome is Outcome.VIOLATED]
    assert any("is privileged" in message for message in said)
    assert any("6 fields" in message for message in said)


@pytest.mark.parametrize("rule", sorted(MINE))
def test_junk_ends_no_rule(rule: str) -> None:
    [only] = [one for one in RULES if one.id == rule]
    values: tuple[object, ...] = (None, 1, "x", ["x"], {"x": ["y"]}, True, 2**70, [[[]]])
    for junk in values:
        for field in CACHE["spec"]:
            thing = kube_object(changed(("spec", field), junk), Origin())
            assert thing is not None
            for finding in judge(build([thing]), [only]):
                assert "the rule failed with" not in finding.message, (field, junk, finding.message)


def test_no_secret_is_shown() -> None:
    """Neither as an argument or variable, nor marked as a secret of the engine."""
    for path in (DATA / "DFLY-SW-002").glob("*.yaml"):
        manifests = [dict(thing.manifest) for thing in read_file(path).objects]
        shown = [one.message for one in analyze_stack(manifests)]
        shown += [message for rule in MINE for message in vendor_messages(rule, manifests)]
        assert "hunter2" not in "\n".join(shown)
    marked = changed(("spec", "args"), [secret("--requirepass=hunter2")])
    messages = [one.message for one in analyze_stack([marked])]
    assert any("is given: a password in plain text" in message for message in messages)
    assert "hunter2" not in "\n".join(messages)


def test_the_engines_unknown_values_are_deferred() -> None:
    marked = changed(("spec", "args", 0), UNKNOWN_TEXT)
    policies = {one.policyName for one in analyze_stack([marked], preview=True, awaits=["spec"])}
    assert "SEAWALL-DEFERRED" in policies
    assert not policies & MINE


def _crowd(count: int) -> Estate:
    """Many instances in one namespace, all selected by one wide budget and by one another's affinity."""
    things = []
    for number in range(count):
        manifest = copy.deepcopy(CACHE)
        manifest["metadata"]["name"] = f"cache-{number}"
        [term] = manifest["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        term["labelSelector"] = {"matchLabels": {"app.kubernetes.io/part-of": "dragonfly"}}
        things.append(kube_object(manifest, Origin()))
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "all", "namespace": CACHE["metadata"]["namespace"]},
        "spec": {"maxUnavailable": 1, "selector": {}},
    }
    return build([thing for thing in (*things, kube_object(budget, Origin())) if thing is not None])


def test_wide_selectors_are_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once for each of the pods that use them: a crowd of instances would cost its square."""
    asked: list[str] = []
    selected = Estate.selected

    def counted(estate: Estate, selector: Selector, namespace: str) -> tuple[PodSet, ...]:
        asked.append(selector.text)
        return selected(estate, selector, namespace)

    monkeypatch.setattr(Estate, "selected", counted)
    estate = _crowd(40)
    findings = judge(estate, RULES)
    assert len([it for it in findings if "repel each other" in it.message]) == 40
    assert len([it for it in findings if "2 budgets select" in it.message]) == 40
    assert sorted(it for it in asked if "cache-" not in it) == ["app.kubernetes.io/part-of=dragonfly", "everything"]


@pytest.mark.parametrize(
    ("budget", "mend"),
    [
        ({"minAvailable": 2, "maxUnavailable": 1}, "Keep minAvailable: 3."),
        ({"minAvailable": 4}, "Set spec.pdb.minAvailable: 3."),
        ({"minAvailable": 1}, "Set spec.pdb.minAvailable: 3."),
        ({"maxUnavailable": 3}, "Set spec.pdb.minAvailable: 3."),
    ],
)
def test_a_budget_is_mended_so_that_one_pod_may_go(budget: dict[str, int], mend: str) -> None:
    instance = changed(("spec", "replicas"), 4)
    instance["spec"]["pdb"] = budget
    [finding] = [it for it in judged(instance) if it.rule.id == "DFLY-OPS-001"]
    assert finding.mend == mend


@pytest.mark.parametrize("unreadable", [False, True])
def test_a_workload_that_cannot_be_read_may_be_the_probe(unreadable: bool) -> None:
    instance = changed(("metadata", "annotations", annotations.CLIENTS), '{"apps":["gitlab"],"this":["harbor"]}')
    probe = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "probe", "namespace": "harbor", "annotations": 3 if unreadable else {}},
        "spec": {"schedule": "*/5 * * * *"},
    }
    outcomes = {
        it.outcome for it in judged(instance, probe) if it.rule.id == "DFLY-PERF-001" and it.subject.kind == "Dragonfly"
    }
    assert outcomes == {Outcome.NOT_EVALUATED if unreadable else Outcome.VIOLATED}


@pytest.mark.parametrize(("renamed", "what"), [(True, "spec.serviceSpec.name"), (False, "one of them")])
def test_what_is_to_be_renamed_where_two_make_one_service(renamed: bool, what: str) -> None:
    one, other = changed(("metadata", "name"), "first"), changed(("metadata", "name"), "second")
    (one if renamed else other)["spec"]["serviceSpec"] = {"name": "second" if renamed else "first"}
    mends = [
        it.mend for it in judged(one, other) if it.subject.name == "first" and "is made of Dragonfly" in it.message
    ]
    assert mends == [f"Give {what} another name."]
