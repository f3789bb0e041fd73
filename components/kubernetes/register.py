"""From a plain manifest to a resource of the engine."""

import importlib
import re
from typing import Final, cast

import pulumi
from pulumi_kubernetes import apiextensions

from seawall.components.kubernetes.metadata import Manifest

_BUILT_IN: Final = {
    "v1": "core.v1",
    "apps/v1": "apps.v1",
    "batch/v1": "batch.v1",
    "networking.k8s.io/v1": "networking.v1",
    "policy/v1": "policy.v1",
    "rbac.authorization.k8s.io/v1": "rbac.v1",
}
"""API versions of Kubernetes itself → module of the provider's SDK with their typed classes."""


def register(name: str, manifest: Manifest, opts: pulumi.ResourceOptions) -> pulumi.CustomResource:
    """Registers the object: built-in kinds through the SDK's typed classes, all others as custom resources.

    `name` is the resource's name in the stack; `opts` say its parent and what it waits for.
    """
    api_version, kind = manifest["apiVersion"], manifest["kind"]
    fields = {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind")}
    module = _BUILT_IN.get(api_version)
    if module is None:
        return apiextensions.CustomResource(name, api_version=api_version, kind=kind, opts=opts, **fields)
    typed = getattr(importlib.import_module(f"pulumi_kubernetes.{module}"), kind)
    return cast(pulumi.CustomResource, typed(name, opts=opts, **{_snake(key): value for key, value in fields.items()}))


def _snake(key: str) -> str:
    """The SDK's spelling of a top-level field: `roleRef` is `role_ref`."""
    return re.sub(r"(?<=[a-z])[A-Z]", lambda match: f"_{match[0]}", key).lower()
