"""SharedServiceConsumer: what a cluster needs whose applications use the shared services of another one."""

import pulumi

from seawall.components.consumers import latency, manifests, network
from seawall.components.consumers.args import SharedServiceConsumerArgs
from seawall.components.contract import Connection
from seawall.components.kubernetes.metadata import Manifest
from seawall.components.kubernetes.register import register

__all__ = ["SharedServiceConsumer", "SharedServiceConsumerArgs"]


class SharedServiceConsumer(pulumi.ComponentResource):
    """The consumer side of a Cilium mesh: stub Services, egress, secrets, an alert for their arrival, a latency probe.

    The data stays on the producer's cluster; nothing here holds any. Needs the CRDs of Cilium, External Secrets and the
    Prometheus operator, and the namespaces of the clients.
    """

    contract: list[dict[str, object]]
    """How each client namespace on this cluster connects: `Connection.to_dict`."""
    connections: tuple[Connection, ...]
    """The same, typed."""

    def __init__(self, name: str, args: SharedServiceConsumerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("seawall:data:SharedServiceConsumer", name, None, opts)
        self._prefix, self._args = name, args
        self.connections = tuple(it for service in args.services for it in service.connections)
        self.contract = [connection.to_dict() for connection in self.connections]
        for purpose, manifest in manifests.services(args).items():
            self._register(purpose, manifest)
        secrets = manifests.secrets(args)
        for namespace in args.clients:
            self._register(f"egress-{namespace}", network.client_egress(args, namespace))
            for secret, manifest in secrets[namespace].items():
                self._register(f"secret-{namespace}-{secret}", manifest)
            self._register(f"alerts-{namespace}", manifests.alerts(args, namespace))
        for instance, probe in latency.probes(args).items():
            self._probe(instance, probe)
        self.register_outputs({"contract": self.contract})

    def _probe(self, instance: str, probe: dict[str, Manifest]) -> None:
        """Registers a probe; its job comes last, because it needs its script, its walls and its password."""
        made = {
            purpose: self._register(f"latency-{instance}-{purpose}", manifest)
            for purpose, manifest in probe.items()
            if purpose != "job"
        }
        self._register(f"latency-{instance}-job", probe["job"], *made.values())

    def _register(self, suffix: str, manifest: Manifest, *needed: pulumi.Resource) -> pulumi.CustomResource:
        opts = pulumi.ResourceOptions(parent=self, depends_on=[*self._args.after, *needed])
        return register(f"{self._prefix}-{suffix}", manifest, opts)
