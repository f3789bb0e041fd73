"""Kubernetes objects as plain documents: identity, what is compared, what reaches the state. Pure functions."""

import base64
import copy
from collections.abc import Mapping
from dataclasses import dataclass

from seawall.sandbox.plugins.difference import Change, compare, related, same
from seawall.sandbox.plugins.errors import PluginError
from seawall.sandbox.plugins.kubernetes.quantity import equal_quantities
from seawall.sandbox.plugins.properties import UNKNOWN, Path, Unknown, at, changed, has

# Written by the server on every change; never said by a program, so neither compared nor kept in the state.
_VOLATILE = ("managedFields", "resourceVersion", "generation", "selfLink")
_BORN = ("uid", "creationTimestamp")  # of one object for ever, of a dry run at random
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"  # a copy of the object, secret values included


@dataclass(frozen=True)
class Identity:
    """What makes an object that object. `name` or `namespace` is `UNKNOWN` when another resource decides it."""

    api_version: str
    kind: str
    namespace: str | Unknown | None
    name: str | Unknown

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def id(self) -> str:
        """The Pulumi id: `namespace/name`, or `name` for an object of the whole cluster."""
        return f"{self.namespace}/{self.name}" if self.namespace else str(self.name)

    @property
    def known(self) -> bool:
        """Whether both name and namespace are known."""
        return UNKNOWN not in (self.name, self.namespace)

    def __str__(self) -> str:
        return f"{self.kind} {self.id}" if self.known else f"{self.kind} whose name is not known yet"


def identity(manifest: Mapping[str, object]) -> Identity:
    """The identity of a manifest that `Check` accepted."""
    metadata = manifest.get("metadata")
    meta = metadata if isinstance(metadata, dict) else {}
    namespace, name = meta.get("namespace"), meta.get("name")
    return Identity(
        str(manifest.get("apiVersion")),
        str(manifest.get("kind")),
        namespace if isinstance(namespace, (str, Unknown)) else None,
        name if isinstance(name, Unknown) else str(name),
    )


def manifest_of(inputs: Mapping[str, object]) -> dict[str, object]:
    """What is applied for `inputs`: a copy, with `stringData` of a Secret as `data`.

    The server keeps no `stringData`, so applying it would leave keys behind that were taken out of it.
    """
    manifest = copy.deepcopy(dict(inputs))
    strings = manifest.get("stringData")
    if _is_secret(manifest) and isinstance(strings, dict):
        del manifest["stringData"]
        data = manifest.get("data")
        encoded = {k: v if v is UNKNOWN else _base64(str(v)) for k, v in strings.items()}
        manifest["data"] = {**(data if isinstance(data, dict) else {}), **encoded}
    return manifest


def comparable(document: Mapping[str, object]) -> dict[str, object]:
    """`document` without `status` and what the server writes by itself in `metadata`."""
    return _without(document, (*_VOLATILE, *_BORN))


def real_changes(live: Mapping[str, object], applied: Mapping[str, object], said: list[Change]) -> list[Change]:
    """What applying would change in the live object.

    A quantity in another spelling is no change as long as the program `said` nothing new about it: a webhook that
    writes `1` for `1000m` when an object is created need not do so when it is updated.
    """
    return [
        change
        for change in compare(comparable(live), comparable(applied))
        if not equal_quantities(at(live, change.path), at(applied, change.path))
        or any(related(change.path, new.path) for new in said)
    ]


def _without(document: Mapping[str, object], fields: tuple[str, ...]) -> dict[str, object]:
    result = {key: value for key, value in document.items() if key != "status"}
    metadata = document.get("metadata")
    if isinstance(metadata, dict):
        result["metadata"] = {key: value for key, value in metadata.items() if key not in fields}
    return result


def outputs_of(document: Mapping[str, object]) -> dict[str, object]:
    """What the state keeps of an object: no status, no server's bookkeeping, no copy of the object by kubectl."""
    result = _without(document, _VOLATILE)
    metadata = result["metadata"]
    if isinstance(metadata, dict) and isinstance(metadata.get("annotations"), dict):
        annotations = {k: v for k, v in metadata["annotations"].items() if k != _LAST_APPLIED}
        result["metadata"] = {k: v for k, v in metadata.items() if k != "annotations"} | (
            {"annotations": annotations} if annotations else {}
        )
    return result


