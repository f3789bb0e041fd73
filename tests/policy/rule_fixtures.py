"""The fixtures of the rules: `data/<rule>/success.<what>.yaml` and `failure.<what>.yaml`.

`<what>.stack.yaml` is a list of what a Pulumi stack registers: manifests of Kubernetes objects, and `type`, `name` and
`properties` of everything else. No folder can hold those, so that they are for the tests of the engine alone.

A failure's comments say what is expected, one line `# expect: …` per finding of its rule, each a part of the message.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from seawall.policy.estate.doors.folder import read_file

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Fixture:
    rule: str
    path: Path

    @property
    def passes(self) -> bool:
        return self.path.name.startswith("success.")

    @property
    def is_stack(self) -> bool:
        return self.path.name.endswith(".stack.yaml")

    @property
    def resources(self) -> list[Mapping[str, Any]]:
        """What the fixture holds, as `engine_doubles.resource` takes it."""
        if self.is_stack:
            return list(yaml.safe_load(self.path.read_text()))
        return [thing.manifest for thing in read_file(self.path).objects]

    @property
    def expected(self) -> list[str]:
        return re.findall(r"^# expect: (.+)$", self.path.read_text(), flags=re.MULTILINE)

    def __str__(self) -> str:
        return f"{self.rule}/{self.path.name}"


def fixtures() -> list[Fixture]:
    return [Fixture(path.parent.name, path) for path in sorted(DATA.glob("*/*.yaml"))]


def unmet(expected: list[str], messages: list[str]) -> list[str]:
    """What differs between expectations and messages, each expectation used up by one message."""
    left = list(messages)
    missing = []
    for part in expected:
        found = next((message for message in left if part in message), None)
        if found is None:
            missing.append(f"expected: {part}")
        else:
            left.remove(found)
    return missing + [f"unexpected: {message}" for message in left]
