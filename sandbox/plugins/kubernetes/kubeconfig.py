"""The provider's settings: which API server, as whom. Only the sandbox's own server is ever reached."""

import base64
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from seawall.sandbox.plugins.errors import PluginError, Refusal
from seawall.sandbox.plugins.properties import Properties

API_SERVER_VARIABLE = "SEAWALL_SANDBOX_API_SERVER"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
ALLOWED = ("kubeconfig", "context", "namespace", "enableServerSideApply")


@dataclass(frozen=True)
class Connection:
    """How to reach the API server: its address, TLS settings, headers, and the namespace of objects without one."""

    server: str
    tls: ssl.SSLContext | None
    headers: dict[str, str]
    namespace: str


def sandbox_server(value: str | None) -> str:
    """The API server that `SEAWALL_SANDBOX_API_SERVER` names. Raises `ValueError` when it must not be used."""
    if not value:
        raise ValueError(f"{API_SERVER_VARIABLE} is not set, so no API server is known to be the sandbox's")
    if urlsplit(value).hostname not in LOOPBACK:
        raise ValueError(f"{API_SERVER_VARIABLE} is {value}, which is not on loopback: a sandbox always is")
    return value.rstrip("/")


def check(inputs: Properties, server: str) -> list[Refusal]:
    """What is wrong with the provider's settings `inputs`, when `server` is the sandbox's API server."""
    values = inputs.values
    refusals = [
        Refusal(name, f"{name} is not implemented by the kubernetes stand-in, which takes: {', '.join(ALLOWED)}")
        for name in values
        if name not in ALLOWED and name != "version"
    ]
    refusals += [
        Refusal(name, f"{name} must be known before anything is previewed: give it as plain text")
        for name in ALLOWED
        if name in values and not isinstance(values[name], (str, bool))
    ]
    if values.get("enableServerSideApply", True) not in (True, "true"):
        refusals.append(Refusal("enableServerSideApply", "must be true: the stand-in knows only server-side apply"))
    if not values.get("kubeconfig"):
        refusals.append(Refusal("kubeconfig", "must be given: the path (or the text) of the sandbox's kubeconfig"))
    if not values.get("context"):
        refusals.append(Refusal("context", "must name a context of the kubeconfig: the current context is never used"))
    if refusals:
        return refusals
    try:
        cluster, _, _ = _select(str(values["kubeconfig"]), str(values["context"]))
    except PluginError as error:
        return [Refusal("context", str(error))]
    found = str(cluster.get("server", "")).rstrip("/")
    if found != server:
        return [
            Refusal(
                "context",
                f"context {values['context']!r} points at {found or 'no server'}, which is not the sandbox's API "
                f"server {server}: the stand-in talks to no other. To deploy there, use the vendor's kubernetes plugin",
            )
        ]
    return []


def connect(inputs: Properties) -> Connection:
    """The connection that checked settings describe."""
    given, context = str(inputs.values["kubeconfig"]), str(inputs.values["context"])
    cluster, user, namespace = _select(given, context)
    server = str(cluster["server"]).rstrip("/")
    folder = Path(given).parent if _is_path(given) else None
    headers = {"Authorization": f"Bearer {user['token']}"} if user.get("token") else {}
    own = inputs.values.get("namespace")
    return Connection(server, _tls(server, cluster, user, folder), headers, str(own or namespace or "default"))


def _is_path(given: str) -> bool:
    return "\n" not in given and not given.lstrip().startswith("{")


def _select(given: str, context: str) -> tuple[dict[str, object], dict[str, object], object]:
    """Cluster, user and default namespace of `context` in the kubeconfig `given` (a path or its text)."""
    where = given if _is_path(given) else "the kubeconfig"
    try:
        text = Path(given).read_text() if _is_path(given) else given
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        config = yaml.load(text, Loader=loader)  # noqa: S506 (a safe loader either way)
    except OSError as error:
        raise PluginError(f"{where} cannot be read ({error.strerror}): does the sandbox run?") from error
    except yaml.YAMLError as error:
        raise PluginError(f"{where} is not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(config, dict):
        raise PluginError(f"{where} is not a kubeconfig")
    contexts = _named(config, "contexts", "context")
    if context not in contexts:
        known = ", ".join(sorted(contexts)) or "none"
        raise PluginError(f"context {context!r} is not in {where}, which has: {known}")
    chosen = contexts[context]
    cluster = _named(config, "clusters", "cluster").get(str(chosen.get("cluster")))
    if cluster is None:
        raise PluginError(f"context {context!r} of {where} names cluster {chosen.get('cluster')!r}, which is not there")
    user = _named(config, "users", "user").get(str(chosen.get("user")), {})
    if "exec" in user or "auth-provider" in user:
        raise PluginError(f"context {context!r} of {where} runs a login command: the sandbox's contexts never do")
    return cluster, user, chosen.get("namespace")


def _named(config: dict[str, object], plural: str, singular: str) -> dict[str, dict[str, object]]:
    entries = config.get(plural) or []
    if not isinstance(entries, list):
        return {}
    return {str(e.get("name")): e.get(singular) or {} for e in entries if isinstance(e, dict)}


def _tls(
    server: str, cluster: dict[str, object], user: dict[str, object], folder: Path | None
) -> ssl.SSLContext | None:
    if urlsplit(server).scheme != "https":
        return None
    context = ssl.create_default_context()
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if data := cluster.get("certificate-authority-data"):
        context.load_verify_locations(cadata=base64.b64decode(str(data)).decode())
    elif path := cluster.get("certificate-authority"):
        context.load_verify_locations(cafile=str((folder or Path()) / str(path)))
    if data := user.get("client-certificate-data"):
        # The ssl module reads a client certificate from files only; these are gone before this function returns.
        with tempfile.TemporaryDirectory(dir=folder) as private:
            certificate, key = Path(private, "certificate"), Path(private, "key")
            certificate.write_bytes(base64.b64decode(str(data)))
            key.touch(0o600)
            key.write_bytes(base64.b64decode(str(user.get("client-key-data", ""))))
            context.load_cert_chain(certificate, key)
    elif path := user.get("client-certificate"):
        root = folder or Path()
        context.load_cert_chain(root / str(path), root / str(user.get("client-key", "")))
    return context
