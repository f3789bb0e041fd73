"""Few configurations in which any two optional features of the settings meet.

`matrix_features.FEATURES` names the features. What cannot go together is in `IMPOSSIBLE`, with the reason: the settings
refuse it, and a test checks that they do.
"""

import copy
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from matrix_base import BASE, Config
from matrix_features import ACCOUNT, DRAGONFLY, FEATURES, POSTGRES
from pairwise import Choice, Row, cover
from stack_samples import GONE

MOOT: Final[Mapping[Choice, Collection[str]]] = {
    ("services", "one Dragonfly"): (*POSTGRES, *ACCOUNT, "plugin"),
    ("services", "Postgres"): (*DRAGONFLY, "operator metrics"),
    ("store", "own"): ACCOUNT,
    ("store", "own, own authority"): ACCOUNT,
}
"""Features that mean nothing beside a choice."""

_REMOTE = "with `cni: generic` no policy can name another cluster"
IMPOSSIBLE: Final[Mapping[frozenset[Choice], str]] = {
    frozenset(choices.items()): reason
    for reason, several in {
        _REMOTE: [
            *({"cni": "generic", "cache clients": value} for value in ("both", "remote")),
            *({"cni": "generic", "shop clients": value} for value in ("both", "remote")),
        ],
        "only a mesh has global Services": [{"cni": "generic", "global service": "yes"}],
        "clients in other clusters find the service by its global Service": [
            {"global service": "no", "cache clients": value} for value in ("both", "remote")
        ],
        "only Cilium's policies can name hosts": [
            {"cni": "generic", "snapshot": value} for value in ("bucket by keys", "bucket by role")
        ],
        "a release of ours reads it": [
            {"operators": "of others", "operator metrics": "through a proxy"},
            {"operators": "of others", "operator details": "said"},
        ],
        "no chart installs it": [
            *({"operators": value, "plugin": "0.15.0"} for value in ("ours", "ours, placed")),
            {"operator metrics": "through a proxy", "plugin": "0.15.0"},
            {"operator details": "said", "plugin": "0.15.0"},
        ],
        "client certificates are a part of TLS": [
            {"tls": "off", "client certificates": value} for value in ("fetched", "existing")
        ],
        "the probe has no certificate": [
            {"client certificates": value, "latency": probe}
            for value in ("fetched", "existing")
            for probe in ("measured", "tuned")
        ]
        + [
            {"client certificates": value, "latency from afar": probe}
            for value in ("fetched", "existing")
            for probe in ("measured", "tuned")
        ],
        "what is locked stays": [
            {"object lock": value, "bucket protection": "off"}
            for value in ("governance", "governance of some", "compliance")
        ],
        "the bucket is somebody else's": [
            *(
                {"bucket": "existing", "object lock": value}
                for value in ("governance", "governance of some", "compliance")
            ),
            {"bucket": "existing", "bucket days": "said"},
        ],
        "the key is somebody else's": [{"key": "given", "key days": "said"}],
        "admins are of the partition": [{"partition": "china", "object lock": "governance of some"}],
        "KMS keys are of one region": [{"partition": "china", "key": "given"}],
        "neither bucket nor key is made here": [
            {"bucket": "existing", "key": "given", "bucket protection": "off"},
        ],
        "no client in the other cluster uses a Dragonfly": [
            {"latency from afar": probe, **other}
            for probe in ("measured", "tuned")
            for other in (
                {"cache clients": "local"},
                {"services": "Postgres"},
                {"cni": "generic"},
                {"global service": "no"},
            )
        ],
        "it measures from a client on this cluster": [
            {"cache clients": "remote", "latency": probe} for probe in ("measured", "tuned")
        ],
        "a single instance has no standby": [
            {"instances": "1", "replication": value} for value in ("strict", "asynchronous")
        ],
        "only transaction mode cares": [{"pool mode": "session", "prepared statements": "off"}],
    }.items()
    for choices in several
}
"""What cannot go together → why. The settings refuse each of them."""


