"""An archive of ten thousand WAL files: how long the validator looks at it, with how much memory and how many requests.

The objects are doubles without content, put straight into moto's memory; nobody reads WAL here. What is measured is one
run of the rendered validator as its pod would run it, Python's own start included. Time is shown and not asserted.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import rendered
from archive_doubles import Archive, healthy, server
from data_page import Figures
from data_tools import LONG
from rendered_validator import Ran, validate

Workplace = Callable[[str], Path]
WALS = 10_000
PAGE = 1000
"""Objects of one LIST answer."""
MIB = 1 << 20
MOST_MEMORY = 150 * MIB
SECTION = "Ten thousand WAL files"
NOTE = (
    "The validator and moto share this machine; the archive has a WAL file for every four minutes of 28 days. Asked "
    "for is a chain checked in less than 10 s with less than 150 MiB; memory and requests are asserted, time is not."
)


@pytest.fixture(scope="module")
def archive() -> Iterator[Archive]:
    """A healthy archive in a moto of this process."""
    running = server()
    host, port = running.get_host_and_port()
    made = Archive(f"http://{host}:{port}", "many-wal")
    healthy(made, wals=WALS)
    yield made
    running.stop()


def run(archive: Archive, folder: Path, *arguments: str) -> Ran:
    return validate(rendered.clusters()[rendered.CLUSTER], folder, archive.environment, *arguments)


def told(figures: Figures, ran: Ran, what: str) -> None:
    columns = {
        "run": what,
        "WAL files": f"{ran.report['counts']['wal in the chain']:,}",
        "took": f"{ran.seconds:.1f} s",
        "of it the checks": f"{ran.report['seconds']:.1f} s",
        "memory at most": f"{ran.peak_bytes / MIB:.0f} MiB",
        "requests": ", ".join(f"{count:,} {name}" for name, count in ran.report["requests"].items()),
        "verdict": "; ".join(ran.failed.values()) or "healthy",
        "load before": f"{os.getloadavg()[0]:.1f}",
    }
    figures.row(SECTION, columns, note=NOTE)
    print(", ".join(f"{key} {value}" for key, value in columns.items()))


def test_the_chain_is_checked_with_few_requests_and_little_memory(
    archive: Archive, workplace: Workplace, figures: Figures
) -> None:
    ran = run(archive, workplace("validator"))
    told(figures, ran, "as rendered")
    assert (ran.code, ran.failed) == (0, {})
    assert ran.report["counts"]["wal in the chain"] == WALS
    assert ran.report["restorable_until"]["wal"] == archive.numbering.name(1, 5 + WALS)
    objects = len(archive.keys())
    requests = ran.report["requests"]
    # The base backups, the WAL and what else is there are listed apart; each list ends with a page that is not full.
    assert requests["ListObjectsV2"] <= objects // PAGE + 3
    assert sum(requests.values()) <= requests["ListObjectsV2"] + 40, requests
    assert ran.peak_bytes < MOST_MEMORY, f"{ran.peak_bytes / MIB:.0f} MiB"


if LONG:

    def test_a_hole_in_the_middle_is_found(archive: Archive, workplace: Workplace, figures: Figures) -> None:
        number = WALS // 2
        key = archive.numbering.key(1, number, ".gz")
        archive.remove(key)
        ran = run(archive, workplace("validator"))
        told(figures, ran, "one is missing")
        archive.wal(1, number, ago=60 + 240 * (5 + WALS - number))
        assert set(ran.failed) == {"wal-chain"} and archive.numbering.name(1, number) in ran.failed["wal-chain"]
        assert ran.report["restorable"] is True
        assert ran.report["restorable_until"]["wal"] == archive.numbering.name(1, number - 1)
        assert ran.peak_bytes < MOST_MEMORY

    def test_every_object_is_looked_at(archive: Archive, workplace: Workplace, figures: Figures) -> None:
        """A HEAD for each of them: a minute."""
        ran = run(archive, workplace("validator"), "--all")
        told(figures, ran, "`--all`")
        assert (ran.code, ran.failed) == (0, {})
        assert ran.report["requests"]["HeadObject"] >= len(archive.keys())
        assert ran.peak_bytes < MOST_MEMORY
