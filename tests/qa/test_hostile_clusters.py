"""API servers, metrics stores and kubeconfigs that lie, never end, or would have a secret shown."""

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from api_double import Handler, Server, kubeconfig, serving
from evidence_samples import evidence
from typer.testing import CliRunner

from seawall.cli import verify as command
from seawall.components.kubernetes.external_secret import API_VERSION as EXTERNAL_SECRETS
from seawall.errors import EnvironmentFailure, UserError
from seawall.policy.estate.doors.cluster_api import ClusterApi
from seawall.qa.oncall import prometheus, reading, remarks
from seawall.qa.oncall.kinds import LISTED
from seawall.qa.oncall.model import Topic
from seawall.qa.promql import PromQL
from seawall.qa.verify import leftovers, marks, surroundings
from seawall.qa.verify.api import KubeCluster
from seawall.qa.verify.store import S3Store

CANARY = "canary-3f9a"
TOKEN = "open-sesame-42"
RUN = "0123456789ab"
PLURALS = {"nodes": "Node", "namespaces": "Namespace", "pods": "Pod", "configmaps": "ConfigMap"}
KINDS = {"resources": [{"name": it, "kind": kind, "namespaced": it == "pods"} for it, kind in PLURALS.items()]}
DEEP = b"[" * 200_000


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        made.replies["/api/v1"] = (200, KINDS)
        yield made


@pytest.fixture
def cluster(server: Server, tmp_path: Path) -> KubeCluster:
    return KubeCluster("there", kubeconfig(tmp_path, server.server_port))


def with_user(folder: Path, port: int, user: Mapping[str, Any], address: str = "127.0.0.1") -> Path:
    file = kubeconfig(folder, port)
    config = yaml.safe_load(file.read_text())
    config["users"][0]["user"] = dict(user)
    config["clusters"][0]["cluster"]["server"] = f"http://{address}:{port}"
    file.write_text(yaml.safe_dump(config))
    return file


# Lists, and what is in them.


def growing(items: list[Any]) -> Any:
    number = itertools.count()
    return lambda it: it.say(200, {"metadata": {"continue": str(next(number))}, "items": items})


NODE = {"metadata": {"name": "node-1"}}
ENDLESS = {
    "always another, empty page": growing([]),
    "always the same": (200, {"metadata": {"continue": "x"}, "items": [NODE]}),
}


@pytest.mark.parametrize("reply", ENDLESS.values(), ids=ENDLESS)
def test_a_list_that_never_ends_is_left(cluster: KubeCluster, server: Server, reply: Any) -> None:
    server.replies["/api/v1/nodes"] = reply

    with pytest.raises(EnvironmentFailure, match="does not come to an end"):
        cluster.every("v1", "Node")


@pytest.mark.parametrize("reply", ENDLESS.values(), ids=ENDLESS)
def test_on_call_leaves_it_as_well_and_says_so(server: Server, tmp_path: Path, reply: Any) -> None:
    server.other = reply
    api = ClusterApi("there", kubeconfig(tmp_path, server.server_port))

    seen = reading.read(api, server=api.server)

    pods = next(it for it in LISTED if it.plural == "pods")
    assert "did not come to an end" in seen.lists[pods.of].why


@pytest.mark.parametrize(
    "items",
    [
        "abc",
        {"a": 1},
        [5],
        [None],
        [{}],
        [{"metadata": "x"}],
        [{"metadata": {"name": 5}}],
        [{"metadata": {"name": "x", "labels": ["a"]}}],
        [{**NODE, "spec": 5}],
    ],
)
def test_a_list_of_anything_else_is_told(cluster: KubeCluster, server: Server, items: Any) -> None:
    server.replies["/api/v1/nodes"] = (200, {"items": items})

    with pytest.raises(EnvironmentFailure, match="a form that is not Kubernetes'"):
        cluster.every("v1", "Node")


@pytest.mark.parametrize("kinds", [(200, {"resources": [{"nope": 1}]}), (200, {"resources": [5]}), (404, {})])
def test_a_server_without_the_kinds_of_kubernetes_has_not_nothing(
    cluster: KubeCluster, server: Server, kinds: tuple[int, Any]
) -> None:
    server.replies["/api/v1"] = kinds

    with pytest.raises(EnvironmentFailure, match="a form that is not Kubernetes'"):
        leftovers.find(cluster)


@pytest.mark.parametrize("content", [DEEP, b"9" * 5000, b'"x"', b'{"metadata": "x"}', b"\xff\x00"])
def test_no_answer_is_too_odd(cluster: KubeCluster, server: Server, content: bytes) -> None:
    server.replies["/api/v1"] = (200, content)

    with pytest.raises(EnvironmentFailure, match="is no Kubernetes API server"):
        cluster.every("v1", "Node")


