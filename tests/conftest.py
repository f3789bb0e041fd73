"""Fixtures for tests that need the Go tools or the sandbox; both are made once for the whole session."""

import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from seawall.errors import EnvironmentFailure
from seawall.sandbox.cluster import Sandbox
from seawall.sandbox.parts import TOOLS

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell script starts what it puts into the background with SIGINT ignored, and children inherit that: the tests
    # of ^C would wait for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)


EVIDENCE = Path(__file__).parents[1] / "docs" / "qa" / "evidence"


@pytest.fixture(autouse=True)
def no_evidence_of_tests() -> Iterator[None]:
    """No test writes into the checkout's own evidence: what is kept there is somebody's word about a real run."""
    before = _evidence()
    yield
    changed = before ^ _evidence()
    assert not changed, f"the test changed {', '.join(sorted(name for name, _ in changed))} in {EVIDENCE}"


def _evidence() -> set[tuple[str, int]]:
    """Name and time of the last change of every file."""
    return {(it.name, it.stat().st_mtime_ns) for it in EVIDENCE.iterdir()}


@pytest.fixture(scope="session")
def toolchain(pytestconfig: pytest.Config) -> Mapping[str, Path]:
    """The executables of the sandbox, kubectl and the Pulumi CLI; built when they are missing, with progress shown.

    Where that cannot be done the tests are skipped with the reason; in CI they fail instead.
    """
    from seawall.tools.toolchain import ensure

    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    try:
        with capture.global_and_fixture_disabled():
            return ensure((*TOOLS, "kubectl", "pulumi"), console=Console(stderr=True))
    except EnvironmentFailure as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"the sandbox's tools are missing: {error}")


@pytest.fixture(scope="session")
def sandbox(toolchain: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for the session, in a state folder of its own; stopped at the end, however the session ends."""
    folder = tmp_path_factory.mktemp("sandbox", numbered=True)
    running = Sandbox(folder / "state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEAWALL_STATE", str(running.state))
        try:
            running.start(Console(stderr=True))
            yield running
        finally:
            running.stop()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def kube(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A dynamic client of the sandbox's API server (`kubernetes.dynamic.DynamicClient`)."""
    from kubernetes import config, dynamic

    client = config.new_client_from_config(config_file=str(sandbox.endpoints.kubeconfig))
    return dynamic.DynamicClient(client, cache_file=str(tmp_path_factory.mktemp("discovery") / "cache.json"))
