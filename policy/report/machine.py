"""The result for machines, as JSON. `version` changes when a field changes its meaning or goes."""

import json
from typing import Any

from seawall.policy.findings import Finding, Outcome, Severity
from seawall.policy.report.result import Result, fails

VERSION = 1


def to_json(result: Result, *, fail_on: Severity | None) -> str:
    """The result as a JSON text, in ASCII: whatever encodes the output, it stays JSON."""
    return json.dumps(to_data(result, fail_on=fail_on), indent=2)


def to_data(result: Result, *, fail_on: Severity | None) -> dict[str, Any]:
    """The result as plain data."""
    return {
        "version": VERSION,
        "source": result.source,
        "exit_code": result.exit_code(fail_on),
        "tally": {
            "objects": result.objects,
            "projected": result.projected,
            "files": result.files,
            "not_kubernetes": result.not_kubernetes,
            "unreadable": len(result.unreadable),
            **{outcome.value.replace(" ", "_"): result.count(outcome) for outcome in Outcome},
        },
        "findings": [_finding(finding, fail_on) for finding in result.findings],
        "rules": [
            {
                "id": judged.rule.id,
                "risks": list(judged.rule.risks),
                "title": judged.rule.title,
                "severity": judged.rule.severity.value,
                "page": judged.rule.page,
                "judged": judged.objects,
            }
            for judged in result.judged
        ],
        "unreadable": [{"file": u.file, "line": u.line, "why": u.why} for u in result.unreadable],
        "notes": [{"text": note.text, "where": note.where} for note in result.notes],
        "seconds": round(result.seconds, 3),
    }


def _finding(finding: Finding, fail_on: Severity | None) -> dict[str, Any]:
    blamed = finding.blamed
    return {
        "rule": finding.rule.id,
        "risks": list(finding.rule.risks),
        "severity": finding.rule.severity.value,
        "outcome": finding.outcome.value,
        "fails": fails(finding, fail_on),
        "resource": _resource(finding),
        "blamed": {"kind": blamed.kind, "namespace": blamed.namespace, "name": blamed.name},
        "file": blamed.origin.file,
        "line": blamed.origin.line_of(finding.path),
        "urn": blamed.origin.urn,
        "path": ".".join(finding.path),
        "message": finding.message,
        "mend": finding.mend,
        "facts": dict(finding.facts),
        "fingerprint": finding.fingerprint,
    }


def _resource(finding: Finding) -> dict[str, str]:
    subject = finding.subject
    return {"group": subject.group, "kind": subject.kind, "namespace": subject.namespace, "name": subject.name}