@pytest.mark.parametrize(("uid", "version"), [("1\x1b[31m", "v1"), ("u", "v1\n<script>")])
def test_a_cluster_whose_names_move_the_cursor_is_refused(
    cluster: KubeCluster, server: Server, uid: str, version: str
) -> None:
    server.replies["/api/v1/namespaces/kube-system"] = (200, {"metadata": {"name": "kube-system", "uid": uid}})
    server.replies["/version"] = (200, {"gitVersion": version})

    with pytest.raises(EnvironmentFailure, match="a form that is not Kubernetes'"):
        _ = cluster.seen


def test_the_tag_of_an_image_is_one_line_of_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "_images", lambda *_: iter([("dragonfly", "x:v1\n## forged"), ("other", "x: ")]))
    cluster: Any = SimpleNamespace(seen=SimpleNamespace(version="v1"))
    stack: Any = None

    found = surroundings.versions(stack, cluster)

    assert evidence(versions=found).versions == {"kubernetes": "v1", "dragonfly": "v1 ## forged", "other": "nothing"}


# What is secret.


def test_a_page_that_quotes_the_request_is_not_quoted(cluster: KubeCluster, server: Server) -> None:
    def echo(it: Handler) -> None:
        it.say(200, f"<html>{it.headers['Authorization']}".encode())

    server.replies["/api/v1"] = echo
    with pytest.raises(EnvironmentFailure, match="a web page") as failed:
        cluster.every("v1", "Node")

    assert TOKEN not in str(failed.value)


@pytest.mark.parametrize("token", [f"x\n{CANARY}", f"x→{CANARY}"])
def test_a_token_that_cannot_be_sent_is_not_shown(server: Server, tmp_path: Path, token: str) -> None:
    file = with_user(tmp_path, server.server_port, {"token": token})

    for ask in (
        lambda: KubeCluster("there", file).every("v1", "Node"),
        lambda: ClusterApi("there", file).get("/apis", {}, "application/json"),
    ):
        with pytest.raises(EnvironmentFailure, match="cannot be sent") as failed:
            ask()
        assert CANARY not in str(failed.value)
        assert failed.value.__suppress_context__


def test_a_password_in_the_servers_address_is_used_and_not_shown(server: Server, tmp_path: Path) -> None:
    address = f"user:{CANARY}@127.0.0.1"
    api = KubeCluster("there", with_user(tmp_path, server.server_port, {"token": TOKEN}, address))
    assert api.every("v1", "Node") == []
    assert api.server == f"http://127.0.0.1:{server.server_port}"

    with pytest.raises(EnvironmentFailure, match="does not answer") as failed:
        ClusterApi("there", with_user(tmp_path, 1, {"token": TOKEN}, address)).get("/apis", {}, "")
    assert CANARY not in str(failed.value)


def test_what_somebody_wrote_into_an_object_is_shown_without_passwords() -> None:
    said = remarks.broken(f"not synced: could not get https://user:{CANARY}@vault/x")

    answer = remarks.weighed(Topic.SECRETS, "caches", [said], command="kubectl", summary="")

    assert "not synced: could not get" in answer.summary
    assert CANARY not in repr(answer)


# What is left, and who says so.


class Writing:
    """A double of a cluster with these objects, which notes what is done to them."""

    context = "there"

    def __init__(self, *things: dict[str, Any]) -> None:
        self.things = things
        self.done: list[Any] = []

    def every(self, api_version: str, kind: str, *, selector: str) -> list[dict[str, Any]]:
        label = selector.partition("=")[0]
        return [it for it in self.things if it["kind"] == kind and label in it["metadata"]["labels"]]

    def patch(self, thing: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
        self.done.append(change)
        return thing

    def delete(self, thing: dict[str, Any], grace: int | None = None) -> None:
        self.done.append(thing["metadata"]["name"])


def labelled(kind: str, name: str) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, "labels": {marks.RUN: RUN}}}


def test_a_label_alone_makes_nothing_ours() -> None:
    names = ("production", f"seawall-verify-{RUN}0", f"x-seawall-verify-{RUN}", f"seawall-verify-{RUN}")
    cluster: Any = Writing(*(labelled("Namespace", it) for it in names), labelled("Pod", f"seawall-verify-{RUN}-1"))

    assert [it["metadata"]["name"] for it in leftovers.find(cluster).created] == [
        f"seawall-verify-{RUN}-1",
        f"seawall-verify-{RUN}",
    ]


