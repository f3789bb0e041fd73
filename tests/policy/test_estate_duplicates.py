"""Objects that are declared several times: equal ones are one, differing ones are all judged, never side by side."""

from typing import Any

import pytest

from seawall.policy.estate import duplicates
from seawall.policy.estate.building import build, kube_object
from seawall.policy.estate.kinds import BUDGET, DRAGONFLY
from seawall.policy.estate.model import Estate, KubeObject, Origin
from seawall.policy.estate.values import UNKNOWN
from seawall.policy.findings import Outcome
from seawall.policy.judging import judge
from seawall.policy.rules import load

API = "dragonflydb.io/v1alpha1"
HARDENED = {"replicas": 3, "pdb": {"minAvailable": 2}}


def thing(api: str, kind: str, name: str, spec: Any, file: str | None = "x.yaml", **metadata: Any) -> KubeObject:
    manifest = {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": "data", **metadata}}
    made = kube_object({**manifest, "spec": spec}, Origin(file=file, line=1))
    assert made is not None
    return made


def cache(file: str | None = "x.yaml", name: str = "cache", **spec: Any) -> KubeObject:
    return thing(API, "Dragonfly", name, {**HARDENED, **spec}, file)


def budget(file: str, minimum: int = 1) -> KubeObject:
    selector = {"matchLabels": {"app": "cache"}}
    return thing("policy/v1", "PodDisruptionBudget", "mine", {"minAvailable": minimum, "selector": selector}, file)


def found(estate: Estate, rule: str = "DFLY-OPS-001") -> list[tuple[str, str]]:
    [chosen] = [it for it in load() if it.id == rule]
    return [(finding.place, finding.message) for finding in judge(estate, [chosen])]


def notes(estate: Estate) -> str:
    return "\n".join(f"{note.where}: {note.text}" for note in estate.notes)


@pytest.mark.parametrize(
    "second",
    [
        cache("b.yaml"),
        thing(API, "Dragonfly", "cache", HARDENED, "b.yaml", resourceVersion="7", managedFields=[{}], annotations={}),
        thing(
            API,
            "Dragonfly",
            "cache",
            dict(reversed(HARDENED.items())),
            "b.yaml",
            annotations={"kubectl.kubernetes.io/last-applied-configuration": "{}"},
        ),
    ],
)
def test_declarations_that_mean_the_same_are_one(second: KubeObject) -> None:
    first = cache("a.yaml")
    estate = build([first, second])
    assert estate.declared == (second,)
    assert estate.duplicates == ((first, second),)
    assert estate.variants == ()
    assert "a.yaml:1: Dragonfly data/cache is declared again at b.yaml:1, the same" in notes(estate)


@pytest.mark.parametrize(("member", "same"), [("status", True), ("data", False), ("webhooks", False)])
def test_the_status_means_nothing_and_all_else_does(member: str, same: bool) -> None:
    declared = [
        kube_object({**cache(f"{value}/x.yaml").manifest, member: {"value": value}}, Origin(file=f"{value}/x.yaml"))
        for value in ("a", "b")
    ]
    assert (build(it for it in declared if it is not None).variants == ()) is same


def test_a_finding_in_either_is_a_finding() -> None:
    base, overlay = cache("base/x.yaml", pdb={"minAvailable": 3}), cache("prod/x.yaml")
    for declared in ([base, overlay], [overlay, base]):
        estate = build(declared)
        assert [place for place, _ in found(estate)] == ["base/x.yaml:1"]
        assert "is declared again" in notes(estate)
        assert "otherwise; each is judged" in notes(estate)


def test_neither_pods_nor_budgets_are_doubled() -> None:
    first, last = cache("base/x.yaml", replicas=5), cache("prod/x.yaml")
    one, two = budget("base/y.yaml"), budget("prod/y.yaml", 2)
    estate = build([first, one, last, two])
    assert estate.declared == (last, two)
    assert [pods.count for pods in estate.pods_in("data")] == [3]
    assert [it.name for it in estate.of(BUDGET, "data")] == ["mine", "cache"]
    [variant] = estate.variants
    assert variant.declared == (first, one), "what is in one folder belongs together"
    assert [pods.count for pods in variant.pods_in("data")] == [5]
    assert len(variant.of(BUDGET, "data")) == 2
    assert {message.partition(" budgets")[0] for _, message in found(estate) if " budgets" in message} == {"2"}


def test_what_is_wrong_beside_either_is_found_once() -> None:
    wrong = cache(name="other", pdb={"minAvailable": 3})
    estate = build([cache("base/x.yaml", replicas=5, pdb={"minAvailable": 4}), wrong, cache("prod/x.yaml")])
    assert len(estate.variants) == 1
    assert [place for place, _ in found(estate)] == ["x.yaml:1"]
    assert estate.variants[0].made_of(wrong) is estate.made_of(wrong), "the same objects, so that findings are the same"


def test_what_a_folder_does_not_declare_comes_from_where_it_is_first() -> None:
    base = [cache("base/x.yaml", replicas=3), budget("base/y.yaml", 1)]
    development = [cache("dev/x.yaml", replicas=4)]
    production = [cache("prod/x.yaml", replicas=5), budget("prod/y.yaml", 2)]
    estate = build([*base, *development, *production])
    assert estate.declared == tuple(production)
    assert [variant.declared for variant in estate.variants] == [tuple(base), (development[0], base[1])]


def test_several_in_one_folder_are_a_variant_each() -> None:
    all_of_them = [cache("x.yaml", replicas=number) for number in (2, 3, 4)]
    estate = build(all_of_them)
    assert [it.declared for it in (estate, *estate.variants)] == [
        (all_of_them[2],),
        (all_of_them[0],),
        (all_of_them[1],),
    ]


def test_a_stack_has_no_folders() -> None:
    first, last = cache(None, replicas=2), cache(None)
    [variant] = build([first, last]).variants
    assert variant.declared == (first,)


def test_an_operator_that_is_declared_twice_decides_twice() -> None:
    def operator(version: str, folder: str) -> KubeObject:
        spec = {"template": {"spec": {"containers": [{"image": f"ghcr.io/dragonflydb/operator:v{version}"}]}}}
        return thing("apps/v1", "Deployment", "operator", spec, f"{folder}/operator.yaml")

    declared = cache("cache.yaml")
    estate = build([operator("1.1.11", "base"), operator("1.6.1", "prod"), declared])
    assert estate.operator_of(declared).version == "1.6.1"
    [variant] = estate.variants
    assert variant.operator_of(declared).version == "1.1.11"
    assert any("1.1.11 makes no budget" in message for _, message in found(estate))


def test_names_that_are_made_up_later_are_no_duplicates() -> None:
    def job() -> KubeObject:
        manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "sweep-"}, "spec": {}}
        made = kube_object(manifest, Origin(file="x.yaml", line=1))
        assert made is not None
        return made

    unnamed = [thing(API, "Dragonfly", UNKNOWN, HARDENED) for _ in range(2)]  # type: ignore[arg-type]
    estate = build([job(), job(), *unnamed])
    assert len(estate.declared) == 4
    assert estate.duplicates == ()


