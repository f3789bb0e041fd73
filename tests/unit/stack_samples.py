"""Configurations for tests: what `Pulumi.infra.yaml` says, with one thing changed."""

import copy
from functools import cache
from pathlib import Path
from typing import Any, Final

from seawall.components.settings import SettingsError, load, read_stack_file

CHECKOUT = Path(__file__).parents[2]
GONE: Final = object()
"""As a value: the key is taken away."""


@cache
def _stack(name: str) -> dict[str, Any]:
    return read_stack_file(CHECKOUT, name)


def changed(*changes: tuple[str, Any], stack: str = "infra") -> dict[str, Any]:
    """The configuration of a stack with values replaced: `("dragonfly.clusters.dragonfly.replicas", 4)`."""
    config = copy.deepcopy(_stack(stack))
    for path, value in changes:
        first, *rest = path.split(".")
        keys = [f"seawall:{first}", *rest]
        place = config
        for key in keys[:-1]:
            place = place[int(key)] if isinstance(place, list) else place[key]
        if value is GONE:
            del place[keys[-1]]
        else:
            place[keys[-1]] = value
    return config


def refusal(*changes: tuple[str, Any], stack: str = "infra") -> SettingsError:
    """The error that the changed configuration gives."""
    try:
        load(changed(*changes, stack=stack))
    except SettingsError as error:
        return error
    raise AssertionError(f"{changes} was accepted")
