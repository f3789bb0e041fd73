"""Every rule over its fixtures and one object more, of each kind in turn, of which hardly anything is known.

It may turn out to be anything. So it may take a verdict away (it is then not evaluated; deferred in a preview, as the
new object and nobody else waits for the value), and it must never make a rule find something that was not there.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import pytest
from engine_doubles import UNKNOWN_TEXT, resource
from rule_fixtures import Fixture, fixtures

from seawall.policy import serving
from seawall.policy.estate.doors import engine
from seawall.policy.findings import Finding, Outcome
from seawall.policy.judging import judge
from seawall.policy.rules import load

RULES = {rule.id: rule for rule in load()}
FIXTURES = fixtures()
Manifest = Mapping[str, Any]
BESIDE = "beside"


@cache
def objects(fixture: Fixture) -> tuple[Manifest, ...]:
    return tuple(fixture.resources)


def _members() -> dict[str, tuple[Manifest, frozenset[str]]]:
    """Each kind, or type, of the fixtures: one of its objects, and the members that any of them has."""
    found: dict[str, tuple[Manifest, frozenset[str]]] = {}
    for it in (it for fixture in FIXTURES for it in objects(fixture)):
        name = f"{it['kind']} of {it['apiVersion'].partition('/')[0]}" if "kind" in it else str(it["type"])
        members = (it if "kind" in it else it["properties"]).keys() - {"apiVersion", "kind", "metadata"}
        found[name] = (it, found.get(name, (it, frozenset[str]()))[1] | members)
    return found


MEMBERS = _members()


def largest(rule: str, *, passes: bool) -> Fixture:
    """The fixture with the most objects."""
    mine = (fixture for fixture in FIXTURES if fixture.rule == rule and fixture.passes is passes)
    return max(mine, key=lambda fixture: len(objects(fixture)))


def neighbours(kind: str, namespace: str) -> Iterable[tuple[str, Manifest, Manifest]]:
    """What is known of it, the object, and the same with name and namespace, which the engine knows in any case."""
    like, members = MEMBERS[kind]
    unknown = dict.fromkeys(sorted(members), UNKNOWN_TEXT)
    if "kind" not in like:
        it = {"type": like["type"], "name": BESIDE, "properties": unknown}
        yield "its type", it, it
        return
    places = {
        "name and namespace": {},
        "its namespace": {"name": UNKNOWN_TEXT},
        "its name": {"namespace": UNKNOWN_TEXT},
    }
    known = {"apiVersion": like["apiVersion"], "kind": like["kind"], **unknown}
    metadata = {"name": BESIDE, "namespace": namespace}
    for what, place in places.items():
        yield what, {**known, "metadata": {**metadata, **place}}, {**known, "metadata": metadata}


@cache
def resources(fixture: Fixture) -> tuple[engine.Resource, ...]:
    return tuple(serving._resources([resource(it) for it in objects(fixture)]))


def found(rule: str, fixture: Fixture, *added: tuple[Manifest, Manifest], preview: bool = False) -> list[Finding]:
    messages = [resource(it, it if "kind" in it else it["properties"], like=like) for it, like in added]
    return judge(engine.estate([*resources(fixture), *serving._resources(messages)]), [RULES[rule]], preview=preview)


@cache
def alone(rule: str, fixture: Fixture) -> list[Finding]:
    return found(rule, fixture)


def counted(findings: Iterable[Finding], outcome: Outcome) -> Counter[str]:
    """How many findings there are of each object but the one that was added."""
    urns = (it.subject.origin.urn or "" for it in findings if it.outcome is outcome)
    return Counter(urn for urn in urns if not urn.endswith(f"::{BESIDE}"))


def wrong(rule: str, fixture: Fixture, it: Manifest, like: Manifest) -> str | None:
    """What is wrong with the verdict beside one object, None when nothing is."""
    before, now = alone(rule, fixture), found(rule, fixture, (it, like))
    for finding in now:
        if "failed with" in finding.message:
            return finding.message
    was, left = counted(before, Outcome.VIOLATED), counted(now, Outcome.VIOLATED)
    if left - was:
        return f"found beside it only: {[it.message for it in now if it.subject.origin.urn in left - was]}"
    doubted = counted(now, Outcome.NOT_EVALUATED) - counted(before, Outcome.NOT_EVALUATED)
    if (was - left).keys() - doubted.keys():
        return f"found no more, and without a doubt: {sorted((was - left).keys())}"
    if doubted:
        blocked = counted(found(rule, fixture, (it, like), preview=True), Outcome.NOT_EVALUATED)
        if blocked - counted(before, Outcome.NOT_EVALUATED):
            return f"not deferred: {sorted(blocked)}"
    return None


CHANGES = {
    ("CNPG-SW-003", "Node of v1"): "one node more is one node more, whatever is not known of it",
}
"""Neighbours that rightly take a finding away, and why."""


@pytest.mark.parametrize("rule", RULES)
def test_what_is_not_known_of_a_neighbour_proves_nothing(rule: str) -> None:
    said = {}
    for fixture in (largest(rule, passes=True), largest(rule, passes=False)):
        places = [it["metadata"].get("namespace", "default") for it in objects(fixture) if "kind" in it]
        namespace = Counter(places).most_common(1)[0][0] if places else "default"
        for kind in MEMBERS:
            for what, it, like in neighbours(kind, namespace):
                if (problem := wrong(rule, fixture, it, like)) is not None and (rule, kind) not in CHANGES:
                    said[f"{fixture}, {kind} of which only {what} is known"] = problem
    assert said == {}


@pytest.mark.parametrize(("rule", "kind"), CHANGES)
def test_what_rightly_changes_a_verdict(rule: str, kind: str) -> None:
    fixture = largest(rule, passes=False)
    namespace = next(it["metadata"]["namespace"] for it in objects(fixture) if "namespace" in it.get("metadata", {}))
    assert any(wrong(rule, fixture, it, like) for _, it, like in neighbours(kind, namespace)), "strike the row"
