"""The register of the QA risks, decisions and tests, read from `register.yaml` and checked in itself."""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError

from seawall.components.base import Problem, Settings, each, rule
from seawall.components.fields import Count, Flag, Text
from seawall.components.problems import ProblemsError, RefusedError
from seawall.errors import UserError
from seawall.qa import places, strict_yaml

FILE = Path(__file__).parent / "register.yaml"
PREDICATES = ("equals", "contains", "as_setting", "present", "absent")
"""What can be asked of a field; each trace asks one of them."""

Service = Literal["dragonfly", "cnpg"]
Priority = Literal["P0", "P1", "P2"]
Need = Literal["repo", "api", "cnpg-operator", "dragonfly-operator", "eso", "object-store", "kubelet", "dns", "scrape"]
"""What a test needs to be honest: `repo` (static), `api` (a real API server), `kubelet` (containers that really run and
a CNI that enforces), `scrape` (a metrics store), …"""


def _path(value: str) -> str:
    places.parts(value)
    return value


def _object(value: str) -> str:
    if len([part for part in value.split("/") if part]) != 2:
        raise RefusedError("must be <kind>/<name>, in which `*` in the name stands for anything")
    return value


Path_ = Annotated[str, AfterValidator(_path)]
ObjectName = Annotated[str, AfterValidator(_object)]


class Trace(Settings):
    """One place where a risk, a decision or a test shows: settings → object → field → what stands there."""

    stack: Text = Field(default="infra", description="The stack whose rendering is looked at")
    settings: tuple[Path_, ...] = Field(
        default=(), description="Settings of that stack which decide the field; none when it is always so"
    )
    object: ObjectName = Field(description="Kind and name of the object; several when the name has a `*`")
    namespace: Text | None = Field(default=None, description="Namespace of the object, where the name is not enough")
    field: Path_ | None = Field(default=None, description="Where in the object; the whole object when not given")
    equals: Any = Field(default=None, description="The field is this")
    contains: Any = Field(default=None, description="The field contains this")
    as_setting: Flag = Field(default=False, description="The field is what the one setting says")
    present: Flag = Field(default=False, description="The field, or the object, is there")
    absent: Flag = Field(default=False, description="The field, or the object, is not there")
    note: Text | None = Field(default=None, description="What it has to do with the risk, decision or test")

    @property
    def predicate(self) -> str:
        """The one thing that is asked of the field."""
        return next(name for name in PREDICATES if name in self.model_fields_set)

    @rule
    def _asks_one_thing(self) -> Iterator[Problem]:
        given = [name for name in PREDICATES if name in self.model_fields_set]
        if len(given) != 1:
            yield Problem((), f"must say exactly one of {', '.join(PREDICATES)}")
        elif given[0] in ("as_setting", "present", "absent") and not getattr(self, given[0]):
            yield Problem((given[0],), "must be true, or left out")
        elif given[0] in ("equals", "contains", "as_setting") and self.field is None:
            yield Problem(("field",), f"is missing: `{given[0]}` asks something of a field")
        elif given[0] == "as_setting" and (len(self.settings) != 1 or places.EVERY in places.parts(self.settings[0])):
            yield Problem(("settings",), "must be one setting, without `*`, for `as_setting`")


Traces = Annotated[tuple[Trace, ...], Field(min_length=1)]


class Slo(Settings):
    """A limit that is watched."""

    p95_intra_cluster_ms: Count = Field(description="95th percentile inside one cluster, in milliseconds")
    p95_cross_cluster_ms: Count = Field(description="95th percentile from another cluster of the mesh, in milliseconds")
    advisory: Flag = Field(description="Whether missing it blocks nothing")


class Risk(Settings):
    """What can go wrong."""

    score: Annotated[Count, Field(le=9)] = Field(description="Probability times impact, 1 to 9")
    title: Text = Field(description="What goes wrong")
    tests: Annotated[tuple[Text, ...], Field(min_length=1)] = Field(description="The tests that show it mended")
    instead: Text | None = Field(
        default=None, description="What is built, where the fix that was proposed would not do what it is for"
    )
    why_instead: Text | None = Field(default=None, description="Why the proposed fix would not")
    slo: Slo | None = Field(default=None, description="The limit that belongs to it")
    trace: Traces = Field(description="Where the mitigation shows")

    @property
    def severity(self) -> str:
        """The words for the score."""
        return "critical" if self.score >= 9 else "high" if self.score >= 6 else "medium" if self.score >= 4 else "low"

    @rule
    def _another_fix_has_a_reason(self) -> Iterator[Problem]:
        if (self.instead is None) != (self.why_instead is None):
            yield Problem(("instead",), "goes with `why_instead`: give both, or neither")


class Test(Settings):
    """What is tried, and what must come of it."""

    priority: Priority = Field(description="P0 must pass before anything is called done")
    needs: Annotated[tuple[Need, ...], Field(min_length=1)] = Field(description="What it takes to run it honestly")
    expect: Text = Field(description="What must be seen")
    without_risk: Text | None = Field(default=None, description="Why no risk names it")
    trace: Traces = Field(description="Where the thing shows that it looks at")


