"""Every kind of damage to a real archive, one at a time: the validator names it, and nobody's verdict is a lie.

Real: the archive (`damage_source`), the rendered validator in a process of its own with the reader's environment, the
rendered drill with its runner, API server and operator, barman-cloud and PostgreSQL. What a restore brought back is
compared row by row with what was written. Doubles: the kubelet (`drill_double`), and what stands in front of the store
where the store itself fails (`failing_store`).
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import rendered
from damage_drill import Drilled, drilled
from damage_scene import BOTH, MODES, NOBODY, SHORT, WHOLE, Damage, Scene
from damage_source import CHANGES, Past
from damages import DAMAGES
from data_page import Figures
from data_tools import LONG, Tools
from drill_double import Objects
from drill_run import Drill
from object_store import READER
from rendered_validator import Ran, validate
from two_at_once import TwoAtOnce

from seawall.components.cnpg.validator.classes import Failure
from seawall.sandbox.cluster import Sandbox

pytestmark = pytest.mark.timeout(600, func_only=True)

Workplace = Callable[[str], Path]
SECTION = "Damage"
NOTE = (
    "One kind of damage at a time, done to a copy of one real archive. *Named by* is the cheapest mode of the "
    "validator that sees it (`default`, `--all`, `--deep`), *restorable* its answer in that mode. *Restore* is what a "
    "real restore came to: `whole` is every row, `short` every row up to some commit, `harmed` that rows are wrong or "
    "cannot be read, `failed` that no server came up. The drill reads every table, and asks for the digest of one that "
    "does not change and for a fresh row; it says `restored`, or the class of its failure."
)


def told_as(damage: Damage) -> tuple[object, ...]:
    return damage.code, damage.mode, frozenset(damage.says)


FIRST = {told_as(damage): damage for damage in reversed(DAMAGES)}
"""One of those of which the validator tells the same: by class, mode and failed checks."""
TRIED = "flipped bit in a page of a table of which no assertion speaks, packed anew"
"""The one whose drill runs in the short form too: the server comes up, and no assertion fails. `test_restore_drill` has
a drill that succeeds."""
TOLD = [it for it in DAMAGES if LONG or it.name == TRIED or FIRST[told_as(it)] is it]
"""Those that the short form shows to the validator: one of each kind of answer; the long form shows all."""


@contextmanager
def damaged(past: Past, damage: Damage, folder: Path, bucket: str) -> Iterator[Scene]:
    copied = past.copied(bucket, versioned=damage.versioned, rest=damage.rest)
    try:
        scene = Scene(past, copied, copied.store, folder)
        damage.do(scene)
        with damage.front(scene) as fronted:
            yield fronted
    finally:
        copied.drop()


def validated(scene: Scene, mode: str) -> Ran:
    environment = {**scene.store.environment(), **READER, "MAX_ATTEMPTS": "2"}
    args = rendered.cluster(scene.store, *CHANGES)
    return validate(args, scene.folder, environment, *mode.split(), server=scene.server)


def modes(damage: Damage) -> tuple[str, ...]:
    return MODES if LONG else (BOTH if damage.mode == NOBODY else damage.mode,)


Verdicts = TwoAtOnce[str, dict[str, Ran]]


@pytest.fixture(scope="module")
def verdicts(past: Past, module_workplace: Workplace) -> Verdicts:
    """What the validator says, by damage and mode."""

    def run(number: int, damage: Damage) -> dict[str, Ran]:
        with damaged(past, damage, module_workplace("validator"), f"{past.store.bucket}-{number}") as scene:
            return {mode: validated(scene, mode) for mode in modes(damage)}

    return TwoAtOnce({damage.name: partial(run, number, damage) for number, damage in enumerate(TOLD)})


each = pytest.mark.parametrize("damage", TOLD, ids=lambda damage: damage.name)


def said(ran: Ran) -> bool | None:
    answer = ran.report["restorable"]
    return None if answer == "unknown" else bool(answer)


@each
def test_the_validator_names_it(damage: Damage, verdicts: Verdicts) -> None:
    for mode, ran in verdicts[damage.name].items():
        seen = damage.mode != NOBODY and set(damage.mode.split()) <= set(mode.split())
        if not seen:
            if damage.mode != BOTH:  # a sample may hold it
                assert (ran.code, ran.failed) == (0, {}), mode
            continue
        told = {check: part in ran.failed.get(check, "") for check, part in damage.says.items()}
        assert all(told.values()), (mode, ran.failed)
        if mode == damage.mode:
            assert set(ran.failed) - damage.also == set(damage.says), ran.failed
            assert Failure(ran.code) is damage.code
            assert said(ran) is damage.restorable
            for check in damage.says:
                (result,) = (it for it in ran.report["checks"] if it["check"] == check)
                assert result["do"]


def test_no_two_damages_have_one_name() -> None:
    assert len({damage.name for damage in DAMAGES}) == len(DAMAGES) >= 75
    assert len(TOLD) >= 25


@pytest.fixture(scope="module")
def drill(past: Past, sandbox: Sandbox, objects: Objects, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    """One deployed drill for all of them: each is told another bucket."""
    args = rendered.cluster(past.store, *CHANGES)
    made = Drill(sandbox, objects, past.store, args, tmp_path_factory.mktemp("drill"))
    made.deploy()
    yield made
    made.remove()


@pytest.mark.parametrize("damage", [it for it in DAMAGES if LONG or it.name == TRIED], ids=lambda damage: damage.name)
def test_every_verdict_is_the_truth(
    damage: Damage,
    past: Past,
    tools: Tools,
    drill: Drill,
    objects: Objects,
    verdicts: Verdicts,
    workplace: Workplace,
    figures: Figures,
) -> None:
    with damaged(past, damage, workplace("front"), f"{past.store.bucket}-drilled") as scene:
        seen = drilled(scene, drill, objects, tools, workplace)
    ran = verdicts[damage.name]
    row(figures, damage, ran, seen)
    truth, report = seen.truth, seen.outcome.report
    assert truth.kind in damage.truth.split("|"), truth
    failure = report["failure"]
    assert (failure["class"] if failure else "restored") in (damage.drill or "restored").split("|"), failure
    assert drill.remains() == set()
    # The drill: `restored` means that every row is there, and every row there that it is restored.
    assert report["restorable"] in ((True,) if truth.kind == WHOLE else (False, None)), report
    # The validator, as far as it could look: what it says of a restore is what a restore does.
    deepest = ran.get(BOTH) or next(iter(ran.values()))
    if said(deepest) is True and damage.mode != NOBODY:
        assert truth.kind in (WHOLE, SHORT), truth
        wanted = past.rows_until(deepest.report["restorable_until"]["wal"], more="deep-wal" in deepest.failed)
        assert truth.rows in wanted, truth
    elif said(deepest) is False and not damage.wary:
        assert truth.kind != WHOLE, deepest.report["unrestorable_because"]


def row(figures: Figures, damage: Damage, ran: dict[str, Ran], seen: Drilled) -> None:
    named = ran.get(damage.mode) or next(iter(ran.values()))
    first = next(iter(named.failed.values()), "")
    failure = seen.outcome.report["failure"]
    columns = {
        "damage": damage.name,
        "named by": "nobody" if damage.mode == NOBODY else f"`{damage.mode}`" if damage.mode else "default",
        "class": f"{damage.code.label} ({int(damage.code)})" if damage.code is not None else "",
        "message": f"{shortened(first, seen)}…" if first else "",
        "restorable": {True: "yes", False: "no", None: "unknown"}[said(named)],
        "drill": failure["class"] if failure else "restored",
        "restore": seen.truth.kind + (f", {seen.truth.rows:,} rows" if seen.truth.kind == SHORT else ""),
    }
    figures.row(SECTION, columns, note=NOTE)
    print(json.dumps(columns))


def shortened(message: str, seen: Drilled) -> str:
    return message.replace(seen.url, "").replace("|", "/")[:60].rstrip()
