"""What is said when the pack itself fails on an object: neither may that pass, nor end the analysis of the others."""

import traceback
from pathlib import Path

from seawall.policy.estate.values import CannotEvaluateError


class DefectError(CannotEvaluateError):
    """Something of the pack ran into what it was not made for."""

    def __init__(self, what: str, bug: BaseException) -> None:
        """`what` is the part that failed, for a person: `the rule`."""
        super().__init__(f"{what} failed with {type(bug).__name__} at {_place(bug)}")
        self.what = what


def _place(bug: BaseException) -> str:
    """File and line of a bug. Its text is never shown: it may quote a value."""
    frames = traceback.extract_tb(bug.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
