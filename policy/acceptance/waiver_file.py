"""The form of a file of waivers, strictly: what is not exactly right waives nothing and is said.

Pydantic is imported here and nowhere else in the pack, so that a check without waivers does not pay for it.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, field_validator

from seawall.policy.acceptance.waivers import Problem, Waiver, Waivers, nearest
from seawall.policy.estate.model import Origin
from seawall.policy.findings import Outcome

MAX_BYTES = 1024 * 1024
"""A larger file is not read: a thousand waivers need a fraction of it."""
SHORTEST_REASON = 10
"""Characters."""
_UNWRITTEN = ("todo", "tbd", "fixme", "xxx", "n/a")
"""A text that begins with one of these was left for later."""
_MEND = "Correct it as docs/policy-pack.md says; until then it waives nothing."

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class WaivedResource(_Strict):
    """The resource whose finding is waived, as every report names it."""

    kind: _Text
    """Kubernetes kind (`Dragonfly`), or the type token of any other Pulumi resource (`aws:s3/bucket:Bucket`)."""
    namespace: str = ""
    """Namespace; left out for what has none."""
    name: Annotated[str, StringConstraints(pattern=r"^[^*\s]+$|^[^*\s]{3,}\*$")]
    """The exact name; or at least three characters that it begins with, and a `*`."""


class WaiverEntry(_Strict):
    """One accepted finding."""

    rule: _Text
    """Id of the rule."""
    resource: WaivedResource
    """The resource that the rule looks at."""
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=SHORTEST_REASON, max_length=1000)]
    """Why the risk is accepted: at least 10 characters, and no placeholder."""
    approver: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=200)]
    """Who has accepted it: a person or a role."""
    expires: date
    """The last day on which it holds (UTC), `2027-01-31`; at most 366 days from now."""
    outcome: Literal["violated", "not evaluated"] = "violated"
    """Which verdict is waived. A rule that could not be evaluated is waived only by `not evaluated`."""

    @field_validator("reason", "approver")
    @classmethod
    def _no_placeholder(cls, text: str) -> str:
        first = re.match(r"[\W_]*([\w/]*)", text.lower())
        if first is not None and first[1] in _UNWRITTEN:
            raise ValueError("is a placeholder, not a text that somebody stands for")
        if len({sign for sign in text.lower() if sign.isalpha()}) < 2:
            raise ValueError("holds no words")
        return text

    @field_validator("expires", mode="before")
    @classmethod
    def _a_day(cls, value: Any) -> Any:
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            raise ValueError("must be a day like 2027-01-31")
        return value


class WaiverFile(_Strict):
    """Waivers of findings of the policy pack: which, why, by whom and until when."""

    version: Literal[1]
    """Version of this form."""
    waivers: list[WaiverEntry]
    """In any order."""


def schema() -> dict[str, Any]:
    """The file's JSON schema."""
    made = WaiverFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def read(path: Path) -> Waivers:
    """The waivers of a YAML or JSON file. A file that cannot be read holds none, and one problem."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return _refused(f"the file is larger than {MAX_BYTES // 1024} KiB", str(path))
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        return _refused(f"the file cannot be read: {problem.strerror or type(problem).__name__}", str(path))
    except UnicodeDecodeError:
        return _refused("the file is not UTF-8 text", str(path))
    try:
        loader = StrictLoader(text)
        try:
            node = loader.get_single_node()
            value = loader.construct_document(node) if node is not None else None
        finally:
            loader.dispose()
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        why = getattr(problem, "problem", None) or "not one YAML document"
        return _refused(f"not valid YAML: {why}", str(path), mark.line + 1 if mark is not None else None)
    except (RecursionError, ValueError, OverflowError, TypeError):
        return _refused("a value in it cannot be read", str(path))

    def origin(place: int | None) -> Origin:
        item = _item(node, place)
        line = item.start_mark.line + 1 if item is not None else 1
        return Origin(file=str(path), line=line, locate=lambda keys: _line(item, keys))

    return parse(value, origin)


def parse(value: Any, origin: Callable[[int | None], Origin] = lambda _: Origin()) -> Waivers:
    """The waivers of the file's content. `origin` says where the waiver at a place stands, None for the whole file."""
    if not isinstance(value, Mapping):
        return Waivers(problems=(Problem("must be a mapping with version and waivers", _MEND, origin=origin(None)),))
    outside = {key: content for key, content in value.items() if key != "waivers"}
    try:
        WaiverFile.model_validate({**outside, "waivers": []})
    except ValidationError as refusal:
        return Waivers(problems=tuple(_problems(refusal, WaiverFile, "(the file)", origin(None))))
    entries = value.get("waivers")
    if not isinstance(entries, list):
        return Waivers(problems=(Problem("waivers must be a list", _MEND, origin=origin(None), path=("waivers",)),))
    waivers: list[Waiver] = []
    problems: list[Problem] = []
    for place, raw in enumerate(entries):
        try:
            entry = WaiverEntry.model_validate(raw)
        except ValidationError as refusal:
            problems += _problems(refusal, WaiverEntry, _called(raw, place), origin(place))
            continue
        resource = entry.resource
        waivers.append(
            Waiver(
                entry.rule,
                resource.kind,
                resource.namespace,
                resource.name,
                entry.reason,
                entry.approver,
                entry.expires,
                Outcome(entry.outcome),
                origin(place),
            )
        )
    return Waivers(tuple(waivers), tuple(problems))


