"""Clusters and Poolers of every shape that the projection knows, each set in a namespace of its own.

What the real operator makes of them is compared with the projection, field by field.
"""

from typing import Any, Final

from seawall.operators import barman

Manifest = dict[str, Any]

IMAGE: Final = "ghcr.io/cloudnative-pg/postgresql:16.8"
STORAGE: Final = {"size": "1Gi", "storageClass": "openebs-local-nvme"}
PLUGIN: Final = {
    "name": barman.PLUGIN_NAME,
    "isWALArchiver": True,
    "parameters": {"barmanObjectName": "store", "serverName": "pg"},
}


def thing(api_version: str, kind: str, name: str, **content: Any) -> Manifest:
    """An object without a namespace: it gets that of its case."""
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **content}


def cluster(*, annotations: Manifest | None = None, **spec: Any) -> Manifest:
    """A Cluster `pg` of three instances."""
    made = thing("postgresql.cnpg.io/v1", "Cluster", "pg")
    made["metadata"]["annotations"] = annotations or {}
    made["spec"] = {"instances": 3, "imageName": IMAGE, "storage": STORAGE, **spec}
    return made


def pooler(name: str, **spec: Any) -> Manifest:
    """A Pooler of Cluster `pg` in session mode."""
    given = {"cluster": {"name": "pg"}, "instances": 2, "type": "rw", "pgbouncer": {"poolMode": "session"}, **spec}
    return thing("postgresql.cnpg.io/v1", "Pooler", name, spec=given)


def secret(name: str, *keys: str, kind: str = "Opaque") -> Manifest:
    """A Secret with these keys."""
    return thing("v1", "Secret", name, type=kind, stringData=dict.fromkeys(keys, "a double"))


def store(name: str, **spec: Any) -> Manifest:
    """An ObjectStore with keys from the Secret `writer`."""
    reference = {field: {"name": "writer", "key": key} for field, key in _KEYS.items()}
    configuration = {"destinationPath": "s3://backups/pg", "s3Credentials": reference, **spec.pop("configuration", {})}
    return thing("barmancloud.cnpg.io/v1", "ObjectStore", name, spec={"configuration": configuration, **spec})


_KEYS: Final = {"accessKeyId": "accessKey", "secretAccessKey": "secretKey"}
WRITER: Final = secret("writer", "accessKey", "secretKey")
LIMITS: Final = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}}

