"""Free loopback ports, chosen once for each sandbox and kept."""

import random
import socket
from collections.abc import Iterable

from seawall.errors import EnvironmentFailure

LOOPBACK = "127.0.0.1"

_RANGE = range(20_000, 32_000)  # below what Linux and macOS give to outgoing connections, which would collide with ours


def is_free(port: int) -> bool:
    """Whether nothing listens on this loopback port (a port in TIME_WAIT counts as free, as it does for servers)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)  # with SO_REUSEADDR a bind may succeed beside a listener; listening may not
        except OSError:
            return False
    return True


def choose(names: Iterable[str]) -> dict[str, int]:
    """A different free loopback port for each name."""
    candidates = (port for port in random.sample(_RANGE, len(_RANGE)) if is_free(port))
    try:
        return {name: next(candidates) for name in names}
    except StopIteration:
        raise EnvironmentFailure(
            f"no free loopback port between {_RANGE.start} and {_RANGE.stop - 1}: end programs that listen there"
        ) from None
