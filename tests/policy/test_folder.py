"""The folder: anybody's files. A finding or a clear sentence for each, and the rest is read all the same."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.policy.estate.building import build
from seawall.policy.estate.doors import ahead, folder, yaml_loader
from seawall.policy.estate.doors.folder import read_file, read_folder, read_text
from seawall.policy.estate.values import WrongTypeError
from seawall.policy.findings import Outcome
from seawall.policy.judging import judge
from seawall.policy.rules import load

BACKUP = """\
apiVersion: postgresql.cnpg.io/v1
kind: ScheduledBackup
metadata: {name: daily, namespace: databases}
spec:
  cluster: {name: shared}
  schedule: "0 2 * * *"
"""


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_yaml", ".yaml").replace("_json", ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


FEW = [rule for rule in load() if rule.id in ("CNPG-DATA-001", "DFLY-OPS-001", "DFLY-SEC-001")]
"""Enough to see which object is judged, and where it is said to be."""


def places(root: Path) -> list[str]:
    return [finding.place.removeprefix(f"{root}/") for finding in judge(build(read_folder(root).objects), FEW)]


def test_several_documents_and_the_line_of_the_field(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=f"# a comment\n---\n---\n{BACKUP}---\n{BACKUP.replace('daily', 'other')}")
    assert places(tmp_path) == ["a.yaml:9", "a.yaml:16"]


def test_a_list_holds_objects_and_their_lines(tmp_path: Path) -> None:
    items = "\n".join("    " + line for line in BACKUP.splitlines())
    write(
        tmp_path,
        a_yaml=f"apiVersion: v1\nkind: List\nitems:\n  -\n{items}\n  - kind: List\n    apiVersion: v1\n    items: []\n",
    )
    reading = read_folder(tmp_path)
    assert [thing.origin.line for thing in reading.objects] == [5]
    assert places(tmp_path) == ["a.yaml:10"]


def test_json_and_subfolders_but_nothing_hidden(tmp_path: Path) -> None:
    json = '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "data"}}'
    write(
        tmp_path, deep__a_json=json, deep__er__b_yaml=BACKUP, **{".git__c_yaml": BACKUP, "node_modules__d_yaml": BACKUP}
    )
    assert [thing.title for thing in read_folder(tmp_path).objects] == [
        "Namespace data",
        "ScheduledBackup databases/daily",
    ]


def test_files_of_other_tools_are_counted_and_left_out(tmp_path: Path) -> None:
    write(
        tmp_path, values_yaml="replicas: 3\n", list_yaml="[1, 2]\n", text_yaml="hello\n", empty_yaml="", a_yaml=BACKUP
    )
    reading = read_folder(tmp_path)
    assert (len(reading.objects), reading.not_kubernetes, reading.unreadable) == (1, 3, [])


def test_a_broken_file_is_named_and_the_rest_is_judged(tmp_path: Path) -> None:
    write(tmp_path, a_yaml="apiVersion: 1\nb: ]\n", b_yaml=BACKUP)
    reading = read_folder(tmp_path)
    (problem,) = reading.unreadable
    assert problem.place == f"{tmp_path}/a.yaml:2"
    assert problem.why.startswith("not valid YAML: ")
    assert len(reading.objects) == 1


def test_a_broken_file_of_another_tool_is_left_out_of_a_folder(tmp_path: Path) -> None:
    write(tmp_path, a_yaml="tasks: {{ all }}\n- x: ]", b_yaml=BACKUP)
    reading = read_folder(tmp_path)
    assert (reading.unreadable, reading.not_kubernetes, len(reading.objects)) == ([], 1, 1)
    assert read_file(tmp_path / "a.yaml").unreadable, "what is asked for by name is read or refused"
    write(tmp_path, c_yaml="")
    (tmp_path / "c.yaml").write_bytes(f"{BACKUP}: ]".encode("utf-16"))
    assert len(read_folder(tmp_path).unreadable) == 1


def test_what_comes_before_the_mistake_is_judged(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=f"{BACKUP}---\na: [1,\n")
    reading = read_folder(tmp_path)
    assert (len(reading.objects), len(reading.unreadable)) == (1, 1)


def test_a_template_is_recognised(tmp_path: Path) -> None:
    write(tmp_path, a_yaml="apiVersion: v1\n{{- if .Values.x }}\nkind: Pod\n{{- end }}\n")
    assert "helm template" in read_folder(tmp_path).unreadable[0].why


def test_a_template_that_happens_to_be_yaml_is_no_object(tmp_path: Path) -> None:
    """By its name anywhere; in a chart by its place. Alerts and ExternalSecrets have templates of their own."""
    head = "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: a}\n"
    alert = head + "spec: {s: '{{ $labels.pod }}'}\n"
    named = BACKUP.replace("name: daily", 'name: "{{ .Release.Name }}-daily"')
    write(tmp_path, alert_yaml=alert, named_yaml=f"{BACKUP}---\n{named}", values__templates__a_yaml=alert)
    write(
        tmp_path, chart__Chart_yaml="name: x\n", chart__templates__deep__a_yaml=alert, chart__templates__b_yaml=BACKUP
    )
    reading = read_folder(tmp_path)
    assert sorted(it.name for it in reading.objects) == ["a", "a", "daily", "daily"]
    said = [(it.place.removeprefix(f"{tmp_path}/"), it.why) for it in reading.unreadable]
    why = "a template and no YAML yet: render it first, as with `helm template`"
    assert said == [("named.yaml:8", why), ("chart/templates/deep/a.yaml", why)]


def test_dates_stay_texts_as_in_kubernetes() -> None:
    (thing,) = read_text("{apiVersion: v1, kind: Pod, metadata: {name: 2026-01-01}}", "x").objects
    assert thing.name == "2026-01-01"


@pytest.mark.parametrize("written", ["12:30", "1:59:59.5", "!!int 12:30", "-1:30", "!!float '1:30'"])
def test_numbers_to_the_base_60_stay_texts_as_in_kubernetes(written: str) -> None:
    text = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec: {{at: {written}, n: 1_000, f: 1.5}}\n"
    for more in ("", "other: {a: &a {}, b: *a}\n"):  # both ways of making values
        (thing,) = read_text(text + more, "x").objects
        assert ":" in (thing.at("spec", "at").text() or "")
        assert (thing.at("spec", "n").raw, thing.at("spec", "f").raw) == (1000, 1.5)


def test_a_document_with_values_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_loader, "MAX_NODES", 30)
    several = "---\n".join([BACKUP] * 5)
    reading = read_text(f"{several}---\n{BACKUP}more: [{','.join('abcdefghijklmnopqrstuvw')}]\n", "x.yaml")
    assert len(reading.objects) == 5, "each document by itself"
    assert [it.why for it in reading.unreadable] == ["a document with more than 30 values"]


def test_a_bomb_and_a_cycle_are_refused() -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 10))
    bomb = read_text(f"l0: &l0 [lol]\n{levels}\n", "bomb.yaml")
    cycle = read_text("a: &a [*a]\n", "cycle.yaml")
    for reading in (bomb, cycle):
        assert "aliases" in reading.unreadable[0].why
        assert not reading.objects


def test_a_bomb_and_a_cycle_in_utf_16_are_refused() -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 10))
    for text in (f"l0: &l0 [lol]\n{levels}\n", "a: &a [*a]\n"):
        (problem,) = read_text(text.encode("utf-16"), "x.yaml").unreadable
        assert "aliases" in problem.why


@pytest.mark.parametrize("alias", ["", "other: {a: &a {}, b: *a}\n"])
def test_documents_without_a_line_between_them_are_refused(tmp_path: Path, alias: str) -> None:
    """The last would hide the others, as in what `cat *.yaml` writes."""
    write(tmp_path, a_yaml=BACKUP + BACKUP + alias + "---\n" + BACKUP.replace("daily", "other"), b_yaml=BACKUP)
    reading = read_folder(tmp_path)
    assert [it.name for it in reading.objects] == ["other", "daily"]
    assert [it.place.removeprefix(f"{tmp_path}/") for it in reading.unreadable] == ["a.yaml:7"]
    assert "the key 'apiVersion' is there twice" in reading.unreadable[0].why


@pytest.mark.parametrize(("given", "schedule"), [("0 2 * * *", "0 0 3 * * *"), ("daily", "weekly")])
def test_a_key_that_is_there_twice_is_told_and_the_last_counts(tmp_path: Path, given: str, schedule: str) -> None:
    """With what may be an alias in the file, and without."""
    text = BACKUP.replace("0 2 * * *", given) + f"  schedule: {schedule}\n"
    write(tmp_path, a_yaml=text, b_yaml="# " + "x" * ahead.LEAST_BYTES + "\n")  # parsed ahead where there are two cores
    for reading in (read_folder(tmp_path), read_text(text, "a.yaml")):
        assert reading.objects[0].at("spec", "schedule").text() == schedule
        assert not reading.unreadable
        assert [it.text for it in reading.notes] == [folder._TWICE]
        assert reading.notes[0].where.endswith("a.yaml:5")


def test_tags_of_other_tools_are_left_out() -> None:
    reading = read_text(f"a: !Ref b\nc: !!python/object/apply:os.system [exit]\n---\n{BACKUP}", "x.yaml")
    assert (len(reading.objects), reading.not_kubernetes, reading.unreadable) == (1, 1, [])


def test_json_that_is_no_yaml() -> None:
    text = '{\n\t"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x", "a": "\\ud83d\\ude00"}}'
    reading = read_text(text, "x.json")
    assert ([thing.title for thing in reading.objects], reading.unreadable) == (["Namespace x"], [])
    assert read_text('{"a": "\\ud83d"}', "x.json").unreadable, "half a character is no text"


def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def walk(root: Path, onerror: Callable[[OSError], None]) -> list[tuple[str, list[str], list[str]]]:
        onerror(PermissionError(13, "Permission denied", f"{root}/shut"))
        return []

    monkeypatch.setattr(os, "walk", walk)
    (problem,) = read_folder(tmp_path).unreadable
    assert (problem.place, problem.why) == (f"{tmp_path}/shut", "Permission denied")


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.yaml")).write_text(BACKUP)
    assert places(tmp_path) == ["\N{REPLACEMENT CHARACTER}.yaml:6"]


def test_many_findings_in_one_file_are_found_in_seconds() -> None:
    reading = read_text("---\n".join(BACKUP.replace("daily", f"b{n}") for n in range(1000)), "x.yaml")
    start = time.perf_counter()
    assert len({finding.place for finding in judge(build(reading.objects), FEW)}) == 1000
    assert time.perf_counter() - start < 20


@pytest.mark.parametrize(
    "spec", ["replicas: {n}", "replicas: 3, memcachedPort: {n}", "replicas: 3, pdb: {{minAvailable: {n}}}"]
)
def test_a_number_beyond_any_is_no_verdict(spec: str) -> None:
    spec = spec.format(n="0x" + "f" * 6000)
    text = f"{{apiVersion: dragonflydb.io/v1alpha1, kind: Dragonfly, metadata: {{name: a}}, spec: {{{spec}}}}}"
    findings = judge(build(read_text(text, "x").objects))
    assert any(finding.outcome is Outcome.NOT_EVALUATED for finding in findings)
    assert not any("the rule failed" in finding.message for finding in findings)


def test_an_owner_reference_hides_no_policy_and_no_second_budget() -> None:
    owned = "metadata: {name: other, namespace: data, ownerReferences: [{kind: Dragonfly, name: cache}]}"
    text = f"""\
