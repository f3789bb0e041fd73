"""What each object of a component is for, in a few words."""

from seawall.pages.recording import Registered

_BY_NAME: tuple[tuple[str, str, str, str], ...] = (
    # component (empty for any), kind, a part of the resource's name, purpose
    ("", "CiliumNetworkPolicy", "-latency", "the probe reaches the instance, and the scraper the probe"),
    ("", "CronJob", "-latency", "measures PING, SET and GET as a client sees them"),
    ("", "ExternalSecret", "-latency", "the password that the probe gives"),
    ("", "PodMonitor", "-latency", "scraping of the probe"),
    ("", "PrometheusRule", "-latency", "the measured latency, and its advisory limits"),
    ("", "CiliumNetworkPolicy", "-certificates", "the probe reaches poolers and instances, and the scraper the probe"),
    ("", "CronJob", "-certificates", "looks at the certificates that clients see, and how long they are valid"),
    ("", "ExternalSecret", "-certificates", "the authority's certificate as remote clients get it, for the comparison"),
    ("", "PodMonitor", "-certificates", "scraping of the probe"),
    ("", "PrometheusRule", "-certificates", "the alerts of certificates"),
    (
        "CnpgSharedCluster",
        "CiliumNetworkPolicy",
        "-drill-network-restored",
        "the restored instance and its recovery job",
    ),
    ("CnpgSharedCluster", "CiliumNetworkPolicy", "-drill-network-drill", "the drill's runner; nobody reaches it"),
    ("CnpgSharedCluster", "ConfigMap", "-drill-report", "the last report of a restore drill, and the last good one"),
    (
        "CnpgSharedCluster",
        "ConfigMap",
        "-drill-script",
        "the drill's runner, its questions, and the Cluster that it makes",
    ),
    ("CnpgSharedCluster", "CronJob", "-drill", "restores the newest backup elsewhere, asks every database, removes it"),
    ("CnpgSharedCluster", "ExternalSecret", "-drill-backup-reader", "the reader's keys in the drill's namespace"),
    ("CnpgSharedCluster", "ExternalSecret", "-drill-endpoint-ca", "the store's authority in the drill's namespace"),
    (
        "CnpgSharedCluster",
        "ObjectStore",
        "-drill-object-store",
        "the same archive for the drill, with the reader's keys",
    ),
    ("CnpgSharedCluster", "Role", "-drill-role", "what the runner may do, in the drill's namespace alone"),
    ("CnpgSharedCluster", "ServiceAccount", "-drill-account", "the runner's identity"),
    (
        "CnpgSharedCluster",
        "CiliumNetworkPolicy",
        "-network-common",
        "what all pods need: names, API server, PostgreSQL",
    ),
    (
        "CnpgSharedCluster",
        "CiliumNetworkPolicy",
        "-network-instances",
        "who reaches the instances: operator, peers, poolers, scraper",
    ),
    (
        "CnpgSharedCluster",
        "CiliumNetworkPolicy",
        "-network-validation",
        "the validator reaches the object store, and nobody reaches it",
    ),
    ("CnpgSharedCluster", "CiliumNetworkPolicy", "-network-isolation", "the isolation Jobs reach PostgreSQL alone"),
    (
        "CnpgSharedCluster",
        "CiliumNetworkPolicy",
        "-network-",
        "who reaches the pooler: the application's namespaces and the scraper",
    ),
    ("CnpgSharedCluster", "ExternalSecret", "-backup-writer", "the keys that archive and back up"),
    ("CnpgSharedCluster", "ExternalSecret", "-backup-reader", "the keys that validate and restore, and cannot write"),
    ("CnpgSharedCluster", "ExternalSecret", "-break-glass", "the superuser's password, only while access is on"),
    (
        "CnpgSharedCluster",
        "ExternalSecret",
        "-secret-",
        "an application's role and password, reloaded when they change",
    ),
    ("CnpgSharedCluster", "CronJob", "-validation", "looks whether the backups are there, young enough and encrypted"),
    ("CnpgSharedCluster", "Job", "-isolation", "takes CONNECT on the application's database from PUBLIC"),
    ("CnpgSharedCluster", "PodMonitor", "-scrape-instances", "scraping of the instances"),
    ("CnpgSharedCluster", "PodMonitor", "-scrape-poolers", "scraping of the poolers"),
    ("CnpgSharedCluster", "Service", "-old-host-", "a former host name, served until the clients have moved"),
    ("DragonflyCluster", "ExternalSecret", "-auth", "the password that clients give"),
    ("DragonflyCluster", "Service", "", "a former name of the Service, served until the clients have moved"),
    (
        "SharedServiceConsumer",
        "CiliumNetworkPolicy",
        "-egress-",
        "lets the clients out to the services, and closes nothing",
    ),
    ("SharedServiceConsumer", "ExternalSecret", "", "what a client signs in with, or verifies the server with"),
    ("SharedServiceConsumer", "Service", "-alias-", "a former name, served until the clients have moved"),
    ("SharedServiceConsumer", "Service", "", "the same Service as the producer's, without pods of its own"),
    ("BackupBucket", "aws:Policy", "-writer", "the writer's rights"),
    ("BackupBucket", "aws:Policy", "-reader", "the reader's rights"),
    ("BackupBucket", "", "-writer", "may archive and back up, and neither delete versions nor change the bucket"),
    ("BackupBucket", "", "-reader", "may list and read"),
)
"""The first that fits is meant."""

