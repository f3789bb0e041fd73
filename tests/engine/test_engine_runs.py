"""Preview, update and destroy on the real engine."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from engine_trial import Trial

from seawall.errors import UserError
from seawall.sandbox.engine import layout, recovery
from seawall.sandbox.engine.summary import EngineFailure, PolicyRefusal, RunSummary


def test_a_stack_that_was_never_deployed_is_previewed(trial: Trial) -> None:
    seen = trial.engine().preview()
    assert seen.changes == {"create": 4}  # three things and the stack itself
    assert trial.resources() == []


@dataclass(frozen=True)
class Twice:
    """A project that was deployed twice."""

    trial: Trial
    first: RunSummary
    again: RunSummary
    files: Mapping[Path, bytes]
    """The project's files before that."""
    passphrase: str
    """The passphrase after the first time."""


@pytest.fixture(scope="module")
def twice(toolchain: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Twice:
    trial = Trial.make(tmp_path_factory.mktemp("twice"))
    trial.stack_file.write_text("encryptionsalt: v1:of:anotherPassphrase\n" + trial.stack_file.read_text())
    files = contents(trial)
    first = trial.engine().up()
    passphrase = layout.passphrase(trial.state).read_text()
    return Twice(trial, first, trial.engine().up(), files, passphrase)


def contents(trial: Trial) -> Mapping[Path, bytes]:
    return {file: file.read_bytes() for file in trial.folder.rglob("*") if file.is_file()}


def test_the_second_update_changes_nothing(twice: Twice) -> None:
    assert (twice.first.changed, twice.again.changed) == (4, 0)
    assert twice.again.changes == {"same": 4}
    assert twice.trial.resources() == ["thing-0", "thing-1", "thing-2"]


def test_preview_and_update_are_titled_and_shown(twice: Twice) -> None:
    shown = twice.trial.printed
    assert shown.index("Preview of stack dev") < shown.index("Update of stack dev")
    assert "trial:index:Thing thing-0 create" in shown
    assert "+ 4 created" in shown
    assert "4 unchanged" in shown


def test_every_policy_reports_how_often_it_passed(twice: Twice) -> None:
    assert {verdict.policy: (verdict.passed, verdict.violations) for verdict in twice.again.policies} == {
        "TRIAL-001": (4, 0),
        "TRIAL-002": (1, 0),
    }


def test_the_passphrase_is_made_once_and_is_private(twice: Twice) -> None:
    file = layout.passphrase(twice.trial.state)
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(twice.passphrase) > 30
    assert file.read_text() == twice.passphrase
    assert twice.passphrase not in twice.trial.printed


def test_the_repositorys_files_are_not_written_to(twice: Twice) -> None:
    assert contents(twice.trial) == twice.files


@pytest.mark.parametrize("command", ["preview", "up"])
def test_a_mandatory_violation_stops_it_and_nothing_has_changed(trial: Trial, command: str) -> None:
    trial.engine().up()
    before = trial.checkpoint.read_bytes()
    trial.configure(count=4, open=True)
    with pytest.raises(PolicyRefusal, match=r"4 violations of TRIAL-001; nothing was changed") as refusal:
        getattr(trial.engine(), command)()
    assert refusal.value.exit_code == 1
    assert {violation.urn.rsplit("::", 1)[1] for violation in refusal.value.summary.violations} == {
        "thing-0",
        "thing-1",
        "thing-2",
        "thing-3",
    }
    assert trial.checkpoint.read_bytes() == before
    assert "Update of stack dev" not in trial.printed.split("refused")[-1].split("Preview of stack dev")[-1]


def test_an_advisory_violation_is_told_and_does_not_stop(trial: Trial) -> None:
    trial.configure(count=11)
    done = trial.engine().up()
    assert [(found.policy, found.mandatory) for found in done.violations] == [("TRIAL-002", False)]
    assert not done.refused
    assert len(trial.resources()) == 11


def test_a_preview_can_leave_the_pack_out(trial: Trial) -> None:
    trial.configure(count=1, open=True)
    assert trial.engine().preview(policies=False).policies == ()


def test_a_persons_mistake_in_the_program_shows_without_a_traceback(trial: Trial) -> None:
    trial.program("""
        from seawall.errors import UserError
        raise UserError("the moon is not a region")
    """)
    with pytest.raises(UserError, match="the moon is not a region"):
        trial.engine().preview()
    assert "the moon is not a region" in trial.printed
    assert "Traceback" not in trial.printed


def test_a_broken_program_fails_the_run(trial: Trial) -> None:
    trial.program("raise RuntimeError('out of cheese')")
    with pytest.raises(EngineFailure, match="out of cheese") as failure:
        trial.engine().up()
    assert failure.value.exit_code == 3
    assert trial.resources() == []


def test_a_program_of_another_place_can_be_run(trial: Trial) -> None:
    other = trial.folder.parent / "other.py"
    other.write_text("import pulumi\npulumi.export('answer', 42)\n")
    assert trial.engine(program=other).preview().changes == {"create": 1}


def test_each_run_imports_the_project_afresh(trial: Trial) -> None:
    module = trial.folder / "trial_names.py"
    trial.program("""
        import pulumi
        import trial_names

        for name in trial_names.NAMES:
            pulumi.ComponentResource("trial:index:Thing", name)
    """)
    module.write_text("NAMES = ['one']\n")
    trial.engine().up()
    module.write_text("NAMES = ['one', 'another']\n")
    trial.engine().up()
    assert trial.resources() == ["another", "one"]


def test_the_program_sees_nothing_of_this_machines_credentials(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    ambient = {
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "token",
        "KUBECONFIG": "/home/me/.kube/config",
        "PULUMI_ACCESS_TOKEN": "token",
        "PULUMI_BACKEND_URL": "s3://production",
        "GOOGLE_APPLICATION_CREDENTIALS": "/key.json",
        "AZURE_CLIENT_SECRET": "secret",
        "HTTPS_PROXY": "http://203.0.113.1:3128",
    }
    for name, value in ambient.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    seen = trial.folder.parent / "seen"
    trial.program(f"""
        import json, os, pathlib
        pathlib.Path({str(seen)!r}).write_text(json.dumps([dict(os.environ), os.getcwd()]))
    """)
    trial.engine().preview()
    inside, folder = json.loads(seen.read_text())
    assert not {name: inside[name] for name in ambient if name in inside and name != "KUBECONFIG"}
    assert inside["KUBECONFIG"] == str(trial.engine().kubeconfig)
    assert inside["AWS_ENDPOINT_URL"] == "http://127.0.0.1:2"
    assert inside["AWS_CONFIG_FILE"] == os.devnull
    assert inside["HOME"].startswith(str(trial.state))
    assert folder == str(trial.folder)
    assert dict(os.environ) == before


def test_destroy_takes_protected_resources_too_and_needs_no_valid_settings(trial: Trial) -> None:
    trial.program("""
        import pulumi
        pulumi.ComponentResource("trial:index:Thing", "kept", opts=pulumi.ResourceOptions(protect=True))
    """)
    trial.engine().up()
    trial.stack_file.write_text("config: {broken")
    gone = trial.engine().destroy()
    assert gone.changes["delete"] == 2
    assert recovery.deployed(trial.state, "trial", "dev") == 0
