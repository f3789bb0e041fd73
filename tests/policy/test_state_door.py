"""The door for an exported state: every form of the file, secrets, replacements, and what is refused."""

import json
from typing import Any

import pytest

from seawall.errors import UserError
from seawall.policy.estate.doors import engine
from seawall.policy.estate.doors.state import State, is_state, read_state
from seawall.policy.estate.kinds import DRAGONFLY
from seawall.policy.estate.values import UNKNOWN
from seawall.policy.findings import Outcome
from seawall.policy.judging import judge
from seawall.policy.rules import load

URN = "urn:pulumi:dev::seawall::"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


def dragonfly(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "dragonflydb.io/v1alpha1",
        "kind": "Dragonfly",
        "metadata": {"name": "cache", "namespace": "data"},
        "spec": {"replicas": 3, **spec},
    }


def entry(properties: dict[str, Any], kind: str = "kubernetes:dragonflydb.io/v1alpha1:Dragonfly", **more: Any) -> Any:
    return {"urn": f"{URN}{kind}::cache", "type": kind, "custom": True, "outputs": properties, **more}


def exported(*resources: Any, **more: Any) -> bytes:
    return json.dumps({"version": 3, "deployment": {"resources": list(resources), **more}}).encode()


def only(state: State) -> Any:
    (thing,) = engine.estate(state.resources).of(DRAGONFLY)
    return thing


def test_an_export_and_a_backends_own_file_are_the_same() -> None:
    own = json.dumps({"version": 3, "checkpoint": {"stack": "dev", "latest": {"resources": [entry(dragonfly())]}}})
    for content in (exported(entry(dragonfly())), own.encode()):
        state = read_state(content, "state.json")
        assert state.stack == "dev"
        assert only(state).title == "Dragonfly data/cache"
        assert only(state).origin.urn == f"{URN}kubernetes:dragonflydb.io/v1alpha1:Dragonfly::cache"


def test_a_stack_without_resources() -> None:
    empty = json.dumps({"version": 3, "checkpoint": {"stack": "dev", "latest": None}}).encode()
    assert read_state(empty, "x").resources == ()
    assert read_state(exported(), "x").stack == ""


def test_what_is_there_counts_and_not_what_was_asked_for() -> None:
    resource = entry(dragonfly(replicas=2), inputs=dragonfly(replicas=3))
    assert only(read_state(exported(resource), "x")).at("spec", "replicas").integer() == 2
    resource = {**entry({}), "inputs": dragonfly(replicas=3)}
    assert only(read_state(exported(resource), "x")).at("spec", "replicas").integer() == 3


def test_the_old_half_of_a_replacement_is_left_out_and_said() -> None:
    state = read_state(exported(entry(dragonfly(replicas=1), delete=True), entry(dragonfly())), "x")
    assert only(state).at("spec", "replicas").integer() == 3
    assert any("1 resources that are about to be deleted" in note.text for note in state.notes)


def test_interrupted_operations_are_said() -> None:
    state = read_state(exported(pending_operations=[{"type": "creating"}]), "x")
    assert any("1 operations of this stack were interrupted" in note.text for note in state.notes)


@pytest.mark.parametrize(
    ("secret", "value"),
    [
        ({**SECRET, "value": "10Gi"}, "10Gi"),
        ({**SECRET, "plaintext": '"10Gi"'}, "10Gi"),
        ({**SECRET, "ciphertext": "v1:AAAA"}, UNKNOWN),
        ({**SECRET, "plaintext": "{no json"}, UNKNOWN),
        ({**SECRET}, UNKNOWN),
    ],
)
def test_secrets(secret: dict[str, str], value: object) -> None:
    state = read_state(exported(entry(dragonfly(image=secret))), "x")
    assert only(state).at("spec", "image").raw == value


def test_an_encrypted_value_that_a_rule_needs_is_no_pass() -> None:
    """Without the passphrase nothing may be concluded, and nothing is deferred: no update will make it known here."""
    state = read_state(exported(entry(dragonfly(replicas={**SECRET, "ciphertext": "v1:AAAA"}))), "x")
    rules = [rule for rule in load() if rule.id == "DFLY-OPS-001"]
    found = judge(engine.estate(state.resources), rules)
    assert {finding.outcome for finding in found} == {Outcome.NOT_EVALUATED}


def test_a_value_that_the_cli_has_blotted_out_is_no_value() -> None:
    """As `pulumi policy analyze --file` does with an encrypted one, a number among them."""
    rules = [rule for rule in load() if rule.id == "DFLY-OPS-001"]
    properties = dragonfly(replicas="[secret]")
    found = judge(
        engine.estate([engine.resource("kubernetes:dragonflydb.io/v1alpha1:Dragonfly", "urn:x::a", "a", properties)]),
        rules,
    )
    assert {(finding.outcome, "is not known yet" in finding.message) for finding in found} == {
        (Outcome.NOT_EVALUATED, True)
    }


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is no JSON"),
        (b"{", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "is no exported state"),
        (b'"text"', "is no exported state"),
        (b'{"apiVersion": "v1", "kind": "List", "items": []}', "is no exported state"),
        (b'{"version": 3, "deployment": []}', "is no exported state"),
        (b'{"version": 3, "checkpoint": []}', "is no exported state"),
        (b'{"version": 2, "deployment": {}}', "version 2; version 3 is read"),
        (b'{"version": 3, "deployment": {"resources": {}}}', "must be a list of mappings"),
        (b'{"version": 3, "deployment": {"resources": [1]}}', "must be a list of mappings"),
    ],
)
def test_refused(content: bytes, says: str) -> None:
    with pytest.raises(UserError, match=r"^state\.json") as refused:
        read_state(content, "state.json")
    assert says in str(refused.value)


def test_odd_entries_are_passed_over() -> None:
    odd = [{}, {"type": 1, "urn": 2}, {"type": "pulumi:x", "urn": "y", "outputs": 3}]
    state = read_state(exported(*odd, entry(dragonfly())), "x")
    assert only(state).name == "cache"


@pytest.mark.parametrize("properties", [{}, None, [], "x", 3])
def test_an_object_without_properties_is_an_object(properties: object) -> None:
    """Its type says what it is; nothing in it is what rules want."""
    held = {**entry(dragonfly()), "outputs": properties, "inputs": {}}
    estate = engine.estate(read_state(exported(held), "x").resources)
    assert [thing.group_kind for thing in estate.declared] == [("dragonflydb.io", "Dragonfly")]
    assert judge(estate)
    component = {"type": "kubernetes:helm.sh/v3:Release", "urn": "urn:pulumi:a::b::c::d", "outputs": properties}
    assert engine.estate(read_state(exported(component), "x").resources).declared == ()


def test_a_manifest_is_no_state() -> None:
    assert not is_state({"kind": "ConfigMap", "deployment": {}})
    assert is_state({"version": 3, "deployment": {}})
