"""Reading a stack file strictly: a mistake in the YAML is named with its line, and no key is silently overwritten."""

import re
from pathlib import Path
from typing import Any

import yaml

from seawall.components.problems import nearest, show_key
from seawall.errors import UserError

_MAX_VALUES = 200_000
_MAX_DEPTH = 50
_NAMED = re.compile(r"\b(alias|tag|tag handle) '.*", re.DOTALL)
"""The name of an alias or a tag in YAML's own words: a password that starts with `*` or `!` looks like one."""
_QUOTES = r"\1; put text that starts with `*` or `!` in quotes"
_MAX_BYTES = 4 * 1024**2


def _mistake_at(node: yaml.Node, problem: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which names the line also of what YAML allows and no stack says.

    A key that stands twice in a mapping is an error and not an overwrite.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def get_single_node(self) -> yaml.Node | None:
        node: yaml.Node | None = super().get_single_node()
        if node is not None:
            _measure(node)
        return node

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Counts the depth while it reads, so that no nesting reaches Python's own limit."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # the stubs lack its type
            raise yaml.composer.ComposerError(None, None, "nested too deeply to be settings", mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        # What Python cannot hold (2026-13-41, 5000 digits) or the tag does not fit (`!!bool perhaps`).
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            raise _mistake_at(node, "a date or number that does not exist; put text in quotes") from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _mistake_at(key, "a key must be a text")
            if key.value in seen:
                raise _mistake_at(key, f"the key `{show_key(key.value)}` stands here a second time")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _measure(root: yaml.Node) -> None:
    """Refuses aliases that refer to themselves, or that written out are more or deeper than any stack says."""
    known: dict[int, tuple[int, int]] = {}
    within: set[int] = set()

    def measure(node: yaml.Node) -> tuple[int, int]:
        """How many values, and how deep."""
        if id(node) in within:
            raise _mistake_at(node, "aliases (`*name`) refer to themselves")
        if id(node) not in known:
            within.add(id(node))
            inner = node.value if isinstance(node, yaml.CollectionNode) else ()
            found = [measure(part) for item in inner for part in (item if isinstance(item, tuple) else (item,))]
            within.discard(id(node))
            known[id(node)] = 1 + sum(size for size, _ in found), 1 + max((depth for _, depth in found), default=0)
        if known[id(node)][0] > _MAX_VALUES or known[id(node)][1] > _MAX_DEPTH:
            raise _mistake_at(node, "aliases (`*name`) expand to more than is read")
        return known[id(node)]

    measure(root)


def read_stack_file(project: Path, stack: str) -> dict[str, object]:
    """The `config:` of `Pulumi.<stack>.yaml` in the folder `project`, as it is written.

    Raises `UserError` when there is no such stack, or the file is not YAML, or says a key twice.
    """
    file = project / f"Pulumi.{stack}.yaml"
    if "/" in stack or not file.is_file():
        known = sorted(
            path.name.removeprefix("Pulumi.").removesuffix(".yaml")
            for path in project.glob("Pulumi.*.yaml")
            if path.is_file()
        )
        meant = nearest(stack, known)
        hint = f"did you mean `{meant}`?" if meant else f"there are: {', '.join(known) or 'none'}"
        raise UserError(f"no stack `{stack}`: there is no {file.name} in {project}; {hint}")
    text = _text(file)
    try:
        content = _Loader(text).get_single_data()
    except yaml.YAMLError as error:
        raise UserError(_mistake(file, text, error)) from None
    config = content.get("config") if isinstance(content, dict) else None
    if not isinstance(config, dict):
        raise UserError(f"{file.name}: must be a mapping with the key `config:`, which holds the stack's settings")
    return {str(key): value for key, value in config.items()}


def _text(file: Path) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file.name}: cannot be read: {error.strerror}") from None
    if len(data) > _MAX_BYTES:
        raise UserError(f"{file.name}: has {len(data)} bytes, more than the {_MAX_BYTES} that settings can have")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{file.name}:{line}: must be UTF-8 text ({error.reason} at byte {error.start})") from None


def _mistake(file: Path, text: str, error: yaml.YAMLError) -> str:
    """The mistake with its place, without quoting the line: a secret may be on it."""
    mark = getattr(error, "problem_mark", None)
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"{file.name}:{line}: not valid YAML: holds a control character, which no settings need"
    place = f"{file.name}:{mark.line + 1}:{mark.column + 1}" if mark else file.name
    return f"{place}: not valid YAML: {_NAMED.sub(_QUOTES, str(getattr(error, 'problem', None) or 'unreadable text'))}"
