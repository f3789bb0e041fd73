"""An archive as our stacks render it: the plugin's command lines for an ObjectStore, run against a real PostgreSQL.

What the plugin does around barman-cloud (choose a base backup, write the settings of the recovery) is done here by a
double of it, in few lines; the commands themselves come from `seawall.operators.barman.commands`.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import unprivileged
from data_tools import Tools
from object_store import ACCESS, ObjectStore
from postgres_server import TRUST, Postgres, script

from seawall.operators.barman import commands

Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class BaseBackup:
    """A base backup, as barman-cloud lists it."""

    id: str
    """Like `20260102T030405`: its folder below `base/`."""
    name: str
    begin_wal: str
    end_wal: str
    begin: datetime | None
    end: datetime | None
    """Both None for one that failed."""
    status: str
    """`DONE`, `FAILED` or `STARTED`."""


class Archive:
    """The archive of one server in one store, with the options of an ObjectStore manifest."""

    def __init__(self, manifest: Manifest, store: ObjectStore, server: str, tools: Tools, home: Path) -> None:
        """`server` is the name in the archive; `home` a folder for its scripts, of the unprivileged user."""
        self.manifest = manifest
        self.store = store
        self.server = server
        self.home = unprivileged.own(home)
        self._tools = tools
        self._backups = 0

    @property
    def prefix(self) -> str:
        """Where it is in the bucket: `<folder>/<server>/`, below which are `base/` and `wals/`."""
        destination = str(self.manifest["spec"]["configuration"]["destinationPath"])
        return f"{destination.removeprefix(f's3://{self.store.bucket}').strip('/')}/{self.server}/"

    def environment(self) -> dict[str, str]:
        """The environment of every command: as the plugin makes it, and the address of our store instead of AWS's."""
        made = commands.environment(self.manifest, lambda _secret, key: dict(_SECRETS)[key])
        if "AWS_CA_BUNDLE" in made:  # the path is one in the sidecar
            made["AWS_CA_BUNDLE"] = str(self.store.authority)
        endpoint = self.manifest["spec"]["configuration"].get("endpointURL")
        return {**({} if endpoint else self.store.environment()), "AWS_EC2_METADATA_DISABLED": "true", **made}

    def run(self, command: commands.Command, more: Mapping[str, str] | None = None, *, check: bool = True) -> str:
        """Run a barman-cloud command as the unprivileged user; what it printed."""
        program = self._tools.barman.path(command[0])
        environment = {**self.environment(), **(more or {}), "TMPDIR": str(self.home)}
        return unprivileged.run([program, *command[1:]], env=environment, check=check).stdout

    def settings(self) -> dict[str, str]:
        """The settings by which a server archives here, as the operator's: a file at the latest after 5 minutes."""
        # The file comes last on the plugin's command line, as it does on a script's.
        *options, _ = commands.wal_archive(self.manifest, self.server, "%p")
        path = script(self.home / "archive.sh", self._absolute(options), self.environment())
        return {
            "archive_mode": "on",
            "archive_command": f"{path} %p",
            "archive_timeout": "5min",
            "wal_level": "logical",
            "full_page_writes": "on",
        }

    def recovery_settings(self, *, target_time: datetime | None = None) -> dict[str, str]:
        """The settings of a recovery from here: to the end of the archive, or up to a time."""
        *options, _, _ = commands.wal_restore(self.manifest, self.server, "%f", "%p")
        path = script(self.home / "restore.sh", self._absolute(options), self.environment())
        made = {
            "restore_command": f"{path} %f %p",
            "recovery_target_action": "promote",
            "archive_mode": "off",  # a restored server that archived here would break its source's archive
        }
        if target_time is not None:
            made["recovery_target_time"] = target_time.astimezone(UTC).isoformat(sep=" ")
        return made

    def check_empty(self) -> None:
        """What the plugin runs before the first WAL file. Raises `AssertionError` when the archive is not empty."""
        self.run(commands.check_wal_archive(self.manifest, self.server))

    def backup(self, postgres: Postgres, name: str | None = None) -> BaseBackup:
        """Make a base backup of a running server, and return it as listed. Raises `AssertionError` when it fails."""
        self._backups += 1
        called = name or f"backup-{datetime.now(UTC):%Y%m%d%H%M%S}-{self._backups}"
        try:
            self.run(commands.backup(self.manifest, self.server, called), postgres.environment)
        except AssertionError as error:
            raise AssertionError(f"{error}\nPostgreSQL: {postgres.log_tail()}") from None
        (made,) = (it for it in self.backups() if it.name == called)
        return made

    def backups(self) -> list[BaseBackup]:
        """Every base backup, oldest first."""
        listed = json.loads(self.run(commands.backup_list(self.manifest, self.server)))["backups_list"]
        return sorted(map(_backup, listed), key=lambda it: it.id)

    def restore(
        self, into: Path, *, backup: BaseBackup | None = None, target_time: datetime | None = None
    ) -> BaseBackup:
        """Fetch a base backup into the data directory of `into`, which must not exist yet; the one that was chosen.

        Without one: the newest that is DONE, of those that ended before `target_time`.
        """
        done = [
            it
            for it in self.backups()
            if it.status == "DONE" and it.end is not None and (target_time is None or it.end <= target_time)
        ]
        assert backup is not None or done, f"no base backup of {self.server} to restore from"
        chosen = backup or done[-1]
        into.mkdir(exist_ok=True)
        (into / "data").mkdir(mode=0o700)
        unprivileged.own(into)
        self.run(commands.restore(self.manifest, self.server, chosen.id, str(into / "data")))
        return chosen

    def recover(
        self,
        into: Path,
        *,
        backup: BaseBackup | None = None,
        target_time: datetime | None = None,
        settings: Mapping[str, str] | None = None,
        hba: tuple[str, ...] = TRUST,
    ) -> "Recovery":
        """Restore into `into`, start a server there and wait until its recovery has ended and it takes writes.

        The server does not archive. Raises `AssertionError` with the log when it does not come up.
        """
        begun = time.monotonic()
        chosen = self.restore(into, backup=backup, target_time=target_time)
        fetched = time.monotonic()
        (into / "data" / "recovery.signal").touch()
        given = {**(settings or {}), **self.recovery_settings(target_time=target_time)}
        server = Postgres.adopt(into, self._tools, given, hba=hba)
        server.start(wait=False)
        server.wait(primary=True)
        return Recovery(server, chosen, fetched - begun, time.monotonic() - begun)

    def objects(self) -> dict[str, int]:
        """Every object of this archive, with its size in bytes."""
        return self.store.objects(self.prefix)

    def _absolute(self, command: commands.Command | list[str]) -> list[str]:
        program, *rest = command
        return [str(self._tools.barman.path(program)), *rest]


@dataclass(frozen=True)
class Recovery:
    """A server that was restored."""

    server: Postgres
    backup: BaseBackup
    fetched_seconds: float
    """Until the base backup was there."""
    seconds: float
    """Until the server took writes: the time to recover (RTO) of what PostgreSQL and barman do."""


_SECRETS = (("ACCESS_KEY_ID", ACCESS[0]), ("SECRET_ACCESS_KEY", ACCESS[1]))


def _backup(listed: Mapping[str, Any]) -> BaseBackup:
    return BaseBackup(
        id=listed["backup_id"],
        name=listed.get("backup_name") or "",
        begin_wal=listed["begin_wal"] or "",
        end_wal=listed["end_wal"] or "",
        begin=_time(listed["begin_time_iso"] if "begin_time_iso" in listed else listed["begin_time"]),
        end=_time(listed["end_time_iso"] if "end_time_iso" in listed else listed["end_time"]),
        status=listed["status"],
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None
