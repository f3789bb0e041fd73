"""The whole configuration of a stack: read, checked, and every mistake in it reported at once.

Everything is in the namespace `seawall:` of `Pulumi.<stack>.yaml`. Importing this module does not import the engine's
SDK, so that a mistake is found before anything slow begins.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationError

from seawall import paths
from seawall.components.aws.settings import AwsSettings
from seawall.components.base import NotSettledError, Problem, ProblemsError, RefusedError, Settings, each, rule
from seawall.components.client_namespaces import clients_apart
from seawall.components.cnpg.checks import backup_problems, cnpg_problems
from seawall.components.cnpg.cluster_settings import PostgresCluster
from seawall.components.cnpg.settings import CnpgSettings
from seawall.components.consumers.checks import consumer_problems
from seawall.components.consumers.settings import ConsumersSettings
from seawall.components.dragonfly import checks
from seawall.components.dragonfly.settings import DragonflySettings
from seawall.components.operators import Operators
from seawall.components.operators.checks import operator_problems
from seawall.components.platform import Platform
from seawall.components.problems import nearest
from seawall.components.stack_file import read_stack_file
from seawall.errors import UserError

__all__ = ["SettingsError", "StackSettings", "load", "read_stack_file"]

PREFIX: Final = "seawall:"


def _given(value: Any) -> Any:
    """An empty key is a mistake, and not a part to be taken down."""
    if value is None:
        raise RefusedError("must be a mapping of keys to values; a stack without this part leaves the key out")
    return value


_Part = BeforeValidator(_given)
"""On the parts that a stack need not have."""


class StackSettings(Settings):
    """Everything that a stack says: the services it makes, those of another stack that it consumes, or both."""

    platform: Platform = Field(description="The cluster that the stack is for")
    aws: Annotated[AwsSettings | None, _Part] = Field(
        default=None, description="The AWS account and region for backups; needed when a backup goes to AWS"
    )
    operators: Operators = Field(
        default_factory=Operators,
        description="The operators that reconcile the data; only where the stack has `dragonfly` or `cnpg`",
    )
    dragonfly: Annotated[DragonflySettings | None, _Part] = Field(
        default=None, description="The Dragonfly instances that the stack makes: caches and queues"
    )
    cnpg: Annotated[CnpgSettings | None, _Part] = Field(
        default=None, description="The PostgreSQL clusters that the stack makes, and their applications"
    )
    consumers: Annotated[ConsumersSettings | None, _Part] = Field(
        default=None, description="The services of another stack that clients on this cluster use"
    )

    _producer: "StackSettings | None" = PrivateAttr(default=None)

    @property
    def producer(self) -> "StackSettings | None":
        """The settings of the stack that `consumers.producer` names, once `load` has read them; else None."""
        return self._producer

    @property
    def makes_services(self) -> bool:
        """Whether the stack makes services itself, and so needs the operators."""
        return self.dragonfly is not None or self.cnpg is not None

    @rule
    def _does_something(self) -> Iterator[Problem]:
        if not self.makes_services and self.consumers is None:
            yield Problem(
                ("dragonfly",),
                "is missing, and so are `cnpg` and `consumers`: a stack makes services, or consumes them, or both",
            )

    @rule
    def _every_part_is_used(self) -> Iterator[Problem]:
        if "operators" in self.model_fields_set and not self.makes_services:
            yield Problem(("operators",), "is read only where the stack has `dragonfly` or `cnpg`; remove it")
        if self.aws is not None and self.cnpg is None:
            yield Problem(("aws",), "is read only where the stack has `cnpg`, whose backups go there; remove it")

    @rule
    def _dragonfly_clients(self) -> Iterator[Problem]:
        return checks.clients(self.platform, self.dragonfly) if self.dragonfly else iter(())

    @rule
    def _dragonfly_placement(self) -> Iterator[Problem]:
        return checks.placement(self.platform, self.dragonfly) if self.dragonfly else iter(())

    @rule
    def _dragonfly_global_services(self) -> Iterator[Problem]:
        return checks.global_services(self.platform, self.dragonfly) if self.dragonfly else iter(())

    @rule
    def _dragonfly_versions(self) -> Iterator[Problem]:
        return checks.versions(self.operators, self.dragonfly) if self.dragonfly else iter(())

    @rule
    def _dragonfly_namespaces(self) -> Iterator[Problem]:
        return checks.namespaces(self.operators, self.dragonfly) if self.dragonfly else iter(())

    @rule
    def _cnpg(self) -> Iterator[Problem]:
        return cnpg_problems(self.platform, self.cnpg, self.operators) if self.cnpg else iter(())

    @rule
    def _backups(self) -> Iterator[Problem]:
        if self.cnpg is None:
            return
        if self.aws is None and any(cluster.backup.endpoint is None for cluster in self.cnpg.clusters.values()):
            yield Problem(
                ("aws",),
                "is missing: the account and region for backups (or send every backup to a store of your own, "
                "`backup.endpoint`)",
                risk="CNPG-DATA-002",
            )
        else:
            yield from backup_problems(self.aws, self.cnpg)

    @rule
    def _namespaces_are_apart(self) -> Iterator[Problem]:
        if self.dragonfly and self.cnpg and self.dragonfly.namespace == self.cnpg.namespace:
            yield Problem(
                ("dragonfly", "namespace"),
                "must be another namespace than cnpg.namespace: who may act on a cache must not act on databases",
                self.dragonfly.namespace,
            )

    @rule
    def _clients_are_applications(self) -> Iterator[Problem]:
        return clients_apart(self.platform, self.operators, self.dragonfly, self.cnpg)

    @rule
    def _operators(self) -> Iterator[Problem]:
        return operator_problems(
            self.platform, self.operators, dragonfly=self.dragonfly is not None, cnpg=self.cnpg is not None
        )

    @rule
    def _drills_are_apart(self) -> Iterator[Problem]:
        if self.dragonfly is None or self.cnpg is None:
            return
        taken = self.dragonfly.namespace

        def check(name: str, cluster: PostgresCluster) -> Iterator[Problem]:
            drill = cluster.restore_drill
            if drill is not None and drill.namespace == taken:
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


def load(config: Mapping[str, object], project: Path | None = None) -> StackSettings:
    """The settings from a stack's configuration (`seawall:platform: …`); keys of other namespaces are not read.

    `project` is the folder with the stack files, where a stack that consumes finds its producer's; by default the
    checkout. Raises `SettingsError` with every mistake at once, the producer's with the producer's name.
    """
    settings, problems = _read(config)
    if settings is not None:
        try:
            consumers = settings.consumers
        except NotSettledError:  # refused itself, and reported
            consumers = None
        if consumers is not None:
            problems += _consumed(settings, consumers, project or paths.checkout())
    if problems or settings is None:
        raise SettingsError(problems)
    return settings


def _read(config: Mapping[str, object]) -> tuple[StackSettings | None, list[Problem]]:
    """What one stack file says for itself: the settings, as far as they can be read, and what is wrong with them."""
    ours = {key.removeprefix(PREFIX): value for key, value in config.items() if key.startswith(PREFIX)}
    problems = [*_foreign(config), *(problem for key, value in ours.items() for problem in _encrypted(value, (key,)))]
    try:
        return StackSettings.model_validate(ours), problems
    except ValidationError as error:
        problems.extend(_flat(error))
        return _partial(error), problems


def _consumed(settings: StackSettings, consumers: ConsumersSettings, project: Path) -> list[Problem]:
    """Reads the producer's stack file, and holds both sides against each other.

    The producer's own `consumers` are not followed: two stacks may consume each other's services.
    """
    path = ("consumers", "producer")
    try:
        name = consumers.producer
        producer, theirs = _read(read_stack_file(project, name))
    except NotSettledError:
        return []
    except UserError as error:
        return [Problem(path, str(error), name)]
    if theirs or producer is None:
        return [Problem(path, f"that stack has a mistake of its own: {PREFIX}{problem}", name) for problem in theirs]
    settings._producer = producer
    return list(each({name: settings}, lambda name, mine: consumer_problems(mine, producer)))


def _flat(error: ValidationError) -> Iterator[Problem]:
    for line in error.errors(include_url=False):
        inner = line.get("ctx", {}).get("error")
        if isinstance(inner, ProblemsError):
            yield from inner.problems


def _partial(error: ValidationError) -> StackSettings | None:
    """The settings without what was refused in them."""
    found = (line.get("ctx", {}).get("error") for line in error.errors(include_url=False))
    return next((inner.partial for inner in found if isinstance(inner, ProblemsError)), None)


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
