"""Every rule over its fixtures with values taken away or made secret, through the engine's own protocol.

A seeded sample of the leaves of each fixture, one at a time, is replaced by an unknown value: the verdict must be a
violation, deferred, not evaluated, or the value must be irrelevant, which is proven by putting other values there. Then
the same leaves are secrets: judged all the same, and never printed.
"""

import copy
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from engine_doubles import (
    UNKNOWN_NUMBER,
    UNKNOWN_TEXT,
    resource,
    secret,
    servicer,
    stack_request,
    vendor_messages,
)
from pulumi.runtime.proto import analyzer_pb2 as proto
from rule_fixtures import Fixture, fixtures

from seawall.cli.outputs import Format, text
from seawall.policy import checking, serving
from seawall.policy.checking import Asked, Opened, Prepared
from seawall.policy.estate import engine
from seawall.policy.findings import DEFERRED_POLICY, NOT_EVALUATED_POLICY, Finding, Outcome
from seawall.policy.judging import judge
from seawall.policy.rules import load

RULES = {rule.id: rule for rule in load()}
FIXTURES = fixtures()
LEAVES = 1500
"""Leaves that are tried, over all fixtures; at least `FEWEST` of each."""
FEWEST = 3
PLANTED = "planted-hunter2-text"
IDENTITY = (
    *(("apiVersion",), ("kind",), ("metadata",), ("metadata", "name"), ("metadata", "namespace")),
    *(("type",), ("name",), ("properties",)),
)
"""What says which object it is: the engine always knows type and name."""

Path = tuple[str | int, ...]
Manifests = list[dict[str, Any]]


@dataclass(frozen=True)
class Leaf:
    """One value in one of a fixture's objects."""

    place: int
    path: Path
    value: Any

    def put(self, manifests: Manifests, value: Any) -> Manifests:
        """The objects with another value there."""
        changed = list(manifests)
        changed[self.place] = copy.deepcopy(manifests[self.place])
        target: Any = changed[self.place]
        for key in self.path[:-1]:
            target = target[key]
        target[self.path[-1]] = value
        return changed

    def without(self, manifests: Manifests) -> Manifests:
        """The objects without it."""
        changed = self.put(manifests, None)
        target: Any = changed[self.place]
        for key in self.path[:-1]:
            target = target[key]
        if isinstance(target, list):
            target.pop(int(self.path[-1]))
        else:
            del target[self.path[-1]]
        return changed

    @property
    def key(self) -> str:
        """The property of the resource that it is in, as what depends on others is told by."""
        return str(self.path[1] if self.path[0] == "properties" else self.path[0])

    def __str__(self) -> str:
        return f"object {self.place}, {'.'.join(map(str, self.path))}"


@cache
def manifests_of(fixture: Fixture) -> tuple[dict[str, Any], ...]:
    return tuple(dict(each) for each in fixture.resources)


