"""Python's garbage collector, out of the way while many objects are made that all stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_off() -> Iterator[None]:
    """No collection inside: an estate is many small objects, none of them in cycles, all kept to the end.

    Looking through them again and again is a fifth of the time, for nothing. Afterwards they count as old, so that the
    next collection does not begin with all of them.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.freeze()
            gc.unfreeze()
            gc.enable()
