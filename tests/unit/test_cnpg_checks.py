"""What the Postgres settings must agree on with the rest of the stack."""

from typing import Any

import pytest
from cnpg_samples import PLATFORM, POSTGRES, aws, changed

from seawall.components.cnpg.checks import backup_problems, cnpg_problems
from seawall.components.cnpg.settings import CnpgSettings
from seawall.components.operators import Operators
from seawall.components.platform import Platform

OPERATORS = Operators.model_validate(
    {
        "dragonfly": {"namespace": "dragonfly-operator-system", "version": "1.6.1"},
        "cnpg": {"namespace": "cnpg-system", "version": "1.30.0", "plugin": "0.14.0"},
    }
)


def settings(*changes: tuple[str, Any], namespace: str = "databases") -> CnpgSettings:
    return CnpgSettings.model_validate({"namespace": namespace, "clusters": {"main": changed(POSTGRES, *changes)}})


@pytest.mark.parametrize(
    ("changes", "platform", "where", "says"),
    [
        ([("instances", 4)], {}, "instances", "at most platform.nodes.count (3)"),
        ([("applications.shop.instances", 4)], {}, "applications.shop.instances", "nodes.count"),
        ([("applications.shop.clients", {"app": ["web"]})], {}, "applications.shop.clients.app", "did you mean `apps`"),
        ([("applications.shop.clients", {"infra": ["web"]})], {}, "applications.shop.clients.infra", "write `this`"),
        ([], {"cni": "generic", "peers": []}, "applications.shop.clients.apps", "no policy can name"),
        ([("image", "ghcr.io/cloudnative-pg/postgresql:13.1")], {}, "image", "PostgreSQL 14 to 18"),
        (
            [
                ("restore_drill", {"namespace": "cnpg-system", "schedule": "0 4 * * 0", "max_age": "8d"}),
                ("undrilled_reason", None),
            ],
            {},
            "restore_drill.namespace",
            "of its own",
        ),
    ],
)
def test_refused(changes: list[tuple[str, Any]], platform: dict[str, Any], where: str, says: str) -> None:
    found = list(cnpg_problems(Platform.model_validate({**PLATFORM, **platform}), settings(*changes), OPERATORS))
    assert [problem for problem in found if problem.key == f"cnpg.clusters.main.{where}" and says in problem.message], (
        found
    )


@pytest.mark.parametrize("namespace", ["cnpg-system", "dragonfly-operator-system"])
def test_data_does_not_live_with_an_operator(namespace: str) -> None:
    [problem] = cnpg_problems(Platform.model_validate(PLATFORM), settings(namespace=namespace), OPERATORS)
    assert (problem.key, problem.risk) == ("cnpg.namespace", "CNPG-OPS-001")


def test_the_sample_agrees() -> None:
    assert not list(cnpg_problems(Platform.model_validate(PLATFORM), settings(), OPERATORS))
    assert not list(backup_problems(aws(), settings()))


GENERIC = Platform.model_validate({**PLATFORM, "cni": "generic", "peers": []})


def test_a_backup_has_a_bucket() -> None:
    [problem] = backup_problems(aws(("buckets", {"others": {}})), settings())
    assert problem.key == "cnpg.clusters.main.backup.bucket"
    assert "(others)" in problem.message
    assert problem.risk == "CNPG-DATA-002"


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ("https://minio.storage.svc", "outside this cluster"),
        ("https://minio.storage.svc.cluster.local:9000", "outside this cluster"),
        ("https://192.0.2.7:9000", "must be a host name"),
    ],
)
def test_an_endpoint_that_no_rule_of_cilium_could_name_is_refused(endpoint: str, says: str) -> None:
    given = settings(("backup.endpoint", endpoint), ("backup.encryption", "AES256"))
    [problem] = cnpg_problems(Platform.model_validate(PLATFORM), given, OPERATORS)
    assert problem.key == "cnpg.clusters.main.backup.endpoint"
    assert says in problem.message
    local = settings(
        ("backup.endpoint", endpoint),
        ("backup.encryption", "AES256"),
        ("backup.egress", "world"),
        ("backup.egress_reason", "no rule can name hosts"),
        ("applications.shop.clients", {"this": ["shop"]}),
    )
    assert not list(cnpg_problems(GENERIC, local, OPERATORS))


def test_what_no_rule_can_name_is_said_to_be_open() -> None:
    local = settings(("applications.shop.clients", {"this": ["shop"]}))
    [problem] = cnpg_problems(GENERIC, local, OPERATORS)
    assert (problem.key, problem.risk) == ("cnpg.clusters.main.backup.egress", "CNPG-SEC-001")


def test_an_address_is_reached_where_everything_is() -> None:
    given = settings(
        ("backup.endpoint", "https://192.0.2.7:9000"),
        ("backup.encryption", "AES256"),
        ("backup.egress", "world"),
        ("backup.egress_reason", "the store has no name"),
    )
    assert not list(cnpg_problems(Platform.model_validate(PLATFORM), given, OPERATORS))


def test_credentials_are_of_the_kind_that_the_account_uses() -> None:
    without = settings(("secrets.backup_reader", None))
    [problem] = backup_problems(aws(), without)
    assert problem.key == "cnpg.clusters.main.secrets.backup_reader"
    roles = aws(("credentials", "irsa"), ("irsa", {"issuer": "https://oidc.example.org"}))
    assert not list(backup_problems(roles, without))
    own = settings(
        ("secrets.backup_reader", None), ("backup.endpoint", "https://minio"), ("backup.encryption", "AES256")
    )
    assert [problem.key for problem in backup_problems(roles, own)] == ["cnpg.clusters.main.secrets.backup_reader"]
