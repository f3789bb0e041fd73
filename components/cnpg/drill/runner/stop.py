"""Being told to stop: once, in the middle of the work, and never in the middle of the cleaning up."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """The signal came. No `Exception`: libraries catch those, and go on or call it something else."""


class Stop:
    """Turns SIGTERM and SIGINT into the end of the block that heeds them; outside of it they are only noted."""

    def __init__(self) -> None:
        self._asked_at: float | None = None
        self._heeding = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    @property
    def asked(self) -> bool:
        """Whether the signal has come."""
        return self._asked_at is not None

    def until(self, deadline: float, grace: float) -> Callable[[], float]:
        """`deadline` (monotonic clock), or `grace` seconds after the signal when that is earlier; it may still come."""
        return lambda: deadline if self._asked_at is None else min(deadline, self._asked_at + grace)

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """A block that ends with `Interrupted` when the signal comes, or has come."""
        self._heeding = True
        try:
            if self.asked:
                self._end()
            yield
        finally:
            self._heeding = False

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked_at is None:
            self._asked_at = time.monotonic()
        if self._heeding:
            self._end()

    def _end(self) -> None:
        self._heeding = False  # a second signal does not end the cleaning up
        raise Interrupted
