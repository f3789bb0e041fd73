"""Fixtures of the sandbox's own tests."""

import tempfile
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
def spare(toolchain: Mapping[str, Path]) -> Iterator[Sandbox]:
    """A sandbox of one's own, not started; whatever is left of it is stopped.

    Its path is short: it ends in a Unix socket's, which may have 107 characters, and pytest's folders bear long names.
    """
    with tempfile.TemporaryDirectory(prefix="s-") as folder:
        own = Sandbox(Path(folder) / "s")
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
