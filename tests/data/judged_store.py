"""A double of what AWS does before S3 does anything: who asks is known by the access key, and policies decide.

It stands in front of moto, which does not evaluate a condition, with one port for plain HTTP and one for TLS. Requests
that pass go on to moto; the others get S3's answer to those who may not. What it cannot judge it refuses with 501.

What it is not: signatures are not verified (moto does not either), so the access key alone says who asks; and it knows
one account, one bucket and its one key. By S3's manual only the first request of a large upload names the encryption,
and S3 refuses the headers in the others; so those are judged by what the first one said. Such policies are in wide use
with large uploads, but nowhere does AWS write that this is how it judges them.
"""

import http.client
import re
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import boto3
from aws_judge import ANONYMOUS, NOTHING, Request, allowed_by_key, explained
from botocore.config import Config
from object_store import REGION, ObjectStore
from s3_requests import SSE, SSE_KEY, Asked, UnknownRequestError, asked, parts
from tls_files import Authority

from seawall.components.aws.hosts import s3_host
from seawall.sandbox import ports

_HOP = {"connection", "keep-alive", "transfer-encoding", "expect", "host", "content-length"}
"""Headers that are between two neighbours, or written anew."""


@dataclass(frozen=True)
class Identity:
    """Somebody of the account: the ARN, and the policy that is attached to it."""

    arn: str
    policy: str


@dataclass(frozen=True)
class Policies:
    """What decides: the policies of the bucket and of its key, and who there is, by name."""

    bucket: str
    key: str
    people: Mapping[str, Identity]
    """The name of each is its access key as well."""
    account: str
    """The ARN of the account itself."""


@dataclass(frozen=True)
class Judgement:
    """One request that was judged."""

    who: str
    """The access key, or `anonymous`."""
    action: str
    resource: str
    tls: bool
    subresource: str
    refused_by: str | None
    """Which statement, or why else; None when it passed."""


