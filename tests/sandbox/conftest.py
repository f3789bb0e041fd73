"""Fixtures of the sandbox's own tests."""

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sandbox_helpers import processes

from seawall.sandbox.cluster import Sandbox


@pytest.fixture
def console() -> Console:
    return Console(stderr=True)


@pytest.fixture
def spare(toolchain: Mapping[str, Path], tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox of one's own, not started; whatever is left of it is stopped."""
    own = Sandbox(tmp_path / "s")
    yield own
    own.stop()
    assert not processes(own)


@pytest.fixture
def namespace(kube: Any) -> Iterator[str]:
    """A namespace for one test."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    namespaces = kube.resources.get(api_version="v1", kind="Namespace")
    namespaces.create({"metadata": {"name": name}})
    yield name
    namespaces.delete(name=name)
