"""PostgreSQL's protocol, as far as the checks need it: TLS as libpq's `verify-full`, SCRAM, prepared statements.

A password is only ever proven (SCRAM-SHA-256), never sent: a server that asks for it in another way is told about.
"""

import base64
import hashlib
import hmac
import os
import secrets as random
import socket
import ssl
import struct
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from seawall.qa.probes import reach

SSL_REQUEST = struct.pack("!II", 8, 80877103)
"""The request for TLS: its length, and the number 1234,5679 in place of a protocol version."""
PROTOCOL = 196608
LONGEST = 1024 * 1024
OK, SASL, SASL_GOES_ON, SASL_ENDS = 0, 10, 11, 12
METHOD = "SCRAM-SHA-256"


class ServerError(Exception):
    """The server's own error: SQLSTATE and message."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(fields.get("M", "the server gave no reason"))
        self.sqlstate = fields.get("C", "")


class UnusableError(Exception):
    """The server asks for, or answers, something that a careful client refuses."""


class Connection:
    """One session: `start` it, then use it."""

    def __init__(self, plain: socket.socket, patience: float) -> None:
        self._socket = plain
        self.asked = False
        """Whether the server asked for proof of a password."""
        self.tls: str | None = None
        """The version of TLS."""
        plain.settimeout(patience)

    def start(self, step: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        """Signs in. Raises `ServerError`, `UnusableError`, `ssl.SSLError`, `OSError`."""
        if step.get("tls", "verify-full") == "verify-full":
            self._secure(str(step["host"]), secrets.get(str(step.get("ca", "")), ""))
        user = secrets.get(str(step.get("user_from", "")), "") or str(step.get("user", ""))
        self._send(b"", self._startup(user, str(step["database"])))
        self._sign_in(secrets.get(str(step.get("password", "")), ""))

    def _secure(self, host: str, authority: str) -> None:
        self._socket.sendall(SSL_REQUEST)
        answer = self._socket.recv(1)
        if answer == b"N":
            raise UnusableError("the server does not offer TLS")
        if answer != b"S":
            raise ConnectionError("the server closed the connection instead of answering the request for TLS")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=authority)
        secure = context.wrap_socket(self._socket, server_hostname=host)
        self._socket, self.tls = secure, secure.version()

    @staticmethod
    def _startup(user: str, database: str) -> bytes:
        words = ("user", user, "database", database, "application_name", "seawall-verify")
        return struct.pack("!I", PROTOCOL) + b"".join(word.encode() + b"\0" for word in words) + b"\0"

    def _sign_in(self, password: str) -> None:
        proof: Scram | None = None
        while True:
            kind, body = self._receive()
            if kind == b"Z":
                return
            if kind != b"R":
                continue
            (what,) = struct.unpack("!I", body[:4])
            if what == OK:
                continue
            self.asked = True
            if what == SASL and METHOD.encode() in body[4:].split(b"\0"):
                proof = Scram(password)
                first = proof.first()
                self._send(b"p", METHOD.encode() + b"\0" + struct.pack("!I", len(first)) + first)
            elif what == SASL_GOES_ON and proof is not None:
                self._send(b"p", proof.final(body[4:]))
            elif what == SASL_ENDS and proof is not None:
                proof.verify(body[4:])
            else:
                raise UnusableError(f"the server asks for a password in a way that is not {METHOD}")

    def query(self, text: str) -> list[list[str | None]]:
        """The rows of one statement, as text."""
        self._send(b"Q", text.encode() + b"\0")
        return self._rows()

    def prepare(self, name: str, text: str) -> None:
        """A named statement that lives as long as the session."""
        self._send(b"P", name.encode() + b"\0" + text.encode() + b"\0" + struct.pack("!H", 0))
        self._send(b"S", b"")
        self._rows()

    def execute(self, name: str, values: Sequence[str]) -> list[list[str | None]]:
        """The rows of a prepared statement."""
        given = b"".join(struct.pack("!I", len(value.encode())) + value.encode() for value in values)
        head = b"\0" + name.encode() + b"\0" + struct.pack("!HH", 0, len(values))
        self._send(b"B", head + given + struct.pack("!H", 0))
        self._send(b"E", b"\0" + struct.pack("!I", 0))
        self._send(b"S", b"")
        return self._rows()

    def close(self) -> None:
        """Ends the session politely, whatever state it is in."""
        try:
            self._send(b"X", b"")
        except OSError:
            pass
        finally:
            self._socket.close()

    def _rows(self) -> list[list[str | None]]:
        rows: list[list[str | None]] = []
        failed: ServerError | None = None
        while True:
            try:
                kind, body = self._receive()
            except ServerError as error:
                failed = error
                continue
            if kind == b"D":
                rows.append(_row(body))
            elif kind == b"Z":
                if failed is not None:
                    raise failed
                return rows

    def _send(self, kind: bytes, body: bytes) -> None:
        self._socket.sendall(kind + struct.pack("!I", len(body) + 4) + body)

    def _receive(self) -> tuple[bytes, bytes]:
        head = self._exactly(5)
        (length,) = struct.unpack("!I", head[1:])
        if not 4 <= length <= LONGEST:
            raise UnusableError("the server does not speak PostgreSQL's protocol")
        body = self._exactly(length - 4)
        if head[:1] == b"E":
            fields = (part.decode("utf-8", "replace") for part in body.split(b"\0") if part)
            raise ServerError({field[0]: field[1:] for field in fields})
        return head[:1], body

    def _exactly(self, count: int) -> bytes:
        found = bytearray()
        while len(found) < count:
            piece = self._socket.recv(count - len(found))
            if not piece:
                raise ConnectionError("the server closed the connection")
            found += piece
        return bytes(found)


def _row(body: bytes) -> list[str | None]:
    (count,) = struct.unpack("!H", body[:2])
    row: list[str | None] = []
    at = 2
    for _ in range(count):
        (length,) = struct.unpack("!i", body[at : at + 4])
        at += 4
        row.append(None if length < 0 else body[at : at + length].decode("utf-8", "replace"))
        at += max(length, 0)
    return row


class Scram:
    """The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding."""

    def __init__(self, password: str, nonce: str | None = None) -> None:
        self._password = unicodedata.normalize("NFKC", password).encode()
        self._bare = f"n=,r={nonce or base64.b64encode(random.token_bytes(18)).decode()}"
        self._server = b""

    def first(self) -> bytes:
        """The first message."""
        return f"n,,{self._bare}".encode()

    def final(self, challenge: bytes) -> bytes:
        """The proof, for the server's challenge."""
        told = dict(part.split("=", 1) for part in challenge.decode().split(","))
        if not told["r"].startswith(self._bare.partition("r=")[2]):
            raise UnusableError("the server answers for another client")
        salted = hashlib.pbkdf2_hmac("sha256", self._password, base64.b64decode(told["s"]), int(told["i"]))
        client = hmac.digest(salted, b"Client Key", "sha256")
        bare = f"c=biws,r={told['r']}"
        message = f"{self._bare},{challenge.decode()},{bare}".encode()
        signature = hmac.digest(hashlib.sha256(client).digest(), message, "sha256")
        proof = bytes(left ^ right for left, right in zip(client, signature, strict=True))
        self._server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
        return f"{bare},p={base64.b64encode(proof).decode()}".encode()

    def verify(self, last: bytes) -> None:
        """Checks that the server knows the password too. Raises `UnusableError` when it does not."""
        told = dict(part.split("=", 1) for part in last.decode().split(","))
        if not hmac.compare_digest(base64.b64decode(told.get("v", "")), self._server):
            raise UnusableError("the server cannot prove that it knows the password")


