"""The resources that the program registers for this repository's stacks, as the engine gives them to the pack."""

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

from pulumi.runtime.proto import analyzer_pb2 as proto
from recorder import run

from seawall.components.settings import load, read_stack_file

ROOT = Path(__file__).resolve().parents[2]
Resources = list[proto.AnalyzerResource]


@cache
def registered(stack: str) -> tuple[proto.AnalyzerResource, ...]:
    """What the program registers for a stack, with what each property waits for. Not to be changed."""
    return registered_by(read_stack_file(ROOT, stack), stack)


def registered_by(config: dict[str, Any], stack: str) -> tuple[proto.AnalyzerResource, ...]:
    """The same for any configuration."""
    spec = importlib.util.spec_from_file_location("program", ROOT / "__main__.py")
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    settings = load(config)
    record = run(lambda: program.deploy(settings), preview=True)
    return tuple(
        proto.AnalyzerResource(
            type=request.type,
            urn=f"urn:pulumi:{stack}::seawall::{request.type}::{name}",
            name=name,
            properties=request.object,
            propertyDependencies={
                key: proto.AnalyzerPropertyDependencies(urns=list(found.urns))
                for key, found in request.propertyDependencies.items()
            },
        )
        for name, request in record.requests.items()
    )
