"""Deploys again what a release deployed: the resources of its kept state, with the inputs, parents and options of then.

A program of the engine, made by `test_engine_upgrade.py`. An id that AWS made up (that of the KMS key) is another one
each time; where the inputs of other resources mention the old one, the new one takes its place.
"""

from typing import Any

import pulumi
import pulumi_aws
import pulumi_kubernetes
from released_state import read

GENERATED = ("aws:kms/key:Key",)
"""Types whose ids are made up by the provider."""


def mended(value: Any, ids: dict[str, pulumi.Output[str]]) -> Any:
    """`value` with each old id replaced by the one of now."""
    if isinstance(value, dict):
        return {key: mended(item, ids) for key, item in value.items()}
    if isinstance(value, list):
        return [mended(item, ids) for item in value]
    for old, new in ids.items():
        if isinstance(value, str) and old in value:
            return new.apply(lambda now, old=old, text=value: text.replace(old, now))
    return value


def deploy(release: str) -> None:
    """Registers every resource of the release."""
    providers = [
        pulumi_kubernetes.Provider("kubernetes", context="seawall-sandbox", enable_server_side_apply=True),
        pulumi_aws.Provider("aws", region="eu-central-1", allowed_account_ids=["123456789012"]),
    ]
    made: dict[str, pulumi.Resource] = {}
    ids: dict[str, pulumi.Output[str]] = {}
    for resource in read(release)["resources"]:
        urn, type_ = resource["urn"], resource["type"]
        opts = pulumi.ResourceOptions(
            parent=made.get(resource["parent"]),
            depends_on=[made[other] for other in resource.get("dependencies", []) if other in made],
            protect=resource.get("protect"),
            retain_on_delete=resource.get("retainOnDelete"),
            providers=providers if type_.startswith("seawall:") else None,
            provider=None if type_.startswith("seawall:") else providers[type_.startswith("aws:")],
        )
        name = urn.rsplit("::", 1)[1]
        if resource.get("custom"):
            made[urn] = pulumi.CustomResource(type_, name, mended(resource.get("inputs", {}), ids), opts)
        else:
            made[urn] = pulumi.ComponentResource(type_, name, None, opts)
        if type_ in GENERATED:
            ids[resource["id"]] = made[urn].id
