"""Every optional feature of the settings, by name, with the values that it may have.

A value is what it changes in `matrix_base.BASE`, by dotted path (`GONE` takes a key away). The first value of each
feature changes nothing. Features are applied in their order, so that a later one may undo an earlier one.
"""

from collections.abc import Mapping
from typing import Any, Final

from matrix_base import ADMIN, RESOURCES, Config
from stack_samples import GONE

Changes = Mapping[str, Any]
Features = dict[str, dict[str, Changes]]

_REASON = "a test of what happens then"
_ROLE = "arn:aws:iam::123456789012:role/cache-snapshots"
_KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

_CACHE = "dragonfly.clusters.cache"
_MAIN = "cnpg.clusters.main"
_SHOP = f"{_MAIN}.applications.shop"
_OPERATORS = ("operators.dragonfly", "operators.cnpg")


def _each(paths: tuple[str, ...], **values: Any) -> Changes:
    return {f"{path}.{key}": value for path in paths for key, value in values.items()}


def _unprotected(path: str) -> Changes:
    return _each((path,), deletion_protection=False, unprotected_reason=_REASON)


def _bucket(**values: Any) -> Config:
    place = {"name": "snapshots", "prefix": "cache", "region": "eu-central-1"}
    return {"cron": "0 */6 * * *", "file": "cache", "bucket": {**place, **values}}


_KEYS = {"secret": "cache-snapshots", "path": "here/snapshots", "access_key": "id", "secret_key": "key"}
_PROBE = {"schedule": "*/10 * * * *", "duration": "9m", "image": "registry.example.org/python:3.13.1"}
_EXPECTED = {"intra_cluster_ms": 5, "cross_cluster_ms": 30}
_STRICT = {"method": "first", "number": 1, "max_standby_names": 1, "data_durability": "required"}
_CLIENT_CA = {"secret": "cache-clients", "path": "here/clients", "property": "cert", "key": "cert"}
_OWN_STORE: Changes = {
    f"{_MAIN}.backup.endpoint": "https://minio.example.org:9000",
    f"{_MAIN}.backup.encryption": "AES256",
    f"{_MAIN}.secrets.backup_writer": "here/postgres/writer",
    f"{_MAIN}.secrets.backup_reader": "here/postgres/reader",
    "aws": GONE,
}
_OWN_AUTHORITY: Changes = {
    f"{_MAIN}.backup.endpoint_ca": {"secret": "minio-ca", "key": "ca.pem"},
    f"{_MAIN}.secrets.endpoint_ca": "here/minio",
    f"{_MAIN}.validation.tool": "mc",
}

