"""The names of everything that the operator makes of a Cluster and of a Pooler, by kind. Source of 1.30.0."""

from seawall.operators.cnpg import authority_secret, service_names

LONGEST_CLUSTER = 50
"""The webhook refuses a longer name of a Cluster."""
LONGEST_POOLER = 46
"""The pods of a Pooler are `<pooler>-<10 characters>-<5 characters>`, and Kubernetes cuts what stands before the last
part at 58 characters: the pods of a longer one could not be told by their names, as metrics do."""

CERTIFICATE_SECRETS = ("pooler", "replication", "server")
PASSWORD_SECRETS = ("app", "superuser")
"""What the operator puts behind a Cluster's name for its own Secrets, besides the authority's. A Secret with a password
that it finds and did not make is left alone."""


def any_service(cluster: str) -> str:
    """The Service of all pods, ready or not, which an operator makes when it is told to (`CREATE_ANY_SERVICE`)."""
    return f"{cluster}-any"


def cluster_services(cluster: str) -> tuple[str, ...]:
    """The Services of a Cluster: the operator refuses to go on with one of these names that it did not make."""
    return tuple(service_names(cluster).values())


def cluster_secrets(cluster: str) -> dict[str, str]:
    """Purpose → the Secret of a Cluster that the operator makes unless the resource names another one."""
    return {"ca": authority_secret(cluster)} | {
        purpose: f"{cluster}-{purpose}" for purpose in (*CERTIFICATE_SECRETS, *PASSWORD_SECRETS)
    }
