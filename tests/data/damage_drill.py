"""The rendered drill of a damaged archive, and what its restore really brought back."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import rendered
from damage_scene import Scene
from damage_source import CHANGES, DATABASE, TidyArchive, Truth
from data_tools import Tools
from drill_double import InstanceDouble, Objects
from drill_run import Drill, Outcome
from postgres_server import Postgres

SPARE = 600
"""Seconds by which the newest row may be older than it is, for a drill that fails on freshness."""


@dataclass(frozen=True)
class Drilled:
    """What a drill said, and what was true."""

    outcome: Outcome
    truth: Truth
    url: str
    """The archive's place, which begins the names of objects in messages."""


def drilled(scene: Scene, drill: Drill, objects: Objects, tools: Tools, workplace: Callable[[str], Path]) -> Drilled:
    """Runs the drill to its end. Where it restores nothing, a restore is tried by hand: its truth is wanted as well."""
    past = scene.past
    manifest = rendered.object_store(scene.store, *CHANGES)
    archive = TidyArchive(manifest, scene.store, scene.server, tools, workplace("archive"), past.place)
    found: list[Truth] = []

    def look(server: Postgres) -> None:
        found.append(past.truth(server))

    _tell(scene, drill)
    with InstanceDouble(objects, drill.namespace, drill.cluster, archive, drill.port, workplace) as double:
        double.before_start = look
        outcome = drill.run()
    if not found:
        tried = "restore" in outcome.report["seconds"]
        found.append(Truth("failed") if tried else _by_hand(scene, archive, workplace))
    return Drilled(outcome, found[0], f"s3://{scene.store.bucket}/{archive.prefix}")


def _by_hand(scene: Scene, archive: TidyArchive, workplace: Callable[[str], Path]) -> Truth:
    try:
        recovery = archive.recover(workplace("restored"))
    except AssertionError as error:
        return Truth("failed", why=str(error)[-300:])
    found = scene.past.truth(recovery.server)
    recovery.server.remove()
    return found


def _tell(scene: Scene, drill: Drill) -> None:
    """Has the drill look there, and ask: is what never changes as it was, is the newest row not older than it is."""
    drill.store = scene.store
    file = drill.folder / "mount" / "drill.json"
    settings = json.loads(file.read_text())
    folder = settings["archive"].rpartition("/")[0]
    age = int((datetime.now(UTC) - scene.past.pulse).total_seconds()) + SPARE
    asked = {"database": DATABASE}
    settings |= {
        "bucket": scene.store.bucket,
        "archive": f"{folder}/{scene.server}",
        "checks": [
            {**asked, "name": "closed", "table": "public.closed", "checksum": scene.past.checksum},
            {**asked, "name": "fresh", "query": "SELECT max(at) FROM pulse", "newer_than": age},
        ],
    }
    file.write_text(json.dumps(settings))