def secret_outputs(outputs: Mapping[str, object]) -> frozenset[Path]:
    """The paths that are secret whatever the program said: the values of a Secret."""
    return frozenset({("data",)}) if _is_secret(outputs) and "data" in outputs else frozenset()


def imported_inputs(document: Mapping[str, object]) -> dict[str, object]:
    """The inputs that an import writes down: everything that a person could have said."""
    result = outputs_of(document)
    metadata = result["metadata"]
    if isinstance(metadata, dict):
        result["metadata"] = {k: v for k, v in metadata.items() if k not in _BORN}
    return result


def refreshed_inputs(
    inputs: Mapping[str, object], live: Mapping[str, object], applied: Mapping[str, object] | None
) -> dict[str, object]:
    """`inputs` with the live value wherever the object drifted from them, and no field that the program did not say.

    `applied` is what the server would make of `inputs`: where it equals the live object nothing drifted, however the
    server spells the value (`1000m` and `1`). Without it every differing value counts as drift.
    """
    fresh = _refreshed({k: v for k, v in inputs.items() if k != "stringData"}, live, applied)
    result = fresh if isinstance(fresh, dict) else dict(inputs)
    strings = inputs.get("stringData")
    if isinstance(strings, dict):
        data = at(live, ("data",))
        result["stringData"] = {
            k: base64.b64decode(str(data[k])).decode(errors="replace")
            for k in strings
            if isinstance(data, dict) and k in data
        }
    return result


def _refreshed(said: object, live: object, applied: object) -> object:
    if applied is not None and (same(live, applied) or equal_quantities(live, applied)):
        return said
    if isinstance(said, dict) and isinstance(live, dict):
        return {k: _refreshed(v, live[k], at(applied, (k,))) for k, v in said.items() if k in live}
    if isinstance(said, list) and isinstance(live, list) and len(said) == len(live):
        return [_refreshed(v, live[i], at(applied, (i,))) for i, v in enumerate(said)]
    return live


def applied_by(manager: str, document: Mapping[str, object]) -> bool:
    """Whether a field manager applied the object: for that of a stack, an earlier run of this stack made it."""
    managers = at(document, ("metadata", "managedFields"))
    return any(
        isinstance(entry, dict) and entry.get("manager") == manager and entry.get("operation") == "Apply"
        for entry in (managers if isinstance(managers, list) else [])
    )


def hide_computed(result: dict[str, object], inputs: Mapping[str, object], *, exists: bool) -> dict[str, object]:
    """The outputs of a preview: what only the deployment decides is `UNKNOWN`, unless the program said it."""
    uid = at(result, ("metadata", "uid"))

    def hidden(path: Path, leaf: object) -> object:
        if has(inputs, path):
            return leaf
        if leaf == uid and uid is not None:
            return UNKNOWN
        computed = path == ("metadata", "creationTimestamp") or (
            result.get("kind") == "Service"
            and (path[:2] in _SERVICE_COMPUTED or (path[:2] == ("spec", "ports") and path[-1] == "nodePort"))
        )
        return UNKNOWN if computed else leaf

    hidden_result = outputs_of(result)
    if exists:
        return hidden_result
    tree = changed(hidden_result, hidden)
    return tree if isinstance(tree, dict) else hidden_result


_SERVICE_COMPUTED = {("spec", "clusterIP"), ("spec", "clusterIPs"), ("spec", "healthCheckNodePort")}


def split_id(id_: str) -> tuple[str | None, str]:
    """Namespace and name in a Pulumi id. Raises `PluginError` for anything but `name` and `namespace/name`."""
    parts = id_.split("/")
    if not all(parts) or len(parts) > 2:
        raise PluginError(
            f"{id_!r} is not the id of a Kubernetes object: say namespace/name, or name without namespace"
        )
    return (parts[0], parts[1]) if len(parts) == 2 else (None, parts[0])


def _is_secret(document: Mapping[str, object]) -> bool:
    return document.get("apiVersion") == "v1" and document.get("kind") == "Secret"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
