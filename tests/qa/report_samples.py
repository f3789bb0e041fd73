"""Content for the tests of the report: small estates, and what gates may say of them."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import yaml

from seawall.bench import tenants
from seawall.operators import annotations
from seawall.policy import checking
from seawall.policy.checking import Asked, Opened
from seawall.policy.estate.building import build
from seawall.policy.estate.doors.folder import read_text
from seawall.policy.estate.sight import FOLDER
from seawall.qa import register
from seawall.qa.evidence.model import Environment
from seawall.qa.gate.model import (
    Gate,
    Outcome,
    Quality,
    Reason,
    RiskStanding,
    SetAside,
    State,
    Step,
    TestStanding,
    Waiver,
)
from seawall.qa.oncall.model import Answer, Fact, Severity, Topic, Verdict
from seawall.qa.report.compose import compose
from seawall.qa.report.content import Content, Reach, Row, Store
from seawall.qa.report.reach import reach

Manifest = dict[str, Any]

AT = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)
RUN = "Run it on the real cluster: `seawall verify --context NAME`."


def platform(number: int = 2) -> list[Manifest]:
    """A platform of so many tenants, with nothing wrong in it: see `bench/tenants.py`."""
    shared = [it for first in range(0, number, 20) for it in tenants.cluster(range(first, min(first + 20, number)))]
    return [*shared, *(it for each in range(number) for it in tenants.tenant(each))]


def find(manifests: Iterable[Manifest], kind: str, name: str) -> Manifest:
    """The first of a kind and a name, to be changed."""
    return next(it for it in manifests if it["kind"] == kind and it["metadata"]["name"] == name)


def open_cache(namespace: str = "shop") -> Manifest:
    """A cache that nothing isolates, and of which nobody said whom it is for."""
    said = {annotations.OPERATOR: annotations.operator(namespace="dragonfly-operator-system", version="1.6.1")}
    metadata = {"name": "open", "namespace": namespace, "annotations": said}
    spec = {"replicas": 2, "networkPolicyEnabled": False}
    return {"apiVersion": "dragonflydb.io/v1alpha1", "kind": "Dragonfly", "metadata": metadata, "spec": spec}


def opened(manifests: Iterable[Manifest]) -> Opened:
    """The estate that these manifests make, read as a folder's file is."""
    reading = read_text(yaml.safe_dump_all(list(manifests), sort_keys=False), "estate.yaml")
    assert not reading.unreadable, reading.unreadable
    return Opened("estate.yaml", build(reading.objects, notes=FOLDER.notes, sees=FOLDER.sees), files=1)


def reached(manifests: Iterable[Manifest]) -> Reach:
    """The first matrix of what these manifests make."""
    return reach(opened(manifests).estate)


def store(found: Reach, key: str) -> Store:
    """One store by its key."""
    (one,) = (it for it in found.stores if it.key == key)
    return one


def row(found: Store, source: str) -> Row:
    """One row of a store."""
    (one,) = (it for it in found.rows if it.source == source)
    return one


def states(found: Reach, one: Row) -> list[str]:
    """What the cells of a row say, `!` for what should not be so."""
    return [found.cells[cell].state + ("!" if found.cells[cell].wrong else "") for cell in one.cells]


def content(
    manifests: Iterable[Manifest] | None = None,
    *,
    outcomes: Iterable[Outcome] | None = None,
    answers: Iterable[Answer] = (),
    at: datetime = AT,
    **asked: Any,
) -> Content:
    """The content about these manifests (a platform of two tenants), with both gates as `outcomes_of` has them."""
    read = opened(platform() if manifests is None else manifests)
    request = Asked(**asked)
    result = checking.check(read, request, checking.prepare(request), day=date(2026, 3, 1))
    told = gates() if outcomes is None else tuple(outcomes)
    return compose(result, read.estate, at=at, outcomes=told, answers=answers)


def gates() -> tuple[Outcome, ...]:
    """Both gates with what the register has: some tests passed, most not run, a failure, something accepted."""
    return outcome("dragonfly", gate="CONCERNS"), outcome("cnpg", gate="FAIL")


def outcome(service: register.Service, *, gate: str, text: str = "not run where it counts") -> Outcome:
    """A gate over the tests and risks of one service. What the rules say of them is the gate's tests' matter."""
    known = register.load()
    tests = tuple(_test(name, test, text) for name, test in known.tests.items() if register.service(name) == service)
    risks = tuple(
        RiskStanding(name, risk.title, risk.score, risk.severity, risk.tests, risk.score < 4, text, findings=0)
        for name, risk in known.risks.items()
        if register.service(name) == service
    )
    missing = [test.test for test in tests if test.state is State.NOT_RUN]
    failing = (
        [Reason(Gate.FAIL, missing[0], f"it failed: {text}", "Mend it, then run it again.")] if gate == "FAIL" else []
    )
    steps = (
        Step(
            1,
            "risks and P0 tests",
            (*failing, Reason(Gate.FAIL, risks[0].risk, text, "Mend it.", "by the platform team")),
        ),
        Step(2, "coverage", tuple(Reason(Gate.CONCERNS, test, text, RUN) for test in missing)),
        Step(3, "top issues"),
        Step(4, "qualities", (Reason(Gate.CONCERNS, "security", text, "Mend what is found."),)),
    )
    return Outcome(
        service,
        f"STORY-{service}",
        f"Shared {service}",
        gate,  # type: ignore[arg-type] - whichever a test asks for
        f"{len(missing)} tests are missing: {text}",
        40,
        AT,
        steps,
        tests,
        risks,
        (),
        (Quality("security", Gate.CONCERNS, text),),
        {name: it for name, it in known.decisions.items() if service in it.services and it.approved is None},
        (Waiver(risks[0].risk, "a maintenance window", "platform team", date(2026, 12, 31)),),
        (SetAside("docs/qa/evidence/note.md", "no evidence: it has no front matter"),),
    )


def _test(name: str, test: register.Test, text: str) -> TestStanding:
    common = (name, test.priority, test.needs, test.expect, tuple(register.load().risks_of(name)))
    file = f"docs/qa/evidence/{name}-20260228T101500Z-repository.md"
    if test.needs == ("repo",):
        return TestStanding(*common, State.PASSED, "3 of 3 seen", file, Environment.REPOSITORY, AT)
    aside = (SetAside(file, f"simulated: {text}"),) if test.priority == "P0" else ()
    return TestStanding(*common, State.NOT_RUN, f"needs a real cluster: {text}", set_aside=aside)


def answer(text: str = "2 of 3 replicas stay") -> Answer:
    """One answer of the on-call page."""
    facts = (Fact(f"fact: {text}", Severity.WARNING),)
    return Answer(
        Topic.DRAIN, "worker-1", Verdict.CAREFUL, Severity.WARNING, text, "kubectl get pdb -A", "docs/on-call.md", facts
    )
