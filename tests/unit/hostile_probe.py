"""Hostile settings of the probes; see test_settings_refused.py."""

from typing import Any

CACHE = "dragonfly.clusters.dragonfly"
LATENCY = f"{CACHE}.latency"
CERTIFICATES = "cnpg.clusters.shared-postgres.certificates"


def latency(**changes: Any) -> dict[str, Any]:
    return {"namespace": "harbor", **changes}


CASES: list[tuple[str, Any, str, str, str | None]] = [
    # (key changed, value, key reported, part of the message, risk)
    (LATENCY, {}, f"{LATENCY}.namespace", "is missing", "DFLY-PERF-001"),
    (LATENCY, "harbor", LATENCY, "must be a mapping", None),
    (LATENCY, latency(namespace="gitlab-system"), f"{LATENCY}.namespace", "harbor", "DFLY-PERF-001"),
    (LATENCY, latency(namespace="*"), f"{LATENCY}.namespace", "lower-case", "DFLY-PERF-001"),
    (LATENCY, latency(schedule="0 */5 * * * *"), f"{LATENCY}.schedule", "has 6 fields", "DFLY-PERF-001"),
    (LATENCY, latency(schedule="@hourly"), f"{LATENCY}.schedule", "macros are not accepted", "DFLY-PERF-001"),
    (LATENCY, latency(schedule="*/5 * 30 2 *"), f"{LATENCY}.schedule", "never fires", "DFLY-PERF-001"),
    (LATENCY, latency(schedule="0 * * * *"), f"{LATENCY}.schedule", "at most 0:09:00", "DFLY-PERF-001"),
    (LATENCY, latency(schedule="0 4 * * 0"), f"{LATENCY}.schedule", "leaves 7 days", "DFLY-PERF-001"),
    (LATENCY, latency(duration="5m"), f"{LATENCY}.duration", "from 1m to 270s", "DFLY-PERF-001"),
    (LATENCY, latency(duration="10s"), f"{LATENCY}.duration", "from 1m to 270s", "DFLY-PERF-001"),
    (LATENCY, latency(duration="4 minutes"), f"{LATENCY}.duration", "time span", "DFLY-PERF-001"),
    (LATENCY, latency(duration=240), f"{LATENCY}.duration", "text", "DFLY-PERF-001"),
    (LATENCY, latency(pause_ms=0), f"{LATENCY}.pause_ms", "must be at least", "DFLY-PERF-001"),
    (LATENCY, latency(pause_ms=1), f"{LATENCY}.pause_ms", "must be at least 50", "DFLY-PERF-001"),
    (LATENCY, latency(intra_cluster_ms=-10), f"{LATENCY}.intra_cluster_ms", "must be at least", "DFLY-PERF-001"),
    (LATENCY, latency(intra_cluster_ms=0), f"{LATENCY}.intra_cluster_ms", "must be at least", "DFLY-PERF-001"),
    (LATENCY, latency(intra_cluster_ms="10ms"), f"{LATENCY}.intra_cluster_ms", "whole number", "DFLY-PERF-001"),
    (LATENCY, latency(cross_cluster_ms=0.02), f"{LATENCY}.cross_cluster_ms", "whole number", "DFLY-PERF-001"),
    (LATENCY, latency(cross_cluster_ms=5), f"{LATENCY}.cross_cluster_ms", "at least intra_cluster_ms", "DFLY-PERF-001"),
    (LATENCY, latency(image="python"), f"{LATENCY}.image", "must be an image", "DFLY-PERF-001"),
    (LATENCY, latency(image="docker.io/python:latest"), f"{LATENCY}.image", "which version", "DFLY-PERF-001"),
    (LATENCY, latency(password="hunter2"), f"{LATENCY}.password", "unknown key", None),
    (LATENCY, latency(thresholds={}), f"{LATENCY}.thresholds", "unknown key", None),
    (CERTIFICATES, {"days_left": 14}, f"{CERTIFICATES}.days_left", "must be at most 6", "CNPG-SEC-002"),
    (CERTIFICATES, {"days_left": 0}, f"{CERTIFICATES}.days_left", "must be at least 1", "CNPG-SEC-002"),
    (CERTIFICATES, {"schedule": "0 4 * * *"}, f"{CERTIFICATES}.schedule", "at most 12 hours", "CNPG-SEC-002"),
    (CERTIFICATES, {"schedule": "0 */30 * * * *"}, f"{CERTIFICATES}.schedule", "has 6 fields", "CNPG-SEC-002"),
    (CERTIFICATES, {"duration": "1h"}, f"{CERTIFICATES}.duration", "from 1m to 1770s", "CNPG-SEC-002"),
    (CERTIFICATES, {"image": "python:3"}, f"{CERTIFICATES}.image", "must be an image", "CNPG-SEC-002"),
    (CERTIFICATES, {"enabled": False}, f"{CERTIFICATES}.enabled", "unknown key", None),
]
