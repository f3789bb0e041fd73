"""One check from end to end: an estate, the rules that are asked for, levels, waivers and a baseline, into a result."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from seawall.errors import UserError
from seawall.policy.acceptance import baseline, configuration, waivers
from seawall.policy.acceptance.configuration import Configuration
from seawall.policy.acceptance.waivers import Waivers
from seawall.policy.estate.doors.folder import Unreadable
from seawall.policy.estate.model import Estate
from seawall.policy.estate.postgresql import entry
from seawall.policy.estate.sight import CLOUD
from seawall.policy.findings import Finding, Level, Rule, Severity
from seawall.policy.judging import judge
from seawall.policy.reachability import matrix_text
from seawall.policy.report.result import Matrices, Result, judged
from seawall.policy.rules import load
from seawall.policy.surroundings.secrets import not_seen


@dataclass(frozen=True)
class Opened:
    """What came through a door."""

    source: str
    """For a person: the folder, file or cluster."""
    estate: Estate
    files: int = 0
    not_kubernetes: int = 0
    """Documents that are no Kubernetes objects."""
    unreadable: tuple[Unreadable, ...] = ()
    may_wait: bool = False
    """Whether a verdict may wait for a value that another resource will make: not where everything is made already."""


@dataclass(frozen=True)
class Asked:
    """How to judge."""

    fail_on: Severity | None = Severity.HIGH
    """The least severity that fails; None never fails on findings."""
    rules: tuple[str, ...] = ()
    """Ids of rules, or of risks that no rule has the id of; all when empty."""
    waivers: Path | None = None
    config: Path | None = None
    """A stack's policy configuration: levels and waivers."""
    baseline: Path | None = None
    matrices: bool = False
    """Whether the result also holds who can open what, and which role enters which database."""


@dataclass(frozen=True)
class Prepared:
    """What was asked for, read and found in order. Made before anything is judged, so that a mistake costs nothing."""

    rules: tuple[Rule, ...]
    off: tuple[Rule, ...] = ()
    config: Configuration = field(default_factory=Configuration)
    waivers: Waivers = field(default_factory=Waivers)
    held: tuple[baseline.Entry, ...] | None = None
    """The baseline, None without one."""


def prepare(asked: Asked) -> Prepared:
    """Reads the files that were named. Raises `UserError` for an unknown rule, a wrong configuration or baseline.

    A malformed file of waivers is no error here: it waives nothing and becomes a finding.
    """
    chosen = choose(asked.rules)
    config = configuration.read(asked.config) if asked.config is not None else Configuration()
    off = tuple(rule for rule in chosen if config.level(rule.id) is Level.DISABLED)
    given = config.waivers
    if asked.waivers is not None:
        from seawall.policy.acceptance.waiver_file import read  # pydantic: only where there are waivers

        more = read(asked.waivers)
        given = Waivers((*given.waivers, *more.waivers), (*given.problems, *more.problems))
    held = baseline.read(asked.baseline) if asked.baseline is not None else None
    return Prepared(tuple(rule for rule in chosen if rule not in off), off, config, given, held)


def choose(ids: Sequence[str]) -> tuple[Rule, ...]:
    """The rules with these ids, all when none is given. Raises `UserError` for an id that there is not.

    The id of a risk that is no rule's stands for all rules that answer it.
    """
    rules = load()
    chosen: set[str] = set()
    for wanted in ids:
        found = [rule.id for rule in rules if rule.id == wanted]
        found = found or [rule.id for rule in rules if wanted in rule.risks]
        chosen.update(found)
        if not found:
            known = [name for rule in rules for name in (rule.id, *rule.risks)]
            raise UserError(
                f"there is no rule {wanted}.{waivers.nearest(wanted, known)} `seawall rules` lists all of them."
            )
    return tuple(rule for rule in rules if not ids or rule.id in chosen)


def check(opened: Opened, asked: Asked, prepared: Prepared, *, day: date) -> Result:
    """The result of judging what came through a door. `seconds` is left at 0."""
    estate = opened.estate
    findings: Sequence[Finding] = judge(estate, prepared.rules, preview=opened.may_wait, two_cores=True)
    ids = [rule.id for rule in prepared.rules]
    findings = waivers.apply(
        prepared.waivers,
        findings,
        today=day,
        known=[rule.id for rule in load()],
        judged=None if opened.unreadable else ids,
        cloud=CLOUD in estate.sees,
    )
    fixed: Iterable[baseline.Entry] = ()
    if prepared.held is not None:
        findings = baseline.mark(findings, prepared.held)
        fixed = () if opened.unreadable else baseline.fixed(prepared.held, findings, ids)
    declared = len(estate.declared)
    levels = {
        name: level for name in configuration.known_policies() if (level := prepared.config.level(name)) is not None
    }
    return Result(
        source=opened.source,
        findings=tuple(findings),
        judged=judged(estate, prepared.rules),
        objects=declared,
        projected=sum(1 for _ in estate.objects()) - declared,
        files=opened.files,
        not_kubernetes=opened.not_kubernetes,
        unreadable=opened.unreadable,
        notes=(*estate.notes, *not_seen(estate)),
        seconds=0.0,
        fail_on=asked.fail_on,
        levels=levels,
        off=prepared.off,
        fixed=tuple(fixed),
        baseline=prepared.held is not None,
        matrices=_matrices(estate) if asked.matrices else None,
    )


def _matrices(estate: Estate) -> Matrices:
    return Matrices(
        matrix_text.describe(estate),
        "\n".join(entry.describe(estate)),
        matrix_text.to_data(estate),
        entry.to_data(estate),
    )
