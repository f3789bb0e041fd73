"""The rendered CronJob's validator, run as its pod would: the ConfigMap's files, its command and its variables."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import unprivileged

from seawall.components.cnpg import validation
from seawall.components.cnpg.args import CnpgSharedClusterArgs

_MEASURE = (
    "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(code)"
)
"""A process between, as one that is started by ours begins with our own memory as its peak."""


@dataclass(frozen=True)
class Ran:
    """What a run came to."""

    code: int
    report: dict[str, Any]
    seconds: float
    """From start to end, Python's own start included."""
    peak_bytes: int
    """The most memory that it had at once."""

    @property
    def failed(self) -> dict[str, str]:
        """Check → message, of those that failed."""
        return {it["check"]: it["message"] for it in self.report["checks"] if it["status"] == "failed"}


def validate(
    args: CnpgSharedClusterArgs, folder: Path, environment: Mapping[str, str], *arguments: str, server: str = ""
) -> Ran:
    """Runs it to its end. `folder` is an empty one or one of an earlier run; `server` another name in the archive.

    `environment` is what the cluster and the store add: credentials, the store's address. Raises `AssertionError` with
    its last words when it makes no report.
    """
    [container] = validation.cron_job(args)["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    volumes = validation.cron_job(args)["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"]
    [items] = [it["configMap"]["items"] for it in volumes if "configMap" in it]
    data = validation.config_map(args)["data"]
    for item in items:
        file = folder / item["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(data[item["key"]])
    given = {it["name"]: it["value"] for it in container["env"] if "value" in it}
    if server:
        given["BACKUP_ARCHIVE"] = f"{given['BACKUP_ARCHIVE'].rpartition('/')[0]}/{server}"
    program, *rest = container["command"]
    assert Path(program).name == "python"
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, sys.executable, *rest, *arguments],
        cwd=folder,
        env=unprivileged.environment({**given, "TERMINATION_FILE": str(folder / "termination"), **environment}),
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - begun
    assert len(done.stdout.splitlines()) == 1, f"no report: {done.stdout}{done.stderr}"
    peak = int(done.stderr.splitlines()[-1])
    return Ran(done.returncode, json.loads(done.stdout), seconds, peak * (1 if sys.platform == "darwin" else 1024))
