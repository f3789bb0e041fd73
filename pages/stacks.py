"""The stacks of this checkout: what each says, and every resource that the program registers for it."""

import json
import runpy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi

from seawall.components.settings import StackSettings, load
from seawall.components.stack_file import read_stack_file
from seawall.errors import UserError
from seawall.pages.recording import Recording, record


@dataclass(frozen=True)
class Stack:
    """One stack: its settings, and what the program makes of them."""

    name: str
    settings: StackSettings
    recording: Recording


Stacks = Mapping[str, Stack]


def names(checkout: Path) -> list[str]:
    """The stacks that have a file, in order of their names."""
    return sorted(file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in checkout.glob("Pulumi.*.yaml"))


def read(checkout: Path) -> Stacks:
    """Every stack of the checkout, by name. Needs no engine, no cluster and no account.

    Raises `UserError` when the settings of a stack are wrong.
    """
    return {name: read_one(checkout, name) for name in names(checkout)}


def read_one(checkout: Path, name: str) -> Stack:
    """One stack. Raises `UserError` when there is none of that name, or its settings are wrong."""
    config = read_stack_file(checkout, name)
    # As the engine hands it to a program: text, and JSON for everything that is not.
    given = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    try:
        recording = record(
            lambda: runpy.run_path(str(checkout / "__main__.py"), run_name="__main__"), stack=name, config=given
        )
    except pulumi.RunError as mistake:
        raise UserError(f"stack {name}: {mistake}") from mistake
    return Stack(name, load(config, checkout), recording)
