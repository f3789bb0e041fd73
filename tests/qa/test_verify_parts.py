"""Parts of verify by themselves: undoing, telling simulated nodes, command lines, results, the object store."""

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from archive_doubles import server
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from seawall.qa.checks.context import Entry, Probe, Where
from seawall.qa.checks.model import UndecidedError
from seawall.qa.probes.__main__ import LONGEST_MESSAGE, MARK, main
from seawall.qa.verify import marks, pods
from seawall.qa.verify.api import is_simulated
from seawall.qa.verify.asking import command
from seawall.qa.verify.signals import shielded
from seawall.qa.verify.store import S3Store

KEYS = st.sampled_from("abc")
LEAVES = st.one_of(st.booleans(), st.integers(0, 3), st.text("xy", max_size=2), st.lists(st.integers(0, 3), max_size=2))
OBJECTS = st.recursive(
    st.dictionaries(KEYS, LEAVES, max_size=3), lambda inner: st.dictionaries(KEYS, inner | LEAVES, max_size=3)
)


def patched(thing: Any, patch: Any) -> Any:
    """RFC 7386, as the API server does it."""
    if not isinstance(patch, dict):
        return patch
    made = dict(thing) if isinstance(thing, dict) else {}
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = patched(made.get(key), value)
    return made


@given(OBJECTS, OBJECTS)
def test_the_way_back_leads_back(thing: dict[str, Any], change: dict[str, Any]) -> None:
    after = patched(thing, change)

    back = patched(after, marks.inverse(change, thing))

    # Empty mappings stay where the change made them: nothing is said in them.
    assert _said(back) == _said(thing)


def _said(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    found = {key: _said(it) for key, it in value.items()}
    return {key: it for key, it in found.items() if it != {}}


MINE = st.dictionaries(st.sampled_from("ab"), LEAVES | st.none())
THEIRS = st.dictionaries(st.sampled_from("cd"), LEAVES | st.none())


@given(st.dictionaries(st.sampled_from("abcd"), LEAVES), MINE, THEIRS)
def test_two_patches_of_different_fields_as_one(
    thing: dict[str, Any], left: dict[str, Any], right: dict[str, Any]
) -> None:
    whole, one, other = {"m": thing}, {"m": left, "x": left}, {"m": right, "y": right}

    assert patched(whole, marks.merged(one, other)) == patched(patched(whole, one), other)


def test_marks_go_with_the_way_back() -> None:
    thing = {"metadata": {"labels": {"a": "b"}, "annotations": {}}, "spec": {"paused": False}}
    change = {"spec": {"paused": True}}
    undo = marks.inverse(change, thing)

    there = patched(thing, marks.merged(change, marks.marking("id", undo)))
    noted = json.loads(there["metadata"]["annotations"][marks.UNDO])

    assert there["metadata"]["labels"] == {"a": "b", marks.CHANGED: "id"}
    assert patched(there, marks.unmarking(noted)) == thing


def test_a_label_that_stands_for_another_pod_is_kept() -> None:
    probe = {"metadata": {"name": "x", "labels": {"app.kubernetes.io/managed-by": "VM-Operator", marks.RUN: "forged"}}}

    labels = marks.labelled(probe, "id")["metadata"]["labels"]

    assert labels == {"app.kubernetes.io/managed-by": "VM-Operator", marks.RUN: "id"}


@pytest.mark.parametrize(
    ("node", "simulated"),
    [
        ({"metadata": {"annotations": {"kwok.x-k8s.io/node": "fake"}}}, True),
        ({"metadata": {"labels": {"kwok.x-k8s.io/node": "fake"}}}, True),
        ({"metadata": {}, "spec": {"providerID": "kwok://node-1"}}, True),
        ({"metadata": {}, "status": {"nodeInfo": {"kubeletVersion": "kwok-v0.7.0"}}}, True),
        ({"metadata": {"labels": {"kubernetes.io/hostname": "kwok"}}, "spec": {"providerID": "aws:///i-1"}}, False),
        (
            {"metadata": {"annotations": None, "labels": None}, "status": {"nodeInfo": {"kubeletVersion": "v1.34.1"}}},
            False,
        ),
        ({}, False),
    ],
)
def test_simulated_nodes_are_told_by_any_of_their_marks(node: dict[str, Any], simulated: bool) -> None:
    assert is_simulated(node) is simulated


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["verify", "--context", "infra", "--probe"], "seawall verify --context infra --probe"),
        (["verify", "--kubeconfig", "/home/x/kube", "--context", "infra"], "seawall verify --context infra"),
        (["verify", "--kubeconfig=/home/x/kube", "--test", "A"], "seawall verify --test A"),
        (["verify", "--sign-with", "/k", "--evidence=/e", "--metrics-token", "/t", "--yes"], "seawall verify --yes"),
    ],
)
def test_evidence_names_no_file_of_this_machine(words: list[str], kept: str) -> None:
    assert command(words) == kept


def probe() -> Probe:
    wanted = {"P": Entry("a", "x"), "Q": Entry("a", "y"), "R": Entry("b", "z")}
    return Probe(Where("infra", "harbor"), [{"kind": "dns", "host": "a"}], wanted)


