"""How the command line ends: one sentence on stderr and an exit code, never a traceback."""

import contextlib
import errno
import gc
import io
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from types import FrameType
from typing import NoReturn

from seawall.errors import SeawallError

INTERRUPTED = 130
UNEXPECTED = 3
GOES_ON = "the same command goes on from here"
_next_step: ContextVar[str | None] = ContextVar("next_step", default=None)
_UNUSABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


def guarded(run: Callable[[], object]) -> NoReturn:
    """Run a command and leave the process with its exit code.

    0 done, 1 the policy found something enforced, 2 a mistake of the user, 3 the environment failed, 130 interrupted:
    by ^C, or by SIGTERM, which is treated the same so that the engine is cancelled and not orphaned.
    """
    signal.signal(signal.SIGTERM, _as_interrupt)
    # What the engine's SDK leaves half done after a failed run is collected at any time, and Python would print a
    # traceback about it beside our sentence.
    sys.unraisablehook = _unraisable
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error: no sign is too much for a terminal
    code = _code(run)
    if code:
        # Threads of the program may still wait for an engine that has gone, and a normal exit would wait for them.
        with contextlib.suppress(OSError):  # nobody reads any more
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    gc.freeze()  # all memory goes back at once: to look through an estate first takes longer than many a command
    sys.exit(code)


def if_interrupted(step: str) -> None:
    """Say what to do after an interruption, from now on: in the command that runs, before it begins what it keeps.

    A command that does not call this promises nothing: it has only read, or begins anew the next time.
    """
    _next_step.set(step)


def _code(run: Callable[[], object]) -> int:
    code: object = 0
    _next_step.set(None)
    try:
        run()
    except SystemExit as left:  # how Typer ends, whatever happened
        code = left.code
    except KeyboardInterrupt:
        code = INTERRUPTED
    except SeawallError as error:
        _say(f"error: {error}")
        return error.exit_code
    except Exception as error:
        if debugging():
            raise
        _say(f"error: {_told(error)}")
        return UNEXPECTED
    if code == INTERRUPTED:
        step = _next_step.get()
        _say(f"interrupted: {step}" if step else "interrupted")
    return code if isinstance(code, int) else 0


def _told(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in _UNUSABLE:
        where = error.filename or "a file"
        return (
            f"{where} cannot be used ({error.strerror}): make room or give the right to it, or let SEAWALL_CACHE and "
            "SEAWALL_STATE name folders elsewhere"
        )
    if isinstance(error, MemoryError):
        return "there is not enough memory for this: give less at once, or more memory to this process"
    what = f"something unexpected happened ({type(error).__name__})"
    try:
        return f"{what}; the details are in {_log()}"
    except OSError:
        return f"{what}; `seawall --debug` with the same command shows the details"


def debugging() -> bool:
    """Whether `--debug` was given: unexpected errors then show their traceback."""
    return os.environ.get("SEAWALL_DEBUG") == "1"


def _as_interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _unraisable(about: "sys.UnraisableHookArgs") -> None:
    if debugging():
        sys.__unraisablehook__(about)


def _say(sentence: str) -> None:
    # it may quote a file, a name or an answer, and none of them is to move the cursor
    shown = (it if it.isprintable() or it == "\n" else it.encode("unicode_escape").decode() for it in sentence)
    print("".join(shown), file=sys.stderr)


def _log() -> Path:
    from seawall import paths  # not on the way of a command that ends well

    folder = paths.cache() / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"seawall-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.log"
    file.write_text(f"{' '.join(sys.argv)}\n\n{traceback.format_exc()}", encoding="utf-8")
    return file
