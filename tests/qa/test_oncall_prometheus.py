"""Live numbers, over real HTTP: what a Prometheus says, and whatever else may answer."""

from pathlib import Path
from typing import Any

import pytest
from api_double import Handler, serving
from promql import parsed

from seawall.components.settings import load
from seawall.errors import UserError
from seawall.qa.oncall.asking import ask as of_the_cluster
from seawall.qa.oncall.prometheus import BACKENDS, IN_SYNC, QUERIES, ask
from seawall.qa.promql import PromQL


def vector(*samples: tuple[dict[str, str], str]) -> dict[str, Any]:
    """An answer as Prometheus' HTTP API gives it."""
    result = [{"metric": labels, "value": [1772938800.123, value]} for labels, value in samples]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


def test_numbers_by_pod() -> None:
    def say(handler: Handler) -> None:
        [query] = handler.form["query"]
        if query == BACKENDS:
            answer = vector(({"namespace": "databases", "pod": "pg-1"}, "42"), ({"namespace": "databases"}, "7"))
        elif query == IN_SYNC:
            answer = vector(
                ({"namespace": "caches", "app": "cache"}, "2"), ({"namespace": "caches", "app": "q"}, "NaN")
            )
        else:
            answer = vector()
        handler.say(200, answer)

    with serving() as server:
        server.replies["/prefix/api/v1/query"] = say
        found = ask(PromQL(f"http://127.0.0.1:{server.server_port}/prefix/"))
    assert found.of(BACKENDS, ("databases", "pg-1")) == 42
    assert found.of(IN_SYNC, ("caches", "cache")) == 2
    assert found.of(IN_SYNC, ("caches", "q")) is None
    assert (found.given, found.why) == (True, "")
    assert len(server.asked) == len(QUERIES)


OTHERS: list[tuple[Any, str]] = [
    ((502, {}), "HTTP 502"),
    ((200, b"<html>"), "answers with no JSON"),
    ((200, {"status": "error", "error": "too many"}), "too many"),
    ((200, {"status": "success", "data": {"resultType": "matrix"}}), "in a form that is not Prometheus'"),
    (lambda it: it.say(302, {}, Location="/elsewhere"), "wants a sign-in (HTTP 302): give a file with --metrics-token"),
    ((200, {"status": "success", "data": {"resultType": "vector", "result": [{"metric": 1}]}}), "in a form"),
    ((200, vector(({"namespace": "a", "pod": "b"}, "many"))), "in a form that is not Prometheus'"),
]


@pytest.mark.parametrize(("reply", "told"), OTHERS, ids=range(len(OTHERS)))
def test_others_are_no_prometheus(reply: Any, told: str) -> None:
    with serving() as server:
        server.other = reply
        found = ask(PromQL(f"http://127.0.0.1:{server.server_port}"))
    assert told in found.why
    assert found.unseen == found.why
    assert len(server.asked) == 1, "no redirect is followed, and a server that does not answer is not asked on"


def test_nobody_there() -> None:
    with serving() as server:
        port = server.server_port
    assert "does not answer (" in ask(PromQL(f"http://127.0.0.1:{port}")).why


def test_a_token_goes_along(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("metrics-token\n")
    heard: list[str | None] = []

    def say(handler: Handler) -> None:
        heard.append(handler.headers["Authorization"])
        handler.say(200, vector())

    with serving() as server:
        server.other = say
        assert ask(PromQL(f"http://127.0.0.1:{server.server_port}", token)).why == ""
    assert heard == ["Bearer metrics-token"] * len(QUERIES)


@pytest.mark.parametrize(("metrics", "token"), [("a.example.org", None), (None, "file"), ("https://a", "no-such-file")])
def test_mistakes_are_told_before_anything_is_asked(metrics: str | None, token: str | None, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--metrics"):
        of_the_cluster(
            "nowhere", tmp_path / "none", metrics=metrics, metrics_token=Path(token) if token is not None else None
        )


def test_every_question_parses_and_its_series_are_those_of_the_alerts() -> None:
    for query in QUERIES:
        parsed(query)
    from stack_objects import objects
    from stack_samples import changed

    rules = str([it for it in objects(changed()) if it["kind"] == "PrometheusRule"])
    for series in ("cnpg_backends_total", "cnpg_pgbouncer_pools_maxwait", "cnpg_pg_replication_lag"):
        assert series in rules
    for series in ("cnpg_pg_replication_is_wal_receiver_up", "dragonfly_connected_replica_lag_records"):
        assert series in rules
    assert load(changed())
