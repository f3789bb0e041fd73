"""The published JSON schemas: of what the pack reads, of what a check writes, and of what the validator prints."""

import json
from typing import Any

from seawall.components.cnpg import validation_report
from seawall.policy.acceptance import waiver_file
from seawall.policy.report import form

_MADE = {
    "docs/schemas/check.schema.json": (form.schema, "What `seawall check --format json` writes"),
    "docs/schemas/validation-report-v1.schema.json": (validation_report.schema, "What a validation of backups prints"),
    "docs/schemas/waivers.schema.json": (waiver_file.schema, "A file of waivers for `seawall check --waivers`"),
}


def pages() -> dict[str, str]:
    """Path in the checkout → text."""
    return {path: _text({**schema(), "title": title}) for path, (schema, title) in _MADE.items()}


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
