"""The Makefile, the environment that it makes, and what CI calls."""

import ast
import hashlib
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from seawall.cli import bootstrap

CHECKOUT = Path(__file__).resolve().parents[2]
SEAWALL = ".venv/bin/python -m seawall.cli"


def outside_of_make() -> dict[str, str]:
    """The environment without what `make test` itself adds: a make within a make says more."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("SEAWALL", "MAKE", "MFLAGS"))}


def make(*arguments: str, **variables: str) -> str:
    """What make would run."""
    done = subprocess.run(
        ["make", "-n", *arguments],
        cwd=CHECKOUT,
        env={**outside_of_make(), **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["up"], f"{SEAWALL} up --stack sandbox"),
        (["up", "STACK=infra"], f"{SEAWALL} up --stack infra"),
        (["preview"], f"{SEAWALL} preview --stack infra"),
        (["preview", "STACK=sandbox", "ARGS=--no-wait"], f"{SEAWALL} preview --stack sandbox --no-wait"),
        (["render", "DIR=out"], f'{SEAWALL} render --stack infra --out "out"'),
        (["check", "DIR=out"], f'{SEAWALL} check "out"'),
        (["down"], f"{SEAWALL} down"),
        (["status"], f"{SEAWALL} status"),
        (["status", "ARGS=--context infra"], f"{SEAWALL} status --context infra"),
        (["verify", "ARGS=--context infra --probe"], f"{SEAWALL} verify --context infra --probe"),
        (["gate"], f"{SEAWALL} gate --up"),
        (["gate", "ARGS=--fail-on concerns"], f"{SEAWALL} gate --up --fail-on concerns"),
        (["gate", "ARGS=--no-run --check"], f"{SEAWALL} gate --no-run --check"),
        (["report"], f"{SEAWALL} report"),
        (["report", "STACK=apps", "ARGS=--out r.md"], f"{SEAWALL} report --stack apps --out r.md"),
        (["bench-start"], f"{SEAWALL} bench-start"),
        (["lint"], ".venv/bin/ruff check . && .venv/bin/ruff format --check ."),
        (["types"], ".venv/bin/mypy"),
    ],
)
def test_each_target_is_one_line(arguments: list[str], line: str) -> None:
    bootstrapped, *rest = [shown.strip() for shown in make(*arguments).splitlines()]
    assert "cli/bootstrap.py" in bootstrapped
    assert rest == [line]


def test_tests_leave_nothing_in_the_checkout(tmp_path: Path) -> None:
    assert f"-o cache_dir={tmp_path}/cache/pytest" in make("test", SEAWALL_CACHE=str(tmp_path / "cache"))


def test_lock_pins_with_hashes_and_names_no_registry() -> None:
    line = make("lock").splitlines()[-1]
    assert line.count("uv pip compile") == 2
    assert line.count("--generate-hashes") == line.count("--no-emit-index-url") == 2


def test_everything_is_in_the_users_cache(tmp_path: Path) -> None:
    wanted = f"{tmp_path}/.cache/seawall" if sys.platform != "darwin" else f"{tmp_path}/Library/Caches/seawall"
    assert f"cli/bootstrap.py . {wanted}" in make("up", HOME=str(tmp_path), XDG_CACHE_HOME="")
    variables = make("-p", "up", HOME=str(tmp_path), XDG_CACHE_HOME="")
    for name in ("PYTHONPYCACHEPREFIX", "MYPY_CACHE_DIR", "RUFF_CACHE_DIR", "HYPOTHESIS_STORAGE_DIRECTORY"):
        assert re.search(rf"^(export )?{name} :?= ", variables, re.MULTILINE), name


def test_help_names_every_target() -> None:
    shown = subprocess.run(
        ["make", "help"], cwd=CHECKOUT, env=outside_of_make(), capture_output=True, text=True, check=True
    ).stdout
    targets = re.search(r"^\.PHONY: (.*)$", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
    assert targets
    assert {line.split()[0] for line in shown.splitlines()} == set(targets.group(1).split()) - {"venv"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Only what the environment is made from: the lock of uv, and one small package."""
    folder = tmp_path / "checkout"
    (folder / "cli").mkdir(parents=True)
    (folder / "requirements-dev.txt").write_text("one\n")
    (folder / "cli" / "requirements-uv.txt").write_text("uv\n")
    return folder


