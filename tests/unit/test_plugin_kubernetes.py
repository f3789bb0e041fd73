"""The pure parts of the Kubernetes stand-in."""

from pathlib import Path
from typing import Any

import pytest

from seawall.sandbox.plugins.difference import Change, compare
from seawall.sandbox.plugins.errors import PluginError
from seawall.sandbox.plugins.kubernetes import kubeconfig, objects, placeholders, tokens
from seawall.sandbox.plugins.kubernetes.client import ApiError, Kind, field_manager, warnings_of
from seawall.sandbox.plugins.kubernetes.immutability import fixed_fields, immutable_fields, replacing
from seawall.sandbox.plugins.kubernetes.quantity import equal_quantities
from seawall.sandbox.plugins.properties import UNKNOWN, Properties

SERVER = "https://127.0.0.1:6443"


# Settings


def config(tmp_path: Path, server: str = SERVER, **user: object) -> str:
    file = tmp_path / "kubeconfig"
    text = {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "contexts": [{"name": "sandbox", "context": {"cluster": "c", "user": "u", "namespace": "mine"}}],
        "users": [{"name": "u", "user": user}],
    }
    import yaml

    file.write_text(yaml.safe_dump(text))
    return str(file)


def refusals(server: str = SERVER, **values: object) -> dict[str, str]:
    return {r.property: r.reason for r in kubeconfig.check(Properties(dict(values)), server)}


def test_good_settings_are_accepted(tmp_path: Path) -> None:
    file = config(tmp_path, token="t")
    assert refusals(kubeconfig=file, context="sandbox") == {}
    assert refusals(kubeconfig=Path(file).read_text(), context="sandbox", enableServerSideApply="true") == {}


def test_a_connection_carries_token_and_namespace(tmp_path: Path) -> None:
    values = {"kubeconfig": config(tmp_path, token="t"), "context": "sandbox"}
    connection = kubeconfig.connect(Properties(dict(values)))
    assert connection.headers == {"Authorization": "Bearer t"}
    assert connection.namespace == "mine"
    assert kubeconfig.connect(Properties({**values, "namespace": "own"})).namespace == "own"


def test_every_wrong_setting_is_said_at_once() -> None:
    found = refusals(cluster="x", enableServerSideApply="false")
    assert set(found) == {"cluster", "enableServerSideApply", "kubeconfig", "context"}


def test_an_unknown_setting_cannot_be_previewed(tmp_path: Path) -> None:
    assert "must be known" in refusals(kubeconfig=config(tmp_path), context=UNKNOWN)["context"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [", "is not YAML"),
        ("just text\n", "is not a kubeconfig"),
        ("contexts: [{name: sandbox, context: {cluster: none}}]\n", "names cluster 'none', which is not there"),
        ("contexts: []\n", "which has: none"),
    ],
)
def test_a_broken_kubeconfig_is_one_sentence(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    assert reason in refusals(kubeconfig=str(file), context="sandbox")["context"]


def test_a_missing_kubeconfig_is_one_sentence(tmp_path: Path) -> None:
    assert "cannot be read" in refusals(kubeconfig=str(tmp_path / "none"), context="sandbox")["context"]


def test_a_login_command_is_never_run(tmp_path: Path) -> None:
    file = config(tmp_path, exec={"command": "aws"})
    assert "runs a login command" in refusals(kubeconfig=file, context="sandbox")["context"]


@pytest.mark.parametrize("server", [None, "", "https://10.0.0.1:6443", "not a url"])
def test_only_loopback_is_a_sandbox(server: str | None) -> None:
    with pytest.raises(ValueError, match="SEAWALL_SANDBOX_API_SERVER"):
        kubeconfig.sandbox_server(server)


# Types


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        ("kubernetes:core/v1:Namespace", ("v1", "Namespace")),
        ("kubernetes:policy/v1:PodDisruptionBudget", ("policy/v1", "PodDisruptionBudget")),
        ("kubernetes:dragonflydb.io/v1alpha1:Dragonfly", ("dragonflydb.io/v1alpha1", "Dragonfly")),
    ],
)
def test_a_type_names_version_and_kind(type_: str, expected: tuple[str, str]) -> None:
    assert tokens.of_type(type_) == expected
    assert tokens.refusal(type_, {}) is None


