"""Folders on which one core and two must come to the same."""

import os
from pathlib import Path

from seawall.bench import tenants

DATA = Path(__file__).parent / "data"


def mistaken(root: Path) -> Path:
    """Tenants with mistakes."""
    tenants.write(root, 3)
    for file in root.glob("tenant-*.yaml"):
        text = file.read_text().replace("podAntiAffinity", "podAffinity")
        file.write_text(text.replace("metadata.name: observability", "metadata.name: elsewhere"))
    return root


def folder(root: Path) -> Path:
    """The same, many fixtures, and what the reading has to be patient with."""
    mistaken(root / "tenants")
    for number, path in enumerate(sorted(DATA.glob("*/*.yaml"))[::7]):
        if not path.name.endswith(".stack.yaml"):
            (root / f"{number}.yaml").write_bytes(path.read_bytes())
    (root / "aliases.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: &m {name: a}\nagain: *m\n")
    (root / "broken.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: one}\n---\n{]\n")
    (root / "list.yaml").write_text(
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: listed}\n"
    )
    (root / "pairs.json").write_text(
        '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "\\ud83d\\ude00"}}'
    )
    (root / "defaults.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ${NAME:=given}\n")
    (root / "gone.yaml").symlink_to("nowhere")
    os.mkfifo(root / "pipe.yaml")
    return root
