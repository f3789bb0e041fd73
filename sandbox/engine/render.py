"""The Kubernetes manifests of a stack, taken from the event log of its preview."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from seawall.errors import UserError
from seawall.policy.estate.values import PLACEHOLDER
from seawall.sandbox.engine.events import UNKNOWN

_MARK = ".seawall-rendered"
Manifest = Mapping[str, Any]


def manifests(events: Path) -> list[Manifest]:
    """Every Kubernetes object that the program registered, in the order of its registration."""
    found: dict[str, Manifest] = {}
    for line in events.read_text(encoding="utf-8").splitlines():
        step = (json.loads(line).get("resourcePreEvent") or {}).get("metadata") or {}
        new = step.get("new") or {}
        inputs = new.get("inputs") or {}
        # A refresh step shows what is there; only the steps of the program show what it wants.
        if step.get("op") in ("refresh", "delete") or not str(step.get("type", "")).startswith("kubernetes:"):
            continue
        if "apiVersion" in inputs and "kind" in inputs:
            # The engine's own are beside the object's; below them a name with `__` is the object's, `__main__.py` say.
            found[step["urn"]] = _known({key: value for key, value in inputs.items() if not key.startswith("__")})
    return list(found.values())


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds anything but an earlier rendering. Raises `UserError`."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file: name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MARK).is_file():
        raise UserError(f"{folder} is not empty and was not written by `seawall render`: name another folder")


def write(objects: list[Manifest], folder: Path) -> list[Path]:
    """Write one file per object, `<kind>-<namespace>-<name>.yaml`; files of an earlier rendering are removed first."""
    check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.yaml"):
        old.unlink()
    (folder / _MARK).touch()
    written = []
    for manifest in objects:
        metadata = manifest.get("metadata") or {}
        parts = [manifest["kind"].lower(), metadata.get("namespace"), metadata.get("name") or "unnamed"]
        file = folder / f"{'-'.join(re.sub(r'[^a-zA-Z0-9.-]', '_', str(part)) for part in parts if part)}.yaml"
        with file.open("a", encoding="utf-8") as stream:  # two groups may have a kind of the same name
            if stream.tell():
                stream.write("---\n")
            yaml.safe_dump(manifest, stream, sort_keys=False)
        written.append(file)
    return written


def has_unknown(file: Path) -> bool:
    """Whether a rendered file has a value that is known only after an update."""
    return PLACEHOLDER in file.read_text(encoding="utf-8")


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _known(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_known(inner) for inner in value]
    return PLACEHOLDER if value == UNKNOWN else value
