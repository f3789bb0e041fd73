"""What is known of PgBouncer by the operator's version, and of the names that the operator makes."""

import pytest

from seawall.operators.cnpg import names, pgbouncer
from seawall.operators.cnpg.connections import slot_managers


@pytest.mark.parametrize(
    ("operator", "version"),
    [
        ("1.20.0", (1, 18, 0)),
        ("1.21.3", (1, 20, 1)),
        ("1.23.0", (1, 22, 1)),
        ("1.25.9", (1, 23, 0)),
        ("1.27.0", (1, 24, 1)),
        ("1.30.0", (1, 25, 1)),
        ("1.19.0", None),
        ("1.31.0", None),
        ("2.0.0", None),
        ("main", None),
    ],
)
def test_the_pgbouncer_of_an_operator(operator: str, version: tuple[int, int, int] | None) -> None:
    assert pgbouncer.shipped_with(operator) == version


def test_the_names_of_a_cluster() -> None:
    assert names.cluster_services("main") == ("main-rw", "main-ro", "main-r")
    assert set(names.cluster_secrets("main").values()) == {
        f"main-{purpose}" for purpose in ("ca", "pooler", "replication", "server", "app", "superuser")
    }


def test_one_instance_has_no_slots_to_look_after() -> None:
    assert [slot_managers(count) for count in (0, 1, 3)] == [0, 0, 2]
