"""Says which object a value that cannot be read belongs to."""

from collections.abc import Iterator
from contextlib import contextmanager

from seawall.policy.estate.objects import KubeObject
from seawall.policy.estate.values import CannotEvaluateError


@contextmanager
def blaming(thing: KubeObject) -> Iterator[None]:
    """What cannot be read inside is this object's fault, unless a nearer one is named already."""
    try:
        yield
    except CannotEvaluateError as problem:
        problem.about(thing)
        raise
