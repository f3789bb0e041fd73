"""Where things are: the checkout, the user's cache and the sandbox's state. Nothing else is ever written."""

import hashlib
import os
from pathlib import Path

import platformdirs

from seawall.errors import UserError


def checkout() -> Path:
    """The root of the checkout (the folder with `Pulumi.yaml`) that this package is run from.

    Raises `UserError` when the package was installed as a wheel: the program and its stacks are not part of it.
    """
    root = Path(__file__).resolve().parent.parent
    if not (root / "Pulumi.yaml").is_file():
        raise UserError(f"{root} holds no Pulumi.yaml: run this from a checkout of seawall, not from an installed wheel")
    return root


def cache() -> Path:
    """The user's cache (`SEAWALL_CACHE`, else the platform's cache folder): built tools, downloads, sandbox state."""
    given = os.environ.get("SEAWALL_CACHE")
    return Path(given).expanduser().absolute() if given else platformdirs.user_cache_path("seawall")


def state() -> Path:
    """The one folder with the state of this checkout's sandbox (`SEAWALL_STATE`, else a folder of its own in the cache).

    It holds process ids, logs, kubeconfigs, certificates, etcd's data and Pulumi's home and backend, and is removed by
    `seawall down`.
    """
    given = os.environ.get("SEAWALL_STATE")
    if given:
        return Path(given).expanduser().absolute()
    root = str(Path(__file__).resolve().parent.parent)
    return cache() / "sandboxes" / hashlib.sha256(root.encode()).hexdigest()[:12]
