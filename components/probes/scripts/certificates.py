"""Checks the certificates that PostgreSQL and its poolers show, as a client with `sslmode=verify-full` would.

Speaks just enough of PostgreSQL's protocol to be offered TLS, completes the handshake against the mounted authority
alone, and goes away without signing in. Exit code: 0 measured, 1 nothing was ever reached, 2 the settings are wrong.
"""

import contextlib
import json
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

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

NOT_AFTER = "seawall_certificate_not_after_timestamp_seconds"
AUTHORITY_NOT_AFTER = "seawall_certificate_authority_not_after_timestamp_seconds"
VALID = "seawall_certificate_valid"
FAILURES = "seawall_certificate_connect_failures_total"

SSL_REQUEST = struct.pack("!II", 8, 80877103)
"""PostgreSQL's request for TLS: its length, and the number 1234,5679 in place of a protocol version."""
TIMEOUT_SECONDS = 5.0
GOODBYE_SECONDS = 0.5
ROUND_SECONDS = 45.0
"""Time between two rounds: every scrape finds a value, and nobody notices the connections."""


@dataclass(frozen=True)
class Target:
    """What is measured: where to connect, and every name that the certificate there must have."""

    hosts: Mapping[str, tuple[str, ...]]
    """Host to connect to → names that clients use for it."""
    port: int
    authorities: Mapping[str, Path]
    """Name of the authority → its certificate (`ca.crt`)."""
    labels: Mapping[str, str]
    seconds: float


class NoTlsError(Exception):
    """The server does not offer TLS."""


def handshake(host: str, port: int, name: str, authority: ssl.SSLContext) -> float:
    """The end of the certificate's validity (Unix time) after a full verification for `name`.

    Raises `NoTlsError`, `ssl.SSLCertVerificationError` when it is not valid, `OSError` when nobody answers.
    """
    with socket.create_connection((host, port), timeout=TIMEOUT_SECONDS) as plain:
        plain.sendall(SSL_REQUEST)
        answer = plain.recv(1)
        if answer == b"N":
            raise NoTlsError("the server does not offer TLS")
        if answer != b"S":  # a pooler that ends closes without a word, and says nothing about its certificate
            raise ConnectionError("the server did not answer the request for TLS")
        with authority.wrap_socket(plain, server_hostname=name) as secure:
            certificate = secure.getpeercert() or {}
            # A polite end: otherwise the server logs a broken connection. Whether it answers does not matter.
            secure.settimeout(GOODBYE_SECONDS)
            with contextlib.suppress(OSError):
                secure.unwrap()
    return float(ssl.cert_time_to_seconds(str(certificate["notAfter"])))


def trusting(authority: Path) -> ssl.SSLContext:
    """A context that trusts this authority and no other. Raises `OSError` when the file is missing or holds none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority)
    return context


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
        self._reached = False

    def run(self) -> bool:
        """Measures until the time is over; says whether anything was ever reached."""
        end = self._clock() + self._target.seconds
        while (now := self._clock()) < end:
            for name, file in self._target.authorities.items():
                self._check_authority(name, file)
            self._sleep(max(0.0, min(ROUND_SECONDS, end - now)))
        return self._reached

    def _check_authority(self, authority: str, file: Path) -> None:
        labels = {**self._target.labels, "authority": authority}
        try:
            context = trusting(file)
        except OSError as error:
            say(f"authority {authority}: no certificate in {file}: {error}")
            return
        ends = [ssl.cert_time_to_seconds(str(found["notAfter"])) for found in context.get_ca_certs()]
        if ends:
            text = "End of the validity of the authority (its last certificate), as Unix time."
            self._results.gauge(AUTHORITY_NOT_AFTER, text, labels, float(max(ends)))
        for host, names in self._target.hosts.items():
            for name in names:
                self._check(host, name, context, {**labels, "host": name})

    def _check(self, host: str, name: str, context: ssl.SSLContext, labels: Mapping[str, str]) -> None:
        try:
            ends = handshake(host, self._target.port, name, context)
        except (ssl.SSLCertVerificationError, NoTlsError) as error:
            reason = getattr(error, "verify_message", "") or str(error)
            say(f"{name} (at {host}, authority {labels['authority']}): {reason}")
            self._outcome(labels, None)
        except OSError as error:
            say(f"{name}: cannot connect to {host}:{self._target.port}: {error}")
            self._results.count(FAILURES, "Connections that failed before any certificate was shown.", labels)
        else:
            self._outcome(labels, ends)

    def _outcome(self, labels: Mapping[str, str], ends: float | None) -> None:
        self._reached = True
        text = "1 when a client with sslmode=verify-full accepts the certificate for this host name, 0 when not."
        self._results.gauge(VALID, text, labels, 0 if ends is None else 1)
        if ends is None:
            self._results.remove(NOT_AFTER, labels)
        else:
            text = "End of the validity of the certificate shown for this host name, as Unix time."
            self._results.gauge(NOT_AFTER, text, labels, ends)


def target(given: Mapping[str, str]) -> Target:
    """What the CronJob's environment asks for. Raises `UnusableError` when it is not complete."""
    hosts, authorities = _mapping(given, "PROBE_HOSTS"), _mapping(given, "PROBE_AUTHORITIES")
    return Target(
        hosts={host: tuple(str(name) for name in names) for host, names in hosts.items() if isinstance(names, list)},
        port=number(given, "PROBE_PORT"),
        authorities={name: Path(str(file)) for name, file in authorities.items()},
        labels={"postgres": setting(given, "PROBE_POSTGRES")},
        seconds=number(given, "PROBE_SECONDS"),
    )


def _mapping(given: Mapping[str, str], name: str) -> dict[str, object]:
    try:
        value = json.loads(setting(given, name))
    except ValueError:
        value = None
    if not isinstance(value, dict) or not value:
        raise UnusableError(f"{name} must be a JSON object that is not empty")
    return value


def main(given: Mapping[str, str]) -> int:
    """Measures and serves for the time that was asked for; returns the exit code."""
    return measured(given, target, Measurement)


if __name__ == "__main__":
    end_on_signal()
    sys.exit(main(environment()))
