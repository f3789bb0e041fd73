"""Redis' protocol, as far as the checks need it: sign in, PING, write, read, what a master says of its replicas."""

import math
import ssl
import time
from collections.abc import Mapping
from typing import Any, BinaryIO, cast

from seawall.qa.probes import reach

LONGEST = 1024 * 1024
REPLICATION_PATIENCE_S = 30.0
KEY_SECONDS = b"900"
IN_SYNC = ("online", "stable_sync")
"""What a master says of a replica that has everything; Redis' word, and Dragonfly's."""


class RefusedCommandError(Exception):
    """The server refused a command; the text is the first word of its answer, which holds no data."""


class Session:
    """One connection. Every call may raise `OSError`, `ValueError` for what is no reply, `RefusedCommandError`."""

    def __init__(self, step: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        patience = float(step.get("patience", reach.PATIENCE_S))
        self.reached = reach.connect(str(step["host"]), int(step["port"]), patience)
        self._socket = self.reached.made
        if self._socket is None:
            raise ConnectionError(self.reached.outcome)
        self._socket.settimeout(reach.PATIENCE_S)
        if step.get("tls"):
            context = ssl.create_default_context(cadata=secrets.get(str(step.get("ca", ""))) or None)
            self._socket = context.wrap_socket(self._socket, server_hostname=str(step["host"]))
        self._replies = cast(BinaryIO, self._socket.makefile("rb"))
        if step.get("password"):
            self.call(b"AUTH", secrets[str(step["password"])].encode())

    def call(self, *parts: bytes) -> bytes | None:
        """One command and its reply."""
        assert self._socket is not None  # noqa: S101 (it was opened)
        self._socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(it), it) for it in parts))
        line = self._replies.readline(LONGEST)
        if not line:
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RefusedCommandError(rest.split(b" ")[0].decode("ascii", "replace")[:40])
        if kind in (b"+", b":"):
            return rest
        if kind == b"_" or (kind == b"$" and rest == b"-1"):
            return None
        if kind == b"$" and rest.isdigit() and int(rest) <= LONGEST:
            value = self._replies.read(int(rest) + 2)
            if len(value) == int(rest) + 2:
                return value[:-2]
        raise ValueError("the server does not speak Redis' protocol")

    def close(self) -> None:
        """Closes it."""
        if self._socket is not None:
            self._socket.close()


def step(given: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """A step `redis-ping` (`times`), `redis-write` or `redis-read` (`prefix`, `count`); all with `host`, `port`,
    `password` (the variable that holds it, absent: unsigned), `tls`, `ca`, and `patience` as a step `tcp`.
    """
    work = {"redis-ping": _ping, "redis-write": _write, "redis-read": _read}[str(given["kind"])]
    session: Session | None = None
    try:
        session = Session(given, secrets)
        return {**session.reached.told(), **work(session, given)}
    except ConnectionError as error:
        outcome = str(error)
        known = outcome in ("refused", "dropped", "unreachable", "unresolved")
        return {"outcome": outcome} if known else {"outcome": "broken", "why": outcome}
    except ssl.SSLError as error:
        return {"outcome": "untrusted", "why": getattr(error, "verify_message", None) or error.reason or "TLS"}
    except RefusedCommandError as error:
        return {"outcome": "open", "reply": str(error)}
    except (OSError, ValueError) as error:
        return {"outcome": "broken", "why": str(error)}
    finally:
        if session is not None:
            session.close()


def _ping(session: Session, given: Mapping[str, Any]) -> dict[str, Any]:
    times = []
    reply: bytes | None = None
    for _ in range(int(given.get("times", 1))):
        begun = time.monotonic()
        reply = session.call(b"PING")
        times.append(time.monotonic() - begun)
    ordered = sorted(times)
    return {
        "reply": (reply or b"").decode("ascii", "replace")[:40],
        "p95_ms": round(ordered[math.ceil(0.95 * len(ordered)) - 1] * 1000, 2),
        "samples": len(ordered),
    }


def _write(session: Session, given: Mapping[str, Any]) -> dict[str, Any]:
    prefix, count = str(given["prefix"]), int(given["count"])
    written = sum(
        session.call(b"SET", key.encode(), value.encode(), b"EX", KEY_SECONDS) == b"OK"
        for key, value in _pairs(prefix, count)
    )
    begun, replicas = time.monotonic(), 0
    while time.monotonic() - begun < REPLICATION_PATIENCE_S:
        replicas = in_sync((session.call(b"INFO", b"replication") or b"").decode("utf-8", "replace"))
        if replicas >= int(given["replicas"]):
            break
        time.sleep(0.2)
    return {"written": written, "replicas": replicas}


def in_sync(text: str) -> int:
    """How many replicas have everything, by a master's `INFO replication`.

    Dragonfly's `lag` counts what a replica lacks. Redis' counts the seconds since it was heard: there the offsets tell.
    """
    lines = [line.partition(":") for line in text.splitlines()]
    replicas = [
        dict(pair.partition("=")[::2] for pair in rest.split(","))
        for name, _, rest in lines
        if name.startswith("slave") and name[5:].isdigit()
    ]
    own = next((rest for name, _, rest in lines if name == "master_repl_offset"), None)
    return sum(
        it.get("state") in IN_SYNC and it.get("lag", "0") == "0" and (own is None or it.get("offset", own) == own)
        for it in replicas
    )


def _read(session: Session, given: Mapping[str, Any]) -> dict[str, Any]:
    prefix, count = str(given["prefix"]), int(given["count"])
    found = [session.call(b"GET", key.encode()) for key, _ in _pairs(prefix, count)]
    right = sum(value == wanted.encode() for value, (_, wanted) in zip(found, _pairs(prefix, count), strict=True))
    role = (session.call(b"INFO", b"replication") or b"").decode("utf-8", "replace")
    master = any(line.strip() == "role:master" for line in role.splitlines())
    return {"read": right, "missing": sum(value is None for value in found), "master": master}


def _pairs(prefix: str, count: int) -> list[tuple[str, str]]:
    """Keys and values that both sides can make up by themselves."""
    return [(f"{prefix}:{number}", f"{prefix}/{number * 7919}") for number in range(count)]