def test_a_kind_whose_name_happens_to_end_in_patch_or_list_is_taken() -> None:
    assert tokens.refusal("kubernetes:example.com/v1:AllowList", {"kind": "AllowList", "spec": {}}) is None
    assert tokens.refusal("kubernetes:example.com/v1:HotPatch", {"kind": "HotPatch"}) is None


def test_paths_of_the_api() -> None:
    assert Kind("v1", "ConfigMap", "configmaps", True).path("a", "b") == "/api/v1/namespaces/a/configmaps/b"
    assert Kind("apps/v1", "X", "xs", True).path(None) == "/apis/apps/v1/xs"
    assert Kind("v1", "Namespace", "namespaces", False).path("ignored", "n") == "/api/v1/namespaces/n"


def test_warnings_of_http_headers() -> None:
    assert warnings_of(['299 - "a \\"b\\" c", 299 - "d, e"', "nonsense"]) == ['a "b" c', "d, e"]


# Objects


def test_string_data_is_applied_as_data() -> None:
    said = {"apiVersion": "v1", "kind": "Secret", "data": {"a": "eA=="}, "stringData": {"b": "x", "c": UNKNOWN}}
    assert objects.manifest_of(said)["data"] == {"a": "eA==", "b": "eA==", "c": UNKNOWN}
    assert "stringData" in said
    other = {"apiVersion": "example.com/v1", "kind": "Secret", "stringData": {"b": "x"}}
    assert objects.manifest_of(other) == other


LIVE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {
        "name": "a",
        "uid": "1",
        "resourceVersion": "7",
        "managedFields": [{"manager": "seawall:dev", "operation": "Apply"}],
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
    },
    "data": {"a": "1", "theirs": "2"},
    "status": {"phase": "x"},
}


def test_the_state_keeps_no_bookkeeping() -> None:
    assert objects.outputs_of(LIVE) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "uid": "1"},
        "data": {"a": "1", "theirs": "2"},
    }
    assert "managedFields" in LIVE["metadata"]


def test_only_what_the_stacks_own_manager_applied_is_its_own() -> None:
    manager = field_manager("urn:pulumi:dev::seawall::kubernetes:core/v1:ConfigMap::a")
    assert manager == "seawall:dev"
    assert objects.applied_by(manager, LIVE)
    for other, operation in (
        ("kubectl", "Apply"),
        (manager, "Update"),
        ("seawall:infra", "Apply"),
        ("seawall", "Apply"),
    ):
        managed = [{"manager": other, "operation": operation}]
        assert not objects.applied_by(manager, {**LIVE, "metadata": {"managedFields": managed}})


def test_refreshed_inputs_hold_drift_and_nothing_else() -> None:
    said = {"metadata": {"name": "a"}, "data": {"a": "mine", "gone": "x"}}
    assert objects.refreshed_inputs(said, LIVE, None) == {"metadata": {"name": "a"}, "data": {"a": "1"}}


def test_a_field_is_not_drifted_when_the_server_spells_it_otherwise() -> None:
    said = {"spec": {"cpu": "1000m", "list": [{"n": 1}, {"n": 2}], "size": "1024Mi"}}
    live = {"spec": {"cpu": "1", "list": [{"n": 1, "d": "x"}, {"n": 3, "d": "x"}], "size": "1Gi"}}
    applied = {"spec": {"cpu": "1", "list": [{"n": 1, "d": "x"}, {"n": 2, "d": "x"}], "size": "1024Mi"}}
    fresh = objects.refreshed_inputs(said, live, applied)
    assert fresh == {"spec": {"cpu": "1000m", "list": [{"n": 1}, {"n": 3}], "size": "1024Mi"}}


