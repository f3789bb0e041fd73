"""The environment of the engine and of the program: built from an allow-list, so that nothing ambient can reach them.

Pulumi, its provider plugins and the SDKs read credentials from dozens of variables (`AWS_*`, `KUBE*`, `PULUMI_*`,
`GOOGLE_*`, `AZURE_*`, `ARM_*`, …) and from files below HOME. A list of what to remove would always be one short, so
only harmless names are kept, and HOME is an empty folder in the sandbox's state.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from seawall import paths
from seawall.sandbox.engine import layout

KEPT = frozenset(
    {"COLUMNS", "COLORTERM", "LANG", "LANGUAGE", "LINES", "LOGNAME", "NO_COLOR", "PATH", "TERM", "TMPDIR", "TZ", "USER"}
)
"""Names that are passed on as they are; so is every `LC_*`."""

DOWNLOADING = frozenset(
    {"ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_DIR", "SSL_CERT_FILE"}
)  # upper and lower case; only for commands that download, since a proxy would also catch calls to the loopback
"""Names that a download needs besides `KEPT`."""

MARKER = "SEAWALL_ENGINE_OF"
"""Set to the sandbox's state folder in every process of the engine, so that survivors of a killed run can be found."""

NOTES = "SEAWALL_PLUGIN_NOTES"
"""The file to which provider stand-ins append what they simulated, a JSON object a line."""


def ambient(*, downloading: bool = False) -> dict[str, str]:
    """What of this process's environment may be passed on; with `downloading` proxies and certificate bundles too."""
    names = KEPT | (DOWNLOADING if downloading else frozenset())
    return {name: value for name, value in os.environ.items() if name.upper() in names or name.startswith("LC_")}


def search_path(*first: Path) -> str:
    """PATH with our interpreter's folder (the policy pack's shebang needs it) and the given folders in front."""
    ahead = [str(Path(sys.executable).parent), *(str(folder) for folder in first)]
    return os.pathsep.join([*ahead, os.environ.get("PATH", os.defpath)])


def program(home: Path, kubeconfig: Path, api_server: str, s3: str) -> dict[str, str]:
    """The environment of the Pulumi program and of the plugins: it can reach the sandbox and nothing else.

    The AWS values are not secrets: the sandbox's S3, KMS and IAM take any.
    """
    return {
        **ambient(),
        "HOME": str(home),
        "PATH": search_path(),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "PYTHONUNBUFFERED": "1",  # a policy pack or plugin says its port on stdout, and the engine waits for it
        "PYTHONPYCACHEPREFIX": os.environ.get("PYTHONPYCACHEPREFIX", str(paths.cache() / "pycache")),
        "SEAWALL_CACHE": str(paths.cache()),
        "KUBECONFIG": str(kubeconfig),
        "SEAWALL_SANDBOX_API_SERVER": api_server,
        "AWS_ENDPOINT_URL": s3,
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
    }


def backend(state: Path) -> dict[str, str]:
    """With what the Pulumi CLI finds the sandbox's stacks and their states."""
    return {
        "PULUMI_HOME": str(layout.home(state)),
        # Without `metadata=skip` the backend writes a second file beside each state, not atomically: a killed update
        # can leave it empty, and then the stack cannot be opened again.
        "PULUMI_BACKEND_URL": f"file://{quote(str(layout.backend(state)))}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(layout.passphrase(state)),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


def engine(state: Path, pulumi: Path) -> dict[str, str]:
    """What the Pulumi CLI needs on top of `program`: its home, its backend and its passphrase, all of the sandbox.

    It never looks for updates or plugins in the network, nor for plugins on PATH: which plugin runs is decided, and
    said, by the driver.
    """
    return {
        **backend(state),
        "PATH": search_path(pulumi.parent),
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
        "PULUMI_AUTOMATION_API": "true",
        "SEAWALL_STATE": str(state),
        "SEAWALL_PYTHON": sys.executable,  # what the policy pack runs on
        MARKER: str(state),
    }


@contextmanager
def applied(variables: Mapping[str, str], folder: Path) -> Iterator[None]:
    """Run the block with exactly these variables as this process's environment, and in this folder.

    The program runs in this process, and the provider SDKs read KUBECONFIG and AWS_* while it does.
    """
    before, was = dict(os.environ), Path.cwd()
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(was)
        os.environ.clear()
        os.environ.update(before)
