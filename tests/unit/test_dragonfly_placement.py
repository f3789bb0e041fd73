"""Where the pods of a Dragonfly instance may be placed: one guarantee, and two softer ways that need a reason."""

from typing import Any

import pytest
from dragonfly_samples import args
from stack_samples import changed, refusal

from seawall.components.dragonfly import manifests
from seawall.components.settings import load

CACHE = "dragonfly.clusters.dragonfly"
APP = {"matchLabels": {"app": "dragonfly"}}
TERM = {"labelSelector": APP, "topologyKey": "kubernetes.io/hostname"}
ZONES = {"nodes": {"count": 4, "zones": ["a", "b", "c"]}}


def spec(**settings: Any) -> dict[str, Any]:
    made: dict[str, Any] = manifests.dragonfly(args(**settings))["spec"]
    return made


def chosen(strategy: str) -> dict[str, str]:
    """The strategy, with the reason that the softer ones need."""
    reason = {"reason": "the third node arrives next month"} if strategy != "required_anti_affinity" else {}
    return {"strategy": strategy, **reason}


def test_by_default_no_two_pods_share_a_node() -> None:
    made = spec()
    assert made["affinity"] == {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [TERM]}}
    assert "topologySpreadConstraints" not in made
    assert spec(placement={"strategy": "required_anti_affinity"}) == made


def test_preferred_keeps_them_apart_while_there_are_nodes() -> None:
    made = spec(placement=chosen("preferred_anti_affinity"))
    assert made["affinity"] == {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": TERM}]
        }
    }
    assert "topologySpreadConstraints" not in made


@pytest.mark.parametrize("replicas", [2, 3, 5])
def test_topology_spread_needs_as_many_nodes_as_pods(replicas: int) -> None:
    made = spec(placement=chosen("topology_spread"), replicas=replicas)
    assert "affinity" not in made
    assert made["topologySpreadConstraints"] == [
        {
            "maxSkew": 1,
            "minDomains": replicas,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "DoNotSchedule",
            "nodeTaintsPolicy": "Honor",
            "labelSelector": APP,
        }
    ]


@pytest.mark.parametrize("strategy", ["required_anti_affinity", "preferred_anti_affinity", "topology_spread"])
def test_zones_are_spread_over_with_every_strategy(strategy: str) -> None:
    spread = spec(platform=ZONES, placement=chosen(strategy))["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in spread][-1] == "topology.kubernetes.io/zone"
    assert all(one["labelSelector"] == APP for one in spread)
    assert len(spread) == (2 if strategy == "topology_spread" else 1)


@pytest.mark.parametrize("strategy", ["preferred_anti_affinity", "topology_spread"])
def test_a_softer_strategy_needs_a_reason(strategy: str) -> None:
    text = str(refusal((f"{CACHE}.placement", {"strategy": strategy})))
    assert f"seawall:{CACHE}.placement.reason: is missing" in text
    assert strategy in text
    assert "[DFLY-TECH-001]" in text


@pytest.mark.parametrize("strategy", ["required_anti_affinity", "topology_spread"])
def test_strict_strategies_need_a_node_for_each_pod(strategy: str) -> None:
    error = refusal((f"{CACHE}.replicas", 4), (f"{CACHE}.placement", chosen(strategy)), (f"{CACHE}.min_available", 3))
    assert f"seawall:{CACHE}.replicas = 4: must be at most platform.nodes.count (3)" in str(error)


def test_preferred_may_have_more_pods_than_nodes() -> None:
    settings = load(
        changed(
            (f"{CACHE}.replicas", 5),
            (f"{CACHE}.min_available", 4),
            (f"{CACHE}.placement", chosen("preferred_anti_affinity")),
        )
    )
    assert settings.dragonfly is not None
    assert settings.dragonfly.clusters["dragonfly"].replicas == 5
