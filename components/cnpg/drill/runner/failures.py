"""How a drill can end: the classes of failure, each with its exit code. The table in docs/drill.md is this one."""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class Kind:
    """One class of failure."""

    code: int
    """Exit code of the runner."""
    restorable: bool | None
    """What the drill has shown about the backups: False, they do not restore as asked; None, nothing was shown."""
    meaning: str
    advice: str
    """What to do about it."""


class Failure(Enum):
    """The classes of failure by name. 0 is success, and 1 is left to a crash of the interpreter itself."""

    SETTINGS = Kind(
        2,
        None,
        "the runner's settings are not complete or contradict each other",
        "Look at the CronJob's environment and ConfigMap: an update of the stack writes both.",
    )
    STORE = Kind(
        3,
        None,
        "the object store does not answer, or refuses the reader",
        "Look at the reader's Secret (ExternalSecret in the drill's namespace), its policy, and the network policy.",
    )
    NO_BACKUP = Kind(
        4,
        False,
        "the archive holds no finished base backup for the target, or ends before it",
        "Look at the ScheduledBackup and at WAL archiving of the source: as it is, nothing can be restored to there.",
    )
    CLUSTER = Kind(
        5,
        None,
        "the API server or the operator's webhook refuses what the runner asks",
        "Look at the message: rights of the runner's account, a quota, or a setting that the operator refuses.",
    )
    BUSY = Kind(
        6,
        None,
        "another drill of the same cluster runs, or a Cluster of that name is there that no drill made",
        "Wait for the other one to end; a Cluster that no drill made is never touched: remove it by hand.",
    )
    RESTORE = Kind(
        7,
        False,
        "the restore failed: the recovery job, PostgreSQL's replay, or the new instance",
        "Look at the reason in the report, and with the validator at the object that it names.",
    )
    INCOMPLETE = Kind(
        8,
        False,
        "the restore ended before the newest WAL of the archive, or came from another cluster",
        "There is a hole in the WAL, a missing timeline history or a foreign object: the validator says which. Take a "
        "new base backup now.",
    )
    ASSERTION = Kind(
        9,
        False,
        "the restore ended, and an assertion about its data does not hold",
        "Compare with the source; if the data is right, the assertion in the settings is out of date.",
    )
    SIGN_IN = Kind(
        10,
        None,
        "PostgreSQL came back, and the drill's role could not sign in or read",
        "Look at the reason: most often an application's role is younger than the point that was restored.",
    )
    TIMEOUT = Kind(
        11,
        None,
        "the drill did not end within its timeout",
        "Look at the reason (no node or volume, an image, a slow store); a larger database needs a longer `timeout`.",
    )
    LEFT_BEHIND = Kind(
        12,
        None,
        "something that the drill made could not be removed",
        "Remove what the report lists; the next drill tries again before it begins.",
    )
    INTERRUPTED = Kind(
        13,
        None,
        "the runner was told to stop, and has removed what it could",
        "Run it again; if it happens each time, its node is drained or the Job's deadline is too short.",
    )
    INTERNAL = Kind(
        14,
        None,
        "a mistake in the runner itself",
        "Report it with the runner's log, which ends with the place.",
    )


class DrillError(Exception):
    """The drill ends here; the text says why, without data of the database."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure
