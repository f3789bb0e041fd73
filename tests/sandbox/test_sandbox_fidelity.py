"""The projection equals what the real CloudNativePG operator and its real barman plugin make, field by field.

`fidelity_cases.py` has the Clusters and Poolers, `cnpg_table.py` every exception with its reason.
"""

import base64
import copy
from collections.abc import Iterator

import cnpg_digest
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID
from fidelity import Case, as_made, compare, run
from fidelity_cases import CASES
from fidelity_walk import Comparison
from stack_in_sandbox import api_of, place

from seawall.operators.cnpg.projection import server_names
from seawall.sandbox.cluster import Sandbox

pytestmark = pytest.mark.timeout(600, func_only=True)


@pytest.fixture(scope="module")
def cases(sandbox: Sandbox) -> Iterator[list[Case]]:
    api = api_of(sandbox.endpoints)
    with place(api) as here:
        yield run(api, here)


@pytest.fixture(scope="module")
def comparison(cases: list[Case]) -> Comparison:
    return compare(cases)


def test_the_projection_is_what_the_operator_makes(comparison: Comparison) -> None:
    assert comparison.differences == []


def test_the_digest_is_what_the_operator_makes(cases: list[Case], tmp_path_factory: pytest.TempPathFactory) -> None:
    made = {}
    for case in cases:
        namespace = case.real["Secret", "pg-server"]["metadata"]["namespace"]
        made[case.name] = cnpg_digest.digest({key: as_made(real) for key, real in case.real.items()}, namespace)
    new = tmp_path_factory.mktemp("digest", numbered=True) / cnpg_digest.FILE.name
    new.write_text(cnpg_digest.write(made), encoding="utf-8")
    assert new.read_text(encoding="utf-8") == cnpg_digest.FILE.read_text(encoding="utf-8"), f"copy {new} over it"


def test_every_exception_is_needed(comparison: Comparison) -> None:
    assert comparison.unused() == []


COMPARED = {
    "Pod": {
        "metadata.labels.cnpg.io/podRole",
        "spec.containers[].securityContext.readOnlyRootFilesystem",
        "spec.initContainers[].securityContext.capabilities.drop[]",
        "spec.initContainers[].resources.limits.memory",
        "spec.initContainers[].env[].value",
        "spec.securityContext.fsGroup",
        "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[].topologyKey",
        "spec.volumes[].projected.sources[].secret.name",
        "spec.serviceAccountName",
    },
    "Job": {
        "spec.template.metadata.labels.cnpg.io/jobRole",
        "spec.template.spec.containers[].securityContext.seccompProfile.type",
        "spec.template.spec.initContainers[].restartPolicy",
        "spec.template.spec.serviceAccountName",
    },
    "Service": {"spec.selector.cnpg.io/instanceRole", "spec.type", "spec.ports[].port"},
    "PodDisruptionBudget": {"spec.minAvailable", "spec.selector.matchLabels.cnpg.io/instanceRole"},
    "Deployment": {
        "spec.replicas",
        "spec.strategy.rollingUpdate.maxSurge",
        "spec.template.metadata.labels.cnpg.io/poolerName",
        "spec.template.spec.containers[].securityContext.allowPrivilegeEscalation",
        "spec.template.spec.securityContext.runAsUser",
    },
    "Secret": {"type", "metadata.labels.cnpg.io/reload"},
    "PodMonitor": {"spec.podMetricsEndpoints[].port", "spec.selector.matchLabels.cnpg.io/poolerName"},
    "ServiceAccount": {"metadata.annotations.role"},
    "RoleBinding": {"subjects[].name", "roleRef.name"},
}


@pytest.mark.parametrize("kind", COMPARED)
def test_what_rules_read_was_compared(kind: str, comparison: Comparison) -> None:
    assert COMPARED[kind] <= comparison.compared[kind]


def test_the_keys_of_secrets(cases: list[Case]) -> None:
    compared = 0
    for case in cases:
        for key, projected in case.projected.items():
            if key[0] == "Secret":
                assert set(projected["data"]) == set(case.real[key]["data"]), f"{case.name}: {key}"
                compared += 1
    assert compared > len(CASES)


def test_what_the_plugins_role_reads(cases: list[Case]) -> None:
    roles = [(case, key) for case in cases for key in case.projected if key == ("Role", "pg-barman-cloud")]
    assert len(roles) >= 3
    for case, key in roles:
        assert case.real[key]["rules"] == case.projected[key]["rules"], case.name


def test_the_names_in_the_server_certificate(cases: list[Case]) -> None:
    for case in cases:
        secret = case.real["Secret", "pg-server"]
        certificate = x509.load_pem_x509_certificate(base64.b64decode(secret["data"]["tls.crt"]))
        names = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
        given = next(it for it in CASES[case.name] if it["kind"] == "Cluster")
        expected = server_names(given, secret["metadata"]["namespace"])
        assert isinstance(names, x509.SubjectAlternativeName)
        assert expected is not None
        assert set(names.get_values_for_type(x509.DNSName)) == set(expected), case.name


def test_a_planted_difference_is_found(cases: list[Case]) -> None:
    [case] = [copy.deepcopy(case) for case in cases if case.name == "two poolers"]
    deployment = case.projected["Deployment", "second"]["spec"]["template"]
    deployment["metadata"]["labels"]["cnpg.io/podRole"] = "planted"
    deployment["spec"]["containers"][1]["securityContext"] = {}
    del case.projected["Service", "first"]
    case.projected["Secret", "planted"] = {}

    told = "\n".join(compare([case]).differences)

    assert "metadata.labels.cnpg.io/podRole: real 'pooler', projected 'planted'" in told
    assert "spec.template.spec.containers[].securityContext.readOnlyRootFilesystem: real True, projected None" in told
    assert "Service first is made and not projected" in told
    assert "Secret planted is projected and not made" in told
