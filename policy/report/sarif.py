"""The result as SARIF 2.1.0, for code scanning: all rules declared, stable fingerprints, waived findings suppressed."""

import json
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from seawall import __version__
from seawall.policy.acceptance.waivers import RULE as WAIVERS
from seawall.policy.findings import Finding, Outcome, Rule, Severity
from seawall.policy.report.result import Result, Standing
from seawall.policy.report.text import labelled, marked, plain
from seawall.policy.rules import load

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}
_SECURITY_SEVERITY = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.0"}
"""As code scanning groups them: over 9.0 critical, from 7.0 high, from 4.0 medium, else low."""


def to_sarif(result: Result) -> str:
    """The result as a SARIF text, in ASCII."""
    return json.dumps(to_log(result), indent=2)


def to_log(result: Result) -> dict[str, Any]:
    """The SARIF log as plain data, one run."""
    rules = [*load(), WAIVERS]
    places = {rule.id: place for place, rule in enumerate(rules)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "seawall",
                        "semanticVersion": __version__,
                        "rules": [_descriptor(rule) for rule in rules],
                    }
                },
                "automationDetails": {"id": "seawall/check/"},
                "columnKind": "utf16CodeUnits",
                "invocations": [_invocation(result)],
                "results": [_result(finding, places[finding.rule.id], result) for finding in result.findings],
            }
        ],
    }


def _descriptor(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": f"{rule.title}."},
        "fullDescription": {"text": rule.why},
        "help": {
            "text": f"{rule.why}\n\nMend: {rule.mend}\n\nMore: {rule.page}, or `seawall explain {rule.id}`.",
            "markdown": f"{rule.why}\n\n**Mend:** {rule.mend}\n\nMore: `{rule.page}`, or `seawall explain {rule.id}`.",
        },
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {
            "tags": ["security", *rule.risks],
            "precision": "very-high",
            "security-severity": _SECURITY_SEVERITY[rule.severity],
        },
    }


def _result(finding: Finding, place: int, result: Result) -> dict[str, Any]:
    standing = result.standing(finding)
    deferred = finding.outcome is Outcome.DEFERRED
    made: dict[str, Any] = {
        "ruleId": finding.rule.id,
        "ruleIndex": place,
        "kind": "open" if deferred else "fail",  # open: no verdict yet, and then the level must be none
        "level": "none" if deferred else _LEVELS[finding.rule.severity],
        "message": {"text": f"{plain(finding.subject.title)}: {labelled(finding)} Mend: {plain(finding.mend)}"},
        "locations": [_location(finding)],
        "partialFingerprints": {"seawallFinding/v1": finding.fingerprint},
        "properties": {"outcome": finding.outcome.value, "standing": standing.value},
    }
    if result.baseline:
        made["baselineState"] = "unchanged" if finding.known else "new"
    if standing in (Standing.WAIVED, Standing.KNOWN):
        accepted = standing is Standing.WAIVED
        made["suppressions"] = [
            {
                "kind": "external",
                "status": "accepted" if accepted else "underReview",
                "justification": marked(finding),
            }
        ]
    return made


def _location(finding: Finding) -> dict[str, Any]:
    blamed = finding.blamed
    made: dict[str, Any] = {
        "logicalLocations": [
            {
                "name": plain(blamed.name),
                "fullyQualifiedName": plain(f"{blamed.title} {'.'.join(finding.path)}".strip()),
                "kind": "resource",
            }
        ]
    }
    if blamed.origin.file is not None:
        made["physicalLocation"] = _physical(blamed.origin.file, blamed.origin.line_of(finding.path))
    return made


def _physical(file: str, line: int | None) -> dict[str, Any]:
    made: dict[str, Any] = {"artifactLocation": {"uri": _uri(file)}}
    if line:
        made["region"] = {"startLine": line}
    return made


def _uri(file: str) -> str:
    """A path as a URI: relative to where the check was started, or absolute."""
    path = PurePath(file)
    return Path(file).as_uri() if path.is_absolute() else quote(path.as_posix())


def _invocation(result: Result) -> dict[str, Any]:
    notifications: list[dict[str, Any]] = [
        {
            "level": "error",
            "message": {"text": f"cannot be read: {plain(problem.why)}"},
            "locations": [{"physicalLocation": _physical(problem.file, problem.line)}],
        }
        for problem in result.unreadable
    ]
    notifications += [
        {
            "level": "note",
            "message": {"text": plain(f"not seen, or assumed: {note.text}{f' ({note.where})' if note.where else ''}")},
        }
        for note in result.notes
    ]
    return {
        "executionSuccessful": not result.unreadable,
        "exitCode": result.exit_code,
        "toolExecutionNotifications": notifications,
    }
