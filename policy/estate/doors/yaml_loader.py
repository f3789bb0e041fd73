"""YAML as Kubernetes reads it, quickly: the safe loader in C, and a patient one for what it refuses."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from sys import intern
from typing import Any, cast

import yaml

MAX_DEPTH = 200
"""No Kubernetes object is nested deeper."""
MAX_NODES = 2_000_000
"""A document with more values is taken for an attack and not read; 32 MiB of anybody's manifests have fewer."""
_WORD = 40
"""Characters from which on a plain text is not remembered."""
MAX_PATIENT_BYTES = 1024 * 1024
"""The patient loader is some thirty times slower: a larger file is not given to it."""


def documents(content: bytes) -> "Iterator[tuple[Any, yaml.Node]]":
    """The loader and the node of each document of a text. Raises `yaml.YAMLError` at a mistake.

    An anchor may be given again, as the specification and the tools around Kubernetes allow (`name: &app x` in each of
    a file's documents, or twice in one).
    """
    read = 0
    try:
        for found in _nodes(_Loader(content)):
            yield found
            read += 1
    except yaml.composer.ComposerError as problem:
        if not str(problem.context).startswith("found duplicate anchor") or len(content) > MAX_PATIENT_BYTES:
            raise
        for index, found in enumerate(_nodes(_PatientLoader(content))):
            if index >= read:
                yield found


def _nodes(loader: "_Loader | _PatientLoader") -> "Iterator[tuple[Any, yaml.Node]]":
    try:
        while loader.check_node():
            loader.nodes, loader.repeated = 0, []
            yield loader, cast(yaml.Node, loader.get_node())
    finally:
        loader.dispose()


class _Values:
    """Values as Kubernetes reads them: dates stay texts, tags of other tools say nothing.

    The C parser recurses without a limit and ends the process when the stack is full, so the depth is counted in the
    two methods that it calls on the way into a node and out of it.
    """

    depth = 0
    nodes = 0
    """Of the document that is being read. A node takes some hundred times the memory of its letter."""
    repeated: "list[yaml.MappingNode]"
    """The mappings of that document in which a key is there twice: the last counts, as it does for Kubernetes."""

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        """Called on the way into a node."""
        self.depth = depth = self.depth + 1
        self.nodes = nodes = self.nodes + 1
        if depth > MAX_DEPTH:
            raise yaml.composer.ComposerError(None, None, f"nested deeper than {MAX_DEPTH} levels")
        if nodes > MAX_NODES:
            raise yaml.composer.ComposerError(None, None, f"a document with more than {MAX_NODES:,} values")

    def ascend_resolver(self) -> None:
        """Called on the way out of a node."""
        self.depth -= 1

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """The tag of a node that has none written: the same as the inherited method finds, in less time."""
        if kind is not yaml.ScalarNode:
            return _MAPPING if kind is yaml.MappingNode else _SEQUENCE
        if not implicit[0]:
            return _TEXT
        return _tag_of_word(value) if len(value) < _WORD else _tag_of(value)

    def value(self, root: yaml.Node) -> Any:
        """What `construct_document` makes of a document without aliases, in a third of the time."""
        try:
            return self._plain(root)
        except _NotPlainError:
            return cast(Any, self).construct_document(root)

    def _plain(self, node: Any) -> Any:
        kind, tag = type(node), node.tag
        if kind is yaml.ScalarNode:
            if tag == _TEXT:
                return node.value
            if tag in _SCALARS:
                return _SCALARS[tag](self, node)
        elif kind is yaml.MappingNode and tag == _MAPPING:
            made = {self._key(key): self._plain(value) for key, value in node.value}
            if len(made) != len(node.value):
                self.repeated.append(node)
            return made
        elif kind is yaml.SequenceNode and tag == _SEQUENCE:
            return [self._plain(item) for item in node.value]
        raise _NotPlainError

    def _key(self, node: Any) -> Any:
        if type(node) is not yaml.ScalarNode:
            raise _NotPlainError
        return intern(node.value) if node.tag == _TEXT else self._plain(node)


class _Loader(_Values, yaml.CSafeLoader):
    """The loader in C."""


class _PatientLoader(_Values, yaml.SafeLoader):
    """The loader in Python, which takes an anchor that was given before."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """The next node; an anchor that it gives holds from here on."""
        event = cast(Any, self).peek_event()
        if not isinstance(event, yaml.AliasEvent) and event.anchor is not None:
            self.anchors.pop(event.anchor, None)
        return super().compose_node(parent, index)


class _NotPlainError(Exception):
    """A document holds more than mappings, lists, texts, numbers and booleans without tags of their own."""


def _untagged(loader: Any, _tag: str, node: Any) -> Any:
    """The value of a node with a tag that nobody here knows (`!Ref`, `!vault`): as if it had none."""
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


def _number(tag: str) -> Callable[[Any, Any], Any]:
    """The constructor of a number. `12:30` stays a text, as it does for Kubernetes: YAML 1.1 counts it to the base 60,
    in a time that grows with the square of its length."""
    number: Callable[[Any, Any], Any] = yaml.CSafeLoader.yaml_constructors[tag]
    return lambda loader, node: node.value if ":" in node.value else number(loader, node)


_IMPLICIT: dict[str, list[tuple[str, re.Pattern[str]]]] = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in ("timestamp", "value")]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def _tag_of(plain: str) -> str:
    """The tag of a plain text."""
    for tag, pattern in _IMPLICIT.get(plain[:1], ()):
        if pattern.match(plain):
            return tag
    return _TEXT


_tag_of_word = lru_cache(maxsize=65_536)(_tag_of)
"""The same for what is short, most of which comes again and again."""
for _loader in (_Loader, _PatientLoader):
    _loader.add_multi_constructor("", _untagged)
    _loader.yaml_implicit_resolvers = _IMPLICIT
    for _tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"):
        _loader.add_constructor(_tag, _number(_tag))
_TEXT, _MAPPING, _SEQUENCE = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq"))
_SCALARS: Mapping[str, Callable[[Any, yaml.Node], Any]] = {
    tag: _Loader.yaml_constructors[tag]
    for tag in (f"tag:yaml.org,2002:{kind}" for kind in ("bool", "float", "int", "null"))
}
