"""Secrets, reach, what runs and whether this is the cluster, as tables: one thing is changed, one answer is read."""

from collections.abc import Callable
from typing import Any

import pytest
from oncall_changes import PG, gone, holds, refused, several, spec, status, unready
from oncall_samples import (
    CACHE,
    DATABASES,
    POSTGRES,
    Change,
    World,
    before,
    condition,
)

from seawall.operators.annotations import CLIENTS
from seawall.policy.reachability.matrix_text import to_data
from seawall.qa.oncall import reach
from seawall.qa.oncall.expected import Expected, ExpectedCluster
from seawall.qa.oncall.live_estate import estate_of
from seawall.qa.oncall.model import Severity, Topic, Verdict

YES, CAREFUL, NO, UNKNOWN, NONE = Verdict.YES, Verdict.CAREFUL, Verdict.NO, Verdict.UNKNOWN, Verdict.NONE
FINE, INFO, WARNING, CRITICAL = Severity.FINE, Severity.INFO, Severity.WARNING, Severity.CRITICAL
NEW, HERE = "sandbox-postgres-new", (DATABASES, "sandbox-postgres-1")
Case = tuple[str, Change, Verdict, Severity, str]


def secret_status(**values: Any) -> Change:
    """The status of the first role's ExternalSecret."""
    return status("ExternalSecret", f"{PG}-role-shop", **values)


def keys(*names: str) -> Change:
    return lambda world: world.keys.update({(DATABASES, f"{PG}-role-shop"): frozenset(names)})


SECRETS: list[Case] = [
    ("all is well", lambda _: None, YES, FINE, "all 5 are synced, with their keys"),
    (
        "not synced",
        secret_status(conditions=[condition("Ready", "False", reason="SecretSyncedError", message="no such entry")]),
        NO,
        WARNING,
        f"{PG}-role-shop: not synced since 2 h ago (2026-03-08 01:00 UTC): SecretSyncedError: no such entry",
    ),
    ("nothing said", secret_status(conditions=[]), UNKNOWN, WARNING, "has said nothing in 30 d; does it run?"),
    (
        "an old word",
        secret_status(refreshTime=before(hours=9)),
        CAREFUL,
        WARNING,
        "synced 9 h ago (2026-03-07 18:00 UTC), should be every 1 h",
    ),
    ("a word of tomorrow", secret_status(refreshTime=before(hours=-9)), UNKNOWN, WARNING, "clocks disagree"),
    (
        "fetched once by intention",
        several(
            secret_status(refreshTime=before(days=9)),
            spec("ExternalSecret", f"{PG}-role-shop", refreshPolicy="CreatedOnce"),
        ),
        YES,
        FINE,
        "synced 9 d ago",
    ),
    (
        "never refreshed by intention",
        several(
            secret_status(refreshTime=before(days=9)), spec("ExternalSecret", f"{PG}-role-shop", refreshInterval="0")
        ),
        YES,
        FINE,
        "synced 9 d ago",
    ),
    (
        "the Secret is not there",
        lambda w: w.keys.pop((DATABASES, f"{PG}-role-shop")),
        NO,
        CRITICAL,
        f"{PG}-role-shop: the Secret is not there",
    ),
    ("a key is not there", keys("username"), NO, CRITICAL, f"{PG}-role-shop: the Secret has no password"),
    ("further keys are fine", keys("username", "password", "more"), YES, FINE, "all 5"),
    ("nobody remembers the keys", keys(), UNKNOWN, WARNING, "does not remember who wrote them"),
    (
        "no right to Secrets",
        refused("Secret", "you may not list secrets (HTTP 403)"),
        YES,
        INFO,
        "by the operator's word alone: the Secrets themselves are not seen, you may not list secrets (HTTP 403)",
    ),
]


def policy(change: Callable[[dict[str, Any]], object]) -> Change:
    """Changes the policy over the cache's pods."""

    def changed(world: World) -> None:
        found = [it for it in world.all("CiliumNetworkPolicy") if it["metadata"]["name"] == "cache-traffic"]
        change(found[0]["spec"])

    return changed


def opened(given: dict[str, Any]) -> None:
    given["ingress"].append(
        {"fromEntities": ["cluster"], "toPorts": [{"ports": [{"port": "6379", "protocol": "TCP"}]}]}
    )


def closed(given: dict[str, Any]) -> None:
    given["ingress"] = given["ingress"][:1]


def no_policies(world: World) -> None:
    world.remove("CiliumNetworkPolicy")
    world.one("Dragonfly", "cache")["spec"]["networkPolicyEnabled"] = False


def calico(world: World) -> None:
    made = {"apiVersion": "crd.projectcalico.org/v1", "kind": "GlobalNetworkPolicy"}
    world.objects.append({**made, "metadata": {"name": "all"}, "spec": {}})


