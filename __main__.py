"""The composition root: settings in, components out."""

import json
from collections.abc import Mapping
from pathlib import Path

import pulumi
import pulumi_aws
import pulumi_kubernetes
from pulumi.runtime import config as runtime

from seawall.components.aws.backup_bucket import BackupBucket
from seawall.components.aws.settings import AwsSettings
from seawall.components.cnpg.buckets import backup_target, bucket_args
from seawall.components.cnpg.cnpg_shared_cluster import BackupTarget, CnpgSharedCluster, CnpgSharedClusterArgs
from seawall.components.cnpg.namespace_access import NamespaceAccess, NamespaceAccessArgs
from seawall.components.cnpg.settings import CnpgSettings
from seawall.components.consumers.services import consumed_services
from seawall.components.consumers.settings import ConsumersSettings
from seawall.components.consumers.shared_service_consumer import SharedServiceConsumer, SharedServiceConsumerArgs
from seawall.components.dragonfly.dragonfly_cluster import DragonflyCluster, DragonflyClusterArgs
from seawall.components.dragonfly.settings import DragonflySettings
from seawall.components.kubernetes.namespace import namespace
from seawall.components.kubernetes.register import register
from seawall.components.operators.operators import Operators, OperatorsArgs
from seawall.components.own_namespaces import data_namespaces, own_namespaces
from seawall.components.settings import StackSettings, load
from seawall.errors import SeawallError, UserError

DEFAULT_PROVIDERS = "pulumi:disable-default-providers"
PROJECT = Path(__file__).resolve().parent
"""The folder with the stack files: a stack that consumes finds its producer's beside the program."""


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
    kubernetes = pulumi_kubernetes.Provider(
        "kubernetes", context=settings.platform.context, enable_server_side_apply=True
    )
    providers: list[pulumi.ProviderResource] = [kubernetes]
    if settings.aws is not None:
        account, region = settings.aws.account, settings.aws.region
        providers.append(pulumi_aws.Provider("aws", region=region, allowed_account_ids=[account]))
    opts = pulumi.ResourceOptions(providers=providers)

    operators = Operators("operators", operators_args(settings), opts) if settings.makes_services else None
    namespaces = {name: _namespace(name, keep, kubernetes) for name, keep in own_namespaces(settings).items()}
    if settings.dragonfly is not None and operators is not None:
        after = (namespaces[settings.dragonfly.namespace], *operators.dragonfly)
        pulumi.export("dragonfly", dragonflies(settings, settings.dragonfly, after, opts))
    if settings.cnpg is not None and operators is not None:
        access = NamespaceAccessArgs(settings.cnpg, after=(namespaces[settings.cnpg.namespace],))
        NamespaceAccess("databases-access", access, opts)
        stores = backup_buckets(settings.aws, settings.cnpg, opts)
        drills = [it.restore_drill.namespace for it in settings.cnpg.clusters.values() if it.restore_drill is not None]
        homes = [namespaces[name] for name in (settings.cnpg.namespace, *drills)]
        after = (*homes, *operators.postgres, *stores.values())
        pulumi.export("postgres", postgres(settings, settings.cnpg, after, stores, opts))
        pulumi.export("backups", {name: {"bucket": it.bucket, "keyArn": it.key_arn} for name, it in stores.items()})
    if settings.consumers is not None and settings.producer is not None:
        pulumi.export("consumers", consumers(settings, settings.producer, settings.consumers, namespaces, opts))


def operators_args(settings: StackSettings) -> OperatorsArgs:
    """The operators that the stack's data needs, and the namespaces in which they act."""
    caches = (settings.dragonfly.namespace,) if settings.dragonfly else ()
    others = tuple(name for name in data_namespaces(settings) if name not in caches)
    return OperatorsArgs(settings.operators, settings.platform, dragonfly=caches, postgres=others)


def _namespace(name: str, keep: bool, provider: pulumi.ProviderResource) -> pulumi.Resource:
    opts = pulumi.ResourceOptions(provider=provider, protect=keep, retain_on_delete=keep)
    return register(f"namespace-{name}", namespace(name), opts)


def dragonflies(
    settings: StackSettings,
    mine: DragonflySettings,
    after: tuple[pulumi.Resource, ...],
    opts: pulumi.ResourceOptions,
) -> dict[str, dict[str, object]]:
    """Makes the Dragonfly instances, after the operator and the namespace; instance → how clients connect."""
    return {
        name: DragonflyCluster(
            name,
            DragonflyClusterArgs(
                name=name,
                namespace=mine.namespace,
                settings=cluster,
                platform=settings.platform,
                operator=settings.operators.dragonfly,
                after=after,
            ),
            opts,
        ).connection
        for name, cluster in mine.clusters.items()
    }


def backup_buckets(
    aws: AwsSettings | None, cnpg: CnpgSettings, opts: pulumi.ResourceOptions
) -> dict[str, BackupBucket]:
    """Makes the buckets that Postgres clusters back up to; none without an account."""
    wanted = bucket_args(aws, cnpg) if aws is not None else {}
    return {name: BackupBucket(name, args, opts) for name, args in wanted.items()}


def postgres(
    settings: StackSettings,
    mine: CnpgSettings,
    after: tuple[pulumi.Resource, ...],
    stores: Mapping[str, BackupBucket],
    opts: pulumi.ResourceOptions,
) -> dict[str, dict[str, dict[str, object]]]:
    """Makes the Postgres clusters, after the operators; cluster → application → how it connects."""
    return {
        name: CnpgSharedCluster(
            name,
            CnpgSharedClusterArgs(
                name=name,
                namespace=mine.namespace,
                settings=cluster,
                platform=settings.platform,
                operator=settings.operators.cnpg,
                target=backup_target(settings.aws, cluster, stores) if settings.aws is not None else BackupTarget(),
                after=after,
            ),
            opts,
        ).contract
        for name, cluster in mine.clusters.items()
    }


def consumers(
    settings: StackSettings,
    producer: StackSettings,
    mine: ConsumersSettings,
    namespaces: Mapping[str, pulumi.Resource],
    opts: pulumi.ResourceOptions,
) -> list[dict[str, object]]:
    """Makes the consumer side of the services of another stack; how each client namespace here connects."""
    used = consumed_services(producer, settings.platform.cluster)
    there = producer.platform.cluster
    return SharedServiceConsumer(
        f"consumer-{there}",
        SharedServiceConsumerArgs(
            producer=there,
            platform=settings.platform,
            services=used,
            latency=mine.latency,
            after=tuple(namespaces[name] for name in sorted({service.namespace for service in used})),
        ),
        opts,
    ).contract


def main() -> None:
    """Runs the program; a person's mistake is shown as its text alone."""
    try:
        deploy(load(configuration(), PROJECT))
    except SeawallError as mistake:
        raise pulumi.RunError(str(mistake)) from mistake


if __name__ == "__main__":
    main()
