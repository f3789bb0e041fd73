"""Every object of every stack and of the matrix of features fits its schema, and no field of it is unknown."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import feature_matrix
import pytest
from matrix_features import FEATURES
from matrix_objects import of_consumer, of_row
from pairwise import pairs, pairs_of
from schemas import SOURCES, has_crd, require, sources_of, validate, violations
from stack_objects import Manifest, objects
from stack_samples import CHECKOUT, changed

from seawall.components.base import Settings
from seawall.components.settings import SettingsError, StackSettings, load

STACKS = sorted(file.name.split(".")[1] for file in CHECKOUT.glob("Pulumi.*.yaml"))
ROWS = feature_matrix.rows()
FREE = frozenset(
    {
        *("annotations", "labels", "matchLabels", "nodeSelector"),
        *("limits", "requests"),  # of resources
        "parameters",  # of PostgreSQL, PgBouncer and plugins
    }
)
"""Maps whose keys are for whoever writes them; so is the `data` of a ConfigMap."""


@pytest.fixture(scope="module")
def of_stack() -> Callable[[str], list[Manifest]]:
    done: dict[str, list[Manifest]] = {}

    def get(stack: str) -> list[Manifest]:
        if stack not in done:
            done[stack] = objects(changed(stack=stack))
        return done[stack]

    return get


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("stack", STACKS)
def test_every_object_of_a_stack_fits_every_schema_that_there_is(
    stack: str, source: str, of_stack: Callable[[str], list[Manifest]]
) -> None:
    require(source)
    found = [manifest for manifest in of_stack(stack) if source in sources_of(manifest)]

    assert found or stack == "apps"
    assert {_told(manifest): violations(manifest, source) for manifest in found if violations(manifest, source)} == {}


@pytest.mark.parametrize("stack", STACKS)
def test_no_object_of_a_stack_is_without_a_schema(stack: str, of_stack: Callable[[str], list[Manifest]]) -> None:
    for source in SOURCES:
        require(source)
    assert {_told(manifest) for manifest in of_stack(stack) if not sources_of(manifest)} == set()
    for manifest in of_stack(stack):
        assert has_crd(manifest) == ("kubernetes" not in sources_of(manifest))


@pytest.mark.parametrize("name", ROWS)
def test_every_object_of_a_row_of_the_matrix_fits(name: str) -> None:
    assert of_row(name)
    assert bool(of_consumer(name)) == feature_matrix.has_consumers(ROWS[name])
    for manifest in (*of_row(name), *of_consumer(name)):
        validate(manifest)


def test_the_rows_hold_every_pair_that_means_something() -> None:
    features = {name: list(values) for name, values in FEATURES.items()}
    wanted = set(pairs(features, feature_matrix.IMPOSSIBLE, feature_matrix.MOOT))

    assert wanted <= {pair for row in ROWS.values() for pair in pairs_of(row, feature_matrix.MOOT)}
    assert len(wanted) > 3000
    assert not [told for row in ROWS.values() for told in feature_matrix.IMPOSSIBLE if told <= set(row.items())]


@pytest.mark.parametrize("excluded", feature_matrix.IMPOSSIBLE, ids=lambda choices: ", ".join(v for _, v in choices))
def test_the_settings_refuse_what_the_matrix_leaves_out(excluded: frozenset[tuple[str, str]], tmp_path: Path) -> None:
    defaults = {name: next(iter(values)) for name, values in FEATURES.items()}
    row = {**defaults, **dict(excluded)}

    with pytest.raises(SettingsError):
        load(feature_matrix.config_of(row))
        feature_matrix.write_producer(row, tmp_path)
        load(feature_matrix.consumer_of(row), tmp_path)


def test_every_value_of_a_feature_changes_something() -> None:
    base = feature_matrix.config_of({})
    for feature, values in FEATURES.items():
        made = [feature_matrix.config_of({feature: value}) for value in values]
        if feature not in ("client certificates", "latency from afar", "prepared statements"):
            load(made[0])
        assert made[0] == base, f"{feature}: the first value is the default"
        if feature != "latency from afar":
            assert all(config != base for config in made[1:]), feature


def test_every_optional_setting_is_a_feature() -> None:
    """A setting that nobody puts into the matrix would never be seen in an object: add it, with its values."""
    said = {path for config in _configurations() for path in _said(config, ())}

    missing = [
        ".".join(path)
        for path in _optional(StackSettings, ())
        if not any(len(path) == len(it) and all(a in ("*", b) for a, b in zip(path, it, strict=True)) for it in said)
    ]
    assert missing == []


def _configurations() -> Iterator[dict[str, Any]]:
    """One configuration for each value of each feature, and its consumer's."""
    defaults = {name: next(iter(values)) for name, values in FEATURES.items()}
    for feature, values in FEATURES.items():
        for value in values:
            row = {**defaults, feature: value}
            # A value may refine what another feature brings.
            row |= {"tls": "fetched"} if feature == "client certificates" else {}
            for config in (feature_matrix.config_of(row), feature_matrix.consumer_of(row)):
                yield {key.removeprefix("seawall:"): part for key, part in config.items()}


