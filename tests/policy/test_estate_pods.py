"""Pods of every workload, declared and made by operators: how many, with what labels, and how they are found."""

from typing import Any

import pytest

from seawall.policy.estate.building import build, kube_object
from seawall.policy.estate.kinds import DEPLOYMENT, SECRET, SERVICE
from seawall.policy.estate.model import Estate, KubeObject, Origin, PodSet
from seawall.policy.estate.values import UNKNOWN, CannotEvaluateError, UnknownValueError, View, WrongTypeError
from seawall.policy.reachability.selectors import Selector, read

APPS, BATCH, CNPG = "apps/v1", "batch/v1", "postgresql.cnpg.io/v1"


def thing(api: str, kind: str, name: str, spec: Any = None, ns: str = "data", **more: Any) -> KubeObject:
    metadata = {"name": name, "namespace": ns, **more.pop("metadata", {})}
    made = kube_object({"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec, **more}, Origin())
    assert made is not None
    return made


def template(labels: Any = None, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"labels": labels or {"app": "web"}}, "spec": {"containers": [{"name": "a"}], **spec}}


def workload(api: str, kind: str, name: str = "web", **spec: Any) -> KubeObject:
    return thing(api, kind, name, {"template": template(), **spec})


def cron_job(**spec: Any) -> KubeObject:
    return thing(BATCH, "CronJob", "web", {"jobTemplate": {"spec": {"template": template(), **spec}}})


def only(objects: list[KubeObject], namespace: str = "data") -> PodSet:
    [pods] = build(objects).pods_in(namespace)
    return pods


def selector(**labels: str) -> Selector:
    return read(View({"matchLabels": labels}))


@pytest.mark.parametrize(
    ("made", "count"),
    [
        (workload(APPS, "Deployment"), 1),
        (workload(APPS, "Deployment", replicas=0), 0),
        (workload(APPS, "StatefulSet", replicas=3), 3),
        (workload(APPS, "ReplicaSet", replicas=2), 2),
        (workload(APPS, "DaemonSet"), 1),
        (workload(BATCH, "Job"), 1),
        (workload(BATCH, "Job", parallelism=4), 4),
        (cron_job(), 1),
        (cron_job(parallelism=2), 2),
        (thing("v1", "Pod", "web", {"containers": []}, metadata={"labels": {"app": "web"}}), 1),
        (
            thing(
                "v1", "Pod", "web", {"containers": []}, metadata={"labels": {"app": "web"}}, status={"phase": "Failed"}
            ),
            0,
        ),
    ],
)
def test_how_many(made: KubeObject, count: int) -> None:
    pods = only([made])
    assert (pods.count, pods.labels["app"], pods.workload, pods.owner) == (count, "web", made, made)
    assert pods.title == f"pods of {made.title}"


def test_a_daemon_set_that_runs_says_how_many() -> None:
    running = thing(APPS, "DaemonSet", "web", {"template": template()}, status={"desiredNumberScheduled": 5})
    assert only([running]).count == 5


def test_what_a_job_adds_to_its_pods() -> None:
    labels = only([workload(BATCH, "Job", "sweep")]).labels
    assert labels["batch.kubernetes.io/job-name"] == labels["job-name"] == "sweep"


def test_what_can_be_read_of_pods() -> None:
    spec = template(
        serviceAccountName="web",
        containers=[{"name": "a", "ports": [{"containerPort": 80, "name": "http"}]}],
        initContainers=[
            {"name": "first", "ports": [{"containerPort": 1}]},
            {"name": "beside", "restartPolicy": "Always", "ports": [{"containerPort": 9090, "protocol": "UDP"}]},
        ],
    )
    spec["metadata"]["annotations"] = {"note": "b"}
    pods = only([thing(APPS, "Deployment", "web", {"template": spec})])
    assert [view.at("name").text() for view in pods.containers] == ["a", "first", "beside"]
    assert [view.at("name").text() for view in pods.init_containers] == ["first", "beside"]
    assert [(port.number, port.protocol, port.name) for port in pods.ports] == [
        (80, "TCP", "http"),
        (9090, "UDP", None),
    ]
    assert pods.annotations == {"note": "b"}
    assert pods.service_account == "web"
    assert pods.spec.at("containers").path == ("spec", "template", "spec", "containers")


def test_the_service_account_is_the_default_one() -> None:
    assert only([workload(APPS, "Deployment")]).service_account == "default"


@pytest.mark.parametrize("field", ["replicas", "serviceAccountName", "containers", "initContainers"])
def test_what_is_not_known_hides_nothing_else(field: str) -> None:
    given = {"replicas": UNKNOWN} if field == "replicas" else {"template": template(**{field: UNKNOWN})}
    made = workload(APPS, "Deployment", **given)
    pods = only([made])
    reads = {
        "replicas": lambda: pods.count,
        "serviceAccountName": lambda: pods.service_account,
        "containers": lambda: pods.containers,
        "initContainers": lambda: pods.ports,
    }
    assert pods.labels == {"app": "web"}
    with pytest.raises(UnknownValueError) as problem:
        reads[field]()
    assert problem.value.subject is made


def test_a_workload_whose_labels_are_not_known_is_unreadable() -> None:
    odd = thing(APPS, "Deployment", "odd", {"template": {"metadata": {"labels": UNKNOWN}}})
    fine = workload(APPS, "Deployment")
    estate = build([odd, fine])
    assert [pods.owner for pods in estate.pods_in("data")] == [fine]
    [(found, problem)] = estate.unreadable_in("data")
    assert (found, type(problem), problem.subject) == (odd, UnknownValueError, odd)
    assert estate.unreadable_in("other") == ()
    with pytest.raises(UnknownValueError):
        estate.pods_of(odd)


def test_so_is_a_resource_that_cannot_be_projected() -> None:
    odd = thing(CNPG, "Cluster", "pg", {"instances": "three"})
    [(found, problem)] = build([odd]).unreadable_in("data")
    assert (found, type(problem)) == (odd, WrongTypeError)


def test_pods_that_another_workload_made_are_counted_once() -> None:
    deployment = workload(APPS, "Deployment", replicas=2)
    replicas = thing(
        APPS,
        "ReplicaSet",
        "web-1",
        {"template": template(), "replicas": 2},
        metadata={"ownerReferences": [{"kind": "Deployment", "name": "web"}]},
    )
    pod = thing("v1", "Pod", "web-1-a", {}, metadata={"ownerReferences": [{"kind": "ReplicaSet", "name": "web-1"}]})
    orphan = thing("v1", "Pod", "b", {}, metadata={"ownerReferences": [{"kind": "ReplicaSet", "name": "gone"}]})
    found = build([pod, replicas, deployment, orphan]).pods_in("data")
    assert [pods.owner for pods in found] == [deployment, orphan]


def cluster(**spec: Any) -> KubeObject:
    return thing(CNPG, "Cluster", "pg", {"instances": 3, **spec})


def test_the_pods_of_a_cluster() -> None:
    owner = cluster()
    instances, initdb, join = build([owner]).pods_of(owner)
    assert [pods.title for pods in (instances, initdb, join)] == [
        "instances of Cluster data/pg",
        "initdb job of Cluster data/pg",
        "join job of Cluster data/pg",
    ]
    assert [pods.count for pods in (instances, initdb, join)] == [3, 1, 2]
    assert {pods.owner for pods in (instances, initdb, join)} == {owner}
    assert (instances.workload.kind, initdb.workload.kind) == ("Pod", "Job")
    assert "cnpg.io/instanceName" not in instances.labels
    assert instances.later["cnpg.io/instanceName"] == {"pg-1", "pg-2", "pg-3"}
    assert {"primary", "replica"} <= instances.later["cnpg.io/instanceRole"]
    assert initdb.later == {
        "cnpg.io/instanceName": {"pg-1"},
        "batch.kubernetes.io/job-name": {"pg-1-initdb"},
        "job-name": {"pg-1-initdb"},
    }
    assert join.later["job-name"] == {"pg-2-join", "pg-3-join"}
    assert instances.service_account == "pg"


def test_a_clusters_pods_have_the_sidecar_of_the_store_that_is_declared() -> None:
    plugin = {"name": "barman-cloud.cloudnative-pg.io", "parameters": {"barmanObjectName": "store"}}
    resources = {"limits": {"memory": "1Gi"}}
    store = thing(
        "barmancloud.cnpg.io/v1", "ObjectStore", "store", {"instanceSidecarConfiguration": {"resources": resources}}
    )
    elsewhere = thing("barmancloud.cnpg.io/v1", "ObjectStore", "store", {}, ns="other")
    owner = cluster(plugins=[plugin])
    sidecar = build([owner, store, elsewhere]).pods_of(owner)[0].init_containers[1]
    assert sidecar.at("resources").raw == resources
    unknown = build([owner, elsewhere]).pods_of(owner)[0].init_containers[1]
    assert not unknown.at("resources").known


def test_a_pooler_has_the_security_context_of_its_cluster() -> None:
    pooler = thing(CNPG, "Pooler", "pool", {"cluster": {"name": "pg"}, "instances": 2})
    owner = cluster(seccompProfile={"type": "Unconfined"})
    estate = build([pooler, owner])
    [pods] = estate.pods_of(pooler)
    assert pods.count == 2
    assert pods.spec.at("securityContext", "seccompProfile", "type").text() == "Unconfined"
    assert estate.find(SECRET, "data", "pg-pooler") is not None, "the Cluster makes it because of the pooler"
    assert build([owner]).find(SECRET, "data", "pg-pooler") is None


def test_find() -> None:
    owner = cluster()
    declared = thing("v1", "Service", "pg-rw", {})
    estate = build([owner, declared])
    assert estate.find(SERVICE, "data", "pg-rw") is declared, "a declared one before a projected one"
    projected = estate.find(SERVICE, "data", "pg-ro")
    assert projected is not None
    assert projected.projected
    assert estate.find(SERVICE, "other", "pg-ro") is None
    assert estate.find(DEPLOYMENT, "data", "pg-ro") is None


def test_memo() -> None:
    asked: list[Estate] = []

    def count(estate: Estate) -> int:
        asked.append(estate)
        return len(estate.declared)

    def fail(estate: Estate) -> int:
        asked.append(estate)
        raise CannotEvaluateError("no")

    estate, other = build([cluster()]), build([])
    assert [estate.memo(count), estate.memo(count), other.memo(count)] == [1, 1, 0]
    for _ in range(2):
        with pytest.raises(CannotEvaluateError, match="no"):
            estate.memo(fail)
    assert asked == [estate, other, estate]


LABELLED = [
    thing(APPS, "Deployment", name, {"template": template(labels)})
    for name, labels in {
        "a": {"app": "web", "tier": "front"},
        "b": {"app": "web", "tier": "back"},
        "c": {"app": "db"},
        "d": {"other": "x"},
    }.items()
]


@pytest.mark.parametrize(
    ("labels", "expressions", "names"),
    [
        ({}, [], "abcd"),
        ({"app": "web"}, [], "ab"),
        ({"app": "web", "tier": "back"}, [], "b"),
        ({"app": "nothing"}, [], ""),
        ({}, [("app", "In", ["db", "web"])], "abc"),
        ({}, [("tier", "Exists", [])], "ab"),
        ({}, [("tier", "DoesNotExist", [])], "cd"),
        ({}, [("app", "NotIn", ["web"])], "cd"),
        ({"app": "web"}, [("tier", "NotIn", ["back"])], "a"),
    ],
)
def test_selected(labels: dict[str, str], expressions: list[tuple[str, str, list[str]]], names: str) -> None:
    chosen = read(
        View(
            {
                "matchLabels": labels,
                "matchExpressions": [{"key": key, "operator": op, "values": values} for key, op, values in expressions],
            }
        )
    )
    found = build(LABELLED).selected(chosen, "data")
    assert "".join(pods.owner.name for pods in found) == names
    assert build(LABELLED).selected(chosen, "other") == ()


def test_labels_that_come_later_are_selected_too() -> None:
    owner = cluster()
    estate = build([owner, *LABELLED])
    [found] = estate.selected(selector(**{"cnpg.io/instanceRole": "primary"}), "data")
    assert found.owner is owner
    assert len(estate.selected(selector(**{"cnpg.io/instanceName": "pg-2"}), "data")) == 2, "the instance and its job"
    assert estate.selected(selector(**{"cnpg.io/instanceRole": "nothing"}), "data") == ()


def test_the_index_asks_the_selector_about_few() -> None:
    class Counting:
        asked = 0
        requirements = selector(app="web", name="w7").requirements

        def may_match(self, labels: Any, later: Any) -> bool:
            self.asked += 1
            return True

    many = [
        thing(APPS, "Deployment", f"w{i}", {"template": template({"app": "web", "name": f"w{i}"})}) for i in range(50)
    ]
    counting = Counting()
    assert len(build(many).selected(counting, "data")) == 1
    assert counting.asked == 1


def test_what_a_door_can_show() -> None:
    assert build([]).sees == frozenset()
    assert build([], sees=["cloud"]).sees == {"cloud"}


@pytest.mark.parametrize(
    ("api", "kind", "version", "remark"),
    [
        ("dragonflydb.io/v1alpha1", "Dragonfly", "1.6.1", None),
        ("dragonflydb.io/v1alpha1", "Dragonfly", "1.5.0", "Dragonfly operator 1.5.0 makes is known from its source"),
        (CNPG, "Cluster", "1.30.0", None),
        (CNPG, "Cluster", "1.2.0", "CloudNativePG 1.2.0 makes is not in the table of versions"),
    ],
)
def test_what_is_not_observed_is_said(api: str, kind: str, version: str, remark: str | None) -> None:
    operator = {"annotations": {"seawall.dev/operator": f'{{"version":"{version}"}}'}}
    notes = " ".join(note.text for note in build([thing(api, kind, "x", {}, metadata=operator)]).notes)
    assert (remark or "") in notes
    assert ("known from its source" in notes or "not in the table" in notes) is (remark is not None)


def test_what_is_made_of_a_resource_that_waits_waits_too() -> None:
    metadata = {"labels": {"team": UNKNOWN}}
    manifest = {
        "apiVersion": CNPG,
        "kind": "Cluster",
        "metadata": {"name": "pg", "namespace": "data"},
        "spec": {"inheritedMetadata": metadata},
    }
    for awaits, expected in ((frozenset({"spec"}), True), (frozenset[str](), False)):
        owner = kube_object(manifest, Origin(urn="urn", awaits=awaits))
        assert owner is not None
        [(_, problem)] = build([owner]).unreadable_in("data")
        assert isinstance(problem.subject, KubeObject)
        assert problem.path[:2] == ("metadata", "labels")
        assert ("metadata" in problem.subject.origin.awaits) is expected


def test_the_object_that_decides_beside_a_resource_is_blamed() -> None:
    pooler = thing(CNPG, "Pooler", "pool", {"cluster": {"name": "pg"}})
    odd_cluster = thing(CNPG, "Cluster", "pg", UNKNOWN)
    with pytest.raises(UnknownValueError) as problem:
        build([pooler, odd_cluster]).made_of(pooler)
    assert (problem.value.subject, problem.value.path) == (odd_cluster, ("spec",))

    plugin = {"name": "barman-cloud.cloudnative-pg.io", "parameters": {"barmanObjectName": "store"}}
    owner = cluster(plugins=[plugin])
    odd_store = thing("barmancloud.cnpg.io/v1", "ObjectStore", "store", {"instanceSidecarConfiguration": 3})
    with pytest.raises(WrongTypeError) as wrong:
        build([owner, odd_store]).made_of(owner)
    assert (wrong.value.subject, wrong.value.path) == (odd_store, ("spec", "instanceSidecarConfiguration"))


@pytest.mark.parametrize("field", ["serverTLSSecret", "serverCASecret"])
def test_what_is_not_known_to_be_made_is_no_guess(field: str) -> None:
    owner = cluster(certificates={field: UNKNOWN})
    with pytest.raises(UnknownValueError):
        build([owner]).made_of(owner)
