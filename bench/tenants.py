"""A folder of YAML as a platform with many tenants has it: input for measurements, with nothing wrong in it.

Each tenant has a namespace with a program, a Dragonfly of its own, and a database with a pooler on a PostgreSQL cluster
that 20 tenants share: 12 objects a tenant and 10 a cluster.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from seawall.operators import annotations

Manifest = dict[str, Any]

TENANTS_PER_CLUSTER = 20
_OPERATORS = {"dragonfly": ("dragonfly-operator-system", "1.6.1"), "cnpg": ("cnpg-system", "1.30.0")}
_SCRAPER = {"app.kubernetes.io/name": "vmagent"}
_RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
}
_HOST = "kubernetes.io/hostname"
_ISOLATION = {"app.kubernetes.io/instance": "pg", "app": "isolation"}


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Every value is written out, as people and charts write."""
        return True


def write(folder: Path, tenants: int, *, first: int = 0) -> int:
    """Writes the YAML of so many tenants, one file a tenant and one a cluster; the number of objects.

    `first` is the number of the first tenant, the first of a cluster's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written, end = 0, first + tenants
    for number in range(first, end):
        if number % TENANTS_PER_CLUSTER == 0:
            members = range(number, min(number + TENANTS_PER_CLUSTER, end))
            written += _file(folder / f"cluster-{number // TENANTS_PER_CLUSTER:04}.yaml", cluster(members))
        written += _file(folder / f"tenant-{number:04}.yaml", tenant(number))
    return written


def _file(path: Path, objects: Iterator[Manifest]) -> int:
    made = list(objects)
    with path.open("w", encoding="utf-8") as stream:
        yaml.dump_all(made, stream, Dumper=_Dumper, sort_keys=False)
    return len(made)


def tenant(number: int) -> Iterator[Manifest]:
    """The objects of one tenant."""
    app, shared = f"t{number:04}", _shared(number)
    yield _object("v1", "Namespace", app, None, labels=_RESTRICTED)
    yield _program(app)
    yield _external_secret("cache-auth", app, {"password": "password"})
    yield _dragonfly(app)
    yield _policy("cache-traffic", app, {"app": "cache"}, _cache_ingress(app))
    yield _monitor("cache", app, {"app": "cache"}, "admin")
    yield _object(
        "postgresql.cnpg.io/v1",
        "Database",
        app,
        shared,
        {"name": app, "owner": app, "cluster": {"name": "pg"}, "databaseReclaimPolicy": "retain"},
    )
    yield _external_secret(f"role-{app}", shared, {"username": "username", "password": "password"}, role=True)
    yield _revoking_job(app, shared)
    yield _pooler(app, shared)
    pods = {"cnpg.io/poolerName": f"{app}-pooler"}
    yield _policy(f"{app}-pooler", shared, pods, [_from([_pods(app, {"app": "web"})], 5432), _scrape(9127)])
    yield _object(
        "policy/v1",
        "PodDisruptionBudget",
        f"{app}-pooler",
        shared,
        {"minAvailable": 1, "selector": {"matchLabels": pods}},
    )


def cluster(members: range) -> Iterator[Manifest]:
    """The objects of one PostgreSQL cluster and its tenants' common ones."""
    shared = _shared(members.start)
    apps = [f"t{number:04}" for number in members]
    yield _object("v1", "Namespace", shared, None, labels=_RESTRICTED)
    yield _object(
        "postgresql.cnpg.io/v1",
        "Cluster",
        "pg",
        shared,
        {
            "instances": 3,
            "imageName": "ghcr.io/cloudnative-pg/postgresql:16.8",
            "enableSuperuserAccess": False,
            "enablePDB": True,
            "affinity": {"enablePodAntiAffinity": True, "podAntiAffinityType": "required", "topologyKey": _HOST},
            "storage": {"size": "20Gi"},
            "resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "2Gi"}},
            "certificates": {"serverAltDNSNames": [name for app in apps for name in _names(f"{app}-pooler", shared)]},
            "postgresql": {
                "parameters": {"max_connections": str(100 + 25 * len(apps)), "ssl_min_protocol_version": "TLSv1.3"},
                "pg_hba": [
                    *(f"hostssl {app} {app} all scram-sha-256" for app in apps),
                    "host all all all reject",
                ],
            },
            "managed": {
                "roles": [
                    {"name": app, "ensure": "present", "login": True, "passwordSecret": {"name": f"role-{app}"}}
                    for app in apps
                ]
            },
            "plugins": [
                {
                    "name": "barman-cloud.cloudnative-pg.io",
                    "isWALArchiver": True,
                    "parameters": {"barmanObjectName": "pg", "serverName": "pg"},
                }
            ],
        },
        notes={**_intent("cnpg"), annotations.UNDRILLED: "the platform restores one of its clusters each night"},
    )
    yield _object("barmancloud.cnpg.io/v1", "ObjectStore", "pg", shared, _store(shared))
    for name in ("backup-writer", "backup-reader"):
        yield _external_secret(name, shared, {"ACCESS_KEY_ID": "accessKey", "SECRET_ACCESS_KEY": "secretKey"})
    yield _validation(shared)
    yield _object(
        "postgresql.cnpg.io/v1",
        "ScheduledBackup",
        "pg",
        shared,
        {
            "schedule": "0 0 2 * * *",
            "method": "plugin",
            "pluginConfiguration": {"name": "barman-cloud.cloudnative-pg.io"},
            "cluster": {"name": "pg"},
            "backupOwnerReference": "self",
        },
    )
    instances = {"cnpg.io/cluster": "pg", "cnpg.io/podRole": "instance"}
    peers, poolers = _pods(shared, instances), _pods(shared, {"cnpg.io/cluster": "pg", "cnpg.io/podRole": "pooler"})
    operator = _pods("cnpg-system", {"app.kubernetes.io/name": "cloudnative-pg"})
    jobs = [_pods(shared, labels) for labels in ({"cnpg.io/cluster": "pg"}, _ISOLATION)]
    ingress = [_from([operator, peers], 8000, 5432), _from([poolers, *jobs], 5432), _scrape(9187)]
    yield _policy("pg", shared, instances, ingress)
    for name, selected in (("pg", instances), ("pg-poolers", {"cnpg.io/podRole": "pooler"})):
        yield _monitor(name, shared, selected, "metrics")


