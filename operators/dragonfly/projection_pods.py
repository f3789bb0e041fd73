"""The pods that the Dragonfly operator makes of a resource: its StatefulSet, with everything that rules read.

Held against what operator 1.6.1 really made; what older ones do otherwise is known from their source. Probes are left
out: no rule reads them.
"""

from collections.abc import Mapping
from typing import Any

from seawall.operators import dragonfly
from seawall.operators.reading import boolean, integer, joined, mapping, name, text
from seawall.operators.versions import Version

Manifest = dict[str, Any]

DATA_VERSIONS: dict[Version, str] = {
    (1, 1, 11): "v1.28.1",
    (1, 2, 0): "v1.32.0",
    (1, 2, 1): "v1.33.1",
    (1, 3, 0): "v1.34.1",
    (1, 3, 1): "v1.35.0",
    (1, 4, 0): "v1.36.0",
    (1, 5, 0): "v1.37.0",
    (1, 6, 0): "v1.39.0",
    (1, 6, 1): "v1.39.0",
}
"""The Dragonfly that each operator runs when the resource names no image."""
_IMAGE = "docker.dragonflydb.io/dragonflydb/dragonfly"
_BREAKS_REPLICATION: Version = (1, 3, 0)
"""From this version on the operator passes `--break_replication_on_master_restart`."""
_MERGES_CONTAINERS: Version = (1, 2, 0)
"""From this version on `additionalContainers` and `additionalVolumes` are read."""
_LABELS_REPLACE: Version = (1, 5, 0)
_LABELS_REFUSED: Version = (1, 6, 0)
"""Labels of the user's that collide with the operator's: ignored at first, from 1.5 on they win (and the pods are in no
selector any more), from 1.6 on the operator refuses the resource."""
_CUSTOM_PROBES: Version = (1, 6, 0)
_ACL = ("dragonfly-acl", "/var/lib/dragonfly")
_TLS = ("dragonfly-tls", "/etc/dragonfly-tls")
_AUTHORITY = ("client-ca-cert", "/etc/dragonfly/tls")
_PROBES = ("Liveness", "Readiness", "Startup")
_POD_FIELDS = (
    "affinity",
    "nodeSelector",
    "tolerations",
    "topologySpreadConstraints",
    "imagePullSecrets",
)


def replicas(resource: Mapping[str, Any]) -> int:
    """`spec.replicas`: all pods, the master included. Absent means none."""
    return integer(resource, "spec", "replicas", default=0)


def memcached_port(resource: Mapping[str, Any]) -> int | None:
    """`spec.memcachedPort`, None when memcached's protocol is off."""
    return integer(resource, "spec", "memcachedPort", default=0) or None


def stateful_set_spec(resource: Mapping[str, Any], operator: Version) -> Manifest:
    """`spec` of the StatefulSet. Raises `UnprojectableError` when a field that decides something is not usable."""
    labels = dragonfly.pod_labels(name(resource))
    made: Manifest = {
        "replicas": replicas(resource),
        "serviceName": name(resource),
        "selector": {"matchLabels": labels},
        "updateStrategy": {"type": "OnDelete"},
        "template": {"metadata": _pod_metadata(resource, operator), "spec": _pod_spec(resource, operator)},
    }
    claims = []
    for field, volume in (("tiering", "tiering"), ("snapshot", dragonfly.SNAPSHOT_VOLUME)):
        claim = mapping(resource, "spec", field).get("persistentVolumeClaimSpec")
        if claim is not None:
            marked = labels if field == "snapshot" else owned_labels(resource, operator)
            claims.append({"metadata": {"name": volume, "labels": marked}, "spec": claim})
    if claims:
        made["volumeClaimTemplates"] = claims
    return made


def owned_labels(resource: Mapping[str, Any], operator: Version) -> Manifest:
    """The labels of every object but the pods."""
    owner = name(resource)
    version = DATA_VERSIONS.get(operator)
    return {
        **dragonfly.pod_labels(owner),
        "app.kubernetes.io/component": "dragonfly",
        "app.kubernetes.io/instance": owner,
        "app.kubernetes.io/managed-by": "dragonfly-operator",
        **({"app.kubernetes.io/version": version} if version is not None else {}),
        **mapping(resource, "spec", "ownedObjectsMetadata", "labels"),
    }


def probe_scripts(resource: Mapping[str, Any], operator: Version) -> list[str]:
    """The ConfigMaps with scripts for probes that the operator makes: those that the user has not given, if any is."""
    own = _custom_probes(resource, operator)
    return [f"{name(resource)}-{probe.lower()}-probe" for probe, given in own.items() if not given]


