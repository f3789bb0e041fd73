"""The program as the engine runs it: every stack, with the SDK's mocks in the place of engine and providers."""

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from recorder import Recorder, run
from schemas import validate
from stack_objects import objects_of, whole_numbers
from stack_samples import CHECKOUT, changed

from seawall.operators.annotations import MANAGED_BY, MANAGED_BY_LABEL

PROGRAM = CHECKOUT / "__main__.py"
STACKS = ("infra", "apps", "sandbox")
PRODUCERS = ("infra", "sandbox")
RELEASE = "kubernetes:helm.sh/v3:Release"


def engine_config(config: dict[str, Any]) -> dict[str, str]:
    """The configuration as the engine hands it to a program: text, JSON for everything that is not."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}


def program(file: Path = PROGRAM) -> None:
    runpy.run_path(str(file), run_name="__main__")


@pytest.fixture(scope="module")
def recorded() -> Callable[[str], Recorder]:
    done: dict[str, Recorder] = {}

    def get(stack: str) -> Recorder:
        if stack not in done:
            done[stack] = run(program, config=engine_config(changed(stack=stack)), stack=stack)
        return done[stack]

    return get


def manifests(recorder: Recorder) -> dict[str, dict[str, Any]]:
    """The objects; what a chart makes is not among them."""
    return {
        name: recorder.inputs(name)
        for name, request in recorder.requests.items()
        if request.type.startswith("kubernetes:") and request.type != RELEASE
    }


@pytest.mark.parametrize("stack", STACKS)
def test_every_resource_goes_through_an_explicit_provider(stack: str, recorded: Callable[[str], Recorder]) -> None:
    recorder = recorded(stack)
    for name, request in recorder.requests.items():
        if request.custom and not request.type.startswith("pulumi:"):
            assert "pulumi:providers:" in request.provider, name


@pytest.mark.parametrize("stack", STACKS)
def test_the_provider_names_one_context(stack: str, recorded: Callable[[str], Recorder]) -> None:
    recorder = recorded(stack)
    assert recorder.of_type("pulumi:providers:kubernetes") == {"kubernetes"}
    kubernetes = recorder.inputs("kubernetes")
    assert kubernetes["context"] == {"infra": "infra", "apps": "apps", "sandbox": "seawall-sandbox"}[stack]
    assert json.loads(kubernetes["enableServerSideApply"]) is True


def test_a_stack_without_backups_has_no_account(recorded: Callable[[str], Recorder]) -> None:
    assert recorded("apps").of_type("pulumi:providers:aws") == set()
    assert not any(request.type.startswith("aws:") for request in recorded("apps").requests.values())


@pytest.mark.parametrize("stack", PRODUCERS)
def test_the_provider_names_one_account(stack: str, recorded: Callable[[str], Recorder]) -> None:
    recorder = recorded(stack)
    assert recorder.of_type("pulumi:providers:aws") == {"aws"}
    aws = recorder.inputs("aws")
    assert json.loads(aws["allowedAccountIds"]) == ["123456789012"]
    assert aws["region"] == "eu-central-1"


@pytest.mark.parametrize("stack", STACKS)
def test_every_object_is_complete_and_marked_as_ours(stack: str, recorded: Callable[[str], Recorder]) -> None:
    made = manifests(recorded(stack))
    assert made
    keys = set()
    for name, manifest in made.items():
        assert manifest["metadata"]["labels"][MANAGED_BY_LABEL] == MANAGED_BY, name
        assert manifest["kind"] == "Namespace" or manifest["metadata"]["namespace"], name
        keys.add((manifest["kind"], manifest["metadata"].get("namespace"), manifest["metadata"]["name"]))
    assert len(keys) == len(made), "two resources are the same object"


@pytest.mark.parametrize("stack", STACKS)
def test_every_object_fits_its_schema(stack: str, recorded: Callable[[str], Recorder]) -> None:
    for manifest in manifests(recorded(stack)).values():
        validate(whole_numbers(manifest))


def waits_for(recorder: Recorder, name: str) -> set[str]:
    """Everything that must be there before a resource, directly or through others."""
    found: set[str] = set()
    left = recorder.needs(name)
    while left:
        found |= left
        left = {other for one in left for other in recorder.needs(one)} - found
    return found


@pytest.mark.parametrize("stack", STACKS)
def test_namespaces_are_made_once_restricted_and_first(stack: str, recorded: Callable[[str], Recorder]) -> None:
    recorder = recorded(stack)
    made = manifests(recorder)
    namespaces = {m["metadata"]["name"]: name for name, m in made.items() if m["kind"] == "Namespace"}
    for name in namespaces.values():
        labels = made[name]["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
        assert labels["pod-security.kubernetes.io/warn"] == "restricted"
        assert labels["pod-security.kubernetes.io/audit"] == "restricted"
    for name, manifest in made.items():
        namespace = manifest["metadata"].get("namespace")
        if namespace in namespaces:
            assert namespaces[namespace] in waits_for(recorder, name), f"{name} does not wait for its namespace"


def test_infra_has_what_the_input_asks_for(recorded: Callable[[str], Recorder]) -> None:
    recorder = recorded("infra")
    kinds = [(m["kind"], m["metadata"]["name"]) for m in manifests(recorder).values()]
    assert recorder.of_type("seawall:data:DragonflyCluster") == {"dragonfly", "dragonfly-queue"}
    assert recorder.of_type("seawall:data:CnpgSharedCluster") == {"shared-postgres"}
    assert recorder.of_type("seawall:data:BackupBucket") == {"monosense-cnpg"}
    assert {name for kind, name in kinds if kind == "Namespace"} == {
        "dragonfly-system",
        "dragonfly-operator-system",
        "databases",
        "databases-drill",
        "cnpg-system",
    }
    assert {name for kind, name in kinds if kind == "Pooler"} == {
        "harbor-pooler",
        "gitlab-pooler",
        "synergyflow-pooler",
        "keycloak-pooler",
    }
    assert not any(kind == "NetworkPolicy" for kind, _ in kinds), "the dialect follows the CNI"


def test_apps_has_the_consumer_side_and_nothing_that_holds_data(recorded: Callable[[str], Recorder]) -> None:
    recorder = recorded("apps")
    kinds = {m["kind"] for m in manifests(recorder).values()}
    assert recorder.of_type("seawall:data:SharedServiceConsumer") == {"consumer-infra"}
    components = {request.type for request in recorder.requests.values() if not request.custom}
    assert components == {"seawall:data:SharedServiceConsumer"}, "no operator, no data"
    assert kinds == {
        "Namespace",
        "Service",
        "CiliumNetworkPolicy",
        "ExternalSecret",
        "PrometheusRule",
        "PodMonitor",
        "ConfigMap",
        "ServiceAccount",
        "CronJob",
    }
    made = {m["metadata"]["name"] for m in manifests(recorder).values() if m["kind"] == "Namespace"}
    assert made == {"dragonfly-system", "databases"}, "the applications' namespaces are theirs"


def exports(monkeypatch: pytest.MonkeyPatch, stack: str) -> dict[str, Any]:
    """What a stack exports. The SDK's mocks have one stack for all programs, and register its outputs once."""
    found: dict[str, Any] = {}
    monkeypatch.setattr(pulumi, "export", found.__setitem__)
    run(program, config=engine_config(changed(stack=stack)), stack=stack)
    return found


