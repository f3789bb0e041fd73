"""Files of evidence: one text each, written whole, without secrets, read without trust."""

import base64
import hashlib
import json
import re
import subprocess
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from evidence_samples import APPS, CHECKOUT, GOOD, NOW, STRANGER, ago, cluster, evidence, seen, simulated
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from seawall.errors import EnvironmentFailure, UserError
from seawall.qa.evidence import document, files, wall
from seawall.qa.evidence.model import Evidence, Observation
from seawall.qa.evidence.sshsig import verify

FULL = evidence(
    peer=cluster(APPS, context="apps"),
    versions={"dragonfly": "v1.38.1", "cilium": "1.18.2"},
    observed=(seen(how="kubectl get pods | grep ready"), seen(what="a <b>bold</b> [claim](x) `now`", found="…")),
)
GOLDEN = """\
---
schema: seawall.dev/evidence/v1
test: DFLY-INT-004
verdict: failed
environment: simulated
cluster:
  context: infra
  uid: deadbeef-0000-4000-8000-000000000000
  version: v1.34.2
  nodes: 3
  simulated_nodes: 3
commit: c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00
dirty: false
versions:
  dragonfly operator: v1.6.1
started: '2026-03-31T10:59:48Z'
finished: '2026-03-31T11:00:00Z'
command: seawall verify --context infra
observed:
- what: pods that are ready
  expected: '3'
  found: '2'
  ok: false
digest: sha256:@
---

# DFLY-INT-004: failed

- environment: simulated (its nodes run nothing: this counts for no test that needs a cluster)
- where: infra (deadbeef-0000-4000-8000-000000000000), v1.34.2, 3 nodes, 3 of them simulated
- when: 2026-03-31 10:59:48 UTC, 12 s
- commit: c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00, clean
- command: seawall verify --context infra
- dragonfly operator: v1.6.1

| ok | what | expected | found | see it with |
| --- | --- | --- | --- | --- |
| **no** | pods that are ready | 3 | 2 |  |
"""


def test_the_form_of_version_1_stays() -> None:
    """What was written with an earlier release must still be read."""
    made = document.text(simulated(ok=False))
    assert re.sub("sha256:[0-9a-f]{64}", "sha256:@", made) == GOLDEN


def test_anybody_can_compute_the_digest(tmp_path: Path) -> None:
    file = files.write(tmp_path, FULL)
    others = b"".join(line for line in file.read_bytes().splitlines(keepends=True) if not line.startswith(b"digest: "))
    assert f"digest: sha256:{hashlib.sha256(others).hexdigest()}\n" in file.read_text()


RUNS = {"full": FULL, "repository": evidence("DFLY-UNIT-001"), "failed": simulated(ok=False)}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_what_is_written_is_read_again_and_follows_the_schema(tmp_path: Path, run: Evidence) -> None:
    file = files.write(tmp_path, run, signer=GOOD)
    [found] = files.read_all(tmp_path)
    assert (found.file, found.problem, found.evidence) == (file.name, "", document.normal(run))
    assert found.signature is not None
    assert verify(found.signature, found.content) == GOOD.public
    front = yaml.safe_load(file.read_text().split("---\n")[1])
    schema = json.loads((CHECKOUT / "docs" / "schemas" / "evidence-v1.schema.json").read_text())
    assert [error.message for error in Draft202012Validator(schema).iter_errors(front)] == []
    assert list(Draft202012Validator(schema).iter_errors({**front, "trusted": True}))


def test_the_name_says_test_time_and_cluster() -> None:
    assert document.name(FULL) == "DFLY-INT-004-20260331T110000Z-1f0e8c62.md"
    assert document.name(evidence("DFLY-UNIT-001")) == "DFLY-UNIT-001-20260331T110000Z-repository.md"


@pytest.mark.parametrize("changes", [{"test": "../../x"}, {"test": "x y"}, {"cluster": cluster("../../etc-passwd")}])
def test_a_name_that_would_leave_the_folder_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(EnvironmentFailure, match="cannot be written"):
        files.write(tmp_path, evidence().model_copy(update=changes))
    assert list(tmp_path.iterdir()) == []


def test_a_table_shows_no_tags_links_or_columns_of_others() -> None:
    table = document.text(FULL).partition("| ok |")[2]
    assert "\\<b>" in table
    assert "\\[claim]" in table
    assert "pods \\| grep" in table


texts = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp", "Zs", "Co", "Cn")), min_size=1, max_size=40
)


@given(st.lists(st.tuples(texts, texts, texts, st.booleans()), min_size=1, max_size=5), st.dictionaries(texts, texts))
def test_whatever_was_observed_is_read_again(rows: list[tuple[str, str, str, bool]], versions: dict[str, str]) -> None:
    try:
        observed = tuple(Observation(what=what, expected=b, found=c, ok=ok) for what, b, c, ok in rows)
        run = evidence(ok=all(it.ok for it in observed), observed=observed, versions=versions)
    except ValueError:  # it happens to look like a secret
        return
    assert document.parse(document.text(run).encode()) == document.normal(run)


@given(st.binary(max_size=300))
def test_reading_never_fails_otherwise(content: bytes) -> None:
    for tried in (content, b"---\n" + content + b"\n---\n", b"---\ndigest: x\n" + content + b"\n---\n"):
        with pytest.raises(document.NotEvidenceError):
            document.parse(tried)


def test_one_run_leaves_one_file(tmp_path: Path) -> None:
    files.write(tmp_path, FULL)
    with pytest.raises(EnvironmentFailure, match="is there already"):
        files.write(tmp_path, FULL)


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(EnvironmentFailure, match="No space left"):
        files.write(tmp_path, FULL, signer=GOOD)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert files.read_all(tmp_path / "none") == []


