"""`seawall verify` as a process that takes simulated nodes for real ones and waits for seconds instead of minutes.

For tests of what a run makes, changes and leaves behind: on simulated nodes it would otherwise make nothing. Arguments:
a file with the rendered stacks, then those of `seawall`.
"""

import os
import pickle
import sys
from pathlib import Path

from seawall.cli import app
from seawall.qa.checks import disruptions
from seawall.qa.checks.context import Context
from seawall.qa.verify import asking, pods, surroundings
from seawall.qa.verify.probing import PodProber

MOST_S = 3.0
"""What anything is waited for."""


def force(stacks: Path) -> None:
    """Takes every need for met, and every wait for short."""
    # Rendered by the test itself, for it is done in every process that is interrupted.
    known = pickle.loads(stacks.read_bytes())
    asking.declared = lambda _, name: known[name]
    surroundings.unmet = lambda *_, **__: {}
    if os.environ.get("SEAWALL_TEST_PODS") == "run":
        PodProber._really = lambda *_: None  # type: ignore[method-assign]
    pods.START_S = -57  # of a probe's 60 seconds 3 are left
    disruptions.DRAIN_S = 2 * MOST_S
    until = Context.until

    def shorter(self: Context, holds, seconds: float, pause: float = 2.0):  # type: ignore[no-untyped-def]
        return until(self, holds, min(seconds, MOST_S), min(pause, 0.5))

    Context.until = shorter  # type: ignore[method-assign]


if __name__ == "__main__":
    force(Path(sys.argv[1]))
    sys.argv = ["seawall", *sys.argv[2:]]
    app.main()
