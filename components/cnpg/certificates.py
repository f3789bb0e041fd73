"""What the certificate probe looks at around one Postgres cluster: which hosts, under which names."""

from seawall.components.cnpg.args import CnpgSharedClusterArgs
from seawall.components.kubernetes.metadata import Manifest
from seawall.components.kubernetes.network import Pods
from seawall.components.probes import certificates
from seawall.components.probes.certificates import CertificateTarget
from seawall.operators.cnpg import POSTGRES_PORT, authority_secret, dns_forms, pooler_labels, service_names


def manifests(args: CnpgSharedClusterArgs) -> dict[str, Manifest]:
    """The probe's objects by purpose."""
    return certificates.manifests(args.settings.certificates, target(args), args.platform)


def target(args: CnpgSharedClusterArgs) -> CertificateTarget:
    """The primary's Service and every pooler with all names that clients use; served former names also as hosts."""
    primary = service_names(args.name)["rw"]
    forms = dns_forms(primary, args.namespace)
    hosts: dict[str, tuple[str, ...]] = {forms[-1]: forms}
    for application in args.applications:
        names = [name for service, namespace in application.services for name in dns_forms(service, namespace)]
        hosts[application.host] = tuple(dict.fromkeys(names))
        if args.settings.names.serve_old_hosts:
            former = [dns_forms(service, namespace) for service, namespace in application.former_services]
            hosts |= {forms[-1]: forms for forms in former}
    return CertificateTarget(
        postgres=args.name,
        namespace=args.namespace,
        hosts=hosts,
        port=POSTGRES_PORT,
        pods=(
            Pods(args.namespace, args.instances),
            *(Pods(args.namespace, pooler_labels(application.pooler)) for application in args.applications),
        ),
        authority_secret=authority_secret(args.name),
        stored_authority=args.settings.secrets.ca,
    )


def probing_pods(args: CnpgSharedClusterArgs) -> Pods:
    """The probe's pods, which instances and poolers let in."""
    return Pods(args.namespace, certificates.pod_labels(args.name))
