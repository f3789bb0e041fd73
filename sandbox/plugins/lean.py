"""Loads the generated protocol modules without the rest of the Pulumi SDK, so that a stand-in starts quickly.

`import pulumi.runtime.proto` runs `pulumi/__init__.py`, which imports the whole SDK: 0.8 s of CPU for every plugin
process of every preview, where the generated modules alone take 0.1 s. A stand-in is a server and never runs a program,
so `install` puts bare packages with the right search path in front. Only the plugin executables call it, before
anything else; a process that has imported the SDK (a test) keeps it.
"""

import importlib.util
import sys
import types
from pathlib import Path


def install() -> None:
    """Make `pulumi.runtime.proto.*_pb2` importable without `pulumi` itself; does nothing when `pulumi` is loaded."""
    if "pulumi" in sys.modules:
        return
    spec = importlib.util.find_spec("pulumi")
    if spec is None or not spec.submodule_search_locations:
        return
    root = Path(next(iter(spec.submodule_search_locations)))
    for name, folder in (
        ("pulumi", root),
        ("pulumi.runtime", root / "runtime"),
        ("pulumi.runtime.proto", root / "runtime" / "proto"),
    ):
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
