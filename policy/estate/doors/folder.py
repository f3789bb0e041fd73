"""The door for YAML: a folder, one file, or text from standard input, into the estate.

Anybody's files: several documents, `List` objects, JSON, other tools' files among them. What is not a Kubernetes object
is counted and left out; what cannot be read is a problem of its own, and the rest is read all the same.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, cast

import yaml

from seawall.policy.estate.building import kube_object
from seawall.policy.estate.doors import ahead
from seawall.policy.estate.doors.ahead import Documents
from seawall.policy.estate.doors.kustomizations import NAMES, placed
from seawall.policy.estate.doors.state import is_state
from seawall.policy.estate.doors.yaml_loader import MAX_NODES, documents
from seawall.policy.estate.objects import KubeObject, Note, Origin
from seawall.policy.estate.values import PLACEHOLDER, UNKNOWN

SUFFIXES = (".yaml", ".yml", ".json")
MAX_BYTES = 32 * 1024 * 1024
"""A larger file is not read. All manifests of a large platform are a few MiB."""
_MAY_BE_AN_OBJECT = re.compile(rb"apiVersion|\0")
"""Text in which a Kubernetes object may be; a text in UTF-16 may hold anything."""
_SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__"})
_MAX_LIST_DEPTH = 5
_MERGE = "tag:yaml.org,2002:merge"
_TWICE = "a key that is there twice in one mapping: the last counts, as it does for Kubernetes"
_MOST_TWICE = 20
"""Notes on one document."""
_TEMPLATE = "a template and no YAML yet: render it first, as with `helm template`"


@dataclass(frozen=True)
class Unreadable:
    """A file, or a document in it, that could not be read."""

    file: str
    line: int | None
    why: str

    @property
    def place(self) -> str:
        """`file:line`."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass
class Reading:
    """Everything that came through the door."""

    objects: list[KubeObject] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    files: int = 0
    """Files that were read, whether or not they held objects."""
    not_kubernetes: int = 0
    """Documents that are no Kubernetes objects (values files, kustomizations without objects, …)."""
    states: list[str] = field(default_factory=list)
    """Files that are exported states of stacks, for which there is another door."""
    kustomizations: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Kustomizations that say neither `apiVersion` nor `kind`, by file."""
    notes: list[Note] = field(default_factory=list)
    """What a reader must know of the reading."""
    of_folder: bool = False
    """Whether other tools' files are to be expected, broken ones among them."""


def read_folder(root: Path) -> Reading:
    """Every YAML and JSON file under a folder, in the order of their paths; hidden folders and links are left out."""
    reading = Reading(of_folder=True)
    paths = list(_files(root, reading))
    known = dict(ahead.parsed(paths))
    for path in paths:
        _read_file(path, _shown(path), reading, known.pop(path, None))
    found = placed(reading.objects, reading.kustomizations, _shown(root))
    reading.objects, reading.notes = found.objects, [*reading.notes, *found.notes]
    reading.not_kubernetes += found.left_out
    return reading


def read_file(path: Path) -> Reading:
    """One file, whatever its suffix."""
    reading = Reading()
    _read_file(path, _shown(path), reading)
    return reading


def read_text(text: str | bytes, name: str) -> Reading:
    """One text, as from standard input; `name` stands for the file in messages."""
    reading = Reading()
    content = text.encode() if isinstance(text, str) else text
    if len(content) > MAX_BYTES:
        reading.unreadable.append(Unreadable(name, None, f"more than the {MAX_BYTES // 1024**2} MiB that are read"))
    else:
        _read_documents(content, name, reading)
    return reading


def _shown(path: Path | str) -> str:
    """A path as every terminal and JSON can hold it: bytes that are no text are replaced."""
    return os.fsencode(path).decode("utf-8", "replace")


def _files(root: Path, reading: Reading) -> Iterator[Path]:
    def unreadable(problem: OSError) -> None:
        why = problem.strerror or type(problem).__name__
        reading.unreadable.append(Unreadable(_shown(problem.filename), None, why))

    for folder, folders, names in os.walk(root, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED_FOLDERS)
        for name in sorted(names):
            if name.endswith(SUFFIXES):
                yield Path(folder, name)