def _shared(number: int) -> str:
    return f"pg-{number // TENANTS_PER_CLUSTER:04}"


def _names(service: str, namespace: str) -> list[str]:
    return [service, *(f"{service}.{namespace}{suffix}" for suffix in ("", ".svc", ".svc.cluster.local"))]


def _object(
    api: str,
    kind: str,
    name: str,
    namespace: str | None,
    spec: Manifest | None = None,
    *,
    labels: dict[str, str] | None = None,
    notes: dict[str, str] | None = None,
) -> Manifest:
    metadata: Manifest = {"name": name}
    if namespace is not None:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = dict(labels)
    if notes:
        metadata["annotations"] = dict(notes)
    made: Manifest = {"apiVersion": api, "kind": kind, "metadata": metadata}
    return made if spec is None else {**made, "spec": spec}


def _intent(family: str, clients: str | None = None) -> dict[str, str]:
    namespace, version = _OPERATORS[family]
    made = {
        annotations.OPERATOR: annotations.operator(namespace=namespace, version=version),
        annotations.PLATFORM: annotations.platform(cluster="main", cni="generic", cni_version="1.0"),
        annotations.SCRAPER: annotations.scraper(namespace="observability", labels=_SCRAPER),
    }
    return made if clients is None else {**made, annotations.CLIENTS: json.dumps({"this": [clients]})}


def _program(app: str) -> Manifest:
    pod = {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "web",
                "image": "registry.example.org/web:1.2.3",
                "securityContext": dict(_CONTAINER),
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "128Mi"}},
            }
        ],
    }
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    return _object("apps/v1", "Deployment", "web", app, spec)


def _external_secret(name: str, namespace: str, keys: dict[str, str], *, role: bool = False) -> Manifest:
    target: Manifest = {"name": name, "creationPolicy": "Owner", "deletionPolicy": "Retain"}
    if role:
        labels = {"cnpg.io/reload": "true"}
        target["template"] = {"type": "kubernetes.io/basic-auth", "metadata": {"labels": labels}}
    data = [{"secretKey": key, "remoteRef": {"key": f"{namespace}/{name}", "property": p}} for key, p in keys.items()]
    store = {"kind": "ClusterSecretStore", "name": "store"}
    spec = {"refreshInterval": "1h", "secretStoreRef": store, "target": target, "data": data}
    return _object("external-secrets.io/v1", "ExternalSecret", name, namespace, spec)


def _dragonfly(app: str) -> Manifest:
    user = {"runAsUser": 999, "runAsGroup": 999, "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    near = {"labelSelector": {"matchLabels": {"app": "cache"}}, "topologyKey": _HOST}
    spec = {
        "replicas": 3,
        "image": "ghcr.io/dragonflydb/dragonfly:v1.34.2",
        "args": [
            "--maxmemory=1610612736",
            "--proactor_threads=2",
            "--cache_mode=true",
            "--version_check=false",
            "--dbfilename=",
        ],
        "authentication": {"passwordFromSecret": {"name": "cache-auth", "key": "password"}},
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}},
        "pdb": {"minAvailable": 2},
        "enableReplicationReadinessGate": True,
        "networkPolicyEnabled": False,
        "podSecurityContext": {**user, "fsGroup": 999},
        "containerSecurityContext": {**_CONTAINER, **user},
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [near]}},
    }
    notes = {**_intent("dragonfly", app), annotations.PLAINTEXT: "the clients of this cache speak no TLS"}
    return _object("dragonflydb.io/v1alpha1", "Dragonfly", "cache", app, spec, notes=notes)


