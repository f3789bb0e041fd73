"""Helm releases: their inputs are checked and recorded in the state, and nothing is installed.

The stand-in has no Helm, and the sandbox runs the operators itself or not at all. So a release is what the program said
and no more: it has no outputs of its own, and the namespace it is for must be there as the vendor's plugin would ask.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Final

from seawall.sandbox.plugins.diagnostics import Diagnostics
from seawall.sandbox.plugins.difference import Change, Difference, compare, within
from seawall.sandbox.plugins.errors import PluginError, Refusal
from seawall.sandbox.plugins.kubernetes.namespaces import Namespaces
from seawall.sandbox.plugins.properties import UNKNOWN, Path, Properties
from seawall.sandbox.plugins.standin import Checked, State

TYPE: Final = "kubernetes:helm.sh/v3:Release"
NOTE: Final = "not-installed"
"""The kind of note by which the summary says so."""
_REQUIRED: Final = ("name", "chart", "version", "namespace")
_IDENTITY: Final = ("name", "namespace")
_VERSION: Final = re.compile(r"v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_REFERENCE: Final = re.compile(r"oci://[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)+")
_RELEASE_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_LONGEST_NAME: Final = 53  # Helm's limit: its charts add suffixes


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def _whole(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 and value == int(value)


def _release_name(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_NAME and bool(_RELEASE_NAME.fullmatch(value))


_INPUTS: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "name": (_release_name, f"a name of lower-case letters, digits, `-` and `.`, at most {_LONGEST_NAME} characters"),
    "chart": (
        lambda value: isinstance(value, str) and bool(_REFERENCE.fullmatch(value)),
        "a chart in an OCI registry, like oci://registry.example.org/charts/name",
    ),
    "version": (
        lambda value: isinstance(value, str) and bool(_VERSION.fullmatch(value)),
        "one exact version, like 1.2.3",
    ),
    "namespace": (_text, "a text"),
    "values": (lambda value: isinstance(value, dict), "an object"),
    "createNamespace": (lambda value: value is False, "false: the stand-in makes no namespaces by itself"),
    "skipCrds": (_flag, "true or false"),
    "atomic": (_flag, "true or false"),
    "cleanupOnFail": (_flag, "true or false"),
    "maxHistory": (_whole, "a whole number"),
    "timeout": (_whole, "a whole number of seconds"),
    "compat": (lambda value: value == "true", '"true", which the SDK itself sets'),
}
"""What is taken → whether a value is right, and what it must be. The vendor's plugin takes more."""


class Releases:
    """The Helm releases of a run."""

    def __init__(self, namespaces: Namespaces, diagnostics: Diagnostics) -> None:
        self._namespaces = namespaces
        self._diagnostics = diagnostics

    def check(self, news: Properties) -> Checked:
        """Refuses inputs that are missing, unknown or of the wrong kind, and says what will not happen."""
        refusals = [
            Refusal(name, f"{name} must be given: the stand-in has no default for it")
            for name in _REQUIRED
            if news.values.get(name) is None
        ]
        for name, value in news.values.items():
            if value is not None and value is not UNKNOWN:
                refusals += _wrong(name, value)
        if not refusals:
            self._diagnostics.note(NOTE, f"Helm release {_named(news.values)} is recorded, not installed")
        return Checked(news, refusals)

    def diff(self, state: State, news: Properties, ignored: list[Path]) -> Difference:
        """What the program says otherwise than before; another name or namespace is another release."""
        changes = compare(state.inputs.values or state.outputs.values, news.values)
        return Difference(
            [
                Change(change.path, change.kind, replace=change.path[0] in _IDENTITY)
                for change in changes
                if not within(change.path, ignored)
            ]
        )

    def create(self, inputs: Properties, *, preview: bool) -> State:
        """Records the release. Raises `PluginError` when its namespace is neither there nor declared by the stack."""
        self._need_namespace(inputs, preview=preview)
        name = "" if preview else f"{inputs.values['namespace']}/{inputs.values['name']}"
        return State(name, inputs)

    def read(self, state: State) -> State | None:
        """The release as it was recorded; none to import, as none is installed."""
        return state if state.inputs.values else None

    def update(self, news: Properties, *, preview: bool) -> Properties:
        """Records the new inputs."""
        self._need_namespace(news, preview=preview)
        return news

    def delete(self, state: State) -> None:
        """Forgets the release."""
        known = state.inputs.values or state.outputs.values
        self._diagnostics.note(NOTE, f"Helm release {_named(known)} is forgotten; it was never installed")

    def _need_namespace(self, inputs: Properties, *, preview: bool) -> None:
        namespace = inputs.values["namespace"]
        if not isinstance(namespace, str):
            return
        there = self._namespaces.expected(namespace) if preview else self._namespaces.exists(namespace)
        if not there:
            raise PluginError(
                f"Helm release {_named(inputs.values)}: namespace {namespace} does not exist; declare it as a "
                "Namespace and name it in depends_on"
            )


def _wrong(name: str, value: object) -> list[Refusal]:
    if name not in _INPUTS:
        known = ", ".join(_INPUTS)
        return [Refusal(name, f"{name} is not taken by the stand-in for Helm releases, which takes: {known}")]
    right, wanted = _INPUTS[name]
    return [] if right(value) else [Refusal(name, f"{name} is {json.dumps(value, default=repr)}, but must be {wanted}")]


def _named(values: Mapping[str, object]) -> str:
    return f"{values.get('namespace')}/{values.get('name')} ({values.get('chart')} {values.get('version')})"
