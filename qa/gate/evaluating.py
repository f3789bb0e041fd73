"""The gate from end to end: evidence in a folder, the register, the pack over the rendered stacks, into verdicts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol

from seawall.components.settings import StackSettings
from seawall.policy import checking
from seawall.policy.acceptance import configuration
from seawall.policy.acceptance.configuration import Configuration
from seawall.policy.estate.doors import engine
from seawall.policy.findings import Finding
from seawall.policy.report.result import Result
from seawall.policy.rules import load as load_rules
from seawall.qa import register as registers
from seawall.qa.evidence import files, repository, signers
from seawall.qa.evidence.validity import Counts, Sight, weigh
from seawall.qa.gate import pack, settings, standings
from seawall.qa.gate.decision import Inputs, decide
from seawall.qa.gate.model import Outcome, SetAside
from seawall.qa.gate.settings import GateSettings
from seawall.qa.gate.stories import STORIES
from seawall.qa.gate.waiving import Waivers
from seawall.qa.register import Register, Service, Slo, service


class Resource(Protocol):
    """A resource that a stack's program registers."""

    @property
    def name(self) -> str:
        """Its name in the stack."""

    @property
    def token(self) -> str:
        """Its type."""

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What it is given."""


def read_settings(checkout: Path, stacks: Iterable[str], at: datetime) -> GateSettings:
    """`docs/qa/gate.yaml`. Raises `UserError` with every mistake in it."""
    rules = [rule.id for rule in load_rules()]
    return settings.read(checkout / settings.FILE, registers.load(), rules, list(stacks), _day(at))


def judge(name: str, resources: Iterable[Resource], checkout: Path, at: datetime) -> Result:
    """What the policy pack says of a rendered stack, with who can reach what.

    Waivers hold as `policy.<stack>.json` has them; a rule that is disabled there is asked all the same. What AWS would
    make is stood in for by texts that are the same everywhere, so no verdict waits for an update.
    """
    return judge_opened(opened(name, resources), name, checkout, at)


def opened(name: str, resources: Iterable[Resource]) -> checking.Opened:
    """A rendered stack as an estate."""
    rendered = [
        engine.resource(it.token, f"urn:pulumi:{name}::seawall::{it.token}::{it.name}", it.name, it.inputs)
        for it in resources
    ]
    return checking.Opened(f"stack {name}, rendered", engine.estate(rendered))


def judge_opened(rendered: checking.Opened, name: str, checkout: Path, at: datetime) -> Result:
    """The same, of a stack that is an estate already."""
    file = checkout / f"policy.{name}.json"
    config = configuration.read(file) if file.is_file() else Configuration()
    prepared = checking.Prepared(checking.choose(()), waivers=config.waivers)
    return checking.check(rendered, checking.Asked(matrices=True), prepared, day=_day(at))


def look(checkout: Path, given: GateSettings, consumers: Iterable[str], at: datetime) -> Sight:
    """What evidence is held against, in a checkout; `consumers` are the stacks of the clients' clusters.

    Raises `UserError` for a mistake in docs/qa/signers, `EnvironmentFailure` when git fails.
    """
    return Sight(
        tests=registers.load().tests,
        commits=repository.commits(checkout),
        signers=signers.read(checkout / signers.FILE),
        now=at,
        clusters=given.uids(given.stack),
        peers=frozenset(uid for stack in consumers for uid in given.uids(stack)),
        max_age=given.max_age,
    )


def read_evidence(folder: Path, sight: Sight) -> tuple[Counts | SetAside, ...]:
    """Every file of a folder, weighed."""
    return tuple(weigh(found, sight) for found in files.read_all(folder))


class Recorded(Protocol):
    """What a stack's program registers."""

    @property
    def resources(self) -> Sequence[Resource]:
        """All of it."""


class Rendered(Protocol):
    """A stack of the checkout, as `pages.stacks.read` gives it."""

    @property
    def settings(self) -> StackSettings:
        """What it says."""

    @property
    def recording(self) -> Recorded:
        """What comes of it."""


def ask(
    checkout: Path,
    given: GateSettings,
    stacks: Mapping[str, Rendered],
    evidence: Path,
    at: datetime,
    not_run: Mapping[str, str] | None = None,
) -> tuple[Outcome, ...]:
    """The verdict on each story, of a checkout with its rendered stacks and a folder of evidence.

    `not_run` says why tests were not run just now. Judged is the stack that makes the services, and those that consume
    them. Raises `UserError` for a mistake in a file that is read, `EnvironmentFailure` when git fails.
    """
    consumers = [name for name, it in stacks.items() if (on := it.settings.consumers) and on.producer == given.stack]
    results = [judge(name, stacks[name].recording.resources, checkout, at) for name in (given.stack, *consumers)]
    weighed = read_evidence(evidence, look(checkout, given, consumers, at))
    return outcomes(Grounds(registers.load(), weighed, all_findings(results), given, not_run or {}), at)


@dataclass(frozen=True)
class Grounds:
    """What the verdicts rest on."""

    register: Register
    weighed: tuple[Counts | SetAside, ...]
    findings: tuple[Finding, ...]
    """What the pack found, in every stack."""
    settings: GateSettings
    not_run: Mapping[str, str]
    """Test → why it was not run just now."""


def outcomes(grounds: Grounds, at: datetime) -> tuple[Outcome, ...]:
    """The verdict on each story. Pure."""
    return tuple(decide(inputs(which, grounds, at)) for which in STORIES)


def inputs(which: Service, grounds: Grounds, at: datetime) -> Inputs:
    """What the decision on one story depends on. Pure."""
    register = grounds.register
    accepted = [waiver for waiver in grounds.settings.accepted() if service(waiver.about) == which]
    findings = Waivers(accepted, _day(at)).mark(pack.of(grounds.findings, which))
    tests = standings.tests(register, which, grounds.weighed, grounds.not_run)
    return Inputs(
        service=which,
        story=STORIES[which].id,
        title=STORIES[which].title,
        at=at,
        tests=tests,
        risks=standings.risks(register, which, tests, findings),
        findings=findings,
        waivers=tuple(accepted),
        slos={name: _slo(risk.slo) for name, risk in register.risks.items() if risk.slo and service(name) == which},
        open_decisions={
            name: it for name, it in register.decisions.items() if which in it.services and it.approved is None
        },
        set_aside=standings.of_no_test(register, which, grounds.weighed),
    )


def all_findings(results: Sequence[Result]) -> tuple[Finding, ...]:
    """What was found in all stacks that were judged."""
    return tuple(found for result in results for found in result.findings)


def _slo(slo: Slo) -> str:
    return f"95th percentile of {slo.p95_intra_cluster_ms} ms in the cluster, {slo.p95_cross_cluster_ms} ms across"


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
