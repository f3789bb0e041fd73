"""Junk through each door, and what must come of it: findings, or a clear error; never an exception or a defect."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import yaml
from engine_doubles import SECRET_MARK, UNKNOWN_NUMBER, UNKNOWN_TEXT, secret, servicer
from google.protobuf import struct_pb2
from google.protobuf.message import DecodeError, EncodeError
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from junk_material import Material, material
from pulumi.runtime.proto import analyzer_pb2 as proto
from test_live_door import Double

from seawall.cli.outputs import Format, text
from seawall.errors import SeawallError
from seawall.policy import checking
from seawall.policy.checking import Asked, Opened
from seawall.policy.estate.building import build
from seawall.policy.estate.doors import engine, live
from seawall.policy.estate.doors.folder import Reading, read_text
from seawall.policy.estate.doors.state import read_state
from seawall.policy.estate.model import Estate
from seawall.policy.findings import Outcome

SEED = 20261122
"""What the junk is generated from; the same number gives the same junk with the same version of hypothesis."""
DAY = date(2027, 1, 1)
MOST_PER_OBJECT = 150
"""Findings for one object. No real one has a tenth of that; a rule that loops has more."""
_SIGNATURE, _IS_SECRET = SECRET_MARK
_DEFECT = re.compile(r"the (rule|projection) failed with ")


@dataclass
class Tally:
    """What came of the junk."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """How many examples ended with what; one example counts once for each."""
    examples: int = 0

    def count(self, *outcomes: str) -> None:
        """One example that ended so."""
        self.examples += 1
        self.outcomes.update(set(outcomes))


def defects(messages: Iterable[str]) -> list[str]:
    """The messages by which the pack says that a part of it has failed."""
    return [message for message in messages if _DEFECT.search(message)]


def judged(estate: Estate, **opened: Any) -> list[str]:
    """What an estate comes to, in every format; raises `AssertionError` for a defect of a rule.

    The terms are those of the page.
    """
    result = checking.check(Opened("junk", estate, **opened), Asked(matrices=True), PREPARED, day=DAY)
    assert not defects([finding.message for finding in result.findings])
    assert len(result.findings) <= MOST_PER_OBJECT * (len(estate.declared) + len(estate.others) + 1)
    for form in Format:
        text(result, form).encode()
    said = {finding.outcome for finding in result.findings}
    found = [what for outcome, what in _WORDS.items() if outcome in said]
    return [*found, *(["an unreadable file or document"] if result.unreadable else [])] or ["nothing found"]


PREPARED = checking.prepare(Asked())
_WORDS = {
    Outcome.VIOLATED: "a finding",
    Outcome.NOT_EVALUATED: "no verdict, with the reason",
    Outcome.DEFERRED: "a verdict that waits",
}


# ── the doors ────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Dumper(yaml.CSafeDumper):
    """Writes shared values as anchors and aliases, cycles included, and what is no plain value as a text."""


_Dumper.add_representer(None, lambda dumper, value: dumper.represent_str(repr(value)))


def folder(junk: Material | bytes) -> list[str]:
    """As YAML (several documents), or as raw bytes."""
    if isinstance(junk, bytes):
        return _read(read_text(junk, "junk.yaml"))
    content = yaml.dump_all(junk.documents, Dumper=_Dumper, allow_unicode=True)
    return _read(read_text(content.encode("utf-8", "surrogatepass"), "junk.yaml"))


def _read(reading: Reading) -> list[str]:
    return judged(build(reading.objects), unreadable=tuple(reading.unreadable), may_wait=True)


def state(junk: Material | bytes) -> list[str]:
    """As an exported state, or as raw bytes."""
    content = junk if isinstance(junk, bytes) else _exported(junk.documents)
    try:
        read = read_state(content, "junk.json")
    except SeawallError:
        return ["a clear error"]
    return judged(engine.estate(read.resources, notes=read.notes))


def _exported(documents: Iterable[Any]) -> bytes:
    held = [
        {"urn": f"urn:pulumi:dev::junk::{_token(it)}::r{place}", "type": _token(it), "outputs": it}
        for place, it in enumerate(documents)
    ]
    return json.dumps({"version": 3, "deployment": {"resources": held}}, default=repr).encode()


def _token(document: Any) -> str:
    if not isinstance(document, Mapping):
        return "kubernetes:v1:Junk"
    return f"kubernetes:{document.get('apiVersion')!s:.60}:{document.get('kind')!s:.60}"


def protocol(junk: Material | bytes) -> list[str]:
    """As the engine's messages, each resource alone and then all; raw bytes are a message of their own."""
    try:
        if isinstance(junk, bytes):
            request = proto.AnalyzeStackRequest.FromString(junk)
        else:
            held = [(_token(it), f"r{place}", _struct(it)) for place, it in enumerate(junk.documents)]
            made = [
                proto.AnalyzerResource(
                    type=token, urn=f"urn:pulumi:dev::junk::{token}::{name}", name=name, properties=properties
                )
                for token, name, properties in held
            ]
            request = proto.AnalyzeStackRequest.FromString(
                proto.AnalyzeStackRequest(resources=made).SerializeToString()
            )
    except (DecodeError, EncodeError, ValueError):
        return ["no message of the protocol"]
    pack = servicer(preview=True)
    said = []
    for one in request.resources:
        alone = proto.AnalyzeRequest(type=one.type, urn=one.urn, name=one.name, properties=one.properties)
        said += pack.Analyze(alone, None).diagnostics
    said += pack.AnalyzeStack(request, None).diagnostics
    assert not defects([it.message for it in said])
    assert len(said) <= MOST_PER_OBJECT * (len(request.resources) + 1)
    names = {it.policyName for it in said}
    found = [what for name, what in _POLICIES.items() if name in names]
    return [*found, *(["a finding"] if names - _POLICIES.keys() else [])] or ["nothing found"]


