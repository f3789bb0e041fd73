"""The Kubernetes objects of each row of the matrix of features; made once a session, whichever test asks first."""

import tempfile
from functools import cache
from pathlib import Path

import feature_matrix
from stack_objects import Manifest, objects


@cache
def of_row(name: str) -> tuple[Manifest, ...]:
    """The objects of a row's stack, on the cluster that makes the services."""
    return tuple(objects(feature_matrix.config_of(feature_matrix.rows()[name])))


@cache
def of_consumer(name: str) -> tuple[Manifest, ...]:
    """The objects of the other cluster's stack, which uses the row's services; none where nobody there uses any."""
    row = feature_matrix.rows()[name]
    if not feature_matrix.has_consumers(row):
        return ()
    with tempfile.TemporaryDirectory() as project:
        feature_matrix.write_producer(row, Path(project))
        return tuple(objects(feature_matrix.consumer_of(row), Path(project)))
