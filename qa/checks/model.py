"""What a check is: one for each test of the register, run the same way in the sandbox and on a real cluster."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from seawall.qa import register
from seawall.qa.evidence.model import Observation
from seawall.qa.register import Need, Service

if TYPE_CHECKING:
    from seawall.qa.checks.context import Context


class Creates(StrEnum):
    """What a check leaves in a cluster while it runs; everything of it is removed, or put back, at the end."""

    NOTHING = "nothing"
    """It only reads."""
    PROBES = "probes"
    """Short-lived pods and what they need. Run with `--probe` only."""
    DISRUPTIVE = "disruptive"
    """It changes what runs: a drain, a pause, a failover. Run with `--disruptive` only, and on a cluster that says of
    itself that it is none of production."""


class UndecidedError(Exception):
    """A check that can come to no verdict: the test was not run. The text says why: `needs kubelet: …`."""


Run = Callable[["Context"], Iterable[Observation]]


@dataclass(frozen=True)
class Check:
    """How one test of the register is run."""

    id: str
    """The test's id in qa/register.yaml."""
    plan: str
    """What it does, in words, for whoever decides whether to run it."""
    run: Run
    """What was observed; at least one thing. Raises `UndecidedError` when there is no verdict to be had."""
    creates: Creates = Creates.NOTHING
    peer: bool = False
    """Whether it also looks at the cluster of the clients."""

    @property
    def needs(self) -> tuple[Need, ...]:
        """What it takes to be honest, from the register."""
        return register.load().tests[self.id].needs

    @property
    def service(self) -> Service:
        """The service that it is about."""
        found = register.service(self.id)
        if found is None:
            raise ValueError(f"{self.id} names no service")
        return found


def seen(what: str, expected: object, found: object, ok: bool, how: str | None = None) -> Observation:
    """An observation; texts are put on one line and cut where they are too long for evidence."""
    return Observation(what=line(what), expected=line(expected), found=line(found), ok=ok, how=how and line(how))


LONGEST = 1024
"""Characters of one text in evidence."""


def line(value: object) -> str:
    """A value as one line of text, of at most `LONGEST` characters and never empty."""
    text = " ".join("".join(char if char.isprintable() else " " for char in str(value)).split()) or "nothing"
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