def test_the_drift_of_a_secret_is_found_under_string_data() -> None:
    said = {"apiVersion": "v1", "kind": "Secret", "stringData": {"a": "x", "gone": "y"}}
    live = {"apiVersion": "v1", "kind": "Secret", "data": {"a": "eg=="}}
    assert objects.refreshed_inputs(said, live, None)["stringData"] == {"a": "z"}


def test_another_spelling_counts_once_the_program_says_it() -> None:
    live, applied = {"spec": {"cpu": "1", "n": 1}}, {"spec": {"cpu": "1000m", "n": 2}}
    assert [c.path for c in objects.real_changes(live, applied, [])] == [("spec", "n")]
    said = compare({"spec": {"cpu": "1"}}, {"spec": {"cpu": "1000m"}})
    assert [c.path for c in objects.real_changes(live, applied, said)] == [("spec", "cpu"), ("spec", "n")]


def test_a_preview_hides_what_only_the_deployment_decides() -> None:
    service: dict[str, object] = {
        "kind": "Service",
        "metadata": {"name": "a", "uid": "u-1", "creationTimestamp": "now", "resourceVersion": "1"},
        "spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ports": [{"port": 80, "nodePort": 30001}]},
    }
    hidden: Any = objects.hide_computed(service, {"metadata": {"name": "a"}}, exists=False)
    assert hidden["metadata"] == {"name": "a", "uid": UNKNOWN, "creationTimestamp": UNKNOWN}
    assert hidden["spec"] == {
        "clusterIP": UNKNOWN,
        "clusterIPs": [UNKNOWN],
        "ports": [{"port": 80, "nodePort": UNKNOWN}],
    }
    said: Any = objects.hide_computed(service, {"spec": {"clusterIP": "10.0.0.1"}}, exists=False)
    assert said["spec"]["clusterIP"] == "10.0.0.1"
    assert objects.hide_computed(service, {}, exists=True)["spec"] == service["spec"]


def test_ids_name_one_object() -> None:
    assert objects.split_id("a/b") == ("a", "b")
    assert objects.split_id("b") == (None, "b")
    for wrong in ("", "a/", "a/b/c"):
        with pytest.raises(PluginError, match="is not the id"):
            objects.split_id(wrong)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("1000m", "1", True),
        ("1Gi", "1024Mi", True),
        ("1G", "1Gi", False),
        ("1e3", "1k", True),
        ("0.5", "500m", True),
        (1, "1000m", True),
        (True, "1", False),
        ("on", "on", False),
        ("1MB", "1MB", False),
        ("", "", False),
    ],
)
def test_quantities(one: object, other: object, equal: bool) -> None:
    assert equal_quantities(one, other) is equal


# Replacement


def refused(*causes: tuple[str, str], message: str = "", status: int = 422) -> ApiError:
    details = {"causes": [{"field": field, "message": text} for field, text in causes]}
    return ApiError(status, {"message": message or "is invalid", "details": details})


# What the API server, CRDs and webhooks of the operators say, as they say it.
@pytest.mark.parametrize(
    ("field", "message", "path"),
    [
        ("type", 'Invalid value: "b": field is immutable', ("type",)),
        ("spec", "Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden", ("spec",)),
        ("spec", "Forbidden: pod updates may not change fields other than `spec.tolerations`", ("spec",)),
        ("roleRef", "Invalid value: {}: cannot change roleRef", ("roleRef",)),
        ("value", "Forbidden: may not be changed in an update.", ("value",)),
        ("spec.clusterIPs[0]", 'Invalid value: ["a"]: may not change once set', ("spec", "clusterIPs", 0)),
        ("spec.cluster", "Invalid value: cluster reference is immutable", ("spec", "cluster")),
        ("<nil>", "Invalid value: target name is immutable", ()),
    ],
)
def test_immutable_fields_are_read_from_the_answer(field: str, message: str, path: tuple[Any, ...]) -> None:
    assert immutable_fields(refused((field, message))) == [path]


@pytest.mark.parametrize(
    "error",
    [
        refused(("spec.replicas", "Invalid value: -1: must be greater than or equal to 0")),
        refused(("type", "field is immutable"), ("data", "Required value")),
        refused(message="can't shrink existing storage from 20Gi to 10Gi"),
        refused(("type", "field is immutable"), status=500),
        refused(message="admission webhook denied the request: quota exceeded", status=403),
    ],
)
def test_nothing_else_replaces(error: ApiError) -> None:
    assert immutable_fields(error) is None