def _read_file(path: Path, name: str, reading: Reading, known: Documents | None = None) -> None:
    try:
        if not path.is_file():
            reading.unreadable.append(Unreadable(name, None, "not a regular file"))
            return
        size = path.stat().st_size
        if size > MAX_BYTES:
            why = f"{size // 1024 // 1024} MiB is more than the {MAX_BYTES // 1024 // 1024} MiB that are read"
            reading.unreadable.append(Unreadable(name, None, why))
            return
        content = path.read_bytes()
    except OSError as problem:
        reading.unreadable.append(Unreadable(name, None, problem.strerror or type(problem).__name__))
        return
    if b"{{" in content and _is_in_chart(path):
        reading.files += 1
        reading.unreadable.append(Unreadable(name, None, _TEMPLATE))
        return
    _read_documents(content, name, reading, known)


def _is_in_chart(path: Path) -> bool:
    """Whether a file is one of a Helm chart's templates."""
    return any(folder.name == "templates" and (folder.parent / "Chart.yaml").is_file() for folder in path.parents)


def _read_documents(content: bytes, name: str, reading: Reading, known: Documents | None = None) -> None:
    """The documents of a text into a reading; `known` are those that were parsed ahead."""
    reading.files += 1
    content = ahead.with_defaults(content)
    aliases = ahead.may_have_aliases(content)
    rendered = PLACEHOLDER.encode() in content
    index = 0
    if known is not None:
        for index, (value, line) in enumerate(known):
            _add(value, None, line, _Document(name, content, index, rendered), (), reading)
        return
    try:
        for loader, node in documents(content):
            if aliases and _too_large(node):
                why = "its aliases expand to more than is read, or refer to themselves"
                reading.unreadable.append(Unreadable(name, node.start_mark.line + 1, why))
                return
            value = loader.construct_document(node) if aliases else loader.value(node)
            if (twice := _repeated(node)) is not None:
                why = f"the key {twice.value!r:.60} is there twice: is a line --- missing between two documents?"
                reading.unreadable.append(Unreadable(name, twice.start_mark.line + 1, why))
                index += 1
                continue
            several = _mappings_with_repeated_keys(node) if aliases else iter(loader.repeated)
            reading.notes += [Note(_TWICE, f"{name}:{it.start_mark.line + 1}") for it in islice(several, _MOST_TWICE)]
            _add(value, node, node.start_mark.line, _Document(name, content, index, rendered), (), reading)
            index += 1
    except yaml.YAMLError as problem:
        value = _json(content) if index == 0 else None
        if value is None and reading.of_folder and _MAY_BE_AN_OBJECT.search(content) is None:
            reading.not_kubernetes += 1  # a playbook, a template of another tool
        elif value is None:
            reading.unreadable.append(_syntax(problem, content, name))
        else:
            _add(value, None, None, _Document(name, content, 0, rendered), (), reading)
    except RecursionError:
        reading.unreadable.append(Unreadable(name, None, "nested too deeply"))
    except (ValueError, OverflowError, TypeError) as problem:  # a value that YAML allows and Python cannot hold
        reading.unreadable.append(Unreadable(name, None, f"a value cannot be read ({type(problem).__name__})"))


def _repeated(node: yaml.Node) -> yaml.Node | None:
    """The first key of a mapping that it has had before."""
    seen: set[str] = set()
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
            if key.value in seen:
                return key
            seen.add(key.value)
    return None


def _mappings_with_repeated_keys(root: yaml.Node) -> Iterator[yaml.Node]:
    """Each mapping in a document in which a key is there twice; aliases are followed once."""
    waiting, seen = [root], {id(root)}
    while waiting:
        node = waiting.pop()
        if _repeated(node) is not None:
            yield node
        found = [child for child in _children(node) if id(child) not in seen]
        seen.update(map(id, found))
        waiting += found


