"""The components in a program of somebody else, after a pip install: no checkout, no stack file, their own provider."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from stack_samples import CHECKOUT

PROGRAM = Path(__file__).parent / "foreign_program.py"


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the program reads from the components, with the package as a wheel would put it."""
    site, home = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("home")
    shutil.copytree(CHECKOUT / "seawall", site / "seawall", ignore=shutil.ignore_patterns("__pycache__"))
    program = Path(shutil.copy(PROGRAM, home))
    # -P: the program's folder alone is not put in front; what can be imported is the copy and the installed packages.
    done = subprocess.run(
        [sys.executable, "-P", str(program)],
        cwd=home,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_contract_of_a_cache_can_be_read(contracts: dict[str, Any]) -> None:
    assert contracts["cache"]["host"] == "cache.caches.svc.cluster.local"
    [connection] = contracts["cache"]["connections"]
    assert (connection["cluster"], connection["namespace"], connection["remote"]) == ("blue", "shop", False)


def test_the_contract_of_a_database_can_be_read(contracts: dict[str, Any]) -> None:
    shop = contracts["postgres"]["shop"]
    assert (shop["host"], shop["role"], shop["secretPath"]) == (
        "shop-pooler.databases.svc.cluster.local",
        "shop",
        "shop/shop",
    )


def test_the_typed_contract_is_the_same(contracts: dict[str, Any]) -> None:
    outputs = [*contracts["cache"]["connections"], *contracts["postgres"]["shop"]["connections"]]
    assert contracts["typed"] == outputs


def test_the_package_was_not_the_checkouts(contracts: dict[str, Any]) -> None:
    """Otherwise this file proves nothing about an installed package."""
    package = Path(contracts["package"]).resolve()
    assert not package.is_relative_to(CHECKOUT.resolve())
    assert not (package.parents[1] / "Pulumi.yaml").exists()
