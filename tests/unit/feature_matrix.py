"""Every optional feature of the settings, and few configurations in which any two of them meet.

A feature is a name and its values; a value is what it changes in `BASE`, by dotted path (`GONE` takes a key away).
Features are applied in their order, so that a later one may undo an earlier one. What cannot go together is in
`IMPOSSIBLE`, with the reason: the settings refuse it, and a test checks that they do.
"""

import copy
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from pairwise import Choice, Row, cover
from stack_samples import GONE

Config = dict[str, Any]
Changes = Mapping[str, Any]

_IMAGE = "ghcr.io/dragonflydb/dragonfly:v1.34.2"
_RESOURCES = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
_VOLUME = {"cron": "0 */6 * * *", "size": "1Gi", "storage_class": "standard"}
_REASON = "a test of what happens then"
_ROLE = "arn:aws:iam::123456789012:role/cache-snapshots"
_KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

BASE: Final[Config] = {
    "pulumi:disable-default-providers": ["*"],
    "seawall:platform": {
        "cluster": "here",
        "context": "here",
        "peers": ["there"],
        "cni": "cilium",
        "cni_version": "1.18",
        "nodes": {"count": 3},
        "secret_store": {"kind": "ClusterSecretStore", "name": "store"},
        "cert_manager": {"present": True},
        "observability": {"namespace": "metrics", "scraper_labels": {"app.kubernetes.io/name": "vmagent"}},
    },
    "seawall:aws": {
        "account": "123456789012",
        "region": "eu-central-1",
        "credentials": "external_secret",
        "kms_admins": ["arn:aws:iam::123456789012:role/admin"],
        "buckets": {"backups": {}},
    },
    "seawall:operators": {"dragonfly": {}, "cnpg": {}},
    "seawall:dragonfly": {
        "namespace": "caches",
        "clusters": {
            "cache": {
                "purpose": "cache",
                "image": _IMAGE,
                "replicas": 3,
                "resources": _RESOURCES,
                "maxmemory_bytes": 268435456,
                "snapshot": _VOLUME,
                "auth_secret": {"name": "cache-auth", "path": "here/cache", "property": "password"},
                "clients": {"this": ["web"], "there": ["far"]},
                "global_service": {"name": "cache-global", "exported_from": "here"},
            },
            "queue": {
                "purpose": "queue",
                "image": _IMAGE,
                "replicas": 2,
                "resources": _RESOURCES,
                "maxmemory_bytes": 268435456,
                "snapshot": _VOLUME,
                "auth_secret": {"name": "queue-auth", "path": "here/queue", "property": "password"},
                "clients": {"this": ["web"]},
            },
        },
    },
    "seawall:cnpg": {
        "namespace": "databases",
        "clusters": {
            "main": {
                "image": "ghcr.io/cloudnative-pg/postgresql:16.8",
                "instances": 3,
                "storage": {"storage_class": "standard", "data": "2Gi", "wal": "2Gi"},
                "resources": _RESOURCES,
                "parameters": {"max_connections": "120", "shared_buffers": "128MB"},
                "backup": {"bucket": "backups", "prefix": "main", "schedule": "0 30 1 * * *", "retention": "7d"},
                "validation": {"schedule": "30 2 * * *", "max_backup_age": "26h", "rpo": "10m"},
                "secrets": {
                    "roles": "here/postgres/{app}",
                    "backup_writer": "here/postgres/writer",
                    "backup_reader": "here/postgres/reader",
                    "ca": "here/postgres/ca",
                },
                "applications": {
                    "shop": {
                        "pool_mode": "transaction",
                        "instances": 2,
                        "default_pool_size": 5,
                        "clients": {"this": ["web"], "there": ["far"]},
                    },
                    "single-sign-on": {
                        "pool_mode": "session",
                        "instances": 2,
                        "default_pool_size": 8,
                        "clients": {"this": ["login"]},
                    },
                },
            },
        },
    },
}
"""A small stack with both services and clients in both clusters."""

