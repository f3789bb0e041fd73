"""The validator, run in this process over HTTP, as the CronJob's entry runs it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from archive_doubles import CREDENTIALS, Archive, server

from seawall.components.cnpg.validator import run


@dataclass(frozen=True)
class Ran:
    """What a run said."""

    code: int
    report: dict[str, Any]

    @property
    def failed(self) -> dict[str, str]:
        """Check → message, of those that failed."""
        return self._by_status("failed")

    @property
    def passed(self) -> dict[str, str]:
        """Check → message, of those that passed."""
        return self._by_status("ok")

    def _by_status(self, status: str) -> dict[str, str]:
        return {one["check"]: one["message"] for one in self.report["checks"] if one["status"] == status}


def validate(archive: Archive, *arguments: str, **changes: str | None) -> Ran:
    """Runs it with the archive's environment; None takes a variable away."""
    return ran(archive.environment, *arguments, **changes)


def ran(environment: Mapping[str, str], *arguments: str, **changes: str | None) -> Ran:
    """Runs it. The report is read from standard output, as everybody reads it."""
    given = {key: value for key, value in {**environment, **changes}.items() if value is not None}
    with pytest.MonkeyPatch.context() as patch:
        for name in CREDENTIALS:
            if name in given:
                patch.setenv(name, given[name])
            else:
                patch.delenv(name, raising=False)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        written: list[str] = []
        patch.setattr("builtins.print", lambda text, **_: written.append(text))
        code = run.main(arguments, given)
    [line] = written
    return Ran(code, json.loads(line))


def endpoints() -> Iterator[str]:
    """An S3 API for a module's tests."""
    made = server()
    host, port = made.get_host_and_port()
    yield f"http://{host}:{port}"
    made.stop()