_POLICIES = {"SEAWALL-NOT-EVALUATED": "no verdict, with the reason", "SEAWALL-DEFERRED": "a verdict that waits"}


def _struct(value: Any) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    for key, content in value.items() if isinstance(value, Mapping) else [("junk", value)]:
        _put(made.fields[str(key)], content)
    return made


def _put(field_of: struct_pb2.Value, content: Any) -> None:
    """As the engine writes it: all numbers are floats."""
    if content is None:
        field_of.null_value = struct_pb2.NULL_VALUE
    elif isinstance(content, bool):
        field_of.bool_value = content
    elif isinstance(content, int | float):
        field_of.number_value = float(content)
    elif isinstance(content, Mapping):
        field_of.struct_value.CopyFrom(_struct(content))
    elif isinstance(content, list):
        field_of.list_value.values.extend([])
        for item in content:
            _put(field_of.list_value.values.add(), item)
    else:
        field_of.string_value = str(content)


def cluster(junk: Material | bytes) -> list[str]:
    """As the answers of an API server: manifests as items of their lists, raw bytes as whatever they are in JSON."""
    if isinstance(junk, bytes):
        api: live.Api = _Odd(_json(junk))
    else:
        api = _Cluster(junk.documents)
    try:
        seen = live.read_cluster(api)
    except SeawallError:
        return ["a clear error"]
    return judged(build(seen.objects, notes=seen.notes, sees=seen.sees))


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


