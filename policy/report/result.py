"""What a check came to, ready for any report."""

from collections.abc import Sequence
from dataclasses import dataclass

from seawall.policy.estate.folder import Unreadable
from seawall.policy.estate.model import Estate, Note
from seawall.policy.findings import Finding, Outcome, Rule, Severity


@dataclass(frozen=True)
class Judged:
    """A rule and how many objects it looked at."""

    rule: Rule
    objects: int


@dataclass(frozen=True)
class Result:
    """Everything that a report prints."""

    source: str
    """What was checked: a folder, a file, standard input."""
    findings: tuple[Finding, ...]
    judged: tuple[Judged, ...]
    objects: int
    """Declared objects."""
    projected: int
    """Objects that operators will make of them."""
    files: int
    not_kubernetes: int
    unreadable: tuple[Unreadable, ...]
    notes: tuple[Note, ...]
    """What was not seen, or assumed."""
    seconds: float

    def exit_code(self, fail_on: Severity | None) -> int:
        """0, 1 when something at least this severe was found or could not be evaluated, 2 when input was unreadable.

        None never fails on findings.
        """
        if self.unreadable:
            return 2
        return 1 if any(fails(finding, fail_on) for finding in self.findings) else 0

    def count(self, outcome: Outcome) -> int:
        """How many findings have an outcome."""
        return sum(finding.outcome is outcome for finding in self.findings)


def fails(finding: Finding, fail_on: Severity | None) -> bool:
    """Whether a finding makes a check fail. A rule that could not be evaluated does, whatever its severity."""
    if fail_on is None or finding.outcome is Outcome.DEFERRED:
        return False
    return finding.outcome is Outcome.NOT_EVALUATED or finding.rule.severity.rank <= fail_on.rank


def judged(estate: Estate, rules: Sequence[Rule]) -> tuple[Judged, ...]:
    """How many objects each rule looks at in an estate."""
    return tuple(Judged(rule, sum(len(estate.of(kind)) for kind in rule.kinds)) for rule in rules)
