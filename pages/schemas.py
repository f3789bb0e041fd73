"""The published JSON schemas: of what the pack reads, and of what checks, the gate and the validator write."""

import json
from typing import Any

from seawall.components.cnpg import validation_report
from seawall.policy.acceptance import waiver_file
from seawall.policy.report import form
from seawall.qa.evidence.document import schema as evidence
from seawall.qa.gate.form import schema as gate

_MADE = {
    "docs/schemas/check.schema.json": (form.schema, "What `seawall check --format json` writes"),
    "docs/schemas/evidence-v1.schema.json": (evidence, "The front matter of a file of evidence"),
    "docs/schemas/gate-v1.schema.json": (gate, "A gate file, docs/qa/gates/<STORY-ID>.yml"),
    "docs/schemas/validation-report-v1.schema.json": (validation_report.schema, "What a validation of backups prints"),
    "docs/schemas/waivers.schema.json": (waiver_file.schema, "A file of waivers for `seawall check --waivers`"),
}


def pages() -> dict[str, str]:
    """Path in the checkout → text."""
    return {path: _text({**schema(), "title": title}) for path, (schema, title) in _MADE.items()}


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
