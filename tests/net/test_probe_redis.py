"""The probe against a real Redis with a replica, over a wire."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis_server
from namespaces import CLIENT, SERVER, Wire
from rich.console import Console

from seawall.errors import EnvironmentFailure
from seawall.qa.probes.redis import in_sync

PORT, REPLICA = 6379, 6380
Servers = Callable[..., str]


@pytest.fixture
def servers(net: Wire, tmp_path: Path) -> Servers:
    """Starts a master, and a replica when asked; the password."""
    try:
        command = redis_server.command(Console(stderr=True))
    except EnvironmentFailure as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"there is no Redis here: {error}")
    password = secrets.token_hex(16)

    def start(*, replica: bool = False) -> str:
        own = ("--requirepass", password, "--masterauth", password)
        net.start(*command, *redis_server.settings(PORT, SERVER, tmp_path, *own))
        net.until_open(PORT)
        if replica:
            follow = ("--replicaof", f"{SERVER} {PORT}")
            net.start(*command, *redis_server.settings(REPLICA, SERVER, tmp_path, *own, *follow))
            net.until_open(REPLICA)
        return password

    return start


def step(kind: str = "redis-ping", **more: object) -> dict[str, Any]:
    return {"kind": kind, "host": SERVER, "port": PORT, "password": "PASSWORD", **more}


def test_a_client_with_its_password_is_answered(net: Wire, servers: Servers) -> None:
    password = servers()

    [found] = net.probe(step(times=20), secrets={"PASSWORD": password})

    assert (found["outcome"], found["reply"], found["samples"]) == ("open", "PONG", 20)
    assert found["p95_ms"] > 0


def test_no_password_and_a_wrong_one_are_told_apart_and_none_is_shown(net: Wire, servers: Servers) -> None:
    password = servers()
    unsigned = step()
    del unsigned["password"]

    with net.probing(unsigned, step(), secrets={"PASSWORD": "wrong-" + password[:4]}) as running:
        out, err = running.communicate(timeout=60)

    assert '"reply":"NOAUTH"' in out
    assert '"reply":"WRONGPASS"' in out
    assert password[:4] not in out + err


def test_a_denied_client_is_not_taken_for_one_with_a_wrong_password(net: Wire, servers: Servers) -> None:
    password = servers()
    net.route("add", "blackhole", f"{CLIENT}/32")

    [found] = net.probe(step(patience=2), secrets={"PASSWORD": password})

    assert found == {"outcome": "dropped"}


def test_what_answers_but_is_no_redis_is_broken(net: Wire) -> None:
    net.start(
        "python3", "-c", f"import http.server as h; h.test(h.SimpleHTTPRequestHandler, port={PORT}, bind='{SERVER}')"
    )
    net.until_open(PORT)

    [found] = net.probe(step(), secrets={"PASSWORD": "x"})

    assert found["outcome"] == "broken"


def test_writes_are_followed_until_the_replica_has_them_and_read_back(net: Wire, servers: Servers) -> None:
    password = servers(replica=True)

    [wrote] = net.probe(step("redis-write", prefix="k", count=50, replicas=1), secrets={"PASSWORD": password})
    [there] = net.probe(step("redis-read", prefix="k", count=60), secrets={"PASSWORD": password})
    [replica] = net.probe(step("redis-read", prefix="k", count=50, port=REPLICA), secrets={"PASSWORD": password})

    assert (wrote["written"], wrote["replicas"]) == (50, 1)
    assert (there["read"], there["missing"], there["master"]) == (50, 10, True)
    assert (replica["read"], replica["missing"], replica["master"]) == (50, 0, False)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("role:master\r\nconnected_slaves:0\r\n", 0),
        ("slave0:ip=10.0.0.1,port=6379,state=online,offset=5,lag=0\r\nmaster_repl_offset:5\r\n", 1),
        ("slave0:ip=10.0.0.1,port=6379,state=online,offset=4,lag=0\r\nmaster_repl_offset:5\r\n", 0),
        (
            "slave0:ip=10.0.0.1,port=9999,state=stable_sync,lag=0\r\nslave1:ip=10.0.0.2,port=9999,state=full_sync,lag=0",
            1,
        ),
        ("slave0:ip=10.0.0.1,port=9999,state=stable_sync,lag=12\r\n", 0),
        ("slave0:state=wait_bgsave\r\nslave_repl_offset:5\r\n", 0),
    ],
)
def test_only_replicas_that_have_everything_count(text: str, count: int) -> None:
    """Redis says `online`, Dragonfly `stable_sync`."""
    assert in_sync(text) == count
