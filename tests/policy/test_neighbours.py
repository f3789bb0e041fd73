"""Neighbours of which not all is known yet: what may decide is told, and what cannot is left alone."""

from collections.abc import Iterable
from typing import Any

import pytest

from seawall.operators.cnpg import projection as cnpg_projection
from seawall.policy.estate.aws.cloud import Cloud
from seawall.policy.estate.aws.identities import Identities
from seawall.policy.estate.building import build, kube_object
from seawall.policy.estate.installed import of_family
from seawall.policy.estate.kinds import BUDGET, CLUSTER, DEPLOYMENT, DRAGONFLY, PULUMI, SECRET
from seawall.policy.estate.model import Estate, KubeObject, Origin
from seawall.policy.estate.values import UNKNOWN, CannotEvaluateError, UnknownValueError
from seawall.policy.findings import Finding, Outcome
from seawall.policy.judging import judge
from seawall.policy.rules import load

RULES = {rule.id: rule for rule in load()}
Manifest = dict[str, Any]


def thing(kind: str, name: object, spec: object = None, *, namespace: object = "data", **more: Any) -> Manifest:
    group = {
        "Cluster": "postgresql.cnpg.io/v1",
        "Pooler": "postgresql.cnpg.io/v1",
        "Dragonfly": "dragonflydb.io/v1alpha1",
        "Deployment": "apps/v1",
        "CronJob": "batch/v1",
        "NetworkPolicy": "networking.k8s.io/v1",
        "CiliumNetworkPolicy": "cilium.io/v2",
        "PodDisruptionBudget": "policy/v1",
        "HelmRelease": "helm.toolkit.fluxcd.io/v2",
    }.get(kind, "v1")
    metadata = {"name": name, "namespace": namespace, **more.pop("metadata", {})}
    return {
        "apiVersion": group,
        "kind": kind,
        "metadata": metadata,
        **({"spec": spec} if spec is not None else {}),
        **more,
    }


def workload(name: str, image: object, **more: Any) -> Manifest:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "x", "image": image}]}}
    return thing("Deployment", name, {"template": template}, **more)


def estate(*manifests: Manifest, awaits: Iterable[str] = ()) -> Estate:
    origin = Origin(urn="urn", awaits=frozenset(awaits))
    made = (kube_object(manifest, origin, name="given") for manifest in manifests)
    return build(it for it in made if it is not None)


def verdicts(rule: str, here: Estate, *, preview: bool = False) -> list[tuple[str, str]]:
    """Outcome and message of every finding."""
    return [(it.outcome.value, it.message) for it in judge(here, [RULES[rule]], preview=preview)]


def undecided(rule: str, here: Estate) -> list[Finding]:
    return [it for it in judge(here, [RULES[rule]]) if it.outcome is Outcome.NOT_EVALUATED]


POSTGRES = thing("Cluster", "pg", {"instances": 3})
CACHE = thing("Dragonfly", "cache", {"replicas": 3, "networkPolicyEnabled": False})


def test_an_unknown_image_of_a_client_puts_nothing_in_doubt() -> None:
    here = estate(POSTGRES, workload("web", UNKNOWN))
    assert here.operator_of(here.of(CLUSTER)[0]).assumed
    assert verdicts("CNPG-OPS-001", here) == verdicts("CNPG-SW-021", here) == []


@pytest.mark.parametrize(
    "operator",
    [
        workload("cnpg-controller-manager", UNKNOWN),
        workload("operator", UNKNOWN),
        workload("x", UNKNOWN, metadata={"labels": {"app.kubernetes.io/name": "cloudnative-pg"}}),
        thing("Deployment", "cnpg", UNKNOWN),
        workload("x", "ghcr.io/cloudnative-pg/cloudnative-pg:1.29.0", namespace=UNKNOWN),
    ],
)
def test_what_is_called_like_an_operator_may_be_one(operator: Manifest) -> None:
    here = estate(POSTGRES, operator)
    assert [it.subject.kind for it in undecided("CNPG-OPS-001", here)] == ["Cluster"]
    assert any(it.subject.kind == "Deployment" for it in undecided("CNPG-SW-021", here))
    with pytest.raises(UnknownValueError):
        of_family(here, "cnpg")
    seen = estate(POSTGRES, operator, workload("x", "ghcr.io/cloudnative-pg/cloudnative-pg:1.29.0", namespace="seen"))
    assert seen.operator_of(seen.of(CLUSTER)[0]).namespace == "seen", "then another one is left alone"
    assert not undecided("CNPG-OPS-001", seen)
    assert [it.namespace for it in of_family(seen, "cnpg")] == ["seen"]


