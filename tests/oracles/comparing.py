"""Holds our decision against an oracle's, cell by cell."""

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import defects
from cases import Case, Where
from ours import CLOSED, OPEN, PROXY, UNDECIDED, Ours
from programs import Program

_ELSEWHERE = {"c": CLOSED, "O": OPEN, "&": PROXY}
"""Letters of what would get another one somewhere else (see the oracle's source): only there may we not decide."""
_MARKS = {letter: mark for mark, letter in _ELSEWHERE.items()}


@dataclass
class Tally:
    """What was compared."""

    sets: int = 0
    cells: int = 0
    open: int = 0
    """Cells that the oracle calls open."""
    partly: int = 0
    """Pods' sides that are open to some and closed to others."""
    sides: int = 0
    undecided: int = 0
    """Cells that depend on what a policy set does not say, such as where the API server is: we leave them undecided."""
    explained: Counter[str] = field(default_factory=Counter)
    """Cells that differ, by the oracle's defect."""
    spelled: Counter[str] = field(default_factory=Counter)
    """Sets that were written another way for the oracle."""
    refused: Counter[str] = field(default_factory=Counter)
    """Policies that the oracle refuses, and pods that it has no answer for."""
    mismatches: int = 0


@dataclass(frozen=True)
class Oracle:
    """An oracle, and how our decision has to be asked to be held against it."""

    program: Program
    cilium: bool
    """Whether it decides as Cilium does."""

    def compare(self, case: Case, tally: Tally) -> str | None:
        """Compare every cell. The text says what differs without an explanation; None: nothing."""
        name = self.program.name
        tally.sets += 1
        asked, spelled = defects.written_for(name, case)
        tally.spelled.update(spelled)
        told = self._ask(asked)
        case, complaint = self._refused(case, told.get("refused") or {}, tally)
        for text in (told.get("failed") or {}).values():
            known = defects.refusal(name, text)
            assert known is not None, f"{name} has no answer for a pod: {text}\n{_policies(case)}"
            tally.refused[known.name] += 1
        ours = Ours(case, cilium=self.cilium)
        others: list[tuple[str, Ours]] | None = None
        differing: list[tuple[Where, str, str]] = []
        sides: dict[tuple[str, int], set[bool]] = {}
        for cell in case.cells():
            text = told[cell.direction][cell.subject]
            if not text:
                continue  # counted as refused
            theirs, mine = text[cell.place], ours.letter(cell)
            is_open = _ELSEWHERE.get(theirs, theirs) != CLOSED
            tally.cells += 1
            tally.open += is_open
            tally.undecided += mine == UNDECIDED
            sides.setdefault((cell.direction, cell.subject), set()).add(is_open)
            if _agree(mine, theirs):
                continue
            if others is None:
                others = [(why, Ours(other, cilium=self.cilium)) for why, other in defects.taken_for(name, case)]
            why = next((why for why, other in others if _agree(other.letter(cell), theirs)), None)
            if why is None:
                differing.append((cell, mine, theirs))
            else:
                tally.explained[why] += 1
        tally.sides += len(sides)
        tally.partly += sum(len(answers) > 1 for answers in sides.values())
        if not differing and complaint is None:
            return None
        tally.mismatches += len(differing) or 1
        return complaint or self._text(case, differing)

    def _ask(self, case: Case) -> dict[str, Any]:
        """The oracle's answer; of Cilium's, marked where it is another one with another number of address families."""
        told = self.program.ask(case)
        if self.cilium:
            other = self.program.ask(replace(case, dual_stack=not case.dual_stack))
            for direction in ("ingress", "egress"):
                pairs = zip(told[direction], other[direction], strict=True)
                told[direction] = ["".join(map(_marked, mine, theirs)) for mine, theirs in pairs]
        return told

    def _refused(self, case: Case, refused: object, tally: Tally) -> tuple[Case, str | None]:
        """The case without the policies that the oracle refuses, and what to complain of when we would not refuse."""
        if not isinstance(refused, dict):
            raise AssertionError(f"{self.program.name} refuses a case: {refused}\n{_policies(case)}")
        complaint = None
        for place, text in refused.items():
            known = defects.refusal(self.program.name, text)
            policy = case.policies[int(place)]
            tally.refused[known.name if known else "a policy that we refuse as well"] += 1
            if known is None and not Ours.refuses(case, policy):
                complaint = complaint or f"only {self.program.name} refuses a policy: {text}\n{json.dumps(policy)}"
        return defects.without(case, {int(place) for place in refused}), complaint

    def _text(self, case: Case, differing: list[tuple[Where, str, str]]) -> str:
        shown = [f"  {cell.text(case)}: ours {mine}, theirs {theirs}" for cell, mine, theirs in differing[:5]]
        return "\n".join(
            [
                f"{self.program.name} decides {len(differing)} cells otherwise:",
                *shown,
                f"namespaces {json.dumps(case.namespaces)}, cluster {case.cluster}, "
                f"local selectors {case.local_selectors}, dual stack {case.dual_stack}",
                *(f"pod {json.dumps(pod)}" for pod in case.document()["pods"]),
                _policies(case),
            ]
        )


def _marked(letter: str, other: str) -> str:
    return letter if other in (letter, _ELSEWHERE.get(letter)) else _MARKS.get(letter, letter)


def _agree(mine: str, theirs: str) -> bool:
    if theirs in _ELSEWHERE:
        return mine == UNDECIDED or (mine == CLOSED) == (_ELSEWHERE[theirs] == CLOSED)
    return mine == theirs


def _policies(case: Case) -> str:
    return "\n".join(json.dumps(policy) for policy in case.policies)
