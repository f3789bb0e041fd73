"""Measures how long PING, SET and GET take on a server that speaks Redis' protocol, as one of its clients.

One connection, one command at a time, a pause after each: a handful of commands a second. The password is read from a
mounted file and never shown. Exit code: 0 measured, 1 never connected, 2 the settings are wrong.
"""

import math
import socket
import ssl
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from seawall.components.probes.scripts.serving import (
    Results,
    UnusableError,
    end_on_signal,
    environment,
    measured,
    number,
    say,
    setting,
)

LATENCY = "seawall_dragonfly_latency_seconds"
SAMPLES = "seawall_dragonfly_latency_samples_total"
FAILURES = "seawall_dragonfly_latency_failures_total"
QUANTILES = {"0.5": 0.5, "0.95": 0.95, "0.99": 0.99}

WINDOW_SECONDS = 60
"""A quantile is of the samples of the last minute."""
FEWEST_SAMPLES = 20
"""Below this the 95th percentile is just the slowest one."""
TIMEOUT_SECONDS = 2.0
"""A command that takes longer has failed: its reply may still come, so the connection is given up with it."""
RETRY_SECONDS = 1.0
KEY = b"seawall:latency-probe"
"""The one key that the probe writes; nobody else may use the prefix `seawall:`."""
KEY_SECONDS = b"60"
LONGEST_LINE = 64 * 1024
LONGEST_VALUE = 1024 * 1024


@dataclass(frozen=True)
class Target:
    """What is measured, and how."""

    host: str
    port: int
    password: bytes | None
    context: ssl.SSLContext | None
    labels: Mapping[str, str]
    """Labels of every series."""
    seconds: float
    pause: float
    """Seconds between two commands."""


class ReplyError(Exception):
    """The server refused a command."""


class ProtocolError(OSError):
    """What came was no reply: the connection is of no use any more."""


class Connection:
    """One connection. Every method may raise `OSError`; then it must be closed."""

    def __init__(self, target: Target) -> None:
        plain = socket.create_connection((target.host, target.port), timeout=TIMEOUT_SECONDS)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            context = target.context
            self._socket = context.wrap_socket(plain, server_hostname=target.host) if context else plain
        except BaseException:
            plain.close()
            raise
        self._replies = cast(BinaryIO, self._socket.makefile("rb"))
        try:
            if target.password is not None:
                self.call(b"AUTH", target.password)
        except BaseException:
            self.close()
            raise

    def call(self, *parts: bytes) -> bytes | None:
        """Sends one command and gives its reply, None for no value. Raises `ReplyError` when the server refuses it."""
        self._socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind in (b"+", b":"):
            return rest
        if kind == b"-":
            raise ReplyError(rest.split(b" ")[0].decode("ascii", "replace"))
        if kind == b"_" or (kind == b"$" and rest == b"-1"):
            return None
        if kind == b"$" and rest.isdigit() and int(rest) <= LONGEST_VALUE:
            value = self._replies.read(int(rest) + 2)
            if len(value) == int(rest) + 2 and value.endswith(b"\r\n"):
                return value[:-2]
        raise ProtocolError("the server does not speak Redis' protocol")

    def _line(self) -> bytes:
        line = self._replies.readline(LONGEST_LINE)
        if not line:
            raise ProtocolError("the server closed the connection")
        if not line.endswith(b"\r\n"):
            raise ProtocolError("the server does not speak Redis' protocol")
        return line[:-2]

    def close(self) -> None:
        """Closes it, whatever state it is in."""
        for part in (self._replies, self._socket):
            try:
                part.close()
            except OSError:
                continue


@dataclass(frozen=True)
class Command:
    """One kind of command, and what its reply must be."""

    name: str
    parts: tuple[bytes, ...]
    reply: bytes


def commands(value: bytes) -> tuple[Command, ...]:
    """The commands of one round; `value` is what is written and read back."""
    return (
        Command("ping", (b"PING",), b"PONG"),
        Command("set", (b"SET", KEY, value, b"EX", KEY_SECONDS), b"OK"),
        Command("get", (b"GET", KEY), value),
    )


class Samples:
    """The times of one command in the last minute."""

    def __init__(self) -> None:
        self._times: deque[tuple[float, float]] = deque()

    def add(self, now: float, seconds: float) -> None:
        """Adds one sample and forgets those that are too old."""
        self._times.append((now, seconds))
        self.forget(now)

    def forget(self, now: float) -> None:
        """Forgets the samples that are too old."""
        while self._times and self._times[0][0] < now - WINDOW_SECONDS:
            self._times.popleft()

    def quantile(self, share: float) -> float | None:
        """The time that this share of the samples did not exceed; None while there are too few."""
        if len(self._times) < FEWEST_SAMPLES:
            return None
        ordered = sorted(seconds for _, seconds in self._times)
        return ordered[math.ceil(share * len(ordered)) - 1]


