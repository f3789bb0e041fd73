"""Settings of a Dragonfly instance: names, threads and memory, images, aliases, protection, the probe."""

from typing import Any

import pytest
from dragonfly_samples import CLIENT_CA, TLS, args, problems
from stack_samples import changed, refusal

from seawall.components.dragonfly import latency, manifests
from seawall.components.settings import load
from seawall.operators import annotations

CACHE, QUEUE = "dragonfly.clusters.dragonfly", "dragonfly.clusters.dragonfly-queue"
DIGEST = "sha256:" + "0" * 64


def resources(cpu: str, memory: str = "2Gi") -> dict[str, Any]:
    return {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": cpu, "memory": memory}}


@pytest.mark.parametrize(
    ("cpu", "threads"),
    [("250m", 1), ("500m", 1), ("0.5", 1), ("1", 1), ("1500m", 1), ("1.999", 1), ("2", 2), ("2500m", 2), ("3.9", 3)],
)
def test_threads_are_the_whole_cores_of_the_limit_and_at_least_one(cpu: str, threads: int) -> None:
    assert f"--proactor_threads={threads}" in manifests.arguments(args(resources=resources(cpu)))


@pytest.mark.parametrize(("cpu", "threads"), [("500m", 2), ("1500m", 2), ("2", 3), ("2500m", 3)])
def test_more_threads_than_cores_are_refused(cpu: str, threads: int) -> None:
    assert any(one.startswith(f"threads = {threads}") for one in problems(resources=resources(cpu), threads=threads))


@pytest.mark.parametrize(
    ("cpu", "memory", "maxmemory", "fits"),
    [
        ("500m", "512Mi", 256 * 1024**2, True),
        ("500m", "512Mi", 256 * 1024**2 - 1, False),
        ("2500m", "1Gi", 512 * 1024**2, True),
        ("2500m", "1Gi", 512 * 1024**2 - 1, False),
        ("500m", "512Mi", 429_496_729, True),
        ("500m", "512Mi", 429_496_730, False),
    ],
)
def test_memory_fits_between_threads_and_limit(cpu: str, memory: str, maxmemory: int, fits: bool) -> None:
    given = {"resources": resources(cpu, memory), "maxmemory_bytes": maxmemory}
    if fits:
        assert f"--maxmemory={maxmemory}" in manifests.arguments(args(**given))
    else:
        [problem] = problems(**given)
        assert problem.startswith(f"maxmemory_bytes = {maxmemory}")


def test_the_stack_keeps_what_clients_rely_on() -> None:
    settings = load(changed()).dragonfly
    assert settings is not None
    for instance in settings.clusters.values():
        assert instance.flags.default_lua_flags == "allow-undeclared-keys"
        assert instance.flags.cluster_mode == "emulated"


def test_a_digest_may_be_added_to_a_tag() -> None:
    image = f"ghcr.io/dragonflydb/dragonfly:v1.34.2@{DIGEST}"
    assert manifests.dragonfly(args(image=image))["spec"]["image"] == image


def test_a_digest_alone_does_not_say_the_version() -> None:
    [problem] = problems(image=f"ghcr.io/dragonflydb/dragonfly@{DIGEST}")
    assert "must have a tag" in problem
    assert problem.endswith("[DFLY-TECH-002]")


def test_the_version_in_front_of_a_digest_is_checked_too() -> None:
    error = refusal((f"{CACHE}.image", f"ghcr.io/dragonflydb/dragonfly:v1.20.0@{DIGEST}"))
    assert "must be a version that goes with operator" in str(error)


def test_an_alias_leads_on_to_the_service() -> None:
    made = manifests.aliases(args(aliases=["dragonfly", "redis"]))
    assert list(made) == ["dragonfly", "redis"]
    for name, manifest in made.items():
        assert manifest["metadata"]["name"] == name
        assert manifest["spec"]["externalName"] == "dragonfly-global.dragonfly-system.svc.cluster.local"
    assert manifests.aliases(args()) == {}


@pytest.mark.parametrize(
    ("aliases", "message"),
    [
        (["dragonfly-global"], "is already a Service of `dragonfly`"),
        (["dragonfly-queue-global"], "is already a Service of `dragonfly-queue`"),
        (["dragonfly-queue"], "the name of another instance"),
        (["redis", "redis"], "is already a Service of `dragonfly`"),
        (["Redis"], "a letter, then letters"),
        (["a.b"], "a letter, then letters"),
    ],
)
def test_aliases_that_would_be_another_service(aliases: list[str], message: str) -> None:
    error = str(refusal((f"{CACHE}.aliases", aliases)))
    assert f"seawall:{CACHE}.aliases[" in error
    assert message in error


def test_an_alias_of_two_instances_is_refused() -> None:
    error = str(refusal((f"{CACHE}.aliases", ["redis"]), (f"{QUEUE}.aliases", ["redis"])))
    assert f"seawall:{QUEUE}.aliases[0] = 'redis': is already a Service of `dragonfly`" in error


def test_without_a_global_service_the_instances_name_is_no_alias() -> None:
    error = refusal((f"{CACHE}.global_service", None), (f"{CACHE}.clients", {"this": ["harbor"]}))
    assert f"seawall:{CACHE}.aliases[0] = 'dragonfly': is already a Service of `dragonfly`" in str(error)


@pytest.mark.parametrize(
    ("purpose", "given", "protected"),
    [("cache", None, False), ("queue", None, True), ("cache", True, True), ("queue", False, False)],
)
def test_a_queue_is_protected_and_a_cache_is_not_unless_said(purpose: str, given: bool | None, protected: bool) -> None:
    reason = "a test" if purpose == "queue" and not protected else None
    given_settings = {"deletion_protection": given, "unprotected_reason": reason}
    assert args(purpose=purpose, **given_settings).settings.protected is protected


def test_the_data_does_not_live_with_the_scraper() -> None:
    error = refusal(("dragonfly.namespace", "observability"))
    assert "seawall:dragonfly.namespace = 'observability': must not be platform.observability.namespace" in str(error)


@pytest.mark.parametrize(
    ("namespace", "key"),
    [
        ("harbor", "dragonfly.clusters.dragonfly.clients.this"),
        ("databases", "dragonfly.namespace"),
        ("dragonfly-operator-system", "dragonfly.namespace"),
        ("cnpg-system", "dragonfly.namespace"),
    ],
)
def test_the_data_does_not_live_with_anybody_else(namespace: str, key: str) -> None:
    assert f"seawall:{key} = '{namespace}': must " in str(refusal(("dragonfly.namespace", namespace)))


def test_a_client_measures_the_latency_by_the_instances_name_and_password() -> None:
    made = latency.probe(args(latency={"namespace": "harbor"}))
    assert {manifest["metadata"]["namespace"] for manifest in made.values()} == {"harbor"}
    env = made["job"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "PROBE_HOST", "value": "dragonfly-global.dragonfly-system.svc.cluster.local"} in env
    assert {"name": "PROBE_PATH", "value": "intra-cluster"} in env
    assert not any(one["name"] == "PROBE_TLS" for one in env)
    assert made["password"]["spec"]["data"][0]["remoteRef"] == {"key": "infra/dragonfly", "property": "password"}
    assert latency.probe(args()) == {}


def test_the_probe_speaks_tls_where_clients_do() -> None:
    made = latency.probe(args(latency={"namespace": "harbor"}, tls={**TLS, "ca": {"path": "infra/dragonfly-ca"}}))
    env = made["job"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "PROBE_TLS", "value": "verify"} in env
    assert made["ca"]["spec"]["data"][0]["remoteRef"] == {"key": "infra/dragonfly-ca", "property": "ca.crt"}


def test_only_a_local_client_can_measure() -> None:
    [problem] = problems(latency={"namespace": "gitlab-system"})
    assert problem.startswith(
        "latency.namespace = 'gitlab-system': must be one of the clients on this cluster (harbor)"
    )
    assert problem.endswith("[DFLY-PERF-001]")


def test_the_probe_has_no_certificate_of_its_own() -> None:
    [problem] = problems(latency={"namespace": "harbor"}, tls={**TLS, "client_ca": CLIENT_CA})
    assert problem.startswith("latency: must be absent with `tls.client_ca`")


def test_the_resource_says_its_purpose_and_why_its_clients_go_without_tls() -> None:
    plain = manifests.dragonfly(args(plaintext_reason="not ready"))["metadata"]["annotations"]
    assert (plain[annotations.PURPOSE], plain[annotations.PLAINTEXT]) == ("cache", "not ready")
    encrypted = manifests.dragonfly(args(purpose="queue", tls=TLS))["metadata"]["annotations"]
    assert encrypted[annotations.PURPOSE] == "queue"
    assert annotations.PLAINTEXT not in encrypted


@pytest.mark.parametrize(("tls", "reason", "message"), [(None, None, "is missing"), (TLS, "x", "is read only without")])
def test_plaintext_has_its_reason_and_nothing_else_has(
    tls: dict[str, Any] | None, reason: str | None, message: str
) -> None:
    [problem] = problems(tls=tls, plaintext_reason=reason)
    assert problem.startswith("plaintext_reason")
    assert message in problem
    assert problem.endswith("[DFLY-SEC-002]")
