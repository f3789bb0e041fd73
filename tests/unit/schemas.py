"""Strict validation of manifests against the CRDs beside the project: an unknown field is an error."""

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

SHARED = Path(__file__).parents[2].parent / "shared"


@cache
def _schemas() -> dict[tuple[str, str], dict[str, Any]]:
    folder = SHARED / "crds"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: no CRDs to validate against")
    found = {}
    for file in sorted(folder.glob("*.yaml")):
        crd = yaml.load(file.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        for version in crd["spec"]["versions"]:
            key = (f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"])
            found[key] = version["schema"]["openAPIV3Schema"]
    return found


def _strict(schema: Any) -> Any:
    """The schema as JSON Schema in which a field that is not declared is an error."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    # Under these a structural schema only constrains fields that it declares elsewhere.
    made = {
        key: value if key in ("allOf", "anyOf", "oneOf", "not") else _strict(value)
        for key, value in schema.items()
        if key != "properties"
    }
    if schema.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
        made["type"] = ["integer", "string"]
    if schema.get("nullable") and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    if "properties" in schema:
        made["properties"] = {key: _strict(value) for key, value in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields") and "additionalProperties" not in schema:
            made["additionalProperties"] = False
    return made


@cache
def _validator(api_version: str, kind: str) -> jsonschema.Draft202012Validator:
    schema = _schemas()[api_version, kind]
    top = {**schema, "properties": {**schema["properties"], "metadata": {"type": "object"}}}
    return jsonschema.Draft202012Validator(_strict(top))


def validate(manifest: dict[str, Any]) -> None:
    """Fails with every violation of the manifest's CRD; skips when the CRDs are not there."""
    found = _validator(manifest["apiVersion"], manifest["kind"]).iter_errors(manifest)
    errors = [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in found]
    assert not errors, f"{manifest['kind']} {manifest['metadata']['name']}: {errors}"


def has_crd(manifest: dict[str, Any]) -> bool:
    """Whether the kind comes from a CRD (and not from Kubernetes itself)."""
    return (manifest["apiVersion"], manifest["kind"]) in _schemas()
