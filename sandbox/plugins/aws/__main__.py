"""The executable: `python -m seawall.sandbox.plugins.aws [engine address]`.

`AWS_ENDPOINT_URL` (e.g. `http://127.0.0.1:5000`) must name the sandbox's S3, KMS and IAM on loopback.
"""

import os
import sys

from seawall.sandbox.plugins import lean


def main() -> None:
    """Start the stand-in, or refuse with exit code 2 when the endpoint is not the sandbox's."""
    engine = os.getppid()
    lean.install()
    from seawall.sandbox.plugins.aws.provider import AwsStandIn
    from seawall.sandbox.plugins.aws.settings import ENDPOINT_VARIABLE, sandbox_endpoint
    from seawall.sandbox.plugins.server import serve

    try:
        endpoint = sandbox_endpoint(os.environ.get(ENDPOINT_VARIABLE))
    except ValueError as error:
        print(f"the aws stand-in does not start: {error}", file=sys.stderr)
        sys.exit(2)
    # Nothing of the user's own AWS settings may reach boto3: credentials and endpoint are given explicitly as well.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
        NO_PROXY="127.0.0.1,localhost,::1",
    )
    serve(AwsStandIn(endpoint), engine)


if __name__ == "__main__":
    main()