def leaves(fixture: Fixture) -> list[Leaf]:
    """A sample, the same in every run."""
    found = [
        leaf
        for place, manifest in enumerate(manifests_of(fixture))
        for leaf in _leaves(place, (), manifest)
        if leaf.path not in IDENTITY
    ]
    wanted = max(FEWEST, LEAVES // len(FIXTURES))
    chosen = random.Random(str(fixture)).sample(found, min(wanted, len(found)))
    return sorted(chosen, key=lambda leaf: (leaf.place, [str(key) for key in leaf.path]))


def _leaves(place: int, path: Path, value: Any) -> Iterator[Leaf]:
    if path:
        yield Leaf(place, path, value)  # a whole mapping or list may be unknown as well
    if isinstance(value, dict):
        for key, content in value.items():
            yield from _leaves(place, (*path, key), content)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(place, (*path, index), item)


def found(rule: str, manifests: Sequence[dict[str, Any]], *, preview: bool = False, awaits: str = "") -> list[Finding]:
    """What one rule says of a stack with these resources, from the protocol's messages on."""
    messages = [resource(manifest, [awaits] if awaits else ()) for manifest in manifests]
    return judge(engine.estate(serving._resources(messages)), [RULES[rule]], preview=preview)


def violations(findings: Sequence[Finding]) -> list[str]:
    return sorted(finding.subject.title for finding in findings if finding.outcome is Outcome.VIOLATED)


def defects(findings: Sequence[Finding]) -> list[str]:
    return [finding.message for finding in findings if "the rule failed with" in finding.message]


def unknown(value: Any) -> str:
    return UNKNOWN_NUMBER if isinstance(value, int | float) and not isinstance(value, bool) else UNKNOWN_TEXT


def others(leaf: Leaf, manifests: Manifests) -> Iterator[Manifests]:
    """The objects with other values there, as somebody might write them."""
    yield leaf.without(manifests)
    value = leaf.value
    if isinstance(value, bool):
        yield leaf.put(manifests, not value)
    elif isinstance(value, int):
        for number in (0, 1, value + 1, 1000):
            yield leaf.put(manifests, number)
    elif isinstance(value, str):
        for word in ("", "other", f"{value}-other", "0", "*"):
            yield leaf.put(manifests, word)
    elif isinstance(value, dict):
        yield leaf.put(manifests, {})
    elif isinstance(value, list):
        yield leaf.put(manifests, [])


@pytest.mark.parametrize("fixture", FIXTURES, ids=str)
def test_an_unknown_value_is_never_a_pass(fixture: Fixture) -> None:
    manifests = list(manifests_of(fixture))
    before = violations(found(fixture.rule, manifests))
    for leaf in leaves(fixture):
        taken = leaf.put(manifests, unknown(leaf.value))
        now = found(fixture.rule, taken)
        assert not defects(now), (leaf, defects(now))
        undecided = any(finding.outcome is Outcome.NOT_EVALUATED for finding in now)
        if undecided:
            waits = found(fixture.rule, taken, preview=True, awaits=leaf.key)
            assert any(finding.outcome is Outcome.DEFERRED for finding in waits), leaf
            blocked = [f.message for f in waits if f.outcome is Outcome.NOT_EVALUATED]
            assert not blocked, f"{leaf}: waits for another resource, and is not deferred: {blocked}"
            continue
        gone = [title for title in before if title not in violations(now)]
        assert not gone, f"{leaf}: unknown, and what was found of {gone} is found no more"
        if not violations(now):
            for changed in others(leaf, manifests):
                could = found(fixture.rule, changed)
                assert not violations(could), (
                    f"{leaf}: unknown, and passes; with another value there the rule finds: {could[0].message}"
                )


@pytest.mark.parametrize("preview", [True, False])
def test_through_the_servicer(preview: bool) -> None:
    """The same as above from request to response, for one leaf of each fixture: no other policy speaks."""
    for fixture in (fixture for fixture in FIXTURES if leaves(fixture)):
        leaf = leaves(fixture)[0]
        taken = leaf.put(list(manifests_of(fixture)), unknown(leaf.value))
        others_off = {rule: proto.DISABLED for rule in RULES if rule != fixture.rule}
        pack = servicer(preview=preview, levels=others_off)
        told = pack.AnalyzeStack(stack_request(taken, [leaf.key]), None).diagnostics
        undecided = DEFERRED_POLICY if preview else NOT_EVALUATED_POLICY
        assert {d.policyName for d in told} <= {fixture.rule, undecided}, (fixture, leaf)
        expected = found(fixture.rule, taken, preview=preview, awaits=leaf.key)
        assert len(told) == len(expected), (fixture, leaf)


@pytest.mark.parametrize("fixture", FIXTURES, ids=str)
def test_behind_the_vendors_proxies(fixture: Fixture) -> None:
    """One policy alone, in the vendor's servicer: whatever is unknown, nothing is raised and nothing is skipped."""
    manifests = list(manifests_of(fixture))
    for leaf in leaves(fixture)[:2]:
        taken = leaf.put(manifests, unknown(leaf.value))
        told = vendor_messages(fixture.rule, taken)
        assert len(told) == len(found(fixture.rule, taken)), leaf
        assert not [message for message in told if "can't run policy" in message], "the vendor's way of giving up"


@pytest.mark.parametrize("fixture", FIXTURES, ids=str)
def test_a_secret_is_judged_like_any_value(fixture: Fixture) -> None:
    manifests = list(manifests_of(fixture))
    before = violations(found(fixture.rule, manifests))
    for leaf in leaves(fixture):
        hidden = leaf.put(manifests, secret(leaf.value))
        assert violations(found(fixture.rule, hidden)) == before, leaf


@pytest.mark.parametrize("fixture", FIXTURES, ids=str)
def test_no_format_prints_a_secret(fixture: Fixture) -> None:
    manifests = list(manifests_of(fixture))
    for leaf in leaves(fixture):
        if not isinstance(leaf.value, str):
            continue
        for planted in (PLANTED, f"{leaf.value}-{PLANTED}", f"{PLANTED} {leaf.value}", f"--flag={PLANTED}"):
            taken = leaf.put(manifests, secret(planted))
            findings = found(fixture.rule, taken)
            assert not defects(findings), leaf
            said = " ".join(f"{f.message} {f.mend} {dict(f.facts)} {serving.message(f)}" for f in findings)
            assert PLANTED not in said, f"{leaf}: {said}"


@pytest.mark.parametrize("rule", RULES)
def test_no_whole_report_prints_a_secret(rule: str) -> None:
    """All formats at once, for one failing fixture of each rule with every text under `spec` a secret."""
    fixture = next((fixture for fixture in FIXTURES if fixture.rule == rule and not fixture.passes), None)
    assert fixture is not None, f"{rule} has no failure.*.yaml"
    hidden: Manifests = [
        {**manifest, **({"spec": secret(manifest["spec"])} if "spec" in manifest else {})}
        for manifest in manifests_of(fixture)
    ]
    loud = copy.deepcopy(hidden)
    for manifest in loud:
        if "spec" in manifest and isinstance(manifest["spec"]["value"], dict):
            manifest["spec"]["value"]["added"] = PLANTED
    estate = engine.estate(serving._resources([resource(manifest) for manifest in loud]))
    day = datetime.now(UTC).date()
    result = checking.check(Opened("stack", estate), Asked(), Prepared((RULES[rule],)), day=day)
    for form in Format:
        assert PLANTED not in text(result, form)


def test_enough_is_tried() -> None:
    tried = [leaf for fixture in FIXTURES for leaf in leaves(fixture)]
    assert len(tried) >= LEAVES // 2
    assert {fixture.rule for fixture in FIXTURES} == set(RULES)
