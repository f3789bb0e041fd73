"""`python -B -m validator`: validates one archive, prints one line of JSON, ends with the code of its class."""

import os
import signal
import sys

from .run import end, main

if __name__ == "__main__":
    # Kubernetes ends a run that takes too long with SIGTERM; what was found until then is still said.
    signal.signal(signal.SIGTERM, end)
    sys.exit(main(sys.argv[1:], os.environ))
