"""The table of versions and the constants that other rooms build with."""

import itertools
import json

import pytest

from seawall.operators import annotations, cnpg, dragonfly, versions
from seawall.operators.versions import OwnBudget, OwnPolicy


@pytest.mark.parametrize(
    ("version", "budget", "policy"),
    [
        ("1.1.11", OwnBudget.NONE, OwnPolicy.NONE),
        ("v1.0.0", OwnBudget.NONE, OwnPolicy.NONE),
        ("1.2.0", OwnBudget.FIXED, OwnPolicy.NONE),
        ("1.4.0", OwnBudget.FIXED, OwnPolicy.NONE),
        ("1.5.0", OwnBudget.FIELD, OwnPolicy.EVERY_POD),
        ("v1.6.1", OwnBudget.FIELD, OwnPolicy.SAME_NAMESPACE),
    ],
)
def test_dragonfly_behaviour(version: str, budget: OwnBudget, policy: OwnPolicy) -> None:
    behaviour = versions.dragonfly_behaviour(version)
    assert behaviour is not None
    assert (behaviour.budget, behaviour.network_policy) == (budget, policy)


@pytest.mark.parametrize("version", ["1.1.12", "1.7.0", "2.0.0", "latest", "", "1"])
def test_an_unknown_version_is_no_guess(version: str) -> None:
    assert versions.dragonfly_behaviour(version) is None
    assert versions.dragonfly_combination(version) is None
    assert versions.cnpg_combination(version) is None


def test_ranges_do_not_overlap() -> None:
    rows = versions.DRAGONFLY_BEHAVIOURS
    assert all(earlier.last < later.first for earlier, later in itertools.pairwise(rows))


def test_the_platforms_own_combination_is_in_the_table() -> None:
    """Operator 1.6.1 with image v1.34.2, and CloudNativePG 1.30.0 with plugin 0.14.0 and PostgreSQL 16."""
    data = versions.dragonfly_combination(versions.DRAGONFLY_OPERATOR)
    assert data is not None
    image = versions.parse(versions.image_tag(versions.DRAGONFLY_IMAGE) or "")
    assert image is not None
    assert data.image_first <= image <= data.image_last
    database = versions.cnpg_combination(versions.CNPG_OPERATOR)
    assert database is not None
    assert versions.BARMAN_PLUGIN in database.plugins
    major = versions.parse(versions.image_tag(versions.POSTGRESQL_IMAGE) or "")
    assert major is not None
    assert database.postgresql_first <= major[0] <= database.postgresql_last


def test_every_plugin_that_goes_with_an_operator_has_a_row_that_says_what_installs_it() -> None:
    known = {row.version for row in versions.BARMAN_PLUGINS}
    assert known == {plugin for row in versions.CNPG_COMBINATIONS for plugin in row.plugins}
    ours = versions.barman_plugin(f"v{versions.BARMAN_PLUGIN}")
    assert ours is not None
    assert (ours.version, ours.chart) == ("0.14.0", "0.7.0")
    assert versions.barman_plugin("0.12.0") is None
    assert all(row.basis for row in versions.BARMAN_PLUGINS)


def test_operator_and_crd_are_of_one_version() -> None:
    rows = [*versions.DRAGONFLY_COMBINATIONS, *versions.CNPG_COMBINATIONS]
    assert rows
    assert all(row.crd == row.operator for row in rows)


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("ghcr.io/dragonflydb/dragonfly:v1.34.2", "v1.34.2"),
        ("registry:5000/a/b", None),
        ("registry:5000/a/b:1@sha256:aa", "1"),
        ("a@sha256:aa", None),
    ],
)
def test_image_tag(image: str, tag: str | None) -> None:
    assert versions.image_tag(image) == tag


def test_annotations_are_the_same_for_the_same_value() -> None:
    assert annotations.clients({"this": ["b", "a", "a"], "apps": [], "x": ["c"]}) == '{"this":["a","b"],"x":["c"]}'
    assert json.loads(annotations.operator(namespace="n", version="1.6.1")) == {"namespace": "n", "version": "1.6.1"}
    assert json.loads(annotations.scraper(namespace="n", labels={"a": "b"})) == {"namespace": "n", "labels": {"a": "b"}}
    assert json.loads(annotations.platform(cluster="infra", cni="cilium", cni_version="1.18"))["cluster"] == "infra"


@pytest.mark.parametrize(
    "arg",
    [
        "--admin_port=1",
        "-requirepass=x",
        "--tls",
        "--tls_cert_file=x",
        "port=1",
        " --dir=/x",
        "--noadmin_nopass",
        "--notls",
        "--flagfile=/x",
        "--fromenv=requirepass",
    ],
)
def test_arguments_that_belong_to_the_operator(arg: str) -> None:
    assert dragonfly.forbidden_arg(arg)


@pytest.mark.parametrize("arg", ["--maxmemory=1gb", "--cache_mode=true", "--dbfilename=dump", "--proactor_threads=2"])
def test_arguments_that_are_the_users(arg: str) -> None:
    assert dragonfly.forbidden_arg(arg) is None


def test_a_switch_that_is_turned_off_is_the_same_argument() -> None:
    assert dragonfly.arg_name("--nocache_mode") == dragonfly.arg_name("--cache_mode=false") == "cache_mode"
    assert dragonfly.arg_name("--notify_keyspace_events=Ex") == "notify_keyspace_events"
    assert dragonfly.arg_name("--no_tls_on_admin_port") == "no_tls_on_admin_port"


def test_names_of_a_cluster() -> None:
    assert cnpg.service_names("pg") == {"rw": "pg-rw", "ro": "pg-ro", "r": "pg-r"}
    assert cnpg.budget_names("pg", 3) == ("pg-primary", "pg")
    assert cnpg.budget_names("pg", 2) == ("pg-primary",)
    assert cnpg.budget_names("pg", 3, enable_pdb=False) == ()
    assert cnpg.dns_forms("p", "n")[-1] == "p.n.svc.cluster.local"
