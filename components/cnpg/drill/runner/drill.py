"""One drill from its begin to its end: what is there is looked at, a Cluster is restored, asked, and removed."""

import re
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from .api import CONFIG_MAP, Api, ApiError
from .archive import Archive
from .checks import answers, ask, by_database, readable
from .database import DatabaseError, Server, Session
from .failures import DrillError, Failure
from .plan import Plan
from .reasons import Observer
from .recovery import Recovery, guarded
from .report import Report
from .stop import Interrupted, Stop
from .wal import newest_replayed

MOST_REFUSALS = 150
"""So often in a row a PostgreSQL that is up may refuse the role: the operator makes the role after the start."""
_MISSING = re.compile(r'database "[^"]*" does not exist')
_DAMAGED = re.compile(r"is not a valid data directory|could not (?:open|read|access) |invalid page in block")
"""What PostgreSQL says to somebody who signs in when files are missing or damaged; it does not pass."""


class Drill:
    """One run. `run` never raises for what can go wrong; the report says it."""

    def __init__(self, plan: Plan, api: Api, archive: Archive, recovery: Recovery, stop: Stop) -> None:
        self._plan, self._api, self._archive, self._recovery, self._stop = plan, api, archive, recovery, stop
        self._observer = Observer(api, plan.name)
        self._deadline = time.monotonic() + plan.timeout
        self.report = Report(plan)

    def run(self) -> Report:
        """Does everything, and removes in any case what it has made."""
        report = self.report
        try:
            with self._stop.heeded():
                self._work()
        except DrillError as error:
            report.error = error
        except Interrupted:
            report.error = DrillError(Failure.INTERRUPTED, "told to stop: its node is drained, or it took too long")
        except Exception as error:  # a mistake of ours must not leave a cluster behind
            traceback.print_exc()
            report.error = DrillError(Failure.INTERNAL, f"{type(error).__name__}: {error}")
        report.requests = dict(self._archive.requests)
        report.last_commit = self._observer.last_commit
        with self._phase("cleanup"):
            report.left = self._clean_up()
        return report

    def _work(self) -> None:
        with self._phase("make_room"):
            room = min(self._deadline, time.monotonic() + self._plan.cleanup)
            self.report.removed_before = guarded(lambda: self._recovery.make_room(room))
        with self._phase("preflight"):
            self._preflight()
        backup = self.report.backup
        if backup is None:
            raise AssertionError("the preflight names a backup or ends the drill")
        _say(f"restoring {self._plan.source} from {backup.identifier}")
        with self._phase("restore"):
            self.report.created = time.monotonic()
            self._recovery.create(backup)
            server = self._come_up()
        with self._phase("checks"):
            self._ask(server)

    def _preflight(self) -> None:
        report, target = self.report, self._plan.target
        report.backup = self._archive.newest_backup(target)
        report.newest_wal = self._archive.newest_wal(report.backup.segment_bytes)
        if target is not None and target > report.newest_wal.archived:
            raise DrillError(
                Failure.NO_BACKUP,
                f"the target {target:%Y-%m-%dT%H:%M:%SZ} is after the newest WAL, which was archived "
                f"{report.newest_wal.archived:%Y-%m-%dT%H:%M:%SZ}",
            )

    def _come_up(self) -> Server:
        """Waits until the restored PostgreSQL lets the drill's role in everywhere; it is the proof, no status is."""
        server: Server | None = None
        last = "the operator has not made its Secrets"
        refusals = 0
        while True:
            cluster = guarded(self._recovery.get)
            if cluster is None:
                raise DrillError(Failure.RESTORE, "the recovery Cluster is gone: somebody else deleted it")
            failure = guarded(partial(self._observer.failure, cluster))
            if failure is not None:
                raise DrillError(Failure.RESTORE, failure)
            server = server or self._server()
            if server is not None:
                try:
                    self._first_look(server)
                    return server
                except DatabaseError as error:
                    last = str(error)
                    refusals = refusals + 1 if _refuses(last) else 0
                    if _MISSING.search(last):
                        raise DrillError(Failure.ASSERTION, f"what came back lacks a database: {last}") from None
                    if _DAMAGED.search(last):
                        raise DrillError(Failure.RESTORE, f"what came back is damaged: {last}") from None
            late = time.monotonic() + self._recovery.pause >= self._deadline
            if late or refusals >= MOST_REFUSALS:
                reason = f"{self._observer.reason(cluster)}; PostgreSQL: {last}"
                raise DrillError(Failure.SIGN_IN if refusals else Failure.TIMEOUT, reason)
            time.sleep(self._recovery.pause)

    def _server(self) -> Server | None:
        found = guarded(self._recovery.credentials)
        if found is None:
            return None
        password, authority = found
        file = Path(tempfile.gettempdir()) / "drill-ca.crt"
        file.write_text(authority, encoding="utf-8")
        return Server(f"{self._plan.name}-rw.{self._api.namespace}.svc", self._plan.role, password, file)

    def _first_look(self, server: Server) -> None:
        """Every database lets the role in, with the first answer as the end of the RTO."""
        report, found = self.report, []
        for database in self._plan.databases:
            with server.session(database, self._deadline) as session:
                found.append(answers(session, database))
                if report.answered is None:
                    report.answered = time.monotonic()
                    _say("PostgreSQL answers")
                if report.whole is None and report.timeline is None:
                    self._look_back(session)
        report.answers = found

    def _look_back(self, session: Session) -> None:
        """How far the recovery came: whose data it is, and whether the newest WAL of the archive is in it."""
        report = self.report
        [(version, system)] = session.rows(
            "SELECT current_setting('server_version'), system_identifier::text FROM pg_catalog.pg_control_system()"
        )
        report.server = version
        backup, wal = report.backup, report.newest_wal
        if backup is None or wal is None:
            return
        if backup.system is not None and backup.system != system:
            raise DrillError(Failure.INCOMPLETE, f"PostgreSQL came back as system {system}, not as {backup.system}")
        names = [name for (name,) in session.rows("SELECT name FROM pg_catalog.pg_ls_waldir()")]
        end = newest_replayed(names, wal.segment.timeline, backup.segment_bytes)
        if self._plan.target is not None:
            report.timeline = end.timeline if end else None
            return
        if end is None:
            raise DrillError(
                Failure.INCOMPLETE,
                f"the restore did not follow the archive to its newest timeline {wal.segment.timeline}: a timeline "
                "history is missing",
            )
        report.timeline, report.whole = end.timeline, end.number >= wal.segment.number
        if not report.whole:
            raise DrillError(
                Failure.INCOMPLETE,
                f"the restore ended in segment {end.name(backup.segment_bytes)[8:]}, and the archive goes on to "
                f"{wal.name[8:]}: WAL between them is missing or damaged",
            )

    def _ask(self, server: Server) -> None:
        report, point = self.report, self._plan.target or self._plan.started
        for database, checks in by_database(self._plan.checks):
            try:
                with server.session(database, self._deadline) as session:
                    report.answers.append(readable(session, database))
                    report.answers += [ask(session, check, point) for check in checks]
            except DatabaseError as error:
                raise DrillError(Failure.SIGN_IN, f"database {database}: {error}") from None
        wrong = [f"{it.database}/{it.name}: {it.message}" for it in report.answers if not it.ok]
        if time.monotonic() >= self._deadline:
            raise DrillError(Failure.TIMEOUT, f"the checks took longer than the drill's timeout; {'; '.join(wrong)}")
        if wrong:
            raise DrillError(Failure.ASSERTION, "; ".join(wrong))

    def _clean_up(self) -> list[str]:
        if self.report.created is None:
            return []
        _say("removing the recovery Cluster")
        try:
            return self._recovery.remove(self._stop.until(time.monotonic() + self._plan.cleanup, self._plan.grace))
        except Exception as error:
            traceback.print_exc()
            return [f"unknown: {type(error).__name__}: {error}"]

    def keep(self, text: str) -> None:
        """Keeps the report in its ConfigMap: the last one, and the last good one."""
        entries = {"last.json": text, **({"last-good.json": text} if self.report.exit_code == 0 else {})}
        try:
            self._api.merge(CONFIG_MAP, self._plan.report, {"data": entries})
        except ApiError as error:
            _say(f"the report is not kept in the ConfigMap {self._plan.report}: {error}")

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            self.report.seconds[name] = time.monotonic() - begun


def _refuses(message: str) -> bool:
    """Whether a PostgreSQL that is up lets nobody in: not one that starts, stops or still recovers."""
    passing = ("starting up", "shutting down", "recovery", "not accepting")
    return "FATAL" in message and not any(word in message for word in passing)


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def _say(message: str) -> None:
    """Progress for a person, beside the report, which is alone on stdout."""
    print(f"{now():%H:%M:%S} {message}", file=sys.stderr, flush=True)