class _Cluster(Double):
    """Serves every known kind, and each document as an item of the list that its kind says."""

    def __init__(self, documents: Iterable[Any]) -> None:
        served = {kind: f"/{self._path(group)}/{kind.lower()}s" for group, kind in live.known_kinds()}
        lists: dict[str, list[dict[str, Any]]] = {}
        for it in documents:
            kind = it.get("kind") if isinstance(it, Mapping) else None
            lists.setdefault(served.get(str(kind), served["ConfigMap"]), []).append(it)
        super().__init__(lists)
        self.groups = {}
        for group, kind in live.known_kinds():
            self.groups.setdefault(group or "core", {}).setdefault("v1", []).append(kind)
        self._core = self.groups.pop("core")["v1"]

    @staticmethod
    def _path(group: str) -> str:
        return f"apis/{group}/v1" if group else "api/v1"

    def get(self, path: str, query: Mapping[str, str], accept: str) -> tuple[int, Any]:
        return (200, self._kinds(self._core)) if path == "/api/v1" else super().get(path, query, accept)


class _Odd:
    """Says the same to everything."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def get(self, path: str, query: Mapping[str, str], accept: str) -> tuple[int, Any]:
        """The same answer."""
        return 200, self.value


# ── the runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────

ENGINE_MARKS: tuple[Any, ...] = (
    *(UNKNOWN_TEXT, UNKNOWN_NUMBER, secret("hidden-value"), secret(UNKNOWN_TEXT), secret({"a": [secret(1)]})),
    *({_SIGNATURE: _IS_SECRET}, {_SIGNATURE: _IS_SECRET, "plaintext": "{"}, {_SIGNATURE: _IS_SECRET, "ciphertext": 3}),
    *({_SIGNATURE: "d0e6a833031e9bbcd3f4e8bde6ca49a4"}, {_SIGNATURE: None}, {_SIGNATURE: []}, "[secret]"),
)


@dataclass(frozen=True, eq=False)
class Run:
    """One door."""

    name: str
    about: str
    """For the page: in which form the junk comes."""
    through: Callable[[Material | bytes], list[str]]
    marks: tuple[Any, ...] = ()
    cycles: bool = False
    raw: bytes = b""
    """What raw bytes are put into the middle of, so that some of them get far."""

    def hold(self, examples: int, *, start: int = SEED, on_each: Callable[[], object] = int) -> Tally:
        """Puts so much junk through the door. Raises whatever escapes, with the junk that does."""
        tally = Tally()
        whole = material(self.marks, cycles=self.cycles)
        raw = st.binary(max_size=300) | st.tuples(st.binary(max_size=8), st.integers(0, len(self.raw))).map(
            lambda it: self.raw[: it[1]] + it[0] + self.raw[it[1] + len(it[0]) :]
        )

        @seed(start)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=(Phase.generate,),  # what is found is told as it is: to look for less takes minutes
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        )
        @given(st.one_of(whole, whole, whole, whole, raw))
        def junk(given_junk: Material | bytes) -> None:
            tally.count(*self.through(given_junk))
            on_each()

        junk()
        return tally


_YAML = b"""\
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: &m {name: main, namespace: data, labels: {a: b}}
spec: {instances: 3, enablePDB: false, bootstrap: {initdb: {database: x, owner: *m}}}
---
apiVersion: v1
kind: List
items: [{apiVersion: dragonflydb.io/v1alpha1, kind: Dragonfly, metadata: *m, spec: {replicas: 2}}]
"""
_STATE = _exported([{"apiVersion": "dragonflydb.io/v1alpha1", "kind": "Dragonfly", "metadata": {}, "spec": {}}])

RUNS: tuple[Run, ...] = (
    Run("folder", "YAML with anchors, aliases and cycles; raw bytes", folder, ("known-after-up",), True, _YAML),
    Run(
        "exported state",
        "JSON of a state with marked secrets and unknown values; raw bytes",
        state,
        ENGINE_MARKS,
        raw=_STATE,
    ),
    Run(
        "engine",
        "messages of the engine's protocol, each resource alone and all together; raw bytes",
        protocol,
        ENGINE_MARKS,
    ),
    Run(
        "live cluster",
        "answers of an API server; raw bytes",
        cluster,
        raw=b'{"groups": [{"name": "apps", "versions": []}]}',
    ),
)
