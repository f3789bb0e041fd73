"""What the driver refuses before anything is started."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from engine_trial import Trial

from seawall.components import settings
from seawall.errors import SeawallError, UserError
from seawall.sandbox.engine import kubeconfig


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """No tool is needed for a refusal."""
    return Trial.make(tmp_path)


def refusal(trial: Trial, **options: object) -> str:
    with pytest.raises(UserError) as refused:
        trial.engine(**options).up()
    assert trial.sandbox.starts == 0
    assert not trial.state.exists()
    return str(refused.value)


def test_our_settings_are_checked_before_the_sandbox_starts(trial: Trial) -> None:
    trial.stack_file.write_text('config:\n  pulumi:disable-default-providers: ["*"]\n  seawall:platfrom: {}\n')
    text = refusal(trial, load_settings=settings.load)
    assert "seawall:platfrom" in text
    assert "did you mean `platform`" in text or "did you mean `seawall:platform`" in text


def test_a_stack_file_that_is_not_yaml_is_named_with_its_line(trial: Trial) -> None:
    trial.stack_file.write_text("config:\n  a: 1\n b: [\n")
    assert "Pulumi.dev.yaml:3" in refusal(trial)


def test_a_project_file_that_is_not_yaml_is_named_with_its_line(trial: Trial) -> None:
    (trial.folder / "Pulumi.yaml").write_text("name: trial\nruntime: {\n")
    assert "Pulumi.yaml:3" in refusal(trial)


def test_a_project_without_a_name(trial: Trial) -> None:
    (trial.folder / "Pulumi.yaml").write_text("runtime: python\n")
    assert "`name` is missing" in refusal(trial)


def test_a_stack_that_does_not_exist(trial: Trial) -> None:
    trial.stack_file.rename(trial.folder / "Pulumi.prod.yaml")
    text = refusal(trial)
    assert "dev" in text
    assert "prod" in text


@pytest.mark.parametrize("given", ["", "  pulumi:disable-default-providers: [aws]\n"])
def test_default_providers_must_be_off(trial: Trial, given: str) -> None:
    trial.stack_file.write_text(f"config:\n  trial:count: 1\n{given}")
    text = refusal(trial)
    assert "pulumi:disable-default-providers" in text
    assert '["*"]' in text


def test_default_providers_may_be_off_in_the_projects_file(trial: Trial) -> None:
    trial.stack_file.write_text("config:\n  trial:count: 1\n")
    project = trial.folder / "Pulumi.yaml"
    project.write_text(project.read_text() + 'config:\n  pulumi:disable-default-providers:\n    value: ["*"]\n')
    assert trial.engine().validate().project == "trial"


def test_an_encrypted_value_is_named(trial: Trial) -> None:
    trial.configure(count=1, token={"secure": "v1:abc"})
    text = refusal(trial)
    assert "trial:token" in text
    assert "v1:abc" not in text


def test_no_policy_pack_no_run(trial: Trial) -> None:
    (trial.folder / "policy" / "pack").chmod(0o644)
    assert "not an executable file" in refusal(trial)


def test_no_program_no_run(trial: Trial) -> None:
    (trial.folder / "__main__.py").unlink()
    assert "__main__.py does not exist" in refusal(trial)


def test_the_stacks_kubeconfig_holds_the_sandbox_and_nothing_else(trial: Trial) -> None:
    from rich.console import Console

    trial.sandbox.start(Console(quiet=True))
    file = trial.folder / "out" / "kubeconfig"
    kubeconfig.write(trial.sandbox.endpoints.kubeconfig, "https://127.0.0.1:1", ["infra", "seawall-sandbox"], file)
    import yaml

    made: Mapping[str, object] = yaml.safe_load(file.read_text())
    assert made["current-context"] == "infra"
    assert "203.0.113.1" not in file.read_text()
    assert "secret" not in file.read_text()
    assert "production" not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("server", ["https://203.0.113.1:6443", "https://127.0.0.1.example.org:1"])
def test_a_server_elsewhere_is_never_used(trial: Trial, server: str) -> None:
    with pytest.raises(SeawallError, match="not on this machine"):
        kubeconfig.write(trial.folder / "any", server, ["x"], trial.folder / "kubeconfig")
    assert not (trial.folder / "kubeconfig").exists()
