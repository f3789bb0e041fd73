"""The objects against the CRDs in the Go modules of the very operator and plugin that the sandbox runs."""

from functools import cache
from typing import Any

import jsonschema
import pytest
import yaml
from schemas import _strict
from test_cnpg_manifests import VARIANTS, objects

from seawall.tools import catalog, layout

CRDS = {"cnpg-manager": "config/crd/bases", "barman-plugin": "config/crd/bases"}


@cache
def schemas() -> dict[tuple[str, str], jsonschema.Draft202012Validator]:
    found = {}
    for tool, place in CRDS.items():
        module = catalog.module(tool)
        folder = layout.unpacked(module) / place
        if not folder.is_dir() or layout.unpacking(module).exists():
            pytest.skip(f"the Go module of {tool} is not in the cache: no CRDs to validate against")
        for file in sorted(folder.glob("*.yaml")):
            crd = yaml.load(file.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
            for version in crd["spec"]["versions"]:
                schema = version["schema"]["openAPIV3Schema"]
                schema["properties"]["metadata"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                key = (f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"])
                found[key] = jsonschema.Draft202012Validator(_strict(schema))
    return found


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_of_operator_and_plugin_fits(variant: str) -> None:
    checked: set[str] = set()
    for manifest in objects(VARIANTS[variant]()):
        validator = schemas().get((manifest["apiVersion"], manifest["kind"]))
        if validator is not None:
            assert [_said(error) for error in validator.iter_errors(manifest)] == []
            checked.add(manifest["kind"])
    assert checked == {"Cluster", "Pooler", "Database", "DatabaseRole", "ScheduledBackup", "ObjectStore"}


def _said(error: Any) -> str:
    return f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
