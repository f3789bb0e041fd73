"""The policy pack, started by the Pulumi CLI as a directory, or by the engine as an executable (`pack`)."""

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
# Python puts this folder first on its path; its rooms are found through the checkout, under the one import name
sys.path[:] = [str(_HERE.parent), *(entry for entry in sys.path if Path(entry or ".").resolve() != _HERE)]

from seawall.policy.serving import serve  # noqa: E402 - only found once the path is right

serve()
