"""Fixtures for the engine driver: a project of components only, which needs the Pulumi CLI and no sandbox."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from engine_trial import Trial


@pytest.fixture
def trial(toolchain: Mapping[str, Path], tmp_path: Path) -> Trial:
    """A small project with a policy pack of its own, on a sandbox that is only pretended."""
    return Trial.make(tmp_path)
