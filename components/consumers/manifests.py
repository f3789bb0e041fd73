"""The objects of the consumer side, as plain data."""

from collections.abc import Iterator

from seawall.components.consumers.args import SharedServiceConsumerArgs
from seawall.components.consumers.services import ClientSecret, ConsumedService
from seawall.components.kubernetes.external_secret import external_secret
from seawall.components.kubernetes.metadata import Manifest, metadata
from seawall.components.kubernetes.monitoring import about, prometheus_rule, secret_sync_alert
from seawall.components.kubernetes.service import STUB_SERVICE, external_name
from seawall.operators import annotations

SECRET_ALERT = "SharedServiceSecretNotSynced"  # noqa: S105  # the name of an alert


def stub(args: SharedServiceConsumerArgs, service: ConsumedService) -> Manifest:
    """The Service by which clients here find the producer's pods.

    It has no selector and so no endpoints on this cluster: Cilium adds those of the same name, namespace and port name
    on the other one. Not shared, so that whatever endpoints it should ever get here answer nobody elsewhere: a second
    master behind the producer's Service would split its writes.
    """
    imported = (
        {annotations.IMPORTS: annotations.instance(namespace=service.namespace, name=service.instance)}
        if service.instance
        else {}
    )
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(
            service.name, service.namespace, labels=args.labels, annotations={**STUB_SERVICE, **imported}
        ),
        "spec": {
            "type": "ClusterIP",
            "ports": [{"name": service.port_name, "port": service.port, "targetPort": service.port, "protocol": "TCP"}],
        },
    }


def services(args: SharedServiceConsumerArgs) -> dict[str, Manifest]:
    """Purpose → Service: the stubs, and the former names that the producer still serves."""
    made: dict[str, Manifest] = {}
    for service in args.services:
        made[f"service-{service.namespace}-{service.name}"] = stub(args, service)
        for name, namespace in service.aliases:
            made[f"alias-{namespace}-{name}"] = external_name(name, namespace, service.host, args.labels)
    return made


def secrets(args: SharedServiceConsumerArgs) -> dict[str, dict[str, Manifest]]:
    """Client namespace → name → what is fetched there: passwords, and the certificate that verifies the servers."""
    return {
        namespace: {secret.name: _secret(args, namespace, secret) for secret in _secrets(consumed)}
        for namespace, consumed in args.clients.items()
    }


def _secrets(consumed: tuple[ConsumedService, ...]) -> Iterator[ClientSecret]:
    for service in consumed:
        yield from service.secrets


def _secret(args: SharedServiceConsumerArgs, namespace: str, secret: ClientSecret) -> Manifest:
    return external_secret(
        secret.name,
        namespace,
        store=args.platform.secret_store.reference,
        path=secret.path,
        fields=secret.fields,
        secret_type=secret.type,
        labels=args.labels,
    )


def alerts(args: SharedServiceConsumerArgs, namespace: str) -> Manifest:
    """The alert for the secrets of one client namespace: without it a password that never came is a riddle there."""
    names = sorted(secrets(args)[namespace])
    return prometheus_rule(
        args.object_name,
        namespace,
        alerts=[secret_sync_alert(SECRET_ALERT, namespace, names)],
        alert_labels=about("shared-services", namespace, args.producer),
        runbooks=args.platform.observability.runbooks,
        labels=args.labels,
    )
