"""Ages, and what they may be: a moment that is later than now says that clocks disagree, and no age can be told."""

from datetime import datetime, timedelta

from seawall.operators.cnpg.schedule import ScheduleError
from seawall.operators.cron_jobs import decode_five
from seawall.qa.oncall.remarks import Remark, unseen
from seawall.qa.oncall.things import Thing, clock, span

MOST_SKEW = timedelta(minutes=5)
"""By how much clocks may differ: the validator's own default."""
_SLACK = timedelta(hours=1)
"""For a run itself, as the alert CnpgBackupNotValidated has it."""


def ago(when: datetime, now: datetime) -> str:
    """How long ago a moment was, with the moment: `5 h ago (2026-03-01 04:00 UTC)`."""
    return f"{span(now - when)} ago ({clock(when)})"


def from_the_future(what: str, when: datetime | None, now: datetime) -> Remark | None:
    """A remark when a moment lies ahead of now."""
    if when is None or when <= now + MOST_SKEW:
        return None
    return unseen(f"{what} is {span(when - now)} in the future ({clock(when)}): clocks disagree, no age can be told")


def cadence(cron: Thing, now: datetime) -> timedelta | None:
    """The longest time between two runs of a CronJob, with an hour for the run; None where that cannot be said."""
    try:
        gap = decode_five(cron.text("spec", "schedule")).longest_gap(now)
    except ScheduleError:
        return None
    return gap + _SLACK if gap is not None else None
