"""The examples for CI are held against the vendors' schemas, and what they run is run."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from stack_objects import objects
from stack_samples import changed

ROOT = Path(__file__).parents[2]
CI = ROOT / "docs" / "ci"
GITHUB = sorted((CI / "github").glob("*.yaml"))
GITLAB = sorted((CI / "gitlab").glob("*.yml"))
PAGES = sorted(CI.glob("*.md"))
OURS = ROOT / ".github" / "workflows" / "ci.yaml"
SCHEMAS = {
    "github": ["--builtin-schema", "vendor.github-workflows"],
    "gitlab": ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
}
OPEN_CACHE = {
    "apiVersion": "dragonflydb.io/v1alpha1",
    "kind": "Dragonfly",
    "metadata": {"name": "cache", "namespace": "caches"},
    "spec": {"replicas": 2},
}
"""What every example has to find something in."""


def loaded(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text())
    return found


def program(name: str) -> str:
    """A program that a PyPI package has put beside this Python."""
    return str(Path(sys.executable).parent / name)


def valid(kind: str, file: Path) -> "subprocess.CompletedProcess[str]":
    command = [program("check-jsonschema"), *SCHEMAS[kind], str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("file", [*GITHUB, *GITLAB], ids=lambda it: it.name)
def test_it_is_what_the_vendor_reads(file: Path) -> None:
    done = valid(file.parent.name, file)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("kind", "wrong"), [("github", "runs-on:"), ("gitlab", "script:")])
def test_the_schemas_find_mistakes(kind: str, wrong: str, tmp_path: Path) -> None:
    text = (CI / kind / next(it.name for it in (CI / kind).iterdir())).read_text()
    bad = tmp_path / "bad.yml"
    bad.write_text(text.replace(wrong, f"x{wrong}"))
    assert valid(kind, bad).returncode == 1


def steps(file: Path) -> Iterator[dict[str, Any]]:
    """The steps of a GitHub workflow."""
    for job in loaded(file)["jobs"].values():
        yield from job["steps"]


@pytest.mark.parametrize("file", GITHUB, ids=lambda it: it.name)
def test_actions_are_pinned_and_jobs_are_bounded(file: Path) -> None:
    text, own = file.read_text(), OURS.read_text()
    used = re.findall(r"uses: (\S+)@(\S+)( # v\d+\.\d+\.\d+)?$", text, re.MULTILINE)
    assert len(used) == text.count("uses: ")
    for action, commit, version in used:
        assert re.fullmatch(r"[0-9a-f]{40}", commit), action
        assert version, f"{action} says no version"
        if f"{action}@" in own:
            assert f"{action}@{commit}{version}" in own, f"{action} is another one than in our own workflow"
    workflow = loaded(file)
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in workflow[True], "YAML reads the key `on` as true"
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 90
    for step in steps(file):
        assert "${{" not in step.get("run", ""), "what others may write goes through the environment"
        if "checkout@" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("file", GITLAB, ids=lambda it: it.name)
def test_jobs_of_gitlab_are_bounded(file: Path) -> None:
    jobs = {name: it for name, it in loaded(file).items() if isinstance(it, dict) and "script" in it}
    assert jobs
    assert all("timeout" in it for it in jobs.values())


def scripts(file: Path) -> list[str]:
    """Every script of an example, as its runner would hand it to a shell."""
    if file in GITHUB:
        return [step["run"] for step in steps(file) if "run" in step]
    found = []
    for job in loaded(file).values():
        if isinstance(job, dict):
            for part in ("before_script", "script", "after_script"):
                found += ["\n".join(job[part])] if job.get(part) else []
    return found


def shell_blocks(file: Path) -> list[str]:
    """The shell examples of a page."""
    return re.findall(r"```sh\n(.*?)```", file.read_text(), re.DOTALL)


ALL = [(file, script) for file in (*GITHUB, *GITLAB) for script in scripts(file)]
ALL += [(file, block) for file in (*PAGES, ROOT / "docs" / "on-call.md") for block in shell_blocks(file)]


@pytest.mark.parametrize(("file", "script"), ALL, ids=lambda it: it.name if isinstance(it, Path) else "")
def test_every_script_is_one(file: Path, script: str) -> None:
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def command_lines() -> Iterator[list[str]]:
    """Every `seawall …` and `make …` of examples and pages, in words."""
    text = "\n".join(script for _, script in ALL).replace("\\\n", " ")
    text += "\n" + "\n".join(re.findall(r"`((?:seawall|make) [^`]+)`", "\n".join(it.read_text() for it in PAGES)))
    for line in text.splitlines():
        for part in re.split(r"\s*(?:\||&&|<\()\s*", line.partition(" #")[0]):
            words = shlex.split(part.strip().rstrip(")")) if part.strip() else []
            if words and words[0] in ("seawall", "make"):
                yield words


LINES = sorted({tuple(words) for words in command_lines()})


@cache
def helped(command: str) -> str:
    """What `seawall COMMAND --help` says."""
    done = subprocess.run(
        [sys.executable, "-m", "seawall.cli", command, "--help"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200", "TERM": "dumb"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_there_are_command_lines() -> None:
    assert {words[1] for words in LINES} >= {"check", "status", "preview", "render", "gate", "down", "explain"}


@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_every_target_and_option_exists(words: tuple[str, ...], tmp_path: Path) -> None:
    if words[0] == "seawall":
        command, options = words[1], [it for it in words[2:] if it.startswith("--")]
    else:
        command = words[1]
        given = dict(it.split("=", 1) for it in words[2:] if "=" in it)
        assert set(given) <= {"STACK", "DIR", "ARGS", "DOWNLOAD"}
        assert {name for name in given if f"$({name})" not in (ROOT / "Makefile").read_text()} <= {"DOWNLOAD"}
        environment = {name: it for name, it in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        done = subprocess.run(
            ["make", "-n", *words[1:]], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert f"-m seawall.cli {command}" in done.stdout
        options = [it for it in shlex.split(given.get("ARGS", "")) if it.startswith("--")]
    said = helped(command)
    for option in options:
        assert re.search(rf"(?<![\w-]){re.escape(option.partition('=')[0])}(?![\w-])", said), (
            f"{command} has no {option}"
        )


GATES = [words for words in LINES if words[:2] == ("make", "gate")]


@pytest.mark.parametrize("words", GATES, ids=" ".join)
def test_the_gate_of_the_examples_comes_to_a_verdict(words: tuple[str, ...]) -> None:
    """What make hands on to `seawall gate`: it judges, and neither starts a sandbox nor is refused."""
    assert "--no-run" in words[2]
    made = subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    line = next(it for it in made.splitlines() if "-m seawall.cli gate" in it)
    command = [sys.executable, *shlex.split(line)[1:]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert "STORY-DB-" in done.stdout


@pytest.fixture
def shell(tmp_path: Path) -> Path:
    """A folder with a repository's YAML, and programs for PATH: the real seawall, doubles of what is not here."""
    repository, programs = tmp_path / "repository", tmp_path / "bin"
    (repository / "clusters" / "production").mkdir(parents=True)
    programs.mkdir()
    (repository / "clusters" / "production" / "cache.yaml").write_text(yaml.safe_dump(OPEN_CACHE))
    waiver = {"version": 1, "waivers": []}
    (repository / "waivers.yaml").write_text(yaml.safe_dump(waiver))
    doubles = {
        "seawall": f'PYTHONPATH={ROOT} exec {sys.executable} -m seawall.cli "$@"',
        "kustomize": 'test "$1" = build && cat "$2"/*.yaml',  # a double: an overlay without anything to do
        "envsubst": "cat",
        "gh": 'echo "$@" >> gh.log; test "$4" != --edit-last',  # a double: there is no comment yet
        "pip": "true",
    }
    for name, text in doubles.items():
        (programs / name).write_text(f"#!/bin/bash\n{text}\n")
        (programs / name).chmod(0o755)
    return repository


