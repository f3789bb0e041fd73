"""The state that a release left behind, cleaned for the repository, and what an upgrade from it did.

To add a release: export its deployed stack (`pulumi stack export`, or the backend's own file) and write what
`python tests/engine/released_state.py EXPORTED VERSION` prints to `tests/engine/data/sandbox-VERSION.json`.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seawall.sandbox.engine.summary import RunSummary

DATA = Path(__file__).parent / "data"
_KEPT = ("urn", "type", "custom", "id", "parent", "dependencies", "protect", "retainOnDelete", "aliases", "inputs")
_MADE_HERE = ("pulumi:pulumi:Stack", "pulumi:providers:")
"""What every program of ours makes by itself; providers hold the paths of the machine that deployed."""


def releases() -> list[str]:
    """The releases whose state is kept, oldest first."""
    names = [file.stem.removeprefix("sandbox-") for file in DATA.glob("sandbox-*.json")]
    return sorted(names, key=lambda name: [int(part) for part in name.split(".")])


def read(release: str) -> dict[str, Any]:
    """The kept state of a release: `release` and `resources`, each with what `_KEPT` names."""
    return dict(json.loads((DATA / f"sandbox-{release}.json").read_text(encoding="utf-8")))


def cleaned(exported: Mapping[str, Any], release: str) -> dict[str, Any]:
    """An exported state without outputs, times, providers and whatever belongs to the machine that deployed it."""
    inner = exported.get("checkpoint", exported)
    inner = inner.get("latest") or inner.get("deployment") or inner
    resources = [
        {key: resource[key] for key in _KEPT if resource.get(key)}
        for resource in inner["resources"]
        if not resource["type"].startswith(_MADE_HERE)
    ]
    return {"release": release, "resources": resources}


def steps(done: RunSummary) -> dict[str, list[str]]:
    """What a run of the engine did, from its event log: operation → the names of the resources, sorted."""
    found: dict[str, list[str]] = {}
    for line in done.events.read_text(encoding="utf-8").splitlines():
        metadata = (json.loads(line).get("resourcePreEvent") or {}).get("metadata")
        if metadata:
            found.setdefault(metadata["op"], []).append(metadata["urn"].rsplit("::", 1)[1])
    return {operation: sorted(names) for operation, names in found.items()}


def replaced(did: Mapping[str, list[str]]) -> list[str]:
    """The resources that a run replaced, one way or the other."""
    return sorted({name for operation, names in did.items() if "replace" in operation for name in names})


if __name__ == "__main__":
    source = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(json.dumps(cleaned(source, sys.argv[2]), indent=1, sort_keys=True))
