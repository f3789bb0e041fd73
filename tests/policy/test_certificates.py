"""Which Certificate fills a Secret, when not all of them can be read."""

from typing import Any

import pytest
from rule_fixtures import DATA

from seawall.policy.estate.building import build, kube_object
from seawall.policy.estate.doors.folder import read_file
from seawall.policy.estate.objects import KubeObject, Origin
from seawall.policy.findings import Outcome
from seawall.policy.judging import judge
from seawall.policy.rules import load

RULES = [rule for rule in load() if rule.id == "CNPG-SEC-002"]
OWN = read_file(DATA / "CNPG-SEC-002" / "success.own-certificates.yaml").objects


def certificate(namespace: str, secret: Any) -> KubeObject:
    manifest = {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": "other", "namespace": namespace},
        "spec": {"secretName": secret, "issuerRef": {"name": "ca"}, "dnsNames": ["x"]},
    }
    made = kube_object(manifest, Origin())
    assert made is not None
    return made


def outcomes(*things: KubeObject) -> list[Outcome]:
    return [finding.outcome for finding in judge(build(things), RULES)]


def test_one_that_cannot_be_read_hides_no_other() -> None:
    assert outcomes(*OWN, certificate("databases", ["not", "a", "text"])) == []


@pytest.mark.parametrize(("namespace", "expected"), [("databases", [Outcome.NOT_EVALUATED]), ("elsewhere", [])])
def test_one_that_cannot_be_read_may_fill_any_secret_of_its_namespace(namespace: str, expected: list[Outcome]) -> None:
    pooler = [it for it in OWN if it.name == "pooler"]
    others = [it for it in OWN if it not in pooler]
    assert outcomes(*others) == [], "the names in a Secret that nobody issues cannot be seen"
    assert outcomes(*others, certificate(namespace, ["not", "a", "text"])) == expected