@pytest.mark.parametrize(
    ("name", "chart", "values", "doubted"),
    [
        ("dragonfly-operator", UNKNOWN, {}, True),
        ("web", UNKNOWN, {}, True),  # a rule that looks at this very release must know its chart
        ("x", "dragonfly-operator", UNKNOWN, True),
        ("x", "dragonfly-operator", {"manager": {"image": {"tag": UNKNOWN}}}, True),
        ("x", "web", UNKNOWN, False),
    ],
)
def test_a_release_of_which_not_all_is_known(name: str, chart: object, values: object, doubted: bool) -> None:
    spec = {"chart": {"spec": {"chart": chart, "version": "v1.6.1"}}, "values": values}
    assert bool(undecided("DFLY-TECH-002", estate(thing("HelmRelease", name, spec)))) is doubted


def test_what_may_be_in_any_namespace_may_be_any_neighbour() -> None:
    budget = thing("PodDisruptionBudget", "all", {"minAvailable": 1, "selector": {}}, namespace=UNKNOWN)
    here = estate(CACHE, budget)
    for ask in (lambda: here.of(BUDGET), lambda: here.of(BUDGET, "data"), lambda: here.find(BUDGET, "data", "all")):
        with pytest.raises(UnknownValueError) as raised:
            ask()
        assert isinstance(raised.value.subject, KubeObject)
        assert (raised.value.subject.kind, raised.value.path) == ("PodDisruptionBudget", ("metadata", "namespace"))
    assert here.every(BUDGET)[0].title == "PodDisruptionBudget (not known yet)/all"
    assert here.of(DEPLOYMENT) == [], "other kinds are known"
    assert any("(not known yet)/all" in note.text for note in here.notes)
    assert {it.about.kind for it in undecided("DFLY-OPS-001", here) if it.about} == {"PodDisruptionBudget"}


def test_what_may_have_any_name_is_asked_for_by_name_only() -> None:
    here = estate(thing("Secret", UNKNOWN), thing("Secret", "other"))
    assert len(here.of(SECRET)) == 2
    assert here.find(SECRET, "elsewhere", "any") is None
    assert here.find(SECRET, "data", "other") is not None
    for name in ("any", "given"):
        with pytest.raises(UnknownValueError):
            here.find(SECRET, "data", name)


def test_two_of_one_name_in_unknown_places_are_not_one_declared_twice() -> None:
    assert not estate(thing("Secret", "x", namespace=UNKNOWN), thing("Secret", "x", namespace=UNKNOWN)).duplicates


@pytest.mark.parametrize("policy", ["NetworkPolicy", "CiliumNetworkPolicy"])
@pytest.mark.parametrize("place", [{"namespace": UNKNOWN}, {"metadata": {"namespace": UNKNOWN}}])
def test_a_policy_of_an_unknown_place_is_waited_for(policy: str, place: Manifest) -> None:
    here = estate(CACHE, thing(policy, "p", {"podSelector": {}}, **place), awaits=["metadata"])
    assert {outcome for outcome, _ in verdicts("DFLY-SEC-001", here)} == {"not evaluated"}
    assert {outcome for outcome, _ in verdicts("DFLY-SEC-001", here, preview=True)} == {"deferred"}


