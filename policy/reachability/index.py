"""Finds, among many selectors, those that may match a pod, without looking at the others."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from seawall.operators.labels import CILIUM_RESERVED
from seawall.policy.reachability.parties import Labels
from seawall.policy.reachability.selectors import Selector

T = TypeVar("T")
_FEW = 8
"""So many are looked at faster than an index is made."""


class SelectorIndex(Generic[T]):
    """Things by the rarest label that their selector asks for with a value; those without one are always candidates."""

    def __init__(self, things: Iterable[tuple[T, Selector]]) -> None:
        pairs = list(things)
        self._by_label: dict[str, dict[str, list[T]]] = defaultdict(lambda: defaultdict(list))
        self._always: list[T] = []
        if len(pairs) <= _FEW:
            self._always += [thing for thing, _ in pairs]
            return
        common = Counter(wanted for _, selector in pairs for wanted in _wanted(selector))
        for thing, selector in pairs:
            by_key: dict[str, list[str]] = defaultdict(list)
            for key, value in _wanted(selector):
                by_key[key].append(value)
            if not by_key:
                self._always.append(thing)
                continue
            rarest = min(by_key, key=lambda key: sum(common[key, value] for value in by_key[key]))
            for value in by_key[rarest]:
                self._by_label[rarest][value].append(thing)

    def candidates(self, labels: Labels | None) -> Iterator[T]:
        """Those that may match these labels; None: those that may match what is no pod."""
        yield from self._always
        if labels is None:
            return
        known = labels.certain()
        for key, by_value in self._by_label.items():
            value = known.get(key)
            if value is not None:
                yield from by_value.get(value, ())
            elif labels.may_have(key):
                yield from {id(thing): thing for things in by_value.values() for thing in things}.values()


def _wanted(selector: Selector) -> Iterator[tuple[str, str]]:
    """What a selector asks for by value, of the first condition on each key."""
    seen: set[str] = set()
    for requirement in selector.requirements:
        if requirement.operator != "In" or requirement.key in seen or requirement.key.startswith(CILIUM_RESERVED):
            continue
        seen.add(requirement.key)
        for value in requirement.values:
            yield requirement.key, value
