"""The stand-in for pulumi-kubernetes: the engine's requests, by server-side apply."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from seawall.sandbox.plugins.difference import Change, Difference, compare, within
from seawall.sandbox.plugins.errors import CancelledError, PartialError, PluginError, Refusal
from seawall.sandbox.plugins.kubernetes import kubeconfig, objects, tokens
from seawall.sandbox.plugins.kubernetes.client import Answer, ApiError, ApiServer, Kind, field_manager
from seawall.sandbox.plugins.kubernetes.dryrun import DryRun, Subject, named, text
from seawall.sandbox.plugins.kubernetes.immutability import fixed_fields, immutable_fields, replacing
from seawall.sandbox.plugins.kubernetes.kinds import Kinds
from seawall.sandbox.plugins.kubernetes.namespaces import Namespaces, missing
from seawall.sandbox.plugins.kubernetes.releases import TYPE as RELEASE
from seawall.sandbox.plugins.kubernetes.releases import Releases
from seawall.sandbox.plugins.properties import NONE, Path, Properties, at, has, secret_paths_in
from seawall.sandbox.plugins.standin import Checked, StandIn, State, Target

DELETE_TIMEOUT_S = 300.0
_COMPARISONS = 3
_PROGRESS_S = 5.0
_PROPAGATION = "pulumi.com/deletionPropagationPolicy"


@dataclass(frozen=True)
class Comparison:
    """The live object, and what the server would make of the inputs (`None` when it could not judge them)."""

    live: dict[str, object]
    applied: dict[str, object] | None


class KubernetesStandIn(StandIn):
    """Kubernetes objects of any served kind on the sandbox's API server `server`."""

    package = "kubernetes"
    distribution = "pulumi-kubernetes"

    def __init__(self, server: str) -> None:
        super().__init__()
        self._server = server
        self._cancelled = threading.Event()
        self._compared: dict[str, tuple[str, Comparison]] = {}
        self._replacing: set[str] = set()
        self._api: ApiServer
        self._kinds: Kinds
        self._namespaces: Namespaces
        self._dry: DryRun
        self._releases: Releases
        self._default_namespace = "default"

    def check_config(self, inputs: Properties) -> list[Refusal]:
        """Only the sandbox's API server, by a named context, and no setting that would be ignored."""
        return kubeconfig.check(inputs, self._server)

    def configure(self, inputs: Properties) -> None:
        """Connect, and delete what a killed preview left behind."""
        connection = kubeconfig.connect(inputs)
        self._default_namespace = connection.namespace
        self._api = ApiServer(connection)
        self._kinds = Kinds(self._api)
        self._namespaces = Namespaces(self._api, self.diagnostics)
        self._dry = DryRun(self._api, self._namespaces, self.diagnostics)
        self._releases = Releases(self._namespaces, self.diagnostics)
        self._namespaces.collect_stale()
        self.diagnostics.note("simulated", "readiness of Kubernetes objects is not awaited")

    def check(self, target: Target, olds: Properties, news: Properties) -> Checked:
        """Refuses what the stand-in does not do; fills in apiVersion, kind and namespace."""
        if target.type == RELEASE:
            return self._releases.check(news)
        reason = tokens.refusal(target.type, news.values)
        if reason:
            return Checked(news, [Refusal("", reason)])
        api_version, kind = tokens.of_type(target.type)
        values = {"apiVersion": api_version, "kind": kind, **news.values}
        metadata = values.get("metadata")
        meta = dict(metadata) if isinstance(metadata, dict) else {}
        if not meta.get("name"):
            return Checked(news, [Refusal("metadata.name", _no_name(target, has(meta, ("generateName",))))])
        namespaced = self._kinds.namespaced(str(values["apiVersion"]), str(values["kind"]))
        if namespaced and not meta.get("namespace"):
            meta["namespace"] = self._default_namespace
        values["metadata"] = meta
        if (values["apiVersion"], values["kind"]) == ("v1", "Namespace"):
            self._namespaces.declare(values, target.urn)
        self._kinds.declare(values)
        return Checked(Properties(values, news.secrets))

    def diff(self, target: Target, state: State, news: Properties, ignored: list[Path]) -> Difference:
        """The live object against the server's own answer to a dry run, so that only real changes show."""
        if target.type == RELEASE:
            return self._releases.diff(state, news, ignored)
        old, new = objects.identity(state.inputs.values or state.outputs.values), objects.identity(news.values)
        moved = _moved(old, new)
        if moved:
            return Difference([Change(path, "update", replace=True) for path in moved])
        subject = self._subject(target, news)
        said = compare(objects.manifest_of(state.inputs.values), objects.manifest_of(news.values))
        if subject is None:
            return Difference(_kept(said, ignored))
        fixed = fixed_fields(new.kind, said)
        if fixed:
            self._replacing.add(target.urn)
            return Difference(_shown(replacing(said, fixed), news), delete_before_replace=True)
        try:
            compared = self._compare(subject)
        except ApiError as error:
            fields = immutable_fields(error)
            if fields is None:
                raise named(error, new, self._namespaces.advice(error, text(new.namespace))) from error
            self._replacing.add(target.urn)
            return Difference(_shown(replacing(said, fields), news), delete_before_replace=True)
        if compared is None:
            self.diagnostics.say("info", f"{new} is gone from the API server: it will be created again", target.urn)
            return Difference([Change(("metadata", "name"), "add")])
        if compared.applied is None:
            return Difference(_kept(said, ignored))
        changes = objects.real_changes(compared.live, compared.applied, said)
        return Difference(_shown(_kept(changes, ignored), news))

    def create(self, target: Target, inputs: Properties, *, preview: bool, timeout: float) -> State:
        """Applies an object that does not exist, or that an interrupted run of ours left."""
        if target.type == RELEASE:
            return self._releases.create(inputs, preview=preview)
        subject = self._subject(target, inputs)
        identity = objects.identity(inputs.values)
        if subject is None:
            if not preview:
                raise PluginError(self._kinds.missing(identity.api_version, identity.kind))
            self._undecided(identity, target)
            return State("", Properties(inputs.values, self._secrets(inputs.values, inputs)))
        live = self._live(subject)
        if live is not None and target.urn not in self._replacing:
            self._adopt(subject, live)
        if preview:
            renamed = target.urn in self._replacing and live is not None
            result = self._dry_run(subject, None if renamed else live, renamed=renamed)
            outputs = dict(inputs.values)
            if result is not None:
                outputs = objects.hide_computed(result, inputs.values, exists=live is not None and not renamed)
            return State(identity.id, Properties(outputs, self._secrets(outputs, inputs)))
        return State(identity.id, self._apply(subject))

    def read(self, target: Target, state: State) -> State | None:
        """The live object; its inputs are what the program said, with live values where they drifted."""
        if target.type == RELEASE:
            return self._releases.read(state)
        namespace, name = objects.split_id(state.id)
        known = state.inputs.values or state.outputs.values
        token_version, token_kind = tokens.of_type(target.type)
        api_version, kind_name = str(known.get("apiVersion", token_version)), str(known.get("kind", token_kind))
        kind = self._kinds.find(api_version, kind_name)
        live = self._api.get(kind, namespace, name) if kind else None
        if kind is None or live is None:
            return None
        if state.inputs.values:
            subject = Subject(objects.identity(state.inputs.values), kind, state.inputs, target.urn)
            try:
                compared = self._compare(subject)
            except PluginError:
                compared = Comparison(live, None)  # why it cannot be applied is for diff and update to say
            if compared is None:
                return None
            live = compared.live
            refreshed = objects.refreshed_inputs(state.inputs.values, live, compared.applied)
        else:
            refreshed = objects.imported_inputs(live)
        inputs = Properties(refreshed, self._secrets(refreshed, state.inputs))
        outputs = objects.outputs_of(live)
        return State(state.id, Properties(outputs, self._secrets(outputs, state.inputs)), inputs)

    def update(self, target: Target, state: State, news: Properties, *, preview: bool, timeout: float) -> Properties:
        """Applies the new inputs; fields that are no longer said are removed by the server."""
        if target.type == RELEASE:
            return self._releases.update(news, preview=preview)
        subject = self._subject(target, news)
        identity = objects.identity(news.values)
        if subject is None:
            if not preview:
                raise PluginError(self._kinds.missing(identity.api_version, identity.kind))
            self._undecided(identity, target)
            return Properties(news.values, self._secrets(news.values, news))
        if not preview:
            return self._apply(subject)
        live = self._live(subject)
        result = self._dry_run(subject, live)
        outputs = dict(news.values)
        if result is not None:
            outputs = objects.hide_computed(result, news.values, exists=live is not None)
        return Properties(outputs, self._secrets(outputs, news))

    def delete(self, target: Target, state: State, *, timeout: float) -> None:
        """Deletes with its dependents and waits until the object is gone."""
        if target.type == RELEASE:
            self._releases.delete(state)
            return
        namespace, name = objects.split_id(state.id)
        known = state.inputs.values or state.outputs.values
        token_version, token_kind = tokens.of_type(target.type)
        kind = self._kinds.find(str(known.get("apiVersion", token_version)), str(known.get("kind", token_kind)))
        self._compared.pop(target.urn, None)
        if kind is None:
            return  # the kind is no longer served, and its objects went with it
        policy = at(known, ("metadata", "annotations", _PROPAGATION), "foreground")
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": str(policy).capitalize()}
        try:
            live = self._api.get(kind, namespace, name)
            if live is None:
                return
            self._api.request("DELETE", kind.path(namespace, name), body=body)
        except ApiError as error:
            if error.status == 404:
                return
            raise PluginError(f"{kind.kind} {state.id}: {error.message}") from error
        self._await_gone(target, kind, namespace, name, at(live, ("metadata", "uid")), timeout or DELETE_TIMEOUT_S)
        if kind.kind == "Namespace":
            self._namespaces.forget(name)
        if kind.kind == "CustomResourceDefinition":
            self._kinds.refresh()

    def cancel(self) -> None:
        """Stop waiting for deletions."""
        self._cancelled.set()

    def close(self) -> None:
        """Delete the temporary namespaces."""
        if hasattr(self, "_namespaces"):
            self._namespaces.close()

    def _subject(self, target: Target, inputs: Properties) -> Subject | None:
        """The object of a request; `None` when it cannot be named or its kind is not served yet, but will be."""
        identity = objects.identity(inputs.values)
        kind = self._kinds.find(identity.api_version, identity.kind)
        if kind is None and not self._kinds.declares(identity.api_version, identity.kind):
            raise PluginError(self._kinds.missing(identity.api_version, identity.kind))
        return Subject(identity, kind, inputs, target.urn) if kind and identity.known else None

    def _live(self, subject: Subject) -> dict[str, object] | None:
        return self._api.get(subject.kind, text(subject.identity.namespace), str(subject.identity.name))

    def _dry_run(
        self, subject: Subject, live: dict[str, object] | None, *, renamed: bool = False
    ) -> dict[str, object] | None:
        try:
            return self._dry.run(subject, live, renamed=renamed)
        except ApiError as error:
            identity = subject.identity
            raise named(error, identity, self._namespaces.advice(error, text(identity.namespace))) from error

    def _compare(self, subject: Subject) -> Comparison | None:
        """The live object and a dry run of the inputs; `None` when there is no object. Asked once per run and inputs:
        a refresh reads, then compares, and then the program's own comparison comes, mostly with the same inputs."""
        fingerprint = json.dumps(subject.manifest, sort_keys=True, default=repr)
        before = self._compared.get(subject.urn)
        if before is not None and before[0] == fingerprint:
            return before[1]
        for _ in range(_COMPARISONS):
            live = self._live(subject)
            if live is None:
                return None
            compared = Comparison(live, self._dry.run(subject, live))
            version = at(live, ("metadata", "resourceVersion"))
            if compared.applied is None or at(compared.applied, ("metadata", "resourceVersion")) == version:
                break  # else a controller changed the object in between, and its change would look like ours
        self._compared[subject.urn] = (fingerprint, compared)
        return compared

    def _adopt(self, subject: Subject, live: dict[str, object]) -> None:
        """Raises unless the existing object was applied by a run of ours that ended before the state knew it."""
        identity = subject.identity
        if not objects.applied_by(field_manager(subject.urn), live):
            raise PluginError(
                f"{identity} exists already and was not made by this stack: import it "
                f"(pulumi import {subject.urn.split('::')[2].split('$')[-1]} NAME {identity.id}), delete it, or choose "
                "another name"
            )
        taken = (
            f"{identity} exists already, made by this stack and not in its state (kept, or cut short): it is taken over"
        )
        self.diagnostics.say("info", taken, subject.urn, note="adopted")

    def _apply(self, subject: Subject) -> Properties:
        identity = subject.identity
        namespace = text(identity.namespace)
        self._compared.pop(subject.urn, None)
        self._replacing.discard(subject.urn)

        def apply() -> Answer:
            return self._api.apply(
                subject.kind,
                namespace,
                str(identity.name),
                subject.manifest,
                manager=field_manager(subject.urn),
                dry_run=False,
            )

        try:
            try:
                answer = apply()
            except ApiError as error:
                if namespace is None or not missing(error) or not self._namespaces.came(namespace):
                    raise
                answer = apply()
        except ApiError as error:
            raise named(error, identity, self._namespaces.advice(error, namespace)) from error
        self._dry.warn(subject, answer.warnings)
        live = self._live(subject)
        if live is None:
            raise PluginError(
                f"{identity} was applied, but the API server does not have it: something deleted it at once"
            )
        outputs = objects.outputs_of(live)
        secrets = self._secrets(outputs, subject.inputs)
        if identity.kind == "Namespace":
            self._namespaces.created(str(identity.name))
        if identity.kind == "CustomResourceDefinition":
            reason = self._kinds.await_served(subject.inputs.values, self._cancelled)
            if reason:
                raise PartialError(identity.id, [f"{identity}: {reason}"], outputs, secrets)
        return Properties(outputs, secrets)

    def _undecided(self, identity: objects.Identity, target: Target) -> None:
        reason = f"{identity} could not be dry-run: {self._kinds.pending(identity)}"
        self.diagnostics.say("warning", reason, target.urn, note="unknown")

    def _await_gone(
        self, target: Target, kind: Kind, namespace: str | None, name: str, uid: object, timeout: float
    ) -> None:
        started, pause, said = time.monotonic(), 0.02, 0.0
        while True:
            live = self._api.get(kind, namespace, name)
            if live is None or at(live, ("metadata", "uid")) != uid:
                return
            waited = time.monotonic() - started
            what = f"{kind.kind} {namespace + '/' if namespace else ''}{name}"
            if waited > timeout:
                raise PluginError(f"{what} is still there {waited:.0f} s after its deletion: {_why(live)}")
            if self._cancelled.wait(pause):
                raise CancelledError(f"{what}: interrupted while its deletion went on")
            if waited > said + _PROGRESS_S:
                said = waited
                self.diagnostics.progress(f"waiting for the deletion: {_why(live)} ({waited:.0f} s)", target.urn)
            pause = min(pause * 1.5, 0.5)

    def _secrets(self, outputs: Mapping[str, object], inputs: Properties) -> frozenset[Path]:
        said = Properties(objects.manifest_of(inputs.values), inputs.secrets) if inputs is not NONE else NONE
        return secret_paths_in(outputs, inputs) | secret_paths_in(outputs, said) | objects.secret_outputs(outputs)


