"""Strict validation of manifests: a field that the schema does not declare is an error, at any depth.

Where a schema may come from, each a folder that a checkout need not have:

- `shared`: the vendors' CRDs beside the project
- `modules`: CRDs in the Go modules of the very operators that the sandbox runs, and of Cilium
- `models`: what the sandbox generates for operators that have no Go module, completed from `kubernetes`
- `kubernetes`: Kubernetes' own OpenAPI document, in the Go module of the sandbox's API server
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import yaml

from seawall.sandbox.crds.schema import crd as generated
from seawall.sandbox.crds.sources import VENDORS
from seawall.tools import catalog, layout

SHARED = Path(__file__).parents[2].parent / "shared"

SOURCES: Final = ("shared", "modules", "models", "kubernetes")
"""In the order in which `validate` asks for a kind."""

_MODULES: Final[Mapping[str, str]] = {
    "cnpg-manager": "config/crd/bases",
    "barman-plugin": "config/crd/bases",
    "cilium": "pkg/k8s/apis/cilium.io/client/crds/v2",
}
_OPENAPI: Final = "api/openapi-spec/v3"
_CORE: Final = "api__v1_openapi.json"
_OBJECT_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

Key = tuple[str, str]
"""`apiVersion` and `kind`."""
Schema = dict[str, Any]


class MissingSourceError(Exception):
    """The schemas of a source are not on this machine."""


@cache
def schemas(source: str) -> Mapping[Key, Schema]:
    """The schemas of a source as they are published. Raises `MissingSourceError` when they are not on this machine."""
    return dict({"shared": _shared, "modules": _modules, "models": _models, "kubernetes": _built_in}[source]())


def _shared() -> Iterator[tuple[Key, Schema]]:
    folder = SHARED / "crds"
    if not folder.is_dir():
        raise MissingSourceError(f"{folder} is not there: no CRDs to validate against")
    for file in sorted(folder.glob("*.yaml")):
        yield from _of_crd(_read(file))


def _modules() -> Iterator[tuple[Key, Schema]]:
    for tool, place in _MODULES.items():
        for file in sorted((_module(tool) / place).glob("*.yaml")):
            yield from _of_crd(_read(file))


def _models() -> Iterator[tuple[Key, Schema]]:
    cores = _openapi(_CORE)
    for vendor in VENDORS:
        module, _, constant = vendor.model.partition(":")
        yield from _of_crd(generated(getattr(import_module(module), constant), cores))


def _built_in() -> Iterator[tuple[Key, Schema]]:
    for file in sorted((_module("kube-apiserver") / _OPENAPI).glob("*__v1_openapi.json")):
        for name, schema in _openapi(file.name).items():
            for gvk in schema.get("x-kubernetes-group-version-kind", ()):
                api_version = f"{gvk['group']}/{gvk['version']}".removeprefix("/")
                yield (api_version, gvk["kind"]), {"$ref": f"#/components/schemas/{name}", "file": file.name}


@cache
def _openapi(name: str) -> Mapping[str, Schema]:
    """The component schemas of one document of Kubernetes."""
    document = json.loads((_module("kube-apiserver") / _OPENAPI / name).read_text())
    found: Mapping[str, Schema] = document["components"]["schemas"]
    return found


@cache
def _strict_openapi(name: str) -> Mapping[str, Schema]:
    return {"components": {"schemas": {part: _strict(schema) for part, schema in _openapi(name).items()}}}


def _module(tool: str) -> Path:
    module = catalog.module(tool)
    folder = layout.unpacked(module)
    if not folder.is_dir() or layout.unpacking(module).exists():
        raise MissingSourceError(f"the Go module of {tool} is not in the cache: no schemas to validate against")
    return folder


def _read(file: Path) -> Schema:
    crd: Schema = yaml.load(file.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return crd


def _of_crd(crd: Schema) -> Iterator[tuple[Key, Schema]]:
    for version in crd["spec"]["versions"]:
        key = (f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"])
        yield key, version["schema"]["openAPIV3Schema"]


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
def _validator(source: str, api_version: str, kind: str) -> jsonschema.Draft202012Validator:
    schema = schemas(source)[api_version, kind]
    if source == "kubernetes":
        return jsonschema.Draft202012Validator({"$ref": schema["$ref"], **_strict_openapi(schema["file"])})
    made = _strict({**schema, "properties": {**schema["properties"], "metadata": {"type": "object"}}})
    try:  # a CRD says nothing of metadata: the API server knows it, and refuses what it does not know
        made.update(_strict_openapi(_CORE))
        made["properties"]["metadata"] = {"$ref": f"#/components/schemas/{_OBJECT_META}"}
    except MissingSourceError:
        pass
    return jsonschema.Draft202012Validator(made)


def sources_of(manifest: Mapping[str, Any]) -> list[str]:
    """The sources on this machine that know the manifest's kind."""
    found = []
    for source in SOURCES:
        try:
            if (manifest["apiVersion"], manifest["kind"]) in schemas(source):
                found.append(source)
        except MissingSourceError:
            continue
    return found


def violations(manifest: Mapping[str, Any], source: str) -> list[str]:
    """Every violation of the manifest's schema in one source, as `path: text`."""
    found = _validator(source, manifest["apiVersion"], manifest["kind"]).iter_errors(manifest)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in found]


def validate(manifest: dict[str, Any], *, every_source: bool = False) -> None:
    """Fails with every violation of the manifest's schema, in the first source that knows the kind or in all of them.

    Skips when no source on this machine knows it because sources are missing; fails when none is missing.
    """
    known = sources_of(manifest)
    if not known:
        _missing(manifest)
    for source in known if every_source else known[:1]:
        errors = violations(manifest, source)
        assert not errors, f"{manifest['kind']} {manifest['metadata']['name']} ({source}): {errors}"


def _missing(manifest: Mapping[str, Any]) -> None:
    for source in SOURCES:
        require(source)
    raise AssertionError(f"no schema of {manifest['apiVersion']} {manifest['kind']} anywhere")


def require(source: str) -> None:
    """Skips the test, with the reason, when the schemas of a source are not on this machine."""
    try:
        schemas(source)
    except MissingSourceError as missing:
        pytest.skip(str(missing))


def has_crd(manifest: Mapping[str, Any]) -> bool:
    """Whether the kind comes from a CRD (and not from Kubernetes itself)."""
    api_version = manifest["apiVersion"]
    return "." in api_version.partition("/")[0] and not api_version.partition("/")[0].endswith(".k8s.io")
