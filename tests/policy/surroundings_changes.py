"""Changes of what surrounds the services in this repository's stacks, for the kill matrix."""

from collections.abc import Callable, Mapping
from typing import Any

from kill import Change, Kill, Properties, add, edit

CACHE = ("Dragonfly", "dragonfly-system/dragonfly")
CLUSTER = ("Cluster", "databases/shared-postgres")
POOLER = ("Pooler", "databases/harbor-pooler")
STORE = ("ObjectStore", "databases/shared-postgres")
BACKUP = ("ScheduledBackup", "databases/shared-postgres")
CACHE_SECRET = ("ExternalSecret", "dragonfly-system/dragonfly-auth")
PROBE_SECRET = ("ExternalSecret", "gitlab-system/dragonfly-latency-password")
ROLE_SECRET = ("ExternalSecret", "databases/shared-postgres-role-harbor")
WRITER_SECRET = ("ExternalSecret", "databases/shared-postgres-backup-writer")
CACHE_MONITOR = ("PodMonitor", "dragonfly-system/dragonfly")
INSTANCES = ("PodMonitor", "databases/shared-postgres-instances")
POOLERS = ("PodMonitor", "databases/shared-postgres-poolers")
ALERTS = ("PrometheusRule", "databases/shared-postgres")
CACHE_TRAFFIC = ("CiliumNetworkPolicy", "dragonfly-system/dragonfly-traffic")
INSTANCE_TRAFFIC = ("CiliumNetworkPolicy", "databases/shared-postgres-instances")
DFLY_TRAFFIC = ("CiliumNetworkPolicy", "dragonfly-operator-system/dragonfly-operator-traffic")
CNPG_TRAFFIC = ("CiliumNetworkPolicy", "cnpg-system/cloudnative-pg-traffic")
PLUGIN_TRAFFIC = ("CiliumNetworkPolicy", "cnpg-system/barman-cloud-traffic")
DFLY = ("Release", "operators-release-dragonfly")
CNPG = ("Release", "operators-release-cnpg")
PLUGIN = ("Release", "operators-release-barman")

Row = tuple[str, Change] | tuple[str, Change, Mapping[str, str]]


def spec(resource: tuple[str, str], change: Callable[[Properties], object]) -> Change:
    return edit(*resource, lambda it: change(it["spec"]))


def values(release: tuple[str, str], change: Callable[[Properties], object]) -> Change:
    return edit(*release, lambda it: change(it["values"]))


def annotate(resource: tuple[str, str], **annotations: str) -> Change:
    written = {key.replace("_", "/", 1): value for key, value in annotations.items()}
    return edit(*resource, lambda it: it["metadata"].setdefault("annotations", {}).update(written))


def without_rules(traffic: tuple[str, str], direction: str, about: str) -> Change:
    """The policy without its rules that mention something."""

    def change(it: Properties) -> None:
        it["spec"][direction] = [rule for rule in it["spec"][direction] if about not in str(rule)]

    return edit(*traffic, change)


def expression(alert: str, change: Callable[[str], str]) -> Change:
    def apply(it: Properties) -> None:
        for group in it["spec"]["groups"]:
            for rule in group["rules"]:
                if rule.get("alert") == alert:
                    rule["expr"] = change(rule["expr"])

    return edit(*ALERTS, apply)


def without_alerts(*names: str) -> Change:
    def apply(it: Properties) -> None:
        for group in it["spec"]["groups"]:
            group["rules"] = [rule for rule in group["rules"] if rule.get("alert") not in names]

    return edit(*ALERTS, apply)


def manifest(kind: str, name: str, namespace: str, body: Mapping[str, Any], api: str = "v1") -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **body}


def budget(name: str, namespace: str, **labels: str) -> Change:
    found = {key.replace("_", "/", 1): value for key, value in labels.items()}
    body = {"spec": {"maxUnavailable": 1, "selector": {"matchLabels": found}}}
    return add(manifest("PodDisruptionBudget", name, namespace, body, "policy/v1"))


def cases(stack: str, groups: Mapping[str, list[Row]]) -> list[Kill]:
    """Rows by rule, as cases of one stack."""
    return [Kill(stack, rule, row[0], row[1], *row[2:]) for rule, rows in groups.items() for row in rows]
