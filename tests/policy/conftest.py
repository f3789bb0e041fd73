"""Makes the helpers of the unit tests (`recorder`) importable here, whichever folder is collected first."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "unit"))
