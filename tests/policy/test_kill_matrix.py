"""Every case of the kill matrix is caught by its rule, and by no other without a reason."""

import pytest
from google.protobuf import json_format
from kill import Kill, Resource, Stack
from kill_page import PAGE, cases, page
from our_stacks import registered

from seawall.policy.estate.doors import engine
from seawall.policy.findings import Finding, Outcome
from seawall.policy.judging import judge
from seawall.policy.rules import load

LEAST = 120
CASES: list[Kill] = cases()


def clean(name: str) -> Stack:
    """A stack as it is registered, free to be changed."""
    return [
        Resource(
            message.type,
            message.name,
            json_format.MessageToDict(message.properties),
            tuple(key for key, found in message.propertyDependencies.items() if found.urns),
        )
        for message in registered(name)
    ]


def judged(stack: Stack) -> list[Finding]:
    resources = (
        engine.Resource(
            resource.type,
            f"urn:pulumi:test::seawall::{resource.type}::{resource.name}",
            resource.name,
            engine.plain_mapping(resource.properties),
            frozenset(resource.awaits),
        )
        for resource in stack
    )
    return judge(engine.estate(resources), preview=True)


@pytest.mark.parametrize("name", ["infra", "apps"])
def test_the_clean_stacks_have_no_finding(name: str) -> None:
    found = [finding for finding in judged(clean(name)) if finding.outcome is not Outcome.DEFERRED]
    assert [f"{finding.rule.id} {finding.subject.title}: {finding.message}" for finding in found] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}-{case.what}")
def test_caught(case: Kill) -> None:
    stack = clean(case.stack)
    case.change(stack)
    found = [finding for finding in judged(stack) if finding.outcome is not Outcome.DEFERRED]
    fired = {finding.rule.id for finding in found}
    said = [f"{finding.rule.id} {finding.outcome} {finding.subject.title}: {finding.message}" for finding in found]
    assert any(f.rule.id == case.rule and f.outcome is Outcome.VIOLATED for f in found), said or "nothing fired"
    assert fired == {case.rule, *case.also}, said
    assert all(case.also.values())


def test_each_is_said_once() -> None:
    said = [(case.stack, case.what) for case in CASES]
    assert len(said) == len(set(said))


def test_every_rule_is_named_by_a_case() -> None:
    assert {case.rule for case in CASES} <= {rule.id for rule in load()}
    missing = {rule.id for rule in load()} - {case.rule for case in CASES}
    assert missing == set(), "rules that no change of our own stacks makes fire"


def test_there_are_enough() -> None:
    assert len(CASES) >= LEAST


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run `make kill-matrix`"
