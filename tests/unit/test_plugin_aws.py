"""The pure parts of the AWS stand-in, and that it covers what the program's SDK may send."""

import importlib
import inspect
import json

import pytest

from seawall.sandbox.plugins.aws import settings
from seawall.sandbox.plugins.aws.clients import Clients
from seawall.sandbox.plugins.aws.provider import TYPES
from seawall.sandbox.plugins.aws.resource import MARK, marked, tag_list, tags_out
from seawall.sandbox.plugins.aws.s3_settings import from_api, to_api
from seawall.sandbox.plugins.aws.schema import Between, Choice, Document, Schema, Tags, equivalent, problems
from seawall.sandbox.plugins.properties import UNKNOWN, Properties


def refusals(**values: object) -> dict[str, str]:
    return {r.property: r.reason for r in settings.check(Properties(dict(values)))}


def test_good_settings_are_accepted_as_the_sdk_sends_them() -> None:
    sent = {"region": "eu-central-1", "allowedAccountIds": '["123456789012"]', "skipRegionValidation": "true"}
    assert refusals(**sent, defaultTags='{"tags": {"a": "b"}}') == {}


@pytest.mark.parametrize(
    ("values", "property_"),
    [
        ({"allowedAccountIds": '["123456789012"]'}, "region"),
        ({"region": "eu-central-1"}, "allowedAccountIds"),
        ({"region": "eu-central-1", "allowedAccountIds": "[]"}, "allowedAccountIds"),
        ({"region": "eu-central-1", "allowedAccountIds": '["12345"]'}, "allowedAccountIds"),
        ({"region": "eu-central-1", "allowedAccountIds": '["123456789012"]', "defaultTags": "[]"}, "defaultTags"),
        ({"region": "eu-central-1", "allowedAccountIds": '["123456789012"]', "endpoints": "[]"}, "endpoints"),
        ({"region": UNKNOWN, "allowedAccountIds": '["123456789012"]'}, ""),
    ],
)
def test_wrong_settings_are_refused(values: dict[str, object], property_: str) -> None:
    assert list(refusals(**values)) == [property_]


@pytest.mark.parametrize("endpoint", [None, "", "https://s3.amazonaws.com", "http://10.0.0.1:5000"])
def test_only_loopback_is_a_sandbox(endpoint: str | None) -> None:
    with pytest.raises(ValueError, match="AWS_ENDPOINT_URL"):
        settings.sandbox_endpoint(endpoint)


SCHEMA: dict[str, Schema] = {
    "name": str,
    "days": Between(7, 30),
    "on": bool,
    "count": int,
    "mode": Choice(("a", "b")),
    "policy": Document(),
    "tags": Tags(),
    "rules": [{"id": str}],
}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"nam": "x"}, "nam is not implemented by the aws stand-in, which takes: count, days, mode, name, on"),
        ({"name": 1}, "name is 1, but must be a text"),
        ({"days": 6}, "days is 6, but must be a whole number from 7 to 30"),
        ({"days": True}, "whole number"),
        ({"on": "yes"}, 'on is "yes", but must be true or false'),
        ({"count": True}, "a whole number"),
        ({"mode": "c"}, "one of a, b"),
        ({"policy": "[]"}, "a policy document as JSON text"),
        ({"tags": {"a": 1}}, "a map of texts"),
        ({"rules": {}}, "a list"),
        ({"rules": [1]}, "an object"),
        ({"rules": [{"id": "a"}, {"it": "b"}]}, "rules[1].it is not implemented"),
    ],
)
def test_each_problem_names_property_value_and_what_is_allowed(values: dict[str, object], reason: str) -> None:
    (found,) = problems(values, SCHEMA)
    assert reason in found.reason


def test_good_and_unknown_values_are_no_problem() -> None:
    good = {"name": "x", "days": 7, "on": True, "mode": "a", "policy": "{}", "tags": {"a": "b", "c": UNKNOWN}}
    assert problems(good, SCHEMA) == []
    assert problems({**dict.fromkeys(SCHEMA, UNKNOWN), "rules": [UNKNOWN]}, SCHEMA) == []


def test_documents_are_compared_by_meaning() -> None:
    assert equivalent(Document(), '{"a": [1]}', '{ "a":[1] }')
    assert not equivalent(Document(), '{"a": [1]}', '{"a": [2]}')
    assert not equivalent(Document(), "broken", "also broken")
    assert not equivalent(str, '{"a": 1}', '{ "a": 1}')


def test_properties_are_spelled_as_the_api_spells_them_and_back() -> None:
    said = [
        {
            "id": "a",
            "filter": {"and": {"prefix": "p", "tags": {"k": "v"}}},
            "transitions": [{"days": 30, "storageClass": "GLACIER"}],
            "rule": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "key"},
        }
    ]
    api = to_api(said)
    assert api == [
        {
            "ID": "a",
            "Filter": {"And": {"Prefix": "p", "Tags": [{"Key": "k", "Value": "v"}]}},
            "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}],
            "Rule": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "key"},
        }
    ]
    assert from_api(api) == said


def test_the_mark_is_in_the_tags_and_never_in_the_outputs() -> None:
    aws = Clients("http://127.0.0.1:1", "eu-central-1")
    aws.default_tags = {"by": "seawall"}
    tags = tag_list({"a": "b", "by": "seawall"}, "urn:pulumi:x")
    assert MARK in {tag["Key"] for tag in tags}
    assert all(len(tag["Value"]) <= 256 for tag in tags)
    assert tags_out(aws, tags) == {"tags": {"a": "b"}, "tagsAll": {"a": "b", "by": "seawall"}}
    assert marked(tags, "urn:pulumi:x")
    assert not marked(tags, "urn:pulumi:y")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK warns about names of its own
@pytest.mark.parametrize("token", TYPES)
def test_every_property_is_one_of_the_vendors(token: str) -> None:
    """The names come from the installed SDK: a property that it does not have is a typo of ours."""
    module, _, cls = token.removeprefix("aws:").replace("/", ".", 1).rpartition(":")
    package = module.split(".")[0]
    resource = getattr(importlib.import_module(f"pulumi_aws.{package}"), cls)
    source = inspect.getsource(resource._internal_init)
    vendors = {_camel(line.split('"')[1]) for line in source.splitlines() if '__props__.__dict__["' in line}
    ours = TYPES[token]
    assert set(ours.schema) <= vendors
    assert {*ours.computed, *ours.schema} - vendors == set()
    assert {*ours.required, *ours.replaced_by, *ours.kept, *ours.defaults} <= set(ours.schema)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def test_a_default_is_the_same_as_nothing() -> None:
    key = TYPES["aws:kms/key:Key"]
    assert key.is_default("isEnabled", True)
    assert not key.is_default("isEnabled", False)
    assert key.is_default("enableKeyRotation", False)
    assert key.is_default("tags", {})
    assert not key.is_default("policy", json.dumps({}))
