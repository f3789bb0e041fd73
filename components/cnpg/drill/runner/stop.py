"""Being told to stop: once, in the middle of the work, and never in the middle of the cleaning up."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """The signal came. No `Exception`: libraries catch those, and go on or call it something else."""


class Stop:
    """Turns SIGTERM and SIGINT into the end of the block that heeds them; outside of it they are only noted."""

    def __init__(self) -> None:
        self.asked = False
        self._heeding = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

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
        self.asked = True
        if self._heeding:
            self._end()

    def _end(self) -> None:
        self._heeding = False  # a second signal does not end the cleaning up
        raise Interrupted
