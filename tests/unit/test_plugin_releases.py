"""Helm releases in the Kubernetes stand-in: which inputs are taken, and what counts as a change."""

from typing import Any

import pytest

from seawall.components.operators import releases as ours
from seawall.components.operators.settings import Operators
from seawall.sandbox.plugins.diagnostics import Diagnostics
from seawall.sandbox.plugins.difference import Change
from seawall.sandbox.plugins.errors import PluginError
from seawall.sandbox.plugins.kubernetes.releases import Releases
from seawall.sandbox.plugins.properties import UNKNOWN, Properties
from seawall.sandbox.plugins.standin import State

GOOD: dict[str, Any] = {
    "name": "operator",
    "chart": "oci://registry.example.org:5000/charts/operator",
    "version": "1.2.3",
    "namespace": "there",
    "values": {"replicaCount": 2.0, "anything": {"goes": [1]}},
    "createNamespace": False,
    "skipCrds": True,
    "atomic": True,
    "cleanupOnFail": True,
    "maxHistory": 10.0,
    "timeout": 600.0,
    "compat": "true",
}


class NamespacesDouble:
    """Stands in for the namespaces of a run: `there` exists, `declared` comes with the stack."""

    def exists(self, name: str) -> bool:
        return name == "there"

    def expected(self, name: str) -> bool:
        return name in ("there", "declared")


@pytest.fixture
def releases() -> Releases:
    return Releases(NamespacesDouble(), Diagnostics("kubernetes"))  # type: ignore[arg-type]


def refused(releases: Releases, **changed: object) -> dict[str, str]:
    values = {key: value for key, value in {**GOOD, **changed}.items() if value is not None}
    return {refusal.property: refusal.reason for refusal in releases.check(Properties(values)).refusals}


def test_what_our_component_gives_is_taken(releases: Releases) -> None:
    assert refused(releases) == {}
    assert refused(releases, version="v1.6.1", values=None, timeout=UNKNOWN) == {}


@pytest.mark.parametrize("missing", ["name", "chart", "version", "namespace"])
def test_what_makes_a_release_must_be_given(releases: Releases, missing: str) -> None:
    assert refused(releases, **{missing: None}) == {
        missing: f"{missing} must be given: the stand-in has no default for it"
    }


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("repositoryOpts", {"repo": "https://charts.example.org"}, "is not taken by the stand-in"),
        ("valueYamlFiles", [], "is not taken by the stand-in"),
        ("skipAwait", True, "is not taken by the stand-in"),
        ("cleanUpOnFail", True, "which takes: name, chart"),
        ("createNamespace", True, "must be false"),
        ("chart", "operator", "a chart in an OCI registry"),
        ("chart", "https://charts.example.org/operator.tgz", "a chart in an OCI registry"),
        ("version", "1.x", "one exact version"),
        ("version", "^1.2.0", "one exact version"),
        ("version", "1.2", "one exact version"),
        ("version", 1.2, "one exact version"),
        ("name", "Operator", "a name of lower-case letters"),
        ("name", "a" * 54, "at most 53 characters"),
        ("namespace", 3, "must be a text"),
        ("values", "replicaCount: 2", "must be an object"),
        ("atomic", "true", "must be true or false"),
        ("timeout", "10m", "whole number of seconds"),
        ("timeout", True, "whole number of seconds"),
        ("maxHistory", -1, "must be a whole number"),
        ("maxHistory", 1.5, "must be a whole number"),
    ],
)
def test_inputs_that_are_unknown_or_wrong_are_refused(releases: Releases, name: str, value: object, said: str) -> None:
    found = refused(releases, **{name: value})
    assert list(found) == [name]
    assert said in found[name]


def test_our_own_releases_are_taken(releases: Releases) -> None:
    from stack_samples import changed

    from seawall.components.settings import load

    settings = load(changed())
    operators: Operators = settings.operators
    for made in (
        ours.dragonfly_release(operators.dragonfly, settings.platform),
        ours.cnpg_release(operators.cnpg, settings.platform),
        ours.barman_release(operators.cnpg, settings.platform),
    ):
        spoken = {_camel(key): value for key, value in made.arguments.items()}
        assert releases.check(Properties(spoken)).refusals == []


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def changes(releases: Releases, ignored: tuple[tuple[str, ...], ...] = (), **changed: object) -> list[Change]:
    state = State("there/operator", Properties(GOOD), Properties(GOOD))
    return releases.diff(state, Properties({**GOOD, **changed}), list(ignored)).changes


def test_only_another_name_or_namespace_is_another_release(releases: Releases) -> None:
    assert changes(releases) == []
    assert changes(releases, version="1.2.4") == [Change(("version",), "update")]
    assert changes(releases, name="other") == [Change(("name",), "update", replace=True)]
    assert changes(releases, namespace="other") == [Change(("namespace",), "update", replace=True)]


def test_a_changed_value_is_shown_by_its_path(releases: Releases) -> None:
    values = {"replicaCount": 3.0, "anything": {"goes": [1]}}
    assert changes(releases, values=values) == [Change(("values", "replicaCount"), "update")]
    assert changes(releases, (("values",),), values=values) == []


def test_it_is_recorded_as_it_was_said(releases: Releases) -> None:
    inputs = Properties(GOOD, frozenset({("values", "anything")}))
    made = releases.create(inputs, preview=False)
    assert (made.id, made.outputs) == ("there/operator", inputs)
    assert releases.create(inputs, preview=True).id == ""
    assert releases.read(State(made.id, made.outputs, inputs)) == State(made.id, made.outputs, inputs)


def test_nothing_is_there_to_import(releases: Releases) -> None:
    assert releases.read(State("there/operator", Properties({}))) is None


def test_its_namespace_must_be_there(releases: Releases) -> None:
    declared, missing = (Properties({**GOOD, "namespace": name}) for name in ("declared", "nowhere"))
    assert releases.create(declared, preview=True).outputs == declared
    for inputs, preview in ((declared, False), (missing, False), (missing, True)):
        with pytest.raises(PluginError, match=r"namespace \w+ does not exist; declare it as a Namespace"):
            releases.create(inputs, preview=preview)
        with pytest.raises(PluginError, match="does not exist"):
            releases.update(inputs, preview=preview)
