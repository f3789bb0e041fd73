"""The whole configuration of a stack: read, checked, and every mistake in it reported at once.

Everything is in the namespace `seawall:` of `Pulumi.<stack>.yaml`. Importing this module does not import the engine's
SDK, so that a mistake is found before anything slow begins.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import Field, ValidationError

from seawall.components.aws.settings import AwsSettings
from seawall.components.base import Problem, ProblemsError, Settings, each, rule
from seawall.components.cnpg.checks import backup_problems, cnpg_problems
from seawall.components.cnpg.settings import CnpgSettings, PostgresCluster
from seawall.components.dragonfly import checks
from seawall.components.dragonfly.settings import DragonflySettings
from seawall.components.operators import Operators
from seawall.components.platform import Platform
from seawall.components.problems import nearest
from seawall.components.stack_file import read_stack_file
from seawall.errors import UserError

__all__ = ["SettingsError", "StackSettings", "load", "read_stack_file"]

PREFIX: Final = "seawall:"


class StackSettings(Settings):
    """Everything that a stack says."""

    platform: Platform = Field(description="The cluster that the stack is for, and what is there already")
    aws: AwsSettings = Field(description="The AWS account and region for backups")
    operators: Operators = Field(default_factory=Operators, description="The operators that reconcile the data")
    dragonfly: DragonflySettings = Field(description="The Dragonfly instances: caches and queues")
    cnpg: CnpgSettings = Field(description="The PostgreSQL clusters and their applications")

    @rule
    def _dragonfly_clients(self) -> Iterator[Problem]:
        return checks.clients(self.platform, self.dragonfly)

    @rule
    def _dragonfly_placement(self) -> Iterator[Problem]:
        return checks.placement(self.platform, self.dragonfly)

    @rule
    def _dragonfly_global_services(self) -> Iterator[Problem]:
        return checks.global_services(self.platform, self.dragonfly)

    @rule
    def _dragonfly_versions(self) -> Iterator[Problem]:
        return checks.versions(self.operators, self.dragonfly)

    @rule
    def _dragonfly_namespaces(self) -> Iterator[Problem]:
        return checks.namespaces(self.operators, self.dragonfly)

    @rule
    def _cnpg(self) -> Iterator[Problem]:
        return cnpg_problems(self.platform, self.cnpg, self.operators)

    @rule
    def _backups(self) -> Iterator[Problem]:
        return backup_problems(self.aws, self.cnpg)

    @rule
    def _namespaces_are_apart(self) -> Iterator[Problem]:
        if self.dragonfly.namespace == self.cnpg.namespace:
            yield Problem(
                ("dragonfly", "namespace"),
                "must be another namespace than cnpg.namespace: who may act on a cache must not act on databases",
                self.dragonfly.namespace,
            )

    @rule
    def _drills_are_apart(self) -> Iterator[Problem]:
        def check(name: str, cluster: PostgresCluster) -> Iterator[Problem]:
            drill = cluster.restore_drill
            if drill is not None and drill.namespace == self.dragonfly.namespace:
                yield Problem(
                    ("cnpg", "clusters", name, "restore_drill", "namespace"),
                    "must be a namespace of its own, not dragonfly.namespace",
                    drill.namespace,
                    "CNPG-OPS-002",
                )

        yield from each(self.cnpg.clusters, check)


class SettingsError(UserError):
    """The settings are wrong; `problems` holds every mistake, the text lists them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = "1 mistake in the settings:" if count == 1 else f"{count} mistakes in the settings:"
        super().__init__("\n".join([head, *(f"  {PREFIX}{problem}" for problem in self.problems)]))


def load(config: Mapping[str, object]) -> StackSettings:
    """The settings from a stack's configuration (`seawall:platform: …`); keys of other namespaces are not read.

    Raises `SettingsError` with every mistake at once.
    """
    ours = {key.removeprefix(PREFIX): value for key, value in config.items() if key.startswith(PREFIX)}
    problems = [*_foreign(config), *(problem for key, value in ours.items() for problem in _encrypted(value, (key,)))]
    try:
        settings = StackSettings.model_validate(ours)
    except ValidationError as error:
        problems.extend(_flat(error))
    if problems:
        raise SettingsError(problems)
    return settings


def _flat(error: ValidationError) -> Iterator[Problem]:
    for line in error.errors(include_url=False):
        inner = line.get("ctx", {}).get("error")
        if isinstance(inner, ProblemsError):
            yield from inner.problems


def _foreign(config: Mapping[str, object]) -> Iterator[Problem]:
    """Keys without a namespace, or in one that is a typo of ours: the engine would keep them, and nobody read them."""
    for key in config:
        namespace, colon, name = key.partition(":")
        if not colon and (namespace in StackSettings.model_fields or nearest(namespace, StackSettings.model_fields)):
            yield Problem((key,), f"unknown key; did you mean `{PREFIX}{namespace}`?")
        elif colon and namespace != "seawall" and nearest(namespace, ["seawall"]) and name:
            yield Problem((key,), f"unknown key; did you mean `{PREFIX}{name}`?")


def _encrypted(value: Any, path: tuple[str | int, ...]) -> Iterator[Problem]:
    """Values that somebody encrypted with the engine: there is nothing secret to say here."""
    if isinstance(value, Mapping):
        if set(value) == {"secure"}:
            yield Problem(path, "must not be an encrypted value: settings hold references to secrets, never secrets")
            return
        for key, item in value.items():
            yield from _encrypted(item, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _encrypted(item, (*path, index))