def _no_name(target: Target, generated: bool) -> str:
    also = "; generateName is not taken either" if generated else ""
    return (
        f"metadata.name must be given: the stand-in makes up no names, as the vendor's plugin does for {target.name!r}"
        f"{also}"
    )


def _moved(old: objects.Identity, new: objects.Identity) -> list[Path]:
    """The fields that make `new` another object than `old`. A new version of the same API group does not."""
    pairs: list[tuple[Path, object, object]] = [
        (("apiVersion",), old.group, new.group),
        (("kind",), old.kind, new.kind),
        (("metadata", "namespace"), old.namespace, new.namespace),
        (("metadata", "name"), old.name, new.name),
    ]
    return [path for path, before, after in pairs if before != after]


def _kept(changes: list[Change], ignored: list[Path]) -> list[Change]:
    return [change for change in changes if not within(change.path, ignored)]


def _shown(changes: list[Change], news: Properties) -> list[Change]:
    """`changes` with the values of a Secret under the name that the program used for them."""

    def path(change: Change) -> Path:
        plain = ("stringData", *change.path[1:])
        return plain if change.path[:1] == ("data",) and has(news.values, plain) else change.path

    return [Change(path(change), change.kind, change.replace) for change in changes]


def _why(live: Mapping[str, object]) -> str:
    """What keeps a deleted object: the conditions of a namespace that is being emptied, or finalizers."""
    conditions = at(live, ("status", "conditions"))
    open_ = [
        str(c.get("message"))
        for c in (conditions if isinstance(conditions, list) else [])
        if isinstance(c, dict) and c.get("status") == "True" and str(c.get("type", "")).startswith("Namespace")
    ]
    finalizers = at(live, ("metadata", "finalizers")) or at(live, ("spec", "finalizers"))
    if open_:
        return "; ".join(open_)
    return f"finalizers {finalizers} are not done" if finalizers else "the API server is still deleting it"
