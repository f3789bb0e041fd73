"""The Dragonfly process of a resource's pods, as it reads its own arguments and environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from seawall.operators import dragonfly
from seawall.operators.dragonfly.flags import ENVIRONMENT_PREFIX, last_of_each, read_arguments, truth
from seawall.policy.estate.model import Estate, KubeObject, PodSet
from seawall.policy.estate.values import CannotEvaluateError, View
from seawall.policy.estate.variables import expanded

Path = tuple[str, ...]
ARGUMENTS = ("spec", "args")
ENVIRONMENT = ("spec", "env")


_DECIDING: tuple[Path, ...] = (
    ("authentication", "passwordFromSecret"),
    ("authentication", "clientCaCertSecret"),
    ("aclFromSecret",),
    ("tlsSecretRef",),
)
"""Fields that bring flags along by being there, whatever is in them."""


@dataclass(frozen=True)
class Flag:
    """One flag in its final value, and the field of the resource that decides it."""

    name: str
    value: str | None
    """None when it comes from a Secret or ConfigMap."""
    path: Path
    by_user: bool
    """Whether an argument or variable of the resource sets it, not the operator."""


@dataclass(frozen=True)
class Process:
    """The process: its pods, its container, and the flags that are set, each as the last word says."""

    pods: PodSet
    container: View
    flags: Mapping[str, Flag]

    def text(self, name: str) -> str | None:
        """The value of a flag, None when nothing sets it. Raises `CannotEvaluateError` when it cannot be seen."""
        flag = self.flags.get(name)
        if flag is None:
            return None
        if flag.value is None:
            raise CannotEvaluateError(f"--{name} comes from a Secret or ConfigMap", flag.path)
        return flag.value

    def switch(self, name: str, *, default: bool) -> bool:
        """A flag that is true or false."""
        value = self.text(name)
        if value is None:
            return default
        meant = truth(value)
        if meant is None:
            raise CannotEvaluateError(f"--{name} is neither true nor false", self.path(name))
        return meant

    def path(self, name: str) -> Path:
        """The field that decides a flag; that of the arguments when nothing sets it."""
        flag = self.flags.get(name)
        return flag.path if flag is not None else ARGUMENTS


def process_of(resource: KubeObject, estate: Estate) -> Process:
    """The process of a Dragonfly resource. Raises `CannotEvaluateError` when its arguments cannot be read."""
    read = estate.memo(_read)
    if resource not in read:
        try:
            read[resource] = _process_of(resource, estate)
        except CannotEvaluateError as problem:
            read[resource] = problem
    found = read[resource]
    if isinstance(found, CannotEvaluateError):
        raise found.with_traceback(None)
    return found


def _read(_estate: Estate) -> dict[KubeObject, Process | CannotEvaluateError]:
    """The processes that were read: many checks ask for the same."""
    return {}


def _process_of(resource: KubeObject, estate: Estate) -> Process:
    for field in _DECIDING:
        resource.at("spec", *field).present  # noqa: B018 (raises while that is not known)
    pods = next(iter(estate.pods_of(resource)))
    container = data_container(pods)
    arguments = [view.text() or "" for view in container.at("args").items()]
    own = [view.text() or "" for view in resource.at(*ARGUMENTS).items()]
    first, variables = _place(own, arguments), len(resource.at(*ENVIRONMENT).items())
    flags: dict[str, Flag] = {}
    for index, variable in enumerate(container.at("env").items()):
        name = variable.at("name").text() or ""
        if name.startswith(ENVIRONMENT_PREFIX):
            flag = name.removeprefix(ENVIRONMENT_PREFIX)
            by_user = index < variables
            path: Path = (*ENVIRONMENT, f"[{index}]") if by_user else ("spec", "authentication")
            value = variable.at("value").text()
            from_elsewhere = value is None and variable.at("valueFrom").present
            flags[flag] = Flag(flag, None if from_elsewhere else value or "", path, by_user)
    for name, given in last_of_each(read_arguments(arguments)).items():
        by_user = first <= given.index < first + len(own)
        place = (*ARGUMENTS, f"[{given.index - first}]") if by_user else ("spec",)
        flags[name] = Flag(name, expanded(given.value, container), place, by_user)
    return Process(pods, container, flags)


def data_container(pods: PodSet) -> View:
    """The container that runs Dragonfly."""
    for container in pods.spec.at("containers").items():
        if container.at("name").text() == dragonfly.CONTAINER_NAME:
            return container
    raise CannotEvaluateError(f"no container is called {dragonfly.CONTAINER_NAME}")


def _place(own: list[str], arguments: list[str]) -> int:
    """Where a resource's own arguments begin among all of them."""
    places = range(len(arguments) - len(own) + 1)
    return next((place for place in places if arguments[place : place + len(own)] == own), len(arguments))


def field_of(pods: PodSet, path: Path) -> Path:
    """The field of the resource that decides a field of its pods' spec."""
    kind, *rest = path
    match kind, rest:
        case "containers", [place, *inner]:
            return _container_field(pods, place, tuple(inner))
        case "securityContext", _:
            return ("spec", "podSecurityContext", *rest)
        case "volumes", [place, *inner]:
            return (*_added(pods, kind, place, "additionalVolumes"), *inner)
        case _:
            return ("spec", *path)


def _added(pods: PodSet, kind: str, place: str, field: str) -> Path:
    """What a person added to a list of the pods' spec: found by its name. The list itself for what the operator put."""
    name = pods.spec.at(kind).items()[int(place.strip("[]"))].at("name").text()
    names = [one.at("name").text() for one in pods.owner.at("spec", field).items()]
    return ("spec", field, f"[{names.index(name)}]") if name in names else ("spec", field)


def _container_field(pods: PodSet, place: str, inner: Path) -> Path:
    added = _added(pods, "containers", place, "additionalContainers")
    if len(added) > 2:
        return (*added, *inner)
    if inner and inner[0] == "securityContext":
        return ("spec", "containerSecurityContext", *inner[1:])
    return ("spec", *inner)
