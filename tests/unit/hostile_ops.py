"""Hostile settings of the operators: key changed, value, key reported, part of the message, risk; on stack `infra`."""

from typing import Any

from stack_samples import GONE

DRAGONFLY = "operators.dragonfly"
CNPG = "operators.cnpg"

CASES: list[tuple[str, Any, str, str, str | None]] = [
    # versions and combinations that are not in the table
    (f"{DRAGONFLY}.version", "1.7.0", f"{DRAGONFLY}.version", "behaviour is known: 1.6.1", "DFLY-TECH-002"),
    (f"{DRAGONFLY}.version", "latest", f"{DRAGONFLY}.version", "a version like 1.6.1", "DFLY-TECH-002"),
    (f"{DRAGONFLY}.version", 1.6, f"{DRAGONFLY}.version", "in quotes", "DFLY-TECH-002"),
    (f"{CNPG}.version", "1.31.0", f"{CNPG}.version", "behaviour is known: 1.30.0", None),
    (f"{CNPG}.plugin", "0.12.0", f"{CNPG}.plugin", "must go with operator 1.30.0", None),
    (f"{CNPG}.plugin", "0.15.0", f"{CNPG}.plugin", "that a known chart installs: 0.13.0, 0.14.0", None),
    (f"{CNPG}.plugin", None, f"{CNPG}.plugin", "must be", None),
    # replicas: one has no stand-by, more than the nodes stay Pending
    (f"{DRAGONFLY}.replicas", 1, f"{DRAGONFLY}.replicas", "must be at least 2", "DFLY-TECH-002"),
    (f"{DRAGONFLY}.replicas", 2.5, f"{DRAGONFLY}.replicas", "whole number", "DFLY-TECH-002"),
    (f"{DRAGONFLY}.replicas", 4, f"{DRAGONFLY}.replicas", "at most platform.nodes.count (3)", "DFLY-TECH-002"),
    (f"{CNPG}.replicas", 0, f"{CNPG}.replicas", "must be at least", None),
    (f"{CNPG}.replicas", True, f"{CNPG}.replicas", "must be a number", None),
    (f"{CNPG}.replicas", 50, f"{CNPG}.replicas", "must be at most 5", None),
    (f"{CNPG}.replicas", 5, f"{CNPG}.replicas", "at most platform.nodes.count (3)", None),
    # whether it is ours
    (f"{DRAGONFLY}.managed", "yes", f"{DRAGONFLY}.managed", "true or false", None),
    (f"{CNPG}.managed", None, f"{CNPG}.managed", "true or false", None),
    (f"{CNPG}.managed", 1, f"{CNPG}.managed", "true or false", None),
    (
        DRAGONFLY,
        {"managed": False, "metrics_reader": "vmagent"},
        f"{DRAGONFLY}.metrics_reader",
        "only with `managed: true`",
        None,
    ),
    (
        CNPG,
        {"managed": False, "plugin_resources": {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"cpu": 1}}},
        f"{CNPG}.plugin_resources.limits.memory",
        "is missing",
        None,
    ),
    (CNPG, {"managed": False, "tolerations": []}, f"{CNPG}.tolerations", "only with `managed: true`", None),
    # values that today's releases set, and that no chart reads there
    (f"{DRAGONFLY}.podDisruptionBudget", {"enabled": True}, f"{DRAGONFLY}.podDisruptionBudget", "unknown key", None),
    (f"{DRAGONFLY}.securityContext", {}, f"{DRAGONFLY}.securityContext", "unknown key", None),
    (f"{DRAGONFLY}.values", {"crds": {"install": False}}, f"{DRAGONFLY}.values", "unknown key", None),
    (f"{CNPG}.replicaCount", 2, f"{CNPG}.replicaCount", "did you mean `replicas`?", None),
    (f"{CNPG}.crds", {"create": False}, f"{CNPG}.crds", "unknown key", None),
    (f"{CNPG}.hostNetwork", True, f"{CNPG}.hostNetwork", "unknown key", None),
    # where it runs
    (f"{DRAGONFLY}.namespace", "kube-system", f"{DRAGONFLY}.namespace", "belong to Kubernetes", None),
    (f"{CNPG}.namespace", "default", f"{CNPG}.namespace", "belong to Kubernetes", None),
    (f"{CNPG}.namespace", "observability", f"{CNPG}.namespace", "exists already", None),
    (f"{DRAGONFLY}.namespace", "cnpg-system", f"{DRAGONFLY}.namespace", "than operators.cnpg.namespace", None),
    (f"{CNPG}.node_selector", ["nvme"], f"{CNPG}.node_selector", "must be a mapping", None),
    (f"{CNPG}.tolerations", [{"operator": "Exists"}], f"{CNPG}.tolerations[0].key", "is missing", None),
    (
        f"{CNPG}.tolerations",
        [{"key": "a", "effect": "Never"}],
        f"{CNPG}.tolerations[0].effect",
        "NoSchedule",
        None,
    ),
    (
        f"{DRAGONFLY}.resources",
        {"requests": {"cpu": 2, "memory": "1Gi"}, "limits": {"cpu": 1, "memory": "1Gi"}},
        f"{DRAGONFLY}.resources.requests.cpu",
        "at most the limit 1",
        None,
    ),
    (f"{DRAGONFLY}.metrics_reader", "", f"{DRAGONFLY}.metrics_reader", "RFC 1123", None),
    # cert-manager, without which the barman plugin never starts
    ("platform.cert_manager", GONE, "platform.cert_manager.present", "barman plugin", None),
    ("platform.cert_manager", {"present": False}, "platform.cert_manager.present", "install it", None),
]
