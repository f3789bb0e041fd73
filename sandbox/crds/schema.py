"""From a typed pydantic model to the structural OpenAPI schema of a CustomResourceDefinition.

Fields that embed a type of Kubernetes itself (`Affinity`, …) take its schema from the API server that the CRD is
made for, so that they are exact and never copied.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from seawall.errors import EnvironmentFailure

Schema = dict[str, Any]

_CORE = "x-core"
_CORE_PREFIX = "io.k8s.api.core.v1."
_META_PREFIX = "io.k8s.apimachinery.pkg.apis.meta.v1."
_KEPT = frozenset(
    {
        "type",
        "format",
        "description",
        "properties",
        "required",
        "items",
        "additionalProperties",
        "enum",
        "default",
        "pattern",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-type",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-map-type",
        "x-kubernetes-validations",
    }
)

IntOrString = Annotated[int | str, WithJsonSchema({"x-kubernetes-int-or-string": True})]
"""A number, or text such as `25%` or `512Mi`."""


def _type(prefix: str, name: str) -> WithJsonSchema:
    return WithJsonSchema({_CORE: prefix + name})


Affinity = Annotated[dict[str, Any], _type(_CORE_PREFIX, "Affinity")]
Container = Annotated[dict[str, Any], _type(_CORE_PREFIX, "Container")]
EnvVar = Annotated[dict[str, Any], _type(_CORE_PREFIX, "EnvVar")]
LabelSelector = Annotated[dict[str, Any], _type(_META_PREFIX, "LabelSelector")]
LocalReference = Annotated[dict[str, Any], _type(_CORE_PREFIX, "LocalObjectReference")]
PersistentVolumeClaimSpec = Annotated[dict[str, Any], _type(_CORE_PREFIX, "PersistentVolumeClaimSpec")]
PodSecurityContext = Annotated[dict[str, Any], _type(_CORE_PREFIX, "PodSecurityContext")]
ResourceRequirements = Annotated[dict[str, Any], _type(_CORE_PREFIX, "ResourceRequirements")]
SecretKeySelector = Annotated[dict[str, Any], _type(_CORE_PREFIX, "SecretKeySelector")]
SecretReference = Annotated[dict[str, Any], _type(_CORE_PREFIX, "SecretReference")]
SecurityContext = Annotated[dict[str, Any], _type(_CORE_PREFIX, "SecurityContext")]
Toleration = Annotated[dict[str, Any], _type(_CORE_PREFIX, "Toleration")]
TopologySpreadConstraint = Annotated[dict[str, Any], _type(_CORE_PREFIX, "TopologySpreadConstraint")]
Volume = Annotated[dict[str, Any], _type(_CORE_PREFIX, "Volume")]


class Model(BaseModel):
    """Base of the models: camelCase in YAML, unknown fields refused, read only."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Kind(Model):
    """A custom resource that we can make a CRD for."""

    group: str = Field(description="API group.")
    version: str = Field(description="Served and stored version.")
    kind: str = Field(description="Kind.")
    plural: str = Field(description="Plural, as in URLs.")
    spec: type[BaseModel] = Field(description="Model of `spec`.")
    status: type[BaseModel] = Field(description="Model of `status`.")

    def name(self) -> str:
        """Name of the CRD."""
        return f"{self.plural}.{self.group}"


def crd(kind: Kind, cores: Mapping[str, Schema]) -> Schema:
    """The CustomResourceDefinition of a kind; `cores` is `components.schemas` of the API server's core/v1 document."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.name(), "annotations": {"seawall.dev/generated-from": "typed models of seawall"}},
        "spec": {
            "group": kind.group,
            "scope": "Namespaced",
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.kind.lower(),
            },
            "versions": [
                {
                    "name": kind.version,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "required": ["spec"],
                            "properties": {
                                "apiVersion": {"type": "string"},
                                "kind": {"type": "string"},
                                "metadata": {"type": "object"},
                                "spec": structural(kind.spec, cores),
                                "status": structural(kind.status, cores),
                            },
                        }
                    },
                }
            ],
        },
    }


def structural(model: type[BaseModel], cores: Mapping[str, Schema]) -> Schema:
    """The structural schema of a model: no references, no unions, unknown fields not declared (hence refused)."""
    schema = model.model_json_schema(by_alias=True)
    return _flatten(schema, schema.get("$defs", {}), cores)


def _flatten(schema: Mapping[str, Any], definitions: Mapping[str, Schema], cores: Mapping[str, Schema]) -> Schema:
    """One level of pydantic's JSON schema, and all below it."""
    if _CORE in schema:
        return _described(_core(schema[_CORE], cores), schema)
    if "$ref" in schema:
        return _described(_flatten(definitions[schema["$ref"].rpartition("/")[2]], definitions, cores), schema)
    if "anyOf" in schema:  # `X | None`: an absent field
        options = [option for option in schema["anyOf"] if option.get("type") != "null"]
        if len(options) != 1:
            raise TypeError(f"a structural schema has no unions; use IntOrString: {schema}")
        return _described(_flatten(options[0], definitions, cores), schema)
    flat = {key: value for key, value in schema.items() if key in _KEPT}
    if flat.get("default", ...) is None:
        del flat["default"]
    if "const" in schema:
        flat["enum"] = [schema["const"]]
    if "properties" in flat:
        flat["properties"] = {name: _flatten(value, definitions, cores) for name, value in flat["properties"].items()}
        flat.pop("additionalProperties", None)  # `false`, which a structural schema says by leaving it out
    for below in ("items", "additionalProperties"):
        if isinstance(flat.get(below), Mapping):
            flat[below] = _flatten(flat[below], definitions, cores)
    return flat


def _described(schema: Schema, outer: Mapping[str, Any]) -> Schema:
    told = {key: outer[key] for key in ("description", "default") if outer.get(key) is not None}
    return {**schema, **told}


def _core(name: str, cores: Mapping[str, Schema]) -> Schema:
    """A type of Kubernetes itself: the API server's schema without references, unions and descriptions."""
    if name not in cores:
        raise EnvironmentFailure(f"the API server's OpenAPI document has no {name}: its version is not supported")
    return _core_schema(cores[name], cores)


def _core_schema(schema: Mapping[str, Any], cores: Mapping[str, Schema]) -> Schema:
    reference = schema.get("$ref") or (schema["allOf"][0]["$ref"] if "allOf" in schema else None)
    if reference:
        return _core(reference.rpartition("/")[2], cores)
    if "oneOf" in schema or schema.get("format") == "int-or-string":  # Quantity and IntOrString
        return {"x-kubernetes-int-or-string": True}
    flat = {key: value for key, value in schema.items() if key in _KEPT and key != "description"}
    if not flat.get("default", True):
        del flat["default"]  # Go's zero value, which the document gives to every field that is always written
    if "properties" in flat:
        flat["properties"] = {name: _core_schema(value, cores) for name, value in flat["properties"].items()}
    for below in ("items", "additionalProperties"):
        if isinstance(flat.get(below), Mapping):
            flat[below] = _core_schema(flat[below], cores)
    keys = flat.get("x-kubernetes-list-map-keys", [])
    item = flat.get("items", {})
    if any(key not in item.get("required", []) and "default" not in item["properties"][key] for key in keys):
        # A CRD's list map needs keys that are always there; without that it is an ordinary list.
        flat = {key: value for key, value in flat.items() if not key.startswith("x-kubernetes-list")}
    return flat
