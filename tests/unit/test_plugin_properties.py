"""Pulumi's property values: wire format, paths, secrets, unknowns."""

from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime import rpc

from seawall.sandbox.plugins.errors import PluginError, redact
from seawall.sandbox.plugins.properties import (
    OUTPUT,
    SECRET,
    SIGNATURE,
    UNKNOWN,
    UNKNOWN_STRING,
    Path,
    Properties,
    at,
    decode,
    encode,
    has,
    leaves,
    parse,
    render,
    secret_paths_in,
)

KEYS = st.text(min_size=1, max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**50), 2**50) | st.text(max_size=8) | st.just(UNKNOWN),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_what_is_encoded_is_decoded(values: dict[str, Any]) -> None:
    assert decode(encode(values)) == Properties(values)


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=4), st.data())
def test_secrets_stay_where_they_are(values: dict[str, Any], data: st.DataObject) -> None:
    secret = data.draw(st.sampled_from([path for path, _ in leaves(values)]))
    if secret:
        assert decode(encode(values, frozenset({secret}))) == Properties(values, frozenset({secret}))


@given(st.lists(st.text(max_size=6) | st.integers(0, 99), min_size=1, max_size=5))
def test_a_rendered_path_is_parsed(steps: list[str | int]) -> None:
    path: Path = tuple(steps)
    assert parse(render(path)) == path


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("spec", "ports", 0, "name"), "spec.ports[0].name"),
        (("metadata", "annotations", "seawall.dev/clients"), 'metadata.annotations["seawall.dev/clients"]'),
        (("metadata", "labels", 'a"b'), 'metadata.labels["a\\"b"]'),
        (("data", "my-key"), "data.my-key"),
    ],
)
def test_paths_are_written_as_pulumi_writes_them(path: Path, text: str) -> None:
    assert render(path) == text


def test_the_constants_are_the_sdks() -> None:
    assert UNKNOWN_STRING == rpc.UNKNOWN
    assert rpc._special_sig_key == SIGNATURE
    assert rpc._special_secret_sig == SECRET
    assert rpc._special_output_value_sig == OUTPUT


def test_whole_numbers_are_integers_again() -> None:
    struct = Struct()
    struct.update({"three": 3.0, "half": 0.5, "true": True})
    values = decode(struct).values
    assert values == {"three": 3, "half": 0.5, "true": True}
    assert isinstance(values["three"], int)
    assert values["true"] is True


def test_outputs_are_read_as_secrets_and_unknowns() -> None:
    struct = Struct()
    struct.update(
        {
            "later": {SIGNATURE: OUTPUT},
            "hidden": {SIGNATURE: OUTPUT, "value": "x", "secret": True},
        }
    )
    assert decode(struct) == Properties({"later": UNKNOWN, "hidden": "x"}, frozenset({("hidden",)}))


def test_assets_are_refused_with_their_place() -> None:
    struct = Struct()
    struct.update({"spec": {"file": {SIGNATURE: "c44067f5952c0a294b673a41bacd8c17", "text": "x"}}})
    with pytest.raises(PluginError, match=r"^spec\.file: assets"):
        decode(struct)


def test_secrets_are_found_in_outputs_by_place_and_by_value() -> None:
    inputs = Properties({"a": {"b": "topsecret"}}, frozenset({("a", "b")}))
    assert secret_paths_in({"a": {"b": "other"}, "c": ["x", "topsecret"]}, inputs) == {("a", "b"), ("c", 1)}


def test_a_secret_is_taken_out_of_a_message_in_every_spelling() -> None:
    assert redact("x=topsecret y=dG9wc2VjcmV0", {"topsecret"}) == "x=[secret] y=[secret]"
    assert redact("a longsecret", {"secret", "longsecret"}) == "a [secret]"
    assert redact("to be", {"to"}) == "to be"  # two letters would cut up any sentence


def test_missing_values_are_told_from_nothing() -> None:
    tree = {"a": [None]}
    assert has(tree, ("a", 0))
    assert not has(tree, ("a", 1))
    assert at(tree, ("a", "b"), "default") == "default"
