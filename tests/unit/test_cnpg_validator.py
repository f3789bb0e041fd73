"""The validator as the CronJob runs it: the rendered ConfigMap alone, in a process of its own, and the other tools."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from archive_doubles import CREDENTIALS, MIB, Archive, healthy
from cnpg_samples import AWS_TARGET, args, on_own_store
from failing_store import Fault, failing
from pydantic import ValidationError
from validator_runs import endpoints

from seawall.components.cnpg import validation, validation_report
from seawall.components.cnpg.args import CnpgSharedClusterArgs
from seawall.components.cnpg.validator.classes import CHECKS, CLASSES, Failure
from seawall.components.cnpg.validator.segments import Numbering
from seawall.components.cnpg.validator.settings import expectation
from seawall.pages import validator as page

ALLOWED = {"boto3", "botocore", "urllib3", "lz4", "zstandard", "cramjam"}
"""What the image has besides the standard library; urllib3 is botocore's own."""
_numbers = itertools.count()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    yield from endpoints()


@pytest.fixture
def archive(endpoint: str, request: pytest.FixtureRequest) -> Archive:
    name = re.sub("[^a-z]+", "-", request.node.name.lower())[:40].strip("-")
    return Archive(endpoint, f"{name}-{next(_numbers)}", Numbering(MIB))


