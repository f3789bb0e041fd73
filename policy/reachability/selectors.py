"""Label selectors, as Kubernetes and Cilium decide them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from seawall.policy.estate.values import CannotEvaluateError, View

OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


@dataclass(frozen=True)
class Requirement:
    """One condition on a label. A `matchLabels` entry is `In` with one value."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet the condition, as Kubernetes decides it: `NotIn` holds for an absent label."""
        match self.operator:
            case "In":
                return self.key in labels and labels[self.key] in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case _:
                return self.key not in labels

    def meets(self, value: str | None) -> bool:
        """Whether the label with this value, None for absent, meets the condition."""
        match self.operator:
            case "In":
                return value is not None and value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case _:
                return value is None

    def may_hold(self, labels: Mapping[str, str], later: Mapping[str, frozenset[str]]) -> bool:
        """Whether labels meet the condition at some time, when some of them come later."""
        return self.holds(labels) or any(self.holds({self.key: value}) for value in later.get(self.key, ()))

    def always_holds(self, labels: Mapping[str, str], later: Mapping[str, frozenset[str]]) -> bool:
        """Whether labels meet the condition at every time, when some of them come later."""
        return self.holds(labels) and all(self.holds({self.key: value}) for value in later.get(self.key, ()))

    @property
    def text(self) -> str:
        """The condition for a person: `app=cache`, `tier in (a, b)`."""
        match self.operator:
            case "In" if len(self.values) == 1:
                return f"{self.key}={next(iter(self.values))}"
            case "In":
                return f"{self.key} in ({', '.join(sorted(self.values))})"
            case "NotIn":
                return f"{self.key} not in ({', '.join(sorted(self.values))})"
            case "Exists":
                return f"has {self.key}"
            case _:
                return f"has no {self.key}"


@dataclass(frozen=True)
class Selector:
    """Conditions that must all hold. Without any it selects everything."""

    requirements: tuple[Requirement, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether it selects everything."""
        return not self.requirements

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet every condition."""
        return all(requirement.holds(labels) for requirement in self.requirements)

    def may_match(self, labels: Mapping[str, str], later: Mapping[str, frozenset[str]]) -> bool:
        """Whether pods with these labels can be selected at some time, when some of their labels come later."""
        return all(requirement.may_hold(labels, later) for requirement in self.requirements)

    def always_matches(self, labels: Mapping[str, str], later: Mapping[str, frozenset[str]]) -> bool:
        """Whether pods with these labels are selected from birth on and for ever, whatever labels come later."""
        return all(requirement.always_holds(labels, later) for requirement in self.requirements)

    @property
    def exact(self) -> bool:
        """Whether it demands the value of at least one label."""
        return any(requirement.operator == "In" for requirement in self.requirements)

    @property
    def limited(self) -> bool:
        """Whether it demands at least one label; else whatever nobody has labelled is selected."""
        return any(requirement.operator in ("In", "Exists") for requirement in self.requirements)

    def demands(self, labels: Mapping[str, str]) -> bool:
        """Whether only what carries all of these labels can be selected."""
        return bool(labels) and all(
            any(r.operator == "In" and r.key == key and r.values == {value} for r in self.requirements)
            for key, value in labels.items()
        )

    @property
    def text(self) -> str:
        """The conditions for a person."""
        return ", ".join(requirement.text for requirement in self.requirements) or "everything"


EVERYTHING = Selector()
"""The selector without conditions."""


@lru_cache(maxsize=4096)
def _equals(key: str, value: str) -> Requirement:
    return Requirement(key, "In", frozenset({value}))


def with_labels(labels: Mapping[str, str]) -> Selector:
    """The selector of exactly these labels, as a Service has it."""
    return Selector(tuple(_equals(key, value) for key, value in labels.items()))


def read(view: View, *, key: Callable[[str], str] = str) -> Selector:
    """The selector at a view; an absent or empty one selects everything (the caller knows when absent means nothing).

    `key` normalises label keys, as Cilium's `k8s:` prefix needs. Raises `CannotEvaluateError` for what is unreadable.
    """
    requirements = [_equals(key(label), value) for label, value in view.at("matchLabels").texts().items()]
    for expression in view.at("matchExpressions").items():
        label, operator = expression.at("key").text(), expression.at("operator").text()
        values = frozenset(value.text() or "" for value in expression.at("values").items())
        if not label or operator not in OPERATORS:
            why = f"{'.'.join(expression.path)} is no label condition (operator one of {', '.join(OPERATORS)})"
            raise expression.blamed(CannotEvaluateError(why, expression.path))
        requirements.append(Requirement(key(label), operator, values))
    return Selector(tuple(requirements))
