"""SharedServiceConsumer: which resources, whose children, after what, unprotected, with which outputs."""

from dataclasses import replace

import pulumi
import pulumi_kubernetes
import pytest
from consumer_samples import args
from recorder import Recorder, run

from seawall.components import SharedServiceConsumer
from seawall.components.kubernetes.namespace import namespace
from seawall.components.kubernetes.register import register


@pytest.fixture(scope="module")
def recorded() -> Recorder:
    def program() -> None:
        provider = pulumi_kubernetes.Provider("cluster", context="apps")
        home = register("home", namespace("databases"), pulumi.ResourceOptions(provider=provider))
        made = SharedServiceConsumer(
            "mesh", replace(args(), after=(home,)), pulumi.ResourceOptions(providers=[provider], protect=False)
        )
        assert [it.to_dict() for it in made.connections] == made.contract

    return run(program)


def children(found: Recorder) -> set[str]:
    return {name for name in found.requests if found.parent(name) == "mesh"}


def test_every_object_is_a_child_named_after_the_component(recorded: Recorder) -> None:
    assert recorded.of_type("seawall:data:SharedServiceConsumer") == {"mesh"}
    names = children(recorded)
    assert names | {"mesh", "home", "cluster"} == set(recorded.requests)
    for name in names:
        assert name.startswith("mesh-")
        assert recorded.requests[name].provider.endswith("pulumi:providers:kubernetes::cluster::cluster-id")
        assert recorded.requests[name].custom


def test_names_are_stable(recorded: Recorder) -> None:
    """State knows resources by these names: a new one needs an alias."""
    names = {name.removeprefix("mesh-") for name in children(recorded)}
    assert {name for name in names if not name.startswith("latency-")} == {
        "service-dragonfly-system-dragonfly-global",
        "service-dragonfly-system-dragonfly-queue-global",
        "service-databases-gitlab-pooler",
        "service-databases-synergyflow-pooler",
        "alias-dragonfly-system-dragonfly",
        "alias-cnpg-system-gitlab-pooler",
        "alias-cnpg-system-gitlab-pooler-rw",
        "alias-cnpg-system-synergyflow-pooler",
        "alias-cnpg-system-synergyflow-pooler-rw",
        "egress-gitlab-system",
        "egress-synergyflow",
        "secret-gitlab-system-dragonfly-auth",
        "secret-gitlab-system-dragonfly-queue-auth",
        "secret-gitlab-system-shared-postgres-role-gitlab",
        "secret-gitlab-system-shared-postgres-server-ca",
        "secret-synergyflow-shared-postgres-role-synergyflow",
        "secret-synergyflow-shared-postgres-server-ca",
        "alerts-gitlab-system",
        "alerts-synergyflow",
    }
    assert {name for name in names if name.startswith("latency-")} >= {
        "latency-dragonfly-job",
        "latency-dragonfly-network",
        "latency-dragonfly-queue-job",
    }


def test_everything_waits_for_what_the_caller_named(recorded: Recorder) -> None:
    for name in children(recorded):
        assert "home" in recorded.needs(name), name


def test_the_probe_runs_behind_its_walls_and_with_its_password(recorded: Recorder) -> None:
    needed = recorded.needs("mesh-latency-dragonfly-job")
    assert {f"mesh-latency-dragonfly-{it}" for it in ("network", "password", "script", "account")} <= needed


def test_nothing_here_holds_data_so_nothing_is_protected(recorded: Recorder) -> None:
    assert not any(request.protect or request.retainOnDelete for request in recorded.requests.values())


def test_the_output_is_the_contract_of_the_clients_here(recorded: Recorder) -> None:
    [outputs] = [values for urn, values in recorded.outputs if urn.endswith("::mesh")]
    contract = outputs["contract"]
    assert {(it["service"], it["name"], it["namespace"]) for it in contract} == {
        ("dragonfly", "dragonfly", "gitlab-system"),
        ("dragonfly", "dragonfly-queue", "gitlab-system"),
        ("postgresql", "gitlab", "gitlab-system"),
        ("postgresql", "synergyflow", "synergyflow"),
    }
    assert all(it["cluster"] == "apps" and it["remote"] is True for it in contract)