def test_an_environment_that_was_made_from_these_locks_is_left_alone(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def pretend(folder: Path, venv: Path, cache: Path, want: str) -> None:
        made.append(venv)
        (venv / "bin").mkdir(parents=True, exist_ok=True)
        (venv / "bin" / "python").touch(mode=0o755)
        (venv / ".seawall").write_text(want)

    monkeypatch.setattr(bootstrap, "make", pretend)
    bootstrap.main(checkout, tmp_path / "cache")
    bootstrap.main(checkout, tmp_path / "cache")
    assert made == [checkout / ".venv"]
    (checkout / "requirements-dev.txt").write_text("another\n")
    bootstrap.main(checkout, tmp_path / "cache")
    assert len(made) == 2
    (checkout / ".venv" / "bin" / "python").unlink()
    bootstrap.main(checkout, tmp_path / "cache")
    assert len(made) == 3


def test_a_new_environment_is_made_without_a_trace_in_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[dict[str, str]] = []

    def pretend(command: list[str], *, env: dict[str, str], **_: object) -> subprocess.CompletedProcess[bytes]:
        ran.append(env)
        (tmp_path / ".venv").mkdir(exist_ok=True)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(bootstrap.subprocess, "run", pretend)
    bootstrap.make(CHECKOUT, tmp_path / ".venv", tmp_path / "cache", "want")
    assert len(ran) == 3  # the environment itself, uv, the packages
    assert {env["RUSTUP_HOME"] for env in ran} == {str(tmp_path / "cache" / "rustup")}


def test_a_step_that_fails_shows_its_output_and_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        bootstrap.run([sys.executable, "-c", "print('no route'); exit(1)"], dict(os.environ), "installing uv")
    assert left.value.code == 3
    said = capfd.readouterr().err
    assert "no route" in said
    assert "error: installing uv failed" in said


def test_a_python_that_is_too_old_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 1))
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit):
        bootstrap.insist_on_python()
    assert "Python 3.11 or newer is needed" in capsys.readouterr().err


def test_a_newer_python_of_another_name_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 1))
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: f"/opt/{name}" if name == "python3.12" else None)
    ran: list[list[str]] = []
    monkeypatch.setattr(bootstrap.os, "execv", lambda file, arguments: ran.append([file, *arguments[1:]]))
    monkeypatch.setattr(bootstrap, "fail", lambda sentence: None)
    bootstrap.insist_on_python()
    assert ran[0][0] == "/opt/python3.12"


def test_the_environments_locks_are_what_is_installed() -> None:
    digest = hashlib.sha256()
    for name in ("cli/requirements-uv.txt", "requirements-dev.txt"):
        digest.update((CHECKOUT / name).read_bytes())
    assert bootstrap.wanted(CHECKOUT) == digest.hexdigest()


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt", "cli/requirements-uv.txt"])
def test_every_requirement_has_hashes_and_no_address(lock: str) -> None:
    text = (CHECKOUT / lock).read_text()
    pins = re.findall(r"^([a-zA-Z0-9._\[\],-]+)==\S+(.*(?:\n    .*)*)", text, re.MULTILINE)
    assert pins
    assert all("--hash=sha256:" in rest for _, rest in pins)
    assert not re.search(r"https?://|--index-url|--find-links", text)


def test_ci_calls_make_test_and_nothing_else() -> None:
    file = CHECKOUT / ".ci" / "run"
    assert file.stat().st_mode & stat.S_IXUSR
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    assert lines == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "make test"]


def test_the_workflow_pins_its_actions_and_may_only_read() -> None:
    workflow = yaml.safe_load((CHECKOUT / ".github" / "workflows" / "ci.yaml").read_text())
    assert workflow["permissions"] == {"contents": "read"}
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]) for step in steps if "uses" in step)
    runs = [step["run"] for step in steps if "run" in step]
    assert "bash .ci/run" in runs
    assert "make preview STACK=infra" in runs


def test_the_bootstrap_is_read_by_an_old_python_and_needs_nothing_installed() -> None:
    tree = ast.parse((CHECKOUT / "cli" / "bootstrap.py").read_text(), feature_version=(3, 7))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names
