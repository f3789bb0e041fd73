"""The engine's work folder: a copy of the project's and the stack's file, checked, since the engine writes into it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from seawall.components.stack_file import read_stack_file
from seawall.errors import UserError

DEFAULT_PROVIDERS = "pulumi:disable-default-providers"
_SALT = ("encryptionsalt", "encryptedkey", "secretsprovider")


@dataclass(frozen=True)
class StackFiles:
    """What Pulumi.yaml and Pulumi.<stack>.yaml say, as far as the driver needs it."""

    project: str
    """The project's name."""
    config: Mapping[str, Any]
    """The stack's raw configuration."""
    context: str | None
    """The kubeconfig context that the stack's settings name."""


def read(project: Path, stack: str) -> StackFiles:
    """Read both files and refuse what must not run in a sandbox.

    Raises `UserError` for a missing or malformed file (with file and line), for a configuration that leaves the default
    providers on, and for encrypted values.
    """
    about = _load(project / "Pulumi.yaml")
    name = project_name(project)
    config = read_stack_file(project, stack)
    file = project / f"Pulumi.{stack}.yaml"
    _refuse_default_providers(file, about.get("config"), config)
    for key in _encrypted(config):
        raise UserError(
            f"{file}: config.{key} is encrypted, and a sandbox has no secrets provider that could read it: "
            "name the secret's place in your secret store instead of its value"
        )
    platform = config.get("seawall:platform")
    context = platform.get("context") if isinstance(platform, dict) else None
    return StackFiles(name, config, context if isinstance(context, str) else None)


def project_name(project: Path) -> str:
    """The name in the project's file. Raises `UserError` when there is none."""
    file = project / "Pulumi.yaml"
    name = _load(file).get("name")
    if not isinstance(name, str):
        raise UserError(f"{file}: `name` is missing: give the project a name")
    return name


def copy(project: Path, stack: str, folder: Path) -> None:
    """Bring copies of both files into `folder`.

    The salt of the sandbox's passphrase, which the engine wrote into an earlier copy, is kept; one of the repository's
    file belongs to another passphrase, and is left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"Pulumi.{stack}.yaml"
    try:
        earlier = _load(target) if target.is_file() else {}
    except UserError:  # half written by a killed engine: it finds the salt in its own state as well
        earlier = {}
    kept = {key: value for key, value in earlier.items() if key in _SALT}
    ours = {key: value for key, value in _load(project / target.name).items() if key not in _SALT}
    _write(folder / "Pulumi.yaml", (project / "Pulumi.yaml").read_text(encoding="utf-8"))
    _write(target, yaml.safe_dump({**ours, **kept}, sort_keys=False))


def _write(file: Path, text: str) -> None:
    """Write it whole: a kill leaves the one before."""
    scratch = file.with_suffix(".new")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(file)


def _load(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{file} does not exist: name the folder of a Pulumi project") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else str(file)
        raise UserError(f"{where}: not valid YAML: {getattr(error, 'problem', None) or 'unreadable text'}") from error
    if not isinstance(content, dict):
        raise UserError(f"{file}:1: must be a mapping")
    return content


def _refuse_default_providers(file: Path, project_config: object, config: Mapping[str, Any]) -> None:
    value: object = None
    if isinstance(project_config, dict):
        value = project_config.get(DEFAULT_PROVIDERS)
        value = value.get("value", value.get("default")) if isinstance(value, dict) else value
    value = config.get(DEFAULT_PROVIDERS, value)
    if value not in (["*"], '["*"]'):
        raise UserError(
            f'{file}: config.{DEFAULT_PROVIDERS} is {value!r}, but must be ["*"]: with default providers on, a '
            "resource without a provider of its own would go to whatever cluster or account this machine points at"
        )


def _encrypted(value: object, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            yield path
            return
        for key, inner in value.items():
            yield from _encrypted(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _encrypted(inner, f"{path}[{index}]")