PLATFORM: Final[Features] = {
    "cni": {
        "cilium": {},
        "cilium 1.19": {"platform.cni_version": "1.19"},
        "generic": {
            "platform.cni": "generic",
            "platform.peers": [],
            f"{_MAIN}.backup.egress": "world",
            f"{_MAIN}.backup.egress_reason": _REASON,
        },
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
    "bucket protection": {"on": {}, "off": _unprotected("aws.buckets.backups")},
    "object lock": {
        "none": {},
        "governance": {"aws.buckets.backups.object_lock": {"mode": "GOVERNANCE", "days": 20}},
        "governance of some": {
            "aws.buckets.backups.object_lock": {"mode": "GOVERNANCE", "days": 20, "admins": [ADMIN]}
        },
        "compliance": {"aws.buckets.backups.object_lock": {"mode": "COMPLIANCE", "days": 7, "reason": _REASON}},
    },
    "bucket days": {
        "default": {},
        "said": {"aws.buckets.backups.noncurrent_days": 60, "aws.buckets.backups.abort_upload_days": 3},
    },
    "key days": {"default": {}, "said": {"aws.buckets.backups.key_deletion_days": 7}},
    "partition": {
        "aws": {},
        "china": {
            "aws.partition": "aws-cn",
            "aws.region": "cn-north-1",
            "aws.kms_admins": [ADMIN.replace("arn:aws:", "arn:aws-cn:")],
        },
    },
}
OPERATORS: Final[Features] = {
    "operators": {
        "ours": {},
        "ours, placed": _each(
            _OPERATORS,
            replicas=3,
            priority_class="system-cluster-critical",
            node_selector={"node-role.example.org/infra": "true"},
            tolerations=[{"key": "infra"}, {"key": "zone", "value": "a", "effect": "NoSchedule"}],
        ),
        "of others": _each(_OPERATORS, managed=False),
    },
    "operator details": {
        "default": {},
        "said": {
            "operators.dragonfly.namespace": "dragonfly-operator",
            "operators.cnpg.namespace": "postgres-operator",
            "operators.dragonfly.version": "1.6.1",
            "operators.cnpg.version": "1.30.0",
            "operators.dragonfly.resources": RESOURCES,
            "operators.cnpg.resources": RESOURCES,
            "operators.cnpg.plugin_resources": RESOURCES,
        },
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
        "fetched": {f"{_CACHE}.acl": {"secret": "cache-acl", "path": "here/acl", "property": "users", "key": "users"}},
        "existing": {f"{_CACHE}.acl": {"secret": "cache-acl", "default_user_has_password": True}},
    },
    "tls": {
        "off": {},
        "fetched": {
            f"{_CACHE}.plaintext_reason": GONE,
            f"{_CACHE}.tls": {
                "secret": "cache-tls",
                "path": "here/tls",
                "certificate_property": "cert",
                "private_key_property": "key",
                "ca": {"path": "here/tls-ca", "property": "cert"},
            },
        },
        "existing": {f"{_CACHE}.plaintext_reason": GONE, f"{_CACHE}.tls": {"secret": "cache-tls"}},
    },
    "client certificates": {
        "none": {},
        "fetched": {f"{_CACHE}.tls.client_ca": _CLIENT_CA},
        "existing": {f"{_CACHE}.tls.client_ca": {"secret": "cache-clients"}},
    },
    "amounts": {
        "default": {},
        "said": {
            f"{_CACHE}.threads": 1,
            f"{_CACHE}.cache_mode": True,
            f"{_CACHE}.alerts": {"commands_per_second": 1000, "replication_lag_records": 100},
            f"{_CACHE}.auth_secret.key": "secret",
        },
    },
    "flags": {
        "default": {},
        "off": {f"{_CACHE}.flags": {"default_lua_flags": None, "cluster_mode": None}},
        "more": {
            f"{_CACHE}.flags": {"default_lua_flags": "disable-atomicity", "cluster_mode": "emulated"},
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
    "queue protection": {"default": {}, "off": _unprotected("dragonfly.clusters.queue")},
    "latency": {
        "none": {},
        "measured": {f"{_CACHE}.latency": {"namespace": "web"}},
        "tuned": {
            f"{_CACHE}.latency": {"namespace": "web", **_PROBE, "pause_ms": 500, **_EXPECTED},
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
        "strict": {f"{_MAIN}.synchronous": _STRICT},
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
            f"{_MAIN}.undrilled_reason": GONE,
        },
        "to a point in time": {
            f"{_MAIN}.restore_drill": {
                "namespace": "drills",
                "schedule": "0 4 * * *",
                "max_age": "2d",
                "target": "1h before now",
                "timeout": "30m",
                "storage": {"storage_class": "standard", "data": "4Gi", "wal": "4Gi"},
                "resources": RESOURCES,
                "assertions": {
                    "shop": [
                        {"name": "value", "query": "SELECT 1", "equals": "1", "show": True},
                        {"name": "fresh", "query": "SELECT max(at) FROM orders", "newer_than": "2h"},
                        {"name": "content", "table": "public.orders", "checksum": "a" * 64},
                    ]
                },
            },
            f"{_MAIN}.undrilled_reason": GONE,
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
        "ours": {
            f"{_MAIN}.names.pooler": "pool-{app}",
            f"{_MAIN}.names.role": "app_{app}",
            f"{_MAIN}.names.database": "db_{app}",
        },
    },
    "certificates": {"default": {}, "said": {f"{_MAIN}.certificates": {**_PROBE, "days_left": 3}}},
    "secret fields": {
        "default": {},
        "said": {
            f"{_MAIN}.secrets.role_fields": {"username": "user", "password": "pass"},
            f"{_MAIN}.secrets.backup_fields": {"access_key": "id", "secret_key": "key"},
        },
    },
    "limits": {
        "default": {},
        "said": {
            f"{_MAIN}.sidecar_resources": RESOURCES,
            f"{_MAIN}.other_connections": 20,
            f"{_MAIN}.parameters.max_connections": "150",
            f"{_SHOP}.max_client_conn": 50,
            f"{_SHOP}.resources": RESOURCES,
            f"{_MAIN}.alerts": {
                "replication_lag": "1m",
                "volume_percent": 70,
                "connections_percent": 80,
                "pooler_wait": "1s",
                "unarchived_wal": 5,
            },
        },
    },
    "validation": {
        "quick": {},
        "deep": {
            f"{_MAIN}.validation": {
                "schedule": "30 2 * * *",
                "max_backup_age": "26h",
                "rpo": "10m",
                "max_backup_duration": "8h",
                "deep": True,
                "all_objects": True,
                "sample": 100,
                "page_percent": 100,
                "timeout": "2h",
            }
        },
        "AWS CLI": {f"{_MAIN}.validation.tool": "aws-cli"},
    },
    "database protection": {"on": {}, "off": _unprotected(_MAIN)},
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
    "latency from afar": {
        "none": {},
        "measured": {"consumers.latency": {"namespace": "far"}},
        "tuned": {
            "consumers.latency": {"namespace": "far", "instances": ["cache"], **_PROBE, "pause_ms": 500, **_EXPECTED}
        },
    },
}
FEATURES: Final[Features] = {**PLATFORM, **ACCOUNT, **OPERATORS, **DRAGONFLY, **POSTGRES, **STACK}
"""In the order in which they are applied."""
