"""`seawall bench-policy`."""

import datetime
from itertools import islice
from pathlib import Path

import pytest

from seawall.bench import engine as bench_engine
from seawall.bench.engine import Cost
from seawall.cli import bench_policy

COST = Cost(1000, 6.0, 7.5, 4.0, 5.0)


def test_the_page_says_what_was_measured_where_and_when() -> None:
    page = bench_policy.markdown(COST, datetime.date(2026, 1, 31), "2 cores")
    assert "on 2026-01-31" in page
    assert "2 cores" in page
    assert "1000 resources" in page
    assert page.splitlines()[-3:] == [
        "| one empty rule | 6.0 | 4.0 |",
        "| the whole pack | 7.5 | 5.0 |",
        "| factor (target: at most 1.3) | 1.25 | 1.25 |",
    ]


def test_it_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def measure(resources: int) -> Cost:
        asked.append(resources)
        return COST

    monkeypatch.setattr(bench_engine, "measure", measure)
    bench_policy.start(tmp_path / "docs" / "costs.md")
    assert asked == [1000]
    assert (tmp_path / "docs" / "costs.md").read_text().startswith("# What the policy pack costs\n")


def test_the_previewed_objects_are_those_of_tenants_and_none_twice() -> None:
    objects = list(islice(bench_engine._objects(), 300))
    names = {(it["kind"], it["metadata"].get("namespace"), it["metadata"]["name"]) for it in objects}
    assert len(names) == 300
    assert {"Dragonfly", "Cluster", "Pooler", "NetworkPolicy", "ExternalSecret"} <= {it["kind"] for it in objects}
