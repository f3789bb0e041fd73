"""How everything that verify makes or changes says so, for `--cleanup` to find it whatever became of the run."""

import json
from collections.abc import Mapping
from typing import Any

from seawall.operators.annotations import MANAGED_BY_LABEL, PREFIX

Manifest = dict[str, Any]

MANAGED_BY = "seawall-verify"
RUN = f"{PREFIX}verify-run"
"""Label of what a run made: its id."""
CHANGED = f"{PREFIX}verify-changed"
"""Label of what a run changed and will put back: its id."""
UNDO = f"{PREFIX}verify-undo"
"""Annotation of the same: the JSON merge patch that puts it back."""
NON_PRODUCTION = f"{PREFIX}non-production"
"""Label of the namespace kube-system, `"true"` on a cluster on which `--disruptive` may change what runs."""
NEVER_READY = f"{PREFIX}never"
"""A readiness gate that nobody opens: no Service ever leads to a probe pod."""


def labels(run: str) -> dict[str, str]:
    """Labels of what a run makes."""
    return {MANAGED_BY_LABEL: MANAGED_BY, RUN: run}


def labelled(manifest: Manifest, run: str) -> Manifest:
    """The manifest with the run's labels; labels that it has already stay."""
    metadata = manifest["metadata"]
    return {**manifest, "metadata": {**metadata, "labels": {**labels(run), **(metadata.get("labels") or {}), RUN: run}}}


def marking(run: str, undo: Manifest) -> Manifest:
    """What a change adds to the object that it is made to, in the same request."""
    return {"metadata": {"labels": {CHANGED: run}, "annotations": {UNDO: json.dumps(undo, sort_keys=True)}}}


def unmarking(undo: Manifest) -> Manifest:
    """The patch that puts an object back and takes the marks away."""
    return merged(undo, {"metadata": {"labels": {CHANGED: None}, "annotations": {UNDO: None}}})


def inverse(change: Mapping[str, Any], now: Mapping[str, Any]) -> Manifest:
    """The merge patch that takes a merge patch back, on an object as it is before it."""
    back: Manifest = {}
    for key, value in change.items():
        before = now.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            back[key] = inverse(value, before)
        else:
            back[key] = before
    return back


def merged(left: Mapping[str, Any], right: Mapping[str, Any]) -> Manifest:
    """Two merge patches as one; where both say something, the right one."""
    both = dict(left)
    for key, value in right.items():
        mine = both.get(key)
        both[key] = merged(mine, value) if isinstance(mine, Mapping) and isinstance(value, Mapping) else value
    return both