def _custom_probes(resource: Mapping[str, Any], operator: Version) -> dict[str, str | None]:
    """Probe → the ConfigMap with its script that the user gives; empty when the user gives none."""
    if operator < _CUSTOM_PROBES:
        return {}
    given = {probe: text(resource, "spec", f"custom{probe}ProbeConfigMap", "name") or None for probe in _PROBES}
    return given if any(given.values()) else {}


def _pod_metadata(resource: Mapping[str, Any], operator: Version) -> Manifest:
    own = dragonfly.pod_labels(name(resource))
    given = {**mapping(resource, "spec", "labels"), **mapping(resource, "spec", "podMetadata", "labels")}
    replace = _LABELS_REPLACE <= operator < _LABELS_REFUSED
    annotations = {
        **mapping(resource, "spec", "annotations"),
        **mapping(resource, "spec", "podMetadata", "annotations"),
    }
    return {"labels": {**own, **given} if replace else {**given, **own}, "annotations": annotations}


def _pod_spec(resource: Mapping[str, Any], operator: Version) -> Manifest:
    spec = mapping(resource, "spec")
    made: Manifest = {field: spec[field] for field in _POD_FIELDS if spec.get(field) is not None}
    for field in ("serviceAccountName", "priorityClassName", "initContainers"):
        if spec.get(field):
            made[field] = spec[field]
    more = spec.get("additionalContainers") if operator >= _MERGES_CONTAINERS else None
    made["containers"] = _merged(more, [_container(resource, operator)])
    volumes = spec.get("additionalVolumes") if operator >= _MERGES_CONTAINERS else None
    merged = _merged(volumes, _volumes(resource, operator))
    if merged != []:
        made["volumes"] = merged
    if boolean(resource, "spec", "enableReplicationReadinessGate", default=False):
        made["readinessGates"] = [{"conditionType": "dragonflydb.io/replication-ready"}]
    if spec.get("podSecurityContext") is not None:
        made["securityContext"] = spec["podSecurityContext"]
    elif not boolean(resource, "spec", "skipFSGroup", default=False):
        made["securityContext"] = {"fsGroup": dragonfly.UID}
    return made


def _merged(given: Any, own: list[Manifest]) -> Any:
    """The user's entries, then those of the operator that none of them replaces by its name."""
    if given is None:
        return own
    if not isinstance(given, list):
        return given
    taken = [entry.get("name") for entry in given if isinstance(entry, Mapping)]  # a name may be anything
    return [*given, *(entry for entry in own if entry["name"] not in taken)]


def _container(resource: Mapping[str, Any], operator: Version) -> Manifest:
    spec = mapping(resource, "spec")
    version = DATA_VERSIONS.get(operator)
    ports: list[Manifest] = [
        {"name": dragonfly.CLIENT_PORT_NAME, "containerPort": dragonfly.CLIENT_PORT, "protocol": "TCP"},
        {"name": dragonfly.ADMIN_PORT_NAME, "containerPort": dragonfly.ADMIN_PORT, "protocol": "TCP"},
    ]
    memcached = memcached_port(resource)
    if memcached is not None:
        ports.append({"name": dragonfly.MEMCACHED_PORT_NAME, "containerPort": memcached, "protocol": "TCP"})
    args = joined(_first_args(operator), spec.get("args"))
    health = {"name": "HEALTHCHECK_PORT", "value": str(dragonfly.ADMIN_PORT)}
    env = joined([], spec.get("env"))
    password = mapping(resource, "spec", "authentication").get("passwordFromSecret")
    own_env = [health] + (
        [] if password is None else [{"name": "DFLY_requirepass", "valueFrom": {"secretKeyRef": password}}]
    )
    container: Manifest = {
        "name": dragonfly.CONTAINER_NAME,
        "image": spec.get("image") or (f"{_IMAGE}:{version}" if version is not None else None),
        "args": [*args, *_more_args(resource)] if isinstance(args, list) else args,
        "env": [*env, *own_env] if isinstance(env, list) else env,
        "ports": ports,
        "resources": spec.get("resources") or {},
    }
    mounts = _mounts(resource, operator)
    if mounts:
        container["volumeMounts"] = mounts
    if spec.get("containerSecurityContext") is not None:
        container["securityContext"] = spec["containerSecurityContext"]
    return container


def _first_args(operator: Version) -> list[str]:
    breaks = ["--break_replication_on_master_restart=true"] if operator >= _BREAKS_REPLICATION else []
    return [
        "--alsologtostderr",
        *breaks,
        "--primary_port_http_enabled=false",
        f"--admin_port={dragonfly.ADMIN_PORT}",
        "--admin_nopass",
    ]


