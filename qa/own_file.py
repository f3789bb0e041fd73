"""Files that decide what counts: read as files of their own, for a link leads to what no commit shows."""

import os
import stat
from pathlib import Path

from seawall.errors import UserError


def content(file: Path, most: int) -> bytes | None:
    """A file's content, of at most so many bytes; None when there is none. Raises `UserError` for anything else."""
    try:
        # not to wait for a pipe
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        why = "it is a link" if file.is_symlink() else error.strerror
        raise UserError(f"{file}: cannot be read ({why}); it must be a file of its own") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UserError(f"{file}: cannot be read (it is no file); it must be a file of its own")
    with os.fdopen(handle, "rb") as stream:
        found = stream.read(most + 1)
    if len(found) > most:
        raise UserError(f"{file}: larger than {most // 1024} KiB")
    return found
