"""What the checks of one run found."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from .classes import BY_NAME, CHECKS, Check, Failure, Status, gravest, mend

SHOWN = 5
"""How many names a message lists; the rest is counted."""
_LENGTH = 1500
"""Characters of one problem: a key has at most 1,024 bytes (S3's limit)."""


@dataclass
class Names:
    """The first of any number of names: what is wrong with an archive may be wrong with every object of it."""

    first: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, name: str) -> None:
        """Counts a name, and keeps it when it is one of the first."""
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append(name)

    def __add__(self, other: "Names") -> "Names":
        """These and then the others."""
        return Names([*self.first, *other.first][:SHOWN], self.count + other.count)

    def told(self, between: str = ", ", where: Callable[[str], str] = str) -> str:
        """The first of them, each as `where` says it, and how many there are more."""
        more = self.count - len(self.first)
        return between.join(map(where, self.first)) + (f"{between}and {more} more" if more else "")


@dataclass(frozen=True)
class Result:
    """The outcome of one check, in a sentence."""

    check: str
    status: Status
    message: str
    failure: Failure | None = None
    """Its class, only when it failed."""

    def document(self) -> dict[str, str]:
        """As the report has it."""
        made = {"check": self.check, "status": str(self.status), "message": self.message}
        if self.failure is not None:
            made |= {"class": self.failure.label, "do": mend(self.failure)}
        return made


@dataclass
class Findings:
    """Results by check; a check may fail several times and is then told in one message."""

    counts: Counter[str] = field(default_factory=Counter)
    """What was counted on the way, by name."""
    _failed: dict[str, tuple[Names, set[Failure]]] = field(default_factory=dict)
    _passed: dict[str, list[str]] = field(default_factory=dict)
    _skipped: dict[str, str] = field(default_factory=dict)

    def passed(self, check: str, message: str) -> None:
        """Says that a check passed, and by what."""
        self._passed.setdefault(_known(check).name, []).append(message)

    def failed(self, check: str, message: str, failure: Failure | None = None) -> None:
        """Says that a check failed; `failure` where its class is not the check's own."""
        problems, classes = self._failed.setdefault(check, (Names(), set()))
        problems.add(message if len(message) <= _LENGTH else f"{message[:_LENGTH]}…")
        classes.add(failure or _known(check).failure)

    def skipped(self, check: str, why: str) -> None:
        """Says why a check could not be made; what it found so far stays."""
        self._skipped.setdefault(_known(check).name, why)

    def judged(self, check: str, problems: Iterable[str], message: str) -> None:
        """Says that a check failed with these problems, or passed with this message when there are none."""
        told = False
        for problem in problems:
            told = True
            self.failed(check, problem)
        if not told:
            self.passed(check, message)

    def results(self) -> list[Result]:
        """Every check of the table, in its order. One that nobody reached was not made."""
        return [self._result(check) for check in CHECKS]

    def failures(self) -> set[Failure]:
        """The classes of all that failed."""
        return {failure for _, classes in self._failed.values() for failure in classes}

    def _result(self, check: Check) -> Result:
        name = check.name
        if name in self._failed:
            problems, classes = self._failed[name]
            return Result(name, Status.FAILED, problems.told("; "), gravest(classes))
        if name in self._skipped:
            done = f"; before that: {listed(self._passed[name], '; ')}" if name in self._passed else ""
            return Result(name, Status.NOT_CHECKED, self._skipped[name] + done)
        if name in self._passed:
            return Result(name, Status.OK, listed(self._passed[name], "; "))
        return Result(name, Status.NOT_CHECKED, "an earlier failure left nothing to check")


def _known(check: str) -> Check:
    return BY_NAME[check]


def listed(names: Sequence[str], between: str = ", ") -> str:
    """The first of many names, and how many there are more."""
    return Names(list(names[:SHOWN]), len(names)).told(between)


def span(seconds: float) -> str:
    """A time span as a person says it."""
    minutes, rest = divmod(int(abs(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if seconds < 0 else ""
    return f"{sign}{hours} h {minutes} min" if hours else f"{sign}{minutes} min {rest} s"
