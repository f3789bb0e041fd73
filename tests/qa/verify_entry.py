"""`seawall` as a process of a test. Arguments: a file with the rendered stacks, how far it is forced, then its own.

Stacks are rendered once by the test itself: it takes seconds, and every process would do it again.

- `plain`: nothing else is another than for a user
- `forced`: simulated nodes are taken for real ones, or on them nothing would be made, changed and left behind; and what
  takes minutes is waited for seconds
- `running`: as well, a pod that seems to run is taken for one that does
"""

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


def given(stacks: Path) -> None:
    """Stacks are those of the file."""
    known = pickle.loads(stacks.read_bytes())
    asking.declared = lambda _, name: known[name] if name in known else rendered(_, name)


rendered = asking.declared


def force(how: str) -> None:
    """Takes every need for met, and every wait for short."""
    surroundings.unmet = lambda *_, **__: {}
    if how == "running":
        PodProber._really = lambda *_: None  # type: ignore[method-assign]
    pods.START_S = -57  # of a probe's 60 seconds 3 are left
    disruptions.DRAIN_S = 2 * MOST_S
    until = Context.until

    def shorter(self: Context, holds, seconds: float, pause: float = 2.0):  # type: ignore[no-untyped-def]
        most = disruptions.DRAIN_S if pause == disruptions.LOOK_S else MOST_S
        return until(self, holds, min(seconds, most), min(pause, 0.5))

    Context.until = shorter  # type: ignore[method-assign]


if __name__ == "__main__":
    given(Path(sys.argv[1]))
    if sys.argv[2] != "plain":
        force(sys.argv[2])
    sys.argv = ["seawall", *sys.argv[3:]]
    app.main()
