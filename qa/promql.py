"""Asks a metrics store in PromQL, over HTTP: Prometheus, VictoriaMetrics, or what speaks their interface."""

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3

from seawall.errors import UserError
from seawall.policy.estate.doors.bounded import whole
from seawall.qa.checks.context import RefusedQueryError, Series
from seawall.qa.checks.model import UndecidedError

TIMEOUT_S = 30.0
"""For one answer, from beginning to end."""
NEEDS = "needs scrape: "
"""How a check says that it wants a metrics store."""
MOST_BYTES = 64 * 1024 * 1024
_MOST_TOKEN = 64 * 1024
_REMARKS = ("PromQL info:", "PromQL warning:")
"""What Prometheus remarks about an expression; every other warning means that a part of the data is missing."""


class PromQL:
    """One metrics store. Raises `UserError` for an address that is none."""

    def __init__(self, address: str, token: Path | None = None, *, timeout: float = TIMEOUT_S) -> None:
        """`token` is a file with a bearer token."""
        # whatever else is wrong with it: it is not shown, and evidence quotes the command line
        if "@" in address or "?" in address or "#" in address:
            raise UserError(
                "--metrics: must not hold a password, nor anything after ? or #: give a file with a token by "
                "--metrics-token"
            )
        try:
            parts = urlsplit(address)
            known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            known = False
        if not known or not address.isprintable():
            raise UserError(f"--metrics {address!a}: must be an address like https://metrics.example.org")
        self._address = address.rstrip("/")
        self._timeout = timeout
        self._headers = {"Accept": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {_token(token)}"
        self._http = urllib3.PoolManager(retries=False)

    def query(self, expression: str) -> list[Series]:
        """The answer now."""
        return self._answer("query", {"query": expression})

    def query_range(self, expression: str, *, seconds: int, step: int) -> list[Series]:
        """The answers over the last seconds, one every `step`."""
        end = int(time.time())
        return self._answer(
            "query_range", {"query": expression, "start": str(end - seconds), "end": str(end), "step": str(step)}
        )

    def _answer(self, path: str, fields: Mapping[str, str]) -> list[Series]:
        status, content, text = self._asked(path, fields)
        if status in (301, 302, 303, 307, 308, 401, 403):
            raise UndecidedError(
                f"{NEEDS}{self._address} wants a sign-in (HTTP {status}): give a file with --metrics-token"
            )
        document = _document(text)
        if document is None:
            what = "a web page" if "html" in content else "no JSON"
            raise UndecidedError(f"{NEEDS}{self._address} answers with {what} (HTTP {status})")
        if document.get("status") == "error" and status in (200, 400, 422):
            raise RefusedQueryError(f"{document.get('errorType', 'error')}: {document.get('error', 'no reason')}"[:400])
        if status != 200 or document.get("status") != "success":
            why = document.get("error") or f"HTTP {status}"
            raise UndecidedError(f"{NEEDS}{self._address} does not answer: {why}"[:400])
        missing = [str(it) for it in document.get("warnings") or [] if not str(it).startswith(_REMARKS)]
        if document.get("isPartial") or missing:
            raise UndecidedError(f"{self._address} answers in part only: {'; '.join(missing) or 'isPartial'}"[:400])
        try:
            return _series(document["data"])
        except (KeyError, TypeError, ValueError, AttributeError):
            raise UndecidedError(f"{NEEDS}{self._address} answers in a form that is not Prometheus'") from None

    def _asked(self, path: str, fields: Mapping[str, str]) -> tuple[int, str, bytes]:
        end = time.monotonic() + self._timeout
        try:
            answer = self._http.request(
                "POST",
                f"{self._address}/api/v1/{path}",
                fields=dict(fields),
                encode_multipart=False,
                headers=self._headers,
                timeout=self._timeout,
                redirect=False,
                preload_content=False,
            )
            content = whole(answer, most=MOST_BYTES, until=end)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UndecidedError(f"{NEEDS}{self._address} does not answer ({type(error).__name__})") from None
        if content is None:
            raise UndecidedError(f"{NEEDS}the answer of {self._address} does not come to an end")
        return int(answer.status), str(answer.headers.get("Content-Type", "")), content


def _token(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            token = stream.read(_MOST_TOKEN + 1).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--metrics-token {file}: cannot be read ({type(error).__name__})") from None
    if not re.fullmatch(r"[!-~]+", token) or len(token) > _MOST_TOKEN:
        raise UserError(f"--metrics-token {file}: must hold one token and nothing else, in one line")
    return token


def _document(text: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _series(data: Mapping[str, Any]) -> list[Series]:
    kind, result = data["resultType"], data["result"]
    if kind == "matrix":
        return [Series(dict(it["metric"]), [_sample(pair) for pair in it["values"]]) for it in result]
    if kind == "vector":
        return [Series(dict(it["metric"]), [_sample(it["value"])]) for it in result]
    if kind == "scalar":
        return [Series({}, [_sample(result)])]
    if kind == "string":
        return []
    raise ValueError(kind)


def _sample(pair: Any) -> tuple[float, float]:
    at, value = pair
    return float(at), float(value)
