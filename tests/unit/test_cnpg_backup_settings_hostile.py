"""Validation and restore drill against settings that contradict each other, or that Kubernetes would refuse later."""

from typing import Any

import pytest
from stack_samples import refusal

CLUSTER = "cnpg.clusters.shared-postgres"
STORE = ((f"{CLUSTER}.backup.endpoint", "https://s3.example.org"), (f"{CLUSTER}.backup.encryption", "AES256"))
AUTHORITY = (*STORE, (f"{CLUSTER}.secrets.endpoint_ca", "kubernetes/infra/s3-ca"))
ASKED = {"name": "n", "query": "SELECT 1", "equals": "1"}


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("validation.deep", "yes", "must be true or false"),
        ("validation.all_objects", 1, "must be true or false"),
        ("validation.sample", True, "must be a number, not true or false"),
        ("validation.page_percent", 101, "must be at most 100"),
        ("validation.timeout", "59s", "must be at least 1m"),
        ("validation.schedule", "0 3 * * 7", "refused by Kubernetes: day of week '7'"),
        ("restore_drill.schedule", "0 4 * * 5-7", "refused by Kubernetes: day of week '5-7'"),
        ("restore_drill.namespace", "observability", "not platform.observability.namespace"),
        ("restore_drill.target", "999999w before now", "must be within `backup.retention`"),
        ("restore_drill.target", "31d before now", "must be within `backup.retention`"),
        ("restore_drill.assertions", {"harbor": [{**ASKED, "query": "SELECT 1\0"}]}, "must be text"),
        ("restore_drill.assertions", {"harbor": [{**ASKED, "equals": "a\0"}]}, "without a zero byte"),
        ("restore_drill.assertions", {"harbor": [{**ASKED, "equals": "x" * 1025}]}, "at most 1024 characters"),
    ],
)
def test_what_can_not_be_is_refused_with_its_key(key: str, value: Any, told: str) -> None:
    error = str(refusal((f"{CLUSTER}.{key}", value)))
    assert f"seawall:{CLUSTER}.{key}" in error
    assert told in error
    assert "1 mistake" in error


@pytest.mark.parametrize("address", ["https://s3.example.org:99999", "https://s3.example.org:0", "https://s3..example"])
def test_an_endpoint_that_is_none_is_refused(address: str) -> None:
    error = str(refusal(*STORE, (f"{CLUSTER}.backup.endpoint", address)))
    assert f"{CLUSTER}.backup.endpoint = '{address}': must be https://<host>" in error


@pytest.mark.parametrize("purpose", ["drill-reader", "restored-app", "restored-ca"])
def test_the_authority_does_not_take_the_name_of_a_secret_of_the_drill(purpose: str) -> None:
    named = (f"{CLUSTER}.backup.endpoint_ca", {"secret": f"shared-postgres-{purpose}"})
    error = str(refusal(*AUTHORITY, named))
    assert f"seawall:{CLUSTER}.backup.endpoint_ca.secret" in error
    assert "must have another name" in error


def test_a_key_of_a_secret_is_no_path() -> None:
    error = str(refusal(*AUTHORITY, (f"{CLUSTER}.backup.endpoint_ca", {"secret": "s3-ca", "key": ".."})))
    assert f"{CLUSTER}.backup.endpoint_ca.key = '..'" in error
