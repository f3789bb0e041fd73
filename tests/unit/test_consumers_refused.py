"""Hostile producers, and pairs that do not fit; consumers that are wrong by themselves are in hostile_cons.py."""

from pathlib import Path

import pytest
import yaml
from consumer_samples import Changes, consuming, project, refused
from stack_samples import GONE, changed

from seawall.components.settings import SettingsError, load

CACHE = "dragonfly.clusters.dragonfly"
POSTGRES = "cnpg.clusters.shared-postgres"
GITLAB = f"{POSTGRES}.applications.gitlab"


def found(error: SettingsError, key: str, part: str, risk: str | None) -> bool:
    return any(it.key == key and part in str(it) and it.risk == risk for it in error.problems)


IN_THE_PRODUCER: list[tuple[Changes, str]] = [
    (((f"{CACHE}.min_available", 3),), f"that stack has a mistake of its own: seawall:{CACHE}.min_available = 3"),
    ((("platform.peers", ["other"]),), f"{CACHE}.clients.apps: must be `this` or one of platform.peers (other)"),
    ((("platform.cluster", "apps"), ("platform.peers", [])), "that stack has a mistake of its own"),
    (((f"{CACHE}.global_service", GONE),), f"seawall:{CACHE}.global_service: is missing"),
    (((f"{CACHE}.global_service.exported_from", "apps"),), "exported_from = 'apps': must be infra"),
    (((f"{POSTGRES}.secrets.ca", GONE),), "seawall:cnpg.clusters.shared-postgres.secrets.ca: is missing"),
    (((f"{POSTGRES}.secrets.ca", {"secure": "v1:abcd"}),), "must not be an encrypted value"),
    (((f"{CACHE}.password", "hunter2"),), f"seawall:{CACHE}.password: unknown key"),
    (((f"{GITLAB}.clients", {"apps": ["databases"]}),), "declares the client namespace databases"),
    (
        ((f"{CACHE}.auth_secret.name", "shared-postgres-role-gitlab"),),
        "has two different Secrets shared-postgres-role-gitlab for the client namespace gitlab-system",
    ),
]


@pytest.mark.parametrize(("producer", "part"), IN_THE_PRODUCER)
def test_a_mistake_of_the_producer_is_reported_with_its_name(producer: Changes, part: str, tmp_path: Path) -> None:
    error = refused(tmp_path, producer)
    assert any(it.key == "consumers.producer" and part in str(it) for it in error.problems), str(error)
    assert "hunter2" not in str(error)
    assert "v1:abcd" not in str(error)


def test_a_producer_without_a_mesh_is_refused(tmp_path: Path) -> None:
    local = {f"{CACHE}.clients": {"this": ["harbor"]}, f"{CACHE}.global_service": None, f"{CACHE}.aliases": []}
    queue = "dragonfly.clusters.dragonfly-queue"
    local |= {f"{queue}.clients": {"this": ["harbor"]}, f"{queue}.global_service": None}
    local |= {f"{POSTGRES}.applications.{name}.clients": {"this": [name]} for name in ("gitlab", "synergyflow")}
    local |= {f"{POSTGRES}.secrets.ca": None, "platform.cni": "generic", "platform.peers": []}
    local |= {f"{POSTGRES}.backup.egress": "world", f"{POSTGRES}.backup.egress_reason": "no rule can name hosts"}
    error = refused(tmp_path, tuple(local.items()))
    assert found(error, "consumers.producer", "has `platform.cni: generic`, must have cilium", None), str(error)


def test_a_producer_that_declares_nobody_here_is_refused(tmp_path: Path) -> None:
    elsewhere: Changes = (
        ("platform.peers", ["apps", "more"]),
        (f"{CACHE}.clients", {"this": ["harbor"], "more": ["gitlab-system"]}),
        ("dragonfly.clusters.dragonfly-queue.clients", {"more": ["gitlab-system"]}),
        (f"{GITLAB}.clients", {"more": ["gitlab-system"]}),
        (f"{POSTGRES}.applications.synergyflow.clients", {"more": ["synergyflow"]}),
    )
    error = refused(tmp_path, elsewhere)
    assert found(error, "consumers.producer", "declares no clients on this cluster", None), str(error)


