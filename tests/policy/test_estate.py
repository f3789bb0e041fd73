"""The estate: which operator reconciles what, what it makes of it, what stands in for what."""

from typing import Any

import pytest

from seawall.operators import annotations
from seawall.policy.estate.building import build, kube_object
from seawall.policy.estate.intent import intent_of
from seawall.policy.estate.kinds import BUDGET, DRAGONFLY
from seawall.policy.estate.model import Estate, KubeObject, Origin
from seawall.policy.estate.values import UNKNOWN, CannotEvaluateError, UnknownValueError, View, WrongTypeError
from seawall.policy.reachability.platform import Platform


def thing(kind: str, name: str, spec: Any = None, *, api: str = "v1", ns: str = "data", **metadata: Any) -> KubeObject:
    manifest = {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": ns, **metadata}, "spec": spec}
    made = kube_object(manifest, Origin(file=f"{name}.yaml", line=1))
    assert made is not None
    return made


def dragonfly(name: str = "cache", **annotation: str) -> KubeObject:
    return thing("Dragonfly", name, {"replicas": 3}, api="dragonflydb.io/v1alpha1", annotations=annotation)


def operator_deployment(image: str) -> KubeObject:
    spec = {"template": {"spec": {"containers": [{"image": image}]}}}
    return thing("Deployment", "operator", spec, api="apps/v1", ns="operators")


def notes(estate: Estate) -> str:
    return "\n".join(note.text for note in estate.notes)


@pytest.mark.parametrize("kind", ["Namespace", "Node", "ClusterRole", "StorageClass"])
def test_what_belongs_to_the_whole_cluster_has_no_namespace(kind: str) -> None:
    assert thing(kind, "it").namespace == thing(kind, "it", ns="").namespace == ""


@pytest.mark.parametrize(("count", "told"), [(1, "p0"), (5, "p4"), (6, "p4, …")])
def test_policies_that_nobody_here_reads_are_named(count: int, told: str) -> None:
    api = "crd.projectcalico.org/v1"
    estate = build([thing("GlobalNetworkPolicy", f"p{number}", {}, api=api) for number in range(count)])
    [note] = [note.text for note in estate.notes if "admit or deny" in note.text]
    assert note.endswith(told)
    assert note.count("GlobalNetworkPolicy") == min(count, 5)


def test_the_version_is_the_annotations() -> None:
    text = annotations.operator(namespace="ops", version="1.5.0")
    cache = dragonfly(**{annotations.OPERATOR: text})
    operator = build([cache, operator_deployment("ghcr.io/dragonflydb/operator:v1.6.1")]).operator_of(cache)
    assert (operator.version, operator.namespace) == ("1.5.0", "ops")


@pytest.mark.parametrize(
    "image", ["ghcr.io/dragonflydb/operator:v1.4.0", "mirror:5000/dragonflydb/operator:v1.4.0@sha256:0"]
)
def test_else_that_of_the_operators_own_deployment(image: str) -> None:
    cache = dragonfly()
    operator = build([cache, operator_deployment(image)]).operator_of(cache)
    assert (operator.version, operator.namespace) == ("1.4.0", "operators")


def test_else_the_newest_known_and_that_is_said() -> None:
    cache = dragonfly()
    estate = build([cache, operator_deployment("ghcr.io/other/operator:v9")])
    assert estate.operator_of(cache).version == "1.6.1"
    assert "assumed Dragonfly 1.6.1" in notes(estate)
    assert "assumed" not in notes(build([dragonfly(**{annotations.OPERATOR: '{"version":"1.6.0"}'})]))


def test_an_unknown_version_is_no_guess() -> None:
    cache = dragonfly(**{annotations.OPERATOR: '{"version":"1.9.0"}'})
    estate = build([cache])
    for ask in (estate.pods_of, estate.made_of):
        with pytest.raises(
            CannotEvaluateError, match=r"Dragonfly operator 1\.9\.0 makes of it is not known"
        ) as problem:
            ask(cache)
        assert problem.value.subject is cache
    assert estate.operator_of(cache).version == "1.9.0"


@pytest.mark.parametrize("text", ["{", "[]", "3", "[" * 100_000])
@pytest.mark.parametrize("key", [annotations.OPERATOR, annotations.CLIENTS, annotations.SCRAPER, annotations.PLATFORM])
def test_an_unreadable_annotation_is_no_verdict(key: str, text: str) -> None:
    cache = dragonfly(**{key: text})
    with pytest.raises(CannotEvaluateError):
        estate = build([cache])
        intent_of(cache)
        estate.made_of(cache)


def test_intent() -> None:
    intent = intent_of(
        dragonfly(
            **{
                annotations.CLIENTS: annotations.clients({"this": ["a"], "apps": ["b"]}),
                annotations.PLATFORM: annotations.platform(cluster="infra", cni="cilium", cni_version="1.18"),
                annotations.SCRAPER: annotations.scraper(namespace="o", labels={"x": "y"}),
            }
        )
    )
    assert intent.clients == {"this": {"a"}, "apps": {"b"}}
    assert (intent.cluster, intent.cni, intent.cni_version) == ("infra", "cilium", "1.18")
    assert intent.scraper is not None
    assert intent.scraper.labels == {"x": "y"}


def test_a_scraper_without_labels_is_no_verdict() -> None:
    with pytest.raises(CannotEvaluateError, match="lacks a namespace or labels"):
        intent_of(dragonfly(**{annotations.SCRAPER: '{"namespace":"o"}'}))


@pytest.mark.parametrize(
    ("cni", "version", "local"),
    [
        ("cilium", "1.18", False),
        ("cilium", "1.18.4", False),
        ("cilium", "1.19", True),
        ("cilium", "?", None),
        ("generic", "", True),
    ],
)
def test_what_a_selector_without_a_cluster_means(cni: str, version: str, local: bool | None) -> None:
    assert Platform(cni, version).local_unless_named is local


def test_what_an_operator_made_is_left_out_when_its_source_is_there() -> None:
    owner = [{"kind": "Dragonfly", "name": "cache"}]
    made = thing("PodDisruptionBudget", "cache", {}, api="policy/v1", ownerReferences=owner)
    statefulset = thing("StatefulSet", "cache", {}, api="apps/v1", ownerReferences=owner)
    pod = thing("Pod", "cache-0", {}, ownerReferences=[{"kind": "StatefulSet", "name": "cache"}])
    other = thing(
        "PodDisruptionBudget", "other", {}, api="policy/v1", ownerReferences=[{"kind": "Dragonfly", "name": "x"}]
    )
    cache = dragonfly()
    estate = build([made, statefulset, pod, other, cache])
    assert set(estate.declared) == {other, cache}
    assert [budget.projected for budget in estate.of(BUDGET, "data")] == [False, True]
    assert "3 objects that an operator made" in notes(estate)


def test_the_last_of_several_declarations_is_judged() -> None:
    first, last = dragonfly(), dragonfly()
    estate = build([first, last])
    assert estate.declared == (last,)
    assert "declared again at cache.yaml:1" in notes(estate)


def test_namespaces() -> None:
    estate = build([thing("Namespace", "data", ns="ignored", labels={"team": "a"})])
    assert estate.namespace_labels("data") == {"team": "a", "kubernetes.io/metadata.name": "data"}
    assert estate.namespace_labels("other") is None


def test_objects_by_kind_and_namespace() -> None:
    cache = dragonfly()
    estate = build([cache, thing("Dragonfly", "b", {"replicas": 1}, api="dragonflydb.io/v1alpha1", ns="other")])
    assert estate.of(DRAGONFLY, "data") == [cache]
    assert len(estate.of(DRAGONFLY)) == 2
    assert estate.of(("nobody", "Nothing")) == []


@pytest.mark.parametrize(
    "manifest", [{}, {"kind": "X"}, {"apiVersion": 1, "kind": "X"}, {"apiVersion": "v1", "kind": ""}]
)
def test_what_is_no_object(manifest: dict[str, Any]) -> None:
    assert kube_object(manifest, Origin()) is None


def test_reading_an_unknown_value_raises_wherever_it_stands() -> None:
    view = View({"a": UNKNOWN, "b": {"c": UNKNOWN}, "l": [UNKNOWN]})
    for read in (
        lambda: view.at("a", "x"),
        lambda: view.at("a").text(),
        lambda: view.at("b", "c").integer(),
        lambda: view.at("b", "c").boolean(default=True),
        lambda: view.at("b", "c").items(),
        lambda: view.at("b", "c").keys(),
        lambda: view.at("b").texts(),
        lambda: view.at("l").items()[0].present,
    ):
        with pytest.raises(UnknownValueError):
            read()


def test_reading_a_wrong_type_raises_and_does_not_quote() -> None:
    view = View({"a": "hunter2"})
    for read in (view.at("a").integer, view.at("a").items, view.at("a").keys, lambda: view.at("a", "b")):
        with pytest.raises(WrongTypeError, match=r"^a must be .*, not a text$"):
            read()


def test_absent_values() -> None:
    view = View({})
    assert view.at("a", "b").text() is None
    assert view.at("a").integer() is None
    assert view.at("a").boolean(default=True) is True
    assert view.at("a").items() == []
    assert view.at("a", "b").path == ("a", "b")
