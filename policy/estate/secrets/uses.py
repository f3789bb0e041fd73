"""Which Secrets objects refer to, by which field, and what they expect to find in them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from seawall.operators import cnpg, dragonfly
from seawall.policy.estate.kinds import (
    CLUSTER,
    CRON_JOB,
    DAEMON_SET,
    DATABASE_ROLE,
    DEPLOYMENT,
    DRAGONFLY,
    JOB,
    OBJECT_STORE,
    POD,
    POOLER,
    REPLICA_SET,
    SERVICE_ACCOUNT,
    STATEFUL_SET,
    GroupKind,
)
from seawall.policy.estate.model import KubeObject
from seawall.policy.estate.values import CannotEvaluateError, View

BASIC_AUTH = "kubernetes.io/basic-auth"
_TLS_KEYS = (dragonfly.TLS_CERTIFICATE, dragonfly.TLS_PRIVATE_KEY)
_USER_KEYS = ("username", "password")
_CA = (cnpg.CA_KEY,)
_REGISTRY_KEYS = frozenset({".dockerconfigjson", ".dockercfg"})


@dataclass(frozen=True)
class SecretUse:
    """One reference to a Secret of the same namespace."""

    thing: KubeObject
    """The object that refers to it."""
    path: tuple[str, ...]
    """The field that names the Secret."""
    name: str
    keys: tuple[str, ...] = ()
    """Keys that must be there, all of them."""
    any_of: frozenset[str] = frozenset()
    """Keys of which one must be there."""
    type: str | None = None
    """The type that the Secret must have, None when any will do."""
    label: str | None = None
    """A label without which a changed Secret is not noticed."""
    optional: bool = False
    """Whether the object goes on without it."""


@dataclass(frozen=True)
class _Place:
    """A field that refers to a Secret."""

    names: Literal["key", "whole", "text", "volume", "volumeName"] = "whole"
    """What is there: `name` and `key`; `name`; the name itself; `secretName` or `name` with `items`."""
    keys: tuple[str, ...] = ()
    any_of: frozenset[str] = frozenset()
    type: str | None = None
    label: str | None = None


@dataclass
class _Node:
    """The places below a field; `[]` stands for the entries of a list."""

    place: _Place | None = None
    below: "dict[str, _Node]" = field(default_factory=dict)


def _tree(places: Mapping[str, _Place]) -> _Node:
    """Places by path, as a tree: only what an object has is looked at."""
    root = _Node()
    for path, place in places.items():
        node = root
        for key in path.replace("[]", ".[]").split("."):
            node = node.below.setdefault(key, _Node())
        node.place = place
    return root


class Uses:
    """The references of one object. One that cannot be read hides none of the others: `stumbled` holds the first."""

    def __init__(self, thing: KubeObject) -> None:
        """Reads `thing`; an object that refers to no Secrets has none."""
        self.found: list[SecretUse] = []
        self.stumbled: CannotEvaluateError | None = None
        self._thing = thing
        tree = _PLACES.get(thing.group_kind)
        if tree is not None:
            self._walk(thing.at(), tree)

    def _walk(self, view: View, node: _Node) -> None:
        try:
            if not view.present:
                return
            if node.place is not None:
                self._read(view, node.place)
        except CannotEvaluateError as problem:
            self.stumbled = self.stumbled or problem
            return
        for key, below in node.below.items():
            try:
                views = view.items() if key == "[]" else [view.at(key)]
            except CannotEvaluateError as problem:
                self.stumbled = self.stumbled or problem
                return
            for inner in views:
                self._walk(inner, below)

    def _read(self, view: View, place: _Place) -> None:
        named = view if place.names == "text" else view.at("secretName" if place.names == "volumeName" else "name")
        name = named.text()
        if not name:
            return
        keys, optional = place.keys, False
        if place.names != "text":
            optional = view.at("optional").boolean(default=False)
        if place.names == "key":
            key = view.at("key").text()
            keys = (key,) if key else ()
        elif place.names in ("volume", "volumeName"):
            keys = tuple(_item_keys(view))
        self.found.append(
            SecretUse(self._thing, named.path, name, keys, place.any_of, place.type, place.label, optional)
        )


def _item_keys(volume: View) -> Iterator[str]:
    """The keys that a volume takes out of a Secret; none when it takes what there is."""
    for item in volume.at("items").items():
        key = item.at("key").text()
        if key:
            yield key


_KEY: Final = _Place("key")
_REGISTRY: Final = _Place(any_of=_REGISTRY_KEYS)
_USER: Final = _Place(keys=_USER_KEYS, type=BASIC_AUTH)
_WATCHED_USER: Final = _Place(keys=_USER_KEYS, type=BASIC_AUTH, label=cnpg.RELOAD_LABEL)


def _environment(above: str) -> dict[str, _Place]:
    return {f"{above}.env[].valueFrom.secretKeyRef": _KEY, f"{above}.envFrom[].secretRef": _Place()}


def _volumes(above: str) -> dict[str, _Place]:
    return {
        f"{above}[].secret": _Place("volumeName"),
        f"{above}[].projected.sources[].secret": _Place("volume"),
        f"{above}[].csi.nodePublishSecretRef": _Place(),
    }


def _pod(above: str) -> dict[str, _Place]:
    """The places of a pod's `spec`."""
    return {
        **_environment(f"{above}.containers[]"),
        **_environment(f"{above}.initContainers[]"),
        **_volumes(f"{above}.volumes"),
        f"{above}.imagePullSecrets[]": _REGISTRY,
    }


