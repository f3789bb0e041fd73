"""The composition root: settings in, components out."""

import json
from collections.abc import Mapping

import pulumi
import pulumi_aws
import pulumi_kubernetes
from pulumi.runtime import config as runtime

from seawall.components.aws.backup_bucket import BackupBucket
from seawall.components.cnpg.buckets import backup_target, bucket_args
from seawall.components.cnpg.cnpg_shared_cluster import CnpgSharedCluster, CnpgSharedClusterArgs
from seawall.components.dragonfly.dragonfly_cluster import DragonflyCluster, DragonflyClusterArgs
from seawall.components.kubernetes.namespace import namespace
from seawall.components.kubernetes.register import register
from seawall.components.operator_budgets import OperatorBudgets, OperatorBudgetsArgs
from seawall.components.settings import StackSettings, load
from seawall.errors import SeawallError, UserError

DEFAULT_PROVIDERS = "pulumi:disable-default-providers"


def configuration() -> dict[str, object]:
    """The stack's configuration as the engine hands it to the program.

    Raises `UserError` when default providers are on, or when one of our keys is encrypted.
    """
    given: Mapping[str, str] = {**runtime.get_config_env(), **runtime.CONFIG.get()}
    off = given.get(DEFAULT_PROVIDERS)
    if off is None or json.loads(off) != ["*"]:
        raise UserError(
            f'{DEFAULT_PROVIDERS} must be ["*"]: with default providers a resource could go to whatever cluster or '
            "account this machine happens to point at; say so in the stack file"
        )
    encrypted = {*runtime.get_config_secret_keys_env(), *(key for key in given if runtime.is_config_secret(key))}
    for key in sorted(encrypted):
        if key.startswith("seawall:"):
            raise UserError(f"{key} must not be encrypted: settings hold references to secrets, never secrets")
    return {key: _value(text) for key, text in given.items()}


def _value(text: str) -> object:
    """The engine hands mappings and lists over as JSON, and plain values as they are."""
    return json.loads(text) if text.startswith(("{", "[")) else text


def deploy(settings: StackSettings) -> None:
    """Registers everything that the settings say, with the one cluster and the one account that they name."""
    context, account = settings.platform.context, settings.aws.account
    kubernetes = pulumi_kubernetes.Provider("kubernetes", context=context, enable_server_side_apply=True)
    aws = pulumi_aws.Provider("aws", region=settings.aws.region, allowed_account_ids=[account])
    opts = pulumi.ResourceOptions(providers=[kubernetes, aws])

    OperatorBudgets("operators", OperatorBudgetsArgs(settings.operators), opts)
    namespaces = {name: _namespace(name, keep, kubernetes) for name, keep in data_namespaces(settings).items()}
    pulumi.export("dragonfly", dragonflies(settings, namespaces, opts))
    wanted = bucket_args(settings.aws, settings.cnpg)
    stores = {name: BackupBucket(name, args, opts) for name, args in wanted.items()}
    pulumi.export("postgres", postgres(settings, namespaces, stores, opts))
    pulumi.export("backups", {name: {"bucket": it.bucket, "keyArn": it.key_arn} for name, it in stores.items()})


def data_namespaces(settings: StackSettings) -> dict[str, bool]:
    """The namespaces that the stack makes → whether data in them must outlive a mistake.

    Removing a namespace removes everything in it, whatever protects the things themselves.
    """
    keep = any(cluster.deletion_protection for cluster in settings.cnpg.clusters.values())
    drills = [cluster.restore_drill.namespace for cluster in settings.cnpg.clusters.values() if cluster.restore_drill]
    return {settings.dragonfly.namespace: False, settings.cnpg.namespace: keep, **dict.fromkeys(drills, False)}


def _namespace(name: str, keep: bool, provider: pulumi.ProviderResource) -> pulumi.Resource:
    opts = pulumi.ResourceOptions(provider=provider, protect=keep, retain_on_delete=keep)
    return register(f"namespace-{name}", namespace(name), opts)


def dragonflies(
    settings: StackSettings, namespaces: Mapping[str, pulumi.Resource], opts: pulumi.ResourceOptions
) -> dict[str, dict[str, str | int]]:
    """Makes the Dragonfly instances; instance → how clients connect."""
    mine = settings.dragonfly
    return {
        name: DragonflyCluster(
            name,
            DragonflyClusterArgs(
                name=name,
                namespace=mine.namespace,
                settings=cluster,
                platform=settings.platform,
                operator=settings.operators.dragonfly,
                after=(namespaces[mine.namespace],),
            ),
            opts,
        ).connection
        for name, cluster in mine.clusters.items()
    }


def postgres(
    settings: StackSettings,
    namespaces: Mapping[str, pulumi.Resource],
    stores: Mapping[str, BackupBucket],
    opts: pulumi.ResourceOptions,
) -> dict[str, dict[str, dict[str, object]]]:
    """Makes the Postgres clusters; cluster → application → how it connects."""
    mine = settings.cnpg
    return {
        name: CnpgSharedCluster(
            name,
            CnpgSharedClusterArgs(
                name=name,
                namespace=mine.namespace,
                settings=cluster,
                platform=settings.platform,
                operator=settings.operators.cnpg,
                target=backup_target(settings.aws, cluster, stores),
                after=(namespaces[mine.namespace], *stores.values()),
            ),
            opts,
        ).contract
        for name, cluster in mine.clusters.items()
    }


def main() -> None:
    """Runs the program; a person's mistake is shown as its text alone."""
    try:
        deploy(load(configuration()))
    except SeawallError as mistake:
        raise pulumi.RunError(str(mistake)) from mistake


if __name__ == "__main__":
    main()