def test_a_subject_of_an_unknown_place_is_judged_alone() -> None:
    bad = {"instances": 1, "postgresql": {"parameters": {"fsync": "off"}}}
    here = estate(thing("Cluster", "pg", bad, namespace=UNKNOWN), awaits=["metadata"])
    assert [outcome for outcome, _ in verdicts("CNPG-SW-007", here, preview=True)] == ["violated", "violated"]
    assert {outcome for outcome, _ in verdicts("CNPG-SW-001", here, preview=True)} == {"deferred"}
    for kind, what in ((CLUSTER, "Cluster"), (DRAGONFLY, "Dragonfly")):
        unplaced = estate(thing(what, "x", {}, namespace=UNKNOWN))
        with pytest.raises(UnknownValueError):
            unplaced.made_of(unplaced.every(kind)[0])
    pooler = thing("Pooler", "pooler", {"cluster": {"name": "elsewhere"}}, namespace=UNKNOWN)
    assert {outcome for outcome, _ in verdicts("CNPG-OPS-001", estate(pooler))} == {"not evaluated"}


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"ingress": UNKNOWN}, ("spec", "ingress")),
        ({"ingressDeny": UNKNOWN, "egress": [{"toEntities": ["cluster"]}]}, ("spec", "ingressDeny")),
        ({"ingress": [{}], "enableDefaultDeny": {"ingress": UNKNOWN}}, ("spec", "enableDefaultDeny", "ingress")),
        ({"ingress": [{}], "enableDefaultDeny": UNKNOWN}, ("spec", "enableDefaultDeny")),
    ],
)
def test_unknown_parts_of_a_cilium_policy_are_waited_for(spec: Manifest, path: tuple[str, ...]) -> None:
    policy = thing("CiliumNetworkPolicy", "p", {"endpointSelector": {"matchLabels": {"app": "cache"}}, **spec})
    here = estate(CACHE, policy, awaits=["spec"])
    assert {it.path for it in undecided("DFLY-SEC-001", here)} == {path}
    assert {outcome for outcome, _ in verdicts("DFLY-SEC-001", here, preview=True)} == {"deferred"}


def test_a_pooler_of_an_unknown_cluster_hides_nothing_and_concerns_its_namespace_only() -> None:
    small = thing("Cluster", "pg", {"instances": 3, "postgresql": {"parameters": {"max_connections": "10"}}})
    known = thing("Pooler", "known", {"cluster": {"name": "pg"}, "instances": 3})
    adrift = thing("Pooler", "adrift", {"cluster": {"name": UNKNOWN}})
    outcomes = [outcome for outcome, _ in verdicts("CNPG-PERF-001", estate(small, known, adrift))]
    assert outcomes == ["violated", "not evaluated"]
    elsewhere = {**adrift, "metadata": {"name": "adrift", "namespace": "elsewhere"}}
    assert [outcome for outcome, _ in verdicts("CNPG-PERF-001", estate(small, known, elsewhere))] == ["violated"]


@pytest.mark.parametrize(
    ("command", "doubted"), [([UNKNOWN], True), (["sh", "-c", UNKNOWN], True), (["report", "--host", UNKNOWN], False)]
)
def test_a_job_that_runs_something_unknown(command: list[object], doubted: bool) -> None:
    template = {"spec": {"containers": [{"name": "x", "image": "x", "command": command}]}}
    job = thing("CronJob", "job", {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template}}})
    assert bool(undecided("CNPG-SEC-001", estate(POSTGRES, job))) is doubted
    assert not undecided("CNPG-SEC-001", estate(job)), "without PostgreSQL there are no backups to look at"


def test_a_value_that_is_not_known_yet_may_be_a_literal() -> None:
    def of(**data: object) -> list[str]:
        here = estate(thing("Secret", "dragonfly", stringData=data))
        return [outcome for outcome, _ in verdicts("DFLY-OPS-002", here)]

    assert of(password=UNKNOWN) == ["not evaluated"]
    assert of(password=UNKNOWN, other="hunter2") == ["violated"], "one is enough"
    assert of(**{"ca.crt": UNKNOWN}) == []


def test_a_projection_that_fails_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("hunter2")

    monkeypatch.setattr(cnpg_projection, "project_pooler", fail)
    here = estate(POSTGRES, thing("Pooler", "pooler", {"cluster": {"name": "pg"}}), CACHE)
    found = [it for it in judge(here) if it.message.startswith("the projection failed with ZeroDivisionError at ")]
    assert {it.subject.title for it in found} == {"Pooler data/pooler"}
    assert {(it.outcome, it.mend.partition(":")[0]) for it in found} == {
        (Outcome.NOT_EVALUATED, "This is a defect of the projection")
    }
    assert not any("hunter2" in it.message for it in judge(here))
    assert {it.subject.kind for it in judge(here)} >= {"Cluster", "Dragonfly"}, "the others are judged"


def cloud(*resources: tuple[str, Manifest]) -> Estate:
    things = (KubeObject(PULUMI, type_, "", "x", properties, Origin()) for type_, properties in resources)
    return build([], others=things)


