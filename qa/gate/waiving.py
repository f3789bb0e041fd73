"""What somebody accepts, on a day."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from seawall.policy.findings import WAIVED, Severity
from seawall.qa.gate.model import Waiver
from seawall.qa.gate.pack import PackFinding


class Waivers:
    """The waivers of a story, on a day."""

    def __init__(self, given: Iterable[Waiver], day: date) -> None:
        """`day` is in UTC; a waiver holds on its last day."""
        given = tuple(given)
        self.in_force = tuple(waiver for waiver in given if waiver.expires >= day and waiver.approver and waiver.reason)
        self.expired = tuple(waiver for waiver in given if waiver.expires < day)
        self._by_id = {waiver.about: waiver for waiver in reversed(self.in_force)}

    def text(self, about: str) -> str | None:
        """By whom, why and until when something is accepted; None when nobody does."""
        waiver = self._by_id.get(about)
        if waiver is None:
            return None
        return f"{WAIVED}{waiver.expires.isoformat()} by {waiver.approver}: {waiver.reason}"

    def mark(self, findings: Iterable[PackFinding]) -> tuple[PackFinding, ...]:
        """The findings, those marked that somebody accepts: critical and high ones, as others make no FAIL."""
        return tuple(
            replace(found, waived=self.text(found.rule)) if found.waived is None and _severe(found) else found
            for found in findings
        )


def _severe(found: PackFinding) -> bool:
    return not found.undecided and found.severity.rank <= Severity.HIGH.rank