def _object_store(above: str) -> dict[str, _Place]:
    """The credentials of an object store, alike in the plugin's and in the deprecated form."""
    fields = (
        *("s3Credentials.accessKeyId", "s3Credentials.secretAccessKey", "s3Credentials.region"),
        *("s3Credentials.sessionToken", "azureCredentials.connectionString", "azureCredentials.storageAccount"),
        *("azureCredentials.storageKey", "azureCredentials.storageSasToken"),
        *("googleCredentials.applicationCredentials", "endpointCA"),
    )
    return {f"{above}.{name}": _KEY for name in fields}


_CLUSTER_PLACES: Final[Mapping[str, _Place]] = {
    "spec.superuserSecret": _USER,
    "spec.managed.roles[].passwordSecret": _WATCHED_USER,
    **{f"spec.bootstrap.{method}.secret": _USER for method in ("initdb", "recovery", "pg_basebackup")},
    **{
        f"spec.bootstrap.initdb.{name}.secretRefs[]": _KEY
        for name in ("postInitApplicationSQLRefs", "postInitSQLRefs", "postInitTemplateSQLRefs")
    },
    "spec.bootstrap.recovery.backup.endpointCA": _KEY,
    "spec.certificates.serverTLSSecret": _Place("text", _TLS_KEYS, label=cnpg.RELOAD_LABEL),
    "spec.certificates.replicationTLSSecret": _Place("text", _TLS_KEYS, label=cnpg.RELOAD_LABEL),
    "spec.certificates.serverCASecret": _Place("text", _CA, label=cnpg.RELOAD_LABEL),
    "spec.certificates.clientCASecret": _Place("text", _CA, label=cnpg.RELOAD_LABEL),
    **{f"spec.externalClusters[].{name}": _KEY for name in ("password", "sslKey", "sslCert", "sslRootCert")},
    **_object_store("spec.externalClusters[].barmanObjectStore"),
    **_object_store("spec.backup.barmanObjectStore"),
    "spec.postgresql.ldap.bindSearchAuth.bindPassword": _KEY,
    "spec.monitoring.customQueriesSecret[]": _KEY,
    **_environment("spec"),
    "spec.projectedVolumeTemplate.sources[].secret": _Place("volume"),
    "spec.imagePullSecrets[]": _REGISTRY,
}
_DRAGONFLY_PLACES: Final[Mapping[str, _Place]] = {
    "spec.authentication.passwordFromSecret": _KEY,
    "spec.authentication.clientCaCertSecret": _KEY,
    "spec.aclFromSecret": _KEY,
    "spec.tlsSecretRef": _Place(keys=_TLS_KEYS),
    **_environment("spec"),
    **_environment("spec.initContainers[]"),
    **_environment("spec.additionalContainers[]"),
    **_volumes("spec.additionalVolumes"),
    "spec.imagePullSecrets[]": _REGISTRY,
}
_POOLER_PLACES: Final[Mapping[str, _Place]] = {
    "spec.pgbouncer.authQuerySecret": _Place(),
    "spec.pgbouncer.serverTLSSecret": _Place(keys=_TLS_KEYS),
    "spec.pgbouncer.clientTLSSecret": _Place(keys=_TLS_KEYS),
    "spec.pgbouncer.serverCASecret": _Place(keys=_CA),
    "spec.pgbouncer.clientCASecret": _Place(keys=_CA),
    **_pod("spec.template.spec"),
}
_TEMPLATED: Final = _tree(_pod("spec.template.spec"))

_PLACES: Final[Mapping[GroupKind, _Node]] = {
    DRAGONFLY: _tree(_DRAGONFLY_PLACES),
    CLUSTER: _tree(_CLUSTER_PLACES),
    POOLER: _tree(_POOLER_PLACES),
    DATABASE_ROLE: _tree({"spec.passwordSecret": _WATCHED_USER}),
    OBJECT_STORE: _tree({**_object_store("spec.configuration"), **_environment("spec.instanceSidecarConfiguration")}),
    SERVICE_ACCOUNT: _tree({"imagePullSecrets[]": _REGISTRY}),
    POD: _tree(_pod("spec")),
    **dict.fromkeys((DEPLOYMENT, STATEFUL_SET, REPLICA_SET, DAEMON_SET, JOB), _TEMPLATED),
    CRON_JOB: _tree(_pod("spec.jobTemplate.spec.template.spec")),
}
CONSUMERS: Final[tuple[GroupKind, ...]] = tuple(_PLACES)
"""The kinds that refer to Secrets."""
