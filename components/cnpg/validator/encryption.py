"""How objects are encrypted, by HEAD requests, several at once."""

import random
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from .settings import Expectation
from .store import Head, MissingError, Store

AT_ONCE = 8
"""Requests under way at the same time."""
BATCH = 1000
"""Objects whose answers are held at once."""


def problem(wanted: Expectation, key: str, head: Head) -> str | None:
    """What is wrong with an object's encryption, None when nothing is."""
    where = wanted.where(key)
    if head.encryption != wanted.encryption:
        return f"{where} is encrypted with {head.encryption or 'nothing'}, expected {wanted.encryption}"
    if wanted.key is not None and head.key != wanted.key:
        return f"{where} is encrypted under the key {head.key}, expected {wanted.key}"
    return None


class Looks:
    """Looks at objects; none twice."""

    def __init__(self, store: Store, wanted: Expectation) -> None:
        self._store, self._wanted = store, wanted
        self._problems: dict[str, str | None] = {}
        self.vanished: list[str] = []
        """Objects that were in the list and are not there."""
        self.count = 0
        """Objects that were looked at."""

    def at(self, keys: Iterable[str], *, keep: bool = True) -> Iterator[str]:
        """What is wrong with these objects. Without `keep` they may be any number: nothing of them is remembered."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            rest = iter(keys)
            while batch := list(islice(rest, BATCH)):
                fresh = [key for key in batch if key not in self._problems]
                found = dict(zip(fresh, pool.map(self._look, fresh), strict=True))
                if keep:
                    self._problems |= found
                for key in batch:
                    trouble = found[key] if key in found else self._problems[key]
                    if trouble is not None:
                        yield trouble

    def _look(self, key: str) -> str | None:
        try:
            head = self._store.head(key)
        except MissingError:
            self.vanished.append(key)
            return None
        self.count += 1
        return problem(self._wanted, key, head)


def sample(keys: Sequence[str], count: int, seed: str) -> list[str]:
    """So many of them, always the same for the same seed."""
    return sorted(random.Random(seed).sample(sorted(keys), min(count, len(keys))))  # noqa: S311  # not for secrets
