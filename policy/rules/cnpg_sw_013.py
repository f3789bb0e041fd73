"""CNPG-SW-013: backups, or objects about them, that pile up for ever."""

from collections.abc import Iterator

from seawall.policy.estate.backups.archives import restored_only
from seawall.policy.estate.kinds import OBJECT_STORE, SCHEDULED_BACKUP
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Rule, Violation

_OWNER = ("spec", "backupOwnerReference")


def owners(thing: KubeObject) -> Iterator[Violation]:
    """A schedule whose Backup objects belong to nobody."""
    if thing.group_kind != SCHEDULED_BACKUP:
        return
    owner = thing.at(*_OWNER).text()
    if owner in (None, "none"):
        yield Violation(
            "backupOwnerReference is none, as it is when nothing sets it: its Backup objects belong to nobody and stay "
            "in the cluster for ever, after schedule and Cluster are gone",
            "Set backupOwnerReference: self.",
            _OWNER,
        )


def retention(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A store from which nothing is ever deleted."""
    if thing.group_kind != OBJECT_STORE or restored_only(thing, estate):
        return
    if thing.at("spec", "retentionPolicy").text() is None:
        yield Violation(
            "retentionPolicy is missing: every base backup and every WAL file is kept for ever, and paid for",
            "Set spec.retentionPolicy, such as 30d.",
            ("spec", "retentionPolicy"),
        )


RULE = Rule(
    id="CNPG-SW-013",
    risks=(),
    title="Old backups go away",
    score=2,
    why=(
        "By default the Backup objects of a schedule have no owner, and a store deletes nothing. Neither loses data; "
        "after a year there are hundreds of objects that mean nothing, and a bill."
    ),
    mend="Set backupOwnerReference: self (or cluster) and the store's retentionPolicy.",
    kinds=(SCHEDULED_BACKUP, OBJECT_STORE),
    alone=(owners,),
    together=(retention,),
)
