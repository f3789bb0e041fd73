"""The pods that CloudNativePG makes of a Cluster: instances, and the jobs that fill their volumes.

Known from the source of operator 1.30.0 and held against the real one. What no rule reads is left out: probes, commands
of jobs but their first words, the serial number and the hash in annotations.
"""

from collections.abc import Mapping
from typing import Any

from seawall.operators import barman, cnpg
from seawall.operators.barman.projection import Sidecar, sidecar_of
from seawall.operators.cnpg.projection_metadata import Manifest, Source
from seawall.operators.reading import UnprojectableError, boolean, integer, joined, mapping, sequence, text

CONTAINER = "postgres"
BOOTSTRAP_CONTAINER = "bootstrap-controller"
_RESTRICTED: Manifest = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "privileged": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
}


def instances(source: Source) -> list[Manifest]:
    """One Pod an instance, named `<cluster>-<serial>`, without the role label, which comes once it runs."""
    made = []
    tls = boolean(source.cluster, "spec", "monitoring", "tls", "enabled", default=False)
    flags = ["--status-port-tls", *(["--metrics-port-tls"] if tls else []), _log_level(source)]
    shared = _pod_spec(source, _main(source, CONTAINER, ["/controller/manager", "instance", "run", *flags]))
    shared["containers"][0]["ports"] = [
        {"name": "postgresql", "containerPort": cnpg.POSTGRES_PORT, "protocol": "TCP"},
        {"name": cnpg.METRICS_PORT_NAME, "containerPort": cnpg.INSTANCE_METRICS_PORT, "protocol": "TCP"},
        {"name": "status", "containerPort": cnpg.STATUS_PORT, "protocol": "TCP"},
    ]
    sidecar = sidecar_of(source.cluster, source.stores, unknown=source.unknown)
    for serial in range(1, source.instances + 1):
        called = f"{source.name}-{serial}"
        spec = _of_instance(source, shared, called, called)
        if sidecar.beside_instances:
            _with_sidecar(spec, sidecar, CONTAINER, "instance")
        labels = {
            **cnpg.instance_labels(source.name),
            cnpg.INSTANCE_LABEL: called,
            **source.app_labels,
            **source.inherited_labels,
        }
        made.append(source.bare("v1", "Pod", called, labels, spec=spec))
    return made


def jobs(source: Source) -> list[Manifest]:
    """One Job an instance: the first makes the data, or restores it, the others copy it from the primary."""
    sidecar = sidecar_of(source.cluster, source.stores, unknown=source.unknown)
    first = _first_role(source)
    made = [_job(source, 1, first, _first_command(first), sidecar)]
    if source.instances > 1:
        join = ["/controller/manager", "instance", "join", "--parent-node", f"{source.name}-rw"]
        made += [_job(source, serial, "join", join, sidecar) for serial in range(2, source.instances + 1)]
    return made


def security_context(cluster: Mapping[str, Any]) -> Any:
    """The security context of every container that the operator makes for a Cluster and for its poolers.

    What `spec.securityContext` gives wins, field by field; what it leaves open is the operator's own.
    """
    given = mapping(cluster, "spec").get("securityContext")
    own = {**_RESTRICTED, "seccompProfile": seccomp_profile(cluster)}
    return _completed(given, own, tuple(own))


def seccomp_profile(cluster: Mapping[str, Any]) -> Any:
    """The seccomp profile of a Cluster's pods and containers: `RuntimeDefault` unless one is given."""
    given = mapping(cluster, "spec").get("seccompProfile")
    return {"type": "RuntimeDefault"} if given is None else given


def _pod_security_context(source: Source) -> Any:
    # a zero counts as absent
    user = integer(source.cluster, "spec", "postgresUID", default=0) or cnpg.UID
    group = integer(source.cluster, "spec", "postgresGID", default=0) or cnpg.UID
    own = {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": group,
        "fsGroup": group,
        "seccompProfile": seccomp_profile(source.cluster),
    }
    # a context of one's own loses the operator's fsGroup and runAsNonRoot
    return _completed(source.spec.get("podSecurityContext"), own, ("runAsUser", "runAsGroup", "seccompProfile"))