_BY_KIND = {
    "CiliumNetworkPolicy": "the whole policy of these pods: everything else is denied, both ways",
    "Cluster": "PostgreSQL; the operator makes instances, Services, certificates and budgets from it",
    "ClusterRole": "rights of one group of people or pods",
    "ClusterRoleBinding": "who has these rights",
    "ConfigMap": "the script that a CronJob or Job runs, as it is in the repository",
    "CronJob": "a regular check",
    "Database": "an application's database, owned by its role; stays when the object goes",
    "DatabaseRole": "an application's role, without any right beyond its database; stays when the object goes",
    "Dragonfly": "master and replicas; the operator makes pods, Service and budget from it",
    "ExternalSecret": "a Secret that comes from the secret store",
    "Job": "runs once for each change of what it says",
    "Namespace": "with Pod Security `restricted`",
    "NetworkPolicy": "the whole policy of these pods: everything else is denied, both ways",
    "ObjectStore": "where backups and WAL go, both encrypted, and how long they are kept",
    "PodDisruptionBudget": "how many pods a node drain must leave",
    "PodMonitor": "scraping, by exactly one port",
    "Pooler": "the way in for one application, with its limits, placement and host rules",
    "PrometheusRule": "the alerts, each with its runbook page",
    "Release": "the operator's Helm release",
    "Role": "rights in the namespace",
    "RoleBinding": "who has these rights",
    "ScheduledBackup": "when a base backup is made",
    "Service": "a name under which clients find the service",
    "ServiceAccount": "an identity of its own, without rights in the cluster",
    "aws:Alias": "the key's name",
    "aws:Bucket": "the bucket",
    "aws:BucketLifecycleConfiguration": "removes old versions and unfinished uploads",
    "aws:BucketObjectLockConfiguration": "backups that nobody can delete before their time",
    "aws:BucketOwnershipControls": "the account owns every object, whoever wrote it",
    "aws:BucketPolicy": "refuses plain HTTP, other encryption, other keys, and the removal of versions",
    "aws:BucketPublicAccessBlock": "no policy and no list of access can make anything public",
    "aws:BucketServerSideEncryptionConfiguration": "encryption with the key, also for those who ask for none",
    "aws:BucketVersioning": "deleted and overwritten objects can be brought back",
    "aws:Key": "the key that encrypts; rotated, and ended by its admins only",
    "aws:RolePolicyAttachment": "gives the rights to the role",
    "aws:UserPolicyAttachment": "gives the rights to the user",
}


_GIVEN = ("aws:UserPolicyAttachment", "aws:RolePolicyAttachment")
"""Kinds that are named like what they belong to."""


def purpose(resource: Registered, component: str) -> str:
    """What the object of a component is for; empty when nobody has said so yet."""
    named = () if resource.kind in _GIVEN else _BY_NAME
    for owner, kind, part, text in named:
        if owner in ("", component) and kind in ("", resource.kind) and part in resource.name:
            return text
    return _BY_KIND.get(resource.kind, "")
