"""Manifests as the stacks render them, with the store of the tests in the place of AWS's."""

from typing import Any

from cnpg_samples import KEY
from object_store import REGION, ObjectStore
from stack_samples import changed

from seawall.components.cnpg import backup
from seawall.components.cnpg.args import BackupTarget, CnpgSharedClusterArgs
from seawall.components.settings import load
from seawall.operators.barman import kms_argument

Manifest = dict[str, Any]

CLUSTER = "shared-postgres"
"""The Postgres cluster of the stack `infra`."""


def cluster(store: ObjectStore, *changes: tuple[str, Any]) -> CnpgSharedClusterArgs:
    """The Postgres cluster of `infra` with settings changed, by path below the cluster: `("backup.retention", "7d")`.

    A store with TLS is one of its own with an authority of its own; one without stands for AWS, with its KMS key.
    """
    given: list[tuple[str, Any]] = [("backup.bucket", store.bucket)]
    buckets: list[tuple[str, Any]] = []
    target = BackupTarget()
    if store.authority is None:
        buckets = [("aws.buckets", {store.bucket: {}})]
        target = _target(store.key)
    else:
        given += [
            ("backup.endpoint", store.endpoint),
            ("backup.endpoint_ca", {"secret": "store-ca"}),
            ("secrets.endpoint_ca", "store/authority"),  # for the restore drill's namespace
            ("backup.encryption", "AES256"),
            ("backup.egress", "world"),
            ("backup.egress_reason", "the store of a test has no host name"),
        ]
    whole = [(f"cnpg.clusters.{CLUSTER}.{path}", value) for path, value in (*given, *changes)]
    return _clusters("infra", [*buckets, *whole], target)[CLUSTER]


def clusters(stack: str = "infra", *changes: tuple[str, Any]) -> dict[str, CnpgSharedClusterArgs]:
    """Every Postgres cluster of a stack, by name, with a made-up KMS key; changes as for `stack_samples.changed`."""
    return _clusters(stack, changes, _target(KEY))


def _target(key: str) -> BackupTarget:
    return BackupTarget(region=REGION, key=key, key_argument=kms_argument(key))


def _clusters(stack: str, changes: Any, target: BackupTarget) -> dict[str, CnpgSharedClusterArgs]:
    settings = load(changed(*changes, stack=stack))
    assert settings.cnpg is not None, f"the stack {stack} has no Postgres"
    return {
        name: CnpgSharedClusterArgs(
            name=name,
            namespace=settings.cnpg.namespace,
            settings=each,
            platform=settings.platform,
            operator=settings.operators.cnpg,
            target=target,
        )
        for name, each in settings.cnpg.clusters.items()
    }


def object_store(store: ObjectStore, *changes: tuple[str, Any]) -> Manifest:
    """The ObjectStore of `cluster`."""
    return backup.object_store(cluster(store, *changes))