def test_the_exports_are_the_contracts(monkeypatch: pytest.MonkeyPatch) -> None:
    infra, apps = exports(monkeypatch, "infra"), exports(monkeypatch, "apps")
    assert infra.keys() == {"dragonfly", "postgres", "backups"}
    assert apps.keys() == {"consumers"}
    there = [it for cache in infra["dragonfly"].values() for it in cache["connections"]]
    there += [it for cluster in infra["postgres"].values() for app in cluster.values() for it in app["connections"]]
    assert [it for it in there if it["cluster"] == "apps"] == apps["consumers"], "both sides say the same"


def test_one_stack_can_make_services_and_consume_others(tmp_path: Path) -> None:
    """As `infra`, when it uses the services of `sandbox` as well."""
    mixed = changed(("platform.peers", ["apps", "sandbox"]), ("consumers", {"producer": "sandbox"}))
    sandbox = changed(("platform.peers", ["sandbox-apps", "infra"]), stack="sandbox")
    cache = sandbox["seawall:dragonfly"]["clusters"]["cache"]
    cache["clients"] = {"this": ["sandbox-shop"], "infra": ["harbor"]}
    (tmp_path / "__main__.py").write_text(PROGRAM.read_text())
    (tmp_path / "Pulumi.sandbox.yaml").write_text(yaml.safe_dump({"config": sandbox}))
    found = run(lambda: program(tmp_path / "__main__.py"), config=engine_config(mixed), stack="infra")
    assert found.of_type("seawall:data:DragonflyCluster") == {"dragonfly", "dragonfly-queue"}
    [consumer] = found.of_type("seawall:data:SharedServiceConsumer")
    assert found.inputs(f"{consumer}-service-sandbox-dragonfly-cache-global")["kind"] == "Service"
    assert "namespace-sandbox-dragonfly" in found.requests