REACHED: list[Case] = [
    (
        "all is well",
        lambda _: None,
        YES,
        INFO,
        "6379: sandbox-shop, sandbox-web in cluster sandbox-apps; 9999: the operator",
    ),
    (
        "with the deciding rule",
        lambda _: None,
        YES,
        INFO,
        "the scraper: open (HTTP GET /metrics alone), by CiliumNetworkPolicy sandbox-dragonfly/cache-traffic",
    ),
    (
        "opened to all",
        policy(opened),
        NO,
        CRITICAL,
        "6379 is open to whom nobody declared, by CiliumNetworkPolicy",
    ),
    ("closed to the operator", policy(closed), CAREFUL, WARNING, "9999 the operator: closed, and needs it"),
    (
        "no policy at all",
        no_policies,
        NO,
        CRITICAL,
        "6379 is open to whom nobody declared, nothing isolates the pods for ingress: ",
    ),
    ("policies that nobody reads", calico, UNKNOWN, WARNING, "policies that are not read here: GlobalNetworkPolicy"),
    (
        "nobody declared clients",
        lambda w: w.one("Dragonfly", "cache")["metadata"]["annotations"].pop(CLIENTS),
        CAREFUL,
        INFO,
        "nobody has declared whom it is for",
    ),
    (
        "no right to policies",
        refused("CiliumNetworkPolicy", "you may not list ciliumnetworkpolicies.cilium.io (HTTP 403)"),
        UNKNOWN,
        WARNING,
        "you may not list ciliumnetworkpolicies",
    ),
]

RUNNING: list[Case] = [
    ("all is well", lambda _: None, YES, FINE, "3 of 3 instances are ready, sandbox-postgres-1 is the primary"),
    ("a replica is missing", gone(f"{PG}-3"), NO, WARNING, "2 of 3 instances are ready"),
    ("the primary is not ready", unready(f"{PG}-1"), NO, CRITICAL, "the primary, sandbox-postgres-1, is not ready"),
    ("nothing is ready", unready(f"{PG}-1", f"{PG}-2", f"{PG}-3"), NO, CRITICAL, "no instance is ready"),
    (
        "no primary",
        status("Cluster", PG, currentPrimary="", phase="Failing over"),
        NO,
        CRITICAL,
        "nobody is the primary, 3 of 3 instances are ready: Failing over",
    ),
    (
        "the operator is busy",
        status("Cluster", PG, phase="Upgrading cluster"),
        NO,
        WARNING,
        "the operator says: Upgrading cluster",
    ),
    (
        "a pooler is down",
        unready("shop-pooler-5d-2", "shop-pooler-5d-4"),
        NO,
        CRITICAL,
        "pooler shop-pooler: 0 of 2 pods are ready: its application",
    ),
    ("half a pooler", unready("shop-pooler-5d-2"), NO, WARNING, "pooler shop-pooler: 1 of 2 pods are ready"),
    ("no right to pods", refused("Pod", "you may not list pods (HTTP 403)"), UNKNOWN, WARNING, "you may not list pods"),
]

TABLES = {
    (Topic.SECRETS, DATABASES): SECRETS,
    (Topic.REACH, CACHE): REACHED,
    (Topic.RUNNING, POSTGRES): RUNNING,
}

CASES = [(*question, *case[1:]) for question, table in TABLES.items() for case in table]
IDS = [f"{topic}: {case[0]}" for (topic, _), table in TABLES.items() for case in table]


@pytest.mark.parametrize(("topic", "about", "change", "verdict", "severity", "text"), CASES, ids=IDS)
def test_each_case(topic: Topic, about: str, change: Change, verdict: Verdict, severity: Severity, text: str) -> None:
    holds(topic, about, change, verdict, severity, text)


def test_a_cache_that_is_open_to_all_is_told_in_the_first_words() -> None:
    """The line of the first screen is cut after some 30 signs."""
    world = World()
    no_policies(world)
    found = world.answer(Topic.REACH, CACHE)
    assert found.summary.startswith("no policy isolates its pods")
    assert [fact.text.partition(" to ")[0] for fact in found.facts[1:3]] == ["6379 is open", "9999 is open"]
    assert len([fact for fact in found.facts if fact.severity is CRITICAL]) == 3, "said once for each port"
    world = World()
    policy(opened)(world)
    found = world.answer(Topic.REACH, CACHE)
    assert found.summary.startswith("6379 is open to whom nobody declared, by CiliumNetworkPolicy ")
    assert "pods of any other namespace" in found.summary


def test_what_a_stack_names_and_the_cluster_does_not_have() -> None:
    more = Expected("infra", None, {"databases/shared": ExpectedCluster(1, None, 90)}, ("dragonfly-system/dragonfly",))
    found = [it for it in World().answers(expected=more) if it.topic is Topic.PLACE]
    assert [(it.verdict, it.severity) for it in found] == [(NO, CRITICAL)] * 2
    assert [it.summary for it in found] == [
        "stack infra has Cluster databases/shared, and the cluster does not",
        "stack infra has Dragonfly dragonfly-system/dragonfly, and the cluster does not",
    ]


def test_the_nodes_own_name_is_the_matrix_own() -> None:
    [entry] = [it for it in to_data(estate_of(World().seen())) if it["resource"] == f"Dragonfly {CACHE}"]
    assert reach.OWN_NODE in {it["source"] for it in entry["cells"]}