@dataclass
class JudgedStore:
    """The store behind its judge. Use as a context manager."""

    store: ObjectStore
    policies: Policies
    home: Path
    """A folder for certificates."""
    judged: list[Judgement] = field(default_factory=list)
    """Every request, in the order of their judgements."""

    def __post_init__(self) -> None:
        self.authority = Authority(self.home)
        self._uploads: dict[str, Mapping[str, str]] = {}
        self._servers: dict[bool, ThreadingHTTPServer] = {}
        self._clients: dict[tuple[str, bool], Any] = {}

    def __enter__(self) -> Self:
        for tls in (False, True):
            port = ports.choose(["judge"])["judge"]
            server = _Server((ports.LOOPBACK, port), _handler(self, tls=tls))
            if tls:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(*self.authority.issue("s3"))
                # The handshake is for the connection's own thread, not for the one that accepts.
                server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            self._servers[tls] = server
            threading.Thread(target=server.serve_forever, name=f"judge {port}", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    def endpoint(self, *, tls: bool = True) -> str:
        """Its address."""
        return f"{'https' if tls else 'http'}://{ports.LOOPBACK}:{self._servers[tls].server_port}"

    def environment(self, who: str, *, tls: bool = True) -> dict[str, str]:
        """What sends an AWS client here with the access key of `who`."""
        return {
            **self.store.environment(),
            "AWS_ENDPOINT_URL": self.endpoint(tls=tls),
            "AWS_CA_BUNDLE": str(self.authority.file),
            "AWS_ACCESS_KEY_ID": who,
            "AWS_SECRET_ACCESS_KEY": f"secret of {who}",
        }

    def client(self, who: str, *, tls: bool = True) -> Any:
        """The client of boto3 that is `who`."""
        make: Any = boto3.client
        if (who, tls) not in self._clients:
            self._clients[who, tls] = make(
                "s3",
                endpoint_url=self.endpoint(tls=tls),
                region_name=REGION,
                aws_access_key_id=who,
                aws_secret_access_key=f"secret of {who}",
                verify=str(self.authority.file),
                config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
            )
        return self._clients[who, tls]

    def judge(self, who: str, request: Asked, *, tls: bool) -> str | None:
        """Why a request is refused; None when it passes."""
        transport = {"aws:SecureTransport": "true" if tls else "false"}
        encryption = self._uploads.get(request.upload, {})
        person = self.policies.people.get(who)
        arn = person.arn if person is not None else ANONYMOUS
        for action, path in request.needs:
            context = {**encryption, **request.context, **transport}
            it = Request(arn, action, f"arn:aws:s3:::{path}", context)
            said = {"bucket policy": explained(self.policies.bucket, it)}
            if person is not None:
                said["identity policy"] = explained(person.policy, it)
            for where, (verdict, statement) in said.items():
                if verdict == "deny":
                    return f"{where}: {statement}"
            if all(verdict == NOTHING for verdict, _ in said.values()):
                return "nothing allows it"
        return self._judge_key(arn, person, request, {**encryption, **request.context})

    def _judge_key(self, arn: str, person: Identity | None, request: Asked, context: Mapping[str, str]) -> str | None:
        """S3 asks KMS in the name of whoever asks it."""
        if request.action == "s3:PutObject" and context.get(f"s3:{SSE}") == "aws:kms":
            key, action = context.get(f"s3:{SSE_KEY}"), "kms:Decrypt" if request.upload else "kms:GenerateDataKey"
        elif request.action == "s3:GetObject":
            key, action = self._key_of(request), "kms:Decrypt"
        else:
            return None
        if key is None:
            return None
        if key != self.store.key:
            return f"{key} is not a key that anybody here may use"
        it = Request(arn, action, key, {"kms:ViaService": s3_host(REGION)})
        own = person.policy if person is not None else None
        policies = self.policies
        return (
            None if allowed_by_key(it, identity=own, policy=policies.key, root=policies.account) else f"key: {action}"
        )

    def _key_of(self, request: Asked) -> str | None:
        status, headers, _ = self.ask("HEAD", f"/{quote(request.bucket)}/{quote(request.key)}", {}, b"")
        return headers.get(SSE_KEY) if status == 200 else None

    def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Asks the store itself: status, headers and body of its answer."""
        connection = http.client.HTTPConnection(ports.LOOPBACK, self.store.port, timeout=120)
        try:
            # moto tells S3 from other services by the signature that a request without one has not.
            sent = {"authorization": f"AWS4-HMAC-SHA256 Credential=judge/20260101/{REGION}/s3/aws4_request", **headers}
            connection.request(method, target, body=body or None, headers=sent)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def begun(self, request: Asked, answer: bytes) -> None:
        """Keeps with which encryption a large upload was begun."""
        upload = ElementTree.fromstring(answer).findtext("{*}UploadId")
        assert upload is not None, "an upload without an id"
        self._uploads[upload] = request.context


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, or does not trust the certificate, is its own affair."""


def _handler(judge: JudgedStore, *, tls: bool) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        timeout = 120

        def _serve(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self._body()
            who = _access_key(headers.get("authorization", ""))
            try:
                request = asked(self.command, self.path, headers, body)
                if request.upload and request.action == "s3:PutObject" and SSE in headers:
                    self._error(400, "InvalidArgument", f"{SSE} header is not supported for this operation.")
                    return
                reasons = [judge.judge(who, each, tls=tls) for each in parts(request)]
                why = reasons[0]
                if len(set(reasons)) > 1:
                    raise UnknownRequestError("a deletion of which a part only is allowed")
            except (UnknownRequestError, AssertionError) as unknown:
                self._error(501, "NotImplemented", f"this judge does not know what that is: {unknown}")
                return
            judge.judged.append(Judgement(who, *request.needs[0], tls, request.subresource, why))
            if why is not None:
                self._refuse(request, f"{who} may not do {request.action}: {why}")
                return
            passed = {name: value for name, value in headers.items() if name not in _HOP}
            status, said, answer = judge.ask(self.command, self.path, passed, body)
            if request.subresource == "uploads" and self.command == "POST" and status == 200:
                judge.begun(request, answer)
            self._answer(status, said, answer)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815  # the names that the server looks for

        def _body(self) -> bytes:
            if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                return self.rfile.read(int(self.headers.get("Content-Length", "0")))
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():  # trailers
                pass
            return b"".join(parts)

        def _refuse(self, request: Asked, message: str) -> None:
            if request.subresource != "delete":
                self._error(403, "AccessDenied", message)
                return
            keys = [each.key for each in parts(request)]
            errors = "".join(
                f"<Error><Key>{escape(key)}</Key><Code>AccessDenied</Code><Message>{escape(message)}</Message></Error>"
                for key in keys
            )
            self._answer(200, {"content-type": "application/xml"}, f"<DeleteResult>{errors}</DeleteResult>".encode())

        def _error(self, status: int, code: str, message: str) -> None:
            text = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
            self._answer(status, {"content-type": "application/xml"}, text.encode())

        def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name not in _HOP:
                    self.send_header(name, value)
            length = headers.get("content-length", "0") if self.command == "HEAD" else str(len(body))
            self.send_header("Content-Length", length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Says nothing: what was judged is kept."""

    return Handler


def _access_key(authorization: str) -> str:
    found = re.search(r"Credential=([^/,\s]+)/", authorization)
    return found[1] if found is not None else ANONYMOUS
