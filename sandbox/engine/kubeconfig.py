"""The kubeconfig of a stack: it can reach the sandbox's API server and no other."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from seawall.errors import EnvironmentFailure

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def write(source: Path, api_server: str, contexts: list[str], file: Path) -> None:
    """Write `file` (0600): the cluster and user of the sandbox's kubeconfig `source`, once per name in `contexts`.

    The first name is the current context. Raises `EnvironmentFailure` when `source` does not point at `api_server` on
    the loopback.
    """
    if urlsplit(api_server).hostname not in LOOPBACK:
        raise EnvironmentFailure(f"the sandbox's API server is {api_server}, which is not on this machine: not used")
    content = yaml.safe_load(source.read_text(encoding="utf-8"))
    for context in content.get("contexts") or []:
        cluster = _named(content, "clusters", context["context"]["cluster"])
        user = _named(content, "users", context["context"].get("user", ""))
        if cluster and cluster.get("server", "").rstrip("/") == api_server.rstrip("/"):
            break
    else:
        raise EnvironmentFailure(f"{source} has no context for {api_server}: `seawall down`, then the same again")
    ours = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "seawall-sandbox", "cluster": cluster}],
        "users": [{"name": "seawall-sandbox", "user": user or {}}],
        "contexts": [
            {"name": name, "context": {"cluster": "seawall-sandbox", "user": "seawall-sandbox"}}
            for name in dict.fromkeys(contexts)
        ],
        "current-context": contexts[0],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_name(f"{file.name}.new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        yaml.safe_dump(ours, stream, sort_keys=False)
    scratch.replace(file)


def _named(content: dict[str, Any], kind: str, name: str) -> dict[str, Any] | None:
    for item in content.get(kind) or []:
        if item["name"] == name:
            found = item[kind.removesuffix("s")]
            return found if isinstance(found, dict) else None
    return None
