"""Damage to what base backups say of themselves, and what is expected of everybody; see `damages`."""

from datetime import UTC, datetime, timedelta

from damage_scene import DEFAULT, WHOLE, Damage, Scene

from seawall.components.cnpg.validator.classes import Failure


def _only_old(scene: Scene) -> None:
    """Both base backups ended two days ago, by their backup.info."""
    for key in (scene.base("backup.info"), f"{scene.place}base/{scene.past.older.id}/backup.info"):
        lines = scene.copied.body(key).decode().splitlines()
        times = {"begin_time": 2882, "end_time": 2881}
        made = [
            f"{name}={datetime.now(UTC) - timedelta(minutes=times[name])}" if name in times else line
            for line in lines
            for name in [line.partition("=")[0]]
        ]
        scene.copied.put(key, "\n".join([*made, ""]).encode())


INFO = (
    Damage(
        "backup.info is missing",
        lambda s: s.copied.remove(s.base("backup.info")),
        DEFAULT,
        {"backup-finished": "has its data and no backup.info"},
        Failure.BACKUP_MISSING,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "backup.info is no text",
        lambda s: s.copied.change(s.base("backup.info"), lambda _: bytes(range(200, 256))),
        DEFAULT,
        {"backup-info": "it is no text"},
        Failure.BACKUP_DAMAGED,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "backup.info is cut off",
        lambda s: s.copied.change(s.base("backup.info"), lambda body: body[:300]),
        DEFAULT,
        {"backup-info": "is no name=value"},
        Failure.BACKUP_DAMAGED,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "backup.info is empty",
        lambda s: s.copied.change(s.base("backup.info"), lambda _: b""),
        DEFAULT,
        {"backup-info": "it has no status"},
        Failure.BACKUP_DAMAGED,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "backup.info names another begin than the backup has",
        lambda s: s.info("begin_wal", "000000010000000000000004"),
        DEFAULT,
        {"backup-info": "does not hold"},
        Failure.BACKUP_DAMAGED,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "backup.info names another position of the begin than backup_label",
        lambda s: s.info("begin_xlog", f"0/{int(s.past.newest.begin_wal[16:], 16):X}{s.begin + 8:06X}"),
        DEFAULT,
        {"backup-info": "backup_label starts at"},
        Failure.BACKUP_DAMAGED,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "the newest base backup failed",
        lambda s: s.attempt("FAILED", timedelta(minutes=5)),
        DEFAULT,
        {"backup-finished": "failed"},
        Failure.BACKUP_MISSING,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "the newest base backup was begun and never finished",
        lambda s: s.attempt("STARTED", timedelta(hours=7)),
        DEFAULT,
        {"backup-finished": "it was given up"},
        Failure.BACKUP_MISSING,
        True,
        WHOLE,
        None,
    ),
    Damage(
        "the base backup is too old",
        _only_old,
        DEFAULT,
        {"backup-age": "ended 48 h"},
        Failure.BACKUP_MISSING,
        True,
        WHOLE,
        None,
    ),
)
