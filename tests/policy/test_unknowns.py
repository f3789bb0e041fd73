"""Every rule over its fixtures with values taken away or made secret, through the engine's own protocol.

A seeded sample of the leaves of each rule's fixtures, one at a time, is replaced by an unknown value: the verdict must
be a violation, deferred, not evaluated, or the value must be irrelevant, which is proven by putting other values there
(`IRRELEVANT` has those of which it must be said why). Nor may anything be found then that is not found with the value
that stood there: it is one of those that the unknown one may turn out to be. The same with what says which object it
is and where. Then the same leaves are secrets: judged all the same, and never printed.

The sample is the same in every run, of a fixed size, and the same for a rule whatever else is tried. With
`SEAWALL_EVERY_LEAF=1` every leaf of every fixture is tried, which takes some minutes.
"""

import copy
import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import zip_longest
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
from seawall.policy.estate.doors import engine
from seawall.policy.findings import DEFERRED_POLICY, NOT_EVALUATED_POLICY, Finding, Outcome
from seawall.policy.judging import judge
from seawall.policy.rules import load

RULES = {rule.id: rule for rule in load()}
FIXTURES = fixtures()
EVERY = os.environ.get("SEAWALL_EVERY_LEAF") == "1"
LEAVES = 60
"""Leaves that are tried of each rule, of its fixtures in turn."""
PLACES = 24
"""The same, of what says which objects they are."""
FEW = 8
"""The same, where one leaf costs more."""
PLANTED = "planted-hunter2-text"
ALWAYS_KNOWN = (("apiVersion",), ("kind",), ("type",), ("name",), ("properties",))
"""What the engine always knows of a resource."""
IDENTITY = (("metadata",), ("metadata", "name"), ("metadata", "namespace"))
"""What says which Kubernetes object it is, and where."""

Path = tuple[str | int, ...]
Manifests = list[dict[str, Any]]


@dataclass(frozen=True)
class Irrelevant:
    """Values that may be unknown and pass although another value there would be found; each as a regular expression."""

    rule: str
    kind: str
    """The object's kind, or the type of a resource that is no Kubernetes object."""
    path: str
    why: str


IRRELEVANT = (
    Irrelevant(
        "CNPG-(DATA-002|SEC-001|SW-011)",
        "aws:(s3/bucket(V2)?:Bucket(V2)?|iam/(user:User|role:Role))",
        r"properties\.arn",
        "AWS makes it of the name, which is known: one that says another name contradicts it",
    ),
    Irrelevant("CNPG-DATA-003", "Job", "status", "the cluster says it, no program: no preview of a new Job has it"),
    Irrelevant(
        "CNPG-SW-007",
        "Cluster",
        r"spec\.postgresql\.synchronous\.standbyNames(Pre|Post)\.[0-9]+",
        "the names are counted: an entry is one, whatever it says",
    ),
    Irrelevant(
        "DFLY-OPS-002",
        "ExternalSecret",
        r"spec\.target\.template\.(data\.[^.]+|templateFrom\.[0-9]+)",
        "the keys are asked for, not the values: one that is written is there, and what a file makes nobody sees",
    ),
)


@dataclass(frozen=True)
class Leaf:
    """One value in one of a fixture's objects."""

    fixture: Fixture
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

    @property
    def dotted(self) -> str:
        return ".".join(map(str, self.path))

    def __str__(self) -> str:
        return f"{self.fixture}, object {self.place}, {self.dotted}"


@cache
def manifests_of(fixture: Fixture) -> tuple[dict[str, Any], ...]:
    return tuple(dict(each) for each in fixture.resources)


@cache
def leaves(rule: str) -> tuple[Leaf, ...]:
    """A sample of a rule's leaves without those of `IDENTITY`."""
    return _sample(rule, LEAVES, lambda leaf: leaf.path not in IDENTITY)


@cache
def identities(rule: str) -> tuple[Leaf, ...]:
    """A sample of a rule's leaves that say which object it is."""
    return _sample(rule, PLACES, lambda leaf: leaf.path in IDENTITY)


def parts(rule: str) -> Iterator[Leaf]:
    """All of a rule's leaves that are an object's members; `properties` has those of a resource of another kind."""
    for leaf in (leaf for fixture in FIXTURES if fixture.rule == rule for leaf in every_leaf(fixture)):
        if len(leaf.path) == (2 if leaf.path[0] == "properties" else 1):
            yield leaf