def container(made: CnpgSharedClusterArgs) -> dict[str, Any]:
    pod = validation.cron_job(made)["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return dict(pod["containers"][0])


def mounted(made: CnpgSharedClusterArgs, folder: Path) -> Path:
    """The ConfigMap's files where its volume puts them."""
    pod = validation.cron_job(made)["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    data = validation.config_map(made)["data"]
    [volume] = [volume for volume in pod["volumes"] if volume["name"] == "script"]
    for item in volume["configMap"]["items"]:
        file = folder / item["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(data[item["key"]])
    return folder


def environment(made: CnpgSharedClusterArgs, archive: Archive, **changes: str | None) -> dict[str, str]:
    """What the CronJob gives, with the test's bucket, endpoint and keys."""
    rendered = {item["name"]: item["value"] for item in container(made)["env"] if "value" in item}
    given = {**rendered, **CREDENTIALS, "BACKUP_BUCKET": archive.bucket, "BACKUP_ENDPOINT": archive.endpoint}
    if archive.key is not None:
        given["EXPECTED_KMS_KEY"] = archive.key
    given |= {"MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true", "PATH": os.environ["PATH"]}
    return {name: value for name, value in {**given, **changes}.items() if value is not None}


def run(
    made: CnpgSharedClusterArgs, archive: Archive, folder: Path, *arguments: str, **changes: str | None
) -> tuple[int, dict[str, Any]]:
    """Runs the rendered command; the image's interpreter is this one."""
    one = container(made)
    command = [sys.executable, *one["command"][1:], *arguments]
    given = environment(made, archive, TERMINATION_FILE=str(folder / "verdict"), **changes)
    done = subprocess.run(
        command, cwd=mounted(made, folder), env=given, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    report = json.loads(done.stdout)
    jsonschema.Draft202012Validator(validation_report.schema()).validate(report)
    return done.returncode, report


def test_the_rendered_config_map_runs_alone(archive: Archive, tmp_path: Path) -> None:
    newest = healthy(archive, real=True)
    metrics = tmp_path / "metrics.prom"
    code, report = run(args(), archive, tmp_path / "a", "--deep", "--all", "--metrics-file", str(metrics))
    assert (code, report["ok"], report["verdict"], report["not_checked"]) == (0, True, "healthy", [])
    assert (tmp_path / "a" / "verdict").read_text().startswith("ok: ")
    assert metrics.read_text() == report["metrics"]
    archive.remove(f"base/{newest.id}/data.tar.gz")
    code, report = run(args(), archive, tmp_path / "b")
    assert (code, report["class"]) == (Failure.BACKUP_DAMAGED, "backup-damaged")
    assert "data.tar is missing" in (tmp_path / "b" / "verdict").read_text()
    assert not list((tmp_path / "b").rglob("__pycache__"))


def test_only_what_the_image_has_is_imported() -> None:
    for path in validation.VALIDATOR.glob("*.py"):
        found = re.findall(r"^\s*(?:from|import) ([a-z0-9_]+)", path.read_text(), re.MULTILINE)
        assert set(found) <= ALLOWED | set(sys.stdlib_module_names) | {"mypy_boto3_s3"}, path.name


def test_the_config_map_is_small_enough_for_the_api_server() -> None:
    assert len(json.dumps(validation.config_map(args()))) < 256 * 1024


@pytest.mark.parametrize(
    ("changes", "arguments", "says"),
    [
        ({"BACKUP_BUCKET": None}, (), "lacks BACKUP_BUCKET"),
        ({"BACKUP_ARCHIVE": ""}, (), "lacks BACKUP_ARCHIVE"),
        ({"MAX_WAL_AGE_SECONDS": "soon"}, (), "MAX_WAL_AGE_SECONDS must be a whole number"),
        ({"MAX_BACKUP_AGE_SECONDS": None}, (), "MAX_BACKUP_AGE_SECONDS must be a whole number and is missing"),
        ({"EXPECTED_ENCRYPTION": "DES"}, (), "EXPECTED_ENCRYPTION must be one of aws:kms, AES256"),
        ({"EXPECTED_KMS_KEY": None}, (), "EXPECTED_KMS_KEY is missing"),
        ({"BACKUP_ENDPOINT": "nonsense"}, (), "BACKUP_ENDPOINT must be an address"),
        ({"DEEP": "yes"}, (), "DEEP must be true or false"),
        ({"PAGE_PERCENT": "101"}, (), "PAGE_PERCENT must be at most 100"),
        ({}, ("--deeper",), "unrecognized arguments: --deeper"),
        ({}, ("--sample", "-1"), "--sample must not be negative"),
        ({}, ("--sample", "many"), "invalid int value"),
        ({"BACKUP_BUCKET": "no-such-bucket"}, (), "NoSuchBucket"),
        ({"BACKUP_BUCKET": "No bucket"}, (), "Invalid bucket name"),
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, (), "credentials"),
    ],
)
def test_what_is_set_wrong_is_a_class_of_its_own(
    archive: Archive, tmp_path: Path, changes: dict[str, str | None], arguments: tuple[str, ...], says: str
) -> None:
    code, report = run(args(), archive, tmp_path, *arguments, **changes)
    assert (code, report["class"], report["verdict"]) == (Failure.CONFIGURATION, "configuration", "unknown")
    told = [check["message"] for check in report["checks"] if check["status"] == "failed"]
    assert len(told) == 1
    assert says in told[0]


def test_a_run_that_is_ended_still_reports(archive: Archive, tmp_path: Path) -> None:
    """Kubernetes sends SIGTERM when the time is over."""
    fault = Fault(".", hangs=True)
    with failing(archive.endpoint, fault) as address:
        process = subprocess.Popen(
            [sys.executable, *container(args())["command"][1:]],
            cwd=mounted(args(), tmp_path),
            env=environment(args(), archive, BACKUP_ENDPOINT=address, TERMINATION_FILE=None),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert fault.asked.wait(60)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    report = json.loads(out)
    assert process.returncode == Failure.STORE_UNREACHABLE
    assert "ended before everything was checked" in out
    assert report["restorable"] == "unknown"


def test_metrics_are_prometheus_text_and_say_what_the_report_says(archive: Archive, tmp_path: Path) -> None:
    healthy(archive)
    archive.put("notes")
    _, report = run(args(), archive, tmp_path)
    lines = report["metrics"].splitlines()
    names = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    samples = [
        re.fullmatch(r"([a-z_]+)(\{[a-z]+=\"[A-Za-z0-9-]+\"\})? (-?[0-9.]+(?:e[+-]?\d+)?)", line)
        for line in lines
        if line[0] != "#"
    ]
    assert all(samples)
    values = {f"{match[1]}{match[2] or ''}": float(match[3]) for match in samples if match is not None}
    assert {name.partition("{")[0] for name in values} == names
    assert values["seawall_backup_valid"] == 0
    assert values["seawall_backup_exit_code"] == Failure.FOREIGN_OBJECTS
    assert values["seawall_backup_restorable"] == 1
    assert values['seawall_backup_check{check="foreign-objects"}'] == 0
    assert values['seawall_backup_check{check="wal-chain"}'] == 1
    assert 'seawall_backup_check{check="deep-wal"}' not in values
    assert values['seawall_backup_validation_requests{operation="ListObjectsV2"}'] == 3


def test_a_second_run_is_made_only_where_it_may_find_something_else() -> None:
    policy = validation.cron_job(args())["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]
    [rule] = policy["rules"]
    assert rule["action"] == "FailJob"
    again = {Failure.INTERNAL, Failure.STORE_UNREACHABLE, Failure.THROTTLED}
    assert rule["onExitCodes"]["values"] == sorted(set(Failure) - again)


def test_the_settings_reach_the_program() -> None:
    changes = {"deep": True, "all_objects": True, "sample": 7, "page_percent": 50, "timeout": "1h"}
    made = args(*((f"validation.{key}", value) for key, value in changes.items()))
    values = {item["name"]: item.get("value") for item in container(made)["env"]}
    wanted = {"DEEP": "true", "ALL_OBJECTS": "true", "SAMPLE": "7", "PAGE_PERCENT": "50"}
    assert {name: values[name] for name in wanted} == wanted
    assert validation.cron_job(made)["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 3600


@pytest.mark.parametrize(("arguments", "changes"), [(("--all",), {}), ((), {"ALL_OBJECTS": "true"})])
def test_every_object_means_every_page(arguments: tuple[str, ...], changes: dict[str, str]) -> None:
    wanted = {item["name"]: item.get("value", "") for item in container(args(("validation.page_percent", 50)))["env"]}
    asked = expectation(arguments, wanted | changes)
    assert (asked.every, asked.page_percent) == (True, 100)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"timeout": "24h"}, "must be shorter than the 1 day"),
        ({"tool": "mc", "deep": True}, "is read only with `tool: validator`"),
        ({"tool": "aws-cli", "sample": 3}, "is read only with `tool: validator`"),
        ({"tool": "mc"}, "has no `endpoint`"),
        ({"tool": "barman"}, "tool"),
        ({"sample": -1}, "sample"),
        ({"page_percent": 0}, "page_percent"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(says)):
        args(*((f"validation.{key}", value) for key, value in changes.items()))


def test_the_page_and_the_schema_have_every_class_and_check() -> None:
    text = page.page()
    for row in CLASSES:
        assert f"| {int(row.failure)} | `{row.failure.label}` | {row.meaning} |" in text
    assert {row.failure for row in CLASSES} == set(Failure)
    form = validation_report.schema()
    assert form["$defs"]["Check"]["properties"]["check"]["enum"] == [check.name for check in CHECKS]
    jsonschema.Draft202012Validator.check_schema(form)


def _other(tool: str) -> CnpgSharedClusterArgs:
    made = on_own_store()
    return replace(
        made,
        settings=made.settings.model_copy(
            update={"validation": made.settings.validation.model_copy(update={"tool": tool})}
        ),
    )


@pytest.mark.parametrize("tool", ["aws-cli", "mc"])
def test_the_other_tools_run_as_hardened_and_hold_the_readers_keys(tool: str) -> None:
    one = container(_other(tool))
    assert one["image"] == validation.IMAGES[tool]
    assert one["command"] == ["/bin/sh", f"/opt/seawall/{tool}.sh"]
    assert one["securityContext"] == container(args())["securityContext"]
    used = {item["valueFrom"]["secretKeyRef"]["name"] for item in one["env"] if "valueFrom" in item}
    assert used == {"main-backup-reader"}
    values = {item["name"]: item.get("value", "") for item in one["env"]}
    unseen = set(json.loads(f"[{values['NOT_CHECKED']}]"))
    assert unseen | validation.SEEN_BY_SHORT == {check.name for check in CHECKS}
    assert set(values["SEEN_CHECKS"].split()) == validation.SEEN_BY_SHORT
    assert ("MC_HOST_store" in values) is (tool == "mc")


CLIENT = {
    "aws-cli": """#!/bin/sh
# A double of the AWS CLI: answers from files, by what it is asked.
case "$*" in
  *head-object*) cat "$ANSWERS/head" ;;
  *"s3 cp"*) cat "$ANSWERS/info" ;;
  *base/*) cat "$ANSWERS/backups" ;;
  *wals/*) cat "$ANSWERS/wal" ;;
esac
[ ! -e "$ANSWERS/error" ] || { cat "$ANSWERS/error" >&2; exit 254; }
""",
    "mc": """#!/bin/sh
# A double of MinIO's client: answers from files, by what it is asked.
case "$*" in
  *base/*newer-than*) cat "$ANSWERS/young" ;;
  *find*base/*) cat "$ANSWERS/backups" ;;
  *cat*) cat "$ANSWERS/info" ;;
  *find*wals/*) cat "$ANSWERS/wal" ;;
  *stat*) cat "$ANSWERS/head" ;;
esac
[ ! -e "$ANSWERS/error" ] || { cat "$ANSWERS/error" >&2; exit 1; }
""",
}
_FOLDER = "store/backups/main/main"
ANSWERS: dict[str, dict[str, str]] = {
    "aws-cli": {
        "backups": '[\n    "main/main/base/20260101T000000/backup.info"\n]\n',
        "info": "begin_wal=x\nend_time=2099-01-01 00:00:00+00:00\nstatus=DONE\n",
        "wal": '[\n    "main/main/wals/a/b.gz",\n    "2099-01-01T00:00:00+00:00"\n]\n',
        "head": "AES256\tNone\n",
    },
    "mc": {
        "backups": f"{_FOLDER}/base/20260101T000000/backup.info\n{_FOLDER}/base/20260102T000000/backup.info\n",
        "young": f"{_FOLDER}/base/20260102T000000/backup.info\n",
        "info": "status=DONE\n",
        "wal": f"{_FOLDER}/wals/00000002.history\n{_FOLDER}/wals/a/b.gz\n",
        "head": '{"metadata":{"X-Amz-Server-Side-Encryption":"AES256"}}\n',
    },
}
BOTH = ("aws-cli", "mc")
SAID: list[tuple[tuple[str, ...], dict[str, str | None], Failure | None]] = [
    (BOTH, {}, None),
    (BOTH, {"backups": ""}, Failure.BACKUP_MISSING),
    (BOTH, {"info": "status=FAILED\n"}, Failure.BACKUP_MISSING),
    (BOTH, {"wal": ""}, Failure.WAL_OLD),
    (BOTH, {"error": "AccessDenied"}, Failure.ACCESS_DENIED),
    (BOTH, {"error": "SlowDown"}, Failure.THROTTLED),
    (BOTH, {"error": "connection refused"}, Failure.STORE_UNREACHABLE),
    (("aws-cli",), {"error": "NoSuchBucket"}, Failure.CONFIGURATION),
    (("aws-cli",), {"info": "end_time=2020-01-01 00:00:00+00:00\nstatus=DONE\n"}, Failure.BACKUP_MISSING),
    (("aws-cli",), {"info": "end_time=soon\nstatus=DONE\n"}, Failure.BACKUP_DAMAGED),
    (("aws-cli",), {"wal": '[\n "k",\n "2020-01-01T00:00:00+00:00"\n]\n'}, Failure.WAL_OLD),
    (("aws-cli",), {"head": "None\tNone\n"}, Failure.ENCRYPTION),
    (("mc",), {"error": "The specified bucket does not exist."}, Failure.CONFIGURATION),
    (("mc",), {"young": ""}, Failure.BACKUP_MISSING),
    (("mc",), {"wal": f"{_FOLDER}/wals/00000002.history\n"}, Failure.WAL_OLD),
    (("mc",), {"head": "{}\n"}, Failure.ENCRYPTION),
]


@pytest.mark.parametrize(
    ("tool", "changes", "failure"), [(tool, changes, failure) for tools, changes, failure in SAID for tool in tools]
)
def test_the_short_scripts_say_what_they_saw_and_what_they_did_not(
    tmp_path: Path, tool: str, changes: dict[str, str | None], failure: Failure | None
) -> None:
    """With doubles of the clients; the script, the shell and `date` are real."""
    made = _other(tool)
    answers, programs = tmp_path / "answers", tmp_path / "bin"
    answers.mkdir()
    programs.mkdir()
    for name, text in {**ANSWERS[tool], **changes}.items():
        (answers / name).write_text(text or "")
    client = programs / ("aws" if tool == "aws-cli" else "mc")
    client.write_text(CLIENT[tool])
    client.chmod(0o755)
    shell = shutil.which("sh")
    assert shell is not None
    values = {item["name"]: item["value"] for item in container(made)["env"] if "value" in item}
    done = subprocess.run(
        [shell, str(mounted(made, tmp_path / "mount") / f"{tool}.sh")],
        env={**values, "PATH": f"{programs}:{os.environ['PATH']}", "ANSWERS": str(answers)},
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(done.stdout)
    jsonschema.Draft202012Validator(validation_report.schema()).validate(report)
    assert done.returncode == report["exit_code"] == int(failure or 0)
    assert report["class"] == (failure.label if failure is not None else None)
    told = [check["check"] for check in report["checks"]]
    assert sorted([*told, *report["not_checked"]]) == sorted(check.name for check in CHECKS), "each once, said or not"
    assert {"wal-chain", "wal-needed", "deep-base"} <= set(report["not_checked"])


def test_on_aws_the_key_is_compared_by_the_short_script() -> None:
    made = args(("validation.tool", "aws-cli"), target=AWS_TARGET)
    values = {item["name"]: item.get("value") for item in container(made)["env"]}
    assert values["EXPECTED_KMS_KEY"] == AWS_TARGET.key
