"""Kubeconfigs of the sandbox: one cluster, the sandbox's API server, and nothing else of this machine."""

import base64
from pathlib import Path

import yaml

from seawall.sandbox.pki import Pki

CONTEXT = "seawall-sandbox"


def write(path: Path, server: str, pki: Pki, client: str) -> bool:
    """Write a kubeconfig (0600) whose only context is `seawall-sandbox`; True when it changed.

    Certificates are embedded, so that the file can be used from anywhere.
    """

    def data(file: Path) -> str:
        return base64.b64encode(file.read_bytes()).decode("ascii")

    text = yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": CONTEXT,
            "clusters": [
                {"name": CONTEXT, "cluster": {"server": server, "certificate-authority-data": data(pki.ca)}},
            ],
            "users": [
                {
                    "name": client,
                    "user": {
                        "client-certificate-data": data(pki.cert(client)),
                        "client-key-data": data(pki.key(client)),
                    },
                },
            ],
            "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": client}}],
        },
        sort_keys=False,
    )
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    draft = path.with_suffix(".tmp")
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
    return True