def _sample(rule: str, count: int, wanted: Callable[[Leaf], bool]) -> tuple[Leaf, ...]:
    """So many leaves of a rule's fixtures, of each in turn; the same in every run."""
    queues = []
    for fixture in (fixture for fixture in FIXTURES if fixture.rule == rule):
        queue = [leaf for leaf in every_leaf(fixture) if wanted(leaf)]
        random.Random(str(fixture)).shuffle(queue)
        queues.append(queue)
    random.Random(rule).shuffle(queues)
    turns = [leaf for turn in zip_longest(*queues) for leaf in turn if leaf is not None]
    return tuple(turns if EVERY else turns[:count])


@cache
def every_leaf(fixture: Fixture) -> tuple[Leaf, ...]:
    return tuple(
        leaf
        for place, manifest in enumerate(manifests_of(fixture))
        for leaf in _leaves(fixture, place, (), manifest)
        if leaf.path not in ALWAYS_KNOWN and ("apiVersion" in manifest or leaf.path not in IDENTITY)
    )


def _leaves(fixture: Fixture, place: int, path: Path, value: Any) -> Iterator[Leaf]:
    if path:
        yield Leaf(fixture, place, path, value)  # a whole mapping or list may be unknown as well
    if isinstance(value, dict):
        for key, content in value.items():
            yield from _leaves(fixture, place, (*path, key), content)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(fixture, place, (*path, index), item)


def found(leaf: Leaf, manifests: Sequence[dict[str, Any]], *, preview: bool = False, awaits: str = "") -> list[Finding]:
    """What a leaf's rule says of a stack with these resources, from the protocol's messages on."""
    known = manifests_of(leaf.fixture)  # the engine knows what a resource is called, whatever its properties say
    messages = [
        resource(manifest, [awaits] if awaits and place == leaf.place else (), like=it)
        for place, (manifest, it) in enumerate(zip(manifests, known, strict=True))
    ]
    return judge(engine.estate(serving._resources(messages)), [RULES[leaf.fixture.rule]], preview=preview)


@cache
def _before(fixture: Fixture) -> tuple[str, ...]:
    return tuple(violations(found(Leaf(fixture, 0, (), None), manifests_of(fixture))))


def violations(findings: Sequence[Finding]) -> list[str]:
    return sorted(finding.subject.origin.urn or "" for finding in findings if finding.outcome is Outcome.VIOLATED)


def defects(findings: Sequence[Finding]) -> list[str]:
    return [finding.message for finding in findings if re.search(r"the (rule|projection) failed with", finding.message)]


def unknown(value: Any) -> str:
    return UNKNOWN_NUMBER if isinstance(value, int | float) and not isinstance(value, bool) else UNKNOWN_TEXT


def others(leaf: Leaf, manifests: Manifests) -> Iterator[Manifests]:
    """The objects with other values there, as somebody might write them."""
    value = leaf.value
    if leaf.path in IDENTITY:
        if isinstance(value, str):
            yield leaf.put(manifests, f"{value}-other")
        return
    yield leaf.without(manifests)
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


def passed_over(leaf: Leaf) -> str | None:
    """What is wrong with the verdict when this value is not known, None when nothing is."""
    manifests = list(manifests_of(leaf.fixture))
    taken = leaf.put(manifests, unknown(leaf.value))
    now = found(leaf, taken, awaits=leaf.key)
    if defects(now):
        return f"unknown: {defects(now)}"
    if invented := (Counter(violations(now)) - Counter(_before(leaf.fixture))).keys():
        said = [finding.message for finding in now if finding.subject.origin.urn in invented]
        return f"unknown, and the rule finds what is not there with the value that stood there: {said}"
    if any(finding.outcome is Outcome.NOT_EVALUATED for finding in now):
        waits = found(leaf, taken, preview=True, awaits=leaf.key)
        blocked = [finding.message for finding in waits if finding.outcome is Outcome.NOT_EVALUATED]
        if blocked or not any(finding.outcome is Outcome.DEFERRED for finding in waits):
            return f"waits for another resource, and is not deferred: {blocked}"
        return None
    gone = [urn for urn in _before(leaf.fixture) if urn not in violations(now)]
    if gone:
        return f"unknown, and what was found of {gone} is found no more"
    for changed in others(leaf, manifests) if not violations(now) else ():
        could = found(leaf, changed)
        if violations(could):
            return f"unknown, and passes; with another value there the rule finds: {could[0].message}"
    return None


