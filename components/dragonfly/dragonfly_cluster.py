"""DragonflyCluster: one shared Dragonfly instance with everything that makes it safe to share."""

import pulumi

from seawall.components.dragonfly import manifests, monitoring, network
from seawall.components.dragonfly.args import DragonflyClusterArgs
from seawall.components.kubernetes.metadata import Manifest
from seawall.components.kubernetes.register import register
from seawall.operators.dragonfly import CLIENT_PORT

__all__ = ["DragonflyCluster", "DragonflyClusterArgs"]


class DragonflyCluster(pulumi.ComponentResource):
    """A Dragonfly instance: the CR, its password, its network policy, its scraping and its alerts.

    The operator makes pods, Service and budget from the CR. Needs the operators' CRDs (Dragonfly, External Secrets,
    Prometheus operator, and Cilium with `cni: cilium`). Raises `UserError` before anything is registered when the
    operator's version cannot do what the instance needs.
    """

    connection: dict[str, str | int]
    """What a client needs: `host`, `port`, and `secretPath`, the entry in the secret store with the password."""

    def __init__(self, name: str, args: DragonflyClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        self._prefix, self._args = name, args
        cluster, secret = manifests.dragonfly(args), manifests.auth(args)
        super().__init__("seawall:data:DragonflyCluster", name, None, opts)
        self.connection = {"host": args.host, "port": CLIENT_PORT, "secretPath": args.settings.auth_secret.path}
        # The walls stand before the pods do, and the pods do not start without their password.
        policy = self._register("network", network.network_policy(args))
        password = self._register("auth", secret)
        self._register("dragonfly", cluster, policy, password)
        self._register("scrape", monitoring.scrape(args))
        self._register("alerts", monitoring.rules(args))
        self.register_outputs(self.connection)

    def _register(self, suffix: str, manifest: Manifest, *needed: pulumi.Resource) -> pulumi.CustomResource:
        opts = pulumi.ResourceOptions(parent=self, depends_on=[*self._args.after, *needed])
        return register(f"{self._prefix}-{suffix}", manifest, opts)
