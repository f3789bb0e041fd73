"""Settings of the restore drill: what they mean, what is refused, and what they agree on with their cluster."""

from typing import Any

import pytest
from cnpg_samples import GONE, POSTGRES, changed
from pydantic import ValidationError

from seawall.components.cnpg.cluster_settings import PostgresCluster
from seawall.components.cnpg.settings import CnpgSettings

DRILL: dict[str, Any] = {"namespace": "drills", "schedule": "0 4 * * 0", "max_age": "8d"}
DIGEST = "a" * 64


def problems(*changes: tuple[str, Any], drill: dict[str, Any] | None = None) -> str:
    base = [("restore_drill", {**DRILL, **(drill or {})}), ("undrilled_reason", GONE), *changes]
    try:
        PostgresCluster.model_validate(changed(POSTGRES, *base))
    except ValidationError as error:
        return str(error)
    return ""


def test_a_drill_needs_few_words() -> None:
    settings = PostgresCluster.model_validate(
        changed(POSTGRES, ("restore_drill", DRILL), ("undrilled_reason", GONE))
    ).restore_drill
    assert settings is not None
    assert (settings.target, settings.timeout_seconds, settings.max_age_seconds) == ("latest", 7200, 8 * 86400)
    assert settings.assertions == {}


def test_no_drill_needs_a_reason_and_a_drill_none() -> None:
    with pytest.raises(ValidationError, match=r"restore_drill.*is missing.*undrilled_reason.*CNPG-OPS-002"):
        PostgresCluster.model_validate(changed(POSTGRES, ("undrilled_reason", GONE)))
    assert "undrilled_reason" in problems(("undrilled_reason", "we drill elsewhere"))


@pytest.mark.parametrize("target", ["latest", "1h before now", "90m before now", "2d before now"])
def test_targets_that_mean_something(target: str) -> None:
    assert problems(drill={"target": target}) == ""


@pytest.mark.parametrize("target", ["", "now", "1h", "0h before now", "2026-01-01T00:00:00Z", "1h before now "])
def test_targets_that_mean_nothing(target: str) -> None:
    assert "must be `latest`" in problems(drill={"target": target})


@pytest.mark.parametrize(
    ("assertion", "told"),
    [
        ({"query": "SELECT 1", "equals": "1"}, ""),
        ({"query": "with x as (select 1) select * from x", "equals": "1"}, ""),
        ({"query": "SELECT max(at) FROM t", "newer_than": "1h"}, ""),
        ({"table": "public.orders"}, ""),
        ({"table": "public.orders", "checksum": DIGEST}, ""),
        ({"query": "SELECT 1", "equals": "1", "show": True}, ""),
        ({}, "must be given, or `table`"),
        ({"query": "SELECT 1", "table": "public.t", "equals": "1"}, "and not both"),
        ({"query": "SELECT 1"}, "must be given with a query, or `newer_than`"),
        ({"query": "SELECT 1", "equals": "1", "newer_than": "1h"}, "and not both"),
        ({"query": "SELECT 1; DROP TABLE t", "equals": "1"}, "without `;`"),
        ({"query": "DELETE FROM t", "equals": "1"}, "must begin with SELECT"),
        ({"query": "SELECTION", "equals": "1"}, "must begin with SELECT"),
        ({"table": "orders"}, "with its schema"),
        ({"table": 'public.orders"; DROP'}, "with its schema"),
        ({"table": "public.orders", "equals": "1"}, "is read only with a query"),
        ({"table": "public.orders", "newer_than": "1h"}, "is read only with a query"),
        ({"table": "public.orders", "show": True}, "nothing but the digest"),
        ({"table": "public.orders", "checksum": "12"}, "64 hexadecimal digits"),
        ({"query": "SELECT 1", "equals": "1", "checksum": DIGEST}, "is read only with a `table`"),
    ],
)
def test_an_assertion_asks_one_thing(assertion: dict[str, Any], told: str) -> None:
    found = problems(drill={"assertions": {"shop": [{"name": "it", **assertion}]}})
    assert (told in found) if told else found == "", found


def test_assertions_have_names_of_their_own_and_an_application() -> None:
    one = {"name": "one", "query": "SELECT 1", "equals": "1"}
    assert "is taken by another assertion" in problems(drill={"assertions": {"shop": [one, one]}})
    assert problems(drill={"assertions": {"shop": [one], "single-sign-on": [one]}}) == ""
    assert "must be one of the cluster's applications (shop, single-sign-on)" in problems(
        drill={"assertions": {"shopp": [one]}}
    )


@pytest.mark.parametrize(
    ("drill", "told"),
    [
        ({"max_age": "7d"}, "max_age = '7d': must be at least 7 days, 2:10:00"),
        ({"max_age": "8d", "timeout": "1d"}, "max_age = '8d': must be at least 8 days"),
        ({"timeout": "1m"}, "timeout = '1m': must be at least 5m"),
        ({"namespace": "default"}, "namespace of its own"),
        (
            {"resources": {"requests": {"cpu": "1", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}},
            "restore_drill.resources.requests.memory = '128Mi': must be at least shared_buffers 256MB",
        ),
        ({"storage": {"wal": "1Gi"}}, "restore_drill.storage.wal = '1Gi': must be larger than max_wal_size 1GB"),
        ({"storage": {"wal": "2Gi", "data": "1Gi", "storage_class": "slow"}}, ""),
    ],
)
def test_a_drill_fits_itself_and_its_cluster(drill: dict[str, Any], told: str) -> None:
    found = problems(drill=drill)
    assert (told in found) if told else found == "", found


def test_the_authority_of_an_endpoint_is_needed_in_the_drills_namespace_as_well() -> None:
    endpoint = [
        ("backup.endpoint", "https://s3.example.org"),
        ("backup.encryption", "AES256"),
        ("backup.endpoint_ca", {"secret": "store-ca"}),
    ]
    assert "secrets.endpoint_ca: is missing" in problems(*endpoint)
    assert problems(*endpoint, ("secrets.endpoint_ca", "store/ca")) == ""


def test_no_application_has_the_drills_role() -> None:
    assert "which is the restore drill's" in problems(("names", {"role": "{app}", "database": "seawall_drill"}))


def test_two_drills_do_not_share_a_namespace() -> None:
    def cluster(name: str) -> dict[str, Any]:
        apart = [("backup.prefix", name), ("names.pooler", f"{name}-{{app}}")]
        return changed(POSTGRES, ("restore_drill", DRILL), ("undrilled_reason", GONE), *apart)

    clusters = {name: cluster(name) for name in ("one", "two")}
    with pytest.raises(ValidationError, match=r"clusters\.two\.restore_drill\.namespace.*the drill of one has it"):
        CnpgSettings.model_validate({"namespace": "databases", "clusters": clusters})
    clusters["two"]["restore_drill"] = {**DRILL, "namespace": "others"}
    CnpgSettings.model_validate({"namespace": "databases", "clusters": clusters})
