"""A baseline: the findings of a day, so that from then on only new ones fail.

It is no waiver: nobody has accepted what it holds, every report says so, and it shrinks as findings are mended.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seawall.errors import UserError
from seawall.policy.findings import WAIVERS_POLICY, Finding, Outcome

VERSION = 1
_NOTE = "Findings that were there when this was written. Nobody has accepted them: mend them, or waive them by name."


@dataclass(frozen=True)
class Entry:
    """A finding of that day."""

    fingerprint: str
    rule: str
    outcome: str
    resource: str


def mark(findings: Iterable[Finding], entries: Sequence[Entry]) -> list[Finding]:
    """The findings, those that the baseline holds marked as known. What is wrong with a waiver is always new."""
    held = {entry.fingerprint for entry in entries}
    return [
        replace(finding, known=True) if finding.fingerprint in held and _may_be_held(finding) else finding
        for finding in findings
    ]


def fixed(entries: Iterable[Entry], findings: Iterable[Finding], rules: Iterable[str]) -> list[Entry]:
    """The entries of rules that judged and found this no more."""
    there, judged = {finding.fingerprint for finding in findings}, set(rules)
    return [entry for entry in entries if entry.rule in judged and entry.fingerprint not in there]


def write(file: Path, findings: Iterable[Finding]) -> int:
    """Writes what fails or may fail: all that is not waived. Gives how many. Raises `UserError` when it cannot."""
    entries = [
        {
            "fingerprint": finding.fingerprint,
            "rule": finding.rule.id,
            "outcome": finding.outcome.value,
            "resource": finding.subject.title,
        }
        for finding in findings
        if _may_be_held(finding) and finding.waived is None
    ]
    entries.sort(key=lambda entry: (entry["rule"], entry["resource"], entry["fingerprint"]))
    text = json.dumps({"version": VERSION, "note": _NOTE, "findings": entries}, indent=2)
    try:
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as problem:
        raise UserError(f"{file}: the baseline cannot be written: {problem.strerror}") from None
    return len(entries)


def read(file: Path) -> tuple[Entry, ...]:
    """The entries of a file. Raises `UserError` when it is none that `write` has written."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as problem:
        raise UserError(f"{file}: the baseline cannot be read: {problem.strerror}") from None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, Mapping) or content.get("version") != VERSION:
        raise UserError(f"{file} is no baseline of version {VERSION}: write one with --write-baseline {file}")
    listed = content.get("findings")
    entries = [_entry(raw) for raw in listed] if isinstance(listed, list) else [None]
    found = tuple(entry for entry in entries if entry is not None)
    if len(found) != len(entries):
        raise UserError(f"{file}: a finding in it is damaged: write it again with --write-baseline {file}")
    return found


def _entry(raw: Any) -> Entry | None:
    keys = ("fingerprint", "rule", "outcome", "resource")
    if not isinstance(raw, Mapping) or not all(isinstance(raw.get(key), str) for key in keys):
        return None
    return Entry(*(raw[key] for key in keys))


def _may_be_held(finding: Finding) -> bool:
    return finding.outcome is not Outcome.DEFERRED and finding.rule.id != WAIVERS_POLICY
