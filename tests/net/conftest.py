"""Fixtures of the tests with network namespaces; skipped with the reason where these are not permitted."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from namespaces import NotPermittedError, Wire, wire


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Wire]:
    """A wire between two network namespaces of the test's own."""
    try:
        with wire(tmp_path / "program") as made:
            yield made
    except NotPermittedError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"network namespaces are not permitted here: {error}")
