"""^C and SIGTERM while things are put back: the first one waits until that is done."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def shielded(told: Callable[[str], None]) -> Iterator[None]:
    """Within the block the first signal only waits; a second one ends it. Raises `KeyboardInterrupt` after the block.

    In other threads than the main one, which hear no signals, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = 0

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        heard += 1
        if heard > 1:
            raise KeyboardInterrupt
        told("puts back and removes what was made; once more to leave it to --cleanup")

    before = {number: signal.signal(number, hear) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if heard:
        raise KeyboardInterrupt
