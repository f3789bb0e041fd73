"""The oracles' programs for the tests: built or installed when they are missing, with progress shown."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from rich.console import Console

from seawall.errors import EnvironmentFailure


@pytest.fixture
def available(pytestconfig: pytest.Config) -> Callable[[], AbstractContextManager[Console]]:
    """A block in which oracles may be got: where one cannot be had the test is skipped with the reason, in CI it fails.

    Gives the console that shows what is built.
    """
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    assert capture is not None

    @contextmanager
    def block() -> Iterator[Console]:
        try:
            with capture.global_and_fixture_disabled():
                yield Console(stderr=True)
        except EnvironmentFailure as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"an oracle is missing: {error}")

    return block
