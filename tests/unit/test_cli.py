"""The command line: help, exit codes, and how errors reach a person."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from seawall.cli import app as command_line
from seawall.cli import failures
from seawall.errors import EnvironmentFailure, PolicyViolation, UserError

CHECKOUT = Path(__file__).resolve().parents[2]
OF_THE_APP = [
    "up",
    "preview",
    "render",
    "down",
    "status",
    "env",
    "bench-start",
    "bench-policy",
    "docs",
    "rules",
    "explain",
]
ELSEWHERE = ["check", "verify", "gate", "evidence", "report", "tools"]
"""Commands whose options are in a module of their own."""
COMMANDS = [*OF_THE_APP, *ELSEWHERE]


def seawall(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "seawall.cli", *arguments],
        cwd=CHECKOUT,
        env={**os.environ, "COLUMNS": "200", "TERM": "dumb", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_lists_every_command_and_the_exit_codes() -> None:
    shown = CliRunner().invoke(command_line.app, ["--help"])
    assert shown.exit_code == 0
    for command in COMMANDS:
        assert re.search(rf"^\W*{command}\s", shown.output, re.MULTILINE), command
    assert "130 interrupted" in shown.output


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from seawall.cli import app; from typer.testing import CliRunner;"
        "CliRunner().invoke(app.app, ['--help']);"
        "print([m for m in ('pulumi', 'kubernetes', 'boto3', 'pydantic', 'grpc', 'psutil') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_check_costs_no_engine() -> None:
    code = (
        "import sys; sys.argv[1:] = ['check', 'nowhere']\n"
        "from seawall.cli import app\n"
        "try: app.app()\n"
        "except Exception as error: print(type(error).__name__)\n"
        "print([m for m in ('pulumi', 'kubernetes', 'boto3', 'grpc') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout == "UserError\n[]\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    shown = seawall(command, "--help")
    assert shown.returncode == 0, shown.stderr
    assert f"seawall {command}" in shown.stdout.replace("python -m seawall.cli", "seawall")
    assert "[bold]" not in shown.stdout, "markup that nobody has set"
    assert re.search(r"-h\b.*Show this message", shown.stdout)


@pytest.mark.parametrize("command", OF_THE_APP)
def test_every_command_of_ours_has_an_example_and_its_exit_codes(command: str) -> None:
    shown = CliRunner().invoke(command_line.app, [command, "--help"], env={"COLUMNS": "200"})
    assert f"Example: {'eval' if command == 'env' else f'seawall {command}'}" in shown.output
    assert "Exit codes:" in shown.output


@pytest.mark.parametrize("command", ["verify", "gate", "report", "evidence list", "evidence verify", "evidence sign"])
def test_so_has_every_command_elsewhere(command: str) -> None:
    shown = seawall(*command.split(), "-h")
    assert f"Example: seawall {command}" in shown.stdout
    assert re.search(r"Exit codes?:? 0", shown.stdout)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("up --stak x", "--stack"),
        ("status --contxt x", "--context"),
        ("status --format xml", "--format xml: there are terminal and json"),
        ("verify --context x --jobs 0", "--jobs"),
        ("verify", "--context"),
        ("verify --context x --test DFLY-INT-999", "DFLY-INT-999"),
        ("gate --fail-on never-ever", "--fail-on"),
        ("gate --up --no-run", "--up and --no-run exclude each other"),
        ("gate --no-run --sign-with nowhere", "nowhere"),
        ("evidence list --evidance x", "--evidence"),
        ("evidence verify nowhere.md", "nowhere.md: there is no such file"),
        ("evidence sign nowhere.md", "--sign-with"),
        ("report --out page.pdf", "--out page.pdf: the name has to end with .html or .md"),
        ("report --stack infra --state state.json", "--stack names what is rendered"),
    ],
)
def test_a_wrong_argument_is_a_users_mistake(words: str, told: str) -> None:
    done = seawall(*words.split())
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_stack_that_does_not_exist_starts_nothing(tmp_path: Path) -> None:
    done = seawall("up", "--stack", "sandbx", SEAWALL_STATE=str(tmp_path / "state"), SEAWALL_CACHE=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("error: no stack `sandbx`")
    assert "did you mean `sandbox`?" in done.stderr
    assert not (tmp_path / "state").exists()


def test_down_without_a_sandbox_is_fine(tmp_path: Path) -> None:
    done = seawall("down", SEAWALL_STATE=str(tmp_path / "state"), SEAWALL_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    assert "nothing to destroy" in done.stdout
    assert not (tmp_path / "state").exists()


def test_status_and_env_without_a_sandbox_say_how_to_start_one(tmp_path: Path) -> None:
    nowhere = {"SEAWALL_STATE": str(tmp_path / "state"), "SEAWALL_CACHE": str(tmp_path / "cache")}
    status = seawall("status", **nowhere)
    assert (status.returncode, status.stderr) == (0, "")
    assert "`seawall up` starts one" in status.stdout
    env = seawall("env", **nowhere)
    assert (env.returncode, env.stdout) == (3, "")
    assert env.stderr.startswith("error: there is no sandbox")


def test_a_folder_with_other_files_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").touch()
    done = seawall("render", "--out", str(tmp_path), SEAWALL_STATE=str(tmp_path / "state"))
    assert done.returncode == 2
    assert "was not written by `seawall render`" in done.stderr
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("error", "code"), [(PolicyViolation("no"), 1), (UserError("no"), 2), (EnvironmentFailure("no"), 3)]
)
def test_our_errors_are_one_sentence_and_their_exit_code(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    assert failures._code(fail) == code
    assert capsys.readouterr() == ("", "error: no\n")


def test_an_interruption_is_130_and_promises_nothing_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    assert failures._code(interrupt) == 130
    assert capsys.readouterr() == ("", "interrupted\n")


def test_an_interrupted_command_says_what_to_do_next_and_the_last_word_holds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt() -> None:
        failures.if_interrupted(failures.GOES_ON)
        failures.if_interrupted("look at the logs")
        raise KeyboardInterrupt

    assert failures._code(interrupt) == 130
    assert capsys.readouterr().err == "interrupted: look at the logs\n"


def test_what_one_command_said_is_not_the_next_ones(capsys: pytest.CaptureFixture[str]) -> None:
    def stop(text: str | None) -> None:
        if text:
            failures.if_interrupted(text)
        raise KeyboardInterrupt

    failures._code(lambda: stop("go on"))
    failures._code(lambda: stop(None))
    assert capsys.readouterr().err == "interrupted: go on\ninterrupted\n"


PLACES = {
    "up": "seawall.sandbox.engine.driver.Engine.up",
    "preview": "seawall.sandbox.engine.driver.Engine.preview",
    "render --out there": "seawall.sandbox.engine.driver.Engine.preview",
    "down": "seawall.sandbox.engine.recovery.clean",
    "tools get": "seawall.tools.toolchain.ensure",
    "tools clean": "seawall.tools.housekeeping.clean",
    "status": "seawall.sandbox.cluster.Sandbox.status",
    "check there": "seawall.policy.checking.check",
    "report --no-gates": "seawall.pages.stacks.read",
    "gate --no-run": "seawall.pages.stacks.read",
    "gate --up": "seawall.sandbox.engine.driver.Engine.up",
    "evidence list": "seawall.qa.evidence.files.read_all",
    "docs": "seawall.pages.book.pages",
    "rules": "seawall.cli.rules.listed",
    "bench-start": "seawall.cli.bench.start",
}
"""Command → what is interrupted in it."""
GO_ON = ("up", "preview", "render", "down", "tools", "gate --up")


@pytest.mark.parametrize("command", PLACES)
def test_only_what_keeps_its_work_says_that_it_goes_on(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(PLACES[command], interrupt)
    monkeypatch.setattr(sys, "argv", ["seawall", *command.replace("there", str(tmp_path / "there")).split()])
    monkeypatch.setenv("SEAWALL_STATE", str(tmp_path / "state"))
    (tmp_path / "there").mkdir()
    if command.startswith("check"):
        (tmp_path / "there" / "one.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: one}\n")
    assert failures._code(command_line.app) == 130
    goes_on = command.startswith(GO_ON)
    assert capsys.readouterr().err.endswith(f"interrupted{': the same command goes on from here' * goes_on}\n")


def test_an_exit_code_of_a_command_is_kept() -> None:
    def leave() -> None:
        sys.exit(1)

    assert failures._code(leave) == 1
    assert failures._code(lambda: None) == 0


def test_an_unexpected_error_is_one_sentence_and_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEAWALL_CACHE", str(tmp_path))
    monkeypatch.delenv("SEAWALL_DEBUG", raising=False)

    def break_down() -> None:
        raise ZeroDivisionError("the details")

    assert failures._code(break_down) == 3
    said = capsys.readouterr().err
    logs = list((tmp_path / "logs").iterdir())
    assert said == f"error: something unexpected happened (ZeroDivisionError); the details are in {logs[0]}\n"
    assert "ZeroDivisionError: the details" in logs[0].read_text()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_takes_nothing_is_one_sentence(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    def write() -> None:
        raise OSError(number, os.strerror(number), "/cache/tools/some")

    assert failures._code(write) == 3
    said = capsys.readouterr().err
    assert said.startswith(f"error: /cache/tools/some cannot be used ({os.strerror(number)}): ")


def test_too_little_memory_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    def fill() -> None:
        raise MemoryError

    assert failures._code(fill) == 3
    assert capsys.readouterr().err.startswith("error: there is not enough memory for this: ")


def test_an_unexpected_error_without_a_place_for_its_log_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEAWALL_CACHE", str(tmp_path / "file"))
    monkeypatch.delenv("SEAWALL_DEBUG", raising=False)

    def break_down() -> None:
        raise ZeroDivisionError

    assert failures._code(break_down) == 3
    assert capsys.readouterr().err == (
        "error: something unexpected happened (ZeroDivisionError); "
        "`seawall --debug` with the same command shows the details\n"
    )


def test_debug_shows_an_unexpected_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAWALL_DEBUG", "1")

    def break_down() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failures._code(break_down)


def test_sigterm_is_an_interruption_even_while_threads_of_the_program_wait() -> None:
    code = (
        "import os, signal, threading\n"
        "from seawall.cli.failures import guarded\n"
        "def run():\n"
        "    threading.Thread(target=threading.Event().wait).start()\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    threading.Event().wait()\n"
        "guarded(run)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (130, "interrupted\n")
