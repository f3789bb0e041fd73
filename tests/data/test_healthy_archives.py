"""Random healthy archives: no mode of the validator calls one broken, and those that are restored come up."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import rendered
from damage_scene import ALL, DEEP, DEFAULT
from damage_source import CHANGES, SERVER, Past, TidyArchive
from damage_store import LocalStore
from data_page import Figures
from data_tools import LONG, Tools
from healthy_archives import Healthy, Life, healthy
from healthy_lives import lives
from object_store import READER
from rendered_validator import Ran, validate
from two_at_once import TwoAtOnce

pytestmark = pytest.mark.timeout(600, func_only=True)

Workplace = Callable[[str], Path]
MODES = (DEFAULT, ALL, DEEP)
SEEDS = range(200) if LONG else range(9)
RESTORED = range(0, 200, 9)
"""Those that are really restored, in the long form."""
SECTION = "Healthy archives"
NOTE = (
    "Random archives that are sound, by seed: real ones of several servers, seen at a random moment of their lives, "
    "after retention, with changes of compression or encryption, a base backup under way, old timelines, and clocks "
    "that differ a little. The validator must call none of them broken; every ninth is restored, and its pages are "
    "verified."
)


@pytest.fixture(scope="module")
def known(past: Past, tools: Tools, module_workplace: Workplace) -> tuple[Life, ...]:
    return lives(past, tools, module_workplace)


@contextmanager
def kept(past: Past, made: Healthy, bucket: str) -> Iterator[LocalStore]:
    store = past.store.in_bucket(bucket)
    try:
        made.put(store, past.archive.prefix)
        yield store
    finally:
        store.drop(bucket)


def validated(past: Past, store: LocalStore, made: Healthy, folder: Path, mode: str) -> Ran:
    # On AWS the stack wants a key, so that the expectation is told to the program itself.
    environment = {**store.environment(), **READER, "EXPECTED_ENCRYPTION": made.encryption}
    return validate(rendered.cluster(store, *CHANGES), folder, environment, *mode.split())


Verdicts = TwoAtOnce[int, tuple[Healthy, dict[str, Ran]]]


@pytest.fixture(scope="module")
def verdicts(past: Past, known: tuple[Life, ...], module_workplace: Workplace) -> Verdicts:
    """Each archive with what the validator says of it, by seed: in every mode, or in the short form in one of them."""

    def run(seed: int) -> tuple[Healthy, dict[str, Ran]]:
        made = healthy(seed, known)
        modes = MODES if LONG else MODES[seed % 3 :][:1]
        with kept(past, made, f"{past.store.bucket}-healthy-{seed}") as store:
            folder = module_workplace("healthy")
            return made, {mode: validated(past, store, made, folder, mode) for mode in modes}

    return TwoAtOnce({seed: partial(run, seed) for seed in SEEDS})


@pytest.mark.parametrize("seed", SEEDS)
def test_none_is_called_broken(seed: int, verdicts: Verdicts) -> None:
    made, runs = verdicts[seed]
    for mode, ran in runs.items():
        told = f"seed {seed}, {mode or 'default'}, {made.life}: {'; '.join(made.steps)}"
        assert (ran.code, ran.failed) == (0, {}), told
        assert ran.report["restorable"] is True, told
        assert ran.report["restorable_until"]["wal"] == made.newest, told


def test_the_archives_differ(known: tuple[Life, ...]) -> None:
    """Else many of them prove no more than one."""
    made = [healthy(seed, known) for seed in range(60)]
    assert {it.life for it in made} == {life.name for life in known}
    assert {it.encryption for it in made} == {"aws:kms", "AES256"}
    suffixes = {name.rpartition(".")[2] for it in made for name in it.objects}
    assert {"gz", "bz2", "lz4", "snappy", "xz", "zst", "tar"} <= suffixes
    assert healthy(7, known).steps == healthy(7, known).steps
    said = {step for it in made for step in it.steps}
    for what in ("retention deleted", "is under way", "in parallel", "clock", "archived twice", "old primary"):
        assert any(what in step for step in said), what


@pytest.mark.long_form
def test_what_was_validated(verdicts: Verdicts, figures: Figures) -> None:
    """For the page: how many of each life and mode, none of them called broken."""
    found = [verdicts[seed] for seed in SEEDS]
    for life in sorted({made.life for made, _ in found}):
        mine = [(made, runs) for made, runs in found if made.life == life]
        columns = {
            "archives of": life,
            "archives": len(mine),
            **{mode or "default": f"{sum(runs[mode].code == 0 for _, runs in mine)} healthy" for mode in MODES},
            "WAL objects": f"{min(_wal(it) for it, _ in mine)} to {max(_wal(it) for it, _ in mine)}",
            "restored": sum(made.seed in RESTORED for made, _ in mine),
        }
        figures.row(SECTION, columns, note=NOTE)


def _wal(made: Healthy) -> int:
    return sum(name.startswith("wals/") for name in made.objects)


@pytest.mark.long_form
@pytest.mark.parametrize("seed", RESTORED)
def test_it_comes_back(seed: int, past: Past, known: tuple[Life, ...], tools: Tools, workplace: Workplace) -> None:
    made = healthy(seed, known)
    with kept(past, made, f"{past.store.bucket}-restored") as store:
        manifest = rendered.object_store(store, *CHANGES)
        archive = TidyArchive(manifest, store, SERVER, tools, workplace("archive"), past.place)
        server = archive.recover(workplace("restored")).server
        server.stop()
    said = server.run("pg_checksums", "--check", "--pgdata", server.data).stdout
    server.remove()
    assert "Bad checksums:  0" in said, f"seed {seed}, {made.life}: {'; '.join(made.steps)}"
