"""Runs the steps of one probe side by side and prints one line of JSON, in the log and as the termination message.

`PROBE_STEPS` is a JSON list of steps; each has a `kind` and what that kind asks for. Secrets are in the environment,
steps name the variables; no value of one is ever in a result. Exit code: 0 whatever was found, 2 for steps that are
none.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from seawall.qa.probes import load, postgres, reach, redis

MARK = "seawall-probe/v1"
MESSAGE = Path("/dev/termination-log")
LONGEST_MESSAGE = 4096
"""Bytes of a termination message that the kubelet keeps; a longer result is in the log alone."""

Step = Callable[[Mapping[str, Any], Mapping[str, str]], dict[str, Any]]
KINDS: Mapping[str, Step] = {
    "dns": lambda step, _: reach.dns(step),
    "tcp": lambda step, _: reach.tcp(step),
    "metrics": lambda step, _: reach.metrics(step),
    "redis-ping": redis.step,
    "redis-write": redis.step,
    "redis-read": redis.step,
    "postgres": postgres.sign_in,
    "postgres-prepared": postgres.prepared,
    "postgres-load": load.step,
    "postgres-wait": load.waiting,
}


def results(steps: list[Mapping[str, Any]], secrets: Mapping[str, str]) -> list[dict[str, Any]]:
    """What each step found, in order."""
    with ThreadPoolExecutor(max_workers=max(1, min(8, len(steps)))) as threads:
        return list(threads.map(lambda step: _one(step, secrets), steps))


def _one(step: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    try:
        return KINDS[str(step["kind"])](step, secrets)
    except Exception as error:  # a mistake of ours in one step must not cost the results of the others
        return {"outcome": "mistake", "why": type(error).__name__}


def main(given: Mapping[str, str], message: Path = MESSAGE) -> int:
    """Runs what `PROBE_STEPS` says; the exit code."""
    try:
        steps = json.loads(given["PROBE_STEPS"])
        known = isinstance(steps, list) and all(isinstance(it, dict) and it.get("kind") in KINDS for it in steps)
    except (KeyError, ValueError):
        known = False
    if not known:
        print("PROBE_STEPS must be a JSON list of steps", file=sys.stderr)
        return 2
    text = json.dumps({"probe": MARK, "results": results(steps, given)}, separators=(",", ":"))
    print(text, flush=True)
    if len(text.encode()) <= LONGEST_MESSAGE and message.exists():
        message.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    # As the first process of a container it would otherwise not hear that it is to end.
    signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))
    sys.exit(main(os.environ))
