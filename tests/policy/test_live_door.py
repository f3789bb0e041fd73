"""The door to a running cluster, over a double of an API server: paging, refusals, what is asked for and what is not.

The double stands for HTTP only; a real API server is asked in tests/sandbox/test_sandbox_doors.py.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from seawall.errors import EnvironmentFailure
from seawall.policy.estate import live
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
                    for name, versions in GROUPS.items()
                ]
            }
        parts = path.strip("/").split("/")
        if parts == ["api", "v1"]:
            return 200, self._kinds(["Secret", "Pod", "Namespace"])
        if parts[0] == "apis" and len(parts) == 3:
            return 200, self._kinds(GROUPS[parts[1]][parts[2]])
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
    assert not seen.notes


def test_no_value_of_a_secret_is_asked_for() -> None:
    api = Double({"/api/v1/secrets": [{"metadata": {"name": "auth", "namespace": "data"}}]})
    (thing,) = live.read_cluster(api).objects
    (accept,) = [accept for path, _, accept in api.asked if path == "/api/v1/secrets"]
    assert "PartialObjectMetadataList" in accept
    assert thing.group_kind == SECRET
    assert thing.manifest["data"] is UNKNOWN
    assert thing.manifest["type"] is UNKNOWN


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
    (note,) = seen.notes
    assert "every Dragonfly" in note.text
    assert said in note.text
    assert note.where == DRAGONFLIES


def test_a_group_that_does_not_answer_is_said() -> None:
    seen = live.read_cluster(Double({}, {"/apis/policy/v1": 503}))
    assert [note.text for note in seen.notes] == ["kinds of policy v1: HTTP 503"]


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
