"""Fixtures of the tests of `seawall verify`: two clusters, made once for the session."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from verify_clusters import Clusters, standing


@pytest.fixture(scope="session")
def clusters(toolchain: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clusters]:
    """Stacks `infra` and `apps`, each on an API server of its own."""
    with standing(tmp_path_factory.mktemp("c", numbered=True)) as made:
        yield made
