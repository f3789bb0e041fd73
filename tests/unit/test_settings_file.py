"""Reading stack files: every way in which a file can be wrong is one clear sentence."""

import subprocess
import sys
from pathlib import Path

import pytest
from stack_samples import CHECKOUT

from seawall.components.settings import read_stack_file
from seawall.errors import UserError


def mistake(folder: Path, text: str | bytes, stack: str = "dev") -> str:
    content = text.encode() if isinstance(text, str) else text
    (folder / "Pulumi.dev.yaml").write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_stack_file(folder, stack)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_config_is_returned_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  seawall:a: {b: [1, 2]}\n  pulumi:x: y\n")
    assert read_stack_file(tmp_path, "dev") == {"seawall:a": {"b": [1, 2]}, "pulumi:x": "y"}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("config:\n  a: [1\n  b: 2\n", "Pulumi.dev.yaml:3:4"),
        ("config:\n  a: 'open\n", "Pulumi.dev.yaml:3:1"),
        ("config:\n\ta: 1\n", "Pulumi.dev.yaml:2:1"),
        ("config:\n  a: *nowhere\n", "Pulumi.dev.yaml:2:6"),
        ("config:\n  a: !!python/object:os.system {}\n", "Pulumi.dev.yaml:2:6"),
    ],
)
def test_malformed_yaml_is_named_with_its_place(tmp_path: Path, text: str, place: str) -> None:
    assert mistake(tmp_path, text).startswith(f"{place}: not valid YAML: ")


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    text = "config:\n  seawall:a:\n    replicas: 3\n    replicas: 1\n"
    assert mistake(tmp_path, text) == (
        "Pulumi.dev.yaml:4:5: not valid YAML: the key `replicas` stands here a second time"
    )


def test_no_line_of_the_file_is_quoted(tmp_path: Path) -> None:
    assert "hunter2" not in mistake(tmp_path, "config:\n  password: hunter2: x\n")


@pytest.mark.parametrize("text", ["", "config:\n", "config: text\n", "- a\n", "other: 1\n"])
def test_a_file_without_config_is_refused(tmp_path: Path, text: str) -> None:
    assert "must be a mapping with the key `config:`" in mistake(tmp_path, text)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    assert "must be UTF-8 text" in mistake(tmp_path, b"config:\n  a: \xff\xfe\n")


def test_an_unknown_stack_is_named_with_the_nearest(tmp_path: Path) -> None:
    assert "did you mean `dev`?" in mistake(tmp_path, "config: {}\n", stack="dve")
    assert "there are: dev" in mistake(tmp_path, "config: {}\n", stack="production")
    assert "no stack `../dev`" in mistake(tmp_path, "config: {}\n", stack="../dev")


def test_settings_are_checked_without_importing_the_engines_sdk() -> None:
    code = (
        "import sys; from pathlib import Path; from seawall.components.settings import load, read_stack_file;"
        "load(read_stack_file(Path('.'), 'infra'));"
        "print([name for name in sys.modules if name.split('.')[0] in ('pulumi', 'pulumi_kubernetes', 'pulumi_aws')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


_BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 7)
)


@pytest.mark.parametrize(
    "text",
    [
        "config: {? [a] : 1}",
        "? {a: 1}\n: 2\nconfig: {}",
        "config: &a {x: *a}",
        "config: {x: &a [*a]}",
        "config: " + "[" * 3000,
        "config: {a: 2026-13-41}",
        f"config: {{a: {'9' * 5000}}}",
        f"{_BOMB}config: {{x: *a6}}",
    ],
)
def test_what_yaml_allows_and_no_stack_says(tmp_path: Path, text: str) -> None:
    assert mistake(tmp_path, text).startswith("Pulumi.dev.yaml")
