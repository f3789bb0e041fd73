"""What holds for every CronJob about backups, whether it validates or restores: hardened, on time, and ending."""

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache

from seawall.operators.cnpg.schedule import ScheduleError
from seawall.policy.checks.backup_window import LATEST, backup_cadence, job_cadence, shortest_wait, span, today
from seawall.policy.checks.hardening import RESTRICTED, Judge, images, in_workload, writable_root
from seawall.policy.estate.backups.archives import schedules_of
from seawall.policy.estate.backups.backup_jobs import BackupJob, Purpose, Text, backup_job
from seawall.policy.estate.kinds import CRON_JOB
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Together, Violation

_INSTALLS = re.compile(
    r"\b(?:apt|apt-get)\s+(?:-\S+\s+)*install\b|\bapk\s+(?:-\S+\s+)*add\b|\b(?:yum|dnf|microdnf)\s+(?:-\S+\s+)*install\b"
    r"|\bpip3?\s+(?:-\S+\s+)*install\b|\bnpm\s+(?:install|i)\b|\bgem\s+install\b"
    r"|\b(?:curl|wget)\b[^\n|;]*\|\s*(?:sudo\s+)?(?:ba|da|z)?sh\b"
)


def job_of(thing: KubeObject, estate: Estate, purpose: Purpose) -> BackupJob | None:
    """The job, when this CronJob is one for that purpose. Raises `CannotEvaluateError` when that cannot be told."""
    job = backup_job(thing, estate) if thing.group_kind == CRON_JOB else None
    return job if job is not None and job.purpose is purpose else None


def common(purpose: Purpose, *, rarely: timedelta) -> tuple[Together, ...]:
    """The checks for jobs of one purpose; `rarely` is the longest time that may pass between two runs."""

    def installs(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
        """Packages that are installed while it runs: from wherever, whatever they hold that day."""
        job = job_of(thing, estate, purpose)
        yield from _installs(job) if job is not None else ()

    def fires(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
        """A schedule that is refused, suspended, too rare, or that means another hour elsewhere."""
        if job_of(thing, estate, purpose) is not None:
            yield from _fires(thing, rarely, purpose)

    def window(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
        """A run before the backup that it is to see, or beside it."""
        job = job_of(thing, estate, purpose)
        yield from _window(job, estate) if job is not None else ()

    def ends(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
        """A run that hangs: it is never ended, and the next ones wait for it or pile up beside it."""
        if job_of(thing, estate, purpose) is not None:
            yield from _ends(thing, estate)

    hardened = (_hardened(judge, purpose) for judge in (*RESTRICTED, writable_root, images))
    return (*hardened, installs, fires, window, ends)


def _hardened(judge: Judge, purpose: Purpose) -> Together:
    def check(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
        if job_of(thing, estate, purpose) is not None:
            for pods in estate.pods_of(thing):
                for path, message, mend in judge(pods):
                    yield Violation(message, mend, in_workload(pods, path))

    check.__doc__ = judge.__doc__
    return check


def _installs(job: BackupJob) -> Iterator[Violation]:
    for it in job.all_texts():
        command = _installing(it.text)
        if command is not None:
            yield Violation(
                f"it installs software each time it runs ({command}): it needs root, a writable file system "
                "and the internet, and runs what is there that day, beside the keys to the backups",
                "Use an image that has what it needs, such as that of the barman sidecar, pinned.",
                it.path,
                about=elsewhere(it, job),
            )


def _fires(thing: KubeObject, rarely: timedelta, purpose: Purpose) -> Iterator[Violation]:
    done = "validated" if purpose is Purpose.VALIDATES else "restored"
    path = ("spec", "schedule")
    if thing.at("spec", "suspend").boolean(default=False):
        yield Violation(f"spec.suspend is true: nothing is {done}", "Remove spec.suspend.", ("spec", "suspend"))
    written = thing.at(*path).text()
    try:
        cadence, _ = job_cadence(thing)
    except ScheduleError as refusal:
        thing.at(*path).settled()
        yield Violation(
            f'the API server refuses "{written}": {refusal}',
            'Give five fields, minute first ("0 3 * * *" is every day at 03:00), and spec.timeZone: Etc/UTC.',
            path,
        )
        return
    if thing.at("spec", "timeZone").text() is None:
        yield Violation(
            f'"{written}" fires {cadence.text} in the time zone of the controller manager, wherever that is; backups '
            "are scheduled in UTC",
            "Set spec.timeZone: Etc/UTC.",
            ("spec", "timeZone"),
        )
    longest = cadence.longest_gap(today())
    if longest is None or longest > rarely:
        gap = f"up to {span(longest)}" if longest is not None else "5 years"
        yield Violation(
            f'"{written}" fires {cadence.text}: {gap} pass in which nothing is {done}',
            f"Let it run at least every {span(rarely - timedelta(days=1))}.",
            path,
        )


def _window(job: BackupJob, estate: Estate) -> Iterator[Violation]:
    try:
        cadence, where = job_cadence(job.thing)
    except ScheduleError:
        return
    for cluster in job.clusters:
        for backup in schedules_of(cluster, estate):
            made = backup_cadence(backup)
            wait = shortest_wait(made, cadence, where, today()) if made is not None else None
            if made is not None and wait is not None and wait > LATEST:
                yield Violation(
                    f"it runs {cadence.text} ({where}), and {backup.title} begins {made.text} (UTC): each run sees a "
                    f"backup that began {span(wait)} before or earlier, so long a failed one stays unnoticed",
                    "Let it run an hour or two after the backup begins.",
                    ("spec", "schedule"),
                    facts={"job": cadence.text, "backup": made.text, "wait": span(wait)},
                )


def _ends(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    policy = thing.at("spec", "concurrencyPolicy").text()
    path = ("spec", "jobTemplate", "spec", "activeDeadlineSeconds")
    ended = all(pods.spec.at("activeDeadlineSeconds").present for pods in estate.pods_of(thing))
    if policy != "Replace" and thing.at(*path).integer() is None and not ended:
        then = "keeps every later one from starting" if policy == "Forbid" else "is joined by the next ones"
        yield Violation(
            "activeDeadlineSeconds is missing: a run that waits for a store that does not answer never ends, and "
            f"{then}",
            "Set spec.jobTemplate.spec.activeDeadlineSeconds, such as 600.",
            path,
        )


@lru_cache(maxsize=4096)
def _installing(text: str) -> str | None:
    """The words of the first command that installs something, never its arguments. One script is read once."""
    found = _INSTALLS.search(text)
    return _command(found[0]) if found is not None else None


def _command(text: str) -> str:
    return " ".join(text.split()[:2]) if "|" not in text else f"{text.split()[0]} … | sh"


def elsewhere(it: Text, job: BackupJob) -> KubeObject | None:
    """The object to blame for a text when it is not the job itself."""
    return it.thing if it.thing is not job.thing else None