def opened(step: Mapping[str, Any], secrets: Mapping[str, str]) -> tuple[Connection | None, dict[str, Any]]:
    """A session, and what became of it: the outcomes of `reach`, and

    `signed-in`; `rejected` (the server said no; `asked` whether it asked for a password before); `untrusted` (the
    certificate); `no-tls`; `broken`.
    """
    found = reach.connect(str(step["host"]), int(step["port"]))
    if found.made is None:
        return None, found.told()
    made = Connection(found.made, float(step.get("patience", reach.PATIENCE_S)))
    try:
        made.start(step, secrets)
    except ServerError as error:
        said = {"outcome": "rejected", "sqlstate": error.sqlstate, "why": str(error)[:200], "asked": made.asked}
    except UnusableError as error:
        said = {"outcome": "no-tls" if "TLS" in str(error) else "unusable", "why": str(error)}
    except ssl.SSLError as error:
        said = {"outcome": "untrusted", "why": getattr(error, "verify_message", None) or error.reason or "TLS"}
    except (OSError, ValueError, struct.error, KeyError) as error:
        said = {"outcome": "broken", "why": str(error)[:200]}
    else:
        return made, {"outcome": "signed-in", "asked": made.asked, "tls": made.tls, "seconds": round(found.seconds, 4)}
    made.close()
    return None, said


def sign_in(step: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """The step `postgres`: `host`, `port`, `database`, `user` or `user_from`, `password`, `ca`, `tls` (`verify-full` or
    `disable`), `query` (its first row is told).
    """
    made, told = opened(step, secrets)
    if made is None:
        return told
    try:
        if step.get("query"):
            rows = made.query(str(step["query"]))
            told["row"] = rows[0] if rows else []
    except (ServerError, OSError, UnusableError) as error:
        told |= {"outcome": "broken", "why": str(error)[:200], "sqlstate": getattr(error, "sqlstate", "")}
    finally:
        made.close()
    return told


STATEMENT = f"seawall_verify_{os.getpid()}"
HOLDERS = 6
"""Sessions that keep server connections busy, one after the other, until the one that prepared meets another."""


def prepared(step: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """The step `postgres-prepared`: as `postgres`. One session prepares a statement; then others hold its server
    connection in a transaction, so that the pooler must give it another one, where nobody has prepared anything.
    """
    first, told = opened(step, secrets)
    if first is None:
        return told
    holders: list[Connection] = []
    backends: set[str] = set()
    answers = 0
    try:
        first.prepare(STATEMENT, "SELECT $1::int + 1, pg_backend_pid()")
        for number in range(HOLDERS + 1):
            ((value, backend),) = first.execute(STATEMENT, [str(number)])
            answers += value == str(number + 1)
            backends.add(str(backend))
            if len(backends) > 1:
                break
            holder, met = opened(step, secrets)
            if holder is None:
                return {**told, "outcome": "broken", "why": f"a further session: {met['outcome']}"}
            holders.append(holder)
            holder.query("BEGIN")
            holder.query("SELECT pg_backend_pid()")
    except (ServerError, OSError, UnusableError) as error:
        told |= {"failed": str(error)[:200], "sqlstate": getattr(error, "sqlstate", "")}
    finally:
        for session in (first, *holders):
            session.close()
    return {**told, "answers": answers, "backends": len(backends)}