ARN = "arn:aws:iam::1:policy/x"
USER = ("aws:iam/user:User", {"name": "writer"})
GRANT = '{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'


@pytest.mark.parametrize(
    "resource",
    [
        ("aws:iam/user:User", {"name": UNKNOWN}),
        ("aws:iam/userPolicy:UserPolicy", {"user": UNKNOWN, "policy": GRANT}),
        ("aws:iam/userPolicy:UserPolicy", {"user": "writer", "policy": UNKNOWN}),
        (
            "aws:iam/userPolicyAttachment:UserPolicyAttachment",
            {"user": UNKNOWN, "policyArn": ARN},
        ),
        ("aws:iam/userPolicyAttachment:UserPolicyAttachment", {"user": "writer", "policyArn": UNKNOWN}),
        ("aws:iam/policyAttachment:PolicyAttachment", {"users": UNKNOWN, "policyArn": ARN}),
        ("aws:iam/role:Role", {"name": "r", "managedPolicyArns": [UNKNOWN]}),
        ("aws:iam/role:Role", {"name": "r", "inlinePolicies": [UNKNOWN]}),
    ],
)
def test_rights_that_are_not_known_yet_are_waited_for(resource: tuple[str, Manifest]) -> None:
    assert Identities(cloud(USER)).awaited is None
    awaited = Identities(cloud(USER, resource)).awaited
    assert awaited is not None
    assert awaited.path[0] in resource[1], "a preview knows for what the property waits"
    assert isinstance(awaited.subject, KubeObject)
    assert awaited.subject.kind == resource[0]


@pytest.mark.parametrize("arn", ["", "arn:aws:iam", "hunter2", "arn:aws:iam::1"])
def test_an_arn_that_is_none_is_left_to_the_name(arn: str) -> None:
    [identity] = Identities(cloud(("aws:iam/user:User", {"name": "writer", "arn": arn}))).all()
    assert identity.arn == "arn::iam:::user/writer"


def test_an_alias_of_no_text_is_none() -> None:
    key = ("aws:kms/key:Key", {"keyId": "k", "arn": "arn:aws:kms:eu-central-1:111122223333:key/k"})
    seen = Cloud(cloud(key, ("aws:kms/alias:Alias", {"name": "alias/x", "targetKeyId": ["k"]})))
    assert seen.key("alias/x") is None
    assert seen.key("k") is not None


@pytest.mark.parametrize("name", [["cache"], {"a": 1}, None, 3])
def test_a_volume_with_a_name_that_is_none_hides_nothing(name: object) -> None:
    open_to_all = thing("Dragonfly", "cache", {"replicas": 1, "additionalVolumes": [{"name": name, "emptyDir": {}}]})
    assert "violated" in {outcome for outcome, _ in verdicts("DFLY-OPS-001", estate(open_to_all))}


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ({"kind": "Dragonfly", "name": "cache"}, []),
        ({"kind": "Dragonfly", "name": "other"}, ["violated"]),
        ({"kind": UNKNOWN, "name": "other"}, ["violated"]),
        ({"kind": "Dragonfly", "name": UNKNOWN}, ["not evaluated"]),
        ({"kind": UNKNOWN, "name": "cache"}, ["not evaluated"]),
        (UNKNOWN, ["not evaluated"]),
    ],
)
def test_whose_an_object_is_may_not_be_known(reference: object, expected: list[str]) -> None:
    policy = thing("NetworkPolicy", "cache", {"podSelector": {}}, metadata={"ownerReferences": [reference]})
    dragonfly = thing("Dragonfly", "cache", {"replicas": 3})
    assert [outcome for outcome, _ in verdicts("DFLY-SW-005", estate(dragonfly, policy))] == expected


def test_who_reads_a_value_need_not_say_whose_it_is() -> None:
    here = estate(thing("Dragonfly", "cache", {"args": [UNKNOWN, 3], "env": UNKNOWN}))
    subject = here.of(DRAGONFLY)[0]
    first, second = subject.at("spec", "args").items()
    for read in (first.text, second.text, lambda: subject.at("spec", "env", "x"), lambda: subject.at("kind", "x")):
        with pytest.raises(CannotEvaluateError) as raised:
            read()
        assert raised.value.subject is subject
