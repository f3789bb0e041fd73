"""What the policy pack found, in the gate's own words."""

from collections.abc import Iterable
from dataclasses import dataclass

from seawall.policy.findings import WAIVERS_POLICY, Finding, Outcome, Severity
from seawall.qa.register import Service, service


@dataclass(frozen=True)
class PackFinding:
    """One finding."""

    rule: str
    risks: tuple[str, ...]
    severity: Severity
    where: str
    """The resource, as every report names it."""
    text: str
    mend: str
    undecided: bool = False
    """Whether the rule came to no verdict, or one that waits for a value that another resource will make."""
    waived: str | None = None
    """Until when, by whom and why, by a waiver of the pack."""


def of(findings: Iterable[Finding], which: Service) -> tuple[PackFinding, ...]:
    """The findings of one service; one about the pack's own waivers, or of a rule of both, is of each."""
    return tuple(_plain(found) for found in findings if _of_service(found, which))


def _of_service(found: Finding, which: Service) -> bool:
    names = [found.rule.id, *found.rule.risks] if found.rule.id != WAIVERS_POLICY else [found.subject.name]
    services = {it for name in names for word in name.split() if (it := service(word)) is not None}
    return not services or which in services


def _plain(found: Finding) -> PackFinding:
    return PackFinding(
        rule=found.rule.id,
        risks=found.rule.risks,
        severity=found.rule.severity,
        where=found.subject.title,
        text=found.message,
        mend=found.mend,
        undecided=found.outcome is not Outcome.VIOLATED,
        waived=found.waived.text if found.waived is not None else None,
    )