_CACHE = "dragonfly.clusters.cache"
_MAIN = "cnpg.clusters.main"
_SHOP = f"{_MAIN}.applications.shop"
_OPERATORS = ("operators.dragonfly", "operators.cnpg")


def _each(paths: tuple[str, ...], **values: Any) -> Changes:
    return {f"{path}.{key}": value for path in paths for key, value in values.items()}


def _bucket(**values: Any) -> Config:
    place = {"name": "snapshots", "prefix": "cache", "region": "eu-central-1"}
    return {"cron": "0 */6 * * *", "bucket": {**place, **values}}


_KEYS = {"secret": "cache-snapshots", "path": "here/snapshots"}
_OWN_STORE: Changes = {
    f"{_MAIN}.backup.endpoint": "https://minio.example.org:9000",
    f"{_MAIN}.backup.encryption": "AES256",
    f"{_MAIN}.secrets.backup_writer": "here/postgres/writer",
    f"{_MAIN}.secrets.backup_reader": "here/postgres/reader",
    "aws": GONE,
}
_OWN_AUTHORITY: Changes = {f"{_MAIN}.backup.endpoint_ca": {"secret": "minio-ca"}}

Features = dict[str, dict[str, Changes]]

PLATFORM: Final[Features] = {
    "cni": {
        "cilium": {},
        "cilium 1.19": {"platform.cni_version": "1.19"},
        "generic": {"platform.cni": "generic", "platform.peers": []},
    },
    "zones": {"none": {}, "three": {"platform.nodes.zones": ["a", "b", "c"]}},
    "secret store": {"of the cluster": {}, "of a namespace": {"platform.secret_store.kind": "SecretStore"}},
    "runbooks": {"in the repository": {}, "published": {"platform.observability.runbooks": "https://docs.example.org"}},
    "nodes": {"real": {}, "simulated": {"platform.simulated": True}},
}
ACCOUNT: Final[Features] = {
    "credentials": {
        "keys": {},
        "irsa": {
            "aws.credentials": "irsa",
            "aws.irsa": {"issuer": "https://oidc.example.org/here"},
            f"{_MAIN}.secrets.backup_writer": GONE,
            f"{_MAIN}.secrets.backup_reader": GONE,
        },
    },
    "bucket": {"new": {}, "existing": {"aws.buckets.backups.existing": True}},
    "key": {"new": {}, "given": {"aws.buckets.backups.kms_key": _KEY}},
    "bucket protection": {"on": {}, "off": {"aws.buckets.backups.deletion_protection": False}},
}
OPERATORS: Final[Features] = {
    "operators": {
        "ours": {},
        "ours, placed": _each(
            _OPERATORS,
            replicas=3,
            priority_class="system-cluster-critical",
            node_selector={"node-role.example.org/infra": "true"},
            tolerations=[{"key": "infra", "effect": "NoSchedule"}],
        ),
        "of others": _each(_OPERATORS, managed=False),
    },
    "operator metrics": {"plain": {}, "through a proxy": {"operators.dragonfly.metrics_reader": "vmagent"}},
    "plugin": {
        "0.14.0": {},
        "0.13.0": {"operators.cnpg.plugin": "0.13.0"},
        "0.15.0": {"operators.cnpg.plugin": "0.15.0"},
    },
}
DRAGONFLY: Final[Features] = {
    "replicas": {"3": {}, "3, budget said": {f"{_CACHE}.min_available": 2}, "2": {f"{_CACHE}.replicas": 2}},
    "placement": {
        "required": {},
        "preferred": {f"{_CACHE}.placement": {"strategy": "preferred_anti_affinity", "reason": _REASON}},
        "spread": {f"{_CACHE}.placement": {"strategy": "topology_spread", "reason": _REASON}},
    },
    "snapshot": {
        "volume": {},
        "none": {f"{_CACHE}.snapshot": GONE},
        "bucket by keys": {f"{_CACHE}.snapshot": _bucket(keys=_KEYS)},
        "bucket by role": {f"{_CACHE}.snapshot": _bucket(role_arn=_ROLE)},
        "own store, world": {
            f"{_CACHE}.snapshot": _bucket(
                keys={"secret": "cache-snapshots"},
                endpoint="s3.example.org:9000",
                egress="world",
                egress_reason=_REASON,
            )
        },
    },
    "acl": {
        "none": {},
        "fetched": {f"{_CACHE}.acl": {"secret": "cache-acl", "path": "here/acl"}},
        "existing": {f"{_CACHE}.acl": {"secret": "cache-acl", "default_user_has_password": True}},
    },
    "tls": {
        "off": {},
        "fetched": {f"{_CACHE}.tls": {"secret": "cache-tls", "path": "here/tls", "ca": {"path": "here/tls-ca"}}},
        "existing": {f"{_CACHE}.tls": {"secret": "cache-tls"}},
    },
    "client certificates": {
        "none": {},
        "fetched": {f"{_CACHE}.tls.client_ca": {"secret": "cache-clients", "path": "here/clients"}},
        "existing": {f"{_CACHE}.tls.client_ca": {"secret": "cache-clients"}},
    },
    "flags": {
        "none": {},
        "today's": {
            f"{_CACHE}.flags": {"default_lua_flags": "allow-undeclared-keys", "cluster_mode": "emulated"},
            f"{_CACHE}.args": ["--hz=50"],
        },
    },
    "cache clients": {
        "both": {},
        "remote": {f"{_CACHE}.clients": {"there": ["far", "farther"]}},
        "local": {f"{_CACHE}.clients": {"this": ["web", "login"]}},
    },
    "global service": {"yes": {}, "no": {f"{_CACHE}.global_service": GONE}},
    "aliases": {"none": {}, "two": {f"{_CACHE}.aliases": ["redis", "valkey"]}},
    "cache protection": {"default": {}, "on": {f"{_CACHE}.deletion_protection": True}},
    "latency": {
        "none": {},
        "measured": {f"{_CACHE}.latency": {"namespace": "web"}},
        "tuned": {
            f"{_CACHE}.latency": {"namespace": "web", "schedule": "*/10 * * * *", "duration": "9m", "pause_ms": 500}
        },
    },
}
POSTGRES: Final[Features] = {
    "instances": {
        "3": {},
        "2": {f"{_MAIN}.instances": 2},
        "1": {f"{_MAIN}.instances": 1, f"{_MAIN}.single_instance_reason": _REASON},
    },
    "replication": {
        "default": {},
        "strict": {f"{_MAIN}.synchronous": {"method": "first", "number": 1, "data_durability": "required"}},
        "asynchronous": {f"{_MAIN}.asynchronous_reason": _REASON},
    },
    "superuser": {
        "off": {},
        "on": {
            f"{_MAIN}.superuser_access": True,
            f"{_MAIN}.superuser_reason": _REASON,
            f"{_MAIN}.secrets.superuser": "here/postgres/superuser",
        },
    },
    "access": {
        "nobody": {},
        "people": {"cnpg.access": {"admins": ["platform-admins"], "viewers": ["developers", "auditors"]}},
    },
    "store": {"aws": {}, "own": _OWN_STORE, "own, own authority": {**_OWN_STORE, **_OWN_AUTHORITY}},
    "backup egress": {
        "by name": {},
        "world": {f"{_MAIN}.backup.egress": "world", f"{_MAIN}.backup.egress_reason": _REASON},
    },
    "backup details": {
        "default": {},
        "all said": {
            f"{_MAIN}.backup.server_name": "former",
            f"{_MAIN}.backup.target": "primary",
            f"{_MAIN}.backup.compression": {"data": "snappy", "wal": "zstd"},
        },
    },
    "drill": {
        "none": {},
        "weekly": {
            f"{_MAIN}.restore_drill": {"namespace": "drills", "schedule": "0 4 * * 0", "max_age": "8d"},
        },
    },
    "former names": {
        "none": {},
        "in the certificate": {f"{_MAIN}.names.old_hosts": ["{app}-pooler.former", "{app}.elsewhere"]},
        "served": {
            f"{_MAIN}.names.old_hosts": ["{app}-pooler.former", "{app}.elsewhere"],
            f"{_MAIN}.names.serve_old_hosts": True,
        },
    },
    "names": {
        "default": {},
        "ours": {f"{_MAIN}.names.pooler": "pool-{app}", f"{_MAIN}.names.role": "app_{app}"},
    },
    "database protection": {"on": {}, "off": {f"{_MAIN}.deletion_protection": False}},
    "pool mode": {"transaction": {}, "session": {f"{_SHOP}.pool_mode": "session"}},
    "prepared statements": {
        "default": {},
        "off": {f"{_SHOP}.max_prepared_statements": 0, f"{_SHOP}.stateless_reason": _REASON},
    },
    "pooler pods": {"2": {}, "3": {f"{_SHOP}.instances": 3}, "1": {f"{_SHOP}.instances": 1}},
    "pools": {"fixed": {}, "with reserve": {f"{_SHOP}.min_pool_size": 2, f"{_SHOP}.reserve_pool_size": 1}},
    "application": {
        "plain": {},
        "with extras": {
            f"{_SHOP}.extensions": ["pg_trgm", "uuid-ossp"],
            f"{_SHOP}.client_changes": ["database.sslmode: verify-full"],
        },
    },
    "shop clients": {
        "both": {},
        "remote": {f"{_SHOP}.clients": {"there": ["far", "farther"]}},
        "local": {f"{_SHOP}.clients": {"this": ["web"]}, f"{_MAIN}.secrets.ca": GONE},
    },
}
STACK: Final[Features] = {
    "services": {
        "both": {},
        "one Dragonfly": {"dragonfly.clusters.queue": GONE, "cnpg": GONE, "operators.cnpg": GONE, "aws": GONE},
        "Postgres": {"dragonfly": GONE, "operators.dragonfly": GONE},
    },
    "latency from afar": {"none": {}, "measured": {"consumers.latency": {"namespace": "far"}}},
}
FEATURES: Final[Features] = {**PLATFORM, **ACCOUNT, **OPERATORS, **DRAGONFLY, **POSTGRES, **STACK}
"""In the order in which they are applied."""

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
        "a release of ours reads it": [{"operators": "of others", "operator metrics": "through a proxy"}],
        "no chart installs it": [
            *({"operators": value, "plugin": "0.15.0"} for value in ("ours", "ours, placed")),
            {"operator metrics": "through a proxy", "plugin": "0.15.0"},
        ],
        "client certificates are a part of TLS": [
            {"tls": "off", "client certificates": value} for value in ("fetched", "existing")
        ],
        "the probe has no certificate": [
            {"client certificates": value, "latency": probe}
            for value in ("fetched", "existing")
            for probe in ("measured", "tuned")
        ]
        + [{"client certificates": value, "latency from afar": "measured"} for value in ("fetched", "existing")],
        "neither bucket nor key is made here": [
            {"bucket": "existing", "key": "given", "bucket protection": "off"},
        ],
        "no client in the other cluster uses a Dragonfly": [
            {"latency from afar": "measured", "cache clients": "local"},
            {"latency from afar": "measured", "services": "Postgres"},
            {"latency from afar": "measured", "cni": "generic"},
            {"latency from afar": "measured", "global service": "no"},
        ],
        "it measures from a client on this cluster": [
            {"cache clients": "remote", "latency": probe} for probe in ("measured", "tuned")
        ],
        "a single instance has no standby": [{"instances": "1", "replication": "strict"}],
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
