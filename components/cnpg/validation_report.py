"""The form of the validator's report as a JSON schema, made from the validator's own table of checks and classes."""

from typing import Any

from seawall.components.cnpg.validator.classes import CHECKS, CLASSES, Status
from seawall.components.cnpg.validator.report import VERSION

_TEXT = {"type": "string"}
_WHOLE = {"type": "integer", "minimum": 0}
_COUNTS = {"type": "object", "additionalProperties": _WHOLE}


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of the line that every run prints."""
    names = [check.name for check in CHECKS]
    labels = [row.failure.label for row in CLASSES]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {"Check": _check(names, labels), "Until": _until(), "Backup": _backup()},
        "description": "What one validation of an archive found. docs/validator.md has the checks, classes and codes.",
        **_closed(
            {
                "schema": {"const": VERSION, "description": "The version of this form."},
                "ok": {"type": "boolean", "description": "Whether no check failed; then the exit code is 0."},
                "verdict": {
                    "enum": ["healthy", "unhealthy", "unknown"],
                    "description": "`unknown` when the store or the settings did not let the archive be seen.",
                },
                "class": {"enum": [*labels, None], "description": "The gravest class of failure; it gives the code."},
                "exit_code": {"enum": [0, *(int(row.failure) for row in CLASSES)]},
                "at": {**_TEXT, "format": "date-time"},
                "archive": {"type": ["string", "null"], "description": "s3://bucket/folder of the server."},
                "mode": {
                    "description": "How closely was looked; null from the short scripts.",
                    "anyOf": [
                        {"type": "null"},
                        _closed({"deep": {"type": "boolean"}, "all": {"type": "boolean"}, "sample": _WHOLE}),
                    ],
                },
                "restorable": {
                    "enum": [True, False, "unknown"],
                    "description": "Whether a restore from the newest finished backup would succeed, as far as was "
                    "looked. It can be true while checks fail: an old backup restores.",
                },
                "restorable_by": {
                    "enum": ["objects", "content"],
                    "description": "What `restorable` rests on: names and sizes, or backup and needed WAL read whole.",
                },
                "restorable_until": {
                    "description": "The last WAL that recovery reaches; null when nothing can be restored.",
                    "anyOf": [{"type": "null"}, {"$ref": "#/$defs/Until"}],
                },
                "unrestorable_because": {"type": ["string", "null"]},
                "backup": {
                    "description": "The backup that a restore takes; null when there is none.",
                    "anyOf": [{"type": "null"}, {"$ref": "#/$defs/Backup"}],
                },
                "checks": {"type": "array", "items": {"$ref": "#/$defs/Check"}},
                "not_checked": {"type": "array", "items": {"enum": names}, "uniqueItems": True},
                "counts": {**_COUNTS, "description": "What was counted on the way, by name; names may be added."},
                "requests": {**_COUNTS, "description": "Requests by operation, repeated ones included."},
                "seconds": {"type": "number", "minimum": 0},
                "metrics": {**_TEXT, "description": "The same in Prometheus' text format."},
            }
        ),
    }


def _check(names: list[str], labels: list[str]) -> dict[str, Any]:
    form = _closed(
        {
            "check": {"enum": names},
            "status": {"enum": [str(status) for status in Status]},
            "message": _TEXT,
            "class": {"enum": labels, "description": "Only of a check that failed."},
            "do": {**_TEXT, "description": "What to do about it; only of a check that failed."},
        }
    )
    failed = {"properties": {"status": {"const": str(Status.FAILED)}}}
    return {
        **form,
        "required": ["check", "status", "message"],
        "if": failed,
        "then": {"required": ["class", "do"]},
        "else": {"properties": {"class": False, "do": False}},
    }


def _until() -> dict[str, Any]:
    return _closed(
        {
            "timeline": {"type": "integer", "minimum": 1},
            "wal": {**_TEXT, "pattern": "^[0-9A-F]{24}$"},
            "archived_at": {"type": ["string", "null"], "format": "date-time"},
        }
    )


def _backup() -> dict[str, Any]:
    return _closed(
        {
            "id": {**_TEXT, "pattern": "^[0-9]{8}T[0-9]{6}$"},
            "begin_wal": _TEXT,
            "end_wal": _TEXT,
            "ended_at": {**_TEXT, "format": "date-time"},
            "timeline": _WHOLE,
            "system_id": {"type": ["string", "null"], "description": "The server's own number."},
            "postgresql": {**_WHOLE, "description": "Its version as a number: 150018."},
            "segment_bytes": _WHOLE,
            "bytes": {**_WHOLE, "description": "Of all objects of the backup."},
            "newer_unfinished": {"type": "array", "items": _TEXT, "description": "Newer attempts, by id."},
        }
    )


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    """An object with these properties, all of them and no other."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": sorted(properties),
    }