def test_sandbox_can_be_destroyed_and_infra_keeps_its_data(recorded: Callable[[str], Recorder]) -> None:
    def protected(stack: str) -> set[str]:
        return {name for name, request in recorded(stack).requests.items() if request.protect}

    assert protected("sandbox") == set()
    assert {"namespace-databases", "shared-postgres-cluster"} <= protected("infra")
    assert {"namespace-dragonfly-system", "dragonfly-queue-dragonfly"} <= protected("infra"), "a queue is data as well"
    assert not {name for name in protected("apps") if name.startswith("namespace-")}, "only Services are there"


@pytest.mark.parametrize("stack", STACKS)
def test_the_same_settings_give_the_same_program(stack: str, recorded: Callable[[str], Recorder]) -> None:
    again = run(program, config=engine_config(changed(stack=stack)), stack=stack)
    first = recorded(stack)
    assert {n: r.object for n, r in again.requests.items()} == {n: r.object for n, r in first.requests.items()}


@pytest.mark.parametrize("stack", STACKS)
def test_components_register_their_outputs_once(stack: str, recorded: Callable[[str], Recorder]) -> None:
    recorder = recorded(stack)
    components = {name for name, request in recorder.requests.items() if not request.custom}
    registered = [urn.split("::")[-1] for urn, _ in recorder.outputs if "pulumi:pulumi:Stack::" not in urn]
    assert sorted(registered) == sorted(components)


def refused(config: dict[str, Any], **options: Any) -> str:
    with pytest.raises(pulumi.RunError) as caught:
        run(program, config={**engine_config(config), **options})
    return str(caught.value)


def test_a_mistake_in_the_settings_stops_the_program_before_anything_is_registered() -> None:
    config = engine_config(changed(("dragonfly.clusters.dragonfly.min_available", 3)))
    seen: list[Recorder] = []

    def wrapped() -> None:
        seen.append(pulumi.runtime.settings.SETTINGS.monitor)
        program()

    with pytest.raises(pulumi.RunError, match=r"min_available = 3: must be 2 of 3 replicas.*\[DFLY-OPS-001\]"):
        run(wrapped, config=config)
    assert seen[0].requests == {}


def test_default_providers_must_be_off() -> None:
    config = changed()
    del config["pulumi:disable-default-providers"]
    assert 'must be ["*"]' in refused(config)
    assert 'must be ["*"]' in refused({**config, "pulumi:disable-default-providers": ["aws"]})


def test_an_encrypted_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_SECRET_KEYS", '["seawall:dragonfly", "other:thing"]')
    assert "seawall:dragonfly must not be encrypted" in refused(changed())


def test_a_key_that_nobody_reads_is_refused() -> None:
    assert "did you mean `dragonfly`?" in refused({**changed(), "seawall:dragonflies": {}})


@pytest.mark.parametrize("stack", STACKS)
def test_what_was_suspended_by_hand_is_taken_up_again(recorded: Callable[[str], Recorder], stack: str) -> None:
    # Server-side apply leaves alone what a manifest does not say, so the default has to be said.
    found = [it for it in objects_of(recorded(stack)) if it["kind"] in ("CronJob", "ScheduledBackup")]
    assert found
    assert [it["metadata"]["name"] for it in found if it["spec"].get("suspend") is not False] == []


@pytest.mark.parametrize("stack", ["infra", "sandbox"])
def test_a_pooler_that_was_paused_by_hand_goes_on(recorded: Callable[[str], Recorder], stack: str) -> None:
    found = [it for it in objects_of(recorded(stack)) if it["kind"] == "Pooler"]
    assert found
    assert all(it["spec"]["pgbouncer"]["paused"] is False for it in found)