class Decision(Settings):
    """What somebody has to decide."""

    chosen: Text | tuple[Text, ...] = Field(description="What is built until somebody decides otherwise")
    asked_also: tuple[Text, ...] = Field(default=(), description="What was asked for as well and is not built")
    selectable: tuple[Text, ...] = Field(default=(), description="What could be chosen instead")
    why: Text | None = Field(default=None, description="Why this was chosen")
    services: Annotated[tuple[Service, ...], Field(min_length=1)] = Field(description="The stories that ask for it")
    approved: Text | None = Field(description="Who approved it, and when; null while nobody has")
    trace: Traces = Field(description="Where the choice shows")


class Gate(Settings):
    """When the work is done."""

    rule: Text = Field(description="What decides")


class Totals(Settings):
    """The register in numbers."""

    risks: Count = Field(description="Risks")
    score: Count = Field(description="Their scores together")
    by_severity: dict[str, int] = Field(description="Risks by severity")
    decisions: Count = Field(description="Decisions")
    open_decisions: int = Field(description="Decisions that nobody has approved")
    tests: Count = Field(description="Tests")
    by_priority: dict[str, int] = Field(description="Tests by priority")
    by_need: dict[str, int] = Field(description="Tests by what they need; one may need several things")


class Register(Settings):
    """Risks, decisions and tests by their ids, and the gate."""

    risks: dict[Text, Risk] = Field(description="The risks")
    decisions: dict[Text, Decision] = Field(description="The decisions")
    tests: dict[Text, Test] = Field(description="The tests")
    gate: Gate = Field(description="The gate")

    @property
    def totals(self) -> Totals:
        """The register in numbers, computed."""
        return Totals(
            risks=len(self.risks),
            score=sum(risk.score for risk in self.risks.values()),
            by_severity=dict(sorted(Counter(risk.severity for risk in self.risks.values()).items())),
            decisions=len(self.decisions),
            open_decisions=sum(decision.approved is None for decision in self.decisions.values()),
            tests=len(self.tests),
            by_priority=dict(sorted(Counter(test.priority for test in self.tests.values()).items())),
            by_need=dict(sorted(Counter(need for test in self.tests.values() for need in test.needs).items())),
        )

    def risks_of(self, test: str) -> list[str]:
        """The risks that a test belongs to."""
        return [name for name, risk in self.risks.items() if test in risk.tests]

    def traces(self) -> Iterator[tuple[str, Trace]]:
        """Every trace with the id that it belongs to."""
        for group in (self.risks, self.decisions, self.tests):
            for name, entry in group.items():
                yield from ((name, trace) for trace in entry.trace)

    @rule
    def _tests_exist(self) -> Iterator[Problem]:
        def check(name: str, risk: Risk) -> Iterator[Problem]:
            for index, test in enumerate(risk.tests):
                if test not in self.tests:
                    yield Problem(("risks", name, "tests", index), "must be one of the tests below", test)

        yield from each(self.risks, check)

    @rule
    def _tests_have_a_reason(self) -> Iterator[Problem]:
        def check(name: str, test: Test) -> Iterator[Problem]:
            risks = self.risks_of(name)
            if not risks and test.without_risk is None:
                yield Problem(("tests", name), "must be among the tests of a risk, or say why not in `without_risk`")
            if risks and test.without_risk is not None:
                yield Problem(("tests", name, "without_risk"), f"contradicts: it belongs to {', '.join(risks)}")

        yield from each(self.tests, check)

    @rule
    def _ids_say_their_service(self) -> Iterator[Problem]:
        for name in self.risks:
            if service(name) is None:
                yield Problem(("risks", name), "must start with DFLY- or CNPG-: both documents number theirs alike")
        for name in self.tests:
            if service(name) is None:
                yield Problem(("tests", name), "must say its service: DFLY or CNPG")


def service(name: str) -> Service | None:
    """The service that the id of a risk or a test belongs to; None when it says none."""
    words = name.replace(".", "-").split("-")
    return "dragonfly" if "DFLY" in words else "cnpg" if "CNPG" in words else None


@cache
def load(file: Path = FILE) -> Register:
    """The register. Raises `UserError` with every mistake in it."""
    try:
        content = strict_yaml.load(file.read_text(encoding="utf-8"))
    except strict_yaml.NotReadError as error:
        raise UserError(f"{file.name}: {error}") from None
    except UnicodeDecodeError:
        raise UserError(f"{file.name}: not UTF-8 text") from None
    if not isinstance(content, dict):
        raise UserError(f"{file.name}: must be a mapping with `risks`, `decisions` and `tests`")
    return parse(content, file.name)


def parse(content: Mapping[str, Any], name: str) -> Register:
    """The register from what its file says. Raises `UserError` with every mistake in it."""
    try:
        return Register.model_validate(content)
    except ValidationError as error:
        problems = [
            problem
            for line in error.errors(include_url=False)
            if isinstance(inner := line.get("ctx", {}).get("error"), ProblemsError)
            for problem in inner.problems
        ]
        raise UserError("\n".join([f"{name}:", *(f"  {problem}" for problem in problems)])) from None
