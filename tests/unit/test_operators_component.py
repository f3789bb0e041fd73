"""The component Operators: what it makes of the operators that are ours, in which order, and nothing of the others."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_kubernetes
import pytest
from recorder import Recorder, run
from stack_samples import changed

from seawall.components.operators import manifests
from seawall.components.operators.operators import Operators, OperatorsArgs
from seawall.components.operators.settings import CnpgOperator, DragonflyOperator
from seawall.components.operators.settings import Operators as Settings
from seawall.components.platform import Platform
from seawall.components.settings import load

INFRA = load(changed())
RELEASE = "kubernetes:helm.sh/v3:Release"
OURS_DRAGONFLY = {
    "operators-namespace-dragonfly",
    "operators-dragonfly",
    "operators-network-dragonfly",
    "operators-release-dragonfly",
}
OURS_CNPG = {
    "operators-namespace-cnpg",
    "operators-cnpg",
    "operators-barman",
    "operators-network-cnpg",
    "operators-network-barman",
    "operators-release-cnpg",
    "operators-release-barman",
}
DATA = {"dragonfly": ("caches",), "postgres": ("databases", "drills")}


def recorded(settings: Settings, platform: Platform = INFRA.platform, **namespaces: Sequence[str]) -> Recorder:
    """What the component registers, and a resource that waits for each of what it says to wait for."""

    def program() -> None:
        provider = pulumi_kubernetes.Provider("cluster", context="infra")
        given: dict[str, Any] = namespaces or DATA
        opts = pulumi.ResourceOptions(providers=[provider])
        made = Operators("operators", OperatorsArgs(settings, platform, **given), opts)
        for name, first in (("cache", made.dragonfly), ("database", made.postgres)):
            pulumi.ComponentResource("test:index:Waits", name, None, pulumi.ResourceOptions(depends_on=list(first)))

    return run(program)


def children(found: Recorder) -> set[str]:
    return {name for name in found.requests if found.parent(name) == "operators"}


@pytest.fixture(scope="module")
def both() -> Recorder:
    return recorded(INFRA.operators)


def test_managed_operators_are_made_whole(both: Recorder) -> None:
    assert children(both) == OURS_DRAGONFLY | OURS_CNPG
    assert both.of_type(RELEASE) == {name for name in OURS_DRAGONFLY | OURS_CNPG if "release" in name}


@pytest.mark.parametrize(
    ("dragonfly", "cnpg", "expected"),
    [
        (False, False, set()),
        (True, False, OURS_DRAGONFLY),
        (False, True, OURS_CNPG),
    ],
)
def test_nothing_is_made_of_what_is_not_managed(dragonfly: bool, cnpg: bool, expected: set[str]) -> None:
    settings = Settings(dragonfly=DragonflyOperator(managed=dragonfly), cnpg=CnpgOperator(managed=cnpg))
    found = recorded(settings)
    assert found.of_type("seawall:data:Operators") == {"operators"}
    assert children(found) == expected
    assert found.needs("cache") == ({"operators-release-dragonfly"} if dragonfly else set())
    assert bool(found.needs("database")) == cnpg


def test_an_operator_without_data_is_not_made() -> None:
    assert children(recorded(INFRA.operators, dragonfly=("caches",))) == OURS_DRAGONFLY
    assert children(recorded(INFRA.operators, postgres=("databases",))) == OURS_CNPG


def test_walls_first_then_the_release_then_the_data(both: Recorder) -> None:
    assert both.needs("operators-network-dragonfly") == {"operators-namespace-dragonfly"}
    assert both.needs("operators-release-dragonfly") == {"operators-network-dragonfly"}
    assert both.needs("operators-release-cnpg") == {"operators-network-cnpg"}
    assert both.needs("operators-release-barman") == {"operators-release-cnpg", "operators-network-barman"}
    assert both.needs("cache") == {"operators-release-dragonfly"}
    assert both.needs("database") == {"operators-release-cnpg", "operators-release-barman"}


def test_an_operator_that_leaves_the_stack_goes_on_running(both: Recorder) -> None:
    kept = {name for name, request in both.requests.items() if request.retainOnDelete}
    assert kept == {name for name in children(both) if "-release-" in name or "-namespace-" in name}
    assert len(kept) == 5


def test_the_budgets_of_an_earlier_release_keep_their_identity(both: Recorder) -> None:
    former = both.requests["operators"].aliases
    assert [alias.spec.type for alias in former] == ["seawall:data:OperatorBudgets"]
    assert both.of_type("kubernetes:policy/v1:PodDisruptionBudget") == {
        "operators-dragonfly",
        "operators-cnpg",
        "operators-barman",
    }


def test_a_release_is_what_the_settings_say(both: Recorder) -> None:
    given = both.inputs("operators-release-dragonfly")
    assert (given["namespace"], given["version"], given["createNamespace"]) == (
        "dragonfly-operator-system",
        "v1.6.1",
        False,
    )
    assert given["values"]["replicaCount"] == 2
    assert given["values"]["crds"] == {"install": True, "keep": True}


def test_namespaces_admit_restricted_pods_only(both: Recorder) -> None:
    for name in ("operators-namespace-dragonfly", "operators-namespace-cnpg"):
        assert both.inputs(name)["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_a_budget_for_each_over_the_charts_labels(both: Recorder) -> None:
    specs = {name: both.inputs(name)["spec"] for name in ("operators-dragonfly", "operators-cnpg", "operators-barman")}
    assert specs == {
        "operators-dragonfly": {
            "minAvailable": 1,
            "selector": {"matchLabels": {"control-plane": "controller-manager"}},
        },
        "operators-cnpg": {
            "minAvailable": 1,
            "selector": {"matchLabels": {"app.kubernetes.io/name": "cloudnative-pg"}},
        },
        "operators-barman": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": {"app.kubernetes.io/name": "plugin-barman-cloud"}},
        },
    }


def test_it_is_registered_with_outputs_once(both: Recorder) -> None:
    assert len([urn for urn, _ in both.outputs if urn.endswith("::operators")]) == 1


# Who talks to the operators, and to whom they talk

CLUSTER = "k8s:io.cilium.k8s.policy.cluster"
NAMESPACE = "k8s:io.kubernetes.pod.namespace"
DNS = ("kube-system", frozenset({("k8s:k8s-app", "kube-dns")}), ("53", "53"))
SCRAPER = ("observability", frozenset({("k8s:app.kubernetes.io/name", "vmagent")}))
API_SERVER = ("kube-apiserver",)


def edges(rules: list[dict[str, Any]], direction: str) -> set[tuple[Any, ...]]:
    """Who is admitted on which ports: (namespace, labels, ports) for pods, (entity, ports) for others."""
    found: set[tuple[Any, ...]] = set()
    for rule in rules:
        ports = tuple(port["port"] for part in rule.get("toPorts", []) for port in part["ports"])
        for peer in rule.get(f"{direction}Endpoints", []):
            labels = dict(peer["matchLabels"])
            assert labels.pop(CLUSTER) == "infra", "the mesh cluster is always named"
            found.add((labels.pop(NAMESPACE), frozenset(labels.items()), ports))
        found |= {(entity, *((ports,) if ports else ())) for entity in rule.get(f"{direction}Entities", [])}
    return found


def both_ways(policy: dict[str, Any]) -> tuple[set[tuple[Any, ...]], set[tuple[Any, ...]]]:
    assert policy["kind"] == "CiliumNetworkPolicy"
    return edges(policy["spec"]["ingress"], "from"), edges(policy["spec"]["egress"], "to")


def test_the_dragonfly_operator_reaches_the_admin_port_and_is_reached_by_the_scraper() -> None:
    policy = manifests.dragonfly_policy(INFRA.operators.dragonfly, INFRA.platform, ("caches", "queues"))
    assert policy["spec"]["endpointSelector"]["matchLabels"] == {"control-plane": "controller-manager"}
    data = frozenset({("k8s:app.kubernetes.io/name", "dragonfly"), ("k8s:app.kubernetes.io/part-of", "dragonfly")})
    incoming, outgoing = both_ways(policy)
    assert incoming == {(*SCRAPER, ("8080",))}
    assert outgoing == {DNS, API_SERVER, ("caches", data, ("9999",)), ("queues", data, ("9999",))}


def test_with_a_reader_the_scraper_goes_through_the_proxy() -> None:
    operator = DragonflyOperator(metrics_reader="vmagent")
    incoming, _ = both_ways(manifests.dragonfly_policy(operator, INFRA.platform, ("caches",)))
    assert incoming == {(*SCRAPER, ("8443",))}


def test_the_cnpg_operator_serves_its_webhook_and_asks_the_instances_and_the_plugin() -> None:
    incoming, outgoing = both_ways(
        manifests.cnpg_policy(INFRA.operators.cnpg, INFRA.platform, ("databases", "databases-drill"))
    )
    instances = frozenset({("k8s:cnpg.io/podRole", "instance")})
    plugin = frozenset({("k8s:app.kubernetes.io/name", "plugin-barman-cloud")})
    callers = {(entity, ("9443",)) for entity in ("kube-apiserver", "host", "remote-node")}
    assert incoming == {*callers, (*SCRAPER, ("8080",))}
    assert outgoing == {
        DNS,
        API_SERVER,
        ("databases", instances, ("8000", "5432")),
        ("databases-drill", instances, ("8000", "5432")),
        ("cnpg-system", plugin, ("9090",)),
    }


def test_the_barman_plugin_is_reached_by_the_operator_alone() -> None:
    incoming, outgoing = both_ways(manifests.barman_policy(INFRA.operators.cnpg, INFRA.platform))
    operator = frozenset({("k8s:app.kubernetes.io/name", "cloudnative-pg")})
    assert incoming == {("cnpg-system", operator, ("9090",))}
    assert outgoing == {DNS, API_SERVER}


def test_the_generic_dialect_says_the_same_by_ports() -> None:
    platform = INFRA.platform.model_copy(update={"cni": "generic"})
    policy = manifests.cnpg_policy(INFRA.operators.cnpg, platform, ("databases",))
    assert policy["kind"] == "NetworkPolicy"
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    webhook, metrics = policy["spec"]["ingress"]
    assert webhook["ports"] == [{"protocol": "TCP", "port": 9443}]
    assert len(webhook["from"]) == 2, "every address once, in both families"
    assert metrics["from"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "observability"}
    assert metrics["from"][0]["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "vmagent"}


# The settings


@pytest.mark.parametrize("stack", ["infra", "sandbox"])
def test_our_stacks_say_who_installs_the_operators(stack: str) -> None:
    operators = load(changed(stack=stack)).operators
    assert (operators.dragonfly.managed, operators.cnpg.managed) == (
        (True, True) if stack == "infra" else (False, False)
    )


def test_a_plugin_without_a_chart_may_be_installed_by_others() -> None:
    assert CnpgOperator(managed=False, plugin="0.15.0").plugin == "0.15.0"


def test_cert_manager_is_asked_for_only_where_there_are_databases() -> None:
    config = changed(("platform.cert_manager", {"present": False}))
    without = {key: value for key, value in config.items() if key not in ("seawall:cnpg", "seawall:aws")}
    assert load(without).platform.cert_manager.present is False
