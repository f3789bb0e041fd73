"""The component: which resources, whose children, after what, with which outputs."""

import pulumi
import pulumi_kubernetes
import pytest
from dragonfly_samples import args
from recorder import Recorder, run

from seawall.components.dragonfly.dragonfly_cluster import DragonflyCluster
from seawall.components.operator_budgets import OperatorBudgets, OperatorBudgetsArgs
from seawall.components.operators import Operators
from seawall.errors import UserError

TOKEN = "seawall:data:DragonflyCluster"


@pytest.fixture(scope="module")
def recorded() -> Recorder:
    def program() -> None:
        provider = pulumi_kubernetes.Provider("cluster", context="infra")
        opts = pulumi.ResourceOptions(providers=[provider], protect=False)
        DragonflyCluster("cache", args(), opts)
        OperatorBudgets("operators", OperatorBudgetsArgs(Operators()), opts)

    return run(program)


def test_every_object_is_a_child_named_after_the_component(recorded: Recorder) -> None:
    assert recorded.of_type(TOKEN) == {"cache"}
    children = {name for name in recorded.requests if recorded.parent(name) == "cache"}
    assert children == {"cache-network", "cache-auth", "cache-dragonfly", "cache-scrape", "cache-alerts"}


def test_the_cluster_waits_for_its_password_and_its_walls(recorded: Recorder) -> None:
    assert {"cache-auth", "cache-network"} <= recorded.needs("cache-dragonfly")


def test_every_child_uses_the_explicit_provider(recorded: Recorder) -> None:
    for name in recorded.requests:
        if recorded.parent(name):
            assert recorded.requests[name].provider.endswith("pulumi:providers:kubernetes::cluster::cluster-id")


def test_outputs_are_registered_once_and_hold_no_secret(recorded: Recorder) -> None:
    [outputs] = [values for urn, values in recorded.outputs if urn.endswith("::cache")]
    assert outputs == {
        "host": "dragonfly-global.dragonfly-system.svc.cluster.local",
        "port": 6379,
        "secretPath": "infra/dragonfly",
    }


def test_nothing_is_registered_when_the_operator_is_too_old() -> None:
    def program() -> None:
        with pytest.raises(UserError):
            DragonflyCluster("old", args(version="1.4.0"))

    assert run(program).requests == {}


def test_each_operator_has_a_budget_that_lets_a_node_drain(recorded: Recorder) -> None:
    budgets = {name: recorded.inputs(name) for name in recorded.requests if recorded.parent(name) == "operators"}
    found = {
        name: (made["metadata"]["namespace"], made["spec"]["selector"]["matchLabels"]) for name, made in budgets.items()
    }
    assert found == {
        "operators-dragonfly": ("dragonfly-operator-system", {"control-plane": "controller-manager"}),
        "operators-cnpg": ("cnpg-system", {"app.kubernetes.io/name": "cloudnative-pg"}),
        "operators-barman": ("cnpg-system", {"app": "barman-cloud"}),
    }
    assert budgets["operators-dragonfly"]["spec"]["minAvailable"] == 1
    assert budgets["operators-cnpg"]["spec"]["minAvailable"] == 1
    assert budgets["operators-barman"]["spec"]["maxUnavailable"] == 1