def _refused(why: str, file: str, line: int | None = None) -> Waivers:
    return Waivers(problems=(Problem(why, _MEND, origin=Origin(file=file, line=line)),))


def _called(raw: Any, place: int) -> str:
    """A malformed waiver for a person: by its rule and its place in the list, counted from 1."""
    rule = raw.get("rule") if isinstance(raw, Mapping) else None
    return f"number {place + 1}{f' ({rule})' if isinstance(rule, str) and rule else ''}"


def _problems(refusal: ValidationError, model: type[BaseModel], what: str, origin: Origin) -> list[Problem]:
    found = []
    for error in refusal.errors(include_url=False, include_input=False):
        path = tuple(str(key) for key in error["loc"])
        where = ".".join(path) or "the waiver"
        known = WaivedResource if path[:1] == ("resource",) else model
        said = _SENTENCES.get(error["type"], lambda _: "is not valid")(error)
        if error["type"] == "extra_forbidden":
            said += nearest(path[-1], known.model_fields).lower().replace("did", "Did")
        found.append(Problem(f"{where} {said}", _MEND, what, origin, path))
    return found


_SENTENCES: Mapping[str, Callable[[Any], str]] = {
    "missing": lambda _: "is missing",
    "extra_forbidden": lambda _: "is no key of it.",
    "string_type": lambda _: "must be a text",
    "string_too_short": lambda error: f"must have at least {error['ctx']['min_length']} characters",
    "string_too_long": lambda error: f"must have at most {error['ctx']['max_length']} characters",
    "string_pattern_mismatch": lambda _: "must be a name, or at least 3 characters of it and one * at the end",
    "literal_error": lambda error: f"must be {error['ctx']['expected']}",
    "value_error": lambda error: str(error["ctx"]["error"]),
    "date_from_datetime_parsing": lambda _: "is no day of the calendar",
    "list_type": lambda _: "must be a list",
    "model_type": lambda _: "must be a mapping",
}


class StrictLoader(yaml.SafeLoader):
    """Refuses what would let two readers see two things: keys given twice, aliases, other tools' tags.

    Days stay texts.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """One node; an alias is refused."""
        if self.check_event(yaml.events.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not read here", mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """A mapping whose keys differ."""
        keys: set[Any] = set()
        for key, _ in node.value:
            if key.value in keys:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} is given twice", key.start_mark)
            keys.add(key.value)
        made: dict[Any, Any] = super().construct_mapping(node, deep)
        return made


StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _item(node: Any, place: int | None) -> Any:
    """The node of a waiver, or the file's."""
    if place is None:
        return node
    for key, value in node.value:
        if key.value == "waivers":
            return value.value[place]
    return None


def _line(node: Any, path: tuple[str, ...]) -> int | None:
    """The line of a field in a waiver; of the last part of the way to it that is there."""
    line: int | None = None
    for key in path:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((name, value) for name, value in pairs if name.value == key), None)
        if found is None:
            return line
        line, node = found[0].start_mark.line + 1, found[1]
    return line
