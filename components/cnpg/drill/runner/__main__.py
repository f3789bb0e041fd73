"""The runner's entry: one report on stdout as one line of JSON, progress on stderr, the outcome as exit code."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from .api import ACCOUNT, Api
from .archive import Archive
from .drill import Drill, now
from .failures import DrillError, Failure
from .plan import read
from .recovery import PAUSE_S, Recovery
from .stop import Stop

FOLDER = Path(__file__).parent.parent


def main(environment: Mapping[str, str]) -> int:
    """Runs one drill; the exit code."""
    stop = Stop()
    begun = now()
    try:
        plan = read(FOLDER, environment, begun)
        address = f"https://{_host(environment['KUBERNETES_SERVICE_HOST'])}:{environment['KUBERNETES_SERVICE_PORT']}"
        api = Api(address, Path(environment.get("DRILL_ACCOUNT", ACCOUNT)))
        archive = Archive(plan.bucket, plan.archive, plan.endpoint)
    except DrillError as error:
        return _unusable(error)
    except (KeyError, ValueError) as error:
        return _unusable(DrillError(Failure.SETTINGS, f"the environment does not fit: {error}"))
    pause = float(environment.get("DRILL_PAUSE_SECONDS", PAUSE_S))
    drill = Drill(plan, api, archive, Recovery(api, plan, pause), stop)
    report = drill.run()
    text = json.dumps(report.document(now()))
    drill.keep(text)
    print(text, flush=True)
    return report.exit_code


def _host(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _unusable(error: DrillError) -> int:
    kind = error.failure.value
    failure = {"class": error.failure.name.lower(), "code": kind.code, "message": str(error), "advice": kind.advice}
    print(json.dumps({"version": 1, "ok": False, "restorable": None, "failure": failure}), flush=True)
    return kind.code


if __name__ == "__main__":
    sys.exit(main(os.environ))
