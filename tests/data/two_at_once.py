"""Work for many tests, done two at once and only while one of them waits for it.

No thread outlives the test: pytest changes this process's environment from one test to the next, and what looks through
the environment meanwhile, as every new client of boto3 does, fails.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

BATCH = 6
"""How much is done when the first of it is asked for."""

Key = TypeVar("Key")
Value = TypeVar("Value")


class TwoAtOnce(Generic[Key, Value]):
    """Results by key. Asking for one makes it and the next few; what a piece of work raises is raised to who asks."""

    def __init__(self, work: Mapping[Key, Callable[[], Value]]) -> None:
        self._left = dict(work)
        self._done: dict[Key, Future[Value]] = {}

    def __getitem__(self, key: Key) -> Value:
        if key not in self._done:
            left = list(self._left)
            with ThreadPoolExecutor(2) as pool:
                for each in left[left.index(key) :][:BATCH]:
                    self._done[each] = pool.submit(self._left.pop(each))
        return self._done[key].result()
