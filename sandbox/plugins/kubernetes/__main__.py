"""The executable: `python -m seawall.sandbox.plugins.kubernetes [engine address]`.

`SEAWALL_SANDBOX_API_SERVER` (e.g. `https://127.0.0.1:6443`) must name the only API server it may talk to.
"""

import os
import sys

from seawall.sandbox.plugins import lean


def main() -> None:
    """Start the stand-in, or refuse with exit code 2 when nobody says which API server is the sandbox's."""
    engine = os.getppid()
    lean.install()
    from seawall.sandbox.plugins.kubernetes.kubeconfig import API_SERVER_VARIABLE, sandbox_server
    from seawall.sandbox.plugins.kubernetes.provider import KubernetesStandIn
    from seawall.sandbox.plugins.server import serve

    try:
        server = sandbox_server(os.environ.get(API_SERVER_VARIABLE))
    except ValueError as error:
        sys.exit(_refused(str(error)))
    serve(KubernetesStandIn(server), engine)


def _refused(reason: str) -> int:
    print(f"the kubernetes stand-in does not start: {reason}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
