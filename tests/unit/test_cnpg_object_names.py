"""No two Postgres clusters, and no two parts of one, make an object of the same kind and name."""

import copy
from collections import Counter
from typing import Any

import feature_matrix
import matrix_objects
import pytest
from stack_objects import objects
from stack_samples import changed, refusal

from seawall.components.cnpg.object_names import made_names
from seawall.components.settings import load
from seawall.operators.cnpg.names import LONGEST_POOLER

KINDS = {
    "DatabaseRole": "Database",
    "ExternalSecret": "Secret",
    "CiliumNetworkPolicy": "network policy",
    "ConfigMap": "CronJob",
}
"""Kind in the namespace → the row of the table that it shares."""
ELSEWHERE = ("Cluster", "ObjectStore", "Pooler", "Service", "ScheduledBackup")
"""Named like the cluster or the pooler alone, which a mapping and the check of the Services keep apart."""
ACCESS = ("Role", "RoleBinding", "Namespace")
"""One of each in the namespace, whatever clusters there are."""


def clusters(**applications: str) -> tuple[str, dict[str, Any]]:
    """A change to several small clusters, each with one application."""
    base = changed()["seawall:cnpg"]["clusters"]["shared-postgres"]
    names = {key: value for key, value in base["names"].items() if not key.endswith("old_hosts")}
    made = {}
    for index, (name, application) in enumerate(applications.items()):
        one = copy.deepcopy(base) | {"names": names}
        one["applications"] = {application: copy.deepcopy(base["applications"]["harbor"])}
        one["backup"]["prefix"] = f"folder-{index}"
        one.pop("restore_drill")
        one["undrilled_reason"] = "a test"
        made[name.replace("_", "-")] = one
    return "cnpg.clusters", made


@pytest.mark.parametrize(
    ("applications", "made"),
    [
        ({"shared": "postgres-x", "shared_postgres": "x"}, "Database shared-postgres-x"),
        ({"shared": "x", "shared_certs": "y"}, "PrometheusRule shared-certs"),
        ({"main": "ca", "main_role": "x"}, "Secret main-role-ca"),
    ],
)
def test_names_that_meet_are_refused(applications: dict[str, str], made: str) -> None:
    said = str(refusal(clusters(**applications)))
    assert f"would make the {made} here and for the cluster {next(iter(applications))}" in said


def test_names_that_only_begin_alike_are_not() -> None:
    load(changed(clusters(shared="x", shared_postgres="y", shared_postgres_17="z")))


@pytest.mark.parametrize("template", ["shared-postgres-primary", "shared-postgres-common"])
def test_a_pooler_takes_no_name_of_its_clusters_objects(template: str) -> None:
    """The operator's budgets and our policies are named after the cluster, a pooler's after the pooler."""
    where = "cnpg.clusters"
    _, made = clusters(shared_postgres="x")
    made["shared-postgres"]["names"] |= {"pooler": template}
    assert f"{template} twice" in str(refusal((where, made)))


def test_the_pods_of_the_longest_pooler_still_carry_its_whole_name() -> None:
    generated = 58  # characters before the last five, in the API server's own names
    assert LONGEST_POOLER + len("-0123456789-") == generated
    where, made = clusters(main="x")
    made["main"]["names"] |= {"pooler": "p" * LONGEST_POOLER}
    load(changed((where, made)))
    made["main"]["names"] |= {"pooler": "p" * (LONGEST_POOLER + 1)}
    assert "at most 46" in str(refusal((where, made)))


def test_the_table_knows_every_name_that_is_really_made() -> None:
    config = changed()
    cluster = load(config).cnpg
    assert cluster is not None
    known = set(made_names("shared-postgres", cluster.clusters["shared-postgres"]))
    found = [it for it in objects(config) if it["metadata"].get("namespace") == cluster.namespace]
    assert len(found) > 50
    for manifest in found:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        if kind in (*ELSEWHERE, *ACCESS, "Job"):
            continue
        assert (KINDS.get(kind, kind), name) in known, f"{kind} {name}"


@pytest.mark.parametrize("row", sorted(feature_matrix.rows()))
def test_no_object_is_made_twice(row: str) -> None:
    for made in (matrix_objects.of_row(row), matrix_objects.of_consumer(row)):
        names = Counter((it["kind"], it["metadata"].get("namespace"), it["metadata"]["name"]) for it in made)
        assert [name for name, count in names.items() if count > 1] == []
