"""The stacks once deployed: every rule comes to a verdict, and finds nothing; and before, when keys are not made."""

import json
from typing import Any

import pytest
from engine_doubles import UNKNOWN_TEXT
from known_stack import MOCK_ARN, plant
from test_kill_matrix import clean, judged

from seawall.policy.estate.doors import engine
from seawall.policy.findings import Outcome
from seawall.policy.judging import judge


@pytest.mark.parametrize("name", ["infra", "apps", "sandbox"])
def test_nothing_is_left_unknown_and_nothing_is_found(name: str) -> None:
    stack = clean(name)
    plant(stack)
    text = json.dumps([resource.properties for resource in stack])
    assert UNKNOWN_TEXT not in text
    assert MOCK_ARN not in text
    resources = (
        engine.Resource(
            resource.type,
            f"urn:pulumi:test::seawall::{resource.type}::{resource.name}",
            resource.name,
            engine.plain_mapping(resource.properties),
        )
        for resource in stack
    )
    found = judge(engine.estate(resources))
    assert [f"{it.rule.id} {it.outcome} {it.subject.title}: {it.message}" for it in found] == []


@pytest.mark.parametrize("name", ["infra", "sandbox"])
def test_before_the_key_is_made_its_verdicts_wait_and_nothing_else_is_said(name: str) -> None:
    """The first preview: every text that holds the key's ARN is unknown as a whole."""
    stack = clean(name)
    for resource in stack:
        resource.properties = _without_arns(resource.properties)
    found = judged(stack)
    said = [f"{it.rule.id} {it.outcome} {it.subject.title}: {it.message}" for it in found]
    assert {it.outcome for it in found} == {Outcome.DEFERRED}, said
    assert {"CNPG-DATA-002", "CNPG-SW-011"} <= {it.rule.id for it in found}, "they ask for it"


def _without_arns(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_arns(content) for key, content in value.items()}
    if isinstance(value, list):
        return [_without_arns(content) for content in value]
    return UNKNOWN_TEXT if isinstance(value, str) and MOCK_ARN in value else value