def test_a_replacement_marks_the_changes_under_the_field() -> None:
    changes = [Change(("spec", "a"), "update"), Change(("metadata", "labels", "x"), "add")]
    marked = replacing(changes, [("spec",)])
    assert [(c.path, c.replace) for c in marked] == [(("spec", "a"), True), (("metadata", "labels", "x"), False)]
    assert all(change.replace for change in replacing(changes, [()]))
    assert Change(("type",), "update", replace=True) in replacing(changes, [("type",)])
    assert any(change.replace for change in replacing([], [()]))


def test_the_address_of_a_service_is_fixed() -> None:
    change = Change(("spec", "clusterIP"), "update")
    assert fixed_fields("Service", [change]) == [("spec", "clusterIP")]
    assert fixed_fields("Thing", [change]) == []


# Stand-in values

SCHEMAS: dict[str, Any] = {
    "io.example.Thing": {
        "type": "object",
        "x-kubernetes-group-version-kind": [{"group": "example.com", "version": "v1", "kind": "Thing"}],
        "properties": {"spec": {"allOf": [{"$ref": "#/components/schemas/io.example.Spec"}]}},
    },
    "io.example.Spec": {
        "type": "object",
        "required": ["role"],
        "properties": {
            "role": {"type": "string"},
            "mode": {"type": "string", "enum": ["on", "off"]},
            "count": {"type": "integer", "minimum": 3, "maximum": 9},
            "flag": {"type": "boolean"},
            "when": {"type": "string", "format": "date-time"},
            "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
            "arn": {"type": "string", "pattern": "^arn:aws:iam::[0-9]+:role/.+$"},
            "size": {"x-kubernetes-int-or-string": True},
            "items": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/io.example.Spec"}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "free": {"x-kubernetes-preserve-unknown-fields": True},
            "long": {"type": "string", "minLength": 40},
        },
    },
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("mode",), "on"),
        (("count",), 3),
        (("flag",), False),
        (("when",), "2006-01-02T15:04:05Z"),
        (("name",), "seawa"),
        (("arn",), "arn:aws:iam::000000000000:role/seawall-unknown"),
        (("size",), 1),
        (("items",), [{"role": placeholders.MARK}]),
        (("items", 0, "mode"), "on"),
        (("labels", "a"), placeholders.MARK),
        (("labels",), {}),
        (("free",), placeholders.MARK),
        (("nowhere", "at", "all"), placeholders.MARK),
    ],
)
def test_a_stand_in_value_fits_its_schema(path: tuple[Any, ...], value: object) -> None:
    root = placeholders.root_schema(SCHEMAS, "example.com/v1", "Thing")
    schema = placeholders.schema_at(root, ("spec", *path), SCHEMAS)
    assert placeholders.stand_in(schema, SCHEMAS) == value


def test_a_stand_in_value_is_long_enough() -> None:
    assert len(str(placeholders.stand_in(SCHEMAS["io.example.Spec"]["properties"]["long"], SCHEMAS))) == 40


def test_a_schema_that_needs_itself_ends() -> None:
    endless = {"a": {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/components/schemas/a"}}}}
    assert isinstance(placeholders.stand_in(endless["a"], endless), dict)


def test_an_unknown_kind_has_no_schema() -> None:
    assert placeholders.root_schema(SCHEMAS, "example.com/v2", "Thing") is None


def test_values_are_filled_in_and_taken_out() -> None:
    manifest = {"a": [{"b": UNKNOWN}, "c"], "d": 1}
    assert placeholders.filled(manifest, {("a", 0, "b"): "x"}) == {"a": [{"b": "x"}, "c"], "d": 1}
    assert placeholders.without(manifest, [("a", 0)]) == {"a": ["c"], "d": 1}
    assert manifest["a"] == [{"b": UNKNOWN}, "c"]
