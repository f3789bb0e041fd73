"""Files that decide what counts: read as files of their own, for a link leads to what no commit shows; and written."""

import os
import stat
import tempfile
from pathlib import Path

from seawall.errors import UserError


class UnfitError(ValueError):
    """A file that is not read; says why."""


class LinkError(UnfitError):
    """It is a link."""


class LargeError(UnfitError):
    """It has more bytes than are read."""


def read(file: Path, most: int) -> bytes:
    """A regular file's content, of at most so many bytes. Raises `UnfitError`, and `OSError` where there is none."""
    if file.is_symlink():
        raise LinkError("it is a link")
    # not to wait for a pipe, and not to follow a link that has just been put there
    handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UnfitError("not a file")
    with os.fdopen(handle, "rb") as stream:
        found = stream.read(most + 1)
    if len(found) > most:
        raise LargeError(f"larger than {most // 1024} KiB")
    return found


def content(file: Path, most: int) -> bytes | None:
    """As `read`; None when there is none. Raises `UserError` for anything else."""
    try:
        return read(file, most)
    except FileNotFoundError:
        return None
    except LargeError as error:
        raise UserError(f"{file}: {error}") from None
    except (UnfitError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"{file}: cannot be read ({why}); it must be a file of its own") from None


def put(file: Path, content: bytes) -> None:
    """Whole or not at all: written beside its place, then moved there. Raises `OSError`."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".seawall-")
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        beside.chmod(0o644)
        beside.replace(file)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
