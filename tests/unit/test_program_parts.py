"""Stacks that make only a part: rules and program run where both sides are there, and miss nothing that is not."""

from typing import Any

import pulumi
import pytest
from recorder import Recorder, run
from stack_samples import GONE, changed, refusal
from test_program import engine_config, program

from seawall.components.settings import load

POSTGRES = "cnpg.clusters.shared-postgres"
OWN_STORE = (
    ("aws", GONE),
    (f"{POSTGRES}.backup.endpoint", "https://s3.example.org"),
    (f"{POSTGRES}.backup.encryption", "AES256"),
)


def deployed(*changes: tuple[str, Any]) -> Recorder:
    return run(program, config=engine_config(changed(*changes)), stack="infra")


def components(found: Recorder) -> set[str]:
    return {request.type for request in found.requests.values() if request.type.startswith("seawall:")}


def test_dragonfly_alone_needs_no_account_and_no_postgres() -> None:
    found = deployed(("cnpg", GONE), ("aws", GONE))
    assert components(found) == {"seawall:data:DragonflyCluster", "seawall:data:Operators"}
    assert found.of_type("pulumi:providers:aws") == set()
    assert {"namespace-dragonfly-system"} == {name for name in found.requests if name.startswith("namespace-")}
    assert not any("cnpg" in name for name in found.requests)


def test_postgres_alone_needs_no_dragonfly() -> None:
    found = deployed(("dragonfly", GONE))
    assert "seawall:data:DragonflyCluster" not in components(found)
    assert "seawall:data:BackupBucket" in components(found)
    assert not any("dragonfly" in name for name in found.requests)


def test_postgres_with_a_store_of_its_own_needs_no_account() -> None:
    found = deployed(*OWN_STORE)
    assert "seawall:data:CnpgSharedCluster" in components(found)
    assert found.of_type("pulumi:providers:aws") == set()
    assert not any(request.type.startswith("aws:") for request in found.requests.values())


def test_keys_for_a_store_of_its_own_are_asked_for_before_anything_is_registered() -> None:
    error = refusal(*OWN_STORE, (f"{POSTGRES}.secrets.backup_reader", GONE))
    assert [it.key for it in error.problems] == [f"{POSTGRES}.secrets.backup_reader"]


def test_backups_on_aws_need_the_account() -> None:
    error = refusal(("aws", GONE))
    assert [(it.key, it.risk) for it in error.problems] == [("aws", "CNPG-DATA-002")]


def test_the_rules_that_are_left_still_judge() -> None:
    too_many = ("platform.nodes.count", 2)
    alone = {it.key for it in refusal(("cnpg", GONE), ("aws", GONE), too_many).problems}
    assert "dragonfly.clusters.dragonfly.replicas" in alone
    assert not any(key.startswith("cnpg") for key in alone)
    other = {it.key for it in refusal(("dragonfly", GONE), too_many).problems}
    assert f"{POSTGRES}.instances" in other
    assert not any(key.startswith("dragonfly") for key in other)


@pytest.mark.parametrize("part", ["dragonfly", "cnpg", "consumers"])
def test_a_refused_part_does_not_count_as_missing(part: str) -> None:
    """One mistake is one message: whatever compares with the refused part is silent."""
    gone = [(name, GONE) for name in ("dragonfly", "cnpg", "aws", "operators") if name != part]
    assert [it.key for it in refusal(*gone, (part, "nonsense")).problems] == [part]


def test_operators_have_their_defaults_in_one_place() -> None:
    assert load(changed(("operators", GONE))).operators == load(changed(("operators", {}))).operators


def test_an_empty_stack_does_nothing_and_says_so() -> None:
    parts = [(name, GONE) for name in ("dragonfly", "cnpg", "aws", "operators")]
    with pytest.raises(pulumi.RunError, match="makes services, or consumes them, or both"):
        deployed(*parts)
