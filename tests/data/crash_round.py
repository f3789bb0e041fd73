"""One round: random load, base backups, `kill -9` at a random moment, perhaps a new start and another kill, restore."""

import gzip
import random
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import rendered
from barman_archive import Archive, BaseBackup, Recovery
from data_tools import Tools
from object_store import ObjectStore
from postgres_server import Postgres
from random_load import RandomLoad, Verdict
from rendered_validator import Ran, validate

SEGMENT = 16 << 20
"""Bytes of a WAL file."""
UNDER_LOAD, IN_A_BACKUP, WITH_ITS_BACKUP, ARCHIVING, NOT_ITS_ARCHIVING = KILLS = (
    "under load",
    "in a base backup",
    "in a base backup, with the program that makes it",
    "while archiving, with the program that does",
    "while archiving, which goes on",
)
"""When PostgreSQL is killed. In a pod the sidecar is a container of its own: what it does may outlive the server."""


@dataclass(frozen=True)
class Plan:
    """What a round's random numbers say."""

    seed: int
    clients: int
    before: float
    """Seconds of load until the first base backup."""
    after: float
    """And from its end to the kill."""
    again: bool
    """Whether a second base backup is made before the last kill."""
    kills: tuple[str, ...]
    """One for each kill, of `KILLS`: with two of them the server is started again after the first, and goes on."""
    settings: dict[str, str]
    pause: float = 0.5
    """Seconds at most between two transactions of a client."""

    @classmethod
    def of(cls, seed: int) -> "Plan":
        """The plan of a seed. Of rounds in a row each has another kind of kill last, and every second a new start."""
        numbers = random.Random(seed)
        last = KILLS[seed % len(KILLS)]
        first = (KILLS[numbers.randrange(len(KILLS))],) if seed % 2 else ()
        return cls(
            seed=seed,
            clients=numbers.randint(2, 6),
            before=numbers.uniform(0.3, 3.0),
            after=numbers.uniform(0.5, 3.0),
            again=numbers.random() < 0.4,
            kills=(*first, last),
            settings={
                "wal_compression": numbers.choice(("on", "off")),
                "max_wal_size": numbers.choice(("48MB", "256MB")),
                "checkpoint_timeout": "30s",
                "shared_buffers": numbers.choice(("4MB", "32MB")),
            },
        )