def _more_args(resource: Mapping[str, Any]) -> list[str]:
    """What comes after the user's arguments, in the operator's order; the last one of a name wins."""
    spec = mapping(resource, "spec")
    args = []
    memcached = memcached_port(resource)
    if memcached is not None:
        args.append(f"--memcached_port={memcached}")
    if spec.get("aclFromSecret") is not None:
        args.append(f"--aclfile={_ACL[1]}/dragonfly.acl")
    if spec.get("tiering") is not None:
        args.append("--tiered_prefix=/dragonfly/tiering/vol")
    if spec.get("snapshot") is not None:
        args.append(f"--dir={_snapshot_folder(resource)}")
        cron = text(resource, "spec", "snapshot", "cron")
        if cron:
            args.append(f"--snapshot_cron={cron}")
    if spec.get("tlsSecretRef") is not None:  # leaves the admin port alone
        args += [
            "--no_tls_on_admin_port",
            "--tls",
            f"--tls_cert_file={_TLS[1]}/{dragonfly.TLS_CERTIFICATE}",
            f"--tls_key_file={_TLS[1]}/{dragonfly.TLS_PRIVATE_KEY}",
        ]
    # the clients' authority is passed on whether or not there is TLS
    if mapping(resource, "spec", "authentication").get("clientCaCertSecret") is not None:
        args.append(f"--tls_ca_cert_file={_AUTHORITY[1]}/ca.crt")
    return args


def _snapshot_folder(resource: Mapping[str, Any]) -> str:
    return text(resource, "spec", "snapshot", "dir") or dragonfly.SNAPSHOT_DIR


def _mounts(resource: Mapping[str, Any], operator: Version) -> list[Manifest]:
    spec = mapping(resource, "spec")
    snapshot = mapping(resource, "spec", "snapshot")
    mounts: list[Manifest] = []
    if spec.get("aclFromSecret") is not None:
        mounts.append({"name": _ACL[0], "mountPath": _ACL[1]})
    if mapping(resource, "spec", "tiering").get("persistentVolumeClaimSpec") is not None:
        mounts.append({"name": "tiering", "mountPath": "/dragonfly/tiering"})
    if snapshot.get("persistentVolumeClaimSpec") is not None or snapshot.get("existingPersistentVolumeClaimName"):
        mounts.append({"name": dragonfly.SNAPSHOT_VOLUME, "mountPath": _snapshot_folder(resource)})
    if spec.get("tlsSecretRef") is not None:
        mounts.append({"name": _TLS[0], "mountPath": _TLS[1], "readOnly": True})
    if mapping(resource, "spec", "authentication").get("clientCaCertSecret") is not None:
        mounts.append({"name": _AUTHORITY[0], "mountPath": _AUTHORITY[1]})
    for probe in _custom_probes(resource, operator):
        script = f"{probe.lower()}-check.sh"
        mount = {"mountPath": f"/etc/dragonfly/probes/{script}", "subPath": script}
        mounts.append({"name": f"{probe.lower()}-probe", **mount})
    return mounts


def _volumes(resource: Mapping[str, Any], operator: Version) -> list[Manifest]:
    spec = mapping(resource, "spec")
    volumes: list[Manifest] = []
    acl = spec.get("aclFromSecret")
    if acl is not None:
        volumes.append(_secret_volume(_ACL[0], acl, "dragonfly.acl"))
    claim = mapping(resource, "spec", "snapshot").get("existingPersistentVolumeClaimName")
    if claim:
        volumes.append({"name": dragonfly.SNAPSHOT_VOLUME, "persistentVolumeClaim": {"claimName": claim}})
    if spec.get("tlsSecretRef") is not None:
        volumes.append(
            {"name": _TLS[0], "secret": {"secretName": mapping(resource, "spec", "tlsSecretRef").get("name")}}
        )
    authority = mapping(resource, "spec", "authentication").get("clientCaCertSecret")
    if authority is not None:
        volumes.append(_secret_volume(_AUTHORITY[0], authority, "ca.crt"))
    for probe, given in _custom_probes(resource, operator).items():
        called = given or f"{name(resource)}-{probe.lower()}-probe"
        volumes.append({"name": f"{probe.lower()}-probe", "configMap": {"name": called}})
    return volumes


def _secret_volume(volume: str, reference: Any, path: str) -> Manifest:
    """A volume with one key of a Secret; what is no reference is passed on, so that readers meet it."""
    if not isinstance(reference, Mapping):
        return {"name": volume, "secret": reference}
    items = [{"key": reference.get("key"), "path": path}]
    return {"name": volume, "secret": {"secretName": reference.get("name"), "items": items}}
