"""DragonflyCluster: one shared Dragonfly instance with everything that makes it safe to share."""

import pulumi

from seawall.components.contract import Connection
from seawall.components.dragonfly import latency, manifests, monitoring, network, secrets
from seawall.components.dragonfly.args import DragonflyClusterArgs
from seawall.components.dragonfly.contract import contract, dragonfly_connections
from seawall.components.kubernetes.metadata import Manifest
from seawall.components.kubernetes.register import register

__all__ = ["DragonflyCluster", "DragonflyClusterArgs"]


class DragonflyCluster(pulumi.ComponentResource):
    """A Dragonfly instance: the CR, its secrets, walls and former names, its scraping, alerts and latency probe.

    The operator makes pods, Service and budget from the CR. Needs the operators' CRDs (Dragonfly, External Secrets,
    Prometheus operator, and Cilium with `cni: cilium`). With deletion protection the engine refuses to delete the CR,
    and what it cannot live without, walls and secrets, stays in the cluster even when the stack forgets it.

    TLS, where the settings ask for it, is for clients: replication and the admin port 9999 stay plaintext. Raises
    `UserError` before anything is registered when the operator's version cannot do what the instance needs.
    """

    connection: dict[str, object]
    """What a client needs: `host`, `port`, `secretPath` (the entry in the secret store with the password), and under
    `connections` how each declared client namespace sees it."""
    connections: tuple[Connection, ...]
    """The same for each declared client namespace of each cluster, typed."""

    def __init__(self, name: str, args: DragonflyClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        self._prefix, self._args = name, args
        cluster, made = manifests.dragonfly(args), secrets.external_secrets(args)
        super().__init__("seawall:data:DragonflyCluster", name, None, opts)
        self.connection, self.connections = contract(args), dragonfly_connections(args)
        # The walls stand before the pods do, and the pods do not start without their secrets.
        policy = self._register("network", network.network_policy(args), keep=True)
        needed = [self._register(purpose, manifest, keep=True) for purpose, manifest in made.items()]
        account = secrets.service_account(args)
        if account is not None:
            needed.append(self._register("account", account, keep=True))
        instance = self._register("dragonfly", cluster, policy, *needed, keep=True, protect=args.settings.protected)
        for alias, manifest in manifests.aliases(args).items():
            self._register(f"alias-{alias}", manifest, instance)
        self._register("scrape", monitoring.scrape(args))
        self._register("alerts", monitoring.rules(args))
        self._latency(instance)
        self.register_outputs(self.connection)

    def _latency(self, instance: pulumi.Resource) -> None:
        """The probe in a client's namespace: it runs when there is something to measure, behind its own walls."""
        made = latency.probe(self._args)
        job = made.pop("job", None)
        parts = [self._register(f"latency-{purpose}", manifest) for purpose, manifest in made.items()]
        if job is not None:
            self._register("latency-job", job, instance, *parts)

    def _register(
        self, suffix: str, manifest: Manifest, *needed: pulumi.Resource, keep: bool = False, protect: bool = False
    ) -> pulumi.CustomResource:
        """Registers a child; `keep` is for what a protected instance cannot live without."""
        opts = pulumi.ResourceOptions(
            parent=self,
            depends_on=[*self._args.after, *needed],
            protect=protect,
            retain_on_delete=keep and self._args.settings.protected,
        )
        return register(f"{self._prefix}-{suffix}", manifest, opts)
