"""Reading stack files: every way in which a file can be wrong is one clear sentence."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
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


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"config:\n  a: \xff\xfe\n", 2),
        ("config: {}\n".encode("utf-16"), 1),
        ("config:\n\n  a: \xe4\n".encode("latin-1"), 3),
        (b"config:\n  a: \xed\xa0\x80\n", 2),
    ],
)
def test_a_file_that_is_no_text_is_refused_with_its_line(tmp_path: Path, data: bytes, line: int) -> None:
    assert mistake(tmp_path, data).startswith(f"Pulumi.dev.yaml:{line}: must be UTF-8 text")


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_bytes(b"\xef\xbb\xbfconfig: {a: 1}\r\n")
    assert read_stack_file(tmp_path, "dev") == {"a": 1}


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(UserError, match=r"Pulumi.dev.yaml: cannot be read: Permission denied"):
        read_stack_file(tmp_path, "dev")


def test_a_file_that_is_far_too_large_is_not_parsed(tmp_path: Path) -> None:
    assert "more than the" in mistake(tmp_path, b"#" * (4 * 1024**2 + 1))


def test_an_unknown_stack_is_named_with_the_nearest(tmp_path: Path) -> None:
    assert "did you mean `dev`?" in mistake(tmp_path, "config: {}\n", stack="dve")
    assert "there are: dev" in mistake(tmp_path, "config: {}\n", stack="production")
    assert "no stack `../dev`" in mistake(tmp_path, "config: {}\n", stack="../dev")
    (tmp_path / "Pulumi.folder.yaml").mkdir()
    assert "there are: dev" in mistake(tmp_path, "config: {}\n", stack="folder"), "nothing that is no file is offered"


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


_CHAIN = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 3000))


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("config: {? [a] : 1}", "1:12", "a key must be a text"),
        ("? {a: 1}\n: 2\nconfig: {}", "1:3", "a key must be a text"),
        ("config: &a {x: *a}", "1:9", "refer to themselves"),
        ("config: {x: &a [*a]}", "1:13", "refer to themselves"),
        ("config:\n  a: &a {<<: *a}", "2:6", "refer to themselves"),
        ("config:\n  a: " + "[" * 3000, "2:54", "nested too deeply"),
        ("config: " + "{a: " * 60 + "}" * 60, "1:202", "nested too deeply"),
        ("config:\n" + "".join(" " * n + "a:\n" for n in range(1, 70)), "50:50", "nested too deeply"),
        (f"{_BOMB}config: {{x: *a6}}", "6:5", "expand to more than is read"),
        (f"{_CHAIN}config: {{x: *a2999}}", "50:6", "expand to more than is read"),
        ("config: {a: 2026-13-41}", "1:13", "put text in quotes"),
        (f"config: {{a: {'9' * 5000}}}", "1:13", "put text in quotes"),
        ("config: {a: !!bool perhaps}", "1:13", "put text in quotes"),
        ("config: {a: !!int ''}", "1:13", "put text in quotes"),
        ("config: {a: !!timestamp soon}", "1:13", "put text in quotes"),
        ("config: {a: 1}\n---\nconfig: {a: 2}\n", "2:1", "another document"),
        ("config: {a: 1}\n---\n", "2:1", "another document"),
        ("config: {a: 1, a: 2}", "1:16", "the key `a` stands here a second time"),
        ("config: {a: 1, 'a': 2}", "1:16", "the key `a` stands here a second time"),
        ('config: {1: 1, "1": 2}', "1:16", "the key `1` stands here a second time"),
        (f"config: {{{'k' * 100}: 1, {'k' * 100}: 2}}", "1:115", f"the key `{'k' * 63}…` stands"),
        ('config: {"a\\u001b": 1, "a\\u001b": 2}', "1:24", "the key `a\\x1b` stands"),
        ("config: {}\nconfig: {}", "2:1", "the key `config` stands"),
        ("config: {password: *hunter2}", "1:20", "in quotes"),
        ("config: {password: !hunter2 }", "1:20", "in quotes"),
        ("config: {password: !hun!ter2 }", "1:20", "in quotes"),
        ("config: {password: @hunter2}", "1:20", "cannot start any token"),
        ("config: {password: `hunter2}", "1:20", "cannot start any token"),
        ("config:\n  \ta: 1", "2:3", "cannot start any token"),
    ],
)
def test_what_yaml_allows_and_no_stack_says_is_named_with_its_place(
    tmp_path: Path, text: str, place: str, says: str
) -> None:
    found = mistake(tmp_path, text)
    assert found.startswith(f"Pulumi.dev.yaml:{place}: not valid YAML: ")
    assert says in found
    assert "ter2" not in found
    assert len(found) < 250


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x7f", "\ufffe"])
def test_a_control_character_is_named_with_its_line(tmp_path: Path, character: str) -> None:
    found = mistake(tmp_path, f"config:\n  a: 1\n  b: hunter2{character}\n")
    assert found.startswith("Pulumi.dev.yaml:3: not valid YAML: holds a control character")
    assert "hunter2" not in found


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=60), st.text(alphabet="ab:{}[],&*!|>-?%@`'\"# \n\t<=0.~", max_size=60)))
def test_whatever_the_file_holds_it_is_read_or_refused_in_one_line(tmp_path: Path, content: bytes | str) -> None:
    data = content if isinstance(content, bytes) else f"config:\n  a: {content}".encode()
    (tmp_path / "Pulumi.dev.yaml").write_bytes(data)
    try:
        read_stack_file(tmp_path, "dev")
    except UserError as error:
        assert "\n" not in str(error)
