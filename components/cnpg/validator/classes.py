"""The one table of what can go wrong: each class of failure with its stable name and exit code, each check with its
class. docs/validator.md and the report's schema are made from it."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Status(StrEnum):
    """The outcome of one check."""

    OK = "ok"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


class Failure(IntEnum):
    """A class of failure; the number is the exit code. Of several classes the first in `CLASSES` gives the code."""

    INTERNAL = 1
    CONFIGURATION = 10
    ACCESS_DENIED = 11
    STORE_UNREACHABLE = 12
    THROTTLED = 13
    BACKUP_MISSING = 20
    BACKUP_DAMAGED = 21
    WAL_HOLE = 22
    WAL_DAMAGED = 23
    WAL_OLD = 24
    ENCRYPTION = 25
    FOREIGN_OBJECTS = 26
    CLOCK = 27

    @property
    def label(self) -> str:
        """The stable name, as the report has it."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True)
class Class:
    """What a class of failure means, and what to do about it."""

    failure: Failure
    meaning: str
    mend: str


CLASSES = (
    Class(
        Failure.INTERNAL,
        "the validator itself failed: nothing is known",
        "Read the trace in the pod's log and report it; run it again.",
    ),
    Class(
        Failure.CONFIGURATION,
        "settings are missing or wrong, or the bucket is not there",
        "Correct what the message names in the stack file and update the stack.",
    ),
    Class(
        Failure.ACCESS_DENIED,
        "the store or its key refuses the reader",
        "Look at the reader's Secret or role: it needs s3:ListBucket, s3:GetObject and kms:Decrypt. Is the key on?",
    ),
    Class(
        Failure.STORE_UNREACHABLE,
        "the store did not answer, or broke off, past every retry",
        "Look at the endpoint, its certificate, DNS and the network policy; then run it again.",
    ),
    Class(
        Failure.THROTTLED,
        "the store asked to slow down, past every retry",
        "Run it at another hour, without `all_objects`, or raise the store's limits.",
    ),
    Class(
        Failure.BACKUP_MISSING,
        "no finished base backup, or only an old one, or the newest attempt failed",
        "Look at the Backup objects and the sidecar's log, mend the cause, and make a backup now.",
    ),
    Class(
        Failure.BACKUP_DAMAGED,
        "the base backup to restore from is incomplete or damaged",
        "Make a backup now. Versions of the bucket's objects may still hold the lost ones: do not delete any.",
    ),
    Class(
        Failure.WAL_HOLE,
        "a WAL segment or a timeline's history is missing: recovery stops there",
        "Make a backup now: what was lost is lost, and the new backup starts after it. Then find out who deleted it.",
    ),
    Class(
        Failure.WAL_DAMAGED,
        "WAL that recovery needs is empty, damaged or of another server",
        "Make a backup now. Does a second cluster archive into the same folder? Give it a `server_name` of its own.",
    ),
    Class(
        Failure.WAL_OLD,
        "the newest WAL is older than the RPO allows",
        "Look at WAL archiving on the primary: credentials, bucket policy, network, the sidecar's log.",
    ),
    Class(
        Failure.ENCRYPTION,
        "an object is not encrypted as agreed, or under another key",
        "Find out who wrote it: the bucket's policy should have refused it. Then make a backup with the right key.",
    ),
    Class(
        Failure.FOREIGN_OBJECTS,
        "objects lie in the archive's folder that are not an archive's",
        "Find out who put them there. The folder is for one server alone.",
    ),
    Class(
        Failure.CLOCK,
        "the clocks of store, database and validator disagree: no age can be trusted",
        "Mend the time service of the node, or of the store.",
    ),
)
"""In the order of gravity: what hides all the rest comes first."""


@dataclass(frozen=True)
class Check:
    """One check, by its stable name."""

    name: str
    failure: Failure
    """Its class when it fails. The store's own failures have classes of their own, whichever check met them."""
    question: str
    deep: bool = False
    """Whether it needs the content of objects: only with `--deep`."""


CHECKS = (
    Check("settings", Failure.CONFIGURATION, "can the settings be read"),
    Check("store", Failure.STORE_UNREACHABLE, "does the store answer, to the end"),
    Check("clock", Failure.CLOCK, "do the clocks of store, database and validator agree"),
    Check("backup-finished", Failure.BACKUP_MISSING, "did the newest attempt at a base backup finish, or does it run"),
    Check("backup-age", Failure.BACKUP_MISSING, "is there a finished base backup, and is it young enough"),
    Check("backup-info", Failure.BACKUP_DAMAGED, "can its backup.info be read, and does it agree with itself"),
    Check("backup-data", Failure.BACKUP_DAMAGED, "is every file of it there, with plausible size and ends"),
    Check("wal-needed", Failure.WAL_HOLE, "is the WAL there without which it cannot be restored at all"),
    Check("wal-chain", Failure.WAL_HOLE, "is the WAL from its begin to the newest segment without a hole"),
    Check("wal-history", Failure.WAL_HOLE, "do the timelines' histories lead from the backup to the newest timeline"),
    Check("wal-objects", Failure.WAL_DAMAGED, "have WAL objects plausible sizes"),
    Check("wal-age", Failure.WAL_OLD, "is the newest WAL young enough for the RPO"),
    Check("encryption-backup", Failure.ENCRYPTION, "are the backup's files and backup.info encrypted as agreed"),
    Check("encryption-wal", Failure.ENCRYPTION, "is the newest WAL encrypted as agreed"),
    Check("encryption-sample", Failure.ENCRYPTION, "is a sample of all objects (or are all) encrypted as agreed"),
    Check("foreign-objects", Failure.FOREIGN_OBJECTS, "are there only objects of this archive"),
    Check("deep-base", Failure.BACKUP_DAMAGED, "can every file of the backup be unpacked to its end", deep=True),
    Check("deep-control", Failure.BACKUP_DAMAGED, "are PG_VERSION, pg_control and backup_label this backup's", True),
    Check("deep-pages", Failure.BACKUP_DAMAGED, "are the checksums of the sampled relation files' pages right", True),
    Check("deep-wal", Failure.WAL_DAMAGED, "are the sampled WAL segments whole, and this server's", deep=True),
)
"""In the order in which they are reported."""

BY_NAME = {check.name: check for check in CHECKS}
_MENDS = {row.failure: row.mend for row in CLASSES}
_ORDER = {row.failure: place for place, row in enumerate(CLASSES)}


def mend(failure: Failure) -> str:
    """What to do about a class of failure."""
    return _MENDS[failure]


def gravest(failures: "set[Failure]") -> Failure | None:
    """The class that gives the exit code, None when nothing failed."""
    return min(failures, key=_ORDER.__getitem__, default=None)
