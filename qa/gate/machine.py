"""The verdicts as JSON."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any

from pydantic import BaseModel

from seawall.qa.gate.model import Gate, Outcome

VERSION = 1
"""Changes when a field changes its meaning or goes."""


def to_json(outcomes: Iterable[Outcome], files: Mapping[str, str]) -> str:
    """Everything about each verdict; `files` are the gate files and what became of each."""
    return json.dumps(
        {"version": VERSION, "outcomes": [_data(it) for it in outcomes], "gate_files": dict(files)},
        ensure_ascii=False,
        indent=2,
    )


def _data(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = {field.name: _data(getattr(value, field.name)) for field in dataclasses.fields(value)}
        gate = getattr(value, "gate", None)
        return {**named, "gate": gate.name} if isinstance(gate, Gate) else named
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude={"trace"})
    if isinstance(value, Mapping):
        return {str(key): _data(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_data(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, date | datetime) else value
