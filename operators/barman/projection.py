"""What the barman plugin adds to a Cluster: a sidecar in its pods, and a role. From the source of plugin 0.14.0."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seawall.operators import barman, versions
from seawall.operators.reading import UnprojectableError, mapping, sequence

Manifest = dict[str, Any]

_RESTRICTED: Manifest = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "privileged": False,
    "readOnlyRootFilesystem": True,
    "seccompProfile": {"type": "RuntimeDefault"},
    "capabilities": {"drop": ["ALL"]},
}
_CERTIFICATES = "barman-certificates"


@dataclass(frozen=True)
class Sidecar:
    """What the plugin puts beside PostgreSQL; the ObjectStores of the Cluster decide most of it."""

    names: tuple[str, ...]
    """The ObjectStores that the Cluster refers to: of its own archive, of its recovery, of its replica's source."""
    own: str | None
    recovery: str | None
    replica_source: str | None
    stores: Mapping[str, Mapping[str, Any]] | None
    unknown: Any

    @property
    def beside_instances(self) -> bool:
        """Whether instances have it: with an archive of their own, or as replicas that read one."""
        return self.own is not None or self.replica_source is not None

    @property
    def beside_recovery(self) -> bool:
        """Whether the job that restores has it."""
        return self.recovery is not None

    @property
    def volumes(self) -> list[Manifest]:
        """The volume with the authorities of the stores' endpoints, when one has its own."""
        sources = []
        for name in sorted(set(self.names)):
            authority = mapping(self._store(name) or {}, "spec", "configuration").get("endpointCA")
            if isinstance(authority, Mapping):
                items = [{"key": authority.get("key"), "path": f"{name}/barman-ca.crt"}]
                sources.append({"secret": {"name": authority.get("name"), "items": items}})
        return [{"name": _CERTIFICATES, "projected": {"sources": sources}}] if sources else []

    @property
    def mounts(self) -> list[Manifest]:
        """The mount of that volume."""
        return [{"name": _CERTIFICATES, "mountPath": "/barman-certificates"}] if self.volumes else []

    def container(self, argument: str, env: Any, *, job: bool) -> Manifest:
        """The sidecar without its name and mounts: a native one, with the main container's environment."""
        deciding = self.recovery if job else self.own or self.recovery or self.replica_source
        resources, extra, args = self._configured(deciding or "")
        return {
            "image": versions.barman_sidecar_image(versions.BARMAN_PLUGIN),
            "args": [argument, *([] if job else args)],
            "env": _merged(env, extra),
            "resources": resources,
            "restartPolicy": "Always",
            "securityContext": dict(_RESTRICTED),
        }

    def _configured(self, deciding: str) -> tuple[Any, list[Any], list[Any]]:
        """Resources, environment and arguments from the stores; resources are unknown when the store is."""
        env: list[Any] = []
        for name in (self.own, self.recovery, self.replica_source):
            store = self._store(name) if name is not None else None
            env += sequence(store, *_SIDECAR, "env") if store is not None else []
        store = self._store(deciding)
        if store is None:
            return self.unknown, env, []
        args = sequence(store, *_SIDECAR, "additionalContainerArgs")
        if mapping(store, "spec").get("instanceSidecarConfiguration") is not None:  # where there is one, it has a level
            args.append(f"--log-level={mapping(store, *_SIDECAR).get('logLevel') or 'info'}")
        return mapping(store, *_SIDECAR).get("resources") or {}, env, args

    def _store(self, name: str) -> Mapping[str, Any] | None:
        return (self.stores or {}).get(name)


_SIDECAR = ("spec", "instanceSidecarConfiguration")


def sidecar_of(cluster: Mapping[str, Any], stores: Mapping[str, Mapping[str, Any]] | None, *, unknown: Any) -> Sidecar:
    """What the plugin adds to a Cluster's pods. Raises `UnprojectableError` when a field that decides is not usable."""
    own = None
    for plugin in _plugins(cluster):
        if plugin.get("name") == barman.PLUGIN_NAME and plugin.get("enabled") is not False:
            own = _name_in(plugin, ("spec", "plugins"))
    recovery = _source(cluster, mapping(cluster, "spec", "bootstrap", "recovery").get("source"))
    replica = _source(cluster, mapping(cluster, "spec", "replica").get("source"))
    names = tuple(name for name in (own, recovery, replica) if name is not None)
    return Sidecar(names, own, recovery, replica, stores, unknown)