def test_secrets_are_fetched_by_entry_and_given_by_name() -> None:
    made, known = pods.secrets("id", 3, "harbor", probe().secrets, ("ClusterSecretStore", "store"))

    assert [it["metadata"]["name"] for it in made] == ["seawall-verify-id-3-0", "seawall-verify-id-3-1"]
    assert [[it["remoteRef"]["property"] for it in one["spec"]["data"]] for one in made] == [["x", "y"], ["z"]]
    assert known == {
        "P": ("seawall-verify-id-3-0", "p"),
        "Q": ("seawall-verify-id-3-0", "q"),
        "R": ("seawall-verify-id-3-1", "r"),
    }
    spec = pods.pod("id", 3, probe(), {"metadata": {"name": "o", "uid": "u"}}, known)["spec"]
    env = {it["name"]: it for it in spec["containers"][0]["env"]}
    assert env["R"]["valueFrom"] == {"secretKeyRef": {"name": "seawall-verify-id-3-1", "key": "r"}}
    assert [it["name"] for it in env.values() if "value" in it] == ["PROBE_STEPS"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (json.dumps({"probe": MARK, "results": [{"outcome": "open"}]}), 1),
        ("starting\n" + json.dumps({"probe": MARK, "results": [{"outcome": "open"}]}) + "\nbye", 1),
        (json.dumps({"probe": MARK, "results": []}), None),
        (json.dumps({"probe": MARK, "results": [{"outcome": "open"}] * 2}), None),
        (json.dumps({"probe": MARK, "results": [{"what": "open"}]}), None),
        (json.dumps({"probe": "other", "results": [{"outcome": "open"}]}), None),
        (json.dumps([{"outcome": "open"}]), None),
        ('{"probe": "seawall-probe/v1", "resul', None),
        ("", None),
    ],
)
def test_only_a_whole_result_is_one(text: str, count: int | None) -> None:
    found = pods.result(text, [{"kind": "tcp"}])

    assert (found if found is None else len(found)) == count


def test_the_program_says_its_result_twice_when_it_is_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = tmp_path / "message"
    message.touch()
    steps = [{"kind": "dns", "host": "127.0.0.1"}]

    assert main({"PROBE_STEPS": json.dumps(steps)}, message) == 0
    assert pods.result(message.read_text(), steps) == pods.result(capsys.readouterr().out, steps) is not None

    message.write_text("")
    many = steps * (LONGEST_MESSAGE // 20)
    assert main({"PROBE_STEPS": json.dumps(many)}, message) == 0
    assert message.read_text() == ""
    assert pods.result(capsys.readouterr().out, many) is not None


@pytest.mark.parametrize("given_steps", ["", "{}", '[{"kind": "shell"}]', '["tcp"]', "["])
def test_the_program_does_nothing_that_is_no_step(given_steps: str, tmp_path: Path) -> None:
    assert main({"PROBE_STEPS": given_steps}, tmp_path / "none") == 2


def test_a_mistake_in_one_step_costs_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = [{"kind": "tcp", "host": "127.0.0.1"}, {"kind": "dns", "host": "127.0.0.1"}]

    assert main({"PROBE_STEPS": json.dumps(steps)}, tmp_path / "none") == 0

    found = pods.result(capsys.readouterr().out, steps)
    assert found is not None
    assert [it["outcome"] for it in found] == ["mistake", "resolved"]


PAGE = 10


@pytest.fixture(scope="module")
def s3() -> Iterator[ThreadedMotoServer]:
    """With small pages: S3's are of 1,000 objects, and it takes seconds to put as many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", str(PAGE))
        made = server()
        yield made
        made.stop()


def store(s3: ThreadedMotoServer) -> tuple[S3Store, Any]:
    host, port = s3.get_host_and_port()
    session = boto3.Session("a", "b", region_name="eu-central-1")
    address = f"http://{host}:{port}"
    return S3Store(address, "eu-central-1", session), session.client("s3", endpoint_url=address)


def test_the_object_store_is_listed_looked_at_and_read(s3: ThreadedMotoServer) -> None:
    mine, client = store(s3)
    client.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    for number in range(2 * PAGE + 5):
        client.put_object(Bucket="bucket", Key=f"p/{number:04}", Body=b"x")
    client.put_object(Bucket="bucket", Key="q", Body=b"text", ServerSideEncryption="AES256")

    assert client.list_objects_v2(Bucket="bucket", Prefix="p/")["KeyCount"] == PAGE
    assert len(mine.list("bucket", "p/")) == 2 * PAGE + 5
    assert dict(mine.head("bucket", "q")) == {"encryption": "AES256"}
    assert mine.read("bucket", "q") == b"text"
    assert mine.list("no-such-bucket", "p/") == []
    with pytest.raises(UndecidedError, match="answers HeadObject s3://bucket/none with 404"):
        mine.head("bucket", "none")


def test_an_object_store_that_is_not_there_decides_nothing() -> None:
    with pytest.raises(UndecidedError, match="needs object-store: ListObjectsV2"):
        S3Store("http://127.0.0.1:1", "eu-central-1", boto3.Session("a", "b")).list("b", "")


def test_the_first_interrupt_waits_and_the_second_does_not() -> None:
    heard: list[str] = []
    before = signal.getsignal(signal.SIGTERM)
    done = False

    with pytest.raises(KeyboardInterrupt), shielded(heard.append):
        signal.raise_signal(signal.SIGINT)
        done = True
    assert done
    assert len(heard) == 1

    with pytest.raises(KeyboardInterrupt), shielded(heard.append):
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("the second one was not heard")
    assert signal.getsignal(signal.SIGTERM) is before


def test_other_threads_hear_no_signals() -> None:
    seen: list[bool] = []

    def work() -> None:
        with shielded(lambda _: None):
            seen.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]
