"""`seawall verify` with needs and waits forced, in a test or as a process of one.

As a process its arguments are: a file with the rendered stacks, how far it is forced, then its own.

Stacks are rendered once by the tests: it takes seconds, and every process would do it again.

- `plain`: nothing else is another than for a user
- `forced`: simulated nodes are taken for real ones, or on them nothing would be made, changed and left behind; and what
  takes minutes is waited for seconds, but for a drain, which ends when the pods have gone
- `stuck`: a drain as well is soon given up
- `running`: moreover, a pod that seems to run is taken for one that does
"""

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from seawall.cli import app
from seawall.qa.checks import disruptions
from seawall.qa.checks.context import Context
from seawall.qa.verify import asking, pods, surroundings
from seawall.qa.verify.probing import PodProber

How = Literal["plain", "forced", "stuck", "running"]
MOST_S = 2.0
"""What anything is waited for."""
DRAIN_S = {"forced": 180.0, "stuck": 3.0, "running": 3.0}

_rendered = asking.declared
_until = Context.until


def given(known: dict[str, Any], put: Callable[[Any, str, Any], None] = setattr) -> None:
    """Stacks are these, where there are."""
    put(asking, "declared", lambda checkout, name: known[name] if name in known else _rendered(checkout, name))


def force(how: How, put: Callable[[Any, str, Any], None] = setattr) -> None:
    """Takes every need for met, and every wait for short. `put` sets what is changed: for ever, or for a test."""
    if how == "plain":
        return
    put(surroundings, "unmet", lambda *_, **__: {})
    if how == "running":
        put(PodProber, "_really", lambda *_: None)
    put(pods, "START_S", -58)  # of a probe's 60 seconds 2 are left
    put(disruptions, "DRAIN_S", DRAIN_S[how])

    def shorter(self: Context, holds: Callable[[], Any], seconds: float, pause: float = 2.0) -> Any:
        most = disruptions.DRAIN_S if pause == disruptions.LOOK_S else MOST_S
        return _until(self, holds, min(seconds, most), min(pause, 0.5))

    put(Context, "until", shorter)


if __name__ == "__main__":
    given(pickle.loads(Path(sys.argv[1]).read_bytes()))
    force(sys.argv[2])  # type: ignore[arg-type]
    sys.argv = ["seawall", *sys.argv[3:]]
    app.main()