def rbac(cluster: str, namespace: str | None, stores: tuple[str, ...], secrets: tuple[str, ...]) -> list[Manifest]:
    """The Role and RoleBinding by which a Cluster's pods read their ObjectStores and the stores' Secrets."""
    name = f"{cluster}-barman-cloud"
    labels = {
        "barmancloud.cnpg.io/cluster": cluster,
        "app.kubernetes.io/name": "barman-cloud-plugin",
        "app.kubernetes.io/instance": cluster,
        "app.kubernetes.io/version": versions.BARMAN_PLUGIN,
        "app.kubernetes.io/component": "database",
        "app.kubernetes.io/managed-by": "plugin-barman-cloud",
    }
    metadata: Manifest = {"name": name, "labels": labels, **({"namespace": namespace} if namespace else {})}
    group = barman.API_VERSION.partition("/")[0]
    read = ["get", "watch", "list"]
    names = sorted(set(stores))
    rules = [
        {"apiGroups": [group], "verbs": read, "resources": ["objectstores"], "resourceNames": names},
        {"apiGroups": [group], "verbs": ["update"], "resources": ["objectstores/status"], "resourceNames": names},
        {"apiGroups": [""], "verbs": read, "resources": ["secrets"], "resourceNames": sorted(set(secrets))},
    ]
    subject = {"kind": "ServiceAccount", "name": cluster, **({"namespace": namespace} if namespace else {})}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    api = "rbac.authorization.k8s.io/v1"
    return [
        {"apiVersion": api, "kind": "Role", "metadata": metadata, "rules": rules},
        {"apiVersion": api, "kind": "RoleBinding", "metadata": metadata, "subjects": [subject], "roleRef": role},
    ]


def credential_secrets(store: Mapping[str, Any]) -> tuple[str, ...]:
    """The Secrets that an ObjectStore's credentials name."""
    found = []
    configuration = mapping(store, "spec", "configuration")
    for provider in ("s3Credentials", "azureCredentials", "googleCredentials"):
        for reference in (configuration.get(provider) or {}).values() if _is_mapping(configuration, provider) else ():
            if isinstance(reference, Mapping) and isinstance(reference.get("name"), str):
                found.append(reference["name"])
    return tuple(found)


def _is_mapping(holder: Mapping[str, Any], key: str) -> bool:
    return isinstance(holder.get(key), Mapping)


def _plugins(cluster: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = sequence(cluster, "spec", "plugins")
    if not all(isinstance(plugin, Mapping) for plugin in found):
        raise UnprojectableError(("spec", "plugins"), "a list of plugins")
    return found


def _source(cluster: Mapping[str, Any], called: Any) -> str | None:
    """The ObjectStore of the external cluster of this name, when it is read through the plugin."""
    if not called:
        return None
    for external in sequence(cluster, "spec", "externalClusters"):
        if isinstance(external, Mapping) and external.get("name") == called:
            plugin = external.get("plugin")
            if isinstance(plugin, Mapping) and plugin.get("name") == barman.PLUGIN_NAME:
                return _name_in(plugin, ("spec", "externalClusters"))
    return None


def _name_in(plugin: Mapping[str, Any], path: tuple[str, ...]) -> str | None:
    parameters = plugin.get("parameters")
    if parameters is not None and not isinstance(parameters, Mapping):
        raise UnprojectableError(path, "a list of plugins with a mapping of parameters")
    name = (parameters or {}).get("barmanObjectName")
    if name is not None and not isinstance(name, str):
        raise UnprojectableError(path, "a list of plugins with the name of an ObjectStore")
    return name or None


def _merged(env: Any, extra: list[Any]) -> Any:
    """The main container's environment, then what it has not yet: the plugin's own, then the stores'."""
    if not isinstance(env, list):
        return env
    own = {
        "SPOOL_DIRECTORY": "/controller/wal-restore-spool",
        "CUSTOM_CNPG_GROUP": "postgresql.cnpg.io",
        "CUSTOM_CNPG_VERSION": "v1",
    }
    merged = list(env)
    for entry in [*({"name": key, "value": value} for key, value in own.items()), *extra]:
        taken = {it.get("name") for it in merged if isinstance(it, Mapping)}
        if not (isinstance(entry, Mapping) and entry.get("name") in taken):
            merged.append(entry)
    return merged
