"""The Kubernetes objects of a stack, as the program registers them, with the SDK's mocks for engine and providers."""

import runpy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from recorder import Recorder, run
from stack_samples import CHECKOUT

from seawall.components.settings import StackSettings, load

Manifest = dict[str, Any]


@cache
def _deploy() -> Callable[[StackSettings], None]:
    program: Callable[[StackSettings], None] = runpy.run_path(str(CHECKOUT / "__main__.py"))["deploy"]
    return program


def recorded(settings: StackSettings) -> Recorder:
    """What the program registers for these settings."""
    return run(lambda: _deploy()(settings))


def objects(config: dict[str, Any], project: Path | None = None) -> list[Manifest]:
    """Every Kubernetes object of a configuration; Helm releases, which are none, are left out."""
    return objects_of(recorded(load(config, project)))


def objects_of(recorder: Recorder) -> list[Manifest]:
    """Every Kubernetes object that was registered, by kind and name: the engine's own order varies."""
    inputs = (recorder.inputs(name) for name, it in recorder.requests.items() if it.type.startswith("kubernetes:"))
    found = (whole_numbers(manifest) for manifest in inputs if "apiVersion" in manifest and "kind" in manifest)
    return sorted(found, key=lambda it: (it["kind"], it["metadata"].get("namespace", ""), it["metadata"]["name"]))


def whole_numbers(value: Any) -> Any:
    """The mocks turn every number into a float, as the engine's wire does; a provider turns whole ones back."""
    if isinstance(value, dict):
        return {key: whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