def number_of(wal: str) -> int:
    """Which WAL file of a server it is, by its name; the first 8 digits are the timeline."""
    return int(wal[8:16], 16) * ((1 << 32) // SEGMENT) + int(wal[16:24], 16)


def name_of(number: int) -> str:
    """The name of a WAL file on the first timeline."""
    return "00000001{:08X}{:08X}".format(*divmod(number, (1 << 32) // SEGMENT))


@dataclass
class Archived:
    """What is in the archive, from its list alone."""

    finished: list[BaseBackup]
    attempts: set[str]
    """Ids of base backups of which there is anything at all."""
    segments: set[int]
    """Numbers of the WAL segments."""

    @property
    def reach(self) -> int:
        """The number of the last segment before the first one that is missing, from the newest backup's first on."""
        number = number_of(self.finished[-1].begin_wal)
        while number in self.segments:
            number += 1
        return number - 1

    @property
    def end(self) -> int:
        """The position in the WAL up to which it is archived."""
        return (self.reach + 1) * SEGMENT


@dataclass
class Round:
    """One server, its archive and its end."""

    plan: Plan
    tools: Tools
    store: ObjectStore
    workplace: Callable[[str], Path]
    found: list[str] = field(default_factory=list)
    """What was really under way at each kill."""
    resumed: Verdict | None = None
    """What the server itself held after its new start; None when there was none."""

    def __post_init__(self) -> None:
        self.args = rendered.cluster(self.store)
        self.server = f"round-{self.plan.seed}"
        manifest = rendered.object_store(self.store)
        self.archive = Archive(manifest, self.store, self.server, self.tools, self.workplace("archive"))
        self.source = Postgres.create(
            self.workplace("source"), self.tools, {**self.plan.settings, **self.archive.settings()}
        )
        self.load = RandomLoad(
            self.source.connect, seed=self.plan.seed, clients=self.plan.clients, pause=self.plan.pause
        )
        self._random = random.Random(self.plan.seed + 1_000_000)

    def live_and_die(self) -> None:
        """Everything up to the last kill. Raises `AssertionError` when the first base backup fails."""
        self.source.start()
        self.load.prepare()
        self.load.start()
        time.sleep(self.plan.before)
        self.archive.backup(self.source)
        time.sleep(self.plan.after)
        *earlier, last = self.plan.kills
        for kill in earlier:
            self.kill(kill)
            self.resume()
            time.sleep(self.plan.after)
        if self.plan.again:
            self.archive.backup(self.source)
        self.kill(last)

    def kill(self, kind: str) -> None:
        """Ends PostgreSQL with SIGKILL, and waits for what outlives it."""
        backup = self._backup_under_way() if kind in (IN_A_BACKUP, WITH_ITS_BACKUP) else None
        if kind in (ARCHIVING, NOT_ITS_ARCHIVING):
            self._wait_for_archiving()
        self.found.append(self._under_way(backup))
        if kind == WITH_ITS_BACKUP:
            kill_backups()
        _, going_on = psutil.wait_procs(self.source.kill(alone=kind == NOT_ITS_ARCHIVING), 60)
        assert not going_on, "archiving does not end"
        self.load.stop()
        if backup is not None:
            backup.join()

    def _backup_under_way(self) -> threading.Thread:
        """A base backup that has begun, and a random moment later."""

        def attempt() -> None:
            with suppress(AssertionError):  # what a killed server does to it; the archive tells what came of it
                self.archive.backup(self.source)

        thread = threading.Thread(target=attempt, daemon=True)
        thread.start()
        begun = "select count(*) from pg_stat_activity where application_name like 'barman%'"
        end = time.monotonic() + 60
        while thread.is_alive() and self.source.sql(begun) == [(0,)]:
            assert time.monotonic() < end, "the base backup does not begin"
            time.sleep(0.02)
        time.sleep(self._random.uniform(0.0, 1.0))
        return thread

    def _wait_for_archiving(self) -> None:
        """Until `archive_command` runs, and a random moment later."""
        self.source.sql("select pg_switch_wal()")
        end = time.monotonic() + 60
        while not self._archiving():
            assert time.monotonic() < end, "nothing is archived"
            time.sleep(0.02)
        time.sleep(self._random.uniform(0.0, 0.6))

    def _archiving(self) -> bool:
        """Whether something runs that the server started and that is no part of it: `archive_command`."""
        for process in psutil.Process(self.source.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if process.name() != "postgres":
                    return True
        return False

    def _under_way(self, backup: threading.Thread | None) -> str:
        under_way = ["a base backup"] if backup is not None and backup.is_alive() else []
        under_way += ["archiving"] if self._archiving() else []
        return " and ".join(under_way) or "load alone"

    def resume(self) -> None:
        """Starts the server again on its own data: nothing that it acknowledged may be lost, and it goes on."""
        self.source.start()
        with self.source.connect() as connection:
            self.load.settle(connection)
            self.resumed = self.load.verify(connection)
        self.load.start()

    def archived(self) -> Archived:
        """What is in the archive now."""
        keys = [key.removeprefix(self.archive.prefix) for key in self.archive.objects()]
        wal = [re.fullmatch(r"wals/[0-9A-F]{16}/([0-9A-F]{24})\.gz", key) for key in keys]
        return Archived(
            finished=[it for it in self.archive.backups() if it.status == "DONE"],
            attempts={key.split("/")[1] for key in keys if key.startswith("base/")},
            segments={number_of(it[1]) for it in wal if it is not None},
        )

    def wrongly_acknowledged(self, archived: Archived) -> list[str]:
        """WAL that PostgreSQL holds for archived and that is not there, or not as it is on its disk."""
        wal = self.source.data / "pg_wal"
        wrong = []
        for done in sorted((wal / "archive_status").glob("*.done")):
            if not re.fullmatch(r"[0-9A-F]{24}", done.stem):
                continue
            if number_of(done.stem) not in archived.segments:
                wrong.append(f"{done.stem} is not in the archive")
            elif (wal / done.stem).is_file():
                key = f"{self.archive.prefix}wals/{done.stem[:16]}/{done.stem}.gz"
                body = self.store.client().get_object(Bucket=self.store.bucket, Key=key)["Body"].read()
                if gzip.decompress(body) != (wal / done.stem).read_bytes():
                    wrong.append(f"{done.stem} is another one in the archive")
        return wrong

    def validated(self) -> Ran:
        """What the rendered validator says of the archive, with every page of the base backup and some WAL read."""
        place, given = self.workplace("validator"), {**self.archive.environment(), "PAGE_PERCENT": "100"}
        return validate(self.args, place, given, "--deep", "--sample", "5", server=self.server)

    def restored(self) -> Recovery:
        """A new server from the archive, at its end."""
        return self.archive.recover(self.workplace("restored"))


def kill_backups() -> None:
    """Kills every base backup that one of our threads makes."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if any(Path(it).name == "barman-cloud-backup" for it in process.cmdline()):
                process.kill()
