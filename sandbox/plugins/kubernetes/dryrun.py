"""Server-side dry run of one object, also when the API server cannot judge all of it yet."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from seawall.sandbox.plugins.diagnostics import Diagnostics
from seawall.sandbox.plugins.difference import related
from seawall.sandbox.plugins.errors import PluginError
from seawall.sandbox.plugins.kubernetes import placeholders
from seawall.sandbox.plugins.kubernetes.client import ApiError, ApiServer, Kind, field_manager
from seawall.sandbox.plugins.kubernetes.namespaces import Namespaces
from seawall.sandbox.plugins.kubernetes.objects import Identity, manifest_of
from seawall.sandbox.plugins.properties import UNKNOWN, Path, Properties, at, changed, has, leaves, parse, render


@dataclass(frozen=True)
class Subject:
    """The object of a dry run: what it is, what is applied, and how to speak about it."""

    identity: Identity
    kind: Kind
    inputs: Properties
    urn: str

    @property
    def manifest(self) -> dict[str, object]:
        """What is applied, unknown values included."""
        return manifest_of(self.inputs.values)


class DryRun:
    """Dry runs with one API server; warnings reach the engine as diagnostics."""

    def __init__(self, api: ApiServer, namespaces: Namespaces, diagnostics: Diagnostics) -> None:
        self._api = api
        self._namespaces = namespaces
        self._diagnostics = diagnostics

    def run(
        self, subject: Subject, live: Mapping[str, object] | None, *, renamed: bool = False
    ) -> dict[str, object] | None:
        """What the server would store; `None` (with a warning) when that depends on values not known yet.

        `live` is the existing object, whose values stand in for unknown ones. `renamed` judges the object under another
        name, for an object that will be deleted before. Raises `ApiError` with the server's message.
        """
        manifest = subject.manifest
        unknowns = [path for path, leaf in leaves(manifest) if leaf is UNKNOWN]
        if not unknowns:
            return self._apply(subject, manifest, renamed=renamed)
        values = self._stand_ins(subject, unknowns, live)
        names = ", ".join(render(path) for path in unknowns)
        try:
            result = self._apply(subject, placeholders.filled(manifest, values), renamed=renamed)
        except ApiError as error:
            if not self._only_because_of(error, subject, manifest, unknowns, renamed=renamed):
                raise
            self._diagnostics.say(
                "warning",
                f"{subject.identity} could not be dry-run: depends on {names}, which another resource makes; to a "
                f"stand-in value the API server said: {error.message}",
                subject.urn,
                note="unknown",
                secrets=subject.inputs.secret_strings,
            )
            return None
        self._diagnostics.say(
            "info",
            f"{subject.identity}: dry-run with a stand-in value for {names}, which is not known before the deployment",
            subject.urn,
            note="unknown",
        )
        tree = changed(result, lambda path, leaf: UNKNOWN if path in values else leaf)
        for path in unknowns:  # an unknown map or list, of which the server made something
            _set(tree, path)
        return tree if isinstance(tree, dict) else result

    def warn(self, subject: Subject, warnings: list[str]) -> None:
        """Show the API server's warnings beside the resource, verbatim."""
        for warning in warnings:
            self._diagnostics.say(
                "warning", warning, subject.urn, note="warning", secrets=subject.inputs.secret_strings
            )

    def _apply(self, subject: Subject, manifest: dict[str, object], *, renamed: bool) -> dict[str, object]:
        identity = subject.identity
        name, namespace = str(identity.name), identity.namespace
        used_name, used_namespace = name, namespace
        if renamed:
            used_name = f"{name[:40].rstrip('-.')}-preview"
        if subject.kind.namespaced and isinstance(namespace, str):
            used_namespace = self._namespaces.for_dry_run(namespace)
        document = _placed(manifest, used_name, used_namespace)
        pairs = {used_name: name, str(used_namespace): str(namespace)}
        borrowed = {used: real for used, real in pairs.items() if used != real}
        try:
            answer = self._api.apply(
                subject.kind,
                text(used_namespace),
                used_name,
                document,
                manager=field_manager(subject.urn),
                dry_run=True,
            )
        except ApiError as error:
            raise _respoken(error, borrowed) from error
        self.warn(subject, [_back(warning, borrowed) for warning in answer.warnings])
        return _placed(answer.document, name, namespace)

    def _stand_ins(
        self, subject: Subject, unknowns: list[Path], live: Mapping[str, object] | None
    ) -> dict[Path, object]:
        schemas: Mapping[str, object] = {}
        values: dict[Path, object] = {}
        for path in unknowns:
            if live is not None and has(live, path):
                values[path] = at(live, path)
                continue
            schemas = schemas or self._api.schemas(subject.identity.api_version)
            root = placeholders.root_schema(schemas, subject.identity.api_version, subject.identity.kind)
            values[path] = placeholders.stand_in(placeholders.schema_at(root, path, schemas), schemas)
        return values

    def _only_because_of(
        self, error: ApiError, subject: Subject, manifest: dict[str, object], unknowns: list[Path], *, renamed: bool
    ) -> bool:
        """Whether the server refuses only stand-in values: by the fields it names, by its words, else by a second try
        without them, to which an error of the program's own would be the same."""
        fields = [parse(cause.field) for cause in error.causes if cause.field not in ("", "<nil>")]
        if any(not any(related(field, path) for path in unknowns) for field in fields):
            return False
        if placeholders.MARK in error.message:
            return True
        if fields and all(any(field[: len(path)] == path for path in unknowns) for field in fields):
            return True
        try:
            self._apply(subject, placeholders.without(manifest, unknowns), renamed=renamed)
        except ApiError as second:
            return second.message != error.message
        return True


def text(value: object) -> str | None:
    """`value` when it is a string: a name or namespace that is known and there."""
    return value if isinstance(value, str) else None


def named(error: ApiError, identity: Identity, advice: str = "") -> PluginError:
    """`error` with the object in front and what to do behind; the API server's message is verbatim."""
    return PluginError(f"{identity}: {error.message}{advice}")


def _placed(document: dict[str, object], name: str, namespace: object) -> dict[str, object]:
    metadata = document.get("metadata")
    own = dict(metadata) if isinstance(metadata, dict) else {}
    own["name"] = name
    if namespace is not None:
        own["namespace"] = namespace
    return {**document, "metadata": own}


def _respoken(error: ApiError, names: Mapping[str, str]) -> ApiError:
    """`error` with the names that the dry run borrowed put back."""
    message = _back(error.message, names)
    spoken = ApiError(error.status, {"message": message, "reason": error.reason, "details": error.details})
    spoken.causes = [replace(cause, message=_back(cause.message, names)) for cause in error.causes]
    return spoken


def _back(words: str, names: Mapping[str, str]) -> str:
    for used, real in names.items():
        words = words.replace(used, real)
    return words


def _set(tree: object, path: Path) -> None:
    parent = at(tree, path[:-1])
    step = path[-1]
    if (isinstance(parent, dict) and step in parent) or (
        isinstance(parent, list) and isinstance(step, int) and step < len(parent)
    ):
        parent[step] = UNKNOWN  # type: ignore[index]  # a str for a dict and an int for a list
