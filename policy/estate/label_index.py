"""Pods by their labels, so that a selector is asked about the few pods that it may match and not about all."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from seawall.policy.estate.pods import PodSet


class Condition(Protocol):
    """One condition of a selector (`Requirement`)."""

    @property
    def key(self) -> str:
        """The label's key."""

    @property
    def operator(self) -> str:
        """`In`, `NotIn`, `Exists` or `DoesNotExist`."""

    @property
    def values(self) -> frozenset[str]:
        """The values of `In` and `NotIn`."""


class Selects(Protocol):
    """A label selector, read (`Selector`)."""

    @property
    def requirements(self) -> Sequence[Condition]:
        """Conditions that must all hold."""

    def may_match(self, labels: Mapping[str, str], later: Mapping[str, frozenset[str]]) -> bool:
        """Whether pods with these labels can be selected at some time."""


class LabelIndex:
    """The pods of one namespace by label."""

    def __init__(self, pods: Iterable[PodSet]) -> None:
        self._all = tuple(pods)
        self._with: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._with_key: dict[str, list[int]] = defaultdict(list)
        for place, one in enumerate(self._all):
            keys = one.later.keys() | one.labels.keys()
            for key in keys:
                self._with_key[key].append(place)
                own = one.labels.get(key)
                for value in one.later.get(key, frozenset()) | (frozenset() if own is None else {own}):
                    self._with[key, value].append(place)

    def matching(self, selector: Selects) -> tuple[PodSet, ...]:
        """The pods that the selector may match at some time, in their order."""
        lists: list[list[int]] | None = None
        fewest = len(self._all)
        for condition in selector.requirements:
            found = self._candidates(condition)
            if found is not None and (size := sum(map(len, found))) < fewest:
                lists, fewest = found, size
        places: Iterable[int] = range(fewest) if lists is None else sorted({place for some in lists for place in some})
        chosen = (self._all[place] for place in places)
        return tuple(pods for pods in chosen if selector.may_match(pods.labels, pods.later))

    def _candidates(self, condition: Condition) -> list[list[int]] | None:
        """The places of pods that may meet a condition, in several lists; None when most do."""
        if condition.operator == "In":
            return [self._with.get((condition.key, value), []) for value in condition.values]
        if condition.operator == "Exists":
            return [self._with_key.get(condition.key, [])]
        return None
