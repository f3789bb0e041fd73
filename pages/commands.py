"""Commands that a person runs against a cluster, as the pages show them. Secrets are placeholders."""

from collections.abc import Mapping

from seawall.components.contract import Connection
from seawall.operators.dragonfly import CLIENT_PORT
from seawall.pages.stacks import Stacks

TOOLS_IMAGE = "busybox:1.37"
"""For `nc` and `nslookup`; small, and it runs as any user."""
_OVERRIDES = (
    '{"spec":{"securityContext":{"runAsNonRoot":true,"runAsUser":65534,"seccompProfile":{"type":"RuntimeDefault"}},'
    '"containers":[{"name":"try","securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}}]}}'
)
"""What lets the pod into a namespace with Pod Security `restricted`."""
TRY = f"""try() {{ # context namespace command...
  kubectl --context="$1" -n "$2" run try --rm -i --quiet --restart=Never --image={TOOLS_IMAGE} \\
    --override-type=strategic --overrides='{_OVERRIDES}' \\
    -- "${{@:3}}"
}}"""
"""A shell function that runs one command in a pod of a namespace, and ends with the command's exit code."""


def contexts(stacks: Stacks) -> Mapping[str, str]:
    """Cluster of the mesh → kubeconfig context, as the stacks name them."""
    return {
        stack.settings.platform.cluster: stack.settings.platform.context
        for stack in stacks.values()
        if not stack.settings.platform.simulated
    }


def context(cluster: str, known: Mapping[str, str]) -> str:
    """The kubeconfig context of a cluster; its name, where no stack names one."""
    return known.get(cluster, cluster)


def connects(where: str, namespace: str, host: str, port: int) -> str:
    """Try a port from a namespace: exit code 0 when it opens, another one when it does not within 5 seconds."""
    return f"try {where} {namespace} nc -zv -w 5 {host} {port}"


def resolves(where: str, namespace: str, host: str) -> str:
    """Ask the name service from a namespace."""
    return f"try {where} {namespace} nslookup {host}"


def client(connection: Connection) -> str:
    """How the client itself would connect."""
    return _psql(connection) if connection.service == "postgresql" else _redis(connection)


def _psql(connection: Connection) -> str:
    words = {
        "host": connection.host,
        "port": str(connection.port),
        "dbname": connection.database or "",
        "user": connection.role or "",
        "sslmode": connection.tls_mode,
    }
    if connection.ca is not None:
        words["sslrootcert"] = connection.ca.key
    text = " ".join(f"{key}={value}" for key, value in words.items())
    return f"PGPASSWORD='<password>' psql \"{text}\" -c 'SELECT current_user, current_database()'"


def _redis(connection: Connection) -> str:
    options = [f"-h {connection.host}"] + ([f"-p {connection.port}"] if connection.port != CLIENT_PORT else [])
    if connection.tls_mode != "disable":
        options.append("--tls" + (f" --cacert {connection.ca.key}" if connection.ca else ""))
    if connection.client_certificate:
        options.append("--cert tls.crt --key tls.key")
    return f"REDISCLI_AUTH='<password>' redis-cli {' '.join(options)} PING"