def _cache_ingress(app: str) -> list[Manifest]:
    operator = _pods("dragonfly-operator-system", {"control-plane": "controller-manager"})
    itself = _pods(app, {"app": "cache"})
    return [_from([_pods(app, {"app": "web"})], 6379), _from([operator, itself], 9999), _scrape(9999)]


def _revoking_job(app: str, shared: str) -> Manifest:
    pod = _job_pod("psql", "ghcr.io/cloudnative-pg/postgresql:16.8", ["psql", "-f", "/sql/revoke.sql"])
    notes = {annotations.REVOKES_CONNECT: annotations.revokes_connect(cluster="pg", database=app)}
    spec = {"template": {"metadata": {"labels": dict(_ISOLATION)}, "spec": pod}}
    return _object("batch/v1", "Job", f"isolation-{app}", shared, spec, notes=notes)


def _validation(shared: str) -> Manifest:
    pod = _job_pod("validate", "registry.example.org/backup-validation:1.2.3", ["validate", "--server", "pg"])
    keys = {"AWS_ACCESS_KEY_ID": "ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY": "SECRET_ACCESS_KEY"}
    pod["containers"][0]["env"] = [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": "backup-reader", "key": key}}}
        for name, key in keys.items()
    ]
    spec = {
        "schedule": "0 6 * * *",
        "timeZone": "Etc/UTC",
        "concurrencyPolicy": "Forbid",
        "jobTemplate": {
            "spec": {
                "activeDeadlineSeconds": 600,
                "template": {"metadata": {"labels": {"app": "validation"}}, "spec": pod},
            }
        },
    }
    notes = {annotations.VALIDATES: annotations.instance(namespace=shared, name="pg")}
    return _object("batch/v1", "CronJob", "validation", shared, spec, notes=notes)


def _job_pod(container: str, image: str, command: list[str]) -> Manifest:
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 26, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": container,
                "image": image,
                "command": command,
                "securityContext": dict(_CONTAINER),
                "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}},
            }
        ],
    }


def _pooler(app: str, shared: str) -> Manifest:
    near = {"labelSelector": {"matchLabels": {"cnpg.io/poolerName": f"{app}-pooler"}}, "topologyKey": _HOST}
    resources = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "128Mi"}}
    spec = {
        "cluster": {"name": "pg"},
        "type": "rw",
        "instances": 2,
        "deploymentStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        "pgbouncer": {
            "poolMode": "transaction",
            "parameters": {
                "client_tls_sslmode": "require",
                "server_tls_sslmode": "verify-ca",
                "default_pool_size": "4",
                "max_client_conn": "200",
                "max_db_connections": "4",
                "max_prepared_statements": "100",
            },
            "pg_hba": [
                f"hostssl {app} {app} 0.0.0.0/0 scram-sha-256",
                f"hostssl {app} {app} ::/0 scram-sha-256",
                "host all all 0.0.0.0/0 reject",
                "host all all ::/0 reject",
            ],
        },
        "template": {
            "spec": {
                "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [near]}},
                "containers": [{"name": "pgbouncer", "resources": resources}],
            }
        },
    }
    return _object("postgresql.cnpg.io/v1", "Pooler", f"{app}-pooler", shared, spec, notes=_intent("cnpg", app))


def _store(shared: str) -> Manifest:
    def key(name: str) -> Manifest:
        return {"name": "backup-writer", "key": name}

    encrypted = {"compression": "gzip", "encryption": "AES256"}
    return {
        "retentionPolicy": "30d",
        "configuration": {
            "destinationPath": f"s3://backups.example/{shared}",
            "s3Credentials": {"accessKeyId": key("ACCESS_KEY_ID"), "secretAccessKey": key("SECRET_ACCESS_KEY")},
            "data": dict(encrypted),
            "wal": dict(encrypted),
        },
    }


def _policy(name: str, namespace: str, pods: dict[str, str], ingress: list[Manifest]) -> Manifest:
    spec = {"podSelector": {"matchLabels": pods}, "policyTypes": ["Ingress"], "ingress": ingress}
    return _object("networking.k8s.io/v1", "NetworkPolicy", name, namespace, spec)


def _monitor(name: str, namespace: str, pods: dict[str, str], port: str) -> Manifest:
    spec = {"selector": {"matchLabels": pods}, "podMetricsEndpoints": [{"port": port}]}
    return _object("monitoring.coreos.com/v1", "PodMonitor", name, namespace, spec)


def _from(peers: list[Manifest], *ports: int) -> Manifest:
    return {"from": peers, "ports": [{"port": port, "protocol": "TCP"} for port in ports]}


def _scrape(port: int) -> Manifest:
    return _from([_pods("observability", _SCRAPER)], port)


def _pods(namespace: str, labels: dict[str, str]) -> Manifest:
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "podSelector": {"matchLabels": labels},
    }