apiVersion: dragonflydb.io/v1alpha1
kind: Dragonfly
metadata: {{name: cache, namespace: data}}
spec: {{replicas: 3}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
{owned}
spec: {{podSelector: {{}}, ingress: [{{}}]}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
{owned}
spec: {{selector: {{}}, minAvailable: 1}}
"""
    assert {finding.blamed.title for finding in judge(build(read_text(text, "x").objects), FEW)} == {
        "NetworkPolicy data/other",
        "PodDisruptionBudget data/other",
    }


def test_policies_in_a_dialect_that_is_not_read_are_said() -> None:
    text = "{apiVersion: projectcalico.org/v3, kind: NetworkPolicy, metadata: {name: open, namespace: a}}"
    (note,) = build(read_text(text, "x").objects).notes
    assert "NetworkPolicy a/open" in note.text


def test_aliases_that_are_meant_well_are_read() -> None:
    reading = read_text(f"{BACKUP}  other: &a {{x: 1}}\n  again: *a\n", "x")
    assert not reading.unreadable
    assert reading.objects[0].at("spec", "again", "x").integer() == 1


def test_deep_nesting_is_refused() -> None:
    """The C parser alone would end the process here."""
    for text in ("[" * 100_000, "{a: " * 100_000, "- " * 100_000):
        (problem,) = read_text(text, "deep.yaml").unreadable
        assert problem.why == "nested deeper than 200 levels"


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MAX_BYTES", 10)
    write(tmp_path, a_yaml=BACKUP)
    assert "more than" in read_folder(tmp_path).unreadable[0].why


def test_a_link_to_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to(tmp_path / "gone")
    assert read_folder(tmp_path).unreadable[0].place == f"{tmp_path}/a.yaml"


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"apiVersion: \xc3\x28")
    assert read_file(tmp_path / "a.yaml").unreadable


def test_an_object_without_a_name_is_still_judged() -> None:
    text = BACKUP.replace("{name: daily, namespace: databases}", "{}")
    (finding,) = judge(build(read_text(text, "x").objects), FEW)
    assert finding.subject.title == "ScheduledBackup default/(no name)"


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    [
        "apiVersion kind metadata spec replicas pdb minAvailable maxUnavailable networkPolicyEnabled podSelector",
        "ingress from ports port namespaceSelector matchLabels matchExpressions key operator values items snapshot",
        "endpointSelector fromEndpoints fromEntities toPorts schedule instances enablePDB labels annotations name",
    ]
).flatmap(lambda words: st.sampled_from(words.split()))
SPEC = st.recursive(
    JUNK, lambda inner: st.dictionaries(FIELDS, inner, max_size=5) | st.lists(inner, max_size=3), max_leaves=15
)
KINDS = st.sampled_from(
    [
        ("dragonflydb.io/v1alpha1", "Dragonfly"),
        ("postgresql.cnpg.io/v1", "Cluster"),
        ("postgresql.cnpg.io/v1", "Pooler"),
        ("postgresql.cnpg.io/v1", "ScheduledBackup"),
        ("policy/v1", "PodDisruptionBudget"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("cilium.io/v2", "CiliumNetworkPolicy"),
        ("apps/v1", "Deployment"),
        ("v1", "Namespace"),
        ("v1", "List"),
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(KINDS, SPEC, JUNK), max_size=6), st.booleans())
def test_no_junk_escapes_a_rule(things: list[tuple[tuple[str, str], object, object]], good_names: bool) -> None:
    """Whatever the objects hold, judging ends, with findings and without an exception."""
    from seawall.policy.estate.building import kube_object
    from seawall.policy.estate.model import Origin

    objects = []
    for (api_version, kind), spec, other in things:
        metadata = {"name": "x", "namespace": "data"} if good_names else other
        manifest = {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec, "items": other}
        thing = kube_object(manifest, Origin(file="x"))
        if thing is not None:
            objects.append(thing)
    for finding in judge(build(objects)):
        assert finding.message
        assert "the rule failed" not in finding.message, "wrong types are told from defects"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_no_bytes_escape_the_door(content: bytes) -> None:
    reading = read_text(content, "x.yaml")
    judge(build(reading.objects))


def test_an_anchor_may_be_given_again(tmp_path: Path) -> None:
    again = BACKUP.replace("name: daily", "name: &app daily").replace("name: shared", "name: &app shared")
    write(tmp_path, a_yaml=f"{BACKUP.replace('daily', 'other')}---\n{again}  x: *app\n")
    reading = read_folder(tmp_path)
    assert not reading.unreadable
    assert [thing.name for thing in reading.objects] == ["other", "daily"]
    assert reading.objects[1].at("spec", "x").text() == "shared"
    assert sorted(places(tmp_path)) == ["a.yaml:13", "a.yaml:6"]


def test_an_anchor_given_again_makes_no_bomb() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"b{i}: &a [*a, *a, *a, *a, *a, *a, *a, *a, *a]" for i in range(9)]
    (problem,) = read_text("\n".join(lines), "bomb.yaml").unreadable
    assert "aliases" in problem.why
    deep = "a: &a 1\nb: &a 2\nc: " + "[" * 5000
    (problem,) = read_text(deep, "deep.yaml").unreadable
    assert "nested deeper" in problem.why


def test_a_large_file_is_not_given_to_the_slow_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seawall.policy.estate.doors.yaml_loader.MAX_PATIENT_BYTES", 100)
    (problem,) = read_text("a: &a 1\nb: &a 2\n" + "#" * 100, "large.yaml").unreadable
    assert "second" in problem.why or "anchor" in problem.why


def test_a_default_of_fluxs_substitution_is_the_value() -> None:
    text = BACKUP.replace('"0 2 * * *"', '"${WHEN:=0 0 2 * * *}"') + "  immediate: ${NOW:-true}\n  x: ${A:=1}-${B:=2}\n"
    text += "  args:\n    - --n=${N:=2}\n    - a: ${O:-3}\n"
    script = text + "  script: |\n    echo ${HOME:-/root}\n"
    (backup,) = read_text(script, "a.yaml").objects
    assert backup.at("spec", "schedule").text() == "0 0 2 * * *"
    assert backup.at("spec", "immediate").boolean(default=False)
    assert backup.at("spec", "x").text() == "1-2"
    assert backup.at("spec", "args").raw == ["--n=2", {"a": 3}]
    assert backup.at("spec", "script").text() == "echo ${HOME:-/root}\n"


def test_what_is_filled_in_later_is_no_mistake_of_type() -> None:
    (backup,) = read_text(BACKUP + "  immediate: ${NOW}\n", "a.yaml").objects
    with pytest.raises(WrongTypeError, match=r"^spec.immediate is filled in later: \$\{…\} stands there$"):
        backup.at("spec", "immediate").boolean(default=False)
    cache = "apiVersion: dragonflydb.io/v1alpha1\nkind: Dragonfly\nmetadata: {name: a}\nspec:\n  replicas: ${N}\n"
    found = judge(build(read_text(cache, "a.yaml").objects), FEW)
    assert {finding.outcome for finding in found} == {Outcome.NOT_EVALUATED}
    assert all("flux build" in finding.mend for finding in found)
