"""What `seawall render` takes from the event log of a preview."""

import json
from pathlib import Path

from seawall.sandbox.engine.render import manifests


def test_only_the_engines_own_properties_are_left_out(tmp_path: Path) -> None:
    """A ConfigMap may have a key like `__main__.py`, and a pod that mounts it does not start without it."""
    inputs = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "script", "labels": {"__own": "yes"}},
        "data": {"__main__.py": "print(1)\n", "__init__.py": ""},
        "__initialApiVersion": "v1",
    }
    step = {"op": "create", "urn": "a", "type": "kubernetes:core/v1:ConfigMap", "new": {"inputs": inputs}}
    events = tmp_path / "events"
    events.write_text(json.dumps({"resourcePreEvent": {"metadata": step}}) + "\n")
    del inputs["__initialApiVersion"]
    assert manifests(events) == [inputs]
