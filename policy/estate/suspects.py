"""What may install an operator although its image or its chart cannot be read: by how it is called.

Any Deployment with an unknown image might be an operator. To doubt every verdict because of a client's own image would
help nobody, so only those count whose name or labels are those of an operator.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from seawall.policy.estate.families import Family
from seawall.policy.estate.objects import KubeObject
from seawall.policy.estate.values import CannotEvaluateError

_CALLED: Mapping[Family, re.Pattern[str]] = {
    "dragonfly": re.compile(r"dragonfly.*(operator|controller|manager)"),
    "cnpg": re.compile(r"cnpg|cloudnative-?pg"),
    "barman": re.compile(r"barman"),
}
_ANY_OPERATOR = re.compile(r"(^|-)(operator|controller-manager|manager)$")


@dataclass(frozen=True)
class Suspect:
    """An object that may install an operator, and why that cannot be told."""

    thing: KubeObject
    families: frozenset[Family]
    problem: CannotEvaluateError


def suspect(thing: KubeObject, problem: CannotEvaluateError) -> Suspect | None:
    """Which operators an object may install that could not be read; None when it is called like none of them."""
    problem.about(thing)
    names = list(_names(thing))
    families = frozenset(family for family, called in _CALLED.items() if any(map(called.search, names)))
    if not families and any(map(_ANY_OPERATOR.search, names)):
        families = frozenset(_CALLED)
    return Suspect(thing, families, problem) if families else None


def images_of(deployment: KubeObject, problems: list[CannotEvaluateError]) -> Iterator[str]:
    """The images of a Deployment's containers; what cannot be read goes to `problems` and hides no other."""
    try:
        containers = deployment.at("spec", "template", "spec", "containers").items()
    except CannotEvaluateError as problem:
        problems.append(problem)
        return
    for container in containers:
        try:
            yield container.at("image").text() or ""
        except CannotEvaluateError as problem:
            problems.append(problem)


def _names(thing: KubeObject) -> Iterator[str]:
    yield thing.name
    try:
        yield from thing.label_view().texts().values()
    except CannotEvaluateError:
        return  # its name says what it is called