CASES: Final[dict[str, list[Manifest]]] = {
    "three instances": [cluster()],
    "two instances, kept apart": [
        cluster(
            instances=2,
            affinity={
                "podAntiAffinityType": "required",
                "topologyKey": "kubernetes.io/hostname",
                "tolerations": [{"key": "database", "operator": "Exists", "effect": "NoSchedule"}],
                "nodeSelector": {"kubernetes.io/os": "linux"},
            },
            topologySpreadConstraints=[
                {
                    "maxSkew": 1,
                    "topologyKey": "kubernetes.io/hostname",
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": {"cnpg.io/cluster": "pg"}},
                }
            ],
            resources=LIMITS,
            priorityClassName="system-cluster-critical",
            schedulerName="default-scheduler",
        )
    ],
    "one instance without a budget": [cluster(instances=1, enablePDB=False, logLevel="debug")],
    "more affinity": [
        cluster(
            instances=1,
            affinity={
                "podAntiAffinityType": "preferred",
                "topologyKey": "topology.kubernetes.io/zone",
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {"matchExpressions": [{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}]}
                        ]
                    }
                },
                "additionalPodAntiAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {
                            "weight": 1,
                            "podAffinityTerm": {
                                "labelSelector": {"matchLabels": {"app": "loud"}},
                                "topologyKey": "kubernetes.io/hostname",
                            },
                        }
                    ]
                },
            },
        )
    ],
    "no anti-affinity": [cluster(instances=2, affinity={"enablePodAntiAffinity": False})],
    "inherited metadata": [
        cluster(
            instances=1,
            annotations={"mine": "not inherited"},
            inheritedMetadata={
                "labels": {"team": "a", "app.kubernetes.io/component": "shared"},
                "annotations": {"note": "inherited"},
            },
            serviceAccountTemplate={
                "metadata": {"annotations": {"role": "arn:aws:iam::123456789012:role/writer"}, "labels": {"who": "pg"}}
            },
        )
    ],
    "services": [
        cluster(
            managed={
                "services": {
                    "disabledDefaultServices": ["ro", "r"],
                    "additional": [
                        {
                            "selectorType": "rw",
                            "serviceTemplate": {
                                "metadata": {"name": "open", "labels": {"a": "b"}, "annotations": {"c": "d"}},
                                "spec": {"type": "LoadBalancer"},
                            },
                        },
                        {
                            "selectorType": "r",
                            "updateStrategy": "replace",
                            "serviceTemplate": {
                                "metadata": {"name": "named"},
                                "spec": {"ports": [{"name": "pg", "port": 5432, "targetPort": 5432}]},
                            },
                        },
                        {
                            "selectorType": "ro",
                            "serviceTemplate": {
                                "metadata": {"name": "other"},
                                "spec": {"ports": [{"name": "other", "port": 6432, "targetPort": 5432}]},
                            },
                        },
                    ],
                }
            },
            certificates={"serverAltDNSNames": ["pool", "pool.databases.svc.cluster.local"]},
        )
    ],
    "archive": [
        WRITER,
        secret("authority", "ca.crt"),
        store(
            "store",
            configuration={
                "endpointURL": "https://store.example.org",
                "endpointCA": {"name": "authority", "key": "ca.crt"},
            },
            instanceSidecarConfiguration={
                "env": [{"name": "AWS_REQUEST_CHECKSUM_CALCULATION", "value": "when_required"}],
                "resources": LIMITS,
                "additionalContainerArgs": ["--max-concurrent-reconciles=1"],
            },
        ),
        cluster(plugins=[PLUGIN], walStorage=STORAGE, env=[{"name": "TZ", "value": "Etc/UTC"}]),
    ],
    "archive without anything": [WRITER, store("store"), cluster(instances=1, plugins=[PLUGIN])],
    "restore drill": [
        WRITER,
        store("store", instanceSidecarConfiguration={"resources": LIMITS}),
        cluster(
            instances=1,
            enablePDB=False,
            bootstrap={"recovery": {"source": "origin"}},
            externalClusters=[{"name": "origin", "plugin": {k: v for k, v in PLUGIN.items() if k != "isWALArchiver"}}],
        ),
    ],
    "volumes": [
        cluster(
            instances=1,
            walStorage=STORAGE,
            tablespaces=[{"name": "Big_One", "storage": STORAGE}, {"name": "archive", "storage": STORAGE}],
            projectedVolumeTemplate={"sources": [{"downwardAPI": {"items": []}}]},
            ephemeralVolumesSizeLimit={"shm": "64Mi", "temporaryData": "1Gi"},
        )
    ],
    "security contexts": [
        cluster(
            instances=1,
            seccompProfile={"type": "Localhost", "localhostProfile": "profiles/pg.json"},
            securityContext={"readOnlyRootFilesystem": False, "runAsUser": 1000},
            podSecurityContext={"fsGroup": 1000, "supplementalGroups": [7]},
            postgresUID=1000,
            postgresGID=1000,
        ),
        pooler("pool"),
    ],
    "superuser and secrets of one's own": [
        secret("owner", "username", "password", kind="kubernetes.io/basic-auth"),
        cluster(
            instances=1,
            enableSuperuserAccess=True,
            bootstrap={"initdb": {"database": "shop", "owner": "owner", "secret": {"name": "owner"}}},
        ),
    ],
    "superuser's secret of one's own": [
        secret("root", "username", "password", kind="kubernetes.io/basic-auth"),
        cluster(instances=1, enableSuperuserAccess=True, superuserSecret={"name": "root"}),
    ],
    "monitored": [
        cluster(instances=1, monitoring={"enablePodMonitor": True, "tls": {"enabled": True}}),
        pooler("pool", monitoring={"enablePodMonitor": True}),
    ],
    "a service account of one's own": [
        thing("v1", "ServiceAccount", "mine"),
        cluster(instances=1, serviceAccountName="mine"),
        pooler("pool", serviceAccountName="mine"),
    ],
    "files of SQL": [
        secret("sql", "first"),
        thing("v1", "ConfigMap", "statements", data={"second": "SELECT 1"}),
        cluster(
            instances=1,
            envFrom=[{"secretRef": {"name": "sql"}}],
            bootstrap={
                "initdb": {
                    "database": "app",
                    "owner": "app",
                    "postInitSQLRefs": {
                        "secretRefs": [{"name": "sql", "key": "first"}],
                        "configMapRefs": [{"name": "statements", "key": "second"}],
                    },
                    "postInitApplicationSQLRefs": {"configMapRefs": [{"name": "statements", "key": "second"}]},
                }
            },
        ),
    ],
    "maintenance": [cluster(nodeMaintenanceWindow={"inProgress": True, "reusePVC": True})],
    "an image from a catalogue": [
        thing(
            "postgresql.cnpg.io/v1",
            "ImageCatalog",
            "images",
            spec={
                "images": [{"major": 16, "image": IMAGE}],
                "componentImages": [{"key": "pgbouncer", "image": "ghcr.io/cloudnative-pg/pgbouncer:1.25.1"}],
            },
        ),
        {
            **cluster(),
            "spec": {
                "instances": 1,
                "storage": STORAGE,
                "imageCatalogRef": {
                    "apiGroup": "postgresql.cnpg.io",
                    "kind": "ImageCatalog",
                    "name": "images",
                    "major": 16,
                },
            },
        },
    ],
    "two poolers": [
        cluster(instances=1),
        pooler("first"),
        pooler(
            "second",
            instances=3,
            type="ro",
            pgbouncer={"poolMode": "transaction", "image": "ghcr.io/cloudnative-pg/pgbouncer:1.25.1"},
            deploymentStrategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
            serviceTemplate={
                "metadata": {"labels": {"team": "a"}, "annotations": {"service.cilium.io/global": "true"}},
                "spec": {"type": "NodePort", "ports": [{"name": "more", "port": 6543, "targetPort": 5432}]},
            },
            template={
                "metadata": {"labels": {"team": "a", "cnpg.io/podRole": "mine"}, "annotations": {"note": "template"}},
                "spec": {
                    "securityContext": {"runAsUser": 0, "runAsNonRoot": False},
                    "terminationGracePeriodSeconds": 60,
                    "affinity": {
                        "podAntiAffinity": {
                            "requiredDuringSchedulingIgnoredDuringExecution": [
                                {
                                    "labelSelector": {"matchLabels": {"cnpg.io/poolerName": "second"}},
                                    "topologyKey": "kubernetes.io/hostname",
                                }
                            ]
                        }
                    },
                    "volumes": [{"name": "own", "emptyDir": {}}],
                    "initContainers": [{"name": "first", "image": "registry.example.org/first:1"}],
                    "containers": [
                        {
                            "name": "beside",
                            "image": "registry.example.org/beside:1",
                            "securityContext": {"runAsUser": 0},
                            "volumeMounts": [{"name": "own", "mountPath": "/own"}],
                        },
                        {
                            "name": "pgbouncer",
                            "resources": LIMITS,
                            "securityContext": {"privileged": True},
                            "env": [{"name": "PGUSER", "value": "me"}, {"name": "POOLER_NAME", "value": "me"}],
                            "ports": [{"name": "extra", "containerPort": 7000}],
                        },
                    ],
                },
            },
        ),
    ],
    "a pooler's secrets of one's own": [
        secret("auth", "username", "password", kind="kubernetes.io/basic-auth"),
        cluster(instances=1),
        pooler(
            "pool",
            pgbouncer={
                "poolMode": "session",
                "authQuerySecret": {"name": "auth"},
                "authQuery": "SELECT usename, passwd FROM public.lookup($1)",
            },
        ),
    ],
}
"""What → the objects of the case."""