def _said(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The path of every key of a configuration; those of a list's items are the list's."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key)
            yield from _said(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from _said(item, path)


def _optional(model: type[Settings], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The path of every setting with a default; `*` is any name."""
    for name, field in model.model_fields.items():
        if not field.is_required():
            yield (*path, name)
        for inner, named in _models(field.annotation):
            yield from _optional(inner, (*path, name, "*") if named else (*path, name))


def _models(annotation: Any) -> Iterator[tuple[type[Settings], bool]]:
    """The models in a type, and whether they are the values of a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        yield annotation, False
    named = get_origin(annotation) is dict
    for part in get_args(annotation):
        yield from ((model, named or inner) for model, inner in _models(part))


def one_of_each_kind() -> dict[str, Manifest]:
    """The longest object of each kind in all stacks."""
    found: dict[str, Manifest] = {}
    for stack in STACKS:
        for manifest in objects(changed(stack=stack)):
            kind = manifest["kind"]
            if len(str(manifest)) > len(str(found.get(kind, ""))):
                found[kind] = manifest
    return found


@pytest.mark.parametrize("source", SOURCES)
def test_an_unknown_field_is_refused_at_every_depth(source: str) -> None:
    require(source)
    tried = 0
    for kind, manifest in one_of_each_kind().items():
        if source not in sources_of(manifest):
            continue
        assert violations(manifest, source) == []
        for path in _maps(manifest, ()):
            planted = copy.deepcopy(manifest)
            place: Any = planted
            for key in path:
                place = place[key]
            place["surprise"] = "1"
            tried += 1
            refused = any("surprise" in text for text in violations(planted, source))
            free = path == ("data",) or (bool(path) and path[-1] in FREE)
            assert refused != free, f"{kind} {'.'.join(map(str, path))}"
    assert tried > 20


@pytest.mark.parametrize(
    ("kind", "path", "wrong"),
    [
        ("CronJob", ("spec", "jobTemplate", "spec", "backoffLimit"), "often"),
        ("CronJob", ("spec", "jobTemplate", "spec", "template", "spec", "containers", 0, "image"), 5),
        ("PodDisruptionBudget", ("spec", "selector"), ["app"]),
        ("Cluster", ("spec", "postgresql", "parameters", "max_connections"), 260),
        ("Pooler", ("spec", "type"), "rwx"),
        ("ObjectStore", ("spec", "retentionPolicy"), "30 days"),
        ("Dragonfly", ("spec", "replicas"), "three"),
        ("ExternalSecret", ("spec", "data", 0, "remoteRef"), "kubernetes/infra"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(kind: str, path: tuple[str | int, ...], wrong: object) -> None:
    manifest = copy.deepcopy(next(it for it in objects(changed(stack="infra")) if it["kind"] == kind))
    place: Any = manifest
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = wrong

    with pytest.raises(AssertionError, match=rf"{kind} .*{path[-1]}"):
        validate(manifest)


def _maps(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    """The path of every map in a manifest, outermost first."""
    if isinstance(value, dict):
        yield path
        for key, item in value.items():
            yield from _maps(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _maps(item, (*path, index))


def _told(manifest: Manifest) -> str:
    return f"{manifest['kind']} {manifest['metadata'].get('namespace', '')}/{manifest['metadata']['name']}"
