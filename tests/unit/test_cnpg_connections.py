"""Pool arithmetic: the sum is what PgBouncer can really open, and a stack that does not fit is refused."""

import pytest
from cnpg_samples import POSTGRES, changed, postgres
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from seawall.components.cnpg.application_settings import Application
from seawall.components.cnpg.cluster_settings import PostgresCluster
from seawall.components.cnpg.connections import demand, direct_demand, pooler_demand

TODAY = {
    name: {
        "pool_mode": mode,
        "instances": 3,
        "default_pool_size": size,
        "reserve_pool_size": reserve,
        "clients": {"this": [name]},
    }
    for name, mode, size, reserve in (
        ("harbor", "transaction", 25, 10),
        ("gitlab", "transaction", 25, 10),
        ("synergyflow", "transaction", 25, 10),
        ("keycloak", "session", 20, 5),
    )
}


def test_a_pooler_opens_pods_times_databases_times_pool_and_reserve() -> None:
    application = Application.model_validate(TODAY["keycloak"])
    # three pods and one that ends, its own database and the one that passwords are looked up in
    assert pooler_demand(application) == (3 + 1) * 2 * (20 + 5)
    assert application.max_db_connections == 25


def test_what_runs_today_is_refused_with_the_numbers() -> None:
    with pytest.raises(ValidationError) as refused:
        PostgresCluster.model_validate(changed(POSTGRES, ("applications", TODAY)))
    text = str(refused.value)
    assert "max_connections" in text
    assert "harbor 280 + gitlab 280 + synergyflow 280 + keycloak 200 + reserved 3 + others 15 = 1058" in text
    assert "CNPG-PERF-001" in text


def test_the_sum_is_held_against_what_the_parameters_say() -> None:
    cluster = postgres(("parameters.superuser_reserved_connections", "10"), ("other_connections", 20))
    found = demand(cluster.applications, cluster.parameters, cluster.other_connections)
    assert (found.poolers, found.reserved, found.others, found.limit) == (
        {"shop": 48, "single-sign-on": 80},
        10,
        20,
        200,
    )
    assert found.total == 158
    bare = demand(cluster.applications, {}, 1)
    assert (bare.reserved, bare.limit) == (3, 100)
    assert not bare.fits
    assert demand(cluster.applications, {"reserved_connections": "4"}, 1).reserved == 3 + 4


def test_whoever_comes_without_a_pooler_is_counted() -> None:
    found = direct_demand(applications=4, instances=3)
    assert found.parts == {
        "instance manager": 5,
        "replicas' slots": 2,
        "SQL Jobs": 4,
        "certificate probe": 1,
        "a person": 1,
    }
    assert found.total == 13
    assert direct_demand(applications=1, instances=1).total == 8


def test_fewer_other_connections_than_that_are_refused_with_the_numbers() -> None:
    PostgresCluster.model_validate(changed(POSTGRES, ("other_connections", 11)))
    with pytest.raises(
        ValidationError, match=r"must be at least 11: instance manager 5 \+ replicas' slots 2 \+ SQL Jobs 2"
    ):
        PostgresCluster.model_validate(changed(POSTGRES, ("other_connections", 10)))


def test_the_limit_itself_fits_and_one_less_does_not() -> None:
    PostgresCluster.model_validate(changed(POSTGRES, ("parameters.max_connections", "146")))
    with pytest.raises(ValidationError):
        PostgresCluster.model_validate(changed(POSTGRES, ("parameters.max_connections", "145")))


@given(instances=st.integers(1, 50), pool=st.integers(1, 500), reserve=st.integers(0, 500))
def test_no_single_moment_asks_for_more(instances: int, pool: int, reserve: int) -> None:
    given_settings = TODAY["harbor"] | {
        "instances": instances,
        "default_pool_size": pool,
        "reserve_pool_size": reserve,
        "max_client_conn": 10_000,
    }
    application = Application.model_validate(given_settings)
    assert pooler_demand(application) >= instances * (pool + reserve) * 2
    assert application.max_db_connections >= pool
