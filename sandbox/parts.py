"""The parts of the sandbox: how each process is started, and how we know that it is healthy. Loopback only."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import urllib3

from seawall.operators.barman import PLUGIN_NAME
from seawall.operators.versions import barman_sidecar_image
from seawall.sandbox import cnpg
from seawall.sandbox.pki import Pki
from seawall.sandbox.ports import LOOPBACK
from seawall.sandbox.processes import Part

TOOLS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kwok",
    "cnpg-manager",
    "barman-plugin",
)
"""The tools that the sandbox runs (names of the catalogue of `tools/`)."""

PORTS_OF: Mapping[str, tuple[str, ...]] = {
    "etcd": ("etcd", "etcd-peer"),
    "kube-apiserver": ("kube-apiserver",),
    "kube-controller-manager": ("kube-controller-manager",),
    "kube-scheduler": ("kube-scheduler",),
    "kwok": ("kwok",),
    "moto": ("moto",),
    "barman-plugin": ("barman-health",),
    "cnpg-manager": ("cnpg-webhook", "cnpg-metrics"),
}
"""Every part in the order in which they are started, and the ports that it listens on."""

WHAT: Mapping[str, str] = {
    "etcd": "etcd (real)",
    "kube-apiserver": "kube-apiserver (real)",
    "kube-controller-manager": "kube-controller-manager (real)",
    "kube-scheduler": "kube-scheduler (real)",
    "kwok": "kwok (nodes, running pods and volumes are simulated)",
    "moto": "moto (S3, KMS, IAM and STS are simulated, in memory)",
    "barman-plugin": "barman plugin (real; without cert-manager, over a Unix socket)",
    "cnpg-manager": "CloudNativePG operator (real, bound to loopback by one changed line; its instances are simulated)",
}
"""What each part is, and whether it is real, in one phrase."""

POD_CIDR = "240.0.0.1/12"
"""Addresses of simulated pods and nodes: a reserved block (RFC 1112, class E) that no network routes, so that the
operator's calls to pods that do not exist can never reach anybody's host."""

_SERVICE_CIDR = "10.96.0.0/16"
_SOCKET = PLUGIN_NAME  # the plugin names its socket after itself
_SOCKET_PATH_MAX = 103  # what every platform takes for a Unix socket's path (104 bytes with the final zero on macOS)


def api_server(ports: Mapping[str, int]) -> str:
    """URL of the API server."""
    return f"https://{LOOPBACK}:{ports['kube-apiserver']}"


def moto(ports: Mapping[str, int]) -> str:
    """URL of S3, KMS, IAM and STS."""
    return f"http://{LOOPBACK}:{ports['moto']}"


def socket_dir(state: Path) -> Path:
    """Where the barman plugin serves and the CNPG operator looks for plugins."""
    return state / "plugins"


def socket_path_excess(state: Path) -> int:
    """By how many characters the state folder's path is too long for the plugin's Unix socket; 0 when it fits."""
    return max(0, len(str(socket_dir(state) / _SOCKET).encode()) - _SOCKET_PATH_MAX)


class Parts:
    """Makes the parts of one sandbox from its folder, tools, ports and certificates."""

    def __init__(self, state: Path, ports: Mapping[str, int], pki: Pki) -> None:
        self.state = state
        self.ports = ports
        self.pki = pki
        self._pool = urllib3.PoolManager(
            ca_certs=str(pki.ca),
            cert_file=str(pki.cert("admin")),
            key_file=str(pki.key("admin")),
            retries=False,
            timeout=urllib3.Timeout(connect=1, read=3),
        )
        self._etcd_pool = urllib3.PoolManager(
            ca_certs=str(pki.ca),
            cert_file=str(pki.cert("etcd-client")),
            key_file=str(pki.key("etcd-client")),
            retries=False,
            timeout=urllib3.Timeout(connect=1, read=3),
        )

    def kubeconfig(self, name: str) -> Path:
        """The kubeconfig of a part."""
        return self.state / "pki" / f"{name}.kubeconfig"

    def clients(self) -> tuple[str, ...]:
        """Parts that need a kubeconfig of their own."""
        return ("kube-controller-manager", "kube-scheduler", "kwok", "cnpg-manager", "barman-plugin")

    def probes(self) -> dict[str, Callable[[], str | None]]:
        """How the health of each part is told, by name."""
        socket = socket_dir(self.state) / _SOCKET
        return {
            "etcd": self._http(f"https://{LOOPBACK}:{self.ports['etcd']}/health", self._etcd_pool),
            "kube-apiserver": self._http(f"{api_server(self.ports)}/readyz"),
            "kube-controller-manager": self._https("kube-controller-manager", "healthz"),
            "kube-scheduler": self._https("kube-scheduler", "healthz"),
            "kwok": self._http(f"http://{LOOPBACK}:{self.ports['kwok']}/healthz"),
            "moto": self._http(f"{moto(self.ports)}/moto-api/config"),
            "barman-plugin": lambda: None if socket.is_socket() else "its socket is not there yet",
            "cnpg-manager": self._https("cnpg-webhook", "readyz"),
        }

    def _https(self, port: str, path: str) -> Callable[[], str | None]:
        return self._http(f"https://{LOOPBACK}:{self.ports[port]}/{path}")

    def _http(self, url: str, pool: urllib3.PoolManager | None = None) -> Callable[[], str | None]:
        def probe() -> str | None:
            try:
                status = (pool or self._pool).request("GET", url).status
            except urllib3.exceptions.HTTPError:
                return f"{url} does not answer"
            return None if status < 400 else f"{url} answers {status}"

        return probe

    def etcd(self, binary: Path) -> Part:
        """The API server's store. Its data stay in the state folder."""
        client, peer = (f"https://{LOOPBACK}:{self.ports[port]}" for port in ("etcd", "etcd-peer"))
        tls = [
            argument
            for prefix in ("", "peer-")
            for argument in (
                f"--{prefix}cert-file={self.pki.cert('server')}",
                f"--{prefix}key-file={self.pki.key('server')}",
                f"--{prefix}trusted-ca-file={self.pki.ca}",
                f"--{prefix}client-cert-auth=true",
            )
        ]
        return self._part(
            "etcd",
            binary,
            "--name=sandbox",
            f"--data-dir={self.state / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=sandbox={peer}",
            *tls,
            "--unsafe-no-fsync=true",  # a power cut may cost the sandbox its data, and nothing else
            "--log-level=warn",
        )

    def kube_apiserver(self, binary: Path) -> Part:
        """The API server."""
        return self._part(
            "kube-apiserver",
            binary,
            f"--bind-address={LOOPBACK}",
            f"--advertise-address={LOOPBACK}",
            f"--secure-port={self.ports['kube-apiserver']}",
            f"--tls-cert-file={self.pki.cert('server')}",
            f"--tls-private-key-file={self.pki.key('server')}",
            f"--client-ca-file={self.pki.ca}",
            "--anonymous-auth=false",
            "--authorization-mode=RBAC",
            f"--etcd-servers=https://{LOOPBACK}:{self.ports['etcd']}",
            f"--etcd-cafile={self.pki.ca}",
            f"--etcd-certfile={self.pki.cert('etcd-client')}",
            f"--etcd-keyfile={self.pki.key('etcd-client')}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.pki.service_account_public}",
            f"--service-account-signing-key-file={self.pki.service_account_key}",
            f"--service-cluster-ip-range={_SERVICE_CIDR}",
            "--endpoint-reconciler-type=none",  # nothing in the cluster can call a loopback address
            "--allow-privileged=true",
            "--profiling=false",
        )

    def kube_controller_manager(self, binary: Path) -> Part:
        """Deployments, Jobs, budgets, garbage collection, volume binding, and the rest of the real controllers."""
        return self._part(
            "kube-controller-manager",
            binary,
            *self._controller_arguments("kube-controller-manager"),
            f"--service-account-private-key-file={self.pki.service_account_key}",
            f"--root-ca-file={self.pki.ca}",
            "--use-service-account-credentials=true",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
            # The default is a folder under /usr, which it would create.
            f"--flex-volume-plugin-dir={self.state / 'home' / 'flex'}",
        )

    def kube_scheduler(self, binary: Path) -> Part:
        """The scheduler."""
        return self._part(
            "kube-scheduler",
            binary,
            *self._controller_arguments("kube-scheduler"),
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        )

    def _controller_arguments(self, name: str) -> tuple[str, ...]:
        config = self.kubeconfig(name)
        return (
            f"--kubeconfig={config}",
            f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={self.ports[name]}",
            f"--tls-cert-file={self.pki.cert('server')}",
            f"--tls-private-key-file={self.pki.key('server')}",
            "--leader-elect=false",
            "--profiling=false",
        )

    def kwok(self, binary: Path) -> Part:
        """Simulated nodes, pods and volumes."""
        stages = Path(__file__).with_name("stages.yaml")
        return self._part(
            "kwok",
            binary,
            f"--kubeconfig={self.kubeconfig('kwok')}",
            f"--config={stages}",
            "--manage-all-nodes=true",
            "--node-lease-duration-seconds=40",
            f"--server-address={LOOPBACK}:{self.ports['kwok']}",
            "--node-port=0",
            f"--cidr={POD_CIDR}",
            f"--node-ip={POD_CIDR.partition('/')[0]}",
            depends=(stages.read_text(encoding="utf-8"),),
        )

    def moto(self) -> Part:
        """S3, KMS, IAM and STS in memory: what it holds ends with the process.

        moto can record its requests and play them back, but a replay gives other key ids and times, which would look
        like the same store and be another. So a restart is an empty store, and the start says so.
        """
        return self._part(
            "moto",
            Path(sys.executable),
            "-m",
            "moto.server",
            "-H",
            LOOPBACK,
            "-p",
            str(self.ports["moto"]),
        )

    def barman_plugin(self, binary: Path, version: str) -> Part:
        """The real barman plugin, reached by the operator through a Unix socket instead of cert-manager's TLS."""
        socket_dir(self.state).mkdir(exist_ok=True)
        return self._part(
            "barman-plugin",
            binary,
            "operator",
            f"--plugin-path={socket_dir(self.state)}",
            f"--health-probe-bind-address={LOOPBACK}:{self.ports['barman-health']}",
            "--metrics-bind-address=0",  # off
            env={
                "KUBECONFIG": str(self.kubeconfig("barman-plugin")),
                "SIDECAR_IMAGE": barman_sidecar_image(version),
            },
        )

    def cnpg_manager(self, binary: Path, image: str, plugin: str) -> Part:
        """The real CloudNativePG operator, out of cluster, with its admission webhooks.

        `plugin` names the running barman plugin: another one means that the operator is started anew.
        """
        return self._part(
            "cnpg-manager",
            binary,
            "controller",
            f"--config-map-name={cnpg.CONFIG_MAP}",
            f"--webhook-port={self.ports['cnpg-webhook']}",
            f"--metrics-bind-address={LOOPBACK}:{self.ports['cnpg-metrics']}",
            env={
                "KUBECONFIG": str(self.kubeconfig("cnpg-manager")),
                "OPERATOR_NAMESPACE": cnpg.NAMESPACE,
                "OPERATOR_DEPLOYMENT_NAME": cnpg.DEPLOYMENT,
                "OPERATOR_IMAGE_NAME": image,
                "MONITORING_QUERIES_CONFIGMAP": cnpg.MONITORING_CONFIG_MAP,
                "PLUGIN_SOCKET_DIR": str(socket_dir(self.state)),
                "WEBHOOK_CERT_DIR": str(self.work_dir() / "webhook"),
            },
            cwd=self.work_dir(),
            depends=(plugin,),
        )

    def work_dir(self) -> Path:
        """The folder that the CloudNativePG operator runs in."""
        return self.state / "cnpg"

    def _part(
        self,
        name: str,
        binary: Path,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        depends: tuple[str, ...] = (),
    ) -> Part:
        # A client's kubeconfig keeps its path when the API server's address or the certificates change.
        if name in self.clients():
            depends = (*depends, self.kubeconfig(name).read_text(encoding="utf-8"))
        return Part(
            name=name,
            argv=(str(binary), *arguments),
            probe=self.probes()[name],
            cwd=cwd or self.state,
            env=env or {},
            ports=PORTS_OF[name],
            depends=depends,
        )