def concerns(row: Irrelevant, leaf: Leaf) -> bool:
    manifest = manifests_of(leaf.fixture)[leaf.place]
    parts = (
        (row.rule, leaf.fixture.rule),
        (row.kind, manifest.get("kind", manifest.get("type"))),
        (row.path, leaf.dotted),
    )
    return all(re.fullmatch(pattern, str(text)) for pattern, text in parts)


@pytest.mark.parametrize("rule", RULES)
def test_an_unknown_value_is_never_a_pass(rule: str) -> None:
    wrong = {
        str(leaf): passed_over(leaf) for leaf in leaves(rule) if not any(concerns(row, leaf) for row in IRRELEVANT)
    }
    assert {leaf: what for leaf, what in wrong.items() if what is not None} == {}


@pytest.mark.parametrize("rule", RULES)
def test_an_unknown_part_of_an_object_is_never_a_pass(rule: str) -> None:
    """The whole `spec`, `data` or `properties.policy` of every object of every fixture, neighbours as well."""
    wrong = {str(leaf): passed_over(leaf) for leaf in parts(rule) if not any(concerns(row, leaf) for row in IRRELEVANT)}
    assert {leaf: what for leaf, what in wrong.items() if what is not None} == {}


@pytest.mark.parametrize("rule", RULES)
def test_an_unknown_name_or_namespace_is_never_a_pass(rule: str) -> None:
    wrong = {str(leaf): passed_over(leaf) for leaf in identities(rule)}
    assert {leaf: what for leaf, what in wrong.items() if what is not None} == {}


@pytest.mark.parametrize("row", IRRELEVANT, ids=lambda row: row.why)
def test_a_reason_is_needed(row: Irrelevant) -> None:
    concerned = (leaf for fixture in FIXTURES for leaf in every_leaf(fixture) if concerns(row, leaf))
    assert any(passed_over(leaf) is not None for leaf in concerned), "strike the row: nothing there passes any more"


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("rule", RULES)
def test_through_the_servicer(rule: str, preview: bool) -> None:
    """The same as above from request to response: no other policy speaks."""
    others_off = {other: proto.DISABLED for other in RULES if other != rule}
    pack = servicer(preview=preview, levels=others_off)
    undecided = DEFERRED_POLICY if preview else NOT_EVALUATED_POLICY
    for leaf in leaves(rule)[:FEW]:
        taken = leaf.put(list(manifests_of(leaf.fixture)), unknown(leaf.value))
        told = pack.AnalyzeStack(stack_request(taken, [leaf.key]), None).diagnostics
        assert {d.policyName for d in told} <= {rule, undecided}, leaf
        assert len(told) == len(found(leaf, taken, preview=preview, awaits=leaf.key)), leaf


@pytest.mark.parametrize("rule", RULES)
def test_behind_the_vendors_proxies(rule: str) -> None:
    """One policy alone, in the vendor's servicer: whatever is unknown, nothing is raised and nothing is skipped."""
    for leaf in leaves(rule)[:FEW]:
        taken = leaf.put(list(manifests_of(leaf.fixture)), unknown(leaf.value))
        told = vendor_messages(rule, taken)
        assert len(told) == len(found(leaf, taken)), leaf
        assert not [message for message in told if "can't run policy" in message], "the vendor's way of giving up"


@pytest.mark.parametrize("rule", RULES)
def test_a_secret_is_judged_like_any_value(rule: str) -> None:
    for leaf in leaves(rule):
        hidden = leaf.put(list(manifests_of(leaf.fixture)), secret(leaf.value))
        assert violations(found(leaf, hidden)) == list(_before(leaf.fixture)), leaf


@pytest.mark.parametrize("rule", RULES)
def test_no_format_prints_a_secret(rule: str) -> None:
    for leaf in leaves(rule):
        if not isinstance(leaf.value, str):
            continue
        for planted in (PLANTED, f"{leaf.value}-{PLANTED}", f"{PLANTED} {leaf.value}", f"--flag={PLANTED}"):
            findings = found(leaf, leaf.put(list(manifests_of(leaf.fixture)), secret(planted)))
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
    tried = [leaf for rule in RULES for leaf in leaves(rule)]
    assert len(tried) >= LEAVES * len(RULES) * 3 // 4
    assert {leaf.fixture for leaf in tried} == set(FIXTURES), "at least one leaf of every fixture"
    assert {leaf.fixture.rule for leaf in tried} == set(RULES)
    assert len([leaf for rule in RULES for leaf in identities(rule)]) >= PLACES * len(RULES) * 3 // 4
