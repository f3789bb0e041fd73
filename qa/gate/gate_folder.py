"""Gate files on disk: `docs/qa/gates/<STORY-ID>.yml`. Their history is only ever appended to."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from seawall.errors import EnvironmentFailure, UserError
from seawall.qa import own_file
from seawall.qa.evidence import repository, wall
from seawall.qa.gate import form, gate_file
from seawall.qa.gate.model import Outcome
from seawall.qa.gate.settings import GateSettings
from seawall.qa.strict_yaml import NotReadError, load

FOLDER: Final = "docs/qa/gates"
MAX_BYTES: Final = 4 * 1024 * 1024
_WIDTH: Final = 54
"""Columns after which a line is broken at the next blank: yamllint complains of more than 80."""
_HEAD = "# Made by `seawall gate`; only the history stays. See docs/gate.md.\n"


class State(StrEnum):
    """What there was to do about a gate file."""

    SAME = "unchanged"
    CHANGED = "changed"
    NEW = "new"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Prepared:
    """A gate file as it has to be."""

    file: Path
    state: State
    text: str
    content: form.GateFile


def prepare(
    folder: Path, outcome: Outcome, settings: GateSettings, *, checkout: Path, reviewer: str | None = None
) -> Prepared:
    """What the file of a story has to say. Nothing is written.

    It stays as it is when nothing but the time has changed and it is still valid. Raises `UserError` when the file that
    is there is no gate file, or its history is not what it was.
    """
    file, before, entries = _kept(folder, outcome.story, checkout)
    made = gate_file.content(outcome, settings, entries, reviewer=reviewer)
    if before is None:
        return Prepared(file, State.NEW, text(made), made)
    if not gate_file.same(before, made):
        return Prepared(file, State.CHANGED, text(made), made)
    if gate_file.moment(before.expires) <= outcome.at or gate_file.moment(made.expires) < gate_file.moment(
        before.expires
    ):
        return Prepared(file, State.EXPIRED, text(made), made)
    return Prepared(file, State.SAME, text(before), before)


def history(folder: Path, story: str, checkout: Path) -> list[form.HistoryEntry]:
    """What the gate of a story has said before; nothing when there is no file yet.

    Raises `UserError` when the file that is there is no gate file, or its history is not what it was.
    """
    return _kept(folder, story, checkout)[2]


def write(prepared: Prepared) -> None:
    """Writes a file whole or not at all; one that is as it has to be stays. Raises `EnvironmentFailure`."""
    if prepared.state is State.SAME:
        return
    try:
        wall.refuse(prepared.text, (), prepared.file.name)
        prepared.file.parent.mkdir(parents=True, exist_ok=True)
        own_file.put(prepared.file, prepared.text.encode())
    except (OSError, wall.SecretError) as error:
        raise EnvironmentFailure(f"{prepared.file} cannot be written: {error}") from None


def text(content: form.GateFile) -> str:
    """The file's text: the keys in BMAD's order, as yamllint likes it."""
    data = content.model_dump(mode="json", by_alias=True, exclude_none=True)
    return f"{_HEAD}---\n" + yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)


def parse(content: str, name: str) -> form.GateFile:
    """The gate file in a text. Raises `UserError`."""
    try:
        return form.GateFile.model_validate(load(content))
    except NotReadError as error:
        raise UserError(f"{name}: {error}; {_AWAY}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UserError(f"{name}: {where}: {first['msg']}; {_AWAY}") from None


_AWAY = "it is no gate file of this form: bring back what was committed (git checkout), or move it away"


class _Dumper(yaml.SafeDumper):
    """Lists are indented below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        """As PyYAML, but never without indentation."""
        return super().increase_indent(flow, False)


def _kept(folder: Path, story: str, checkout: Path) -> tuple[Path, form.GateFile | None, list[form.HistoryEntry]]:
    """The file of a story, what is in it, and its history, of which nothing is missing."""
    file = folder / f"{story}.yml"
    there = _read(file)
    entries = there.history if there is not None else []
    _untouched(file, checkout, entries)
    return file, there, entries


def _read(file: Path) -> form.GateFile | None:
    try:
        return parse(own_file.read(file, MAX_BYTES).decode(), str(file))
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise UserError(f"{file}: not UTF-8 text; {_AWAY}") from None
    except own_file.UnfitError:
        raise UserError(f"{file}: must be a file of its own, of at most {MAX_BYTES // 2**20} MiB") from None
    except OSError as error:
        raise EnvironmentFailure(f"{file}: cannot be read ({error.strerror})") from None


def _untouched(file: Path, checkout: Path, entries: Sequence[form.HistoryEntry]) -> None:
    """Raises `UserError` when an entry that was there is gone or was changed, in the file or in a commit."""
    times = [entry.at for entry in entries]
    if times != sorted(times):
        raise UserError(f"{file}: the history goes back in time; {_AWAY}")
    for path in _committed(file, checkout):
        _appended(file, checkout, path, entries)


def _committed(file: Path, checkout: Path) -> set[str]:
    """What commits may call a file; nothing when it is elsewhere. By its name as well as by where that leads: a folder
    that became a link has the same history."""
    root = checkout.resolve()
    name = file if file.is_absolute() else Path.cwd() / file
    places = (Path(os.path.normpath(name)), file.resolve())
    return {it.relative_to(root).as_posix() for it in places if it.is_relative_to(root)}


def _appended(file: Path, checkout: Path, path: str, entries: Sequence[form.HistoryEntry]) -> None:
    # branches that were merged have each appended: all of it must be there, and what is checked out comes first
    checked_out = [_history(content) for content in repository.versions(checkout, path, newest=True)]
    for before in checked_out:
        if list(entries[: len(before)]) != before:
            at = next((at for at, entry in enumerate(before) if at >= len(entries) or entries[at] != entry), 0)
            raise _rewritten(file, before[at])
    for content in repository.versions(checkout, path):
        gone = next((entry for entry in _history(content) if entry not in entries), None)
        if gone is not None:
            raise _rewritten(file, gone)


def _rewritten(file: Path, entry: form.HistoryEntry) -> UserError:
    return UserError(
        f"{file}: the history was rewritten: the entry of {entry.at} ({entry.gate}) is gone, changed or moved. It is "
        "only ever appended to: bring it back from the commits (git log -p)"
    )


def _history(content: str) -> list[form.HistoryEntry]:
    """The history in a former content; none in what was no gate file."""
    try:
        found = load(content)
        entries = found.get("history") if isinstance(found, dict) else None
        return [form.HistoryEntry.model_validate(entry) for entry in entries] if isinstance(entries, list) else []
    except (NotReadError, ValidationError):
        return []
