"""Changes of the Dragonfly instances of this repository's stacks, for the kill matrix."""

from collections.abc import Callable
from typing import Any

from kill import Change, Kill, Properties, add, edit

CACHE = ("Dragonfly", "dragonfly-system/dragonfly")
QUEUE = ("Dragonfly", "dragonfly-system/dragonfly-queue")
PROBE = ("CronJob", "harbor/dragonfly-latency")
REMOTE_PROBE = ("CronJob", "gitlab-system/dragonfly-queue-latency")
LABELS = {"app": "dragonfly", "app.kubernetes.io/name": "dragonfly", "app.kubernetes.io/part-of": "dragonfly"}
HOSTNAME = "kubernetes.io/hostname"


def spec(change: Callable[[dict[str, Any]], object], which: tuple[str, str] = CACHE) -> Change:
    return edit(*which, lambda it: change(it["spec"]))


def arguments(change: Callable[[list[str]], list[str]], which: tuple[str, str] = CACHE) -> Change:
    return spec(lambda it: it.update(args=change(it["args"])), which)


def argument(name: str, value: str, which: tuple[str, str] = CACHE) -> Change:
    """An argument with another value; it is there."""

    def change(given: list[str]) -> list[str]:
        kept = [one for one in given if not one.startswith(f"--{name}=")]
        assert len(kept) == len(given) - 1
        return [*kept, f"--{name}={value}"]

    return arguments(change, which)


def without_argument(name: str, which: tuple[str, str] = CACHE) -> Change:
    return arguments(lambda given: [one for one in given if not one.startswith(f"--{name}=")], which)


def contexts(change: Callable[[dict[str, Any]], object]) -> Change:
    """A promise that the pod and its container both make."""

    def apply(it: Properties) -> None:
        change(it["spec"]["podSecurityContext"])
        change(it["spec"]["containerSecurityContext"])

    return edit(*CACHE, apply)


def container(change: Callable[[dict[str, Any]], object]) -> Change:
    return spec(lambda it: change(it["containerSecurityContext"]))


def anti_affinity(change: Callable[[dict[str, Any]], object]) -> Change:
    rules = "requiredDuringSchedulingIgnoredDuringExecution"
    return spec(lambda it: change(it["affinity"]["podAntiAffinity"][rules][0]))


def selecting(**labels: str) -> Change:
    return anti_affinity(lambda it: it["labelSelector"].update(matchLabels=labels))


def spread(**changes: Any) -> Change:
    """A spread over nodes in the place of the affinity."""
    constraint = {
        "maxSkew": 1,
        "minDomains": 3,
        "topologyKey": HOSTNAME,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "dragonfly"}},
        **changes,
    }
    given = {key: value for key, value in constraint.items() if value is not None}

    def apply(it: dict[str, Any]) -> None:
        del it["affinity"]
        it["topologySpreadConstraints"] = [given]

    return spec(apply)


def preferred(it: dict[str, Any]) -> None:
    [term] = it["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    it["affinity"]["podAntiAffinity"] = {
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term}]
    }


def annotation(key: str, value: str | None, which: tuple[str, str] = CACHE) -> Change:
    def apply(it: Properties) -> None:
        if value is None:
            del it["metadata"]["annotations"][key]
        else:
            it["metadata"]["annotations"][key] = value

    return edit(*which, apply)


def service(name: str, **more: Any) -> Change:
    return add(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": "dragonfly-system"},
            "spec": {"selector": LABELS, "ports": [{"name": "redis", "port": 6379}], **more},
        }
    )


def workload(kind: str, name: str, labels: dict[str, str]) -> Change:
    context = {
        "runAsNonRoot": True,
        "runAsUser": 999,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    pod = {"containers": [{"name": "main", "image": "registry.example.org/tool:v1.0.0", "securityContext": context}]}
    return add(
        {
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": "dragonfly-system"},
            "spec": {
                "replicas": 1,
                "serviceName": name,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        }
    )


def infra(rule: str, *rows: tuple[str, Change]) -> list[Kill]:
    """Changes of `infra` that one rule catches alone."""
    return [Kill("infra", rule, what, change) for what, change in rows]


def snapshot(**changes: Any) -> Change:
    """Other snapshots of the cache; `None` takes a field away."""

    def apply(it: dict[str, Any]) -> None:
        it["snapshot"] = {key: value for key, value in {**it["snapshot"], **changes}.items() if value is not None}

    return spec(apply)