def test_a_server_that_drops_the_selector_has_nothing_removed() -> None:
    other = labelled("ExternalSecret", "password")
    other["metadata"]["labels"] = {marks.RUN: "ba9876543210"}
    bare = {"kind": "ExternalSecret", "metadata": {"name": "password"}}
    node = {"kind": "Node", "metadata": {"name": "node-1", "labels": {"a": "b"}}}

    class Careless(Writing):
        def every(self, api_version: str, kind: str, *, selector: str) -> list[dict[str, Any]]:
            return [it for it in self.things if it["kind"] == kind]

    cluster: Any = Careless(other, bare, node)

    assert not leftovers.find(cluster, RUN)
    assert leftovers.find(cluster).created == [other]


@pytest.mark.parametrize(
    "undo",
    [
        {"metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}}},
        {"spec": {"taints": None, "unschedulable": None}},
        {"spec": None},
        {"status": {}},
        [],
        "x",
        5,
    ],
)
def test_a_forged_way_back_is_not_gone(undo: Any) -> None:
    node = labelled("Node", "node-1")
    node["metadata"] |= {"labels": {marks.CHANGED: RUN}, "annotations": {marks.UNDO: json.dumps(undo)}}
    cluster: Any = Writing(node)

    [why] = leftovers.remove([cluster], sleep=lambda _: None)

    assert "names what no run changes" in why
    assert cluster.done == []


@pytest.mark.parametrize("run", ["", "x,app!=y", "0123456789AB", "../..", "a\x1b[31m"])
def test_the_id_of_a_run_is_one(tmp_path: Path, run: str) -> None:
    words = ["--context", "there", "--kubeconfig", str(tmp_path / "none"), "--cleanup", "--run", run]

    found = CliRunner().invoke(command.app, words)

    assert isinstance(found.exception, UserError)
    assert str(found.exception).startswith("--run ")
    assert str(found.exception).isprintable()


def test_names_with_control_signs_are_written_out(server: Server, tmp_path: Path) -> None:
    thing = labelled("ExternalSecret", "x\x1b[31m")
    thing["metadata"]["namespace"] = "data\u202e"
    path = f"/apis/{EXTERNAL_SECRETS}"
    server.replies[path] = (
        200,
        {"resources": [{"name": "externalsecrets", "kind": "ExternalSecret", "namespaced": True}]},
    )
    server.replies[f"{path}/externalsecrets"] = (200, {"items": [thing]})
    file = kubeconfig(tmp_path, server.server_port)

    found = CliRunner().invoke(command.app, ["--context", "there", "--kubeconfig", str(file), "--cleanup", "--plan"])

    assert "x\\x1b[31m" in found.stdout
    assert found.stdout.replace("\n", "").isprintable()


# Metrics.


@pytest.mark.parametrize(
    "address",
    [
        f"https://m/?token={CANARY}",
        f"https://m/#{CANARY}",
        f"https://a:{CANARY}@m",
        "http://[::1",
        "http://m:99999",
        "http://m:0",
        "http://m/\x1b[31m",
        "m",
        "",
    ],
)
def test_an_address_of_metrics_that_is_none_or_holds_a_secret(address: str) -> None:
    with pytest.raises(UserError, match=r"--metrics") as refused:
        PromQL(address)

    assert CANARY not in str(refused.value)
    assert str(refused.value).isprintable()


def test_no_password_in_the_address_of_the_object_store() -> None:
    with pytest.raises(UserError, match="--s3-endpoint: must not hold a password") as refused:
        S3Store(f"https://user:{CANARY}@s3.example.org")

    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("content", [f"x\n{CANARY}", f"{CANARY}→", "", " \n", CANARY * 10_000, f"x {CANARY}"])
def test_a_token_file_that_holds_no_token(tmp_path: Path, content: str) -> None:
    file = tmp_path / "token"
    file.write_text(content)

    with pytest.raises(UserError, match="must hold one token") as refused:
        PromQL("https://metrics.example.org", file)
    assert CANARY not in str(refused.value)


def test_metrics_nested_without_end(server: Server) -> None:
    server.other = (200, DEEP)
    address = f"http://127.0.0.1:{server.server_port}"

    assert "answers with no JSON" in prometheus.ask(PromQL(address)).why


@pytest.mark.parametrize("number", ["NaN", "+Inf", "-Inf", "1e999"])
def test_what_is_no_number_is_not_seen(server: Server, number: str) -> None:
    labels = {"namespace": "databases", "pod": "pooler-1"}
    result = [{"metric": labels, "value": [1.0, number]}]
    server.other = (200, {"status": "success", "data": {"resultType": "vector", "result": result}})

    found = prometheus.ask(PromQL(f"http://127.0.0.1:{server.server_port}"))

    assert found.why == ""
    assert found.of(prometheus.POOL_LONGEST, ("databases", "pooler-1")) is None