def test_other_files_are_told_and_the_readme_is_left_alone(tmp_path: Path) -> None:
    for name in ("README.md", ".gitkeep", "notes.txt", "orphan.md.sig"):
        (tmp_path / name).write_text("x")
    (tmp_path / "folder").mkdir()
    assert {found.file: found.problem for found in files.read_all(tmp_path)} == {
        "folder": "not a file",
        "notes.txt": "without front matter between two lines `---`",
        "orphan.md.sig": "without front matter between two lines `---`",
    }


def test_signing_what_is_there(tmp_path: Path) -> None:
    file = files.write(tmp_path, FULL)
    assert files.sign(file, STRANGER) == tmp_path / f"{file.name}.sig"
    [found] = files.read_all(tmp_path)
    assert verify(found.signature or b"", found.content) == STRANGER.public
    file.write_text(file.read_text().replace("v1.34.2", "v1.34.3"))
    with pytest.raises(UserError, match="is no evidence"):
        files.sign(file, GOOD)


def test_only_earlier_simulated_passes_without_a_signature_are_dropped(tmp_path: Path) -> None:
    def put(run: Evidence, **how: Any) -> str:
        return files.write(tmp_path, run, **how).name

    old = put(simulated(**ago(hours=9)))
    kept = {
        put(simulated(ok=False, **ago(hours=8))),
        put(simulated(**ago(hours=7)), signer=GOOD),
        put(evidence(**ago(hours=6))),
        put(simulated("DFLY-INT-005", **ago(hours=9))),
        put(simulated(**ago(seconds=0))),
    }
    new = put(simulated(**ago(hours=1)))
    assert files.drop_superseded(tmp_path, [new]) == [old]
    assert {found.file for found in files.read_all(tmp_path)} == {*kept, new}


SECRET = "correct-horse-battery"


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        f"the value is {SECRET}!",
        base64.b64encode(SECRET.encode()).decode(),
        "correct-horse%2Dbattery",
    ],
)
@pytest.mark.parametrize("field", ["found", "command", "version"])
def test_a_known_secret_is_blotted_out(tmp_path: Path, written: str, field: str) -> None:
    secrets = [SECRET, "correct-horse%2Dbattery"]
    changes: dict[str, Any] = {"command": f"x {written}"} if field == "command" else {}
    if field == "found":
        changes["observed"] = (seen(found=written),)
    if field == "version":
        changes["versions"] = {"dragonfly": written}
    file = files.write(tmp_path, evidence(**changes), secrets=secrets, signer=GOOD)
    text = file.read_text()
    assert SECRET not in text
    assert written not in text
    assert "[secret]" in text
    assert files.read(file).problem == ""


FORMS = {
    "key": "-----BEGIN OPENSSH PRIVATE KEY----- b3BlbnNzaC1rZXktdjEAAAAA and more of it",
    "aws": "AKIA" + "ABCDEFGHIJKLMNOP",
    "url": "postgresql://harbor:hunter2hunter2@db:5432/harbor",
    "password": "host=db password=hunter2hunter2 dbname=x",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "token": "glpat-" + "aB3dE6gH9jK2mN5pQ8sT",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_what_has_the_form_of_a_secret_is_blotted_out(text: str) -> None:
    clean = wall.blotted(f"before {text}")
    assert clean.startswith("before ")
    assert "[secret]" in clean
    for part in ("hunter2", "b3Bl", "AKIA", "dozjg", "aB3dE", "sub"):
        assert part not in clean
    wall.refuse(clean, (), "x")  # nothing is left
    with pytest.raises(wall.SecretError, match="x, line 2"):
        wall.refuse(f"fine\n{text}", (), "x")


def test_what_cannot_be_blotted_out_is_not_written(tmp_path: Path) -> None:
    """A secret that is also the id of the test, or the commit: to blot it out would leave no evidence."""
    for secret in ("DFLY-INT-004", FULL.commit):
        with pytest.raises(EnvironmentFailure) as refusal:
            files.write(tmp_path, FULL, secrets=[secret])
        assert secret not in str(refusal.value).replace("the evidence of DFLY-INT-004", "")
    assert list(tmp_path.iterdir()) == []


def test_nothing_planted_anywhere_gets_into_a_file(tmp_path: Path) -> None:
    data = FULL.model_dump(mode="json", by_alias=True)
    data["cluster"]["version"] = f"v1 {SECRET}"
    data["peer"]["context"] = SECRET
    data["versions"] = {SECRET: SECRET}
    data["observed"] = [{"what": SECRET, "expected": SECRET, "found": SECRET, "ok": True, "how": SECRET}]
    data["command"] = SECRET
    file = files.write(tmp_path, Evidence.model_validate(data), secrets=[SECRET])
    assert SECRET not in file.read_text()
    assert file.read_text().count("[secret]") >= 12


def test_times_are_whole_seconds_of_utc(tmp_path: Path) -> None:
    east = timezone(timedelta(hours=5, minutes=30))
    run = evidence(started=NOW.astimezone(east), finished=NOW.replace(microsecond=999_999).astimezone(east))
    file = files.write(tmp_path, run)
    assert file.name == "DFLY-INT-004-20260331T120000Z-1f0e8c62.md"
    assert files.read(file).problem == ""


def test_git_keeps_evidence_byte_by_byte() -> None:
    done = subprocess.run(
        ["git", "check-attr", "text", "--", "docs/qa/evidence/x.md"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().endswith("text: unset")