class Measurement:
    """Measures one target into the results."""

    def __init__(
        self,
        target: Target,
        results: Results,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._target, self._results, self._clock, self._sleep = target, results, clock, sleep
        self._samples = {command.name: Samples() for command in commands(b"")}
        self._rounds = 0
        for command in ("connect", *self._samples):
            self._failed(command, 0)

    def run(self) -> bool:
        """Measures until the time is over; says whether it was ever connected."""
        end = self._clock() + self._target.seconds
        connected = False
        while self._clock() < end:
            connection = self._connect()
            if connection is None:
                self._sleep(RETRY_SECONDS)
                continue
            connected = True
            try:
                while self._clock() < end:
                    self._round(connection)
            except OSError as error:
                say(f"connection lost: {error}")
                self._sleep(RETRY_SECONDS)
            finally:
                connection.close()
        return connected

    def _connect(self) -> Connection | None:
        try:
            return Connection(self._target)
        except ReplyError as error:
            say(f"the server refused the password: {error}")
        except OSError as error:
            say(f"cannot connect to {self._target.host}:{self._target.port}: {error}")
        self._failed("connect")
        return None

    def _round(self, connection: Connection) -> None:
        self._rounds += 1
        for command in commands(b"%d" % self._rounds):
            self._time(connection, command)
            self._sleep(self._target.pause)

    def _time(self, connection: Connection, command: Command) -> None:
        begun = self._clock()
        try:
            reply = connection.call(*command.parts)
        except ReplyError as error:
            self._failed(command.name)
            say(f"{command.name}: the server answers {error}")
            return
        except OSError:
            self._failed(command.name)
            raise
        ended = self._clock()
        # Another probe's value is no failure: with two of them each may read what the other wrote.
        if reply is None or (command.name != "get" and reply != command.reply):
            self._failed(command.name)
            return
        self._done(command.name, ended, ended - begun)

    def _done(self, command: str, now: float, seconds: float) -> None:
        self._samples[command].add(now, seconds)
        self._results.count(SAMPLES, "Commands that were timed.", {**self._target.labels, "command": command})
        self._show(command)

    def _show(self, command: str) -> None:
        """The quantiles of the last minute; none when too few commands were answered in it."""
        for name, share in QUANTILES.items():
            labels = {**self._target.labels, "command": command, "quantile": name}
            value = self._samples[command].quantile(share)
            if value is None:
                self._results.remove(LATENCY, labels)
            else:
                text = "Time from sending a command to its reply, in seconds, over the last minute."
                self._results.gauge(LATENCY, text, labels, value)

    def _failed(self, command: str, more: int = 1) -> None:
        labels = {**self._target.labels, "command": command}
        self._results.count(FAILURES, "Commands (or connections) that failed or took too long.", labels, more)
        # Nothing is added while nothing answers: what was measured before would stand there as if it were so now.
        now = self._clock()
        for name, samples in self._samples.items():
            samples.forget(now)
            self._show(name)


def target(given: Mapping[str, str]) -> Target:
    """What the CronJob's environment asks for. Raises `UnusableError` when it is not complete."""
    context = None
    try:
        if given.get("PROBE_TLS") == "verify":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            if given.get("PROBE_CA_FILE"):
                context.load_verify_locations(given["PROBE_CA_FILE"])
            else:
                context.load_default_certs()
        password = None
        if given.get("PROBE_PASSWORD_FILE"):
            password = Path(given["PROBE_PASSWORD_FILE"]).read_bytes()
    except OSError as error:
        raise UnusableError(f"a mounted file cannot be read: {error}") from None
    if password == b"":
        raise UnusableError("the file with the password is empty")
    return Target(
        host=setting(given, "PROBE_HOST"),
        port=number(given, "PROBE_PORT"),
        password=password,
        context=context,
        labels={"dragonfly": setting(given, "PROBE_DRAGONFLY"), "path": setting(given, "PROBE_PATH")},
        seconds=number(given, "PROBE_SECONDS"),
        pause=number(given, "PROBE_PAUSE_MS") / 1000,
    )


def main(given: Mapping[str, str]) -> int:
    """Measures and serves for the time that was asked for; returns the exit code."""
    return measured(given, target, Measurement)


if __name__ == "__main__":
    end_on_signal()
    sys.exit(main(environment()))
