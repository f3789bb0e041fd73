"""No combination of settings renders an unsafe object.

Random settings over every feature of the matrix, with random names, clients and numbers beside them. Those that the
settings refuse are not rendered; the tests of refusals are elsewhere.
"""

import feature_matrix
import pytest
from feature_matrix import LONGEST, renamed
from hypothesis import HealthCheck, Phase, assume, example, given, settings
from hypothesis import strategies as st
from matrix_base import Config
from matrix_features import FEATURES
from matrix_objects import of_consumer, of_row
from pairwise import Row
from safety_estate import findings
from schemas import sources_of, violations
from stack_objects import objects_of, recorded

from seawall.components.settings import SettingsError, load

DEFAULTS: Row = {name: next(iter(values)) for name, values in FEATURES.items()}


def names(longest: int) -> st.SearchStrategy[str]:
    """Names as Services have them: of usual length, or as long as may be."""
    usual = st.from_regex(r"[a-z]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
    long = st.from_regex(rf"[a-z][-a-z0-9]{{{longest - 4},{longest - 2}}}[a-z0-9]", fullmatch=True)
    return st.one_of(usual, long)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """Any values of any features; what cannot go together is set back to the default, feature by feature."""
    row = {feature: draw(st.sampled_from(list(values))) for feature, values in FEATURES.items()}
    while conflicts := [told for told in feature_matrix.IMPOSSIBLE if told <= set(row.items())]:
        others = sorted(feature for feature, value in conflicts[0] if value != DEFAULTS[feature])
        row[draw(st.sampled_from(others)) if others else "cni"] = ""
        row = {feature: value or DEFAULTS[feature] for feature, value in row.items()}
    return row


@st.composite
def configurations(draw: st.DrawFn) -> Config:
    """A row of the matrix with numbers and names that nobody chose."""
    config = feature_matrix.config_of(draw(rows()))
    config["seawall:platform"]["nodes"]["count"] = nodes = draw(st.integers(3, 7))
    for dragonfly in config.get("seawall:dragonfly", {}).get("clusters", {}).values():
        _dragonfly(draw, dragonfly, nodes)
    for postgres in config.get("seawall:cnpg", {}).get("clusters", {}).values():
        _postgres(draw, postgres, nodes)
    given = draw(st.tuples(*(names(it) for it in LONGEST.values())).filter(lambda it: len(set(it)) == len(it)))
    return renamed(config, dict(zip(LONGEST, given, strict=True)))


def _dragonfly(draw: st.DrawFn, dragonfly: Config, nodes: int) -> None:
    dragonfly["replicas"] = replicas = draw(st.integers(2, nodes))
    if "min_available" in dragonfly or draw(st.booleans()):
        dragonfly["min_available"] = draw(st.integers(min(2, replicas - 1), replicas - 1))
    threads = draw(st.integers(1, 4))
    megabytes = draw(st.integers(256 * threads, 256 * threads + 4096))
    dragonfly["threads"] = threads
    dragonfly["maxmemory_bytes"] = megabytes * 1024**2
    limits = {"cpu": str(threads), "memory": f"{int(megabytes / 0.8) + 1}Mi"}
    dragonfly["resources"] = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": limits}


def _postgres(draw: st.DrawFn, postgres: Config, nodes: int) -> None:
    if postgres["instances"] > 1:
        postgres["instances"] = draw(st.integers(2, nodes))
    postgres["other_connections"] = draw(st.integers(15, 40))
    wanted = 3 + postgres["other_connections"]
    for application in postgres["applications"].values():
        application["instances"] = draw(st.integers(1, nodes))
        application["default_pool_size"] = pool = draw(st.integers(1, 12))
        application["min_pool_size"] = draw(st.integers(0, pool))
        application["reserve_pool_size"] = reserve = draw(st.integers(0, 4))
        wanted += (application["instances"] + 1) * 2 * (pool + reserve)
    # Sometimes too few: then nothing may be rendered.
    postgres["parameters"]["max_connections"] = str(wanted + draw(st.integers(-3, 40)))


LONG: Row = {**DEFAULTS, "former names": "served", "names": "ours", "drill": "weekly", "latency": "measured"}


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,  # the same examples everywhere: a red run can be repeated
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
@given(configurations())
@example(feature_matrix.config_of(LONG))
def test_no_settings_render_an_unsafe_object(config: Config) -> None:
    try:
        given_settings = load(config)
    except SettingsError:
        assume(False)
    made = objects_of(recorded(given_settings))

    assert findings(made, config) == {}
    wrong = {it["metadata"]["name"]: violations(it, sources_of(it)[0]) for it in made if sources_of(it)}
    assert {key: said for key, said in wrong.items() if said} == {}


def test_most_random_settings_are_accepted_and_some_are_not() -> None:
    """Else the property above would be about nothing."""
    seen = {"accepted": 0, "refused": 0}

    @settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(configurations())
    def count(config: Config) -> None:
        try:
            load(config)
        except SettingsError:
            seen["refused"] += 1
        else:
            seen["accepted"] += 1

    count()

    assert seen["accepted"] > seen["refused"] > 0


@pytest.mark.parametrize("row", feature_matrix.rows())
def test_no_row_of_the_matrix_renders_an_unsafe_object(row: str) -> None:
    assert findings(list(of_row(row)), feature_matrix.config_of(feature_matrix.rows()[row])) == {}


@pytest.mark.parametrize(
    "row", [name for name, row in feature_matrix.rows().items() if feature_matrix.has_consumers(row)]
)
def test_no_row_of_the_matrix_renders_an_unsafe_object_for_its_consumers(row: str) -> None:
    assert findings(list(of_consumer(row)), feature_matrix.consumer_of(feature_matrix.rows()[row])) == {}