def test_the_probe_is_refused_where_client_certificates_are_asked_for(tmp_path: Path) -> None:
    tls = {"secret": "server", "ca": {"path": "a/ca"}, "client_ca": {"secret": "clients", "path": "a/clients"}}
    error = refused(tmp_path, ((f"{CACHE}.tls", tls), (f"{CACHE}.plaintext_reason", GONE), (f"{CACHE}.latency", None)))
    assert found(error, "consumers.latency.instances", "must leave dragonfly out", "DFLY-PERF-001"), str(error)


def test_the_stubs_must_not_meet_services_of_the_stack_itself(tmp_path: Path) -> None:
    own = changed(("dragonfly.clusters.dragonfly-queue", GONE))["seawall:dragonfly"]
    own["clusters"]["dragonfly"] |= {
        "clients": {"this": ["x"]},
        "global_service": {"name": "dragonfly-global", "exported_from": "apps"},
    }
    error = refused(tmp_path, consumer=(("dragonfly", own),))
    part = "has the Service dragonfly-global in namespace dragonfly-system, which here is a Service of dragonfly"
    assert found(error, "consumers.producer", part, None), str(error)


def test_two_probes_of_one_name_are_refused_in_one_namespace(tmp_path: Path) -> None:
    """An instance here may be called like the producer's; their probes are named after them."""
    own = changed(("dragonfly.clusters.dragonfly-queue", GONE))["seawall:dragonfly"]
    own["namespace"] = "cache-here"
    own["clusters"]["dragonfly"] |= {
        "clients": {"this": ["gitlab-system"]},
        "global_service": None,
        "aliases": [],
        "latency": {"namespace": "gitlab-system"},
    }
    error = refused(tmp_path, consumer=(("dragonfly", own),))
    part = "the probe of this cluster's own instance dragonfly runs there"
    assert found(error, "consumers.latency.namespace", part, "DFLY-PERF-001"), str(error)


def test_own_mistakes_and_the_producers_are_reported_together(tmp_path: Path) -> None:
    error = refused(tmp_path, ((f"{CACHE}.min_available", 3),), (("platform.nodes.count", 0),))
    assert {it.key for it in error.problems} == {"platform.nodes.count", "consumers.producer"}


def test_the_producers_file_must_be_beside_the_program(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"consumers\.producer = 'infra': no stack `infra`"):
        load(changed(stack="apps"), tmp_path)


def test_a_broken_producers_file_is_named_with_its_line(tmp_path: Path) -> None:
    (project(tmp_path) / "Pulumi.infra.yaml").write_text("config:\n  a: {hunter2\n")
    with pytest.raises(SettingsError, match=r"consumers\.producer = 'infra': Pulumi\.infra\.yaml:3:1") as caught:
        load(changed(stack="apps"), tmp_path)
    assert "hunter2" not in str(caught.value)


def test_two_stacks_may_consume_each_others_services(tmp_path: Path) -> None:
    """The producer's own consumption is not followed, or the two would read each other for ever."""
    folder = project(tmp_path, ("consumers", {"producer": "apps"}))
    (folder / "Pulumi.apps.yaml").write_text(yaml.safe_dump({"config": changed(stack="apps")}))
    settings = load(changed(stack="apps"), folder)
    assert settings.producer is not None
    assert settings.producer.consumers is not None


def test_the_checkout_is_where_a_producer_is_looked_for() -> None:
    settings = load(changed(stack="apps"))
    assert settings.producer == load(changed())


def test_a_stack_that_consumes_nothing_has_no_producer() -> None:
    assert load(changed()).producer is None


def test_the_sound_pair_is_accepted(tmp_path: Path) -> None:
    assert consuming(tmp_path).producer is not None
