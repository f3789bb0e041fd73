"""The names that a Cluster's servers and poolers show in their certificates, and those under which they are called."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from seawall.operators.cnpg import dns_forms, service_names
from seawall.policy.estate.kinds import CERTIFICATE, POOLER, SERVICE
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.postgresql.tenants import of_cluster
from seawall.policy.estate.values import CannotEvaluateError

_DOMAIN_PARTS = 3
"""`<service>.<namespace>.svc`: whatever stands behind it is the domain of the Kubernetes cluster."""


@dataclass(frozen=True)
class Shown:
    """A certificate that is shown to clients, and the Services under which they come to it."""

    services: tuple[tuple[str, str, str], ...]
    """Name and namespace of a Service, and for a person what it leads to."""
    names: frozenset[str]
    where: KubeObject
    """The object that says which names are in it."""
    path: tuple[str, ...]
    whole: bool = True
    """Whether the form with the domain of the Kubernetes cluster must be there as well."""

    def missing(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """What a Service leads to, and the forms of its name that the certificate lacks."""
        for service, namespace, what in self.services:
            forms = dns_forms(service, namespace)
            lacking = tuple(form for form in (forms if self.whole else forms[:-1]) if not self._has(form))
            if lacking:
                yield what, lacking

    def _has(self, form: str) -> bool:
        if form in self.names:
            return True
        rest = form.partition(".")[2]
        if rest and f"*.{rest}" in self.names:
            return True
        parts = form.split(".")
        if len(parts) <= _DOMAIN_PARTS:
            return False
        start = ".".join(parts[:_DOMAIN_PARTS]) + "."
        wild = f"*.{'.'.join(parts[1:_DOMAIN_PARTS])}."
        return any(name.startswith((start, wild)) for name in self.names)


def shown_by(cluster: KubeObject, estate: Estate) -> Iterator[Shown]:
    """The certificates of a Cluster and of its poolers, where the names in them can be seen.

    A pooler shows the server's certificate unless it names a Secret of its own. The names in a Secret that nobody in
    the estate issues cannot be seen. In a certificate of one's own the form with the domain may be left out, as in the
    operator's documentation. Raises `CannotEvaluateError`.
    """
    poolers: list[tuple[str, str, str]] = []
    for pooler in of_cluster(POOLER, cluster, estate):
        called = _called(pooler.name, pooler.namespace, f"pooler {pooler.name}", estate)
        secret = pooler.at("spec", "pgbouncer", "clientTLSSecret", "name").text()
        if secret is None:
            poolers += called
        elif (certificate := _certificate(pooler.namespace, secret, estate)) is not None:
            yield Shown(tuple(called), _dns_names(certificate), certificate, ("spec", "dnsNames"), whole=False)
    own = service_names(cluster.name)
    secret = cluster.at("spec", "certificates", "serverTLSSecret").text()
    if secret is None:
        path = ("spec", "certificates", "serverAltDNSNames")
        given = {name.text() or "" for name in cluster.at(*path).items()}
        made = {form for name in own.values() for form in dns_forms(name, cluster.namespace)}
        aliases = [it for name in own.values() for it in _called(name, cluster.namespace, name, estate)[1:]]
        yield Shown((*aliases, *poolers), frozenset(given | made), cluster, path)
    elif (certificate := _certificate(cluster.namespace, secret, estate)) is not None:
        servers = [it for name in own.values() for it in _called(name, cluster.namespace, name, estate)]
        yield Shown((*servers, *poolers), _dns_names(certificate), certificate, ("spec", "dnsNames"), whole=False)


def _dns_names(certificate: KubeObject) -> frozenset[str]:
    try:
        return frozenset(name.text() or "" for name in certificate.at("spec", "dnsNames").items())
    except CannotEvaluateError as problem:
        problem.about(certificate)
        raise


def _called(service: str, namespace: str, what: str, estate: Estate) -> list[tuple[str, str, str]]:
    """A Service, and those of other names that are aliases (ExternalName) of it."""
    aliases = estate.memo(_aliases).get((service, namespace), ())
    return [
        (service, namespace, what),
        *((it.name, it.namespace, f"{what}, by its alias {it.namespace}/{it.name}") for it in aliases),
    ]


def _aliases(estate: Estate) -> dict[tuple[str, str], list[KubeObject]]:
    found: dict[tuple[str, str], list[KubeObject]] = defaultdict(list)
    for service in estate.of(SERVICE):
        try:
            host = service.at("spec", "externalName").text() if _is_alias(service) else None
        except CannotEvaluateError:
            continue  # what is outside has such names: nobody names a pooler by what another resource makes
        parts = (host or "").rstrip(".").split(".")
        if len(parts) >= 2 and (len(parts) == 2 or parts[2] == "svc"):
            found[parts[0], parts[1]].append(service)
    return found


def _is_alias(service: KubeObject) -> bool:
    return service.at("spec", "type").text() == "ExternalName"


def _certificate(namespace: str, secret: str, estate: Estate) -> KubeObject | None:
    """The Certificate (cert-manager) that fills a Secret, None when none in the estate does.

    Raises `CannotEvaluateError` when none is known, and one of the namespace may.
    """
    issued = estate.memo(_issued)
    found = issued.found.get((namespace, secret))
    if found is None and namespace in issued.unread:
        raise issued.unread[namespace].with_traceback(None)
    return found


class _Issued:
    """The Certificates by namespace and name of the Secret that each fills."""

    def __init__(self, estate: Estate) -> None:
        self.found: dict[tuple[str, str], KubeObject] = {}
        self.unread: dict[str, CannotEvaluateError] = {}
        """Namespace → why nobody can tell which Secret one of them fills."""
        for certificate in estate.of(CERTIFICATE):
            try:
                secret = certificate.at("spec", "secretName").text()
            except CannotEvaluateError as problem:
                problem.about(certificate)
                self.unread.setdefault(certificate.namespace, problem)
            else:
                if secret:
                    self.found[certificate.namespace, secret] = certificate


def _issued(estate: Estate) -> _Issued:
    return _Issued(estate)
