"""One run from settings to exit code."""

import json
import signal
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from . import deep, quick
from .classes import CHECKS, Failure, Status
from .findings import Findings
from .quick import Archive
from .report import Outcome, document
from .settings import Expectation, SettingsError, expectation
from .store import Store, StoreError

_TERMINATION = 4096
"""Bytes of a termination message that Kubernetes keeps."""


class EndedError(BaseException):
    """Kubernetes ended the run: its time was over, or the node is drained. No library takes it for an error."""


def end(signum: int, frame: FrameType | None) -> None:
    """Ends the run with a report, as the handler of a signal; a second signal changes nothing."""
    signal.signal(signum, signal.SIG_IGN)
    raise EndedError


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Validates, prints the report as one line of JSON, and returns the exit code of `classes.Failure`, or 0."""
    began, findings = time.monotonic(), Findings()
    wanted: Expectation | None = None
    store: Store | None = None
    archive: Archive | None = None
    complete = False
    try:
        wanted = expectation(arguments, environment)
        findings.passed("settings", "complete")
        store = Store(wanted)
        archive = quick.look(store, wanted, findings)
        if wanted.deep:
            deep.read(archive, store, wanted, findings)
        findings.passed("store", f"{sum(store.requests.values())} requests were answered")
        complete = True
    except SettingsError as error:
        findings.failed("settings", str(error))
    except StoreError as error:
        findings.failed("store", str(error), error.failure)
    except EndedError:
        why = "its `timeout` was over, or its node was drained"
        findings.failed("store", f"the run was ended before everything was checked: {why}")
    except Exception as error:  # the report is what everybody reads: it must come, whatever went wrong
        traceback.print_exc()
        findings.failed("store", f"the validator itself failed: {type(error).__name__}: {error}", Failure.INTERNAL)
    if wanted is not None and not wanted.deep:
        for check in CHECKS:
            if check.deep:
                findings.skipped(check.name, "needs the content of objects: `deep`")
    made = document(Outcome(findings, archive, complete, time.monotonic() - began), wanted, store)
    if wanted is not None:
        _write(made, wanted)
    print(json.dumps(made), flush=True)
    return int(made["exit_code"])


def _write(made: Mapping[str, Any], wanted: Expectation) -> None:
    """Puts metrics and verdict where they were asked for; that they cannot be written changes no verdict."""
    if wanted.metrics_file is not None:
        _replace(Path(wanted.metrics_file), made["metrics"])
    if wanted.termination_file is not None:
        failed = [check["message"] for check in made["checks"] if check["status"] == Status.FAILED]
        text = f"{made['class'] or 'ok'}: {'; '.join(failed) or 'every check that was made passed'}"
        _replace(Path(wanted.termination_file), text[: _TERMINATION // 4], whole=False)


def _replace(path: Path, text: str, *, whole: bool = True) -> None:
    try:
        if whole:  # a collector never reads half a file
            new = path.with_name(f"{path.name}.new")
            new.write_text(text, encoding="utf-8")
            new.replace(path)
        else:
            path.write_text(text, encoding="utf-8")
    except (OSError, ValueError):
        traceback.print_exc()