def test_odd_content_is_compared_too() -> None:
    odd = [cache("a/x.yaml", args={1: "x", "y": UNKNOWN}), cache("b/x.yaml", args={1: "x", "y": UNKNOWN})]
    assert build(odd).variants == ()


def test_too_many_are_not_judged_and_that_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "FEWEST_VARIANTS", 2)
    declared = [cache(f"{folder}/x.yaml", replicas=number) for number, folder in enumerate("abcdefghij", 2)]
    others = [cache("z/y.yaml", name=f"other-{number}") for number in range(40)]
    estate = build([*declared, *others])
    assert len(estate.variants) == 4, "four times as many objects as were read"
    assert estate.unjudged == tuple(declared[4:-1])
    assert (
        "e/x.yaml:1: Dragonfly data/cache is declared again at j/x.yaml:1, otherwise; there are too many"
        not in notes(build(declared))
    )
    assert "g/x.yaml:1: Dragonfly data/cache is declared again at j/x.yaml:1, otherwise; there are too many" in notes(
        estate
    )
    [rule] = [it for it in load() if it.id == "DFLY-OPS-001"]
    left = [it for it in judge(estate, [rule]) if it.outcome is Outcome.NOT_EVALUATED]
    assert [it.subject for it in left] == list(estate.unjudged)


def test_the_same_name_in_many_folders_costs_no_more_than_its_share() -> None:
    declared = [
        it for number in range(30) for it in (cache(f"{number}/x.yaml", replicas=number), budget(f"{number}/y.yaml"))
    ]
    estate = build(declared)
    assert len(estate.variants) == 29
    assert estate.unjudged == ()
    assert len(estate.of(DRAGONFLY)) == 1


def test_many_duplicates_are_counted() -> None:
    made = build(thing("v1", "ConfigMap", f"a{place % 25}", None) for place in range(50))
    told = [note.text for note in made.notes if "declar" in note.text]
    assert len(told) == 21
    assert told[-1] == "5 more declarations of objects that are declared several times"