def execute(script: str, shell: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {
        **os.environ,
        "PATH": f"{shell.parent / 'bin'}:{os.environ['PATH']}",
        "GITHUB_STEP_SUMMARY": str(shell / "summary.md"),
        "GITHUB_PATH": str(shell / "path"),
        "RUNNER_TEMP": str(shell.parent / "temp"),
        **variables,
    }
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=shell,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def baseline(shell: Path) -> None:
    """Today's findings, written down."""
    line = "kustomize build clusters/production > b.yaml; seawall check b.yaml --write-baseline seawall-baseline.json"
    assert execute(f"{line} --fail-on never", shell).returncode == 0


@pytest.mark.parametrize("known", [True, False], ids=["known findings", "new findings"])
def test_the_workflow_of_a_yaml_repository_runs(known: bool, shell: Path) -> None:
    baseline(shell)
    if not known:
        worse = {**OPEN_CACHE, "metadata": {"name": "second", "namespace": "caches"}}
        (shell / "clusters" / "production" / "more.yaml").write_text(f"---\n{yaml.safe_dump(worse)}")
    workflow = loaded(CI / "github" / "yaml.yaml")
    named = {step["name"]: step for step in steps(CI / "github" / "yaml.yaml") if "run" in step}
    assert execute(named["Build what Flux would apply"]["run"], shell, **workflow["env"]).returncode == 0
    checked = execute(named["Check it"]["run"], shell, **workflow["env"])
    assert checked.returncode == (0 if known else 1), checked.stderr
    assert ("::error" in checked.stdout) is not known
    sarif = json.loads((shell / "seawall.sarif").read_text())
    assert sarif["version"] == "2.1.0"
    assert sarif["runs"][0]["results"]
    assert "seawall" in (shell / "summary.md").read_text().lower()
    comment = named["Comment on the pull request"]["run"]
    assert execute(comment, shell, PULL_REQUEST="7").returncode == 0
    assert (shell / "gh.log").read_text().splitlines() == [
        "pr comment 7 --edit-last --body-file seawall.md",
        "pr comment 7 --body-file seawall.md",
    ]


def test_the_jobs_of_a_yaml_repository_run_on_gitlab(shell: Path) -> None:
    baseline(shell)
    jobs = loaded(CI / "gitlab" / "yaml.gitlab-ci.yml")
    assert execute("\n".join(jobs["build"]["script"]), shell, **jobs["variables"]).returncode == 0
    check = jobs["check"]["script"]
    assert check[-1].startswith("seawall check ")
    done = execute(check[-1], shell)
    assert done.returncode == 0, done.stderr
    assert "<testsuites" in (shell / "seawall.xml").read_text()


INSTALLS = [
    (CI / "github" / "yaml.yaml", "GITHUB_PATH"),
    (CI / "gitlab" / "yaml.gitlab-ci.yml", ""),
]


@pytest.mark.parametrize(("file", "path"), INSTALLS, ids=["github", "gitlab"])
def test_what_is_installed_is_pinned_with_its_dependencies(file: Path, path: str, shell: Path, tmp_path: Path) -> None:
    """The real git; of Python and pip doubles, as the real ones would ask a registry."""
    upstream = tmp_path / "upstream"
    upstream.mkdir()
    (upstream / "requirements.txt").write_text("a==1 --hash=sha256:0\n")
    commit = git(repository(upstream), "rev-parse", "HEAD")
    (upstream / "requirements.txt").write_text("a==2 --hash=sha256:0\n")
    git(upstream, "commit", "--quiet", "--all", "--message", "nobody has looked at it")
    pip = '#!/bin/bash\necho "$@" >> pip.log; test "$3" = --no-deps || cat "$5" >> pip.log'
    double = shell.parent / "bin" / "python"
    double.write_text(f'#!/bin/bash\nmkdir -p "$3/bin"; echo \'{pip}\' > "$3/bin/pip"; chmod +x "$3/bin/pip"\n')
    double.chmod(0o755)
    [install] = [it for it in scripts(file) if "pip" in it]
    install = install.partition("seawall check")[0].replace("/tmp/", f"{tmp_path}/work/")
    (tmp_path / "temp").mkdir()
    done = execute(install, shell, SEAWALL=str(upstream), SEAWALL_COMMIT=commit)
    assert done.returncode == 0, done.stderr
    first, locked, second = (shell / "pip.log").read_text().splitlines()
    assert first.startswith("install --quiet --require-hashes --requirement ")
    assert locked == "a==1 --hash=sha256:0", "of the commit that somebody has looked at"
    assert second.startswith("install --quiet --no-deps ")
    assert not path or (shell / "path").read_text().endswith("/bin\n")


WITHOUT_CLUSTER = [it for it in shell_blocks(CI / "flux.md") if "--context" not in it]


@pytest.mark.parametrize("block", WITHOUT_CLUSTER, ids=range(len(WITHOUT_CLUSTER)))
def test_every_line_of_the_page_about_flux_runs(block: str, shell: Path) -> None:
    done = execute(block, shell)
    assert done.returncode in (0, 1), done.stderr
    assert done.returncode == (0 if "baseline" in block else 1), "findings fail, and known ones do not"


def test_the_annotations_on_the_page_about_flux_say_something(shell: Path) -> None:
    text = (CI / "flux.md").read_text()
    [manifest] = [it for it in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "kind: Dragonfly\n" in it]
    file = shell / "clusters" / "production" / "cache.yaml"
    file.write_text(manifest)
    done = execute("seawall check clusters/production --rule DFLY-SEC-001 --format json", shell)
    assert "harbor" in done.stdout
    [waivers] = [it for it in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if it.startswith("version: 1")]
    (shell / "waivers.yaml").write_text(waivers)
    done = execute("seawall check clusters/production --rule DFLY-SEC-002 --waivers waivers.yaml --format json", shell)
    assert json.loads(done.stdout)["findings"][0]["waived"], "the waiver is of the form that is read"


def test_a_rendered_stack_passes_the_check_of_the_examples(shell: Path) -> None:
    """What `make render` writes, through the command line that `make check` has in the workflow."""
    rendered = shell / "rendered"
    rendered.mkdir()
    (rendered / "all.yaml").write_text(yaml.safe_dump_all(objects(changed())))
    lines = [it for it in LINES if it[:3] == ("make", "check", "DIR=rendered") and "sarif=" in it[3]]
    arguments = next(it[3] for it in lines if "github" in it[3]).removeprefix("ARGS=")
    done = execute(f"seawall check rendered {arguments}", shell)
    assert done.returncode == 0, done.stdout
    assert (shell / "seawall.sarif").is_file()


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=tests", "-c", "user.email=tests@example.org", "-c", "commit.gpgsign=false"]
    environment = {name: it for name, it in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def repository(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "first")
    return folder


def test_the_hook_of_pre_commit_is_what_it_reads() -> None:
    done = subprocess.run(
        [program("pre-commit"), "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_hook_stops_a_bad_commit_and_lets_a_good_one_pass(shell: Path, tmp_path: Path) -> None:
    """The real pre-commit, with the manifest of this repository; the environment that it would make is left out."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    repository(hooks)
    hook = {"id": "seawall-check", "language": "system", "args": ["clusters/production"]}
    config = {"repos": [{"repo": str(hooks), "rev": git(hooks, "rev-parse", "HEAD"), "hooks": [hook]}]}
    (shell / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    repository(shell)
    run = f"PRE_COMMIT_HOME={tmp_path / 'home'} {program('pre-commit')} run --all-files"
    bad = execute(run, shell)
    assert bad.returncode == 1
    assert "seawall check" in bad.stdout
    assert "DFLY-SEC-001" in bad.stdout
    shutil.rmtree(shell / "clusters")
    (shell / "clusters" / "production").mkdir(parents=True)
    (shell / "clusters" / "production" / "all.yaml").write_text(yaml.safe_dump_all(objects(changed())))
    git(shell, "add", "--all")
    good = execute(run, shell)
    assert good.returncode == 0, good.stdout
    assert "Passed" in good.stdout
    (shell / "clusters" / "production" / "all.yaml").write_text("a: [")
    git(shell, "add", "--all")
    assert execute(run, shell).returncode == 1
    (shell / "clusters" / "production" / "all.yaml").unlink()
    (shell / "other.txt").write_text("no YAML")
    git(shell, "rm", "--quiet", "-r", "--cached", ".")
    git(shell, "add", "other.txt", ".pre-commit-config.yaml")
    left_out = execute(run.replace("--all-files", "--files other.txt"), shell)
    assert "(no files to check)" in left_out.stdout


def test_the_hook_in_the_page_names_options_that_there_are() -> None:
    [block] = re.findall(r"```yaml\n(repos:.*?)```", (CI / "README.md").read_text(), re.DOTALL)
    [hook] = yaml.safe_load(block)["repos"][0]["hooks"]
    [known] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["id"] == known["id"]
    said = helped("check")
    assert all(it in said for it in hook["args"] if it.startswith("--"))
