"""The component: which resources, whose children, after what, how protected, with which outputs."""

from dataclasses import replace
from typing import Any

import pulumi
import pulumi_kubernetes
import pytest
from dragonfly_samples import ACL, BUCKET_SNAPSHOT, CLIENT_CA, ROLE_SNAPSHOT, TLS, args
from recorder import Recorder, run

from seawall.components.dragonfly.dragonfly_cluster import DragonflyCluster
from seawall.components.kubernetes.namespace import namespace
from seawall.components.kubernetes.register import register
from seawall.errors import UserError

TOKEN = "seawall:data:DragonflyCluster"
PLAIN = {"cache-network", "cache-auth", "cache-dragonfly", "cache-scrape", "cache-alerts"}
EVERYTHING: dict[str, Any] = {"acl": ACL, "tls": {**TLS, "client_ca": CLIENT_CA}, "snapshot": BUCKET_SNAPSHOT}
QUEUE: dict[str, Any] = {"purpose": "queue"}


def recorded(**settings: Any) -> Recorder:
    """What one instance with these settings registers, on a provider and after a namespace of its own."""

    def program() -> None:
        provider = pulumi_kubernetes.Provider("cluster", context="infra")
        home = register("home", namespace("dragonfly-system"), pulumi.ResourceOptions(provider=provider))
        DragonflyCluster(
            "cache",
            replace(args(**settings), after=(home,)),
            pulumi.ResourceOptions(providers=[provider], protect=False),
        )

    return run(program)


@pytest.fixture(scope="module")
def plain() -> Recorder:
    return recorded()


@pytest.fixture(scope="module")
def everything() -> Recorder:
    return recorded(**EVERYTHING, aliases=["dragonfly", "redis"])


def children(found: Recorder) -> set[str]:
    return {name for name in found.requests if found.parent(name) == "cache"}


def protected(found: Recorder) -> set[str]:
    return {name for name in children(found) if found.requests[name].protect}


def retained(found: Recorder) -> set[str]:
    return {name for name in children(found) if found.requests[name].retainOnDelete}


def test_every_object_is_a_child_named_after_the_component(plain: Recorder, everything: Recorder) -> None:
    assert plain.of_type(TOKEN) == everything.of_type(TOKEN) == {"cache"}
    assert children(plain) == PLAIN
    assert children(everything) == PLAIN | {
        "cache-acl",
        "cache-tls",
        "cache-client-ca",
        "cache-snapshot-keys",
        "cache-alias-dragonfly",
        "cache-alias-redis",
    }


def test_the_cluster_waits_for_its_walls_and_every_secret(plain: Recorder, everything: Recorder) -> None:
    assert plain.needs("cache-dragonfly") == {"home", "cache-auth", "cache-network"}
    assert everything.needs("cache-dragonfly") == {
        "home",
        "cache-network",
        "cache-auth",
        "cache-acl",
        "cache-tls",
        "cache-client-ca",
        "cache-snapshot-keys",
    }


def test_the_cluster_waits_for_the_account_of_its_role() -> None:
    found = recorded(snapshot=ROLE_SNAPSHOT)
    assert children(found) == PLAIN | {"cache-account"}
    assert "cache-account" in found.needs("cache-dragonfly")


def test_everything_waits_for_what_must_be_there_first(everything: Recorder) -> None:
    for name in children(everything):
        assert "home" in everything.needs(name), name


def test_an_alias_leads_on_to_the_service_once_there_is_one(everything: Recorder) -> None:
    made = everything.inputs("cache-alias-dragonfly")
    assert made["metadata"]["name"] == "dragonfly"
    assert made["metadata"]["namespace"] == "dragonfly-system"
    assert made["spec"] == {
        "type": "ExternalName",
        "externalName": "dragonfly-global.dragonfly-system.svc.cluster.local",
    }
    assert "cache-dragonfly" in everything.needs("cache-alias-dragonfly")


def test_a_cache_may_be_deleted(plain: Recorder) -> None:
    assert protected(plain) == set()
    assert retained(plain) == set()


@pytest.mark.parametrize("settings", [QUEUE, {"deletion_protection": True}])
def test_what_loses_data_is_protected_and_keeps_what_it_needs(settings: dict[str, Any]) -> None:
    """Retained without its walls and password the instance would be open, or could not restart."""
    found = recorded(**settings, aliases=["redis"], acl=ACL)
    assert protected(found) == {"cache-dragonfly"}
    assert retained(found) == {"cache-dragonfly", "cache-network", "cache-auth", "cache-acl"}


def test_a_queue_may_be_unprotected_on_purpose() -> None:
    found = recorded(**QUEUE, deletion_protection=False, unprotected_reason="a test")
    assert protected(found) == retained(found) == set()


def test_the_probe_runs_in_the_clients_namespace_behind_its_own_walls() -> None:
    found = recorded(latency={"namespace": "harbor"})
    made = children(found) - PLAIN
    assert {"cache-latency-job", "cache-latency-password", "cache-latency-network"} <= made
    assert all(found.inputs(name)["metadata"]["namespace"] == "harbor" for name in made)
    assert {"cache-dragonfly", *made} - {"cache-latency-job"} <= found.needs("cache-latency-job")


def test_every_child_uses_the_explicit_provider(everything: Recorder) -> None:
    for name in children(everything):
        assert everything.requests[name].provider.endswith("pulumi:providers:kubernetes::cluster::cluster-id")


def test_outputs_are_registered_once_and_hold_no_secret(plain: Recorder) -> None:
    [outputs] = [values for urn, values in plain.outputs if urn.endswith("::cache")]
    assert outputs["host"] == "dragonfly-global.dragonfly-system.svc.cluster.local"
    assert outputs["port"] == 6379
    assert outputs["secretPath"] == "infra/dragonfly"
    assert [(one["cluster"], one["namespace"]) for one in outputs["connections"]] == [
        ("infra", "harbor"),
        ("apps", "gitlab-system"),
    ]


def test_nothing_is_registered_when_the_operator_is_too_old() -> None:
    def program() -> None:
        with pytest.raises(UserError):
            DragonflyCluster("old", args(version="1.4.0"))

    assert run(program).requests == {}
