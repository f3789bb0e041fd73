"""Many clients of one pooler at once: who is answered, who fails, how long they wait, and what the server has open."""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from seawall.qa.probes import postgres

WORK = "SELECT pg_sleep(0.02)"
SERVER = (
    "SELECT count(*) FILTER (WHERE backend_type = 'client backend'), current_setting('max_connections') "
    "FROM pg_stat_activity"
)
"""Every role may count the sessions of all."""
PATIENCE_S = 60
"""What a client waits for one answer: in the queue of a pool as well."""
STACK_BYTES = 512 * 1024


class _Seen:
    """What the clients saw together."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.signed_in = 0
        self.answers = 0
        self.longest = 0.0
        self.failures: Counter[str] = Counter()
        self.server = 0
        self.limit = 0

    def failed(self, why: str) -> None:
        with self.lock:
            self.failures[why[:80]] += 1


def step(given: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """The step `postgres-load`: as `postgres`, with `clients` and `duration` in seconds."""
    seen = _Seen()
    before = threading.stack_size(STACK_BYTES)
    try:
        end = time.monotonic() + float(given["duration"])
        calm = {**given, "patience": PATIENCE_S}
        works = [
            threading.Thread(target=_client, args=(calm, secrets, end, seen)) for _ in range(int(given["clients"]))
        ]
        works.append(threading.Thread(target=_watch, args=(calm, secrets, end, seen)))
        for work in works:
            work.start()
        for work in works:
            work.join()
    finally:
        threading.stack_size(before)
    return {
        "outcome": "loaded",
        "signed_in": seen.signed_in,
        "answers": seen.answers,
        "longest_s": round(seen.longest, 2),
        "failed": sum(seen.failures.values()),
        "failures": dict(seen.failures.most_common(3)),
        "server": seen.server,
        "limit": seen.limit,
    }


def _client(given: Mapping[str, Any], secrets: Mapping[str, str], end: float, seen: _Seen) -> None:
    made, told = postgres.opened(given, secrets)
    if made is None:
        seen.failed(f"sign-in: {told['outcome']} {told.get('why', '')}".strip())
        return
    with seen.lock:
        seen.signed_in += 1
    try:
        while time.monotonic() < end:
            begun = time.monotonic()
            made.query(WORK)
            with seen.lock:
                seen.answers += 1
                seen.longest = max(seen.longest, time.monotonic() - begun)
    except (postgres.ServerError, postgres.UnusableError, OSError) as error:
        seen.failed(f"query: {error}")
    finally:
        made.close()


def _watch(given: Mapping[str, Any], secrets: Mapping[str, str], end: float, seen: _Seen) -> None:
    made, told = postgres.opened(given, secrets)
    if made is None:
        seen.failed(f"watching: {told['outcome']}")
        return
    try:
        while time.monotonic() < end:
            ((server, limit),) = made.query(SERVER)
            seen.server, seen.limit = max(seen.server, int(server or 0)), int(limit or 0)
            time.sleep(0.5)
    except (postgres.ServerError, postgres.UnusableError, OSError) as error:
        seen.failed(f"watching: {error}")
    finally:
        made.close()


WAITERS = 8
APART_S = 15.0
"""PgBouncer sends a client away that has waited for 2 minutes. So few seconds apart, one of them always waits long."""


def waiting(given: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """The step `postgres-wait`: as `postgres`, with `duration` in seconds: a few clients that ask, wait for as long as
    it takes, and come back when they are sent away.
    """
    seen = _Seen()
    end = time.monotonic() + float(given["duration"])
    calm = {**given, "patience": float(given["duration"])}
    works = [
        threading.Thread(target=_waiter, args=(calm, secrets, end, seen, number * APART_S), daemon=True)
        for number in range(WAITERS)
    ]
    for work in works:
        work.start()
    for work in works:
        work.join(max(0.0, end + 5 - time.monotonic()))
    return {"outcome": "waited", "answers": seen.answers, "failed": sum(seen.failures.values())}


def _waiter(given: Mapping[str, Any], secrets: Mapping[str, str], end: float, seen: _Seen, first: float) -> None:
    time.sleep(min(first, max(0.0, end - time.monotonic())))
    while time.monotonic() < end:
        made, told = postgres.opened(given, secrets)
        if made is None:
            seen.failed(str(told["outcome"]))
        else:
            try:
                while time.monotonic() < end:
                    made.query("SELECT 1")
                    with seen.lock:
                        seen.answers += 1
                    time.sleep(0.5)
            except (postgres.ServerError, postgres.UnusableError, OSError) as error:
                seen.failed(str(error))
            finally:
                made.close()
        time.sleep(0.5)
