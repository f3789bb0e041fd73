"""Names and connections, as a client sees them: what became of one is told in a word.

| outcome | what was seen |
|---|---|
| `open` | somebody accepted the connection |
| `slow` | the same, after more than `SLOW_S` |
| `refused` | the other side said no (RST): nobody listens, or a policy rejects |
| `dropped` | no answer at all within the time: a policy drops, or nobody is there |
| `unreachable` | the network said that there is no way, or that it is prohibited (ICMP) |
| `unresolved` | the name service does not know the name, or does not answer: nothing was tried |
"""

import contextlib
import errno
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PATIENCE_S = 8.0
"""Long enough for a first packet that is lost: it is sent again after 1, 3 and 7 seconds."""
SLOW_S = 1.0
REACHED = ("open", "slow")
"""Outcomes of a connection that somebody accepted."""
_BEST_FIRST = ("open", "slow", "refused", "unreachable", "dropped", "unresolved")


@dataclass(frozen=True)
class Reached:
    """What became of one connection."""

    outcome: str
    seconds: float
    why: str = ""
    made: socket.socket | None = None
    """Open when the outcome is one of `REACHED`; whoever gets it closes it."""

    def told(self) -> dict[str, Any]:
        """As a result."""
        return {"outcome": self.outcome, "seconds": round(self.seconds, 4), **({"why": self.why} if self.why else {})}


def resolve(host: str) -> tuple[list[str], str]:
    """The addresses of a name, and why there are none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return [], f"{host}: {getattr(error, 'strerror', None) or error}"
    return list(dict.fromkeys(str(entry[4][0]) for entry in found)), ""


def connect(host: str, port: int, patience: float = PATIENCE_S) -> Reached:
    """One connection, to the first address that answers."""
    begun = time.monotonic()
    addresses, why = resolve(host)
    tried = [Reached("unresolved", time.monotonic() - begun, why)]
    for address in addresses:
        attempt = _attempt(address, port, patience)
        if attempt.outcome in REACHED:
            return attempt
        tried.append(attempt)
    return min(tried, key=lambda it: _BEST_FIRST.index(it.outcome))


def _attempt(address: str, port: int, patience: float) -> Reached:
    begun = time.monotonic()

    def after(outcome: str, why: str = "", made: socket.socket | None = None) -> Reached:
        return Reached(outcome, time.monotonic() - begun, why, made)

    try:
        made = socket.create_connection((address, port), timeout=patience)
    except TimeoutError:
        return after("dropped", f"no answer from {address}:{port} in {patience:g} s")
    except (ConnectionRefusedError, ConnectionResetError) as error:
        return after("refused", f"{address}:{port}: {error.strerror}")
    except OSError as error:
        # ETIMEDOUT: the kernel gave up before we did; the rest are answers of the network itself.
        outcome = "dropped" if error.errno == errno.ETIMEDOUT else "unreachable"
        return after(outcome, f"{address}:{port}: {error.strerror or error}")
    with contextlib.suppress(OSError):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return after("slow" if time.monotonic() - begun > SLOW_S else "open", made=made)


def dns(step: Mapping[str, Any]) -> dict[str, Any]:
    """The step `dns`: `host`."""
    begun = time.monotonic()
    addresses, why = resolve(str(step["host"]))
    seconds = round(time.monotonic() - begun, 4)
    if addresses:
        return {"outcome": "resolved", "addresses": addresses, "seconds": seconds}
    return {"outcome": "unresolved", "why": why, "seconds": seconds}


def tcp(step: Mapping[str, Any]) -> dict[str, Any]:
    """The step `tcp`: `host`, `port`, and `patience` in seconds where it is not the usual one."""
    found = connect(str(step["host"]), int(step["port"]), float(step.get("patience", PATIENCE_S)))
    if found.made is not None:
        found.made.close()
    return found.told()


def metrics(step: Mapping[str, Any]) -> dict[str, Any]:
    """The step `metrics`: `host`, `port`, `path`, `prefix`; how many lines of a page begin with the prefix."""
    found = connect(str(step["host"]), int(step["port"]))
    if found.made is None:
        return found.told()
    with found.made as made:
        made.settimeout(PATIENCE_S)
        host, path = step["host"], step["path"]
        try:
            made.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}\r\nAccept: text/plain\r\n\r\n".encode())
            page = _whole(made)
        except OSError as error:
            return {**found.told(), "outcome": "broken", "why": f"the connection ended: {error}"}
    head, _, body = page.partition(b"\r\n\r\n")
    status = head.split(b" ")[1:2]
    lines = sum(line.startswith(str(step["prefix"]).encode()) for line in body.splitlines())
    return {**found.told(), "status": int(status[0]) if status and status[0].isdigit() else 0, "lines": lines}


_MOST_BYTES = 32 * 1024 * 1024


def _whole(made: socket.socket) -> bytes:
    page = bytearray()
    while len(page) < _MOST_BYTES and (piece := made.recv(65536)):
        page += piece
    return bytes(page)
