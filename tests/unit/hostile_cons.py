"""Hostile settings of consumers: (key changed, value, key reported, part of the message, risk).

`CASES` change the stack `infra`, which makes services and is made to consume as well; `APPS_CASES` change `apps`.
"""

from typing import Any

from stack_samples import GONE

PRODUCER = "consumers.producer"
LATENCY = "consumers.latency"
NO_CLIENTS = {"producer": "apps"}  # a stack that makes nothing: enough to look at the other keys


def latency(**settings: Any) -> dict[str, Any]:
    return {**NO_CLIENTS, "latency": {"namespace": "harbor", **settings}}


CASES: list[tuple[str, Any, str, str, str | None]] = [
    ("consumers", {}, PRODUCER, "is missing", None),
    ("consumers", None, "consumers", "must be a mapping", None),
    ("consumers", "apps", "consumers", "must be a mapping", None),
    ("consumers", ["apps"], "consumers", "must be a mapping", None),
    ("consumers", {"producers": "apps"}, "consumers.producers", "did you mean `producer`?", None),
    ("consumers", {"producer": ""}, PRODUCER, "lower-case", None),
    ("consumers", {"producer": None}, PRODUCER, "must be text", None),
    ("consumers", {"producer": ["apps"]}, PRODUCER, "must be text", None),
    ("consumers", {"producer": "../apps"}, PRODUCER, "lower-case", None),
    ("consumers", {"producer": "APPS"}, PRODUCER, "lower-case", None),
    ("consumers", {"producer": "nowhere"}, PRODUCER, "no stack `nowhere`", None),
    ("consumers", {"producer": "infar"}, PRODUCER, "did you mean `infra`?", None),
    ("consumers", {"producer": "infra"}, PRODUCER, "is a stack of this very cluster (infra)", None),
    ("consumers", {"producer": "apps"}, PRODUCER, "makes no services", None),
    ("consumers", {"producer": "sandbox"}, "platform.peers", "must hold sandbox", None),
    ("consumers", {"producer": "sandbox"}, PRODUCER, "must have infra among its platform.peers", None),
    ("consumers", {**NO_CLIENTS, "password": "x"}, "consumers.password", "unknown key", None),
    ("consumers", {**NO_CLIENTS, "latency": {}}, f"{LATENCY}.namespace", "is missing", "DFLY-PERF-001"),
    ("consumers", latency(namespace="*"), f"{LATENCY}.namespace", "lower-case", "DFLY-PERF-001"),
    ("consumers", latency(schedule="0 */5 * * * *"), f"{LATENCY}.schedule", "has 6 fields", "DFLY-PERF-001"),
    ("consumers", latency(schedule="0 0 30 2 *"), f"{LATENCY}.schedule", "never fires", "DFLY-PERF-001"),
    ("consumers", latency(pause_ms=0), f"{LATENCY}.pause_ms", "must be at least", "DFLY-PERF-001"),
    ("consumers", latency(instances="cache"), f"{LATENCY}.instances", "must be a list", None),
    ("consumers", latency(instances=["*"]), f"{LATENCY}.instances[0]", "a letter", None),
    ("consumers", latency(instance="cache"), f"{LATENCY}.instance", "did you mean `instances`?", None),
]

APPS_CASES: list[tuple[str, Any, str, str, str | None]] = [
    ("platform.cni", "generic", "platform.cni", "must be cilium", "DFLY-SEC-001"),
    ("platform.cni", "generic", "platform.peers", "must be empty with `cni: generic`", None),
    ("platform.cni_version", "1.15", "platform.cni_version", "must be at least 1.16", None),
    ("platform.peers", [], "platform.peers", "must hold infra", None),
    ("platform.peers", ["other"], "platform.peers", "must hold infra", None),
    ("platform.cluster", "infra", PRODUCER, "is a stack of this very cluster (infra)", None),
    ("platform.cluster", "app", PRODUCER, "must have app among its platform.peers", None),
    ("platform.context", "infra", "platform.context", "must be another than that of the producer", None),
    ("consumers", GONE, "dragonfly", "makes services, or consumes them, or both", None),
    ("consumers.producer", "sandbox", "platform.peers", "must hold sandbox", None),
    ("consumers.producer", "apps", PRODUCER, "is a stack of this very cluster (apps)", None),
    ("consumers.producer", GONE, PRODUCER, "is missing", None),
    (f"{LATENCY}.namespace", "synergyflow", f"{LATENCY}.namespace", "must be a client of one of", "DFLY-PERF-001"),
    (f"{LATENCY}.namespace", "harbor", f"{LATENCY}.namespace", "on this cluster: gitlab-system", "DFLY-PERF-001"),
    (
        LATENCY,
        {"namespace": "gitlab-system", "instances": ["cache"]},
        f"{LATENCY}.instances[0]",
        "must be an instance that gitlab-system may use: dragonfly, dragonfly-queue",
        "DFLY-PERF-001",
    ),
    (
        LATENCY,
        {"namespace": "gitlab-system", "instances": ["dragonfly", "dragonfly"]},
        f"{LATENCY}.instances[1]",
        "is named twice",
        None,
    ),
    ("operators", {}, "operators", "is read only where the stack has `dragonfly` or `cnpg`", None),
    ("aws", {"account": "1"}, "aws", "is read only where the stack has `cnpg`", None),
    ("dragonfly", None, "dragonfly", "must be a mapping", None),
    ("cnpg", None, "cnpg", "leaves the key out", None),
]
