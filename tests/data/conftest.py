"""Backups that restore, proven with the real programs. Here: what the tests of this folder are given.

A test asks for `tools` (skipped with the reason when PostgreSQL or barman-cloud cannot be had; in CI it fails instead)
and builds what it needs:

    def test_x(tools, store, workplace):
        archive = Archive(rendered.object_store(store), store, "shared-postgres", tools, workplace("archive"))
        postgres = Postgres.create(workplace("source"), tools, archive.settings())
        postgres.start()
        load = Load(lambda: postgres.connect()).prepare()
        archive.backup(postgres)
        with load:                      # commits go on in a thread and are recorded outside the database
            load.wait(20)
        postgres.wait_archived(postgres.switch_wal())
        restored = archive.recover(workplace("restored"))
        with restored.server.connect() as connection:
            assert load.verify(connection).whole

Beside these: `rendered` (manifests and arguments of our stacks), `operators.barman.commands` (the plugin's command
lines), `pooled_server` (PostgreSQL and PgBouncer as the operator sets them up, with roles, HBA files and TLS).

Folders of `workplace` are short, belong to the unprivileged user, and go at the test's end with the servers in them.
`SEAWALL_DATA=long` (make test-data) is the long form; `figures` collects what docs/data.md shows of it. Tests that are
marked `long_form` run in it alone; elsewhere one line at the end says how many were left to it.
Servers end with the thread that started them: start them in the main thread, or in one that lives as long.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import data_tools
import psutil
import pytest
import rendered
import unprivileged
from damage_source import Past, lived
from damage_store import LocalStore
from data_page import Figures
from data_tools import PgBouncer, Tools
from debian_packages import UnsupportedMachineError
from drill_double import InstanceDouble, Objects
from drill_run import Deploy, Drill, Play
from drill_source import Source, archived
from object_store import ObjectStore
from rich.console import Console

from seawall.errors import EnvironmentFailure
from seawall.sandbox.cluster import Sandbox


@pytest.fixture(scope="session")
def available(pytestconfig: pytest.Config) -> Callable[[], AbstractContextManager[Console]]:
    """A block in which programs may be got: where one cannot be had the test is skipped with the reason.

    In CI it fails instead, unless this is a machine on which nobody could have it.

    Gives the console that shows what is fetched.
    """
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    console = Console(stderr=True)

    @contextmanager
    def block() -> Iterator[Console]:
        try:
            with capture.global_and_fixture_disabled():
                yield console
        except EnvironmentFailure as error:
            if os.environ.get("CI") and not isinstance(error, UnsupportedMachineError):
                raise
            pytest.skip(f"backups are not tested here: {error}")

    return block


@pytest.fixture(scope="session")
def tools(available: Callable[[], AbstractContextManager[Console]], figures: Figures) -> Tools:
    """PostgreSQL and barman-cloud."""
    with available() as console:
        found = data_tools.tools(console)
    figures.used("PostgreSQL", found.postgres.version)
    figures.used("barman-cloud", found.barman.version)
    return found


@pytest.fixture(scope="session", params=data_tools.PGBOUNCER_RELEASES)
def pgbouncer(request: pytest.FixtureRequest, available: Callable[[], AbstractContextManager[Console]]) -> PgBouncer:
    """Each PgBouncer that can be had, one after the other."""
    with available() as console:
        return data_tools.pgbouncer(request.param, console)


@contextmanager
def _places() -> Iterator[Callable[[str], Path]]:
    """Makes folders for servers and archives. At the end what still runs in them is ended, and they are removed."""
    made: list[Path] = []

    def folder(name: str) -> Path:
        made.append(unprivileged.folder(name))
        return made[-1]

    try:
        yield folder
    finally:
        _end_all_in(made)
        for each in made:
            shutil.rmtree(each, ignore_errors=True)


def _end_all_in(folders: list[Path]) -> None:
    """Kill our own descendants whose working directory is in one of the folders: servers that a test left running."""
    left = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error, OSError):  # it ended meanwhile
            place = Path(process.cwd())
            if any(place.is_relative_to(folder) for folder in folders):
                process.kill()
                left.append(process)
    psutil.wait_procs(left, 10)


@pytest.fixture
def workplace() -> Iterator[Callable[[str], Path]]:
    """Folders of a test: `workplace("source")` is a new one with a short path, of the unprivileged user."""
    with _places() as folder:
        yield folder


@pytest.fixture(scope="module")
def module_workplace() -> Iterator[Callable[[str], Path]]:
    """The same for what the tests of a module share."""
    with _places() as folder:
        yield folder


@contextmanager
def _running(tls: bool) -> Iterator[ObjectStore]:
    with _places() as folder:
        made = ObjectStore(folder("store"), tls=tls)
        try:
            yield made.start()
        finally:
            made.stop()


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    """A store of the test's own that stands for AWS: plain HTTP on loopback, a bucket, a KMS key."""
    with _running(tls=False) as running:
        yield running


