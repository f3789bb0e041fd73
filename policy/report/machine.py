"""The result for machines, as JSON; `form` has its published schema.

`version` changes when a field changes its meaning or goes; a field more is no new version.
"""

import json
from typing import Any

from seawall.policy.findings import Finding, Outcome
from seawall.policy.report.result import Matrices, Result, Standing, risks

VERSION = 2


def to_json(result: Result) -> str:
    """The result as a JSON text, in ASCII: whatever encodes the output, it stays JSON."""
    return json.dumps(to_data(result), indent=2)


def to_data(result: Result) -> dict[str, Any]:
    """The result as plain data."""
    return {
        "version": VERSION,
        "source": result.source,
        "exit_code": result.exit_code,
        "fail_on": result.fail_on.value if result.fail_on is not None else "never",
        "tally": {
            "objects": result.objects,
            "projected": result.projected,
            "files": result.files,
            "not_kubernetes": result.not_kubernetes,
            "unreadable": len(result.unreadable),
            **{outcome.value.replace(" ", "_"): result.count(outcome) for outcome in Outcome},
            "waived": result.counted(Standing.WAIVED),
            "in_baseline": result.counted(Standing.KNOWN),
            "fails": result.counted(Standing.FAILS),
        },
        "findings": [_finding(finding, result) for finding in result.findings],
        "risks": [
            {
                "id": row.risk,
                "title": row.title,
                "severity": row.severity.value,
                "rules": list(row.rules),
                "judged": row.objects,
                "verdict": row.verdict,
            }
            for row in risks(result)
        ],
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
        "disabled": [rule.id for rule in result.off],
        "unreadable": [{"file": u.file, "line": u.line, "why": u.why} for u in result.unreadable],
        "notes": [{"text": note.text, "where": note.where} for note in result.notes],
        "fixed": [
            {"rule": e.rule, "resource": e.resource, "outcome": e.outcome, "fingerprint": e.fingerprint}
            for e in result.fixed
        ],
        "seconds": round(result.seconds, 3),
        **({"matrices": _matrices(result.matrices)} if result.matrices is not None else {}),
    }


def _matrices(matrices: Matrices) -> dict[str, Any]:
    return {"reach": list(matrices.reach_data), "entries": list(matrices.entries_data)}


def _finding(finding: Finding, result: Result) -> dict[str, Any]:
    blamed, waived, standing = finding.blamed, finding.waived, result.standing(finding)
    return {
        "rule": finding.rule.id,
        "risks": list(finding.rule.risks),
        "severity": finding.rule.severity.value,
        "outcome": finding.outcome.value,
        "standing": standing.value,
        "fails": standing is Standing.FAILS,
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
        "waived": None
        if waived is None
        else {"reason": waived.reason, "approver": waived.approver, "expires": waived.expires.isoformat()},
    }


def _resource(finding: Finding) -> dict[str, str]:
    subject = finding.subject
    return {"group": subject.group, "kind": subject.kind, "namespace": subject.namespace, "name": subject.name}
