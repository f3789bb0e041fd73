"""The door to a running cluster, over a double of an API server: paging, refusals, what is asked for and what is not.

The double stands for HTTP only; a real API server is asked in tests/sandbox/test_sandbox_doors.py.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from seawall.errors import EnvironmentFailure
from seawall.policy.estate.building import build
from seawall.policy.estate.doors import live
from seawall.policy.estate.kinds import DRAGONFLY, PULUMI, SECRET
from seawall.policy.estate.values import UNKNOWN

GROUPS = {
    "dragonflydb.io": {"v1alpha1": ["Dragonfly"]},
    "policy": {"v1": ["PodDisruptionBudget"]},
    "other.example.org": {"v1": ["Thing"]},
}


def plural(kind: str) -> str:
    return f"{kind.lower()}s"


class Double:
    """Answers GET from a table; whatever else is asked fails the test."""

    def __init__(self, objects: Mapping[str, list[dict[str, Any]]], statuses: Mapping[str, int] | None = None) -> None:
        self.objects = objects
        self.groups = GROUPS
        self.statuses = dict(statuses or {})
        self.asked: list[tuple[str, dict[str, str], str]] = []

    def get(self, path: str, query: Mapping[str, str], accept: str) -> tuple[int, Any]:
        self.asked.append((path, dict(query), accept))
        if path in self.statuses:
            return self.statuses[path], {"kind": "Status"}
        if path == "/apis":
            return 200, {
                "groups": [
                    {
                        "name": name,
                        "preferredVersion": {"version": next(iter(versions))},
                        "versions": [{"version": version} for version in versions],
                    }
                    for name, versions in self.groups.items()
                ]
            }
        parts = path.strip("/").split("/")
        if parts == ["api", "v1"]:
            return 200, self._kinds(["Secret", "Pod", "Namespace"])
        if parts[0] == "apis" and len(parts) == 3:
            return 200, self._kinds(self.groups[parts[1]][parts[2]])
        return 200, self._page(path, query)

    @staticmethod
    def _kinds(kinds: list[str]) -> dict[str, Any]:
        own = [{"name": plural(kind), "kind": kind, "verbs": ["get", "list"]} for kind in kinds]
        return {"resources": [*own, *({**it, "name": f"{it['name']}/status"} for it in own)]}

    def _page(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        items = self.objects.get(path, [])
        start, limit = int(query.get("continue", "0")), int(query["limit"])
        more = str(start + limit) if start + limit < len(items) else ""
        return {"items": items[start : start + limit], "metadata": {"continue": more}}


def dragonfly(name: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "data", "uid": "1", "managedFields": [{}]}
    return {"metadata": metadata, "spec": {"replicas": 3}}


DRAGONFLIES = "/apis/dragonflydb.io/v1alpha1/dragonflys"
SECRETS = "/api/v1/secrets"


def test_items_become_objects_of_their_kind() -> None:
    seen = live.read_cluster(Double({DRAGONFLIES: [dragonfly("cache")]}))
    (thing,) = seen.objects
    assert thing.group_kind == DRAGONFLY
    assert thing.title == "Dragonfly data/cache"
    assert thing.manifest["apiVersion"] == "dragonflydb.io/v1alpha1"
    assert set(thing.manifest["metadata"]) == {"name", "namespace"}
    assert thing.at("spec", "replicas").integer() == 3


def test_every_page_is_read() -> None:
    many = [dragonfly(f"cache-{number}") for number in range(live.PAGE * 2 + 1)]
    api = Double({DRAGONFLIES: many})
    seen = live.read_cluster(api)
    assert [thing.name for thing in seen.objects] == [it["metadata"]["name"] for it in many]
    assert sum(path == DRAGONFLIES for path, _, _ in api.asked) == 3
    assert seen.requests == len(api.asked)


def test_a_list_that_grew_too_old_is_begun_again() -> None:
    class Forgetful(Double):
        forgot = False

        def get(self, path: str, query: Mapping[str, str], accept: str) -> tuple[int, Any]:
            if path == DRAGONFLIES and "continue" in query and not self.forgot:
                self.forgot = True
                return 410, {"kind": "Status"}
            return super().get(path, query, accept)

    many = [dragonfly(f"cache-{number}") for number in range(live.PAGE + 1)]
    seen = live.read_cluster(Forgetful({DRAGONFLIES: many}))
    assert len(seen.objects) == len(many)
    assert not seen.refused


def test_no_value_of_a_secret_is_asked_for() -> None:
    api = Double({SECRETS: [{"metadata": {"name": "auth", "namespace": "data"}}]})
    (thing,) = live.read_cluster(api).objects
    (accept,) = [accept for path, _, accept in api.asked if path == SECRETS]
    assert "PartialObjectMetadataList" in accept
    assert thing.group_kind == SECRET
    assert thing.manifest["data"] is UNKNOWN
    assert thing.manifest["type"] is UNKNOWN
    assert {"data", "type"} <= thing.origin.unseen


def test_only_known_kinds_are_listed() -> None:
    api = Double({})
    live.read_cluster(api)
    asked = {path for path, _, _ in api.asked}
    assert "/apis/other.example.org/v1" not in asked
    assert not any("status" in path for path in asked)
    assert all(group != PULUMI for group, _ in live.known_kinds())


@pytest.mark.parametrize(("status", "said"), [(403, "you may not list them"), (500, "HTTP 500"), (404, "not served")])
def test_what_may_not_be_listed_is_said(status: int, said: str) -> None:
    seen = live.read_cluster(Double({}, {DRAGONFLIES: status}))
    ((path, why),) = seen.refused
    assert path == DRAGONFLIES
    assert "every Dragonfly" in why
    assert said in why
    assert "took them for absent" in why


def test_a_group_that_does_not_answer_is_said() -> None:
    seen = live.read_cluster(Double({}, {"/apis/policy/v1": 503}))
    assert seen.refused == [("/apis/policy/v1", "its kinds are not said: HTTP 503")]


def test_a_role_that_may_not_read_secrets_is_usual() -> None:
    """The cluster is read without a failure, and rules say nothing about Secrets that may be there."""
    seen = live.read_cluster(Double({}, {SECRETS: 403}))
    assert seen.refused == []
    assert [note.text for note in seen.notes] == ["Secrets: you may not list them (HTTP 403)"]
    assert seen.sees == {"cluster"}
    assert live.read_cluster(Double({})).sees == {"cluster", "secrets"}
    assert live.read_cluster(Double({}, {SECRETS: 500})).refused


def test_annotations_that_may_hold_a_value_are_dropped() -> None:
    last = {"kubectl.kubernetes.io/last-applied-configuration": '{"stringData": {"password": "open-sesame"}}'}
    metadata = {"name": "auth", "namespace": "data", "labels": {"a": "b"}, "annotations": last}
    cache = dragonfly("cache")
    cache["metadata"]["annotations"] = {**last, "seawall.dev/purpose": "queue"}
    api = Double({SECRETS: [{"metadata": metadata, "data": {"password": "b3Blbi1zZXNhbWU="}}], DRAGONFLIES: [cache]})
    auth, kept = sorted(live.read_cluster(api).objects, key=lambda thing: thing.name)
    assert "sesame" not in repr(auth.manifest)
    assert "b3Blbi1" not in repr(auth.manifest), "a server that does not know the form sends all of it"
    assert auth.label_view().texts() == {"a": "b"}
    assert kept.manifest["metadata"]["annotations"] == {"seawall.dev/purpose": "queue"}


def test_a_list_that_is_always_too_old_is_given_up() -> None:
    class Old(Double):
        def get(self, path: str, query: Mapping[str, str], accept: str) -> tuple[int, Any]:
            status, page = super().get(path, query, accept)
            return (410, None) if "continue" in query else (status, page)

    many = [dragonfly(f"cache-{number}") for number in range(live.PAGE + 1)]
    seen = live.read_cluster(Old({DRAGONFLIES: many}))
    assert [path for path, _ in seen.refused] == [DRAGONFLIES]


def test_a_server_that_never_comes_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(Double):
        counting = tokens = 0

        def get(self, path: str, query: Mapping[str, str], accept: str) -> tuple[int, Any]:
            if path != DRAGONFLIES:
                return super().get(path, query, accept)
            self.tokens += self.counting
            return 200, {"items": [dragonfly("cache")], "metadata": {"continue": f"token-{self.tokens}"}}

    with pytest.raises(EnvironmentFailure, match="the same page again and again"):
        live.read_cluster(Endless({DRAGONFLIES: [dragonfly("cache")]}))
    monkeypatch.setattr(live, "MOST_OBJECTS", 10)
    Endless.counting = 1
    with pytest.raises(EnvironmentFailure, match="more than 10 objects"):
        live.read_cluster(Endless({DRAGONFLIES: [dragonfly("cache")]}))


@pytest.mark.parametrize("junk", [1, "x", {"x": 1}, [None, 1, "x", [], {}]])
def test_what_is_no_list_is_not_taken_for_an_empty_one(junk: Any) -> None:
    class Odd(Double):
        def __init__(self, odd: str) -> None:
            super().__init__({DRAGONFLIES: [dragonfly("cache")]})
            self.odd = odd

        def get(self, path: str, query: Mapping[str, str], accept: str) -> tuple[int, Any]:
            status, page = super().get(path, query, accept)
            return status, {key: junk if f"{path}.{key}" == self.odd else value for key, value in page.items()}

    with pytest.raises(EnvironmentFailure, match="the answer is no list"):
        live.read_cluster(Odd("/apis.groups"))
    for odd in (f"{DRAGONFLIES}.items", "/api/v1.resources"):
        ((path, why),) = live.read_cluster(Odd(odd)).refused
        assert odd.startswith(path)
        assert "the answer is no list" in why
    assert len(live.read_cluster(Odd(f"{DRAGONFLIES}.metadata")).objects) == 1, "then there is no further page"


def test_null_is_an_empty_list() -> None:
    class Null(Double):
        def _page(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
            return {"items": None}

    seen = live.read_cluster(Null({}))
    assert (seen.objects, seen.refused) == ([], [])


@pytest.mark.parametrize("junk", [None, 1, "x", [], {"x": 1}])
def test_odd_objects_are_no_exception(junk: Any) -> None:
    odd = [{"metadata": junk}, {"metadata": {"name": junk}}, {"metadata": {"annotations": junk, "labels": junk}}, {}]
    assert len(live.read_cluster(Double({SECRETS: odd, DRAGONFLIES: odd})).objects) == 2 * len(odd)


def test_policies_in_a_dialect_that_is_not_read_are_said() -> None:
    api = Double({"/apis/crd.projectcalico.org/v1/globalnetworkpolicys": [{"metadata": {"name": "default-deny"}}]})
    api.groups = {"crd.projectcalico.org": {"v1": ["GlobalNetworkPolicy"]}}
    said = [note.text for note in build(live.read_cluster(api).objects).notes]
    assert any("what these policies admit or deny: GlobalNetworkPolicy" in text for text in said)


@pytest.mark.parametrize(("status", "said"), [(401, "does not know you"), (403, "does not say what it serves")])
def test_no_door_without_the_groups(status: int, said: str) -> None:
    with pytest.raises(EnvironmentFailure, match=said):
        live.read_cluster(Double({}, {"/apis": status}))


def test_an_answer_that_is_no_json_object() -> None:
    class Page(Double):
        def get(self, path: str, query: Mapping[str, str], accept: str) -> tuple[int, Any]:
            return 200, None

    with pytest.raises(EnvironmentFailure, match="is this a Kubernetes API server"):
        live.read_cluster(Page({}))
