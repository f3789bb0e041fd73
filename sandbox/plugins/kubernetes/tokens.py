"""Which of the vendor's resource types the stand-in takes, and what it says to the others."""

from collections.abc import Mapping

_COMPONENTS = {
    "helm.sh": "Helm charts are not rendered by the stand-in: use a Release (kubernetes:helm.sh/v3:Release), which is "
    "recorded, or deploy the chart's objects as resources of their own",
    "yaml": "YAML files are not read by the stand-in: give each object as a resource of its own kind",
    "kustomize": "Kustomize folders are not built by the stand-in: give each object as a resource of its own kind",
}


def of_type(type_: str) -> tuple[str, str]:
    """apiVersion and kind that a type token names, e.g. `kubernetes:core/v1:Namespace` is (`v1`, `Namespace`)."""
    _, module, kind = type_.split(":", 2)
    return module.removeprefix("core/"), kind


def refusal(type_: str, inputs: Mapping[str, object]) -> str | None:
    """Why the stand-in does not take a resource of this type with these inputs; `None` when it does."""
    api_version, kind = of_type(type_)
    group = api_version.split("/")[0]
    for prefix, reason in _COMPONENTS.items():
        if group == prefix or api_version == prefix:
            return f"{type_}: {reason}"
    said = inputs.get("kind")
    if kind.endswith("Patch") and said in (None, kind.removesuffix("Patch")):
        whole = kind.removesuffix("Patch")
        return f"{type_}: patches of objects that others own are not made by the stand-in: use {whole}"
    if kind.endswith("List") and "items" in inputs:
        single = kind.removesuffix("List")
        return f"{type_}: lists are not taken by the stand-in: give each {single} as a resource of its own"
    return None