def _completed(given: Any, own: Manifest, filled: tuple[str, ...]) -> Any:
    """A security context as given, with these fields of the operator's own where they are open."""
    if given is None:
        return own
    if not isinstance(given, Mapping):
        return given
    return {**given, **{key: own[key] for key in filled if given.get(key) is None}}


def affinity(source: Source) -> Any:
    """`affinity` of instances and jobs, None for none: the operator's own term, then the user's.

    The term keeps instances of this Cluster apart over `topologyKey` (hostnames when absent), preferred when the type
    is not given.
    """
    given = source.spec.get("affinity")
    if given is not None and not isinstance(given, Mapping):
        return given
    config = given or {}
    made: Manifest = {}
    kind = config.get("podAntiAffinityType")
    if boolean(source.cluster, "spec", "affinity", "enablePodAntiAffinity", default=True):
        term = {
            "labelSelector": {
                "matchExpressions": [
                    {"key": cnpg.CLUSTER_LABEL, "operator": "In", "values": [source.name]},
                    {"key": cnpg.POD_ROLE_LABEL, "operator": "In", "values": ["instance"]},
                ]
            },
            "topologyKey": config.get("topologyKey") or "kubernetes.io/hostname",
        }
        if kind == "required":
            made["podAntiAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
        elif kind in (None, "", "preferred"):
            weighted = {"weight": 100, "podAffinityTerm": term}
            made["podAntiAffinity"] = {"preferredDuringSchedulingIgnoredDuringExecution": [weighted]}
        elif not isinstance(kind, str):
            raise UnprojectableError(("spec", "affinity", "podAntiAffinityType"), "required or preferred")
    if config.get("additionalPodAffinity") is not None:
        made["podAffinity"] = config["additionalPodAffinity"]
    more = config.get("additionalPodAntiAffinity")
    if more is not None:
        own = made.get("podAntiAffinity", {})
        made["podAntiAffinity"] = (
            {key: joined(own.get(key, []), more.get(key)) for key in {**own, **more}}
            if isinstance(more, Mapping)
            else more
        )
    if config.get("nodeAffinity") is not None:
        made["nodeAffinity"] = config["nodeAffinity"]
    return made or None


def _main(source: Source, called: str, command: list[str]) -> Manifest:
    container: Manifest = {
        "name": called,
        "image": source.image,
        "command": command,
        "resources": source.spec.get("resources") or {},
        "securityContext": security_context(source.cluster),
        "volumeMounts": _mounts(source),
    }
    if source.spec.get("envFrom") is not None:
        container["envFrom"] = source.spec["envFrom"]
    return container


def _pod_spec(source: Source, main: Manifest) -> Manifest:
    bootstrap = {
        "name": BOOTSTRAP_CONTAINER,
        "image": source.bootstrap_image,
        "command": ["/manager", "bootstrap", "/controller/manager", _log_level(source)],
        "resources": main["resources"],
        "securityContext": main["securityContext"],
        "volumeMounts": main["volumeMounts"],
    }
    spec: Manifest = {
        "initContainers": [bootstrap],
        "containers": [main],
        "securityContext": _pod_security_context(source),
        "serviceAccountName": source.service_account,
    }
    config = source.spec.get("affinity")
    placement = config if isinstance(config, Mapping) else {"tolerations": config, "nodeSelector": config}
    fields = {
        "affinity": affinity(source),
        "tolerations": placement.get("tolerations"),
        "nodeSelector": placement.get("nodeSelector"),
        "topologySpreadConstraints": source.spec.get("topologySpreadConstraints"),
        "priorityClassName": source.spec.get("priorityClassName") or None,
        "schedulerName": source.spec.get("schedulerName") or None,
    }
    spec.update({key: value for key, value in fields.items() if value is not None})
    return spec


def _log_level(source: Source) -> str:
    return f"--log-level={source.spec.get('logLevel') or 'info'}"


def _of_instance(source: Source, shared: Manifest, pod: str, instance: str) -> Manifest:
    """The shared spec with what is one instance's own: its environment and its volumes."""
    main = {**shared["containers"][0], "env": joined(_env(source, pod), source.spec.get("env"))}
    init = list(shared["initContainers"])
    return {**shared, "initContainers": init, "containers": [main], "volumes": _volumes(source, instance)}


def _env(source: Source, pod: str) -> list[Manifest]:
    values = {
        "PGDATA": "/var/lib/postgresql/data/pgdata",
        "POD_NAME": pod,
        "NAMESPACE": source.namespace or "default",
        "CLUSTER_NAME": source.name,
        "PSQL_HISTORY": "/controller/tmp/.psql_history",
        "PGPORT": str(cnpg.POSTGRES_PORT),
        "PGHOST": "/controller/run",
        "TMPDIR": "/controller/tmp",
    }
    return [{"name": key, "value": value} for key, value in values.items()]


def _mounts(source: Source) -> list[Manifest]:
    mounts = [
        {"name": "pgdata", "mountPath": "/var/lib/postgresql/data"},
        {"name": "scratch-data", "mountPath": "/run"},
        {"name": "scratch-data", "mountPath": "/controller"},
        {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108
    ]
    if source.spec.get("walStorage") is not None:
        mounts.append({"name": "pg-wal", "mountPath": "/var/lib/postgresql/wal"})
    if source.spec.get("projectedVolumeTemplate") is not None:
        mounts.append({"name": "projected", "mountPath": "/projected"})
    return [
        *mounts,
        *(
            {"name": _tablespace_volume(it), "mountPath": f"/var/lib/postgresql/tablespaces/{it}"}
            for it in _tablespaces(source)
        ),
    ]


def _volumes(source: Source, instance: str) -> list[Manifest]:
    limits = mapping(source.cluster, "spec", "ephemeralVolumesSizeLimit")
    scratch: Manifest = {"name": "scratch-data"}
    if source.spec.get("ephemeralVolumeSource") is not None:
        scratch["ephemeral"] = source.spec["ephemeralVolumeSource"]
    else:
        scratch["emptyDir"] = {"sizeLimit": limits["temporaryData"]} if limits.get("temporaryData") else {}
    shm = {"medium": "Memory", **({"sizeLimit": limits["shm"]} if limits.get("shm") else {})}
    volumes = [_claim("pgdata", instance), scratch, {"name": "shm", "emptyDir": shm}]
    if source.spec.get("walStorage") is not None:
        volumes.append(_claim("pg-wal", f"{instance}-wal"))
    volumes += [_claim(_tablespace_volume(it), f"{instance}-tbs-{_as_name(it)}") for it in _tablespaces(source)]
    if source.spec.get("projectedVolumeTemplate") is not None:
        volumes.append({"name": "projected", "projected": source.spec["projectedVolumeTemplate"]})
    return volumes


def _claim(volume: str, claim: str) -> Manifest:
    return {"name": volume, "persistentVolumeClaim": {"claimName": claim}}


def _tablespaces(source: Source) -> list[str]:
    found = sequence(source.cluster, "spec", "tablespaces")
    return sorted(str(it.get("name")) for it in found if isinstance(it, Mapping))


def _tablespace_volume(tablespace: str) -> str:
    return f"tbs-{_as_name(tablespace)}"


def _as_name(tablespace: str) -> str:
    """A tablespace's name in the names of volumes and claims."""
    start = f"1{tablespace[1:]}" if tablespace.startswith("_") else tablespace
    return start.replace("$", "-").replace("_", "-").lower()


def _first_role(source: Source) -> str:
    recovery = mapping(source.cluster, "spec", "bootstrap").get("recovery")
    if recovery is not None:
        return "snapshot-recovery" if mapping(source.cluster, *_RECOVERY).get("volumeSnapshots") else "full-recovery"
    if mapping(source.cluster, "spec", "bootstrap").get("pg_basebackup") is not None:
        return "pgbasebackup"
    return "import" if mapping(source.cluster, *_INITDB).get("import") is not None else "initdb"


_RECOVERY = ("spec", "bootstrap", "recovery")
_INITDB = ("spec", "bootstrap", "initdb")
_VERBS = {"full-recovery": "restore", "snapshot-recovery": "restoresnapshot", "pgbasebackup": "pgbasebackup"}


def _first_command(role: str) -> list[str]:
    return ["/controller/manager", "instance", _VERBS.get(role, "init")]


def _job(source: Source, serial: int, role: str, command: list[str], sidecar: Sidecar) -> Manifest:
    instance = f"{source.name}-{serial}"
    called = f"{instance}-{role}"
    shared = _pod_spec(source, _main(source, role, command))
    spec = {**_of_instance(source, shared, called, instance), "restartPolicy": "Never"}
    _with_files_of_sql(source, spec)
    main = spec["containers"][0]
    if role == "initdb" and isinstance(main["env"], list):  # so that it waits for the application's Secret
        secret = text(source.cluster, *_INITDB, "secret", "name") or f"{source.name}-app"
        reference = {"name": secret, "key": "username", "optional": False}
        main["env"] = [*main["env"], {"name": "APP_USERNAME", "valueFrom": {"secretKeyRef": reference}}]
    if role in ("full-recovery", "snapshot-recovery") and sidecar.beside_recovery:
        _with_sidecar(spec, sidecar, role, "restore")
    labels = {
        cnpg.INSTANCE_LABEL: instance,
        cnpg.CLUSTER_LABEL: source.name,
        cnpg.JOB_ROLE_LABEL: role,
        **source.app_labels,
        **source.inherited_labels,
    }
    template = {"metadata": {"labels": labels, "annotations": dict(source.annotations)}, "spec": spec}
    return source.bare("batch/v1", "Job", called, labels, spec={"template": template})


def _with_files_of_sql(source: Source, spec: Manifest) -> None:
    """Mounts the files of SQL that initdb runs, from Secrets and ConfigMaps: in every job, whatever its role."""
    main = spec["containers"][0]
    kinds = {"postInitApplicationSQLRefs": "application", "postInitTemplateSQLRefs": "template", "postInitSQLRefs": ""}
    mounts = list(main["volumeMounts"])
    for field, what in kinds.items():
        secrets = sequence(source.cluster, *_INITDB, field, "secretRefs")
        maps = sequence(source.cluster, *_INITDB, field, "configMapRefs")
        digits = len(str(len(secrets) + len(maps)))
        for place, reference in enumerate([*secrets, *maps]):
            if not isinstance(reference, Mapping):
                raise UnprojectableError((*_INITDB, field), "a list of references")
            file = f"{place:0{digits}}.sql"
            folder = f"post-init-{what}".rstrip("-")
            items = [{"key": reference.get("key"), "path": file}]
            held = (
                {"secret": {"secretName": reference.get("name"), "items": items}}
                if place < len(secrets)
                else {"configMap": {"name": reference.get("name"), "items": items}}
            )
            volume = f"{place:0{digits}}-{folder}-sql"
            spec["volumes"].append({"name": volume, **held})
            where = {"mountPath": f"/etc/{folder}-sql/{file}", "subPath": file, "readOnly": True}
            mounts.append({"name": volume, **where})
    main["volumeMounts"] = mounts


def _with_sidecar(spec: Manifest, sidecar: Sidecar, beside: str, argument: str) -> None:
    """Adds the barman plugin's sidecar: it has the main container's environment and volumes."""
    main = dict(spec["containers"][0])
    plugins = {"name": "plugins", "mountPath": "/plugins"}
    main["volumeMounts"] = [*main["volumeMounts"], plugins]
    spec["containers"] = [main, *spec["containers"][1:]]
    spec["volumes"] = [*spec["volumes"], *sidecar.volumes, {"name": "plugins", "emptyDir": {}}]
    by_name = {mount["name"]: mount for mount in [*sidecar.mounts, *main["volumeMounts"]]}
    container = {
        "name": barman.SIDECAR_CONTAINER,
        **sidecar.container(argument, main["env"], job=beside != CONTAINER),
        "volumeMounts": list(by_name.values()),
    }
    spec["initContainers"] = [*spec["initContainers"], container]
