"""What holds of the decision whatever is put into it."""

from datetime import timedelta
from typing import Any

from evidence_samples import ELSEWHERE, FORMER, NOW, STRANGER, ago, cluster, evidence, found, sight, simulated
from gate_world import MINE, World, finding, waiver, without_waivers
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.policy.findings import Severity
from seawall.policy.rules import load as load_rules
from seawall.qa.evidence.model import Evidence
from seawall.qa.evidence.validity import Counts, weigh
from seawall.qa.gate.decision import decide
from seawall.qa.gate.model import Outcome, SetAside

WORSE = {"PASS": 0, "WAIVED": 1, "CONCERNS": 2, "FAIL": 3}
RULES = [rule.id for rule in load_rules() if rule.id.startswith("DFLY")]
WAIVABLE = [*RULES, "DFLY-INT-003", "DFLY-UNIT-002"]

hours = st.integers(1, 700)
runs = st.lists(st.tuples(st.sampled_from(MINE), st.booleans(), hours), max_size=30)
findings = st.lists(
    st.builds(finding, st.sampled_from(RULES), st.sampled_from(list(Severity)), undecided=st.booleans()), max_size=4
)
waivers = st.lists(
    st.tuples(st.sampled_from(WAIVABLE), st.sampled_from(["2026-12-31", "2026-03-30"])),
    max_size=4,
    unique_by=lambda it: it[0],
)
scores = st.dictionaries(st.sampled_from(["DFLY-SEC-001", "DFLY-TECH-002", "DFLY-OPS-001"]), st.integers(1, 9))


def counts(test: str, ok: bool, hours_ago: int) -> Counts:
    run = evidence(test, ok=ok, **ago(hours=hours_ago))
    return Counts(f"{test}-{run.finished:%Y%m%dT%H%M%SZ}-1f0e8c62.md", run, "platform-team")


@st.composite
def worlds(draw: st.DrawFn) -> tuple[World, list[Counts | SetAside]]:
    world = World(findings=draw(findings))
    world.waivers = [waiver(about, expires=day) for about, day in draw(waivers)]
    for name, score in draw(scores).items():
        world.risk(name, score=score)
    weighed: list[Counts | SetAside] = [counts(*run) for run in draw(runs)]
    if draw(st.booleans()):  # else hardly any world is ever green
        weighed += [counts(name, True, 1) for name in MINE]
    return world, weighed


def verdict(world: World, weighed: list[Counts | SetAside]) -> Outcome:
    return decide(world.inputs(weighed))


def decided(outcome: Outcome) -> Any:
    """Everything that is decided; the words of a test that was not run may tell of what was set aside."""
    reasons = [[(it.gate, it.about, it.waived) for it in step.reasons] for step in outcome.steps]
    return outcome.gate, outcome.score, reasons, [test.state for test in outcome.tests], outcome.qualities


@settings(deadline=None)
@given(worlds(), st.sampled_from(MINE), hours)
def test_one_more_failure_never_improves_the_gate(
    given_world: tuple[World, list[Counts | SetAside]], test: str, hours_ago: int
) -> None:
    world, weighed = given_world
    before, after = verdict(world, weighed), verdict(world, [*weighed, counts(test, False, hours_ago)])
    assert WORSE[after.gate] >= WORSE[before.gate]
    assert after.score <= before.score


@settings(deadline=None)
@given(worlds(), findings)
def test_more_findings_never_improve_the_gate(given_world: tuple[World, list[Counts | SetAside]], more: Any) -> None:
    world, weighed = given_world
    before = verdict(world, weighed)
    world.findings = [*world.findings, *more]
    after = verdict(world, weighed)
    assert WORSE[after.gate] >= WORSE[before.gate]
    assert after.score <= before.score


@settings(deadline=None)
@given(worlds())
def test_waivers_never_make_a_pass(given_world: tuple[World, list[Counts | SetAside]]) -> None:
    world, weighed = given_world
    inputs = world.inputs(weighed)
    with_them, without = decide(inputs), decide(without_waivers(inputs))
    assert with_them.gate != "PASS" or without.gate == "PASS"
    if with_them.gate == "WAIVED":
        assert without.gate == "FAIL"
        assert all(it.waived for step in with_them.steps for it in step.reasons)
    failing = {it.about for step in without.steps for it in step.reasons if it.gate.name == "FAIL"}
    listed = {it.about for step in with_them.steps for it in step.reasons}
    assert failing <= listed, "what is accepted is hidden"


def _nothing(test: str) -> list[tuple[Evidence, dict[str, Any]]]:
    """Runs that passed and do not count, and failures of another time or commit."""
    return [
        (simulated(test), {}),
        (evidence(test), {"signer": None}),
        (evidence(test), {"signer": STRANGER}),
        (evidence(test), {"signer": FORMER}),
        (evidence(test), {"namespace": "file"}),
        (evidence(test), {"name": "another-name.md"}),
        (evidence(test, dirty=True), {}),
        (evidence(test, commit="e" * 40), {}),
        (evidence(test, environment="real", cluster=cluster(ELSEWHERE)), {}),
        (evidence(test, **ago(days=30, seconds=1)), {}),
        (evidence(test, **ago(seconds=-1)), {}),
        (evidence(test, ok=False, **ago(days=30, seconds=1)), {}),
        (evidence(test, ok=False, **ago(seconds=-1)), {}),
        (evidence(test, ok=False, commit="e" * 40), {}),
    ]


@settings(deadline=None)
@given(worlds(), st.lists(st.tuples(st.sampled_from(MINE), st.integers(0, 13)), min_size=1, max_size=6))
def test_evidence_that_does_not_count_changes_nothing(
    given_world: tuple[World, list[Counts | SetAside]], more: list[tuple[str, int]]
) -> None:
    world, weighed = given_world
    added = [weigh(found(run, **how), sight()) for run, how in (_nothing(test)[at] for test, at in more)]
    assert all(isinstance(it, SetAside) for it in added), added
    before, after = verdict(world, weighed), verdict(world, [*weighed, *added])
    assert decided(after) == decided(before)
    told = {it.file for it in after.set_aside} | {it.file for test in after.tests for it in test.set_aside}
    assert {it.file for it in added if isinstance(it, SetAside)} <= told, "set aside in silence"


@settings(deadline=None)
@given(worlds())
def test_the_worst_step_decides_and_the_score_counts_the_reasons(
    given_world: tuple[World, list[Counts | SetAside]],
) -> None:
    outcome = verdict(*given_world)
    worst = max(step.gate.name for step in outcome.steps if step.gate == max(it.gate for it in outcome.steps))
    assert outcome.gate == worst or (worst == "PASS" and outcome.gate == "WAIVED")
    reasons = [it.gate.name for step in outcome.steps for it in step.reasons]
    assert outcome.score == max(0, 100 - 20 * reasons.count("FAIL") - 10 * reasons.count("CONCERNS"))


@settings(deadline=None)
@given(worlds())
def test_a_pass_has_every_p0_on_a_real_cluster_or_in_the_repository(
    given_world: tuple[World, list[Counts | SetAside]],
) -> None:
    outcome = verdict(*given_world)
    if outcome.gate in ("PASS", "WAIVED"):
        p0 = [test for test in outcome.tests if test.priority == "P0"]
        assert all(test.state == "passed" and test.environment in ("real", "repository") for test in p0)
        assert all(NOW - test.when <= timedelta(days=30) for test in p0 if test.when)
