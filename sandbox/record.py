"""What a sandbox remembers between two commands: one small JSON file in its state folder.

The folder is ours alone: it carries a marker file, a folder without the marker is never used, written to or removed.
"""

import contextlib
import shutil
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from seawall.errors import UserError

FORMAT: Literal[1] = 1
"""Raised whenever the meaning of the file changes; another number is read as \"made by another version\"."""

MARKER_FILE = ".seawall-sandbox"
_RECORD_FILE = "sandbox.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProcessRecord(_Frozen):
    """One process that we started. A process id alone may be recycled: id, start time and marker identify it."""

    pid: int = Field(description="Process id.", gt=0)
    started: float = Field(description="When the kernel says that it started, in seconds since the epoch.")
    fingerprint: str = Field(description="Hash of what it was started with; another one means: start it anew.")


class CrdRecord(_Frozen):
    """Where one CustomResourceDefinition on the API server came from."""

    name: str = Field(description="Name of the CRD, `<plural>.<group>`.")
    source: Literal["module", "shared", "download", "generated"] = Field(
        description="The project's Go module; the shared folder beside the checkout; the vendor's release; our models."
    )
    where: str = Field(description="The source in words, for a person.")


class Record(_Frozen):
    """The state of one sandbox."""

    format: Literal[1] = Field(default=FORMAT, description="Format of this file.")
    boot: str = Field(description="Id of the machine's boot: after a restart no recorded process can be ours.")
    ports: dict[str, int] = Field(default_factory=dict, description="Loopback ports by purpose, chosen once.")
    processes: dict[str, ProcessRecord] = Field(default_factory=dict, description="Processes by part.")
    crds: tuple[CrdRecord, ...] = Field(default=(), description="Installed CRDs and their sources.")
    installed: str = Field(default="", description="Hash of the CRDs that were installed; empty until all are.")


def boot_id() -> str:
    """An id that changes with every start of the machine."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    import psutil  # only where the kernel gives no boot id

    return str(int(psutil.boot_time()))


class UnreadableRecordError(Exception):
    """The record is damaged or was written by another version; the text says which, in a few words."""


class Store:
    """The record of one state folder: in memory, and written atomically with every change (thread-safe)."""

    def __init__(self, state: Path) -> None:
        self.path = state / _RECORD_FILE
        self._lock = threading.Lock()
        self.record = Record(boot=boot_id())

    def load(self) -> bool:
        """Read the file; False when there is none. Raises `UnreadableRecordError`."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return False
        except (OSError, UnicodeDecodeError) as error:
            raise UnreadableRecordError("cannot be read") from error
        try:
            self.record = Record.model_validate_json(text)
        except ValidationError as error:
            if any(problem["loc"] == ("format",) for problem in error.errors()):
                raise UnreadableRecordError("was written by another version of seawall") from error
            raise UnreadableRecordError("is damaged") from error
        return True

    def update(self, **changes: object) -> None:
        """Replace fields of the record and write it."""
        with self._lock:
            self._write(self.record.model_copy(update=changes))

    def remember(self, name: str, process: ProcessRecord) -> None:
        """Record a process, right after it was started."""
        with self._lock:
            self._write(self.record.model_copy(update={"processes": {**self.record.processes, name: process}}))

    def forget(self, names: Iterable[str]) -> None:
        """Drop processes that have ended."""
        gone = set(names)
        with self._lock:
            kept = {name: process for name, process in self.record.processes.items() if name not in gone}
            self._write(self.record.model_copy(update={"processes": kept}))

    def _write(self, record: Record) -> None:
        draft = self.path.with_suffix(".tmp")
        draft.write_text(record.model_dump_json(indent=1), encoding="utf-8")
        draft.replace(self.path)
        self.record = record


def is_ours(state: Path) -> bool:
    """Whether this folder is a sandbox's state."""
    return (state / MARKER_FILE).is_file()


def holds_nothing(state: Path) -> bool:
    """Whether the folder is empty, or holds what a part that outlives its removed state makes again: empty homes."""
    made_again = all(entry.name == "home" for entry in state.iterdir())
    return made_again and all(entry.is_dir() and not entry.is_symlink() for entry in state.rglob("*"))


def check_folder(state: Path) -> None:
    """Raise `UserError` when the folder is a file."""
    if state.exists() and not state.is_dir():
        raise UserError(f"SEAWALL_STATE {state} is a file: name a folder that is empty or does not exist yet")


def check_usable(state: Path) -> None:
    """Raise `UserError` when the folder is a file, or has content that is not ours."""
    check_folder(state)
    if state.is_dir() and not is_ours(state) and not holds_nothing(state):
        raise UserError(
            f"SEAWALL_STATE {state} is not empty and was not made by seawall: name a folder that is empty or does not "
            "exist yet (this one would be removed by `seawall down`)"
        )


def claim(state: Path) -> None:
    """Make the folder ours (mode 0700). Raises `UserError` when it cannot be."""
    check_usable(state)
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        state.chmod(0o700)
        (state / MARKER_FILE).touch()
    except OSError as error:
        raise UserError(f"the sandbox's state folder {state} cannot be written: {error.strerror}") from error


def remove(state: Path) -> None:
    """Remove the folder when it is ours; the marker goes last, so that an interrupted removal can be repeated."""
    if not is_ours(state):
        return
    for entry in state.iterdir():
        if entry.name == MARKER_FILE:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
    (state / MARKER_FILE).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # something of another process arrived meanwhile: it is not ours to remove
        state.rmdir()