def config_of(row: Mapping[str, str]) -> Config:
    """The complete configuration of a row; features that it does not name stay as `BASE` has them."""
    config = copy.deepcopy(BASE)
    for feature, value in row.items():
        for path, changed in FEATURES[feature][value].items():
            _set(config, path, changed if changed is GONE else copy.deepcopy(changed))
    config.pop("seawall:consumers", None)
    return config


def consumer_of(row: Mapping[str, str]) -> Config:
    """The configuration of the other cluster's stack, which consumes what `producer` (the row's stack) makes."""
    platform = {**BASE["seawall:platform"], "cluster": "there", "context": "there", "peers": ["here"]}
    consumers = {"producer": "producer"}
    for path, changed in FEATURES["latency from afar"][row["latency from afar"]].items():
        consumers[path.removeprefix("consumers.")] = copy.deepcopy(changed)
    return {
        "pulumi:disable-default-providers": ["*"],
        "seawall:platform": copy.deepcopy(platform),
        "seawall:consumers": consumers,
    }


def write_producer(row: Mapping[str, str], project: Path) -> None:
    """Writes the row's stack file where `consumer_of` expects it."""
    (project / "Pulumi.producer.yaml").write_text(yaml.safe_dump({"config": config_of(row)}, sort_keys=False))


def has_consumers(row: Mapping[str, str]) -> bool:
    """Whether clients in the other cluster use anything that the row's stack makes."""
    config = config_of(row)
    dragonflies = config.get("seawall:dragonfly", {"clusters": {}})["clusters"].values()
    postgres = config.get("seawall:cnpg", {"clusters": {}})["clusters"].values()
    applications = (application for cluster in postgres for application in cluster["applications"].values())
    return any("there" in service["clients"] for service in (*dragonflies, *applications))


@cache
def rows() -> Mapping[str, Row]:
    """Name → row: few configurations in which every two values of any two features meet, if they can."""
    found = cover({name: list(values) for name, values in FEATURES.items()}, tuple(IMPOSSIBLE), MOOT)
    return {f"row {number:02}": row for number, row in enumerate(found, start=1)}


def told(row: Row) -> Iterator[str]:
    """What is not the default in a row, for a person who reads a failure."""
    return (f"{name}: {value}" for name, value in row.items() if value != next(iter(FEATURES[name])))


def _set(config: Config, path: str, value: Any) -> None:
    first, *rest = path.split(".")
    *keys, last = [f"seawall:{first}", *rest]
    place = config
    for key in keys:
        if value is GONE and key not in place:
            return
        place = place.setdefault(key, {})
    if value is GONE:
        place.pop(last, None)
    else:
        place[last] = value


LONGEST: Mapping[str, int] = {
    **dict.fromkeys(("web", "login", "far", "farther", "caches", "databases", "metrics", "drills"), 63),
    **dict.fromkeys(("cache", "queue"), 52),
    "main": 40,
    **dict.fromkeys(("shop", "single-sign-on"), 39),
}
"""What is renamed → the longest name that it may have."""


def renamed(config: Config, new: Mapping[str, str]) -> Config:
    """Services, applications, namespaces and clients under other names (those of `LONGEST`), the same everywhere."""
    made = copy.deepcopy(config)
    for part in ("dragonfly", "cnpg"):
        section = made.get(f"seawall:{part}")
        if section is not None:
            section["namespace"] = new[section["namespace"]]
            section["clusters"] = {new[key]: it for key, it in section["clusters"].items()}
            for cluster in section["clusters"].values():
                _renamed_cluster(cluster, new)
    observability = made["seawall:platform"]["observability"]
    observability["namespace"] = new[observability["namespace"]]
    return made


def _renamed_cluster(cluster: Config, new: Mapping[str, str]) -> None:
    if "applications" in cluster:
        cluster["applications"] = {new[key]: it for key, it in cluster["applications"].items()}
    for service in (cluster, *cluster.get("applications", {}).values()):
        if "clients" in service:
            service["clients"] = {where: [new[it] for it in names] for where, names in service["clients"].items()}
    if "latency" in cluster:
        cluster["latency"]["namespace"] = new[cluster["latency"]["namespace"]]
    if "restore_drill" in cluster:
        cluster["restore_drill"]["namespace"] = new[cluster["restore_drill"]["namespace"]]
