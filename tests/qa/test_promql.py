"""PromQL against a real HTTP server that says what Prometheus, VictoriaMetrics and other things in their place say."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from verify_promql import EMPTY, Answer, Server, address, saying, serving

from seawall.errors import UserError
from seawall.qa.checks.context import RefusedQueryError, Series
from seawall.qa.checks.model import UndecidedError
from seawall.qa.promql import PromQL

VECTOR = {
    "status": "success",
    "data": {
        "resultType": "vector",
        "result": [
            {"metric": {"__name__": "dragonfly_master", "pod": "dragonfly-0"}, "value": [1761130000.123, "1"]},
            {"metric": {"__name__": "dragonfly_master", "pod": "dragonfly-1"}, "value": [1761130000.123, "0"]},
        ],
    },
}
MATRIX = {
    "status": "success",
    "data": {
        "resultType": "matrix",
        "result": [{"metric": {"pod": "a"}, "values": [[1761130000, "2"], [1761130060, "NaN"], [1761130120, "+Inf"]]}],
    },
}
SCALAR = {"status": "success", "data": {"resultType": "scalar", "result": [1761130000.1, "42"]}}
BAD_DATA = {
    "status": "error",
    "errorType": "bad_data",
    "error": 'invalid parameter "query": 1:5: parse error: unexpected end of input',
}
UNAVAILABLE = {"status": "error", "errorType": "unavailable", "error": "query processing would load too many samples"}
PARTIAL = {**VECTOR, "warnings": ["store gateway thanos-store-1 is not reachable"]}
REMARK = {**VECTOR, "warnings": ['PromQL warning: metric might not be a counter: "x" (1:6)']}
VICTORIA = {**VECTOR, "isPartial": True, "stats": {"seriesFetched": "2"}}
LOGIN = b"<!doctype html><html><title>Sign in</title></html>"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(saying(EMPTY)) as made:
        yield made


def store(server: Server, **more: Any) -> PromQL:
    return PromQL(f"{address(server)}/prometheus/", **more)


def test_a_vector(server: Server) -> None:
    server.answer = saying(VECTOR)

    found = store(server).query("dragonfly_master")

    assert found[0] == Series({"__name__": "dragonfly_master", "pod": "dragonfly-0"}, [(1761130000.123, 1.0)])
    assert len(found) == 2
    [(path, fields, token)] = server.asked
    assert (path, fields, token) == ("/prometheus/api/v1/query", {"query": ["dragonfly_master"]}, None)


def test_a_matrix_of_the_last_minutes(server: Server) -> None:
    server.answer = saying(MATRIX)

    [found] = store(server).query_range("x", seconds=240, step=60)

    assert [at for at, _ in found.values] == [1761130000, 1761130060, 1761130120]
    assert found.values[0][1] == 2.0
    [(path, fields, _)] = server.asked
    assert path == "/prometheus/api/v1/query_range"
    assert int(fields["end"][0]) - int(fields["start"][0]) == 240
    assert abs(int(fields["end"][0]) - time.time()) < 60
    assert fields["step"] == ["60"]


@pytest.mark.parametrize(("document", "count"), [(EMPTY, 0), (SCALAR, 1), (REMARK, 2)])
def test_other_good_answers(server: Server, document: Any, count: int) -> None:
    server.answer = saying(document)

    assert len(store(server).query("x")) == count


@pytest.mark.parametrize(("document", "status"), [(BAD_DATA, 400), (BAD_DATA, 422), (BAD_DATA, 200)])
def test_an_expression_that_is_refused(server: Server, document: Any, status: int) -> None:
    server.answer = saying(document, status)

    with pytest.raises(RefusedQueryError, match="parse error: unexpected end of input"):
        store(server).query("sum(")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (saying(UNAVAILABLE, 503), "does not answer: query processing would load too many samples"),
        (saying(b"upstream connect error", 503, "text/plain"), r"no JSON \(HTTP 503\)"),
        (saying(PARTIAL), "in part only: store gateway"),
        (saying(VICTORIA), "in part only: isPartial"),
        (saying(LOGIN, 200, "text/html"), r"a web page \(HTTP 200\)"),
        (saying(LOGIN, 401, "text/html"), "wants a sign-in"),
        (saying(b"", 302, "text/html", Location="/login"), "wants a sign-in"),
        (saying({"status": "success", "data": {"resultType": "vector", "result": [{}]}}), "not Prometheus'"),
        (saying({"status": "success"}), "not Prometheus'"),
        (saying([1, 2]), "no JSON"),
        (saying(b'{"status": "succ'), "no JSON"),
    ],
)
def test_what_decides_nothing(server: Server, answer: Answer, why: str) -> None:
    """None of these says that a series is missing."""
    server.answer = answer

    with pytest.raises(UndecidedError, match=why):
        store(server).query("x")


def test_a_store_that_hangs_and_one_that_never_ends(server: Server) -> None:
    over = threading.Event()

    def hangs(to: BaseHTTPRequestHandler) -> None:
        over.wait(30)

    def trickles(to: BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        to.end_headers()
        while not over.wait(0.05):
            to.wfile.write(b" ")

    for answer in (hangs, trickles):
        server.answer = answer
        with pytest.raises(UndecidedError, match=r"does not answer|does not come to an end"):
            store(server, timeout=0.5).query("x")
    over.set()


def test_nobody_there() -> None:
    with pytest.raises(UndecidedError, match=r"needs scrape: .* does not answer"):
        PromQL("http://127.0.0.1:1").query("x")


def test_a_token_goes_along_and_is_never_told(server: Server, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("very-secret-token\n")
    server.answer = saying(LOGIN, 403, "text/html")

    with pytest.raises(UndecidedError) as refused:
        store(server, token=token).query("x")

    assert server.asked[0][2] == "Bearer very-secret-token"
    assert "very-secret-token" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("metrics.example.org", "must be an address like"),
        ("ftp://metrics.example.org", "must be an address like"),
        ("https://someone:word@metrics.example.org", "must not hold a password"),
        ("someone:word@metrics.example.org", "must not hold a password"),
    ],
)
def test_addresses_that_are_none(given: str, why: str) -> None:
    with pytest.raises(UserError, match=why) as refused:
        PromQL(given)
    assert "someone:word" not in str(refused.value)


def test_a_token_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        PromQL("https://metrics.example.org", tmp_path / "none")
