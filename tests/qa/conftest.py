"""Fixtures of the tests of `seawall verify`: two clusters, made once for the session."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from verify_clusters import APPS, INFRA, Clusters, data_pods, forgetting, marked, no_data_pods, no_production, standing

from seawall.qa.verify import leftovers


@pytest.fixture(scope="session")
def clusters(toolchain: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clusters]:
    """Stacks `infra` and `apps`, each on an API server of its own."""
    with standing(tmp_path_factory.mktemp("c", numbered=True)) as made:
        yield made


@pytest.fixture
def nothing_left(clusters: Clusters) -> Iterator[None]:
    """The test leaves nothing, whatever it did."""
    yield
    found = marked(clusters)
    leftovers.remove([clusters.cluster(name) for name in (INFRA, APPS)])
    assert found == []


@pytest.fixture
def allowed(clusters: Clusters) -> Iterator[None]:
    """The cluster says of itself that it is no production."""
    no_production(clusters)
    yield
    no_production(clusters, says=False)


@pytest.fixture
def dragonfly(clusters: Clusters) -> Iterator[None]:
    """Data pods, as far as simulated nodes have any."""
    data_pods(clusters)
    with forgetting(clusters):
        yield
    no_data_pods(clusters)