def _json(content: bytes) -> Any:
    """The value of a JSON text that the YAML parser refuses (pairs of surrogates, tabs), None when it is no JSON."""
    try:
        value = json.loads(content, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode()  # half a pair of surrogates is no text
    except (ValueError, RecursionError):
        return None
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


class _Document(NamedTuple):
    """A document of a file, to find lines in once more."""

    file: str
    content: bytes
    number: int
    rendered: bool
    """Whether the file has values that are known only after an update (`seawall render` wrote it)."""


def _add(
    value: Any,
    node: Any,
    line: int | None,
    document: _Document,
    inside: tuple[str | int, ...],
    reading: Reading,
) -> None:
    """The objects of one document; a `List` holds more. `inside` leads from the document to the value.

    `node` is only asked for the items of a list; `line` is counted from 0.
    """
    if value is None:
        return
    if not isinstance(value, Mapping):
        reading.not_kubernetes += 1
        return
    items = value.get("items")
    if (
        isinstance(items, Sequence)
        and str(value.get("kind", "")).endswith("List")
        and len(inside) < _MAX_LIST_DEPTH * 2
    ):
        nodes = _child(node, "items")
        for place, item in enumerate(items):
            child = _child(nodes, place)
            start = child.start_mark.line if child is not None else None
            _add(item, child, start, document, (*inside, "items", place), reading)
        return
    awaits: frozenset[str] = frozenset()
    if document.rendered:
        value, awaits = _awaited(value)
    first = None if line is None else line + 1
    origin = Origin(file=document.file, line=first, locate=_locator(document, inside), awaits=awaits)
    thing = kube_object(value, origin)
    if thing is not None and "{{" in thing.name + thing.namespace:
        reading.unreadable.append(Unreadable(document.file, first, _TEMPLATE))
    elif thing is None:
        reading.not_kubernetes += 1
        if is_state(value):
            reading.states.append(document.file)
        elif document.file.rpartition("/")[2] in NAMES:
            reading.kustomizations[document.file] = value
    else:
        reading.objects.append(thing)


def _awaited(manifest: Mapping[str, Any]) -> tuple[Mapping[str, Any], frozenset[str]]:
    """A manifest with `UNKNOWN` in the place of each placeholder, and the top-level keys that have one below them."""

    def known(value: Any) -> tuple[Any, bool]:
        if value == PLACEHOLDER:
            return UNKNOWN, True
        if isinstance(value, Mapping):
            inner = {key: known(content) for key, content in value.items()}
            return {key: content for key, (content, _) in inner.items()}, any(found for _, found in inner.values())
        if isinstance(value, list):
            items = [known(item) for item in value]
            return [item for item, _ in items], any(found for _, found in items)
        return value, False

    made = {key: known(content) for key, content in manifest.items()}
    return {k: content for k, (content, _) in made.items()}, frozenset(
        str(k) for k, (_, found) in made.items() if found
    )


def _locator(document: _Document, inside: tuple[str | int, ...]) -> Callable[[tuple[str, ...]], int | None]:
    """Finds lines by composing the file once more: only findings pay for it."""

    def locate(path: tuple[str, ...]) -> int | None:
        nodes = _compose(document.content)
        node = nodes[document.number] if document.number < len(nodes) else None
        line = None
        for key in (*inside, *path):
            node = _child(node, key)
            if node is None:
                return line
            line = cast(int, node.start_mark.line) + 1
        return line

    return locate


@lru_cache(maxsize=256)
def _compose(content: bytes) -> list[Any]:
    """The nodes of a file's documents, up to a mistake; kept, because a file with one finding often has more."""
    nodes: list[Any] = []
    with suppress(yaml.YAMLError):
        nodes.extend(node for _, node in documents(content))
    return nodes


def _child(node: Any, key: str | int) -> Any:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == str(key):
                return value
    elif isinstance(node, yaml.SequenceNode):
        place = key if isinstance(key, int) else int(key[1:-1]) if re.fullmatch(r"\[[0-9]+\]", key) else -1
        if 0 <= place < len(node.value):
            return node.value[place]
    return None


def _too_large(root: Any) -> bool:
    """Whether a document with aliases expands beyond `MAX_NODES`, or contains itself."""
    sizes: dict[int, int] = {}
    on_the_way: set[int] = set()
    stack: list[tuple[Any, bool]] = [(root, False)]
    while stack:
        node, children_done = stack.pop()
        children = _children(node)
        if children_done:
            on_the_way.discard(id(node))
            sizes[id(node)] = 1 + sum(sizes.get(id(child), 1) for child in children)
            if sizes[id(node)] > MAX_NODES:
                return True
        elif id(node) in on_the_way:
            return True
        elif id(node) not in sizes:
            on_the_way.add(id(node))
            stack.append((node, True))
            stack += [(child, False) for child in children]
    return False


def _children(node: Any) -> list[Any]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _syntax(problem: yaml.YAMLError, content: bytes, name: str) -> Unreadable:
    mark = getattr(problem, "problem_mark", None)
    line = mark.line + 1 if mark is not None else None
    why = getattr(problem, "problem", None) or str(problem).splitlines()[0]
    if isinstance(problem, yaml.composer.ComposerError) and line is None:
        return Unreadable(name, None, why)
    if b"{{" in content:
        why = f"{why} ({_TEMPLATE})"
    return Unreadable(name, line, f"not valid YAML: {why}")