@pytest.fixture(scope="module")
def module_store() -> Iterator[ObjectStore]:
    """The same for what the tests of a module share."""
    with _running(tls=False) as running:
        yield running


@pytest.fixture
def own_store() -> Iterator[ObjectStore]:
    """A store of the test's own with TLS and an authority of its own, as an S3-compatible one that is not AWS."""
    with _running(tls=True) as running:
        yield running


@pytest.fixture(scope="session")
def past(tools: Tools) -> Iterator[Past]:
    """The real archive that tests damage, or make others of: copies of it, as `Past.copied` makes them."""
    store = LocalStore().start()
    with _places() as folder:
        yield lived(tools, store, folder)
    store.stop()


@pytest.fixture(scope="session")
def objects(sandbox: Sandbox) -> Objects:
    """The sandbox's API server, as its administrator."""
    return Objects(sandbox.endpoints)


@pytest.fixture(scope="session")
def source(tools: Tools) -> Iterator[Source]:
    """The archive that restore drills bring back."""
    with _running(tls=False) as store, _places() as folder:
        yield archived(tools, store, folder)


@pytest.fixture
def make(source: Source, sandbox: Sandbox, objects: Objects, tmp_path: Path) -> Iterator[Deploy]:
    """Makes a deployed drill with these assertions about the application harbor."""
    made: list[Drill] = []

    def drill(*assertions: dict[str, Any], **changes: Any) -> Drill:
        args = rendered.cluster(
            source.store,
            ("restore_drill.assertions", {"harbor": list(assertions)}),
            *((f"restore_drill.{name}", value) for name, value in changes.items()),
        )
        new = Drill(sandbox, objects, source.store, args, tmp_path)
        made.append(new)
        new.deploy()
        return new

    yield drill
    for each in made:
        each.remove()


@pytest.fixture
def played(source: Source, objects: Objects, workplace: Callable[[str], Path]) -> Play:
    """Plays the pods of a drill's recovery Cluster."""

    def play(drill: Drill) -> InstanceDouble:
        return InstanceDouble(objects, drill.namespace, drill.cluster, source.archive, drill.port, workplace)

    return play


FIGURES = pytest.StashKey[Figures]()
LEFT_OUT = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """One collection of figures for the session."""
    config.stash[FIGURES] = Figures()
    config.addinivalue_line("markers", "long_form: runs with `make test-data` alone, as it takes long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests of the long form to it. They are deselected: nothing is missing here for which to skip them."""
    later = [item for item in items if item.get_closest_marker("long_form") and not data_tools.LONG]
    config.stash[LEFT_OUT] = len(later)
    if later:
        config.hook.pytest_deselected(items=later)
        items[:] = [item for item in items if item not in later]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was left to the long form."""
    if count := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(f"{count} tests of backups take longer and were left to `make test-data`")


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> Figures:
    """What docs/data.md shows: `figures.row("section", {"column": value, …})`. Written by the long form alone."""
    return pytestconfig.stash[FIGURES]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the page when the long form ran to its end and nothing failed."""
    if data_tools.LONG and exitstatus == 0:
        session.config.stash[FIGURES].write()
